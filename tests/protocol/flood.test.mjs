// What no client sends, and more than any client sends, ends its own socket at once; nobody else notices.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { partners, within } from "../support/client.mjs";
import { residentBytes } from "../support/footprint.mjs";
import { frame } from "../support/frames.mjs";
import { startServer } from "../support/server.mjs";
import { WebSocketByHand } from "../support/web_socket.mjs";

const server = await startServer({ isOrdinary: true, args: ["--bcrypt-cost", "4"] });
after(() => server.remove());

/** @type {import("../support/client.mjs").Person} */
let ann;
/** @type {import("../support/client.mjs").Person} */
let ben;
before(async () => {
  ({ ann, ben } = await partners(server));
});

/** @param {string} address */
const linesAbout = (address) => server.log.split("\n").filter((line) => line.includes(`closed a socket of ${address}`));

/** @type {[what: string, why: string, packets: (string | Buffer)[]][]} */
const FLOODS = [
  ["CONNECT again", "it sent CONNECT again", ["40"]],
  ["CONNECT to another namespace", "it asked for another namespace", ["40/other,"]],
  ["events after DISCONNECT", "it stayed after DISCONNECT", ["41", '42["sync",{"since_id":0}]']],
  ["a binary event", "it sent binary data", ['451-["message_sent",{"_placeholder":true,"num":0}]']],
  ["a binary frame", "it sent binary data", [frame(2, "abc")]],
  ["an acknowledgement", "it sent an acknowledgement", ["431[]"]],
  ["an upgrade out of place", "it sent a packet out of place", ["5"]],
  ["an open packet", "it sent a packet out of place", ["0{}"]],
  ["a packet that is none", "it sent a malformed packet", ["x"]],
  ["a continuation of nothing", "it sent a frame that breaks", [frame(0, "x")]],
  ["pings", "it sent too many heartbeats", Array.from({ length: 500 }, () => frame(9, ""))],
  ["heartbeats", "it sent too many heartbeats", Array.from({ length: 500 }, () => "3")],
  ["unknown events without end", "it sent too many packets", Array.from({ length: 7000 }, () => '42["unknown"]')],
];

for (const [number, [what, why, packets]] of FLOODS.entries()) {
  for (const reads of [true, false]) {
    test(`a peer that sends ${what}${reads ? "" : " and does not read"} is closed`, { timeout: 60_000 }, async () => {
      const address = `127.0.3.${1 + 2 * number + (reads ? 0 : 1)}`;
      const { socket, closed } = await WebSocketByHand.joined(server, { cookie: ann.cookie, address });
      const before = await residentBytes(server);
      const said = packets.map((packet) => (typeof packet === "string" ? frame(1, packet) : packet));
      if (!reads) socket.pause();
      socket.write(Buffer.concat(said));
      // A paused socket hears of its end by an error only: it goes on writing.
      const writing = setInterval(() => socket.write(Buffer.concat(said)), 20);
      await within(closed, () => `the end of a socket after ${what}`).finally(() => clearInterval(writing));
      for (let tries = 0; tries < 100 && linesAbout(address).length === 0; tries += 1) await pause(50);
      assert.equal(linesAbout(address).length, 1);
      assert.ok(linesAbout(address)[0].includes(why), linesAbout(address)[0]);
      assert.ok((await residentBytes(server)) - before < 200 * 1024 * 1024);
      const [annTab, benTab] = [await ann.connect(), await ben.connect()];
      assert.equal((await annTab.send(ben, "still here")).failure, undefined);
      annTab.close();
      benTab.close();
    });
  }
}

test("a socket of polling that sends what no client sends is closed", { timeout: 60_000 }, async () => {
  for (const [version, opening, packet] of /** @type {const} */ ([
    [4, "40", "40"],
    [4, "40", "bAAAA"],
    [4, "40", '42["sync",{"since_id":0}]\x1e431[]'],
    [3, "1:2", "2:40"],
    [3, "1:2", "5:431[]"],
  ])) {
    const url = `${server.url}/socket.io/?EIO=${version}&transport=polling`;
    const headers = { cookie: ann.cookie };
    const opened = await (await fetch(url, { headers })).text();
    const sid = /"sid":"([^"]+)"/.exec(opened)?.[1];
    const say = async (/** @type {string} */ body) =>
      (await fetch(`${url}&sid=${sid}`, { method: "POST", headers, body })).status;
    assert.equal(await say(opening), 200);
    assert.equal(await say(packet), 400, packet);
    assert.equal((await fetch(`${url}&sid=${sid}`, { headers })).status, 400, "the socket is still there");
  }
});

test("a socket that leaves and says nothing more is closed", { timeout: 60_000 }, async () => {
  const peer = await WebSocketByHand.open(server, { cookie: ann.cookie, address: "127.0.3.200" });
  peer.say("40", "41");
  await within(peer.closed, () => "the end of a socket that has left");
});
