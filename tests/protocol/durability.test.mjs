// What was acknowledged outlives the program, however it ends.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import { newcomers, partners, texts } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

for (const signal of /** @type {NodeJS.Signals[]} */ (["SIGKILL", "SIGTERM"])) {
  test(`acknowledged messages and counts are there after ${signal}`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect();
    const benTab = await ben.connect();
    const acks = await annTab.sendAll(ben, texts("line", 30));
    await benTab.read(ann, 0, acks[9]?.id);
    await server.stop(signal);
    await server.start();
    const { messages, new_message_count, last_read_id } = await (await ben.connect()).join(ann);
    assert.deepEqual(messages.map((row) => row.message), texts("line", 30).slice(10).reverse());
    assert.deepEqual(messages.map((row) => row.id), acks.slice(10).map((ack) => ack.id).reverse());
    assert.deepEqual([new_message_count, last_read_id], [20, acks[9]?.id]);
  });

  test(`the same cookie still works after ${signal}`, async () => {
    const { ann, ben } = await partners(server);
    await ann.connect();
    await server.stop(signal);
    await server.start();
    const tab = await ann.connect();
    assert.deepEqual((await tab.join(ben)).messages, []);
  });
}

test("a chat that a message has opened is there after SIGKILL", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  await ann.opens(ben);
  const { id } = await (await ann.connect()).send(ben, "we have not met");
  await server.stop("SIGKILL");
  await server.start();
  const { messages, new_message_count } = await (await ben.connect()).join(ann);
  assert.deepEqual([messages.map((row) => row.id), new_message_count], [[id], 1]);
});

test("a session that has logged out stays so after SIGKILL", async () => {
  const [ann] = await newcomers(server, "ann");
  await fetch(`${server.url}/logout`, { redirect: "manual", headers: { cookie: ann.cookie } });
  await server.stop("SIGKILL");
  await server.start();
  await assert.rejects(ann.connect(), { message: "not logged in" });
});

test("ids go on growing after SIGKILL", async () => {
  const { ann, ben } = await partners(server);
  const before = await (await ann.connect()).send(ben, "before");
  await server.stop("SIGKILL");
  await server.start();
  const after = await (await ann.connect()).send(ben, "after");
  assert.ok(after.id > before.id, `${after.id} came after ${before.id}`);
});

test("what was cut off by SIGKILL and is sent again is there exactly once", async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  const outbox = texts("line", 300).map((message) => ({ message, clientId: randomUUID() }));
  const sending = outbox.map(({ message, clientId }) => annTab.send(ben, message, clientId));
  const settled = Promise.allSettled(sending);
  // Killed amid the flood: some are acknowledged, some stored without that, some neither.
  await sending[20];
  await server.stop("SIGKILL");
  const acks = await settled;
  await server.start();

  const annAgain = await ann.connect();
  for (const [index, { message, clientId }] of outbox.entries()) {
    const ack = acks[index];
    const again = await annAgain.send(ben, message, clientId);
    if (ack?.status !== "fulfilled") continue;
    const { id, timestamp } = ack.value;
    assert.deepEqual(again, { id, timestamp, duplicate: true }, `${message} was lost`);
  }
  const { messages, new_message_count } = await (await ben.connect()).join(ann);
  assert.deepEqual(messages.map((row) => row.message).reverse(), texts("line", 300));
  assert.equal(new_message_count, 300);
});
