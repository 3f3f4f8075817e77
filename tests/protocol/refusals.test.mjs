// What the server does not take, and that nothing comes of it but a sentence.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import { newcomers, partners, TRANSPORTS, VERSIONS } from "../support/client.mjs";
import { REQUESTS } from "../support/protocol.mjs";
import { startServer } from "../support/server.mjs";

/** @typedef {import("../support/client.mjs").Client} Client */
/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());

const JOIN = "join_chat";
const OLDER = "message_history_is_scrolled_to_the_top";
const SEND = "message_sent";
const READ = "new_message_count_updated";
const BLOCK = "block";
const SYNC = "sync";

/** What is no object at all; the first is no payload whatever. @type {unknown[][]} */
const NO_OBJECTS = [
  [], [null], ["text"], [""], [7], [true], [[]], [[1, 2]], [{}],
];

/** What is no id of a user. @type {unknown[]} */
const NO_IDS = [
  undefined, null, "", " ", "x", "1x", "1.5", "-1", "0x1", 1.5, -1, 0, 1e300, 2 ** 63,
  "99999999999999999999", true, [], [1], {}, { id: 1 }, "x".repeat(50_000),
];

/**
 * For each event, payloads that ask for something about `partner` but are wrong.
 * @param {Person} partner @returns {[event: string, ...args: unknown[]][]}
 */
function malformed(partner) {
  const chat_partner_id = partner.id;
  /** @type {[event: string, ...args: unknown[]][]} */
  const all = [];
  for (const event of REQUESTS[1]) {
    for (const args of NO_OBJECTS) all.push([event, ...args]);
  }
  for (const id of NO_IDS) {
    all.push([JOIN, { chat_partner_id: id }]);
    all.push([OLDER, { chat_partner_id: id, message_count: 0 }]);
    all.push([SEND, { chat_partner_id: id, message: "hello" }]);
    all.push([READ, { chat_partner_id: id, new_message_count: 0 }]);
    all.push([BLOCK, { chat_partner_id: id, blocked: true }]);
  }
  for (const id of NO_IDS.filter((id) => id !== 0)) all.push([SYNC, { since_id: id }]);
  for (const blocked of [undefined, null, "", "true", 0, 1, [], {}]) {
    all.push([BLOCK, { chat_partner_id, blocked }]);
  }
  for (const count of [undefined, null, "x", 1.5, -1, 1e300, true, [], {}]) {
    all.push([OLDER, { chat_partner_id, message_count: count }]);
  }
  for (const before of ["x", 1.5, 1e300, true, [], {}]) {
    all.push([OLDER, { chat_partner_id, message_count: 0, before_id: before }]);
  }
  for (const message of [undefined, null, 7, true, [], ["hello"], {}]) {
    all.push([SEND, { chat_partner_id, message }]);
  }
  for (const clientId of ["x", "", 7, true, [], {}, `${randomUUID()}0`]) {
    all.push([SEND, { chat_partner_id, message: "hello", client_id: clientId }]);
  }
  for (const count of [undefined, null, "x", 1.5, 1e300, true, [], {}]) {
    all.push([READ, { chat_partner_id, new_message_count: count }]);
  }
  for (const position of ["x", 1.5, 1e300, true, [], {}]) {
    all.push([READ, { chat_partner_id, new_message_count: 0, last_read_id: position }]);
  }
  return all;
}

/** What is no whole number. @type {unknown[]} */
const NO_NUMBERS = [undefined, null, "", "7", 1.5, 1e300, 2 ** 64, true, [], [1], {}];
/** What is no number where one may be left out. */
const NO_OPTIONS = NO_NUMBERS.filter((number) => number !== undefined && number !== null);

/**
 * The same for protocol 2, about the message `id`.
 * @param {Person} partner @param {number} id
 */
