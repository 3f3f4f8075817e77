// The connection to the server. Every request goes through `request`: none waits for ever, and none leaves on a
// connection that may be another person's.

import { io } from "../vendor/socket_io.js";
import { RequestError } from "../model/request_error.js";
import { transportsToTry, webSocketFailed, webSocketWorks } from "./transports.js";

/** @import { Changed, Requests } from "../protocol.d.ts" */

/** How long the server may take to answer. */
const ANSWER_MS = 8000;
/**
 * The answers to these may be long: each that was late is waited for twice as long the next time.
 * @type {Set<keyof Requests>}
 */
const LONG_ANSWERS = new Set(["catch_up", "get_changes", "get_history"]);
/** What may be asked before it is known whose connection it is. @type {Set<keyof Requests>} */
const FIRST_REQUESTS = new Set(["catch_up", "get_history"]);
const LONG_ANSWER_MS_MAX = 64_000;
/** How long a connection may take to begin. */
const CONNECT_MS = 10_000;
/** How long to wait after the server could not take the connection. */
const REFUSED_MS = 3000;
/** How long to wait after the server ended the connection: it may tell then who is logged in. */
const DISMISSED_MS = 300;

/**
 * @typedef {object} ConnectionEvents
 * @property {() => void} onConnect at every connect, the first included
 * @property {() => void} onDisconnect the connection is lost and being sought again
 * @property {() => void} onNotLoggedIn
 * @property {(changed: Changed) => void} onChanged
 */

export class Connection {
  #socket = io({
    // Beside the page: the chat may lie below a path of its host.
    path: new URL("socket.io/", location.href).pathname,
    auth: { protocol: 2 },
    autoConnect: false,
    reconnectionDelay: 500,
    reconnectionDelayMax: 2500,
    transports: transportsToTry(),
    tryAllTransports: true,
    timeout: CONNECT_MS,
  });
  #isConfirmed = false;
  /** How often in a row the answer to a request was late: the link may be slow, not dead. @type {Map<string, number>} */
  #late = new Map();
  /** The requests without an answer: what to do when the connection is lost. @type {Map<() => void, keyof Requests>} */
  #open = new Map();

  /** @param {ConnectionEvents} events */
  constructor({ onConnect, onDisconnect, onNotLoggedIn, onChanged }) {
    const socket = this.#socket;
    socket.on("changed", onChanged);
    socket.on("connect", () => {
      const { engine, opts } = socket.io;
      // Over long-polling, a WebSocket that was tried first has failed; or one is tried next.
      opts.transports = engine.transport.name === "websocket" ? webSocketWorks() : webSocketFailed();
      engine.once("upgrade", () => (opts.transports = webSocketWorks()));
      onConnect();
    });
    socket.on("disconnect", (reason) => {
      this.#isConfirmed = false;
      // What was emitted when the connection was dead already is kept here, to leave on the next one before
      // anybody could look whose that is.
      socket.sendBuffer = [];
      for (const lose of [...this.#open.keys()]) lose();
      onDisconnect();
      if (reason === "io server disconnect") setTimeout(() => this.connect(), DISMISSED_MS);
    });
    socket.on("connect_error", (error) => {
      // Something swallows the WebSocket, or all there is.
      if (error.message === "timeout") socket.io.opts.transports = webSocketFailed();
      // An active socket tries again by itself: the server was only out of reach.
      if (socket.active) return;
      if (error.message === "not logged in") onNotLoggedIn();
      else setTimeout(() => this.connect(), REFUSED_MS);
    });
  }

  get isConnected() {
    return this.#socket.connected;
  }

  /** Whether it is connected, and known to be the connection of the person that the page is for. */
  get isConfirmed() {
    return this.#isConfirmed;
  }

  /** This connection is that person's: it may be asked anything. */
  confirm() {
    this.#isConfirmed = true;
  }

  /**
   * How often in a row the answer to that request was late. Then less should be asked for.
   * @param {keyof Requests} event
   */
  lateAnswers(event) {
    return this.#late.get(event) ?? 0;
  }

  connect() {
    this.#socket.connect();
  }

  /** Begins anew, at once: for when the connection is dead, or the next attempt is far. */
  restart() {
    this.#socket.disconnect();
    this.#socket.connect();
  }

  /**
   * Asks the server. Rejects with a RequestError; at once when the connection is not confirmed, but for `catch_up`,
   * which tells whose it is, and `get_history`, which is answered after it and tells nothing to anybody else.
   * @template {keyof Requests} E
   * @param {E} event
   * @param {Requests[E]["payload"]} payload
   * @param {(answer: Requests[E]["answer"][0]) => void} [take] sees the answer before any later event is heard,
   *   which a promise alone does not guarantee; an answer that comes too late for the promise as well
   * @returns {Promise<Requests[E]["answer"][0]>}
   */
  request(event, payload, take) {
    return new Promise((resolve, reject) => {
      if (!(FIRST_REQUESTS.has(event) ? this.isConnected : this.#isConfirmed)) {
        reject(new RequestError("There is no connection.", "disconnected"));
        return;
      }
      const late = this.lateAnswers(event);
      const lose = () => {
        close();
        reject(new RequestError("There is no connection.", "lost"));
      };
      const patience = LONG_ANSWERS.has(event) ? Math.min(ANSWER_MS * 2 ** late, LONG_ANSWER_MS_MAX) : ANSWER_MS;
      let since = Date.now();
      const giveUp = () => {
        // Where the machine slept meanwhile, the answer may be here already, unread.
        if (Date.now() - since > 2 * patience) {
          since = Date.now();
          timer = setTimeout(giveUp, patience);
          return;
        }
        close();
        this.#late.set(event, late + 1);
        reject(new RequestError("The server has not answered.", "timeout"));
        // The connection may be dead without anybody having noticed. A long answer that is on its way holds up the
        // short ones.
        const isHeldUp = [...this.#open.values()].some((other) => LONG_ANSWERS.has(other));
        if (LONG_ANSWERS.has(event) || !isHeldUp) this.restart();
      };
      let timer = setTimeout(giveUp, patience);
      const close = () => {
        clearTimeout(timer);
        this.#open.delete(lose);
      };
      this.#open.set(lose, event);
      this.#socket.emit(event, payload, (/** @type {any} */ answer) => {
        close();
        this.#late.delete(event);
        if (answer?.failure) {
          reject(new RequestError(answer.failure, answer.code, answer.retry_after));
        } else {
          take?.(answer);
          resolve(answer);
        }
      });
    });
  }
}
