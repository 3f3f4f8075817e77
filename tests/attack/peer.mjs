// One attacker, in a process of its own, so that what it does costs the bystanders' clocks nothing.
// `node peer.mjs NAME ATTACKER SECONDS`, the attacker as JSON; prints what it did as JSON.

import { connect } from "node:net";
import { setPriority } from "node:os";

import { frame, opening } from "../support/frames.mjs";
import { ATTACKS } from "./attacks.mjs";

const [name, json, seconds] = process.argv.slice(2);
const attack = ATTACKS[name];
/** @type {import("./attacks.mjs").Attacker} */
const attacker = JSON.parse(json);
// It stands for another machine: it takes the processor time that the server and the bystanders leave.
setPriority(10);
const ends = Date.now() + Number(seconds) * 1000;

const did = { connections: 0, closedByServer: 0, bytes: 0, failed: 0 };

/** How soon a connection that was closed or refused is opened again. */
const AGAIN_MS = 20;

const OPENING = opening(`${attacker.host}:${attacker.port}`, attacker.cookie);

/** What a connection sends in that turn. @param {number} turn */
function bytesOf(turn) {
  if (attack.packets) {
    const packets = attack.packets(attacker, turn);
    const joining = turn === 0 && attacker.cookie ? [frame(1, attack.protocol === 2 ? '40{"protocol":2}' : "40")] : [];
    return Buffer.concat([
      ...joining,
      ...packets.map((packet) => (typeof packet === "string" ? frame(1, packet) : packet)),
    ]);
  }
  return Buffer.from(attack.requests?.(attacker, turn) ?? "");
}

/** @type {Set<import("node:net").Socket>} */
const open = new Set();

/** Attacks over one connection, and over the next when that has ended. */
function goOn() {
  if (Date.now() >= ends) return;
  const socket = connect({ host: attacker.host, port: attacker.port, localAddress: attacker.address });
  open.add(socket);
  let turn = 0;
  let hasBegun = !attack.packets;
  const send = () => {
    if (Date.now() >= ends || socket.destroyed) return;
    const bytes = bytesOf(turn);
    turn += 1;
    did.bytes += bytes.length;
    const isThrough = bytes.length === 0 || socket.write(bytes);
    if (attack.churns) return socket.end();
    if (bytes.length === 0) return;
    // After each turn the other connections have theirs.
    if (isThrough) setImmediate(send);
    else socket.once("drain", send);
  };
  socket.on("connect", () => {
    did.connections += 1;
    if (attack.packets) socket.write(OPENING);
    else if (attack.bytes) socket.write(attack.bytes);
    else send();
    if (hasBegun && !attacker.reads) socket.pause();
  });
  socket.on("data", () => {
    if (hasBegun) return;
    hasBegun = true;
    if (!attacker.reads) socket.pause();
    send();
  });
  socket.on("error", () => (did.failed += 1));
  socket.on("end", () => (did.closedByServer += 1));
  socket.on("close", () => {
    open.delete(socket);
    setTimeout(goOn, AGAIN_MS);
  });
}

for (let index = 0; index < attacker.sockets; index += 1) goOn();
setTimeout(() => {
  console.log(JSON.stringify(did));
  process.exit(0);
}, Number(seconds) * 1000);
