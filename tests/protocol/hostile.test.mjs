// What no client would send: the server refuses it, forgets it, and goes on serving others.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { partners } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());
const port = Number(new URL(server.url).port);
const POLLING = `${server.url}/socket.io/?EIO=4&transport=polling`;

/** @type {Person} */
let ann;
/** @type {Person} */
let ben;
before(async () => ({ ann, ben } = await partners(server)));

/** A good client is served: the promise behind every test here. */
async function isServing() {
  const [annTab, benTab] = [await ann.connect(), await ben.connect({ transport: "polling" })];
  await benTab.join(ann);
  const sent = await annTab.send(ben, "still here");
  assert.equal(sent.failure, undefined);
  await benTab.receives("message_received_from_current_chat", ({ id }) => id === sent.id);
  annTab.close();
  benTab.close();
}

/** A session of polling, joined to the namespace. @param {string} [cookie] */
async function polling(cookie = ann.cookie) {
  const headers = { cookie };
  const opened = await (await fetch(POLLING, { headers })).text();
  const { sid } = JSON.parse(opened.slice(1));
  const say = (/** @type {BodyInit} */ body) => fetch(`${POLLING}&sid=${sid}`, { method: "POST", headers, body });
  const hear = async () => (await fetch(`${POLLING}&sid=${sid}`, { headers })).text();
  await say("40");
  await hear();
  return { say, hear, sid };
}

/** A WebSocket by hand; `say` sends a masked frame. @param {string} path */
async function webSocket(path) {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {}); // being cut off is an answer too
  await once(socket, "connect");
  const head = [
    `GET ${path} HTTP/1.1`,
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Cookie: ${ann.cookie}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await once(socket, "data");
  const say = (/** @type {Buffer | string} */ data, first = 0x81) => {
    const body = Buffer.from(data);
    const size = body.length < 126 ? [0x80 | body.length] : [0x80 | 127, ...lengthBytes(body.length)];
    socket.write(Buffer.concat([Buffer.from([first, ...size, 0, 0, 0, 0]), body]));
  };
  return { socket, say };
}

/** @param {number} length */
function lengthBytes(length) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}

const NESTED = "[".repeat(50_000) + "]".repeat(50_000);

/** Packets that are no packets, or not for this place. @type {string[]} */
const PACKETS = [
  "", "4", "5", "6", "9", "x", "\0", "42", "4a", "42[", "42]", "42{}", "42[]", '42["', '42["join_chat"', "42[1]", "42[null]",
  "42[[]]", '42[{"a":1}]', "43", "43[]", "431[]", "43999999999999999999[]", "44", "45", "450-", '451-["x"]', '4599-["message_sent"]',
  '45-1-["message_sent",{"_placeholder":true,"num":0}]', '42999999999999999999999["join_chat",{}]', '42-1["join_chat",{}]',
  "40/nowhere,", "40/,{", '40{"a":', "41", "41/nowhere,", "42/nowhere,[]", `42["message_sent",${NESTED}]`, `42${NESTED}`,
  `42["${"x".repeat(100_000)}"]`, '42["message_sent",{"message":"\\ud800","chat_partner_id":1}]',
  '42["message_sent",{"message":"a\\u0000b","chat_partner_id":2}]', '42["\\u0000"]', '420["join_chat",{"chat_partner_id":1e400}]',
  '421["join_chat",{"chat_partner_id":"99999999999999999999999999"}]', '422["sync",{"since_id":-9223372036854775808}]',
  '423["sync",{"since_id":18446744073709551616}]', '424["message_history_is_scrolled_to_the_top",{"chat_partner_id":2,"message_count":-1}]',
  '425["new_message_count_updated",{"chat_partner_id":2,"new_message_count":1e308}]', '426["disconnect"]', '427["connect"]', '428["error"]',
];

for (const [number, packet] of PACKETS.entries()) {
  const shown = JSON.stringify(packet.slice(0, 40));
  test(`packet ${number + 1}, ${shown}, harms nobody, by polling and by WebSocket`, { timeout: 30_000 }, async () => {
    const session = await polling();
    const answer = await session.say(packet);
    assert.ok([200, 400, 413].includes(answer.status), `${answer.status}`);
    const { socket, say } = await webSocket("/socket.io/?EIO=4&transport=websocket");
    say("40");
    await once(socket, "data");
    say(packet);
    // The answer, if there is one, or the end; a ping at the latest shows that it lives.
    say('429["sync",{"since_id":0}]');
    await Promise.race([once(socket, "data"), once(socket, "close")]);
    socket.destroy();
    await isServing();
  });
}

