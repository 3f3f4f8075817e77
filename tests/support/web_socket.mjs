// A WebSocket by hand: it sends frames as they are, and reads or does not.

import { once } from "node:events";
import { connect } from "node:net";

import { within } from "./client.mjs";
import { frame, opening } from "./frames.mjs";

/** How many of the characters that came last are looked through for a word. */
const KEPT_CHARS = 64 * 1024;

export class WebSocketByHand {
  /** What came after the last word that was waited for. */
  #heard = "";
  /** How many bytes came, those of the answer to the handshake included. */
  heardBytes = 0;

  /** @param {import("node:net").Socket} socket */
  constructor(socket) {
    this.socket = socket;
    /** Resolves when the connection has ended, with a reset or in peace. @type {Promise<void>} */
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (data) => {
      this.heardBytes += data.length;
      this.#heard = (this.#heard + data.toString("latin1")).slice(-KEPT_CHARS);
    });
  }

  /**
   * A WebSocket that is open and has not joined.
   * @param {import("./server.mjs").Server} server
   * @param {{ cookie?: string, address?: string }} [options] `address`: where the connection comes from
   */
  static async open(server, { cookie, address } = {}) {
    const { host, hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port), localAddress: address });
    socket.on("error", () => {}); // being cut off is what most tests ask for
    await once(socket, "connect");
    const opened = new WebSocketByHand(socket);
    socket.write(opening(host, cookie));
    await opened.hears('"sid"');
    return opened;
  }

  /** The same, joined to the namespace. @param {Parameters<typeof WebSocketByHand.open>} how */
  static async joined(...how) {
    const opened = await WebSocketByHand.open(...how);
    await opened.join();
    return opened;
  }

  async join() {
    this.say("40");
    await this.hears("40{");
  }

  /** Sends text frames. @param {string[]} packets */
  say(...packets) {
    this.socket.write(Buffer.concat(packets.map((packet) => frame(1, packet))));
  }

  /**
   * Resolves when `word` has come after the last word that was waited for, in one chunk or in several.
   * @param {string} word of ASCII
   */
  hears(word) {
    const { socket } = this;
    /** @type {Promise<void>} */
    const heard = new Promise((resolve, reject) => {
      const check = () => {
        const start = this.#heard.indexOf(word);
        if (start >= 0) {
          this.#heard = this.#heard.slice(start + word.length);
          resolve();
        } else if (socket.destroyed) reject(new Error(`closed, no ${word}; ${this.#last()}`));
        else return;
        socket.off("data", check).off("close", check);
      };
      socket.on("data", check).on("close", check);
      check();
    });
    return within(heard, () => `${word}; ${this.#last()}`);
  }

  #last() {
    return `what came last: ${JSON.stringify(this.#heard.slice(-200))}`;
  }
}