function malformedChanges(partner, id) {
  const [partner_id, client_id] = [partner.id, randomUUID()];
  /** Each event with what it takes, and which of that is a number that may not, or may, be left out. */
  const events = /** @type {[string, Record<string, unknown>, string[], string[]][]} */ ([
    ["catch_up", { epoch: client_id, digest: { conversations: 1, versions: 1 }, known: [[partner_id, 1]] }, [], []],
    ["get_changes", { partner_id, since: 0 }, ["partner_id", "since"], ["at_most"]],
    ["get_history", { partner_id }, ["partner_id"], ["before_id", "at_most"]],
    ["send_message", { partner_id, text: "hello", client_id }, ["partner_id"], []],
    ["edit_message", { partner_id, message_id: id, text: "hello", client_id }, ["partner_id", "message_id"], []],
    ["delete_message", { partner_id, message_id: id }, ["partner_id", "message_id"], []],
    ["mark_read", { partner_id, up_to_id: id }, ["partner_id", "up_to_id"], []],
    ["mark_delivered", { partner_id, up_to_id: id }, ["partner_id", "up_to_id"], []],
    ["set_blocked", { partner_id, blocked: true }, ["partner_id"], []],
  ]);
  assert.deepEqual(events.map(([event]) => event).toSorted(), REQUESTS[2].toSorted());
  /** @type {[event: string, ...args: unknown[]][]} */
  const all = [];
  for (const [event, payload, numbers, options] of events) {
    for (const args of NO_OBJECTS) {
      // It may be asked without anything.
      if (event !== "catch_up" || JSON.stringify(args) !== "[{}]") all.push([event, ...args]);
    }
    for (const field of numbers) {
      for (const value of NO_NUMBERS) all.push([event, { ...payload, [field]: value }]);
    }
    for (const field of options) {
      for (const value of NO_OPTIONS) all.push([event, { ...payload, [field]: value }]);
    }
    for (const field of ["text", "client_id"].filter((name) => name in payload)) {
      for (const value of [undefined, null, 7, true, [], ["hello"], {}, ""]) all.push([event, { ...payload, [field]: value }]);
    }
  }
  const [catchUp, given] = events[0];
  for (const known of ["x", 7, {}, [1], [[1]], [["1", 1]], [[1, 2, 3]], [[1, 1.5]]]) all.push([catchUp, { ...given, known }]);
  for (const digest of ["x", 7, [], {}, { conversations: -1, versions: 0 }]) all.push([catchUp, { ...given, digest }]);
  for (const epoch of [7, [], {}]) all.push([catchUp, { ...given, epoch }]);
  for (const blocked of [undefined, null, "", "true", 0, 1, [], {}]) {
    all.push(["set_blocked", { partner_id, blocked }]);
  }
  for (const wrong of ["x", `${client_id}0`]) {
    all.push(["send_message", { partner_id, text: "hello", client_id: wrong }]);
    all.push(["edit_message", { partner_id, message_id: id, text: "hello", client_id: wrong }]);
  }
  for (const text of [" ", "\u200b", "a\u0000b", "x".repeat(10_001)]) {
    all.push(["send_message", { partner_id, text, client_id: randomUUID() }]);
    all.push(["edit_message", { partner_id, message_id: id, text, client_id: randomUUID() }]);
  }
  for (const nobody of [-1, 0, 999_999_999]) {
    for (const [event, payload] of events.slice(1)) all.push([event, { ...payload, partner_id: nobody }]);
  }
  return all;
}

/**
 * @param {Client} client @param {string} event @param {unknown[]} args
 */
async function assertRefused(client, event, ...args) {
  const answer = await client.ask(event, ...args);
  const asked = JSON.stringify([event, ...args])?.slice(0, 200);
  const told = `${asked} was answered ${JSON.stringify(answer).slice(0, 500)}`;
  assert.equal(answer.length, 1, told);
  const [refusal] = answer;
  assert.ok(typeof refusal?.failure === "string" && refusal.failure.length > 3, told);
  assert.ok(refusal.failure.length < 300, told);
  assert.ok(typeof refusal.code === "string" && refusal.code.length > 0, told);
  assert.deepEqual(Object.keys(refusal).sort(), ["code", "failure"], told);
}

for (const transport of TRANSPORTS) {
  test(`malformed payloads over ${transport} are refused one by one, and nothing comes of them`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect({ transport });
    const benTab = await ben.connect();
    const benSent = await benTab.send(ann, "hello ann");
    for (const [event, ...args] of malformed(ben)) await assertRefused(annTab, event, ...args);
    const { messages, new_message_count } = await annTab.join(ben);
    assert.deepEqual(messages.map((row) => row.id), [benSent.id]);
    assert.equal(new_message_count, 1);
    await annTab.send(ben, "hello ben");
    await benTab.receives("message_received_from_another_chat");
    assert.equal(benTab.received.length, 1);
  });

  test(`malformed payloads of protocol 2 over ${transport} are refused one by one, and nothing comes of them`, async () => {
    const { ann, ben } = await partners(server);
    const [tab, bens] = [await ann.connect({ transport, protocol: 2 }), await ben.connect({ protocol: 2 })];
    const { id } = await (await ann.connect()).send(ben, "hello ben");
    const { version } = (await bens.receives("changed", ({ message }) => message?.id === id)).conversation;
    for (const [event, ...args] of malformedChanges(ben, id)) await assertRefused(tab, event, ...args);
    const [{ conversation, messages }] = await tab.ask("get_history", { partner_id: ben.id });
    assert.equal(conversation.version, version);
    assert.deepEqual(messages.map((/** @type {{ text: string }} */ message) => message.text), ["hello ben"]);
    assert.equal(bens.received.length, 1);
  });

  test(`malformed payloads over ${transport} that ask for no answer do no harm`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect({ transport });
    const benTab = await ben.connect();
    for (const [event, ...args] of malformed(ben)) annTab.tell(event, ...args);
    assert.deepEqual((await annTab.join(ben)).messages, []);
    await annTab.send(ben, "hello ben");
    await benTab.receives("message_received_from_another_chat");
    assert.equal(benTab.received.length, 1);
  });
}

