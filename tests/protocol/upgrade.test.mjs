// An upgrade that fails costs only the WebSocket: polling goes on as if it had never been tried.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { WebSocket } from "ws";

import { VERSIONS, partners, texts, within } from "../support/client.mjs";
import { handshake } from "../support/handshake.mjs";
import { FAULTS, Middlebox } from "../support/middlebox.mjs";
import { startServer } from "../support/server.mjs";

const bounded = { timeout: 60_000 };
const MESSAGES = 24;
const ROUNDS = 3;
/** How long nothing happens while polls are counted: longer than an attempt to upgrade may take. */
const REST_MS = 12_000;

const server = await startServer();
after(() => server.remove());

/** @param {import("../support/client.mjs").Client} tab */
const heard = (tab) => tab.payloads("message_received_from_current_chat").map(({ message }) => message);

/**
 * A person who has a chat with another, and the tabs of both; hers behind the middlebox, on its way from
 * polling to a WebSocket.
 * @param {Middlebox} middlebox @param {import("../support/client.mjs").Version} version
 */
async function throughMiddlebox(middlebox, version) {
  const { ann, ben } = await partners(server);
  const bens = await ben.connect();
  await bens.join(ann);
  const anns = await ann.connect({ transport: "upgrading", url: middlebox.url, version });
  await anns.join(ben);
  return { ann, ben, anns, bens };
}

/**
 * Both write at the same time; each message arrives once, in order, and nobody was disconnected.
 * @param {Awaited<ReturnType<typeof throughMiddlebox>>} people @param {string[]} messages
 */
async function bothWrite({ ann, ben, anns, bens }, messages) {
  const last = messages.at(-1);
  const isLast = (/** @type {{ message: string }} */ { message }) => message === last;
  const before = [heard(anns).length, heard(bens).length];
  await Promise.all([
    anns.sendAll(ben, messages),
    bens.sendAll(ann, messages),
    anns.receives("message_received_from_current_chat", isLast),
    bens.receives("message_received_from_current_chat", isLast),
  ]);
  assert.deepEqual(heard(anns).slice(before[0]), messages);
  assert.deepEqual(heard(bens).slice(before[1]), messages);
}

describe("where WebSockets are broken", { concurrency: true }, () => {
  for (const fault of FAULTS) {
    for (const version of VERSIONS) {
      test(`polling goes on and does not spin, with client ${version} and the fault "${fault}"`, bounded, async () => {
        const middlebox = await Middlebox.start(server, fault);
        try {
          const people = await throughMiddlebox(middlebox, version);
          await bothWrite(people, texts(`early ${fault}`, MESSAGES));
          const [polls, began] = [middlebox.polls, Date.now()];
          await pause(REST_MS);
          const rate = (middlebox.polls - polls) / ((Date.now() - began) / 1000);
          assert.ok(rate < 2, `${rate.toFixed(1)} polls a second while nothing happened`);
          await bothWrite(people, texts(`late ${fault}`, MESSAGES));
          assert.equal(middlebox.webSockets, 1);
          assert.equal(people.anns.transport, "polling");
          for (const tab of [people.anns, people.bens]) tab.close();
        } finally {
          middlebox.close();
        }
      });
    }
  }
});

describe("an upgrade that succeeds", { concurrency: true }, () => {
  for (const fault of /** @type {const} */ (["pass", "late"])) {
    for (const version of VERSIONS) {
      test(`loses, doubles and reorders nothing while both write, with client ${version}, ${fault}`, bounded, async () => {
        const middlebox = await Middlebox.start(server, fault);
        try {
          for (let round = 0; round < ROUNDS; round += 1) {
            const people = await throughMiddlebox(middlebox, version);
            const upgraded = people.anns.upgraded();
            for (let part = 0; part < 4; part += 1) {
              await bothWrite(people, texts(`${fault} ${round} ${part}`, MESSAGES));
            }
            await upgraded;
            await bothWrite(people, texts(`${fault} ${round} after`, MESSAGES));
            for (const tab of [people.anns, people.bens]) tab.close();
          }
        } finally {
          middlebox.close();
        }
      });
    }
  }
});

for (const protocol of [4, 3]) {
  test(`what one poll had no room for comes over the WebSocket, in Engine.IO ${protocol}`, bounded, async () => {
    const { ann, ben } = await partners(server);
    const bens = await ben.connect();
    const first = `/socket.io/?EIO=${protocol}&transport=polling`;
    const headers = { cookie: ann.cookie };
    const poll = async (path = first) => (await fetch(server.url + path, { headers })).text();
    const sid = /"sid":"([^"]+)"/.exec(await poll())?.[1];
    const path = `${first}&sid=${sid}`;
    const say = (/** @type {string} */ packet) => {
      const body = protocol === 4 ? packet : `${packet.length}:${packet}`;
      return fetch(server.url + path, { method: "POST", headers, body });
    };
    if (protocol === 4) await say("40");
    await poll(path);
    await say(`420["join_chat",{"chat_partner_id":${ben.id}}]`);
    // The chat that was opened may be told of before it is joined.
    while (!(await poll(path)).includes("430["));
    // More than one answer to a poll may hold.
    const messages = texts("long", 150).map((text) => text.padEnd(9000, "."));
    await bens.sendAll(ann, messages);
    const heard = (/** @type {string} */ packets) => [...packets.matchAll(/long \d+\b/g)].map(([text]) => text);
    const received = heard(await poll(path));
    assert.ok(received.length > 0 && received.length < messages.length, `${received.length} in one poll`);
    const socket = new WebSocket(server.url + path.replace("polling", "websocket"), { headers });
    try {
      await within(
        new Promise((resolve, reject) => {
          socket.on("open", () => socket.send("2probe"));
          socket.on("error", reject);
          socket.on("close", () => reject(new Error("the WebSocket was closed")));
          socket.on("message", (data) => {
            const packet = String(data);
            if (packet === "3probe") socket.send("5");
            received.push(...heard(packet));
            if (received.at(-1) === "long 150") resolve(undefined);
          });
        }),
        () => "the last message",
      );
    } finally {
      socket.close();
    }
    assert.deepEqual(received, messages.map((message) => heard(message)[0]));
  });
}

test("a WebSocket for a socket that there is not is refused", bounded, async () => {
  const { status, close } = await handshake(server, "websocket", {}, "&sid=AAAAAAAAAAAAAAHs");
  close();
  assert.equal(status, 400);
});
