// The messages of the open chat: stored ones in the order of their ids, each once, with a line
// where a day begins; then those that are on their way.

import { dayKey, dayText, parseTimestamp } from "./dates.js";
import { drawStored, drawUnsent } from "./message_element.js";

/** @import { Row } from "./message_element.js" */
/** @import { UnsentWays } from "./message_element.js" */
/** @import { Entry } from "./outbox.js" */

/** @typedef {{ row: Row, element: HTMLElement, date: Date | null }} Shown */

export class MessageList {
  #log;
  #userId;
  #partnerName;
  /** @type {Shown[]} by id */
  #shown = [];
  /** @type {Map<HTMLElement, HTMLElement>} the line of the day that begins with that message */
  #dayLines = new Map();
  /** @type {HTMLElement | null} */
  #separator = null;
  #unsent = document.createElement("div");
  /** @type {Map<string, HTMLElement>} by client id */
  #unsentElements = new Map();

  /**
   * @param {HTMLElement} log
   * @param {number} userId
   * @param {string} partnerName
   */
  constructor(log, userId, partnerName) {
    this.#log = log;
    this.#userId = userId;
    this.#partnerName = partnerName;
    this.#unsent.className = "unsent-messages";
    log.append(this.#unsent);
  }

  get size() {
    return this.#shown.length;
  }

  get oldest() {
    return this.#shown.at(0);
  }

  get separator() {
    return this.#separator;
  }

  /** @param {Row} row */
  isOwn(row) {
    return row.sender_id === this.#userId;
  }

  /**
   * Puts messages in their places, without their being read aloud one by one.
   * @param {Row[]} rows
   * @returns {Shown[]} those that were not there already, oldest first
   */
  insertAll(rows) {
    this.#log.ariaBusy = "true";
    const added = rows.map((row) => this.insert(row)).filter((shown) => shown !== null);
    this.#log.ariaBusy = "false";
    return added.sort((a, b) => a.row.id - b.row.id);
  }

  /**
   * Puts a message in its place.
   * @param {Row} row
   * @returns {Shown | null} null when it is there already
   */
  insert(row) {
    const place = this.#placeOf(row.id);
    const next = this.#shown.at(place);
    if (place < this.#shown.length && next?.row.id === row.id) return null;

    const element = drawStored(row, this.isOwn(row) ? null : this.#partnerName);
    const shown = { row, element, date: parseTimestamp(row.timestamp) };
    const before = place < this.#shown.length && next ? this.#head(next.element) : this.#unsent;
    before.before(element);
    this.#shown.splice(place, 0, shown);
    this.#mendDay(place);
    this.#mendDay(place + 1);
    return shown;
  }

  /**
   * Forgets the stored messages before that one.
   * @param {number} id
   */
  forgetBefore(id) {
    this.separate(null);
    for (const { element } of this.#shown.splice(0, this.#placeOf(id))) {
      this.#dayLines.get(element)?.remove();
      this.#dayLines.delete(element);
      element.remove();
    }
    this.#mendDay(0);
  }

  /**
   * Says where the new messages begin.
   * @param {HTMLElement | null} first
   */
  separate(first) {
    this.#separator?.remove();
    this.#separator = null;
    if (!first) return;
    this.#separator = document.createElement("span");
    this.#separator.className = "new-message-separator";
    this.#separator.textContent = "New Messages";
    first.before(this.#separator);
  }

  /** Calls the days what they are called today. */
  renameDays() {
    for (const { element, date } of this.#shown) {
      const line = this.#dayLines.get(element);
      if (line && date) line.textContent = dayText(date);
    }
  }

  /**
   * Shows a message that is on its way, or what has become of it.
   * @param {Entry} entry
   * @param {UnsentWays} ways
   */
  showUnsent(entry, ways) {
    const element = drawUnsent(entry, ways);
    const shown = this.#unsentElements.get(entry.clientId);
    if (shown) shown.replaceWith(element);
    else this.#unsent.append(element);
    this.#unsentElements.set(entry.clientId, element);
  }

  /** @param {string} clientId */
  removeUnsent(clientId) {
    this.#unsentElements.get(clientId)?.remove();
    this.#unsentElements.delete(clientId);
  }

  /**
   * Where a message stands or would stand.
   * @param {number} id
   */
  #placeOf(id) {
    let [low, high] = [0, this.#shown.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#shown[middle].row.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The first of what belongs to a message: its day's line, the separator, or itself.
   * @param {HTMLElement} element
   */
  #head(element) {
    const line = this.#dayLines.get(element);
    if (line) return line;
    return this.#separator?.nextElementSibling === element ? this.#separator : element;
  }

  /**
   * Draws or takes away the line of the day before the message at that place.
   * @param {number} place
   */
  #mendDay(place) {
    if (place >= this.#shown.length) return;
    const { element, date } = this.#shown[place];
    const before = this.#shown[place - 1]?.date;
    const begins = date !== null && (!before || dayKey(before) !== dayKey(date));
    const line = this.#dayLines.get(element);
    if (begins && !line) {
      const drawn = document.createElement("div");
      drawn.className = "day-line";
      drawn.textContent = dayText(date);
      this.#head(element).before(drawn);
      this.#dayLines.set(element, drawn);
    } else if (!begins && line) {
      line.remove();
      this.#dayLines.delete(element);
    }
  }
}
