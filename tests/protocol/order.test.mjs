// Messages are kept, delivered and seen in one order, and none is lost on the way.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { partners, texts } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

/** @typedef {import("../support/client.mjs").Client} Client */
/** @typedef {import("../support/client.mjs").Person} Person */
/** @typedef {import("../support/client.mjs").Transport} Transport */

const server = await startServer();
after(() => server.remove());

const CURRENT = "message_received_from_current_chat";
const ELSEWHERE = "message_sent_elsewhere";

/** @type {Transport[]} */
const PLAIN = ["websocket", "polling"];

/** @param {number[]} ids */
const ascending = (ids) => [...ids].sort((a, b) => a - b);

/**
 * The ids of the messages of one chat in the order in which a socket learnt of them.
 * @param {Client} client
 */
function idsSeen(client) {
  const telling = client.log.filter(({ event }) => event !== "join_chat");
  return telling.map(({ args }) => /** @type {number} */ (args[0].id));
}

/** The ids of a history, oldest first. @param {{ id: number }[]} messages */
const idsOf = (messages) => messages.map((row) => row.id).reverse();

/**
 * The ids that came as messages of the current chat since the latest answer to `join_chat`.
 * @param {Client} client
 */
function idsAfterLastJoin(client) {
  const place = client.log.findLastIndex(({ event }) => event === "join_chat");
  const later = client.log.slice(place).filter(({ event }) => event === CURRENT);
  return later.map(({ args }) => /** @type {number} */ (args[0].id));
}

/**
 * Sends messages without a pause until it is stopped.
 * @param {Client} client @param {Person} partner
 * @returns {() => Promise<void>}
 */
function pour(client, partner) {
  let pouring = true;
  const pours = async () => {
    for (let batch = 1; pouring; batch += 1) {
      await client.sendAll(partner, texts(`batch ${batch} line`, 5));
    }
  };
  const poured = pours();
  return () => {
    pouring = false;
    return poured;
  };
}

for (const transport of PLAIN) {
  test(`200 messages sent over ${transport} without waiting keep their order`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect({ transport });
    const benTab = await ben.connect({ transport });
    await benTab.join(ann);
    const sent = texts("line", 200);
    const acks = await annTab.sendAll(ben, sent);
    await benTab.receives(CURRENT, (payload) => payload.message === "line 200");

    const ids = acks.map((ack) => ack.id);
    assert.deepEqual(ids, ascending(ids), "the ids grow in the order of sending");
    const delivered = benTab.payloads(CURRENT).map((payload) => payload.message);
    assert.deepEqual(delivered, sent, "they are delivered in the order of sending");
    const { messages } = await benTab.join(ann);
    const stored = messages.map((row) => row.message).reverse();
    assert.deepEqual(stored, sent, "they are stored in the order of sending");
  });

  test(`acknowledgements over ${transport} come in the order of sending`, async () => {
    const { ann, ben } = await partners(server);
    const tab = await ann.connect({ transport });
    await tab.sendAll(ben, texts("line", 100));
    const ids = idsSeen(tab);
    assert.equal(ids.length, 100);
    assert.deepEqual(ids, ascending(ids));
  });
}

test("every device sees the messages of two who write at once in the same order", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect({ transport: "polling" });
  const devices = [
    await ann.connect(),
    await ann.connect({ transport: "polling" }),
    await ben.connect(),
    await ben.connect({ version: "4.5", transport: "upgrade" }),
  ];
  for (const tab of [annTab, ...devices.slice(0, 2)]) await tab.join(ben);
  for (const tab of [benTab, ...devices.slice(2)]) await tab.join(ann);
  const acks = await Promise.all([
    annTab.sendAll(ben, texts("from ann", 60)),
    benTab.sendAll(ann, texts("from ben", 60)),
  ]);
  const ids = ascending(acks.flat().map((ack) => ack.id));
  for (const tab of [annTab, benTab, ...devices]) {
    await tab.until(() => idsSeen(tab).length === 120, () => "all 120 messages");
    assert.deepEqual(idsSeen(tab), ids);
  }
  const { messages } = await annTab.join(ben);
  const shown = messages.map((row) => row.id).reverse();
  assert.deepEqual(shown, ids.slice(-shown.length), "the history has the same order");
});

