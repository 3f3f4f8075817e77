// What a chat shows when it is opened, and how one goes back in it.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { newcomers, partners, texts } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

/** @param {{ message: string }[]} rows */
const messagesOf = (rows) => rows.map((row) => row.message);

test("a chat shows its newest 20 messages when fewer are new", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await annTab.sendAll(ben, texts("line", 25));
  await benTab.read(ann, 5);
  const { messages, new_message_count } = await benTab.join(ann);
  assert.deepEqual(messagesOf(messages), texts("line", 25).slice(5).reverse());
  assert.equal(new_message_count, 5);
});

test("a chat shows everything since the first new message when that is more than 20", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await annTab.sendAll(ben, texts("old", 4));
  await benTab.read(ann, 0);
  await annTab.sendAll(ben, texts("new", 30));
  await benTab.sendAll(ann, texts("answer", 3));
  const { messages, new_message_count } = await benTab.join(ann);
  const shown = [...texts("new", 30), ...texts("answer", 3)].reverse();
  assert.deepEqual(messagesOf(messages), shown);
  assert.equal(new_message_count, 30);
});

for (const transport of /** @type {const} */ (["websocket", "polling"])) {
  test(`the newest thousand of all that are new are shown over ${transport}, and the others as one goes back`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect();
    const lines = texts("line", 1500).map((line) => `${line} ${"…".repeat(300)}`);
    for (let sent = 0; sent < lines.length; sent += 500) {
      await annTab.sendAll(ben, lines.slice(sent, sent + 500));
    }
    const benTab = await ben.connect({ transport });
    const { messages, new_message_count } = await benTab.join(ann);
    assert.deepEqual(messagesOf(messages), lines.slice(500).reverse());
    assert.equal(new_message_count, 1500);
    const older = await benTab.older(ann, messages.length, messages.at(-1)?.id);
    assert.deepEqual(messagesOf(older), lines.slice(490, 500).reverse());
  });
}

test("a client on a slow link may ask for fewer messages when it opens a chat", async () => {
  const { ann, ben } = await partners(server);
  await (await ann.connect()).sendAll(ben, texts("line", 60));
  const benTab = await ben.connect();
  for (const [at_most, count] of [[45, 45], ["30", 30], [5, 5], [0, 1], [1e9, 60]]) {
    const [messages, new_message_count] = await benTab.ask("join_chat", { chat_partner_id: ann.id, at_most });
    assert.deepEqual(messagesOf(messages), texts("line", 60).slice(60 - Number(count)).reverse(), `at most ${at_most}`);
    assert.equal(new_message_count, 60);
  }
});

test("joining a chat does not count its messages as read", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await annTab.sendAll(ben, texts("line", 3));
  await benTab.join(ann);
  assert.equal((await benTab.join(ann)).new_message_count, 3);
});

test("going back from a message neither repeats nor skips when others arrive meanwhile", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await benTab.sendAll(ann, texts("line", 35));
  let shown = (await benTab.join(ann)).messages;
  for (const arrived of ["meanwhile 1", "meanwhile 2", "meanwhile 3"]) {
    await annTab.send(ben, arrived);
    shown = shown.concat(await benTab.older(ann, shown.length, shown.at(-1)?.id));
  }
  assert.deepEqual(messagesOf(shown), texts("line", 35).reverse());
});

test("going back from the first message gives an empty page", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const { id } = await tab.send(ben, "the first");
  assert.deepEqual(await tab.older(ben, 1, id), []);
  assert.deepEqual(await tab.older(ben, 1), []);
  assert.deepEqual(await tab.older(ben, 1_000_000), []);
});

test("older messages are whole rows", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const { id, timestamp } = await tab.send(ben, "the first");
  const row = { id, sender_id: ann.id, receiver_id: ben.id, message: "the first", timestamp };
  assert.deepEqual(await tab.older(ben, 0), [row]);
});

test("both partners read the same history", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  await annTab.send(ben, "one");
  await benTab.send(ann, "two");
  await annTab.send(ben, "three");
  const annReads = (await annTab.join(ben)).messages;
  assert.deepEqual((await benTab.join(ann)).messages, annReads);
  assert.deepEqual(messagesOf(annReads), ["three", "two", "one"]);
});

test("a stranger cannot read the history", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  const annTab = await ann.connect();
  const cydTab = await cyd.connect();
  const { id } = await annTab.send(ben, "between us");
  await cyd.opens(ann);
  await cyd.opens(ben);
  for (const partner of [ann, ben]) {
    const { messages, new_message_count } = await cydTab.join(partner);
    assert.deepEqual([messages, new_message_count], [[], 0]);
    assert.deepEqual(await cydTab.older(partner, 0), []);
    assert.deepEqual(await cydTab.older(partner, 0, id + 1), []);
  }
});

test("a message sent while the receiver was away is there, and counted, at the next visit", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  await ann.opens(ben);
  const annTab = await ann.connect();
  const sent = await annTab.sendAll(ben, ["are you there?", "call me"]);
  const benTab = await ben.connect();
  const { messages, new_message_count } = await benTab.join(ann);
  assert.deepEqual(messages.map((row) => row.id), sent.map((ack) => ack.id).reverse());
  assert.equal(new_message_count, 2);
});
