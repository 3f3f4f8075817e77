// Which event of a message reaches which socket, and which sockets hear nothing.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import { newcomers, partners, texts } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

/** @typedef {import("../support/client.mjs").Client} Client */
/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());

const CURRENT = "message_received_from_current_chat";
const ANOTHER = "message_received_from_another_chat";
const ELSEWHERE = "message_sent_elsewhere";

/** @param {Client} client */
const eventsOf = (client) => client.received.map(([event]) => event);

/**
 * Lets a new acquaintance write to `person` and waits until that has reached all `tabs`. A socket
 * hears everything in the order in which it was stored, so whatever was sent to them before has
 * come by then; gives the names of those earlier events for each tab.
 * @param {Person} person @param {Client[]} tabs
 */
async function heardBeforeTheLast(person, tabs) {
  const [zoe] = await newcomers(server, "zoe");
  await zoe.opens(person);
  const zoeTab = await zoe.connect();
  await zoeTab.send(person, "the last");
  const heard = [];
  for (const tab of tabs) {
    await tab.receives("new_user_sent_message", (payload) => payload.id === zoe.id);
    heard.push(eventsOf(tab).slice(0, -1));
  }
  return heard;
}

test("each tab of the receiver hears of a message by what that tab has joined", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  await ben.opens(cyd);
  const annTab = await ann.connect();
  const withAnn = await ben.connect();
  const withCyd = await ben.connect();
  const withNobody = await ben.connect();
  await withAnn.join(ann);
  await withCyd.join(cyd);
  await annTab.send(ben, "hello");
  const tabs = [withAnn, withCyd, withNobody];
  assert.deepEqual(await heardBeforeTheLast(ben, tabs), [[CURRENT], [ANOTHER], [ANOTHER]]);
});

test("joining a chat leaves the one that was joined before", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  await cyd.opens(ben);
  await ben.opens(cyd);
  const annTab = await ann.connect();
  const cydTab = await cyd.connect();
  const benTab = await ben.connect();
  await benTab.join(ann);
  await benTab.join(cyd);
  await annTab.send(ben, "from ann");
  await cydTab.send(ben, "from cyd");
  assert.deepEqual(await heardBeforeTheLast(ben, [benTab]), [[ANOTHER, CURRENT]]);
});

test("joining the same chat twice does not double its messages", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await benTab.join(ann);
  await benTab.join(ann);
  await annTab.send(ben, "once");
  assert.deepEqual(await heardBeforeTheLast(ben, [benTab]), [[CURRENT]]);
});

test("a new connection has joined no chat", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const before = await ben.connect();
  await before.join(ann);
  before.close();
  const benTab = await ben.connect();
  await annTab.send(ben, "hello again");
  assert.deepEqual(await heardBeforeTheLast(ben, [benTab]), [[ANOTHER]]);
});

test("every tab and device of the receiver hears of a message", async () => {
  const { ann, ben } = await partners(server);
  const benElsewhere = await ben.elsewhere();
  const annTab = await ann.connect();
  const tabs = [
    await ben.connect({ transport: "websocket" }),
    await ben.connect({ transport: "polling" }),
    await benElsewhere.connect({ version: "4.5", transport: "upgrade" }),
    await benElsewhere.connect({ version: "2.5", transport: "polling" }),
  ];
  const { id } = await annTab.send(ben, "to all of you");
  for (const tab of tabs) {
    const payload = await tab.receives(ANOTHER);
    assert.deepEqual(payload, { chatPartnerId: ann.id, message_id: id, new_message_count: 1 });
  }
});

test("every tab and device hears that a message has opened a chat", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  await ann.opens(ben);
  const annTab = await ann.connect();
  const tabs = [await ben.connect(), await ben.connect({ transport: "polling" })];
  const { id } = await annTab.send(ben, "we have not met");
  for (const tab of tabs) {
    assert.deepEqual(await tab.receives("new_user_sent_message"), {
      username: ann.name,
      id: ann.id,
      message_id: id,
      new_message_count: 1,
    });
  }
});

test("only the first message comes from a new user", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  await ann.opens(ben);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await annTab.sendAll(ben, texts("line", 3));
  const heard = await heardBeforeTheLast(ben, [benTab]);
  assert.deepEqual(heard, [["new_user_sent_message", ANOTHER, ANOTHER]]);
});

test("after a tab has closed the others still hear of messages", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const first = await ben.connect();
  const second = await ben.connect();
  const third = await ben.connect({ transport: "polling" });
  third.close();
  first.close();
  await annTab.send(ben, "hello");
  assert.deepEqual(await heardBeforeTheLast(ben, [second]), [[ANOTHER]]);
});

test("events carry the count of what is new in that chat", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const joined = await ben.connect();
  const other = await ben.connect();
  await joined.join(ann);
  await annTab.sendAll(ben, texts("line", 3));
  await heardBeforeTheLast(ben, [joined, other]);
  /** @param {{ new_message_count: number }} payload */
  const count = (payload) => payload.new_message_count;
  assert.deepEqual(joined.payloads(CURRENT).map(count), [1, 2, 3]);
  assert.deepEqual(other.payloads(ANOTHER).map(count), [1, 2, 3]);
});

test("the sending tab hears nothing but its acknowledgement", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  await tab.join(ben);
  await tab.send(ben, "hello");
  assert.deepEqual(await heardBeforeTheLast(ann, [tab]), [[]]);
});