for (const version of VERSIONS) {
  test(`client ${version} reads a refusal in its acknowledgement`, async () => {
    const [ann] = await newcomers(server, "ann");
    const tab = await ann.connect({ version });
    await assertRefused(tab, JOIN, "text");
    await assertRefused(tab, SEND, { message: ["x"], chat_partner_id: 1 });
  });
}

test("events that nobody knows do no harm", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  tab.tell("no_such_event", { chat_partner_id: ben.id });
  tab.tell("", null);
  assert.deepEqual((await tab.join(ben)).messages, []);
});

test("a chat that one does not have is refused", async () => {
  const { ann } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  const tab = await ann.connect();
  // One is somebody with whom no chat was opened, the other nobody at all.
  for (const chat_partner_id of [cyd.id, 999_999_999]) {
    await assertRefused(tab, JOIN, { chat_partner_id });
    await assertRefused(tab, OLDER, { chat_partner_id, message_count: 0 });
    await assertRefused(tab, SEND, { chat_partner_id, message: "hello" });
    await assertRefused(tab, READ, { chat_partner_id, new_message_count: 0 });
    await assertRefused(tab, READ, { chat_partner_id, new_message_count: 0, last_read_id: 1 });
    await assertRefused(tab, BLOCK, { chat_partner_id, blocked: true });
  }
});

test("a message without a chat does not reach the person whom it was for", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await assertRefused(annTab, SEND, { chat_partner_id: ben.id, message: "too early" });
  await ann.opens(ben);
  await annTab.send(ben, "in time");
  await benTab.receives("new_user_sent_message");
  assert.equal(benTab.received.length, 1);
  assert.deepEqual((await benTab.join(ann)).messages.map((row) => row.message), ["in time"]);
});

test("a blank message is refused and not stored", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  for (const message of ["", " ", "\n", " \t\r\n ", "\u00a0", "\u2003", "\u3000"]) {
    await assertRefused(tab, SEND, { chat_partner_id: ben.id, message });
  }
  assert.deepEqual((await tab.join(ben)).messages, []);
});

for (const transport of TRANSPORTS) {
  test(`a message of 10 000 characters over ${transport} is delivered whole`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect({ transport });
    const benTab = await ben.connect({ transport });
    await benTab.join(ann);
    for (const character of ["x", "я", "☃", "𝒳"]) {
      const message = character.repeat(10_000);
      const { failure } = await annTab.send(ben, message);
      assert.equal(failure, undefined, `${character} was refused`);
      const came = (/** @type {{ message: string }} */ sent) => sent.message === message;
      await benTab.receives("message_received_from_current_chat", came);
    }
  });

  test(`a message of 10 001 characters over ${transport} is refused and not stored`, async () => {
    const { ann, ben } = await partners(server);
    const tab = await ann.connect({ transport });
    for (const character of ["x", "☃"]) {
      const message = character.repeat(10_001);
      await assertRefused(tab, SEND, { chat_partner_id: ben.id, message });
    }
    assert.deepEqual((await tab.join(ben)).messages, []);
  });
}

test("a message is kept as it was written, its white space too", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const written = [
    "  two\n\nlines\t",
    "control\u0001\u007f",
    "'; DROP TABLE messages; --",
    "%s {{ 7*7 }}",
  ];
  for (const message of written) await tab.send(ben, message);
  const { messages } = await tab.join(ben);
  assert.deepEqual(messages.map((row) => row.message), [...written].reverse());
});

test("a message with a NUL, which is no text, is refused", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const { failure } = await tab.send(ben, "null\u0000byte");
  assert.equal(failure, "the message contains a NUL, which is no text; leave it out");
  assert.deepEqual((await tab.join(ben)).messages, []);
});
