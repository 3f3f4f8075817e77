// A client that comes back is told what it missed.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { newcomers, partners, texts } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

/** @typedef {import("../support/client.mjs").Client} Client */

/** @param {Client} tab @param {unknown} since_id @returns {Promise<any>} */
async function sync(tab, since_id) {
  const answer = await tab.ask("sync", { since_id });
  assert.equal(answer.length, 1);
  return answer[0];
}

test("what came since a message comes in order, with the chats and their counts", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  const seen = await annTab.send(ben, "seen");
  await cyd.opens(ann);
  const cydTab = await cyd.connect();
  await cydTab.send(ann, "we have not met");
  await benTab.send(ann, "hello");
  await annTab.send(ben, "from my other tab");
  const { messages, more, chats } = await sync(annTab, seen.id);
  const said = messages.map((/** @type {any} */ row) => [row.sender_id, row.receiver_id, row.message]);
  assert.deepEqual(said, [
    [cyd.id, ann.id, "we have not met"],
    [ben.id, ann.id, "hello"],
    [ann.id, ben.id, "from my other tab"],
  ]);
  assert.equal(more, false);
  assert.deepEqual(chats, [
    { id: ben.id, username: ben.name, new_message_count: 1, last_read_id: 0 },
    { id: cyd.id, username: cyd.name, new_message_count: 1, last_read_id: 0 },
  ]);
});

test("much that was missed comes in bounded pages", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  await annTab.sendAll(ben, texts("verse", 250));
  const benTab = await ben.connect();
  const pages = [];
  for (let since = 0, more = true; more; ) {
    const page = await sync(benTab, since);
    assert.ok(page.messages.length <= 100, `${page.messages.length} messages`);
    pages.push(...page.messages.map((/** @type {any} */ row) => row.message));
    since = page.messages.at(-1).id;
    more = page.more;
  }
  assert.deepEqual(pages, texts("verse", 250));
});

test("nothing comes from the chats of others", async () => {
  const { ann, ben } = await partners(server);
  const [eve] = await newcomers(server, "eve");
  await (await ann.connect()).send(ben, "secret");
  const { messages, more, chats } = await sync(await eve.connect(), 0);
  assert.deepEqual([messages, more, chats], [[], false, []]);
});

test("a client that knows everything gets the chats alone", async () => {
  const { ann, ben } = await partners(server);
  const { messages, more, chats } = await sync(await ann.connect(), Number.MAX_SAFE_INTEGER);
  assert.deepEqual([messages, more, chats.length, chats[0].id], [[], false, 1, ben.id]);
});

test("a malformed sync is refused, and the socket lives on", async () => {
  const { ann } = await partners(server);
  const tab = await ann.connect();
  for (const since of [undefined, null, -1, 1.5, "x", {}, []]) {
    const { failure, code } = await sync(tab, since);
    assert.deepEqual([typeof failure, code], ["string", "invalid"], JSON.stringify(since));
  }
  assert.equal((await sync(tab, "0")).more, false);
});
