// Who sends too much is told when to go on; nothing that was acknowledged is lost.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { newcomers, partners } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer({ args: ["--limit-messages", "5/s", "--limit-connects", "6/h"] });
after(() => server.remove());

for (const transport of /** @type {const} */ (["websocket", "polling"])) {
  test(`messages over the limit are refused with the time to wait, and the socket goes on, over ${transport}`, { timeout: 30_000 }, async () => {
    const { ann, ben } = await partners(server);
    const [annTab, benTab] = [await ann.connect({ transport }), await ben.connect({ transport })];
    await benTab.join(ann);
    const acks = await annTab.sendAll(ben, Array.from({ length: 30 }, (_, number) => `message ${number}`));
    const stored = acks.filter(({ failure }) => failure === undefined);
    const refused = acks.filter(({ failure }) => failure !== undefined);
    assert.ok(stored.length >= 5 && refused.length >= 10, `${stored.length} of 30 were stored`);
    for (const ack of refused) {
      assert.deepEqual(ack, { failure: "too often; try again in 1 s", code: "too_often", retry_after: 1 });
    }
    await pause(1000);
    const next = await annTab.send(ben, "after a while");
    assert.equal(next.failure, undefined);
    await benTab.receives("message_received_from_current_chat", ({ id }) => id === next.id);
    const ids = benTab.payloads("message_received_from_current_chat").map(({ id }) => id);
    assert.deepEqual(ids, [...stored, next].map(({ id }) => id));
    // What one sends is no other's limit.
    assert.equal((await benTab.send(ann, "hello")).failure, undefined);
  });
}

test("blocks count as messages, and what is over the limit changes nothing", { timeout: 30_000 }, async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const acks = await Promise.all(Array.from({ length: 30 }, (_, number) => tab.block(ben, number % 2 === 0)));
  const done = acks.filter(({ failure }) => failure === undefined);
  assert.ok(done.length >= 5 && done.length <= 20, `${done.length} of 30 were done`);
  const refused = acks.filter(({ failure }) => failure !== undefined);
  for (const ack of refused) {
    assert.deepEqual(ack, { failure: "too often; try again in 1 s", code: "too_often", retry_after: 1 });
  }
  assert.equal((await tab.join(ben)).blocked, done.at(-1)?.blocked);
});

test("who opens sockets without end is told to come back, and others are let in", { timeout: 30_000 }, async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  for (let number = 0; number < 6; number += 1) (await ann.connect()).close();
  await assert.rejects(ann.connect(), { message: "too many connections in a short time; try again in a minute" });
  (await ben.connect()).close();
});
