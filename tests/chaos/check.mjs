// What must hold when everything has settled. The truth is what the store gives to a client that
// begins with nothing, by both protocols; where Python is at hand, the file itself is read, too.

import { deepStrictEqual } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { Client } from "../support/client.mjs";
import { Device } from "./device.mjs";
import { FlaskDevice } from "./flask_device.mjs";

/** @import { ChangedConversation, Conversation, History, MessageState } from "../../static/js/protocol.d.ts" */
/** @import { Server } from "../support/server.mjs" */
/** @import { Row } from "./flask_device.mjs" */
/** @import { Sightings } from "./sightings.mjs" */
/** @import { Acknowledged, SocketDevice } from "./socket_device.mjs" */

/** What a deleted message says by protocol 1. */
const DELETED_TEXT = "This message was deleted";

/**
 * What somebody has asked for, and heard an answer of.
 * @typedef {object} Requests
 * @property {{ event: string, payload: any, answer: any }[]} acknowledged
 * @property {{ event: string, payload: any }[]} refused
 */

/** How many complaints of a kind are worth reading. */
const SHOWN_MAX = 5;

/**
 * What is stored for a user: as protocol 1 gives it, and by partner as protocol 2 does.
 * @typedef {{
 *   rows: Map<number, Row>,
 *   chats: Map<number, { new_message_count: number, last_read_id: number }>,
 *   conversations: Map<number, { state: Conversation, messages: Map<number, MessageState> }>,
 * }} Stored
 */

/**
 * Everything that is stored for a user, oldest first, asked for as a new client would.
 * @param {Server} server @param {{ cookie: string }} user
 * @returns {Promise<Stored>}
 */
export async function readStored(server, user) {
  const client = await Client.connect(server, user.cookie);
  /** @type {Stored} */
  const stored = { rows: new Map(), chats: new Map(), conversations: await readConversations(server, user) };
  for (let more = true, since_id = 0; more; ) {
    const [page] = await client.ask("sync", { since_id });
    for (const row of page.messages) {
      if (row.id <= since_id) throw new Error(`sync gave ${row.id} after ${since_id}`);
      since_id = row.id;
      stored.rows.set(row.id, row);
    }
    for (const chat of page.chats) stored.chats.set(chat.id, chat);
    more = page.more;
  }
  client.close();
  return stored;
}

/** @param {Server} server @param {{ cookie: string }} user */
async function readConversations(server, user) {
  const client = await Client.connect(server, user.cookie, { protocol: 2 });
  /** @type {Stored["conversations"]} */
  const found = new Map();
  const [{ conversations, more }] = await client.ask("catch_up", {});
  if (more) throw new Error("a few conversations without messages are more than an answer");
  for (const { conversation } of conversations) {
    const { partner_id } = conversation;
    /** @type {Map<number, MessageState>} */
    const messages = new Map();
    for (let before_id, page = /** @type {History | undefined} */ (undefined); page?.more !== false; ) {
      [page] = await client.ask("get_history", { partner_id, at_most: 500, before_id });
      for (const message of /** @type {History} */ (page).messages) {
        if (before_id !== undefined && message.id >= before_id) throw new Error(`${message.id} came after ${before_id}`);
        before_id = message.id;
        messages.set(message.id, message);
      }
    }
    /** @type {Map<number, MessageState>} */
    const changed = new Map();
    for (let since = 0, page = /** @type {ChangedConversation | undefined} */ (undefined); page?.more !== false; ) {
      [page] = await client.ask("get_changes", { partner_id, at_most: 500, since });
      const changes = /** @type {ChangedConversation} */ (page);
      for (const message of changes.messages) {
        if (message.version <= since) throw new Error(`get_changes gave version ${message.version} after ${since}`);
        since = message.version;
        changed.set(message.id, message);
      }
      if (since > changes.complete_to) throw new Error(`changes to ${changes.complete_to} have one of ${since}`);
    }
    deepStrictEqual(new Map([...changed].sort()), new Map([...messages].sort()), "changes and history differ");
    found.set(partner_id, { state: conversation, messages: new Map([...messages].reverse()) });
  }
  client.close();
  return found;
}

