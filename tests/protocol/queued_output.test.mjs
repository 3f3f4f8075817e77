// What waits for peers that do not read is counted as it is written, and the largest debtor is cut first.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { newcomers } from "../support/client.mjs";
import { residentBytes } from "../support/footprint.mjs";
import { startServer } from "../support/server.mjs";
import { WebSocketByHand } from "../support/web_socket.mjs";

const server = await startServer({ args: ["--max-queued-bytes", "10000000", "--limit-bytes", "1000000000/m"] });
after(() => server.remove());

/** How many sockets of each person read nothing. */
const STALLED = 8;
/** Each control character takes six bytes in JSON. */
const TEXT = `x${"\u0001".repeat(9000)}`;

test("the largest debtors are cut when too much waits for all together", { timeout: 120_000 }, async () => {
  const [ann, ...others] = await newcomers(server, "ann", "ben", "carla", "dora");
  const annTab = await ann.connect();
  const sockets = [];
  for (const other of others) {
    await ann.opens(other);
    await other.opens(ann);
    for (let number = 0; number < STALLED; number += 1) {
      const peer = await WebSocketByHand.joined(server, other);
      // Messages come with their text only to sockets that have the chat open.
      peer.say(`421["join_chat",{"chat_partner_id":${ann.id}}]`);
      await peer.hears("431[");
      sockets.push(peer.socket.pause());
    }
  }
  const before = await residentBytes(server);
  for (let round = 0; round < 10; round += 1) {
    for (const other of others) {
      const acks = await annTab.sendAll(other, Array.from({ length: 10 }, () => TEXT));
      assert.ok(acks.every((ack) => ack.failure === undefined));
    }
  }
  const cut = () => server.log.split("\n").filter((line) => line.includes("--max-queued-bytes")).length;
  for (let tries = 0; tries < 100 && cut() === 0; tries += 1) await pause(50);
  assert.ok(cut() > 0, "nobody was cut");
  assert.ok((await residentBytes(server)) - before < 100 * 1024 * 1024);
  for (const socket of sockets) socket.destroy();
});
