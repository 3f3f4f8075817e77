// Messages that the server has not acknowledged yet. One leaves the outbox when it is known to be
// stored, or when its writer takes it back. What could not be sent for want of a connection is sent
// by itself, in the order written, when there is one.

import { newClientId } from "./client_id.js";
import { RequestError } from "./socket.js";

/** @import { TabStorage } from "./tab_storage.js" */

/**
 * @typedef {object} Entry
 * @property {string} clientId makes sending it again harmless
 * @property {number} chatId
 * @property {string} text
 * @property {"sending" | "waiting" | "failed"} state it waits for a connection, or for its turn
 * @property {string} reason why it failed, or waits although there is a connection, for the user
 * @property {boolean} mayBeRetried as it is, when it failed
 *
 * @typedef {{ id: number, timestamp: string, duplicate: boolean }} Sent
 *
 * @typedef {object} OutboxEvents
 * @property {(entry: Entry) => Promise<Sent>} send
 * @property {(entry: Entry) => void} onChange it was added, or its state is another
 * @property {(entry: Entry, sent: Sent) => void} onSent
 */

const KEY = "outbox";
/** What is written faster than the server takes it waits with these words. */
const TOO_FAST = "Many messages at once: it leaves in a moment.";

export class Outbox {
  #storage;
  #charsMax;
  #events;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** The server takes no more for a while: what comes now must not overtake what waits. */
  #paused = false;

  /**
   * @param {TabStorage} storage
   * @param {number} charsMax how long a message may be, in characters
   * @param {OutboxEvents} events
   */
  constructor(storage, charsMax, events) {
    this.#storage = storage;
    this.#charsMax = charsMax;
    this.#events = events;
    for (const entry of storage.read(KEY, /** @type {Entry[]} */ ([]))) {
      // It was on its way when the page was left: the next connection tells what became of it.
      if (entry.state === "sending") entry.state = "waiting";
      this.#entries.set(entry.clientId, entry);
    }
  }

  /**
   * What waits for that chat, oldest first.
   * @param {number} chatId
   */
  of(chatId) {
    return [...this.#entries.values()].filter((entry) => entry.chatId === chatId);
  }

  /**
   * @param {number} chatId
   * @param {string} text
   */
  add(chatId, text) {
    /** @type {Entry} */
    const entry = {
      clientId: newClientId(),
      chatId,
      text,
      state: "sending",
      reason: "",
      mayBeRetried: false,
    };
    this.#entries.set(entry.clientId, entry);
    // A character has at most two UTF-16 units, so this is too long for certain. It is not even sent:
    // a packet that is too large would cost the connection.
    if (text.length > 2 * this.#charsMax) {
      const chars = [...text].length;
      this.#turn(entry, "failed", `the message is longer than ${this.#charsMax} characters (it has ${chars})`);
    } else if (this.#paused) {
      this.#turn(entry, "waiting", TOO_FAST);
    } else {
      this.#send(entry);
    }
  }

  /** @param {Entry} entry */
  retry(entry) {
    if (entry.state === "failed" && this.#entries.has(entry.clientId)) this.#send(entry);
  }

  /** @param {Entry} entry */
  remove(entry) {
    this.#entries.delete(entry.clientId);
    this.#save();
  }

  /**
   * After a connect: sends all that the server has not refused for good, oldest first. What it had
   * already, it acknowledges again.
   */
  resume() {
    this.#paused = false;
    for (const entry of this.#entries.values()) {
      if (entry.state === "waiting" || (entry.state === "failed" && entry.mayBeRetried)) this.#send(entry);
    }
  }

  /** @param {Entry} entry */
  async #send(entry) {
    this.#turn(entry, "sending");
    try {
      const sent = await this.#events.send(entry);
      this.remove(entry);
      this.#events.onSent(entry, sent);
    } catch (error) {
      const known = error instanceof RequestError;
      if (!known) console.error(error);
      if (known && error.code === "disconnected") this.#turn(entry, "waiting");
      else if (known && error.code === "too_often") this.#pause(entry, error.retryAfter);
      else this.#turn(entry, "failed", known ? error.message : "It was not sent.", known && error.mayBeRetried);
    }
  }

  /** @param {Entry} entry @param {number} seconds */
  #pause(entry, seconds) {
    this.#turn(entry, "waiting", TOO_FAST);
    if (this.#paused) return;
    this.#paused = true;
    setTimeout(() => {
      // A connect in the meantime has tried already.
      if (this.#paused) this.resume();
    }, seconds * 1000);
  }

  /**
   * @param {Entry} entry
   * @param {Entry["state"]} state
   * @param {string} [reason]
   * @param {boolean} [mayBeRetried]
   */
  #turn(entry, state, reason = "", mayBeRetried = false) {
    Object.assign(entry, { state, reason, mayBeRetried });
    this.#save();
    // Its writer may have removed it while it was on its way.
    if (this.#entries.has(entry.clientId)) this.#events.onChange(entry);
  }

  #save() {
    this.#storage.write(KEY, [...this.#entries.values()]);
  }
}