/**
 * What is wrong with a device's own record, and with what was stored for its user.
 * @param {SocketDevice[]} devices
 * @param {Map<number, Stored>} stored by user
 * @param {Sightings} sightings
 * @param {Requests[]} [others] what others have written
 * @returns {string[]}
 */
export function findFaults(devices, stored, sightings, others = []) {
  /** @type {string[]} */
  const faults = some("all devices", sightings.faults);
  for (const [userId, theirs] of stored) {
    const found = [
      ...storedTwice(theirs),
      ...miscounted(userId, theirs),
      ...onlyByOneProtocol(theirs),
      ...otherOnTheOtherSide(userId, stored),
    ];
    faults.push(...some(`stored for user ${userId}`, found));
  }
  for (const device of devices) {
    const theirs = /** @type {Stored} */ (stored.get(device.userId));
    const found = [
      ...device.faults,
      ...lost(device, theirs),
      ...undone(device, theirs),
      ...doneAllTheSame(device, theirs, sightings),
      ...outOfOrder(device.acknowledged),
      ...(device instanceof FlaskDevice ? [...toldOutOfOrder(device), ...otherTexts(device, [...devices, ...others])] : []),
      ...unmarked(device, theirs),
      ...differences(device, theirs),
    ];
    faults.push(...some(device.name, found));
  }
  return faults;
}

/**
 * How what a device shows differs from what is stored.
 * @param {SocketDevice} device @param {Stored} stored
 * @returns {string[]}
 */
export function differences(device, stored) {
  if (device instanceof FlaskDevice) return flaskDifferences(device, stored);
  return device instanceof Device ? modelDifferences(device, stored) : [];
}

/** One that lived through everything holds what one gets that has just loaded. @param {Device} device @param {Stored} stored */
function modelDifferences({ model, holdsAll }, { conversations }) {
  const faults = [];
  if (model.partnerIds.length !== conversations.size) faults.push(`knows ${model.partnerIds}, not ${[...conversations.keys()]}`);
  for (const [partnerId, { state, messages }] of conversations) {
    const held = model.get(partnerId);
    if (!isDeepStrictEqual(held?.state, state)) {
      faults.push(`knows ${JSON.stringify(held?.state)}, stored is ${JSON.stringify(state)}`);
    }
    if (held?.version !== state.version) faults.push(`holds ${partnerId} to ${held?.version}, not to ${state.version}`);
    if (holdsAll && !held?.isWhole) faults.push(`does not hold all messages with ${partnerId}`);
    const first = held?.isWhole ? 0 : (held?.messages[0]?.id ?? Infinity);
    const expected = [...messages.values()].filter(({ id }) => id >= first);
    const shown = held?.messages ?? [];
    if (shown.length !== expected.length) faults.push(`shows ${shown.length} messages with ${partnerId}, not ${expected.length}`);
    const place = expected.findIndex((message, place) => !isDeepStrictEqual(message, shown[place]));
    if (place !== -1) faults.push(`shows ${JSON.stringify(shown[place])}, not ${JSON.stringify(expected[place])}`);
  }
  return faults;
}

/** Which messages there are, and how many are new. @param {FlaskDevice} device @param {Stored} stored */
function flaskDifferences(device, stored) {
  const faults = [];
  for (const [id, { message }] of stored.rows) {
    if (!device.rows.has(id)) faults.push(`does not show message ${id}, "${brief(message)}"`);
  }
  for (const id of device.rows.keys()) {
    if (!stored.rows.has(id)) faults.push(`shows message ${id}, which is not stored`);
  }
  const counts = device.counts;
  for (const [partner, { new_message_count }] of stored.chats) {
    const count = counts.get(partner);
    if (count !== new_message_count) {
      faults.push(`counts ${count} new from ${partner}, stored are ${new_message_count}`);
    }
  }
  return faults;
}

/** The requests of some events that devices have sent. @param {Requests[]} devices @param {string[]} events */
function* requests(devices, ...events) {
  for (const device of devices) {
    for (const request of [...device.acknowledged, ...device.refused]) {
      if (events.includes(request.event)) yield request;
    }
  }
}

