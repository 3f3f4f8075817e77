// What all devices together have seen of messages, at whatever time. Every text is written once in a run, so
// one text of one message belongs to one version of it; an edit that is done twice would come back.

/** @import { MessageState } from "../../static/js/protocol.d.ts" */

export class Sightings {
  /** By `id at version`. @type {Map<string, string>} */
  #seen = new Map();
  /** By `text of id`. @type {Map<string, number>} */
  #versions = new Map();
  /** @type {Set<string>} */
  texts = new Set();
  /** @type {string[]} */
  faults = [];

  /** @param {MessageState} message */
  see({ id, version, text, deleted_at, edited_at, sender_id }) {
    const state = JSON.stringify({ sender_id, text, deleted: deleted_at !== undefined, edited: edited_at !== undefined });
    const at = `message ${id} at version ${version}`;
    const seen = this.#seen.get(at) ?? state;
    this.#seen.set(at, state);
    if (seen !== state) this.faults.push(`${at} is ${seen}, and ${state}`);
    if (deleted_at !== undefined) {
      if (text !== "") this.faults.push(`${at} is deleted, and says "${text}"`);
      return;
    }
    const of = JSON.stringify([id, text]);
    const known = this.#versions.get(of) ?? version;
    this.#versions.set(of, version);
    this.texts.add(text);
    if (known !== version) this.faults.push(`"${text}" was made message ${id} twice, at ${known} and ${version}`);
  }

  /** @param {MessageState[]} messages */
  seeAll(messages) {
    for (const message of messages) this.see(message);
  }
}
