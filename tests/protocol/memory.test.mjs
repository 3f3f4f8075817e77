// A peer that asks and does not read takes a bounded amount of memory, and nobody else notices.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { newcomers, partners } from "../support/client.mjs";
import { residentBytes } from "../support/footprint.mjs";
import { startServer } from "../support/server.mjs";
import { WebSocketByHand } from "../support/web_socket.mjs";

/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());

/** A packet of the client that asks for an acknowledgement. @param {number} id @param {unknown[]} event */
function packet(id, ...event) {
  return `42${id}${JSON.stringify(event)}`;
}

/** A WebSocket that has joined the namespace and reads no more. @param {Person} person */
async function stalledWebSocket(person) {
  const peer = await WebSocketByHand.joined(server, person);
  peer.socket.pause();
  return peer;
}

/** A session of polling that hands over packets and fetches none. @param {Person} person */
async function stalledPolling(person) {
  const address = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const headers = { cookie: person.cookie };
  const opened = await (await fetch(address, { headers })).text();
  const { sid } = JSON.parse(opened.slice(1));
  /** @param {string[]} packets */
  const say = (...packets) =>
    fetch(`${address}&sid=${sid}`, { method: "POST", headers, body: packets.join("\x1e") });
  await say("40");
  return say;
}

/** The largest of what the server holds while `work` is done, in bytes. @param {Promise<unknown>} work */
async function peakBytes(work) {
  let [peak, done] = [0, false];
  const finished = work.finally(() => (done = true));
  while (!done) {
    peak = Math.max(peak, await residentBytes(server));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await finished;
  return peak;
}

test("sockets that ask for everything and read nothing take little memory, and others are served", { timeout: 120_000 }, async () => {
  const { ann, ben } = await partners(server);
  const annTab = await ann.connect();
  // Four bytes a character: joining the chat answers with 4 MB.
  await annTab.sendAll(ben, Array.from({ length: 120 }, () => "😀".repeat(10_000)));
  const before = await residentBytes(server);

  const question = packet(1, "join_chat", { chat_partner_id: ann.id });
  const webSockets = await Promise.all(Array.from({ length: 6 }, () => stalledWebSocket(ben)));
  const pollings = await Promise.all(Array.from({ length: 4 }, () => stalledPolling(ben)));
  const peak = await peakBytes((async () => {
    for (let round = 0; round < 50; round += 1) {
      for (const peer of webSockets) peer.say(question);
    }
    for (const say of pollings) await say(...Array.from({ length: 50 }, () => question));
    // Meanwhile another person's tab, and one of the same person's, are served.
    const [cyd] = await newcomers(server, "cyd");
    await cyd.opens(ann);
    const cydTab = await cyd.connect();
    for (let number = 0; number < 20; number += 1) {
      assert.equal((await cydTab.send(ann, `hello ${number}`)).failure, undefined);
    }
    // Long enough for the server to have answered whatever it would answer.
    for (let number = 0; number < 20; number += 1) {
      const { messages } = await cydTab.join(ann);
      assert.equal(messages.length, 20);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })());
  const grown = (peak - before) / 1024 / 1024;
  assert.ok(grown < 150, `the server grew by ${grown.toFixed(0)} MiB`);
  for (const { socket } of webSockets) socket.destroy();
});

for (const transport of /** @type {const} */ (["websocket", "polling", "upgrade"])) {
  test(`a client that reads what it asks for may go on asking, over ${transport}`, { timeout: 120_000 }, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect();
    for (let round = 0; round < 6; round += 1) {
      await annTab.sendAll(ben, Array.from({ length: 500 }, (_, number) => `round ${round}, ${number}`));
    }
    const benTab = await ben.connect({ transport });
    let read = 0;
    // Thousands of short messages again and again: were more counted than is written, it would add up.
    for (let again = 0; again < 10; again += 1) {
      for (let since_id = 0, more = true; more; ) {
        const [page] = await benTab.ask("sync", { since_id });
        read += page.messages.length;
        since_id = page.messages.at(-1)?.id ?? since_id;
        more = page.more;
      }
      assert.equal((await benTab.join(ann)).messages.length, 1000);
    }
    assert.ok(read >= 30_000, `${read} were read`);
  });
}
