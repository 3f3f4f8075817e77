// Peers that stall are cut off, and nobody else notices.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { newcomers, partners } from "../support/client.mjs";
import { atRest, leavesNothing } from "../support/footprint.mjs";
import { startServer } from "../support/server.mjs";
import { WebSocketByHand } from "../support/web_socket.mjs";

/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());

const port = Number(new URL(server.url).port);

/** What the server holds before anybody stalls. @type {Awaited<ReturnType<typeof atRest>>} */
let unused;
before(async () => {
  const { ann, ben } = await partners(server);
  for (const person of [ann, ben]) (await person.connect()).close();
  unused = await atRest(server);
});

/** Opens a connection and says `words`; the caller reads, or does not. @param {string} words */
async function peer(words) {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {}); // being cut off is what is asked for
  await once(socket, "connect");
  socket.write(words);
  return socket;
}

/** Whether the server's side of a connection still exists, by the kernel's table. @param {number} remote */
async function isOpen(remote) {
  const hex = (/** @type {number} */ number) => number.toString(16).toUpperCase().padStart(4, "0");
  const table = await readFile("/proc/net/tcp", "utf8");
  const established = "01";
  return table.split("\n").some((line) => {
    const [, local, peer, state] = line.trim().split(/\s+/);
    return local?.endsWith(`:${hex(port)}`) && peer?.endsWith(`:${hex(remote)}`) && state === established;
  });
}

/** Resolves when the server has given a connection up. @param {number} remote @param {string} what */
async function cut(remote, what) {
  // The kernel tells nobody when an entry of its table goes, so the table is read again and again.
  for (let tries = 0; tries < 250; tries += 1) {
    if (!(await isOpen(remote))) return;
    await pause(200);
  }
  assert.fail(`${what} was not cut off in 50 s`);
}

/** Tabs that good people have left open. @type {import("../support/client.mjs").Client[]} */
const tabs = [];

/** @param {Person} person */
async function connects(person) {
  const tab = await person.connect();
  tabs.push(tab);
  return tab;
}

/** Connects; the server hears of a socket that has gone a moment later. @param {Person} person */
async function connectsAtLast(person) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await connects(person);
    } catch (error) {
      if (tries === 100) throw error;
      await pause(50);
    }
  }
}

// Most of the time is spent waiting for a limit to be reached: together, not one after the other.
describe("a peer that stalls", { concurrency: true }, () => {
  for (const [what, words] of /** @type {const} */ ([
    ["half a head", "GET /login HTTP/1.1\r\nHost: x\r\n"],
    ["silence", ""],
    ["half a form", "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nuser"],
  ])) {
    test(`a peer that sends ${what} is cut off`, { timeout: 60_000 }, async () => {
      const socket = await peer(words);
      await cut(Number(socket.localPort), what);
      socket.destroy();
    });
  }

  for (const [what, head, byte] of /** @type {const} */ ([
    ["head", "GET /login HTTP/1.1\r\nX: ", "x"],
    ["form", "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n", "x"],
    ["form without a length", "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"],
  ])) {
    test(`a ${what} that comes a byte a second ends in time`, { timeout: 60_000 }, async () => {
      const socket = await peer(head);
      const ended = new Promise((resolve) => socket.resume().once("close", resolve));
      const drip = setInterval(() => socket.write(byte), 1000);
      await ended;
      clearInterval(drip);
    });
  }

  test("half a packet by polling is cut off", { timeout: 60_000 }, async () => {
    const opened = await (await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`)).text();
    const { sid } = JSON.parse(opened.slice(1));
    const head = `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4`;
    const socket = await peer(head);
    await cut(Number(socket.localPort), "half a packet");
    socket.destroy();
  });

  test("a socket that reads nothing is cut off while its user's other sockets are served", { timeout: 90_000 }, async () => {
    const { ann, ben } = await partners(server);
    const stalled = await WebSocketByHand.joined(server, ben);
    const benTab = await connects(ben);
    await benTab.join(ann);
    stalled.say(`42${JSON.stringify(["join_chat", { chat_partner_id: ann.id }])}`);
    stalled.socket.pause();
    const annTab = await connects(ann);
    const long = "x".repeat(10_000);
    const gone = cut(Number(stalled.socket.localPort), "the socket that reads nothing");
    // More than the buffers between the two hold, so that the server has to wait for the reader.
    for (let round = 0; round < 20; round += 1) {
      const acks = await annTab.sendAll(ben, Array.from({ length: 50 }, () => long));
      const last = acks.at(-1);
      await benTab.receives("message_received_from_current_chat", ({ id }) => id === last?.id);
    }
    await gone;
    stalled.socket.destroy();
    assert.equal((await annTab.send(ben, "still here?")).failure, undefined);
    // Its place is free again: with the tab that reads there is room for 63 more.
    for (let number = 0; number < 62; number += 1) await connects(ben);
    await connectsAtLast(ben);
  });

  test("a user's sockets are bounded, and a closed one makes room", { timeout: 60_000 }, async () => {
    const [ann] = await newcomers(server, "ann");
    const first = await connects(ann);
    for (let number = 1; number < 64; number += 1) await connects(ann);
    await assert.rejects(ann.connect(), { message: "too many open connections; close some tabs" });
    first.close();
    await connectsAtLast(ann);
  });
});

test("of all those peers nothing is left", { timeout: 150_000 }, async () => {
  for (const tab of tabs) tab.close();
  await leavesNothing(server, unused);
});
