// A middlebox as companies and antivirus programs have them: it lets the 101 of a WebSocket through and
// then breaks the WebSocket in one way or another. Everything else passes.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** @import { AddressInfo, Socket } from "node:net" */

/**
 * What is done to a WebSocket after its 101: closed at once; nothing passes in, or out, or either way; each
 * direction comes late.
 * @typedef {"close" | "mute in" | "mute out" | "mute" | "late" | "pass"} Fault
 */

/** @type {Fault[]} */
export const FAULTS = ["close", "mute in", "mute out", "mute"];

const LATE_MS = 300;

export class Middlebox {
  #server;
  /** @type {Set<Socket>} */
  #sockets = new Set();
  /** How many polls have passed. */
  polls = 0;
  /** How many WebSockets were asked for. */
  webSockets = 0;

  /** @param {number} port @param {Fault} fault */
  constructor(port, fault) {
    this.#server = createServer((client) => this.#carry(client, port, fault));
  }

  /** @param {import("./server.mjs").Server} server @param {Fault} fault */
  static async start(server, fault) {
    const middlebox = new Middlebox(Number(new URL(server.url).port), fault);
    middlebox.#server.listen(0, "127.0.0.1");
    await once(middlebox.#server, "listening");
    return middlebox;
  }

  get url() {
    return `http://127.0.0.1:${/** @type {AddressInfo} */ (this.#server.address()).port}`;
  }

  close() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** @param {Socket} client @param {number} port @param {Fault} fault */
  #carry(client, port, fault) {
    const server = connect(port, "127.0.0.1");
    let isWebSocket = false;
    let hasBegun = false;
    for (const [socket, other] of [[client, server], [server, client]]) {
      this.#sockets.add(socket);
      socket.setNoDelay();
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", async (/** @type {Buffer} */ bytes) => {
      const text = bytes.toString("latin1");
      if (/^GET [^ ]*transport=websocket/.test(text)) {
        isWebSocket = true;
        this.webSockets += 1;
      } else if (/^GET [^ ]*transport=polling[^ ]*sid=/.test(text)) {
        this.polls += 1;
      } else if (isWebSocket && hasBegun) {
        if (fault === "mute in" || fault === "mute") return;
        if (fault === "late") await pause(LATE_MS);
      }
      server.write(bytes);
    });
    server.on("data", async (/** @type {Buffer} */ bytes) => {
      if (isWebSocket && hasBegun) {
        if (fault === "mute out" || fault === "mute") return;
        if (fault === "late") await pause(LATE_MS);
      }
      client.write(bytes);
      if (isWebSocket && !hasBegun) {
        hasBegun = true;
        if (fault === "close") {
          client.end();
          server.destroy();
        }
      }
    });
  }
}