test("attachments that never come, bytes that are no text and frames that are none end their own socket only", { timeout: 30_000 }, async () => {
  for (const [data, first] of /** @type {const} */ ([
    ['453-["message_sent",{"_placeholder":true,"num":0}]', 0x81], // three attachments, none sent
    [Buffer.from([0xff, 0xfe, 0x00]), 0x82], // an attachment that nothing announced
    [Buffer.from([0xff, 0xfe, 0x34]), 0x81], // text that is not UTF-8
    ["40", 0xf1], // reserved bits
    ["40", 0x8f], // no such kind of frame
    ["", 0x80], // a continuation of nothing
    ["40", 0x01], // a beginning without an end
  ])) {
    const { socket, say } = await webSocket("/socket.io/?EIO=4&transport=websocket");
    say("40");
    await once(socket, "data");
    say(/** @type {string} */ (data), first);
    await isServing();
    socket.destroy();
  }
});

test("thousands of namespaces and acknowledgements that nobody asked for are not kept", { timeout: 60_000 }, async () => {
  const { socket, say } = await webSocket("/socket.io/?EIO=4&transport=websocket");
  socket.resume();
  for (let number = 0; number < 5000; number += 1) {
    say(`40/namespace-${number},`);
    say(`43${number}[]`);
    say(`42${number}["no such event",{}]`);
  }
  await isServing();
  socket.destroy();
});

test("sessions that are not there, versions that do not exist and methods that make no sense are refused", async () => {
  for (const [method, path, statuses] of /** @type {const} */ ([
    ["GET", "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", [400]],
    ["POST", "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", [400]],
    ["GET", "/socket.io/?EIO=4&transport=polling&sid=%00%ff", [400]],
    ["GET", "/socket.io/?EIO=5&transport=polling", [400]],
    ["GET", "/socket.io/?EIO=4&transport=telepathy", [400]],
    ["GET", "/socket.io/?EIO=4&transport=websocket", [400, 426]],
    ["GET", "/socket.io/", [400]],
    ["PUT", "/socket.io/?EIO=4&transport=polling", [400, 405]],
    ["DELETE", "/socket.io/?EIO=4&transport=polling&sid=x", [400, 405]],
  ])) {
    const answer = await fetch(server.url + path, { method, headers: { cookie: ann.cookie } });
    assert.ok(/** @type {readonly number[]} */ (statuses).includes(answer.status), `${method} ${path}: ${answer.status}`);
  }
  const { say } = await polling();
  assert.equal((await say("x".repeat(2_000_000))).status, 413);
  await isServing();
});

test("afterwards the memory and the connections are back", { timeout: 120_000 }, async () => {
  const resident = async () => Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${server.pid}/status`, "utf8"))?.[1]);
  const handles = async () => (await readdir(`/proc/${server.pid}/fd`)).length;
  await isServing();
  const [memory, open] = [await resident(), await handles()];
  for (let round = 0; round < 100; round += 1) {
    const sockets = await Promise.all(Array.from({ length: 10 }, () => webSocket("/socket.io/?EIO=4&transport=websocket")));
    for (const [number, { socket, say }] of sockets.entries()) {
      socket.resume();
      say("40");
      for (const packet of PACKETS.slice(number * 5, number * 5 + 5)) say(packet);
    }
    for (const { socket } of sockets) socket.destroy();
  }
  // A connection that was cut in the middle is noticed a moment later.
  for (let tries = 0; (await handles()) > open + 20 && tries < 200; tries += 1) await pause(100);
  assert.ok((await handles()) <= open + 20, `${await handles()} handles are open, ${open} were`);
  const grown = ((await resident()) - memory) / 1024;
  assert.ok(grown < 60, `the server grew by ${grown.toFixed(0)} MiB`);
  // A socket that went while it was being let in keeps its places, its user's and its address's, for
  // ten seconds.
  for (let tries = 0; ; tries += 1) {
    try {
      return await isServing();
    } catch (error) {
      if (tries === 200 || !/too many open|websocket error/.test(String(error))) throw error;
      await pause(100);
    }
  }
});