/**
 * A device of protocol 1 shows a text that the message has had: it hears of no edits, and a deleted one has its
 * sentence.
 * @param {FlaskDevice} device @param {Requests[]} devices
 */
function otherTexts(device, devices) {
  /** @type {Map<number, Set<string>>} */
  const allowed = new Map();
  /** @param {number} id @param {string} text */
  const allow = (id, text) => allowed.set(id, (allowed.get(id) ?? new Set()).add(text));
  for (const each of devices) {
    for (const { event, payload, answer } of each.acknowledged) {
      if (event === "message_sent") allow(answer.id, payload.message);
      if (event === "send_message") allow(answer.id, payload.text);
    }
  }
  for (const { payload } of requests(devices, "edit_message")) allow(payload.message_id, payload.text);
  for (const { payload } of requests(devices, "delete_message")) allow(payload.message_id, DELETED_TEXT);
  const faults = [];
  for (const [id, texts] of device.texts) {
    for (const text of texts) {
      if (!allowed.get(id)?.has(text)) faults.push(`showed message ${id} as "${brief(text)}", which nobody wrote`);
    }
  }
  return faults;
}

/** Every text was written once, under a client id of its own. @param {Stored} stored */
function storedTwice({ conversations }) {
  const faults = [];
  /** @type {Map<string, number>} */
  const ids = new Map();
  for (const { messages } of conversations.values()) {
    for (const { id, text, deleted_at, client_id } of messages.values()) {
      for (const unique of [deleted_at ? undefined : text, client_id]) {
        if (unique === undefined) continue;
        const other = ids.get(unique);
        if (other !== undefined) faults.push(`"${brief(unique)}" is stored twice, as ${other} and ${id}`);
        ids.set(unique, id);
      }
    }
  }
  return faults;
}

/** @param {number} userId @param {Stored} stored */
function miscounted(userId, { conversations }) {
  const faults = [];
  for (const [partner, { state, messages }] of conversations) {
    const { last_read_id, new_message_count } = state;
    // What one writes to oneself is not new.
    const received = [...messages.values()].filter(({ sender_id }) => sender_id === partner && partner !== userId);
    const after = received.filter(({ id, deleted_at }) => id > last_read_id && !deleted_at);
    if (after.length !== new_message_count) {
      faults.push(`${new_message_count} new from ${partner} are counted, ${after.length} are after ${last_read_id}`);
    }
  }
  return faults;
}

/** Both protocols give the same. @param {Stored} stored */
function onlyByOneProtocol({ rows, chats, conversations }) {
  const faults = [];
  const shown = new Map(
    [...conversations.values()].flatMap(({ messages }) => [...messages.values()]).map((message) => {
      return [message.id, message.deleted_at ? DELETED_TEXT : message.text];
    }),
  );
  for (const id of new Set([...rows.keys(), ...shown.keys()])) {
    const [text, row] = [shown.get(id), rows.get(id)?.message];
    if (text !== row) faults.push(`message ${id} is "${brief(row ?? "")}" by protocol 1, "${brief(text ?? "")}" by 2`);
  }
  for (const [partner, { state }] of conversations) {
    const chat = chats.get(partner);
    if (chat?.new_message_count !== state.new_message_count || chat.last_read_id !== state.last_read_id) {
      faults.push(`the chat with ${partner} is ${JSON.stringify(chat)} by protocol 1, ${JSON.stringify(state)} by 2`);
    }
  }
  return faults;
}

/** Both people have the same messages, and each knows the other's marks. @param {number} userId @param {Map<number, Stored>} stored */
function otherOnTheOtherSide(userId, stored) {
  const faults = [];
  const nameless = (/** @type {Iterable<MessageState>} */ messages) =>
    [...messages].map(({ client_id: _, ...message }) => message);
  for (const [partner, { state, messages }] of stored.get(userId)?.conversations ?? []) {
    const theirs = stored.get(partner)?.conversations.get(userId);
    // Who was only written to has no such conversation before the first message.
    if (!theirs) {
      if (messages.size > 0) faults.push(`${partner} has no conversation with ${userId}`);
      continue;
    }
    if (!isDeepStrictEqual(nameless(messages.values()), nameless(theirs.messages.values()))) {
      faults.push(`${partner} has other messages`);
    }
    const [own, other] = [state, theirs.state];
    if (own.version !== other.version) faults.push(`${partner} has version ${other.version}, not ${own.version}`);
    if (own.partner_last_read_id !== other.last_read_id || own.partner_last_delivered_id !== other.last_delivered_id) {
      faults.push(`the marks of ${partner} are ${JSON.stringify(other)}, known are ${JSON.stringify(own)}`);
    }
  }
  return faults;
}

