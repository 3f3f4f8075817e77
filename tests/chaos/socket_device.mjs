// What devices of both protocols have in common: a connection that is made again whenever it breaks, and an
// outbox whose requests are sent until the server says yes or no. What is kept outlives a reload.

import { randomUUID } from "node:crypto";
import { io } from "socket.io-client";

/** @import { Socket } from "socket.io-client" */

/** How long an acknowledgement may take before the same question is asked again. */
const ANSWER_MS = 1500;
/** How long to wait after `unavailable` before trying again. */
const AGAIN_MS = 200;
/**
 * After how many answers that did not come a connection is begun anew. A client whose upgrade from polling has
 * broken hangs, and says that it is connected, until its heartbeat fails.
 */
const LOST_MAX = 3;

/**
 * A request that is not answered yet. Its key is the `client_id` of what has one.
 * @typedef {{ key: string, event: string, payload: any, attempts: number }} Unsent
 *
 * A request that was answered with yes, and on which connection, at which place of what was sent there.
 * @typedef {Unsent & { answer: any, connection: number, place: number }} Acknowledged
 *
 * A request that was answered with no, for good.
 * @typedef {Unsent & { failure: string }} Refused
 */

export class SocketDevice {
  #url;
  #cookie;
  #transports;
  #protocol;
  /** @type {Socket | undefined} */
  #socket;
  /** Which connection this is, over reloads. */
  #connection = 0;
  #places = 0;
  /** @type {Set<string>} keys of what is on its way now */
  #onItsWay = new Set();
  /** @type {(() => void)[]} who waits for an acknowledgement */
  #waiting = [];
  /** How many answers in a row did not come in time. */
  #lost = 0;
  /** @type {Unsent[]} */
  #outbox = [];

  /** What was acknowledged here, for the checker. @type {Acknowledged[]} */
  acknowledged = [];
  /** What was refused here, for the checker. @type {Refused[]} */
  refused = [];
  /** What the server must never do. @type {string[]} */
  faults = [];

  /**
   * @param {string} name
   * @param {{ id: number, cookie: string }} user
   * @param {string} url
   * @param {string[]} transports
   * @param {1 | 2} protocol
   */
  constructor(name, user, url, transports, protocol) {
    this.name = name;
    this.userId = user.id;
    this.#cookie = user.cookie;
    this.#url = url;
    this.#transports = transports;
    this.#protocol = protocol;
  }

  get isConnected() {
    return this.#socket?.connected === true;
  }

  /** Which connection this is; how often it was connected. */
  get connection() {
    return this.#connection;
  }

  /** How many requests wait for an answer. */
  get unsent() {
    return this.#outbox.length;
  }

  /** Whether nothing is left to do. */
  get idle() {
    return this.isConnected && this.unsent === 0;
  }

