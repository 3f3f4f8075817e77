// How one message looks: a stored one, and one that is not known to be stored.

import { mayBeTakenBack } from "../model/outbox.js";
import { html, nothing } from "../vendor/lit.js";
import { fullText, parseTimestamp, timeText } from "./dates.js";

/** @import { Entry } from "../model/outbox.js" */
/** @import { MessageState } from "../protocol.d.ts" */

/**
 * A stored message.
 * @param {MessageState} message
 * @param {string | null} partnerName null for an own message
 */
export function storedMessage({ id, text, timestamp, edited_at, deleted_at }, partnerName) {
  const side = partnerName === null ? "my-message" : "chat-partner-message";
  // The side says to the eye who wrote it; this says it to the ear.
  const author = html`<span class="message-author visually-hidden">${partnerName ?? "You"}: </span>`;
  const words =
    deleted_at === undefined
      ? html`<div class="message-text" dir="auto">${text}</div>`
      : html`<div class="message-text message-deleted">This message was deleted</div>`;
  return html`<div id="message-${id}" class=${side}>${author}${words}${time(timestamp, edited_at)}</div>`;
}

/** @param {string} timestamp @param {string | undefined} editedAt */
function time(timestamp, editedAt) {
  const date = parseTimestamp(timestamp);
  const edited = editedAt === undefined ? nothing : html`<span class="message-edited">edited </span>`;
  return date
    ? html`<time class="message-date" datetime=${date.toISOString()} title=${fullText(date)}>${edited}${timeText(date)}</time>`
    : html`<time class="message-date">${edited}${timestamp}</time>`;
}

/** What stands in the place of the time. @type {Record<Entry["state"], { className: string, text: string }>} */
const STATES = {
  sending: { className: "message-pending", text: "Sending…" },
  stored: { className: "", text: "Sent" },
  unconfirmed: { className: "message-unconfirmed", text: "Not confirmed yet" },
  waiting: { className: "message-waiting", text: "Waiting for a connection…" },
  refused: { className: "message-failed", text: "Not sent" },
};

/**
 * What can be done about a message that is certain not to be stored.
 * @typedef {object} UnsentWays
 * @property {(entry: Entry) => void} edit
 * @property {(entry: Entry) => void} remove
 */

/**
 * An own message that is not known to be stored.
 * @param {Entry} entry
 * @param {UnsentWays} ways
 */
export function unsentMessage(entry, ways) {
  const { className, text } = STATES[entry.state];
  // What waits with a reason does not wait for a connection.
  const state = entry.state === "waiting" && entry.reason ? "Waiting…" : text;
  const reason = entry.state === "unconfirmed" ? "It is sent again until the server answers." : entry.reason;
  return html`<div class="my-message ${className}"><span class="message-author visually-hidden">You: </span><div
      class="message-text" dir="auto">${entry.text}</div><time class="message-date">${state}</time>${
        reason || mayBeTakenBack(entry) ? unsentWays(entry, reason, ways) : nothing
      }</div>`;
}

/** @param {Entry} entry @param {string} reason @param {UnsentWays} ways */
function unsentWays(entry, reason, ways) {
  const buttons = html`<span class="message-unsent-ways">
    <button class="edit" type="button" @click=${() => ways.edit(entry)}>Edit</button>
    <button class="remove" type="button" @click=${() => ways.remove(entry)}>Remove</button>
  </span>`;
  return html`<div class="message-unsent">
    <span class="message-unsent-reason">${reason}</span> ${mayBeTakenBack(entry) ? buttons : nothing}
  </div>`;
}
