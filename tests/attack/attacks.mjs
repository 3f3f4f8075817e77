// The table of attacks: what one peer sends, as fast as it can. Nothing here waits for an answer.

import { randomUUID } from "node:crypto";

import { frame } from "../support/frames.mjs";

/**
 * What an attacker knows of the server and of itself.
 * @typedef {object} Attacker
 * @property {string} host the server's, as in `127.0.0.1`
 * @property {number} port
 * @property {string} address where the attacker's connections come from
 * @property {string} cookie of the attacker's session; empty for a stranger
 * @property {number} partner a user with whom the attacker has a chat
 * @property {number} sockets how many connections the attacker uses at a time
 * @property {boolean} reads whether the attacker reads what the server answers
 */

/**
 * One attack. `packets` are sent over WebSockets, `requests` and `bodies` over plain HTTP, pipelined; with
 * none of the three a connection is opened and sends `bytes`, if anything.
 * @typedef {object} Attack
 * @property {boolean} [isMember] the attacker is logged in
 * @property {2} [protocol] the attacker asks for protocol 2
 * @property {boolean} [hasMuch] the attacker has tens of thousands of unread messages
 * @property {(attacker: Attacker, turn: number) => (string | Buffer)[]} [packets] after the handshake; a
 *   string is a text frame, a buffer goes out as it is
 * @property {(attacker: Attacker, turn: number) => string} [requests]
 * @property {string} [bytes] what a new connection sends
 * @property {boolean} [churns] each connection is closed as soon as it has been used
 */

const READ = "new_message_count_updated";
const HISTORY = "message_history_is_scrolled_to_the_top";
/** How many packets or requests one turn holds: enough for a full segment. */
const BATCH = 200;

/** @param {string} event @param {unknown} payload @param {number} [ack] */
const event = (event, payload, ack) => `42${ack ?? ""}${JSON.stringify([event, payload])}`;

/** `count` times what `make` makes. @template T @param {(index: number) => T} make @param {number} [count] */
const times = (make, count = BATCH) => Array.from({ length: count }, (_, index) => make(index));

/**
 * Events of a member, each asking for its acknowledgement.
 * @param {(attacker: Attacker, number: number) => [string, unknown]} make
 * @returns {Attack["packets"]}
 */
const events = (make) => (attacker, turn) =>
  times((index) => {
    const number = turn * BATCH + index;
    return event(...make(attacker, number), number);
  });