for (const transport of PLAIN) {
  test(`who joins over ${transport} while messages pour in sees each of them exactly once`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect();
    const tabs = [];
    for (let tab = 0; tab < 8; tab += 1) tabs.push(await ben.connect({ transport }));
    const stop = pour(annTab, ben);
    const histories = [];
    for (const tab of tabs) {
      const before = annTab.log.length;
      await annTab.until(() => annTab.log.length > before + 5, () => "further messages");
      histories.push(idsOf((await tab.join(ann)).messages));
    }
    await stop();
    const { id: lastId } = await annTab.send(ben, "the last");

    const reader = await ben.connect({ transport });
    const all = idsOf((await reader.join(ann)).messages);
    const amid = histories.filter((ids) => ids.length > 0 && ids.length < all.length - 1);
    assert.ok(amid.length > 0, "no join came while messages were pouring in");
    for (const [place, tab] of tabs.entries()) {
      await tab.receives(CURRENT, (payload) => payload.id === lastId);
      const later = idsAfterLastJoin(tab);
      assert.deepEqual([...(histories[place] ?? []), ...later], all, `tab ${place}`);
    }
  });

  test(`who joins over ${transport} again and again while messages pour in never sees a gap`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect();
    const benTab = await ben.connect({ transport });
    const stop = pour(annTab, ben);
    const seen = [];
    for (let time = 0; time < 15; time += 1) {
      const history = idsOf((await benTab.join(ann)).messages);
      // Joining again leaves the chat; until then the events go on where the history ended.
      const last = history.at(-1) ?? 0;
      await benTab.receives(CURRENT, (payload) => payload.id > last);
      seen.push([...history, ...idsAfterLastJoin(benTab)]);
    }
    await stop();
    const all = idsOf((await benTab.join(ann)).messages);
    for (const ids of seen) assert.deepEqual(ids, all.slice(0, ids.length));
  });
}

test("no message is lost or overtaken while a connection changes to a WebSocket", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const annOther = await ann.connect();
  for (let visit = 0; visit < 5; visit += 1) {
    const received = texts(`visit ${visit} to ben`, 30);
    const sent = texts(`visit ${visit} to ann`, 30);
    const benTab = await ben.connect({ transport: "upgrading" });
    await benTab.join(ann);
    await annOther.join(ben);
    await Promise.all([annTab.sendAll(ben, received), benTab.sendAll(ann, sent)]);
    await benTab.upgraded();
    await annTab.send(ben, "after the upgrade");
    await benTab.receives(CURRENT, (payload) => payload.message === "after the upgrade");
    const heard = benTab.payloads(CURRENT).map((payload) => payload.message);
    assert.deepEqual(heard, [...received, "after the upgrade"]);

    await annOther.receives(CURRENT, (payload) => payload.message === sent.at(-1));
    const came = annOther.payloads(CURRENT).map((payload) => payload.message);
    assert.deepEqual(came.slice(-sent.length), sent);
    benTab.close();
  }
});

test("a device that only listens hears both sides of a conversation in order", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const benTab = await ben.connect();
  const listener = await ann.connect();
  await listener.join(ben);
  const spoken = [];
  for (let turn = 0; turn < 10; turn += 1) {
    spoken.push(await annTab.send(ben, `ann ${turn}`), await benTab.send(ann, `ben ${turn}`));
  }
  const lastId = spoken.at(-1)?.id;
  await listener.receives(CURRENT, (payload) => payload.id === lastId);
  assert.deepEqual(idsSeen(listener), spoken.map((ack) => ack.id));
  assert.equal(listener.payloads(ELSEWHERE).length, 10);
});
