// How far the person has read in each conversation, as seen on this page: ahead of what the server knows, until it
// has been told.

import { RequestError } from "../model/request_error.js";

/** @import { Conversation as State } from "../protocol.d.ts" */
/** @import { Conversations } from "../model/conversations.js" */
/** @import { Connection } from "./connection.js" */

/** How long what was seen is gathered before it is told. */
const GATHER_MS = 250;

export class ReadMarks {
  #connection;
  #model;
  #userId;
  /** Up to which message, by partner. @type {Map<number, number>} */
  #upTo = new Map();
  /** @type {ReturnType<typeof setTimeout> | 0} */
  #timer = 0;

  /** @param {Connection} connection @param {Conversations} model @param {number} userId */
  constructor(connection, model, userId) {
    this.#connection = connection;
    this.#model = model;
    this.#userId = userId;
  }

  /** How far the person has read, for all that is known here. @param {number} partnerId */
  of(partnerId) {
    const known = this.#model.get(partnerId)?.state?.last_read_id ?? 0;
    return Math.max(known, this.#upTo.get(partnerId) ?? 0);
  }

  /** How many messages are new for this page. @param {State} state */
  newMessageCount({ partner_id, last_read_id, new_message_count }) {
    const seen = this.of(partner_id);
    const conversation = this.#model.get(partner_id);
    if (seen <= last_read_id || !conversation) return new_message_count;
    const read = conversation.messages.filter(
      ({ id, sender_id, deleted_at }) =>
        id > last_read_id && id <= seen && sender_id !== this.#userId && deleted_at === undefined,
    );
    return Math.max(0, new_message_count - read.length);
  }

  /** The person has read up to that message. @param {number} partnerId @param {number} id */
  note(partnerId, id) {
    if (id <= this.of(partnerId)) return;
    this.#upTo.set(partnerId, id);
    if (this.#timer === 0) this.#timer = setTimeout(() => this.tell(), GATHER_MS);
  }

  /** Tells the server what it does not know. */
  async tell() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    for (const [partner_id, up_to_id] of this.#upTo) {
      if (up_to_id <= (this.#model.get(partner_id)?.state?.last_read_id ?? 0)) {
        this.#upTo.delete(partner_id);
        continue;
      }
      try {
        await this.#connection.request("mark_read", { partner_id, up_to_id }, ({ conversation }) =>
          this.#model.takeState(conversation),
        );
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        // The next connection tells it.
        if (error.isOfConnection) return;
        if (error.code === "too_often" || error.code === "unavailable") {
          this.#timer ||= setTimeout(() => this.tell(), error.retryAfter * 1000);
          return;
        }
        this.#upTo.delete(partner_id);
      }
    }
  }
}
