// How many sockets one may have, and how fast they may begin; and that polling never starves.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { newcomers, partners } from "../support/client.mjs";
import { handshake } from "../support/handshake.mjs";
import { startServer } from "../support/server.mjs";

/** @typedef {import("../support/server.mjs").Server} Server */

const bounded = { timeout: 30_000 };
const TRANSPORTS = /** @type {const} */ (["websocket", "polling"]);
const PROXY = ["--trusted-proxy", "127.0.0.1"];

const crowded = await startServer({ args: ["--max-sockets-per-user", "3"] });
const narrow = await startServer({ args: ["--max-sockets-per-address", "3", ...PROXY] });
const slow = await startServer({ args: ["--limit-handshakes", "3/h", ...PROXY] });
const open = await startServer({
  args: ["--rate-limits", "off", "--max-sockets-per-user", "1", "--max-sockets-per-address", "1", "--max-message-chars", "20"],
});
after(() => Promise.all([crowded, narrow, slow, open].map((server) => server.remove())));

/** Asks for something until it is given: the server hears of a socket that has gone a moment later. @param {() => Promise<unknown>} ask */
async function atLast(ask) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 400) throw error;
      await pause(50);
    }
  }
}

/** @param {import("../support/handshake.mjs").Handshake} answer */
function assertRefused(answer) {
  assert.equal(answer.status, 429);
  const seconds = Number(answer.headers["retry-after"]);
  assert.ok(seconds >= 1 && seconds <= 3600, `${seconds}`);
  assert.deepEqual(JSON.parse(answer.body), { failure: `too often; try again in ${seconds} s` });
}

for (const transport of TRANSPORTS) {
  test(`who has all their sockets is told so over ${transport}, and those they have go on`, bounded, async () => {
    const { ann, ben } = await partners(crowded);
    const tabs = [await ann.connect(), await ann.connect({ transport: "polling" }), await ann.connect({ transport: "upgrade" })];
    const refused = { message: "too many open connections; close some tabs" };
    for (let again = 0; again < 3; again += 1) await assert.rejects(ann.connect({ transport }), refused);
    const benTab = await ben.connect({ transport });
    for (const [number, tab] of tabs.entries()) {
      const sent = await tab.send(ben, `still here, ${number}`);
      assert.equal(sent.failure, undefined);
      await benTab.receives("message_received_from_another_chat", ({ message_id }) => message_id === sent.id);
    }
    tabs[0].close();
    await atLast(() => ann.connect({ transport }));
  });

  test(`sockets of strangers fill up their address over ${transport}, and no other`, bounded, async () => {
    const from = transport === "websocket" ? "2001:db8:0:1::" : "2001:db8:0:2::";
    const sockets = [];
    for (const host of [1, 2, 3]) {
      const socket = await handshake(narrow, transport, { "x-forwarded-for": `${from}${host}` });
      assert.equal(socket.status, transport === "websocket" ? 101 : 200);
      sockets.push(socket);
    }
    for (const other of TRANSPORTS) assertRefused(await handshake(narrow, other, { "x-forwarded-for": `${from}4` }));
    // Sockets of another address are let in, and those that are open stay.
    const { ann, ben } = await partners(narrow);
    const tab = await ann.connect({ transport, from: "198.51.100.1" });
    assert.equal((await tab.send(ben, "hello")).failure, undefined);
    tab.close();
    for (const socket of sockets) socket.close();
    // A socket that nobody uses has gone in ten seconds, and its place is free.
    await atLast(async () => {
      const { status, close } = await handshake(narrow, "websocket", { "x-forwarded-for": `${from}5` });
      close();
      assert.equal(status, 101);
    });
  });
}

test("what one has stays, and what was acknowledged with it, when the address is full", bounded, async () => {
  const { ann, ben } = await partners(narrow);
  const from = "203.0.113.1";
  const tabs = [await ann.connect({ from }), await ben.connect({ from, transport: "polling" }), await ben.connect({ from, transport: "upgrade" })];
  await assert.rejects(ann.connect({ from }));
  await tabs[1].join(ann);
  const acks = await tabs[0].sendAll(ben, Array.from({ length: 20 }, (_, number) => `message ${number}`));
  for (const { id, failure } of acks) {
    assert.equal(failure, undefined);
    await tabs[1].receives("message_received_from_current_chat", (message) => message.id === id);
  }
  tabs[2].close();
  await atLast(() => ann.connect({ from }));
});

test("an address may begin so many sockets, however their requests are written", bounded, async () => {
  const from = { "x-forwarded-for": "198.51.100.7" };
  for (const transport of ["polling", "websocket", "polling"]) {
    const { status, close } = await handshake(slow, transport, from);
    assert.ok(status === 200 || status === 101, `${status}`);
    close();
  }
  for (const transport of TRANSPORTS) {
    assertRefused(await handshake(slow, transport, from));
    // To the socket layer this is no id of a socket.
    assertRefused(await handshake(slow, transport, from, "&%73id=AAAAAAAAAAAAAAAA"));
    assertRefused(await handshake(slow, transport, from, "&SID=AAAAAAAAAAAAAAAA"));
  }
  const [ann] = await newcomers(slow, "ann");
  (await ann.connect({ from: "198.51.100.8" })).close();
});

test("polls are never refused, however many there are", { timeout: 60_000 }, async () => {
  const limits = ["logins", "registrations", "searches", "messages", "connects", "handshakes"];
  const server = await startServer({ args: limits.flatMap((limit) => [`--limit-${limit}`, "4/h"]) });
  try {
    const { ann, ben } = await partners(server);
    const tab = await ann.connect({ transport: "polling" });
    const asked = server.log.length;
    for (let number = 0; number < 1000; number += 1) {
      const [page] = await tab.ask("sync", { since_id: 0 });
      assert.equal(page.user_id, ann.id);
    }
    assert.equal(server.log.slice(asked).match(/ WARN .*too many/), null);
    // The limits hold all the while.
    for (let number = 0; number < 4; number += 1) assert.equal((await tab.send(ben, "hello")).failure, undefined);
    const refusal = await tab.send(ben, "once more");
    assert.equal(refusal.failure, "too often; try again in 900 s");
    assert.equal((await tab.ask("sync", { since_id: 0 }))[0].messages.length, 4);
  } finally {
    await server.remove();
  }
});

test("without limits on rates sockets are not counted, and sizes are", bounded, async () => {
  const { ann, ben } = await partners(open);
  const tabs = await Promise.all(Array.from({ length: 5 }, () => ann.connect()));
  for (const tab of tabs) assert.equal((await tab.send(ben, "hello")).failure, undefined);
  const refusal = await tabs[0].send(ben, "x".repeat(21));
  assert.equal(refusal.failure, "the message is longer than 20 characters (it has 21)");
});
