// A slow link in front of a server, in the manner of a phone far from its mast: what is sent arrives half a
// round trip later, all connections share the bandwidth of each direction packet by packet, and opening a
// connection costs a round trip. It loses nothing, and what is counted are the bytes within TCP.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** @import { AddressInfo, Server, Socket } from "node:net" */

/** What an Ethernet frame carries of a TCP connection. */
const PACKET_BYTES = 1460;
/** The server answers each connection by HTTP/1.1, so a request begins a chunk of its own. */
const REQUEST = /^([A-Z]+ [^ ]+) HTTP\/1\.1\r\n/;
const QUIET_LOOK_MS = 50;

/** @param {number} at a time of `performance.now()` */
const until = (at) => sleep(Math.max(0, at - performance.now()));

/** One direction of the link. */
class Direction {
  #bytesPerMs;
  #delayMs;
  /** What waits to be sent, by where it goes; the first is next. `null` ends a connection. @type {Map<Socket, (Buffer | null)[]>} */
  #queues = new Map();
  #isSending = false;
  /** What was sent and has not arrived, in that order. @type {{ to: Socket, packet: Buffer | null, at: number }[]} */
  #onTheWay = [];
  /** How many bytes have arrived. */
  bytes = 0;

  /** @param {number} bytesPerMs @param {number} delayMs */
  constructor(bytesPerMs, delayMs) {
    this.#bytesPerMs = bytesPerMs;
    this.#delayMs = delayMs;
  }

  get isIdle() {
    return !this.#isSending && this.#onTheWay.length === 0;
  }

  /** Sends `chunk`, or the end of the connection. @param {Socket} to @param {Buffer | null} chunk */
  send(to, chunk) {
    const queue = this.#queues.get(to);
    if (queue) queue.push(chunk);
    else this.#queues.set(to, [chunk]);
    if (!this.#isSending) void this.#transmit();
  }

  async #transmit() {
    this.#isSending = true;
    // Counted on from packet to packet: a timer that fires late takes nothing from the bandwidth.
    let freeAt = performance.now();
    // A queue that is not empty yet is put behind the others, so this ends when all are.
    for (const [to, queue] of this.#queues) {
      this.#queues.delete(to);
      const chunk = queue.shift() ?? null;
      const packet = chunk?.subarray(0, PACKET_BYTES) ?? null;
      if (chunk && chunk.length > PACKET_BYTES) queue.unshift(chunk.subarray(PACKET_BYTES));
      if (queue.length > 0) this.#queues.set(to, queue);
      freeAt += (packet?.length ?? 0) / this.#bytesPerMs;
      this.#onTheWay.push({ to, packet, at: freeAt + this.#delayMs });
      if (this.#onTheWay.length === 1) void this.#arrive();
      await until(freeAt);
    }
    this.#isSending = false;
  }

  async #arrive() {
    for (let next; (next = this.#onTheWay[0]); this.#onTheWay.shift()) {
      await until(next.at);
      if (next.packet) next.to.write(next.packet);
      else next.to.end();
      this.bytes += next.packet?.length ?? 0;
    }
  }
}

export class SlowLink {
  #server;
  #port;
  #roundTripMs;
  #down;
  #up;
  /** @type {Set<Socket>} */
  #sockets = new Set();
  /** What was counted before `forget`. */
  #forgotten = { down: 0, up: 0 };
  /** The requests so far, as in `GET /chats`; that of a WebSocket as well. @type {string[]} */
  requests = [];

  /** @param {Server} server @param {number} port @param {{ roundTripMs: number, bitsPerSecond: number }} speed */
  constructor(server, port, { roundTripMs, bitsPerSecond }) {
    this.#server = server;
    this.#port = port;
    this.#roundTripMs = roundTripMs;
    this.#down = new Direction(bitsPerSecond / 8000, roundTripMs / 2);
    this.#up = new Direction(bitsPerSecond / 8000, roundTripMs / 2);
  }

  /**
   * Starts a link to that port of this machine.
   * @param {number} port @param {{ roundTripMs: number, bitsPerSecond: number }} speed of each direction
   */
  static async start(port, speed) {
    const server = createServer({ pauseOnConnect: true }, (client) => void link.#carry(client));
    const link = new SlowLink(server, port, speed);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return link;
  }

  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  get url() {
    return `http://127.0.0.1:${/** @type {AddressInfo} */ (this.#server.address()).port}`;
  }

  /** How many bytes clients were sent. */
  get bytesDown() {
    return this.#down.bytes - this.#forgotten.down;
  }

  /** How many bytes clients sent. */
  get bytesUp() {
    return this.#up.bytes - this.#forgotten.up;
  }

  /** Begins to count anew. */
  forget() {
    this.#forgotten = { down: this.#down.bytes, up: this.#up.bytes };
    this.requests = [];
  }

  /** Resolves when the link has been idle for so long. @param {number} ms */
  async quiet(ms) {
    let since = performance.now();
    while (performance.now() - since < ms) {
      await sleep(QUIET_LOOK_MS);
      if (!this.#down.isIdle || !this.#up.isIdle) since = performance.now();
    }
  }

  /** Ends all connections. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  close() {
    this.#server.close();
    this.cut();
  }

  /** @param {Socket} client */
  async #carry(client) {
    this.#keep(client);
    // The handshake of TCP: for the client it is over at once, so its first bytes wait.
    await sleep(this.#roundTripMs);
    if (client.destroyed) return;
    const server = this.#keep(connect(this.#port, "127.0.0.1"));
    client.on("data", (/** @type {Buffer} */ chunk) => {
      const request = REQUEST.exec(chunk.toString("latin1"));
      if (request) this.requests.push(request[1]);
      this.#up.send(server, chunk);
    });
    server.on("data", (/** @type {Buffer} */ chunk) => this.#down.send(client, chunk));
    client.on("close", () => this.#up.send(server, null));
    server.on("close", () => this.#down.send(client, null));
    client.resume();
  }

  /** @param {Socket} socket */
  #keep(socket) {
    this.#sockets.add(socket);
    socket.setNoDelay();
    // A connection that breaks is closed as well; that is all there is to say.
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    return socket;
  }
}
