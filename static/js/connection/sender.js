// Sends what is in the outbox: of each conversation one message after the other, from one tab at a time, and under
// the same client id until the server has said yes or no.

import { RequestError } from "../model/request_error.js";

/** @import { Entry, Outbox } from "../model/outbox.js" */
/** @import { PersonStorage } from "../storage/person_storage.js" */
/** @import { Connection } from "./connection.js" */

/** How long to wait when the server could not say yes or no, in seconds. */
const AGAIN_SECONDS = 5;
/** What is written faster than the server takes it waits with these words. */
const TOO_FAST = "Many messages at once: it leaves in a moment.";
/** @type {Pick<Entry, "state" | "reason">} */
const UNCONFIRMED = { state: "unconfirmed", reason: "" };

export class Sender {
  #connection;
  #outbox;
  #storage;
  #locks;
  #onChange;
  /** The partners to whom this tab is sending, or waits to. @type {Set<number>} */
  #busy = new Set();
  /**
   * While it runs nothing leaves: what comes now must not overtake what waits.
   * @type {ReturnType<typeof setTimeout> | 0}
   */
  #pause = 0;

  /**
   * @param {Connection} connection
   * @param {Outbox} outbox
   * @param {PersonStorage} storage
   * @param {LockManager | undefined} locks of all tabs. Browsers give them to safe origins only; without them two tabs
   *   may send the same message, which is stored once.
   * @param {() => void} onChange the outbox has changed
   */
  constructor(connection, outbox, storage, locks, onChange) {
    this.#connection = connection;
    this.#outbox = outbox;
    this.#storage = storage;
    this.#locks = locks;
    this.#onChange = onChange;
  }

  /** A connection begins: nothing that held up the one before counts any more. */
  resume() {
    clearTimeout(this.#pause);
    this.#pause = 0;
    this.wake();
  }

  /** Sends what may leave. To be called whenever that may be more than before. */
  wake() {
    if (!this.#maySend) return;
    for (const { partnerId } of this.#outbox.next) {
      if (!this.#busy.has(partnerId)) this.#sendTo(partnerId);
    }
  }

  get #maySend() {
    return this.#connection.isConfirmed && this.#pause === 0;
  }

  /** @param {number} partnerId */
  async #sendTo(partnerId) {
    this.#busy.add(partnerId);
    const sendAll = async () => {
      while (this.#maySend && (await this.#sendNext(partnerId)));
    };
    try {
      if (this.#locks) await this.#locks.request(`${this.#storage.name}:${partnerId}`, sendAll);
      else await sendAll();
    } finally {
      this.#busy.delete(partnerId);
    }
  }

  /** @param {number} partnerId @returns {Promise<boolean>} whether the next one may leave */
  async #sendNext(partnerId) {
    const next = this.#outbox.next.find((entry) => entry.partnerId === partnerId);
    if (!next) return false;
    // It is noted that it may be stored before it leaves. Another tab may have sent it meanwhile, or its writer
    // taken it back.
    const entry = await this.#change(next.clientId, (found) => ({
      ...found,
      state: "sending",
      unanswered: found.unanswered + 1,
      reason: "",
    }));
    if (!entry) return true;
    const { clientId, text } = entry;
    const message = { client_id: clientId, partner_id: partnerId, text };
    try {
      await this.#connection.request("send_message", message, ({ id }) => this.#stored(entry, id));
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return this.#failed(clientId, error);
    }
  }

  /**
   * @param {string} clientId
   * @param {RequestError} error
   * @returns {Promise<boolean>} as `#sendNext`
   */
  async #failed(clientId, error) {
    const turn = (/** @type {Entry["state"]} */ state, /** @type {string} */ reason) =>
      this.#change(clientId, (entry) => ({ ...entry, state, reason }));
    // It was not stored this time, which says nothing of the times that were not answered.
    const wait = (/** @type {string} */ reason) =>
      this.#change(clientId, (entry) => {
        const unanswered = entry.unanswered - 1;
        return { ...entry, unanswered, ...(unanswered > 0 ? UNCONFIRMED : { state: "waiting", reason }) };
      });
    if (error.code === "disconnected") {
      await wait("");
    } else if (error.isOpen) {
      await turn(UNCONFIRMED.state, UNCONFIRMED.reason);
      if (error.code === "timeout") this.#wait(AGAIN_SECONDS);
    } else if (error.code === "too_often") {
      this.#wait(error.retryAfter);
      await wait(TOO_FAST);
    } else if (error.code === "unavailable") {
      this.#wait(AGAIN_SECONDS);
      await wait(error.message);
    } else if (error.code === "unauthenticated") {
      await wait("");
    } else {
      await turn("refused", error.message);
      return true;
    }
    return false;
  }

  /** @param {Entry} entry @param {number} messageId */
  #stored({ clientId }, messageId) {
    this.#outbox.noteStored(clientId, messageId);
    this.#storage.remove(clientId, { stored: clientId, messageId });
    this.#onChange();
  }

  /** @param {number} seconds */
  #wait(seconds) {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.resume(), seconds * 1000);
  }

  /** @param {string} clientId @param {(entry: Entry) => Entry} change */
  async #change(clientId, change) {
    const entry = await this.#storage.change(clientId, change);
    // While that was written, a late answer may have said that it is stored. What another tab has taken away is
    // stored as well, or that tab says that it was taken back.
    if (this.#outbox.get(clientId)?.state === "stored") return entry;
    if (entry) this.#outbox.put(entry);
    else this.#outbox.noteStored(clientId);
    this.#onChange();
    return entry;
  }
}
