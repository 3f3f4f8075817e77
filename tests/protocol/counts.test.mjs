// How many messages are new, and who is told when that changes.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { newcomers, partners, texts } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

const CHANGED = "new_message_count_changed";
const READ = "new_message_count_updated";

/** Ben has `count` new messages from ann. @param {number} count */
async function unread(count) {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  const ids = (await annTab.sendAll(ben, texts("line", count))).map((ack) => ack.id);
  return { ann, ben, annTab, benTab, ids };
}

test("the original client, which asks for no acknowledgement, sets the count", async () => {
  const { ann, ben, benTab } = await unread(3);
  const other = await ben.connect();
  benTab.tell(READ, { chat_partner_id: String(ann.id), new_message_count: 0 });
  await other.receives(CHANGED);
  assert.equal((await benTab.join(ann)).new_message_count, 0);
});

test("a count without a position leaves that many of the newest messages unread", async () => {
  const { ann, benTab, ids } = await unread(5);
  const answer = await benTab.read(ann, 2);
  assert.deepEqual(answer, { new_message_count: 2, last_read_id: ids[2] });
  assert.equal((await benTab.join(ann)).new_message_count, 2);
});

test("a client never raises the count", async () => {
  const { ann, benTab } = await unread(3);
  await benTab.read(ann, 1);
  for (const count of [1, 2, 3, 1_000_000]) await benTab.read(ann, count);
  assert.equal((await benTab.join(ann)).new_message_count, 1);
});

test("a count of less than nothing does not make the next message vanish", async () => {
  const { ann, annTab, ben, benTab } = await unread(3);
  await benTab.read(ann, -5);
  const before = (await benTab.join(ann)).new_message_count;
  assert.ok(before >= 0, `the count is ${before}`);
  await annTab.send(ben, "the next");
  assert.equal((await benTab.join(ann)).new_message_count, before + 1);
});

test("a read position leaves exactly what came after it", async () => {
  const { ann, benTab, ids } = await unread(5);
  const answer = await benTab.read(ann, 0, ids[1]);
  assert.deepEqual(answer, { new_message_count: 3, last_read_id: ids[1] });
  const { new_message_count, last_read_id } = await benTab.join(ann);
  assert.deepEqual({ new_message_count, last_read_id }, answer);
});

test("a message that arrives while the others are being read stays new", async () => {
  const { ann, ben, annTab, benTab, ids } = await unread(3);
  const reading = benTab.read(ann, 0, ids[2]);
  const { id } = await annTab.send(ben, "meanwhile");
  await reading;
  await benTab.receives("message_received_from_another_chat", (sent) => sent.message_id === id);
  assert.equal((await benTab.join(ann)).new_message_count, 1);
});

test("a read position never goes back", async () => {
  const { ann, benTab, ids } = await unread(5);
  await benTab.read(ann, 0, ids[3]);
  for (const position of [ids[0], ids[3], 0]) {
    const answer = await benTab.read(ann, 5, position);
    assert.deepEqual(answer, { new_message_count: 1, last_read_id: ids[3] });
  }
});

test("a read position beyond the newest message does not swallow the next one", async () => {
  const { ann, ben, annTab, benTab, ids } = await unread(3);
  const answer = await benTab.read(ann, 0, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(answer, { new_message_count: 0, last_read_id: ids[2] });
  await annTab.send(ben, "the next");
  assert.equal((await benTab.join(ann)).new_message_count, 1);
});

test("reading one chat leaves the counts of the others", async () => {
  const { ann, ben, benTab } = await unread(2);
  const [cyd] = await newcomers(server, "cyd");
  await cyd.opens(ben);
  const cydTab = await cyd.connect();
  const { id } = await cydTab.send(ben, "from cyd");
  await benTab.read(ann, 0, id);
  assert.equal((await benTab.join(cyd)).new_message_count, 1);
  assert.equal((await benTab.join(ann)).new_message_count, 0);
});

test("one's own messages are not new to oneself", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  await tab.sendAll(ben, texts("line", 3));
  assert.equal((await tab.join(ben)).new_message_count, 0);
});

test("the reader's other tabs hear what has been read", async () => {
  const { ann, ben, benTab, ids } = await unread(5);
  const benElsewhere = await ben.elsewhere();
  const tabs = [await ben.connect(), await benElsewhere.connect({ transport: "polling" })];
  await benTab.read(ann, 0, ids[1]);
  for (const tab of tabs) {
    assert.deepEqual(await tab.receives(CHANGED), {
      chat_partner_id: ann.id,
      new_message_count: 3,
      last_read_id: ids[1],
    });
  }
});

test("the reading tab does not hear what it has read itself", async () => {
  const { ann, ben, annTab, benTab, ids } = await unread(1);
  await benTab.join(ann);
  await benTab.read(ann, 0, ids[0]);
  const { id } = await annTab.send(ben, "the last");
  await benTab.receives("message_received_from_current_chat", (sent) => sent.id === id);
  assert.deepEqual(benTab.payloads(CHANGED), []);
});

test("the partner does not hear what has been read", async () => {
  const { ann, annTab, benTab, ids } = await unread(1);
  await benTab.read(ann, 0, ids[0]);
  await benTab.send(ann, "the last");
  await annTab.receives("message_received_from_another_chat");
  assert.equal(annTab.received.length, 1);
});
