// The connection to the server. Every question goes through `request`, so none waits for ever, and
// none leaves on a connection that may be another person's.

import { io } from "./vendor/socket_io.js";

/** @import { FlaskNotifications as Notifications, FlaskRequests as Requests } from "./protocol.d.ts" */

/**
 * The arguments of each acknowledgement; that of `join_chat` has three.
 * @typedef {{ [E in keyof Requests]: E extends "join_chat" ? Extract<Requests[E]["answer"], { length: 3 }> : Requests[E]["answer"] }} Answers
 */

/** How long the server may take to answer. */
const ANSWER_MS = 8000;
/**
 * The answers to these may be long: each that was late is waited for twice as long the next time.
 * @type {Set<keyof Requests>}
 */
const LONG_ANSWERS = new Set(["join_chat", "message_history_is_scrolled_to_the_top", "sync"]);
const LONG_ANSWER_MS_MAX = 64_000;
/** How long to wait after the server could not take the connection. */
const REFUSED_MS = 3000;

/** Why a question was not answered, or was answered with a refusal; the message is for the user. */
export class RequestError extends Error {
  /**
   * @param {string} sentence
   * @param {string} code the server's, or `timeout`, or `disconnected`
   * @param {number} [retryAfter] with `too_often`: in how many seconds to ask again
   */
  constructor(sentence, code, retryAfter = 1) {
    super(sentence);
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the very same question may be answered another time. */
  get mayBeRetried() {
    return ["unavailable", "timeout", "disconnected"].includes(this.code);
  }
}

/**
 * @typedef {object} ConnectionEvents
 * @property {() => void} onConnect at every connect, the first included
 * @property {() => void} onDisconnect the connection is lost and being sought again
 * @property {() => void} onDismissed the server ended the connection; `connect` tries again
 * @property {() => void} onNotLoggedIn
 */

export class Connection {
  #socket = io({
    // Beside the page: the chat may lie below a path of its host.
    path: new URL("socket.io/", location.href).pathname,
    autoConnect: false,
    reconnectionDelay: 500,
    reconnectionDelayMax: 2500,
  });
  #confirmed = false;
  /** How often in a row the answer to an event was late: the link may be slow, not dead. @type {Map<string, number>} */
  #timeouts = new Map();

  /** @param {ConnectionEvents} events */
  constructor(events) {
    this.#socket.on("connect", () => events.onConnect());
    this.#socket.on("disconnect", (reason) => {
      this.#confirmed = false;
      // What was asked when the connection was dead already is kept here, to leave on the next one
      // before anybody could look whose that is.
      this.#socket.sendBuffer = [];
      events.onDisconnect();
      if (reason === "io server disconnect") events.onDismissed();
    });
    this.#socket.on("connect_error", (error) => {
      // An active socket tries again by itself: the server was only out of reach.
      if (this.#socket.active) return;
      if (error.message === "not logged in") events.onNotLoggedIn();
      else setTimeout(() => this.connect(), REFUSED_MS);
    });
  }

  get connected() {
    return this.#socket.connected;
  }

  /** Whether it is connected, and known to be the connection of the person that the page is for. */
  get confirmed() {
    return this.#confirmed;
  }

  /**
   * How often in a row the answer to that event was late; then less should be asked for.
   * @param {keyof Requests} event
   */
  timeoutsOf(event) {
    return this.#timeouts.get(event) ?? 0;
  }

  /** This connection is that person's: it may be asked anything. */
  confirm() {
    this.#confirmed = true;
  }

  connect() {
    this.#socket.connect();
  }

  /** Begins anew: for when it is unknown what the server holds of this connection. */
  restart() {
    this.#socket.disconnect();
    this.#socket.connect();
  }

  /**
   * @template {keyof Notifications} E
   * @param {E} event
   * @param {(news: Notifications[E]) => void} listener
   */
  on(event, listener) {
    this.#socket.on(/** @type {string} */ (event), listener);
  }

  /**
   * Asks the server. Rejects with a RequestError; at once when the connection is not confirmed, but
   * for `sync`, which tells whose it is.
   * @template {keyof Requests} E
   * @param {E} event
   * @param {Requests[E]["payload"]} question
   * @param {(...answer: Answers[E]) => void} [take] sees the answer before any later event is
   *   heard, which a promise alone does not guarantee
   * @returns {Promise<Answers[E]>}
   */
  request(event, question, take) {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const may = event === "sync" ? this.connected : this.confirmed;
      if (!may) {
        reject(new RequestError("There is no connection.", "disconnected"));
        return;
      }
      const timeouts = this.timeoutsOf(event);
      const patience = Math.min(ANSWER_MS * 2 ** timeouts, LONG_ANSWER_MS_MAX);
      const timeout = socket.timeout(LONG_ANSWERS.has(event) ? patience : ANSWER_MS);
      timeout.emit(event, question, (/** @type {Error | null} */ lost, /** @type {any[]} */ ...answer) => {
        if (!lost) this.#timeouts.delete(event);
        else if (socket.connected) this.#timeouts.set(event, timeouts + 1);
        if (lost) {
          reject(
            socket.connected
              ? new RequestError("The server has not answered.", "timeout")
              : new RequestError("There is no connection.", "disconnected"),
          );
        } else if (answer[0]?.failure) {
          reject(new RequestError(answer[0].failure, answer[0].code, answer[0].retry_after));
        } else {
          take?.(.../** @type {Answers[E]} */ (answer));
          resolve(/** @type {Answers[E]} */ (answer));
        }
      });
    });
  }
}
