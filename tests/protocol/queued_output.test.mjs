// What waits for peers that do not read is counted as it is written, and the largest debtor is cut first.

import assert from "node:assert/strict";
import { on, once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { frame } from "../attack/attacks.mjs";
import { newcomers } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer({ args: ["--max-queued-bytes", "10000000", "--limit-bytes", "1000000000/m"] });
after(() => server.remove());

/** How many sockets of each person read nothing. */
const STALLED = 8;
/** Each control character takes six bytes in JSON. */
const TEXT = `x${"\u0001".repeat(9000)}`;

/** Resolves when the socket has heard `word`. @param {import("node:net").Socket} socket @param {string} word */
async function hears(socket, word) {
  let heard = "";
  for await (const [data] of on(socket, "data")) {
    heard += data;
    if (heard.includes(word)) return;
  }
}

/** A WebSocket that has joined and reads no more. @param {import("../support/client.mjs").Person} person */
async function stalled(person) {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.on("error", () => {}); // being cut off is what is asked for
  await once(socket, "connect");
  const head = [
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Cookie: ${person.cookie}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await hears(socket, '"sid"');
  socket.write(frame(1, "40"));
  await hears(socket, "40{");
  return socket;
}

async function residentMb() {
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

test("the largest debtors are cut when too much waits for all together", { timeout: 120_000 }, async () => {
  const [ann, ...others] = await newcomers(server, "ann", "ben", "carla", "dora");
  const annTab = await ann.connect();
  const sockets = [];
  for (const other of others) {
    await ann.opens(other);
    await other.opens(ann);
    for (let number = 0; number < STALLED; number += 1) {
      const socket = await stalled(other);
      // Messages come with their text only to sockets that have the chat open.
      socket.write(frame(1, `421["join_chat",{"chat_partner_id":${ann.id}}]`));
      await hears(socket, "431[");
      socket.pause();
      sockets.push(socket);
    }
  }
  const before = await residentMb();
  for (let round = 0; round < 10; round += 1) {
    for (const other of others) {
      const acks = await annTab.sendAll(other, Array.from({ length: 10 }, () => TEXT));
      assert.ok(acks.every((ack) => ack.failure === undefined));
    }
  }
  const cut = () => server.log.split("\n").filter((line) => line.includes("--max-queued-bytes")).length;
  for (let tries = 0; tries < 100 && cut() === 0; tries += 1) await pause(50);
  assert.ok(cut() > 0, "nobody was cut");
  assert.ok((await residentMb()) - before < 100);
  for (const socket of sockets) socket.destroy();
});