test("the sender's other tabs hear what was sent, whatever they have joined", async () => {
  const { ann, ben } = await partners(server);
  const annElsewhere = await ann.elsewhere();
  const tab = await ann.connect();
  const joined = await ann.connect();
  const device = await annElsewhere.connect({ transport: "polling" });
  await joined.join(ben);
  const { id, timestamp } = await tab.send(ben, "sent from here");
  const heard = await heardBeforeTheLast(ann, [joined, device]);
  assert.deepEqual(heard, [[ELSEWHERE], [ELSEWHERE]]);
  for (const other of [joined, device]) {
    assert.deepEqual(other.payloads(ELSEWHERE), [
      { chat_partner_id: ben.id, id, message: "sent from here", timestamp },
    ]);
  }
});

test("the receiver does not hear of the message as one that it sent elsewhere", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await annTab.send(ben, "hello");
  assert.deepEqual(await heardBeforeTheLast(ben, [benTab]), [[ANOTHER]]);
});

test("a third person hears nothing of a message", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  await cyd.opens(ann);
  await cyd.opens(ben);
  const annTab = await ann.connect();
  const cydTab = await cyd.connect();
  await cydTab.join(ann);
  await annTab.send(ben, "between us");
  assert.deepEqual(await heardBeforeTheLast(cyd, [cydTab]), [[]]);
});

test("a note to oneself is kept once, counts nothing and is told to the other tabs only", async () => {
  const [ann] = await newcomers(server, "ann");
  await ann.opens(ann);
  const tab = await ann.connect();
  const other = await ann.connect();
  await tab.join(ann);
  await other.join(ann);
  const { id, timestamp } = await tab.send(ann, "buy milk");
  assert.deepEqual(await heardBeforeTheLast(ann, [tab, other]), [[], [ELSEWHERE]]);
  assert.deepEqual(other.payloads(ELSEWHERE), [
    { chat_partner_id: ann.id, id, message: "buy milk", timestamp },
  ]);
  const { messages, new_message_count } = await tab.join(ann);
  const row = { id, sender_id: ann.id, receiver_id: ann.id, message: "buy milk", timestamp };
  assert.deepEqual([messages, new_message_count], [[row], 0]);
});

test("a chat opened on the find page is told to all tabs of its owner", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  const annElsewhere = await ann.elsewhere();
  const tabs = [await ann.connect(), await annElsewhere.connect({ transport: "polling" })];
  await ann.opens(ben);
  for (const tab of tabs) {
    const payload = await tab.receives("chat_opened");
    assert.deepEqual(payload, { id: ben.id, username: ben.name });
  }
});

test("a chat that was open already is not told again", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  const tab = await ann.connect();
  await ann.opens(ben);
  await ann.opens(cyd);
  await tab.receives("chat_opened", (payload) => payload.id === cyd.id);
  assert.deepEqual(tab.received, [["chat_opened", { id: cyd.id, username: cyd.name }]]);
});

test("a chat opened on the find page is not told to the partner", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  const benTab = await ben.connect();
  await ann.opens(ben);
  assert.deepEqual(await heardBeforeTheLast(ben, [benTab]), [[]]);
});

test("a message sent again with its client id is neither stored nor delivered twice", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const other = await ann.connect();
  const benTab = await ben.connect();
  await benTab.join(ann);
  const clientId = randomUUID();
  const first = await tab.send(ben, "once", clientId);
  const second = await tab.send(ben, "once", clientId);
  assert.deepEqual(first, { id: first.id, timestamp: first.timestamp, duplicate: false });
  assert.deepEqual(second, { id: first.id, timestamp: first.timestamp, duplicate: true });
  assert.deepEqual(await heardBeforeTheLast(ben, [benTab]), [[CURRENT]]);
  assert.deepEqual(await heardBeforeTheLast(ann, [other]), [[ELSEWHERE]]);
  const { messages, new_message_count } = await benTab.join(ann);
  assert.deepEqual([messages.length, new_message_count], [1, 1]);
});

test("a message sent again without waiting is stored once", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const clientId = randomUUID();
  const acks = await Promise.all([1, 2, 3].map(() => tab.send(ben, "once", clientId)));
  assert.deepEqual(acks.map((ack) => ack.duplicate), [false, true, true]);
  assert.equal(new Set(acks.map((ack) => ack.id)).size, 1);
  assert.equal((await tab.join(ben)).messages.length, 1);
});

test("a message sent again over a new connection is stored once", async () => {
  const { ann, ben } = await partners(server);
  const before = await ann.connect();
  const clientId = randomUUID();
  const first = await before.send(ben, "once", clientId);
  before.close();
  const tab = await ann.connect({ transport: "polling" });
  const second = await tab.send(ben, "once", clientId);
  assert.deepEqual(second, { id: first.id, timestamp: first.timestamp, duplicate: true });
  assert.equal((await tab.join(ben)).messages.length, 1);
});

test("two people may use the same client id", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  const clientId = randomUUID();
  const acks = [
    await annTab.send(ben, "from ann", clientId),
    await benTab.send(ann, "from ben", clientId),
  ];
  assert.deepEqual(acks.map((ack) => ack.duplicate), [false, false]);
  const { messages } = await annTab.join(ben);
  assert.deepEqual(messages.map((row) => row.message), ["from ben", "from ann"]);
});

test("the same text twice without a client id is two messages", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  await tab.sendAll(ben, ["ok", "ok"]);
  assert.equal((await tab.join(ben)).messages.length, 2);
});
