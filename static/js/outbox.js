// Messages that the server has not acknowledged yet. One leaves the outbox when it is known to be
// stored, or when its writer takes it back.

import { newClientId } from "./client_id.js";
import { RequestError } from "./socket.js";

/** @import { TabStorage } from "./tab_storage.js" */

/**
 * @typedef {object} Entry
 * @property {string} clientId makes sending it again harmless
 * @property {number} chatId
 * @property {string} text
 * @property {"sending" | "failed"} state
 * @property {string} reason why it failed, for the user
 * @property {boolean} mayBeRetried as it is
 * @property {boolean} unsure it may have been stored, only the answer was lost
 *
 * @typedef {{ id: number, timestamp: string, duplicate: boolean }} Sent
 *
 * @typedef {object} OutboxEvents
 * @property {(entry: Entry) => Promise<Sent>} send
 * @property {(entry: Entry) => void} onChange it was added, or its state is another
 * @property {(entry: Entry, sent: Sent) => void} onSent
 */

const KEY = "outbox";
/** How often a message is sent anew when the connection breaks while it is on its way. */
const ATTEMPTS = 3;
/**
 * A text of more UTF-16 units has more than 10 000 characters for certain. It is not even sent: a
 * packet that is too large would cost the connection.
 */
const UNITS_MAX = 20_000;
/** What is known of a message that was on its way when the page was left. */
const LOST = {
  state: "failed",
  reason: "It is not known whether it was sent.",
  mayBeRetried: true,
  unsure: true,
};

export class Outbox {
  #storage;
  #events;
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /**
   * @param {TabStorage} storage
   * @param {OutboxEvents} events
   */
  constructor(storage, events) {
    this.#storage = storage;
    this.#events = events;
    for (const entry of storage.read(KEY, /** @type {Entry[]} */ ([]))) {
      if (entry.state === "sending") Object.assign(entry, LOST);
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
      unsure: false,
    };
    this.#entries.set(entry.clientId, entry);
    if (text.length > UNITS_MAX) {
      const chars = [...text].length;
      this.#fail(entry, `the message is longer than 10000 characters (it has ${chars})`, false);
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

  /** After a reconnect: learns what became of the messages whose answer was lost. */
  resume() {
    for (const entry of this.#entries.values()) {
      if (entry.state === "failed" && entry.unsure) this.#send(entry);
    }
  }

  /** @param {Entry} entry */
  async #send(entry) {
    entry.state = "sending";
    this.#save();
    this.#events.onChange(entry);
    try {
      const sent = await this.#attempt(entry);
      this.remove(entry);
      this.#events.onSent(entry, sent);
    } catch (error) {
      const known = error instanceof RequestError;
      if (!known) console.error(error);
      this.#fail(entry, known ? error.message : "It was not sent.", known && error.mayBeRetried);
    }
  }

  /** @param {Entry} entry */
  async #attempt(entry) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#events.send(entry);
      } catch (error) {
        const cut = error instanceof RequestError && error.unsure;
        // A refusal settles it: it is not stored.
        entry.unsure = cut || (entry.unsure && error instanceof RequestError && error.mayBeRetried);
        if (!cut || error.code !== "disconnected" || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * @param {Entry} entry
   * @param {string} reason
   * @param {boolean} mayBeRetried
   */
  #fail(entry, reason, mayBeRetried) {
    Object.assign(entry, { state: "failed", reason, mayBeRetried });
    this.#save();
    // Its writer may have removed it while it was on its way.
    if (this.#entries.has(entry.clientId)) this.#events.onChange(entry);
  }

  #save() {
    this.#storage.write(KEY, [...this.#entries.values()]);
  }
}