/** The text of a message that was sent by either protocol. @param {{ payload: any }} request */
function textOf({ payload }) {
  return /** @type {string} */ (payload.text ?? payload.message);
}

/** The message that a request is about. @param {{ payload: any }} request @param {Stored} stored @param {number} id */
function messageOf({ payload }, { conversations }, id) {
  return conversations.get(payload.partner_id ?? payload.chat_partner_id)?.messages.get(id);
}

/** Messages that were acknowledged and are not stored so. @param {SocketDevice} device @param {Stored} stored */
function lost({ userId, acknowledged }, stored) {
  const faults = [];
  for (const sent of acknowledged) {
    if (sent.event !== "send_message" && sent.event !== "message_sent") continue;
    const { key, attempts, answer } = sent;
    const [text, message] = [textOf(sent), messageOf(sent, stored, answer.id)];
    if (!message) faults.push(`"${brief(text)}" was acknowledged as ${answer.id} at attempt ${attempts}, and is lost`);
    else if (message.client_id !== key || message.sender_id !== userId) {
      faults.push(`"${brief(text)}" was acknowledged as ${answer.id}, which is "${brief(message.text)}"`);
    } else if (message.text !== text && !message.edited_at && !message.deleted_at) {
      faults.push(`"${brief(text)}" became "${brief(message.text)}" without an edit`);
    }
  }
  return faults;
}

/**
 * Edits and deletions that were acknowledged, and neither stand nor were overtaken.
 * @param {SocketDevice} device @param {Stored} stored
 */
function undone({ acknowledged }, stored) {
  const faults = [];
  for (const done of acknowledged) {
    if (done.event !== "edit_message" && done.event !== "delete_message") continue;
    const { id, version, text } = /** @type {MessageState} */ (done.answer.message);
    const message = messageOf(done, stored, id);
    const what = `${done.event} of ${id} was acknowledged at version ${version}`;
    if (!message || message.version < version) faults.push(`${what}, ${message?.version} is stored`);
    else if (message.version === version && message.text !== text) faults.push(`${what}, "${brief(message.text)}" is stored`);
    else if (done.event === "delete_message" && !message.deleted_at) faults.push(`${what}, it is there again`);
  }
  return faults;
}

/** What was refused for good, and was done. @param {SocketDevice} device @param {Stored} stored @param {Sightings} sightings */
function doneAllTheSame({ refused }, { conversations }, sightings) {
  const faults = [];
  const messages = [...conversations.values()].flatMap(({ messages }) => [...messages.values()]);
  const clientIds = new Set(messages.map(({ client_id }) => client_id));
  for (const request of refused) {
    const text = textOf(request);
    if (clientIds.has(request.key) || (text !== undefined && sightings.texts.has(text))) {
      faults.push(`"${brief(text)}" was refused (${request.failure}) at attempt ${request.attempts}, and is done`);
    }
  }
  return faults;
}

/**
 * Of the messages that a device sent on one connection, and that were acknowledged at their first
 * attempt, one that was sent later has a greater id. A message that had to be sent again may stand
 * later than those sent after it: then nothing is promised.
 * @param {Acknowledged[]} acknowledged
 */
function outOfOrder(acknowledged) {
  const faults = [];
  const sent = acknowledged.filter(({ event }) => event === "send_message" || event === "message_sent");
  const first = sent.filter(({ attempts }) => attempts === 1).sort((a, b) => a.place - b.place);
  /** @type {Map<number, Acknowledged>} */
  const last = new Map();
  for (const sent of first) {
    const before = last.get(sent.connection);
    if (before && before.answer.id >= sent.answer.id) {
      const [one, other] = [`"${brief(textOf(before))}" (${before.answer.id})`, `"${brief(textOf(sent))}" (${sent.answer.id})`];
      faults.push(`${one} was sent before ${other}`);
    }
    last.set(sent.connection, sent);
  }
  return faults;
}

