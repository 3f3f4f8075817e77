// The stored messages of the open chat, in the order of their ids, with a line where a day begins and one where
// the new ones begin. They are drawn in blocks: a block that has not changed costs nothing, and one that is out of
// sight is neither laid out nor painted.

import { guard, html, nothing, repeat } from "../vendor/lit.js";
import { dayKey, dayText, parseTimestamp } from "./dates.js";
import { storedMessage } from "./message.js";

/** @import { MessageState } from "../protocol.d.ts" */

/** How many messages a block begins with, and how many it may have. */
const BLOCK = 50;
const BLOCK_MAX = 100;

export class Messages {
  #userId;
  #partnerName;
  /** The id with which each block begins, ascending. @type {number[]} */
  #starts = [];

  /** @param {number} userId @param {string} partnerName */
  constructor(userId, partnerName) {
    this.#userId = userId;
    this.#partnerName = partnerName;
  }

  /**
   * @param {MessageState[]} messages by ascending id
   * @param {number | null} firstNewId the message before which the line of the new ones stands
   */
  draw(messages, firstNewId) {
    this.#mendStarts(messages);
    const today = dayKey(new Date());
    /** @type {{ start: number, messages: MessageState[], before: MessageState | undefined }[]} */
    const blocks = [];
    let place = 0;
    for (const [number, start] of this.#starts.entries()) {
      const end = this.#starts[number + 1] ?? Infinity;
      const from = place;
      while (place < messages.length && messages[place].id < end) place += 1;
      blocks.push({ start, messages: messages.slice(from, place), before: messages[from - 1] });
    }
    return repeat(
      blocks,
      ({ start }) => start,
      ({ messages, before }) => {
        const separator = messages.some(({ id }) => id === firstNewId) ? firstNewId : null;
        const draw = () => html`<div class="messages">${this.#block(messages, before, separator)}</div>`;
        return guard([...messages, before && dayOf(before), separator, today], draw);
      },
    );
  }

  /**
   * @param {MessageState[]} messages
   * @param {MessageState | undefined} before
   * @param {number | null} firstNewId
   */
  #block(messages, before, firstNewId) {
    let day = before && dayOf(before);
    return repeat(
      messages,
      ({ id }) => id,
      (message) => {
        const date = parseTimestamp(message.timestamp);
        const begins = date !== null && dayKey(date) !== day;
        day = date ? dayKey(date) : undefined;
        const partnerName = message.sender_id === this.#userId ? null : this.#partnerName;
        return html`${begins ? html`<div class="day-line">${dayText(date)}</div>` : nothing}${
          message.id === firstNewId ? html`<span class="new-message-separator">New Messages</span>` : nothing
        }${storedMessage(message, partnerName)}`;
      },
    );
  }

  /** Lets the blocks have all messages. Where one begins never changes, so that a block keeps its elements. @param {MessageState[]} messages */
  #mendStarts(messages) {
    const firstPlace = this.#starts.length > 0 ? messages.findIndex(({ id }) => id >= this.#starts[0]) : messages.length;
    for (let place = firstPlace; place > 0; ) {
      place = Math.max(0, place - BLOCK);
      this.#starts.unshift(messages[place].id);
    }
    const last = this.#starts.at(-1) ?? 0;
    let place = messages.length;
    while (place > 0 && messages[place - 1].id >= last) place -= 1;
    while (messages.length - place > BLOCK_MAX) {
      place += BLOCK;
      this.#starts.push(messages[place].id);
    }
  }
}

/** @param {MessageState} message */
function dayOf({ timestamp }) {
  const date = parseTimestamp(timestamp);
  return date ? dayKey(date) : undefined;
}
