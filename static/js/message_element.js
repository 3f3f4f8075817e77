// How one message looks: a stored one, one on its way, one that failed.

import { fullText, parseTimestamp, timeText } from "./dates.js";
import { draw, find } from "./template.js";

/** @import { Row } from "./events.js" */
/** @import { Entry } from "./outbox.js" */

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

/**
 * @typedef {object} FailureWays
 * @property {() => void} retry
 * @property {() => void} edit
 * @property {() => void} remove
 */

/**
 * @param {Entry} entry
 * @param {FailureWays} ways
 * @returns {HTMLElement}
 */
export function drawUnsent(entry, ways) {
  const element = drawMessage(entry.text, null);
  const failed = entry.state === "failed";
  element.classList.add(failed ? "message-failed" : "message-pending");
  find(element, ".message-date").textContent = failed ? "Not sent" : "Sending…";
  if (failed) element.append(drawFailure(entry, ways));
  return element;
}

/**
 * @param {Entry} entry
 * @param {FailureWays} ways
 */
function drawFailure(entry, ways) {
  const failure = find(draw("failure-template"), ".message-failure");
  find(failure, ".message-failure-reason").textContent = entry.reason;
  const retry = find(failure, ".try-again");
  if (entry.mayBeRetried) retry.addEventListener("click", ways.retry);
  else retry.remove();
  find(failure, ".edit").addEventListener("click", ways.edit);
  find(failure, ".remove").addEventListener("click", ways.remove);
  return failure;
}