  /** Why the device is not idle, for a failure. */
  get state() {
    return JSON.stringify({ connected: this.isConnected, outbox: this.#outbox.slice(0, 3) });
  }

  /** Resolves when the next request of the outbox is acknowledged. @returns {Promise<void>} */
  acknowledgement() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  connect() {
    const socket = io(this.#url, {
      forceNew: true,
      transports: this.#transports,
      extraHeaders: { cookie: this.#cookie },
      reconnectionDelay: 50,
      reconnectionDelayMax: 400,
      timeout: 3000,
      // A closed one may wait for a heartbeat, which keeps nobody here.
      autoUnref: true,
      ...(this.#protocol === 2 ? { auth: { protocol: 2 } } : {}),
    });
    this.#socket = socket;
    // A page that was left may not come back.
    const isCurrent = () => this.#socket === socket;
    socket.on("connect", () => {
      this.#connection += 1;
      this.onConnect();
    });
    socket.on("disconnect", (reason) => {
      if (!isCurrent()) return;
      this.onDisconnect();
      if (reason === "io server disconnect") socket.connect();
    });
    socket.on("connect_error", (error) => {
      if (error.message === "not logged in") this.faults.push("a session was forgotten");
      else if (!socket.active) setTimeout(() => isCurrent() && socket.connect(), AGAIN_MS);
    });
    this.listen(socket);
  }

  close() {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#onItsWay.clear();
    this.onDisconnect();
    socket?.disconnect();
  }

  /** Begins a connection anew. */
  reconnect() {
    this.#lost = 0;
    if (this.isConnected) this.#socket?.disconnect().connect();
  }

  /** Tears everything down and builds it anew from what the tab's storage would hold. */
  reload() {
    this.close();
    const kept = JSON.parse(JSON.stringify({ outbox: this.#outbox, own: this.kept() }));
    this.#outbox = kept.outbox;
    this.restore(kept.own);
    this.connect();
  }

  /**
   * Sends a request, sooner or later, until it is answered.
   * @param {string} event @param {object} payload
   * @param {string} [key] of what has a client id
   */
  keepSending(event, payload, key = randomUUID()) {
    const unsent = { key, event, payload, attempts: 0 };
    this.#outbox.push(unsent);
    if (this.maySend) this.#attempt(unsent);
  }

  /** Sends again what has not been answered, oldest first. */
  flush() {
    for (const unsent of this.#outbox) this.#attempt(unsent);
  }

  /**
   * Asks the server, once. An answer to a page that was left, or on an earlier connection, is not taken.
   * @param {string} event @param {object} payload
   * @param {(lost: Error | null, ...answer: any[]) => void} take
   * @returns {boolean} whether it was sent
   */
  ask(event, payload, take) {
    const socket = this.#socket;
    if (!socket?.connected) return false;
    socket.timeout(ANSWER_MS).emit(event, payload, (/** @type {Error | null} */ lost, /** @type {any[]} */ ...answer) => {
      if (this.#socket !== socket) return;
      take(lost, ...answer);
      this.#lost = lost && socket.connected ? this.#lost + 1 : 0;
      if (this.#lost === LOST_MAX) this.reconnect();
    });
    return true;
  }

  /**
   * Whether that is an answer. When it is none but a sentence that says to ask again, calls `again` in a while.
   * @param {string} event @param {Error | null} lost @param {any} answer @param {() => void} again
   */
  isAnswered(event, lost, answer, again) {
    if (!lost && !answer.failure) return true;
    const isForLater = lost || answer.code === "unavailable" || answer.code === "too_often";
    if (!isForLater) this.faults.push(`${event}: ${answer.failure}`);
    const [socket, wait] = [this.#socket, 1000 * (answer?.retry_after ?? 0)];
    setTimeout(() => this.#socket === socket && again(), Math.max(AGAIN_MS, wait));
    return false;
  }

  /** @param {Unsent} unsent */
  #attempt(unsent) {
    const { key, event, payload } = unsent;
    if (!this.isConnected || this.#onItsWay.has(key)) return;
    this.#onItsWay.add(key);
    unsent.attempts += 1;
    this.#places += 1;
    const [connection, place] = [this.#connection, this.#places];
    const isWaiting = () => this.#outbox.includes(unsent);
    this.ask(event, payload, (lost, answer) => {
      this.#onItsWay.delete(key);
      const isFinal = !lost && answer.code === "forbidden";
      if (isFinal) this.refused.push({ ...unsent, failure: answer.failure });
      else if (!this.isAnswered(event, lost, answer, () => isWaiting() && this.maySend && this.#attempt(unsent))) return;
      else {
        this.acknowledged.push({ ...unsent, answer, connection, place });
        this.onAcknowledged(unsent, answer);
      }
      this.#outbox.splice(this.#outbox.indexOf(unsent), 1);
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  /** Whether what is in the outbox may leave. */
  get maySend() {
    return true;
  }

  onConnect() {}

  onDisconnect() {}

  /** @param {Socket} _socket */
  listen(_socket) {}

  /** What outlives a reload beside the outbox. @returns {any} */
  kept() {}

  /** @param {any} _kept */
  restore(_kept) {}

  /** @param {Unsent} _sent @param {any} _answer */
  onAcknowledged(_sent, _answer) {}
}
