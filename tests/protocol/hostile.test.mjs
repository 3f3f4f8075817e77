// What no client would send: the server refuses it, forgets it, and goes on serving others.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { newcomers, partners, within } from "../support/client.mjs";
import { atRest, leavesNothing } from "../support/footprint.mjs";
import { frame } from "../support/frames.mjs";
import { startServer } from "../support/server.mjs";
import { WebSocketByHand } from "../support/web_socket.mjs";

/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());
const POLLING = `${server.url}/socket.io/?EIO=4&transport=polling`;

/** @type {Person} */
let ann;
/** @type {Person} */
let ben;
/** What the server holds before anybody is hostile. @type {Awaited<ReturnType<typeof atRest>>} */
let unused;
before(async () => {
  ({ ann, ben } = await partners(server));
  unused = await warmed();
});

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
    const peer = await WebSocketByHand.joined(server, ann);
    peer.say(packet, '429["sync",{"since_id":0}]');
    // The socket goes on or ends.
    await Promise.race([peer.closed, peer.hears("439[")]);
    peer.socket.destroy();
    await isServing();
  });
}

/** Bodies of long-polling that are no list of packets. @type {[what: string, body: BodyInit][]} */
const BODIES = [
  ["nothing", ""],
  ["separators alone", "\x1e\x1e\x1e"],
  ["a packet and half a packet", '42["sync",{"since_id":0}]\x1e42["sy'],
  ["a thousand packets that are none", Array.from({ length: 1000 }, () => "4x").join("\x1e")],
  ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x34])],
  ["half a character", Buffer.from([...Buffer.from('42["'), 0xe2, 0x98])],
  ["an attachment that nothing announced", "bAAAA"],
  ["an attachment that is no base64", "b$$$$"],
  ["attachments that come, but fewer", '452-["message_sent",{"_placeholder":true,"num":0}]\x1ebAAAA'],
  ["attachments that come, but none that is named", '451-["message_sent",{"_placeholder":true,"num":9}]\x1ebAAAA'],
  ["an attachment instead of a text", '451-["message_sent",{"message":{"_placeholder":true,"num":0},"chat_partner_id":1}]\x1ebAAAA'],
  ["a packet between a packet and its attachment", '451-["sync",{"_placeholder":true,"num":0}]\x1e42["sync",{"since_id":0}]\x1ebAAAA'],
  ["the length of a packet, as older clients write it", '9:42["sync"]'],
];

for (const [what, body] of BODIES) {
  test(`a poll that hands over ${what} harms nobody`, { timeout: 30_000 }, async () => {
    // A session that nobody polls keeps its place for a while, and a person has only so many.
    const [eve] = await newcomers(server, "eve");
    const { status } = await (await polling(eve.cookie)).say(body);
    assert.ok([200, 400].includes(status), `${status}`);
    await isServing();
  });
}

test("a frame of more than a packet may have ends its own socket, however it is cut", { timeout: 60_000 }, async () => {
  const part = "x".repeat(100_000);
  for (const [what, write] of /** @type {[string, (peer: WebSocketByHand) => void][]} */ ([
    ["one frame", (peer) => peer.say("x".repeat(1_000_001))],
    ["a frame that says it has 2^63 bytes", ({ socket }) => socket.write(Buffer.from([0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]))],
    ["fragments that never end", ({ socket }) => {
      socket.write(frame(1, part, false));
      for (let number = 0; number < 20; number += 1) socket.write(frame(0, part, false));
    }],
  ])) {
    const peer = await WebSocketByHand.joined(server, ann);
    write(peer);
    await within(peer.closed, () => `the end of a socket after ${what}`);
    await isServing();
  }
});

test("a wrong value as long as a packet is not sent back", { timeout: 30_000 }, async () => {
  const peer = await WebSocketByHand.joined(server, ann);
  for (let number = 0; number < 5; number += 1) {
    peer.say(`42${number}["join_chat",{"chat_partner_id":"${"\u0080".repeat(400_000)}"}]`);
  }
  peer.say('4277["sync",{"since_id":9007199254740991}]');
  await peer.hears('"more":false');
  peer.socket.destroy();
  assert.ok(peer.heardBytes < 20_000, `${peer.heardBytes} bytes came back`);
});

test("attachments that never come, bytes that are no text and frames that are none end their own socket only", { timeout: 30_000 }, async () => {
  for (const sent of [
    frame(1, '453-["message_sent",{"_placeholder":true,"num":0}]'), // three attachments, none sent
    frame(2, Buffer.from([0xff, 0xfe, 0x00])), // an attachment that nothing announced
    frame(1, Buffer.from([0xff, 0xfe, 0x34])), // text that is not UTF-8
    frame(0x71, "40"), // reserved bits
    frame(15, "40"), // no such kind of frame
    frame(0, ""), // a continuation of nothing
    frame(1, "40", false), // a beginning without an end
  ]) {
    const { socket } = await WebSocketByHand.joined(server, ann);
    socket.write(sent);
    await isServing();
    socket.destroy();
  }
});

test("thousands of namespaces and acknowledgements that nobody asked for are not kept", { timeout: 60_000 }, async () => {
  const peer = await WebSocketByHand.open(server, ann);
  for (let number = 0; number < 5000; number += 1) {
    peer.say(`40/namespace-${number},`, `43${number}[]`, `42${number}["no such event",{}]`);
  }
  await isServing();
  peer.socket.destroy();
});

test("sockets that are opened and forgotten, half closed or left in the middle of a frame are closed", { timeout: 120_000 }, async () => {
  const silent = await WebSocketByHand.open(server, ann);
  const [halfClosed, midFrame] = [await WebSocketByHand.joined(server, ann), await WebSocketByHand.joined(server, ann)];
  // The peer's own half ends; it would go on reading.
  halfClosed.socket.allowHalfOpen = true;
  halfClosed.socket.end();
  midFrame.socket.write(Buffer.from([0x81, 0xfe, 0x10, 0x00, 0, 0, 0, 0, 0x34]));
  await Promise.all([silent, halfClosed, midFrame].map(({ closed }) => closed));
  // Sessions of polling that nobody polls, joined or not.
  const [eve] = await newcomers(server, "eve");
  for (let number = 0; number < 20; number += 1) await fetch(POLLING, { headers: { cookie: eve.cookie } });
  for (let number = 0; number < 20; number += 1) await polling(eve.cookie);
  await isServing();
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

/** Memory that clients need once, whoever they are, is taken before anything is measured. */
async function warmed() {
  for (let round = 0; round < 3; round += 1) await isServing();
  return atRest(server);
}

test("afterwards memory, threads, sockets and tasks are back", { timeout: 240_000 }, async () => {
  for (let round = 0; round < 100; round += 1) {
    // A socket counts for its address until 10 s after it began, however soon it ended.
    const from = { cookie: ann.cookie, address: `127.0.4.${1 + round}` };
    const peers = await Promise.all(Array.from({ length: 10 }, () => WebSocketByHand.open(server, from)));
    for (const [number, peer] of peers.entries()) peer.say("40", ...PACKETS.slice(number * 5, number * 5 + 5));
    for (const { socket } of peers) socket.destroy();
  }
  await leavesNothing(server, unused);
  await isServing();
});