/**
 * On one connection the messages of one chat are told of in the order of their ids, each once. (Those
 * of different chats may change places while one of them is being joined.)
 * @param {FlaskDevice} device
 */
function toldOutOfOrder({ live }) {
  const faults = [];
  for (const [where, ids] of live) {
    const place = ids.findIndex((id, place) => place > 0 && id <= ids[place - 1]);
    if (place !== -1) faults.push(`${where}: ${ids[place]} came after ${ids[place - 1]}`);
  }
  return faults;
}

/** Marks that were acknowledged and forgotten. @param {SocketDevice} device @param {Stored} stored */
function unmarked(device, { conversations }) {
  const faults = [];
  const marked = device instanceof Device ? device.marked : [];
  const read = device instanceof FlaskDevice ? [...device.read] : [];
  const marks = [...marked, ...read.map(([id, last_read_id]) => /** @type {const} */ ([id, { last_read_id, last_delivered_id: 0 }]))];
  for (const [partner, { last_read_id, last_delivered_id }] of marks) {
    const state = conversations.get(partner)?.state;
    if (!state || state.last_read_id < last_read_id || state.last_delivered_id < last_delivered_id) {
      faults.push(`${last_read_id} and ${last_delivered_id} of ${partner} were acknowledged, ${JSON.stringify(state)} is stored`);
    }
  }
  return faults;
}

/** Views over the tables, as the Rust tests have them. */
const SIDES = readFileSync(new URL("../support/sides.sql", import.meta.url), "utf8");

const READ_FILE = `
import json, sqlite3, sys
db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
db.executescript(sys.argv[2])
one = lambda sql, *of: [list(row) for row in db.execute(sql, of)]
print(json.dumps({
  "integrity": one("PRAGMA integrity_check"),
  "messages": one("SELECT id, sender_id, receiver_id, iif(deleted_at IS NULL, message, ?) FROM said", sys.argv[3]),
  "twice": one("SELECT sender_id, hex(client_id), count(*) FROM messages GROUP BY 1, 2 HAVING count(*) > 1"),
  "counts": one("SELECT user_id, partner_id, new_message_count, found FROM miscounted"),
}))`;

/**
 * What is wrong in the file itself; null where there is no Python to read it with.
 * @param {string} database
 * @param {Map<number, Stored>} stored
 * @returns {string[] | null}
 */
export function findFaultsInFile(database, stored) {
  const python = spawnSync("python3", ["-c", READ_FILE, database, SIDES, DELETED_TEXT], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    timeout: 60_000,
  });
  if (python.error || /No module named/.test(python.stderr)) return null;
  if (python.status !== 0) return [`the file cannot be read: ${python.stderr}`];
  const { integrity, messages, twice, counts } = JSON.parse(python.stdout);
  const faults = [];
  if (integrity[0][0] !== "ok") faults.push(`integrity_check: ${integrity}`);
  for (const [sender, clientId, count] of twice) faults.push(`${count} messages of ${sender} are ${clientId}`);
  for (const [user, partner, count, found] of counts) {
    faults.push(`${user} has ${count} new from ${partner} by count, ${found} by messages`);
  }
  for (const [id, sender, receiver, message] of messages) {
    for (const user of [sender, receiver]) {
      const given = stored.get(user)?.rows.get(id)?.message;
      if (given !== message) faults.push(`message ${id} is "${brief(message)}" in the file, ${user} gets "${given}"`);
    }
  }
  return some("the file", faults);
}

/** @param {string} who @param {string[]} faults */
function some(who, faults) {
  const shown = faults.slice(0, SHOWN_MAX).map((fault) => `${who}: ${fault}`);
  return faults.length > SHOWN_MAX ? [...shown, `${who}: and ${faults.length - SHOWN_MAX} more`] : shown;
}

/** @param {string} text */
function brief(text) {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