/** @param {Attacker} attacker @param {string} method @param {string} path @param {string} [type] @param {string} [body] */
function request(attacker, method, path, type, body = "") {
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: ${attacker.host}:${attacker.port}`,
    `origin: http://${attacker.host}:${attacker.port}`,
    ...(attacker.cookie ? [`cookie: ${attacker.cookie}`] : []),
    ...(type ? [`content-type: ${type}`, `content-length: ${Buffer.byteLength(body)}`] : []),
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

const FORM = "application/x-www-form-urlencoded";

/**
 * Requests one after the other, without waiting for answers.
 * @param {(attacker: Attacker, number: number) => string} make
 * @returns {Attack["requests"]}
 */
const requests = (make) => (attacker, turn) =>
  times((index) => make(attacker, turn * BATCH + index)).join("");

/** @type {Record<string, Attack>} */
export const ATTACKS = {
  "a stranger repeats CONNECT": { packets: () => times(() => "40") },
  "a stranger asks for other namespaces": { packets: (_, turn) => times((index) => `40/${turn}-${index},`) },
  "a stranger sends pings": { packets: () => times(() => frame(9, "")) },
  "a stranger sends heartbeats that nobody asked for": { packets: () => times(() => "3") },
  "a stranger sends malformed packets": { packets: () => times((index) => `4${index % 10}{["`) },
  "a stranger sends frames without an end": { packets: () => times(() => frame(0, "x", false)) },
  "a stranger opens sockets and closes them": { packets: () => ["40"], churns: true },
  "a stranger begins sockets by polling": {
    requests: requests((attacker) => request(attacker, "GET", "/socket.io/?EIO=4&transport=polling")),
  },
  "a stranger opens connections without a byte": {},
  "a stranger opens connections and closes them": { churns: true },
  "a stranger sends half a request": { bytes: "GET /login HTTP/1.1\r\nhost: x\r\n" },
  "a stranger asks for pages": { requests: requests((attacker) => request(attacker, "GET", "/login")) },
  "a stranger asks for what is not there": {
    requests: requests((attacker, number) => request(attacker, "GET", `/nothing/${number}`)),
  },
  "a stranger asks for static files": {
    requests: requests((attacker) => request(attacker, "GET", "/static/chats.js")),
  },
  "a stranger logs in with wrong passwords": {
    requests: requests((attacker, number) =>
      request(attacker, "POST", "/login", FORM, `username=somebody${number}&password=wrong`),
    ),
  },
  "a stranger registers": {
    requests: requests((attacker, number) => {
      const fields = `username=n${number}-${Date.now()}&password=a+long+password&confirmation=a+long+password`;
      return request(attacker, "POST", "/register", FORM, fields);
    }),
  },
  "a stranger asks for sockets from another site's page": {
    requests: requests((attacker, number) =>
      request(attacker, "GET", "/socket.io/?EIO=4&transport=polling").replace(/origin: .*/, `origin: http://x${number}`),
    ),
  },

  "a member repeats CONNECT": { isMember: true, packets: () => times(() => "40") },
  "a member leaves and stays": {
    isMember: true,
    packets: (_, turn) => (turn === 0 ? ["40", "41"] : times(() => event("sync", { since_id: 0 }))),
  },
  "a member sends unknown events": {
    isMember: true,
    packets: events((_, number) => [`unknown-${number}`, { text: "x".repeat(100) }]),
  },
  "a member sends binary": {
    isMember: true,
    packets: () => times((index) => (index % 2 ? frame(2, "abc") : '451-["message_sent",{"_placeholder":true,"num":0}]')),
  },
  "a member acknowledges what nobody asked for": { isMember: true, packets: (_, turn) => times((index) => `43${turn}${index}["x"]`) },
  "a member sends malformed events": { isMember: true, packets: () => times((index) => `42${index}["message_sent",{"a":[[`) },
  "a member sends wrong payloads": { isMember: true, packets: events((_, number) => ["message_sent", { wrong: number }]) },
  "a member marks as read": {
    isMember: true,
    hasMuch: true,
    packets: events(({ partner }, number) => [READ, { chat_partner_id: partner, new_message_count: 39_999 - (number % 20_000) }]),
  },
  "a member marks what there is not as read": {
    isMember: true,
    packets: events((_, number) => [READ, { chat_partner_id: 900_000 + number, new_message_count: 0 }]),
  },
  "a member joins": { isMember: true, hasMuch: true, packets: events(({ partner }) => ["join_chat", { chat_partner_id: partner }]) },
  "a member asks for history": {
    isMember: true,
    hasMuch: true,
    packets: events(({ partner }, number) => [HISTORY, { chat_partner_id: partner, message_count: 39_000 + (number % 100) }]),
  },
  "a member asks for everything that was missed": { isMember: true, hasMuch: true, packets: events(() => ["sync", { since_id: 0 }]) },
  "a member asks for the list of chats": {
    isMember: true,
    hasMuch: true,
    packets: events(() => ["sync", { since_id: Number.MAX_SAFE_INTEGER }]),
  },
  "a member sends messages": {
    isMember: true,
    packets: events(({ partner }, number) => ["message_sent", { chat_partner_id: partner, message: `message ${number}` }]),
  },
  "a member sends long messages of control characters": {
    isMember: true,
    packets: (attacker, turn) =>
      times(
        (index) => event("message_sent", { chat_partner_id: attacker.partner, message: `x${"\u0001".repeat(9000)}` }, turn * 10 + index),
        10,
      ),
  },
  "a member mixes long messages with questions that have long answers": {
    isMember: true,
    hasMuch: true,
    packets: (attacker, turn) =>
      times((index) => {
        const { partner } = attacker;
        const message = `x${"\u0001".repeat(9000)}`;
        const sent = [
          event("message_sent", { chat_partner_id: partner, message }, turn * 30 + index),
          event("sync", { since_id: 0 }, turn * 30 + 10 + index),
          event("join_chat", { chat_partner_id: partner }, turn * 30 + 20 + index),
        ];
        return sent[index % 3];
      }, 30),
  },
  "a member blocks and unblocks": {
    isMember: true,
    packets: events(({ partner }, number) => ["block", { chat_partner_id: partner, blocked: number % 2 === 0 }]),
  },
  "a member catches up again and again": {
    isMember: true,
    protocol: 2,
    hasMuch: true,
    packets: events(({ partner }, number) => ["catch_up", { known: [[partner, number]] }]),
  },
  "a member asks for all changes": {
    isMember: true,
    protocol: 2,
    hasMuch: true,
    packets: events(({ partner }, number) => ["get_changes", { partner_id: partner, since: number % 30_000, at_most: 1000 }]),
  },
  "a member asks for long pages": {
    isMember: true,
    protocol: 2,
    hasMuch: true,
    packets: events(({ partner }) => ["get_history", { partner_id: partner, at_most: 1000 }]),
  },
  "a member sends, edits and deletes": {
    isMember: true,
    protocol: 2,
    packets: events(({ partner: partner_id }, number) => {
      const [client_id, message_id] = [randomUUID(), 1 + (number % 1000)];
      const requests = /** @type {[string, unknown][]} */ ([
        ["send_message", { partner_id, text: `message ${number}`, client_id }],
        ["edit_message", { partner_id, message_id, text: `edit ${number}`, client_id }],
        ["delete_message", { partner_id, message_id }],
      ]);
      return requests[number % requests.length];
    }),
  },
  "a member sends the same message again over the limit": {
    isMember: true,
    protocol: 2,
    packets: events(({ partner }) => [
      "send_message",
      { partner_id: partner, text: "again and again", client_id: "7f1e9a52-6d0c-4c51-9b7e-0a4f4c2a1b11" },
    ]),
  },
  "a member marks as delivered": {
    isMember: true,
    protocol: 2,
    hasMuch: true,
    packets: events(({ partner }, number) => ["mark_delivered", { partner_id: partner, up_to_id: number }]),
  },
  "a member sends events of the other protocol": {
    isMember: true,
    protocol: 2,
    packets: events(({ partner }, number) => [`join_chat${number}`, { chat_partner_id: partner }]),
  },
  "a member opens chats": {
    isMember: true,
    requests: requests((attacker, number) => request(attacker, "POST", "/add", FORM, `id=${1 + (number % 1000)}`)),
  },
  "a member searches": {
    isMember: true,
    requests: requests((attacker) => request(attacker, "POST", "/find", "application/json", '{"username":"c"}')),
  },
  "a member asks for the largest page": {
    isMember: true,
    hasMuch: true,
    requests: requests((attacker) => request(attacker, "GET", "/chats?show=1000")),
  },
  "a member changes the password wrongly": {
    isMember: true,
    requests: requests((attacker) =>
      request(attacker, "POST", "/account/password", FORM, "current=wrong&password=a+long+password&confirmation=a+long+password"),
    ),
  },
};
