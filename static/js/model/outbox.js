// Messages that are not known to be stored. It knows no network and no storage: it says what state each
// message is in, and which is to leave next.
//
//     waiting ──▶ sending ──▶ stored, until the message itself has come
//        ▲          │  │
//        └──────────┘  ├──▶ unconfirmed ──▶ sending, under the same client id
//      too often, or   └──▶ refused
//      never asked

/**
 * @typedef {object} Entry
 * @property {string} clientId a UUID of version 7: entries are in the order of these. Sending it again is harmless.
 * @property {number} partnerId
 * @property {string} text
 * @property {"waiting" | "sending" | "unconfirmed" | "refused" | "stored"} state
 * @property {number} unanswered how often it was sent without an answer: each time it may have been stored
 * @property {string} reason why it was refused, or waits although there is a connection, for the user
 * @property {number} [messageId] the message that it has become, when it is stored and this tab knows
 */

/**
 * A message that has just been written.
 * @param {string} clientId @param {number} partnerId @param {string} text
 * @returns {Entry}
 */
export function newEntry(clientId, partnerId, text) {
  return { clientId, partnerId, text, state: "waiting", unanswered: 0, reason: "" };
}

/** Whether its writer may still change it: it is certain that it is not stored. @param {Entry} entry */
export function mayBeTakenBack({ state }) {
  return state === "waiting" || state === "refused";
}

/** @param {Entry} entry @param {number} [messageId] @returns {Entry} */
function asStored(entry, messageId) {
  return { ...entry, state: "stored", reason: "", messageId };
}

export class Outbox {
  /** @type {Map<string, Entry>} by client id */
  #entries = new Map();

  /** Whether all is known to be stored. */
  get isEmpty() {
    return this.#sorted.every(({ state }) => state === "stored");
  }

  /** @param {string} clientId */
  get(clientId) {
    return this.#entries.get(clientId);
  }

  /** What is not stored of a conversation, oldest first. @param {number} partnerId */
  of(partnerId) {
    return this.#sorted.filter((entry) => entry.partnerId === partnerId);
  }

  /**
   * Of each conversation the message that leaves next. A message waits for those written before it, unless they
   * were refused.
   */
  get next() {
    /** @type {Map<number, Entry>} */
    const next = new Map();
    for (const entry of this.#sorted) {
      if (entry.state !== "refused" && entry.state !== "stored" && !next.has(entry.partnerId)) next.set(entry.partnerId, entry);
    }
    return [...next.values()];
  }

  /** @param {Entry} entry */
  put(entry) {
    this.#entries.set(entry.clientId, entry);
  }

  /** @param {string} clientId */
  delete(clientId) {
    this.#entries.delete(clientId);
  }

  /** The server has said yes. @param {string} clientId @param {number} [messageId] */
  noteStored(clientId, messageId) {
    const entry = this.#entries.get(clientId);
    if (entry) this.put(asStored(entry, messageId ?? entry.messageId));
  }

  /**
   * Takes over what is kept for all tabs. What is kept no more is stored: it stays until the message itself has come
   * here. Of a message that was taken back, the tab in which it was says so.
   * @param {Entry[]} entries
   */
  replace(entries) {
    const kept = new Map(entries.map((entry) => [entry.clientId, entry]));
    for (const [clientId, entry] of this.#entries) {
      if (entry.state === "stored") kept.set(clientId, entry);
      else if (entry.state !== "refused" && !kept.has(clientId)) kept.set(clientId, asStored(entry));
    }
    this.#entries = kept;
  }

  /** Forgets everything. */
  clear() {
    this.#entries.clear();
  }

  /**
   * Takes over what was kept when the page begins. Nobody waits for the answer to what was being sent.
   * @param {Entry[]} entries
   */
  restore(entries) {
    for (const entry of entries) {
      // It was written on this page, before there was anything to take over.
      if (this.#entries.has(entry.clientId)) continue;
      this.put(entry.state === "sending" ? { ...entry, state: "unconfirmed" } : entry);
    }
  }

  get #sorted() {
    return [...this.#entries.values()].sort((one, other) => (one.clientId < other.clientId ? -1 : 1));
  }
}
