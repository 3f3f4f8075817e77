// Keeps the model equal to what the server has: catches up after every connect, asks for what no event will
// bring, and loads histories.

import { RequestError } from "../model/request_error.js";

/** @import { CatchUp, CaughtUp, Changed } from "../protocol.d.ts" */
/** @import { Conversations } from "../model/conversations.js" */
/** @import { Connection } from "./connection.js" */

/** How long to wait when the server cannot answer. */
const UNAVAILABLE_MS = 3000;
/** How many messages of a history are asked for at once; fewer after answers in a row that came too late. */
const PAGE = [50, 20, 5];
/** How many changes of one conversation are asked for at once. */
const CHANGES = 200;

/**
 * @typedef {object} SyncEvents
 * @property {() => void} onCaughtUp the model has all that there was when the connection began
 * @property {() => void} onOther the connection is another person's, or to a restored backup: the page is void
 * @property {() => void} onChange the model has changed
 */

export class Sync {
  #connection;
  #model;
  #userId;
  #events;
  #isFilling = false;
  /** @type {ReturnType<typeof setTimeout> | 0} */
  #timer = 0;

  /**
   * @param {Connection} connection
   * @param {Conversations} model
   * @param {number} userId whose page this is
   * @param {SyncEvents} events
   */
  constructor(connection, model, userId, events) {
    this.#connection = connection;
    this.#model = model;
    this.#userId = userId;
    this.#events = events;
  }

  /** A connection begins. */
  async connected() {
    this.#model.connected();
    await this.catchUp();
  }

  /** Asks for all that has changed in all conversations. Never rejects: it is tried again. */
  async catchUp() {
    clearTimeout(this.#timer);
    try {
      for (let more = true; more; ) {
        const asked = this.#model.catchUp();
        const caughtUp = await this.#connection.request("catch_up", asked, (answer) => {
          if (this.#isOurs(answer, asked)) this.#model.takeCaughtUp(answer, asked);
          else this.#events.onOther();
        });
        if (!this.#isOurs(caughtUp, asked)) return;
        more = caughtUp.more;
        this.#events.onChange();
      }
      this.#connection.confirm();
      this.#events.onCaughtUp();
      await this.#fill();
    } catch (error) {
      this.#again(error, () => this.catchUp());
    }
  }

  /**
   * Whether an answer belongs to what is shown here. Of another person nothing may be shown, and nothing sent to that
   * person's partners; and after a restored backup nothing of what is shown can be compared.
   * @param {CaughtUp} answer @param {CatchUp} asked
   */
  #isOurs({ user_id, epoch }, asked) {
    return user_id === this.#userId && (asked.epoch === undefined || asked.epoch === epoch);
  }

  /** @param {Changed} changed */
  takeChanged(changed) {
    this.#model.takeChanged(changed);
    this.#events.onChange();
    if (this.#model.missing.length > 0) this.#fill();
  }

  /**
   * Loads the newest messages of a conversation, or the next older ones. Rejects with a RequestError.
   * @param {number} partnerId
   * @returns {Promise<void>}
   */
  async loadHistory(partnerId) {
    const conversation = this.#model.get(partnerId);
    if (conversation?.isWhole) return;
    const before_id = conversation?.messages.at(0)?.id;
    const late = Math.min(this.#connection.lateAnswers("get_history"), PAGE.length - 1);
    const asked = { partner_id: partnerId, before_id, at_most: PAGE[late] };
    await this.#connection.request("get_history", asked, (page) => {
      this.#model.takeHistory(page, asked);
      this.#events.onChange();
    });
  }

  /** Asks for the changes that passed by while something else was asked for. */
  async #fill() {
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      for (let missing = this.#model.missing; missing.length > 0; missing = this.#model.missing) {
        for (const asked of missing) {
          await this.#connection.request("get_changes", { ...asked, at_most: CHANGES }, (changes) => {
            this.#model.takeChanges(changes, asked);
            this.#events.onChange();
          });
        }
      }
    } catch (error) {
      this.#again(error, () => this.#fill());
    } finally {
      this.#isFilling = false;
    }
  }

  /** @param {unknown} error @param {() => void} ask */
  #again(error, ask) {
    if (!(error instanceof RequestError)) throw error;
    // When the connection is lost, the next one asks again.
    if (error.isOfConnection) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(ask, Math.max(UNAVAILABLE_MS, error.retryAfter * 1000));
  }
}
