// How one message looks: a stored one, one on its way, one that waits or failed.

import { fullText, parseTimestamp, timeText } from "./dates.js";
import { draw, find } from "./template.js";

/** @import { Entry } from "./outbox.js" */
/** @import { Message } from "./protocol.d.ts" */

/**
 * A stored message, as every source of one has it.
 * @typedef {Omit<Message, "receiver_id">} Row
 */

/**
 * @param {string} text
 * @param {string | null} partnerName null for an own message
 */
function drawMessage(text, partnerName) {
  const element = find(draw("message-template"), "div");
  element.className = partnerName === null ? "my-message" : "chat-partner-message";
  // The side says to the eye who wrote it; this says it to the ear.
  find(element, ".message-author").textContent = `${partnerName ?? "You"}: `;
  find(element, ".message-text").textContent = text;
  return element;
}

/**
 * @param {Row} row
 * @param {string | null} partnerName null for an own message
 * @returns {HTMLElement}
 */
export function drawStored(row, partnerName) {
  const element = drawMessage(row.message, partnerName);
  const date = parseTimestamp(row.timestamp);
  const time = /** @type {HTMLTimeElement} */ (find(element, ".message-date"));
  time.textContent = date ? timeText(date) : row.timestamp;
  if (date) {
    time.dateTime = date.toISOString();
    time.title = fullText(date);
  }
  return element;
}

/** What stands in the place of the time. */
const STATES = {
  sending: { className: "message-pending", text: "Sending…" },
  waiting: { className: "message-waiting", text: "Waiting for a connection…" },
  failed: { className: "message-failed", text: "Not sent" },
};

/**
 * @typedef {object} UnsentWays
 * @property {() => void} retry
 * @property {() => void} edit
 * @property {() => void} remove
 */

/**
 * @param {Entry} entry
 * @param {UnsentWays} ways
 * @returns {HTMLElement}
 */
export function drawUnsent(entry, ways) {
  const element = drawMessage(entry.text, null);
  const { className, text } = STATES[entry.state];
  element.classList.add(className);
  // What waits with a reason does not wait for a connection.
  const waits = entry.state === "waiting" && entry.reason;
  find(element, ".message-date").textContent = waits ? "Waiting…" : text;
  if (entry.state !== "sending") element.append(drawWays(entry, ways));
  return element;
}

/**
 * @param {Entry} entry
 * @param {UnsentWays} ways
 */
function drawWays(entry, ways) {
  const unsent = find(draw("unsent-template"), ".message-unsent");
  find(unsent, ".message-unsent-reason").textContent = entry.reason;
  const retry = find(unsent, ".try-again");
  if (entry.mayBeRetried) retry.addEventListener("click", ways.retry);
  else retry.remove();
  find(unsent, ".edit").addEventListener("click", ways.edit);
  find(unsent, ".remove").addEventListener("click", ways.remove);
  return unsent;
}
