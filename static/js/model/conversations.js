// What a client knows of all conversations of its user: it takes what the server sends by protocol 2, in any
// order, and says what is missing. It knows no socket: whoever owns one calls `connected`, sends what
// `catchUp` gives until `isCaughtUp`, and then asks for what is `missing`.

import { Conversation } from "./conversation.js";

/** @import { CatchUp, CaughtUp, Changed, ChangedConversation, Conversation as State, GetChanges, GetHistory, History, MessageState } from "../protocol.d.ts" */

export class Conversations {
  #userId = 0;
  /** @type {string | undefined} */
  #epoch;
  /** @type {Map<number, Conversation>} */
  #byPartner = new Map();
  /**
   * What came on this connection before it was known whether its versions can be compared; `undefined` as soon
   * as that is known.
   * @type {Changed[] | undefined}
   */
  #early = [];
  #isCaughtUp = false;

  /** Whose conversations these are; 0 when that is unknown. */
  get userId() {
    return this.#userId;
  }

  /** Whether everything is known up to the moment of the last `catch_up`. Before, absence proves nothing. */
  get isCaughtUp() {
    return this.#isCaughtUp;
  }

  get partnerIds() {
    return [...this.#byPartner.keys()];
  }

  /** @param {number} partnerId */
  get(partnerId) {
    return this.#byPartner.get(partnerId);
  }

  /** A connection begins: the server behind it, or the user, may be another. */
  connected() {
    this.#early = [];
    this.#isCaughtUp = false;
  }

  /** What to send as `catch_up`. @returns {CatchUp} */
  catchUp() {
    if (this.#epoch === undefined) return {};
    /** @type {[number, number][]} */
    const known = [...this.#byPartner].map(([partnerId, { version }]) => [partnerId, version]);
    const versions = known.reduce((sum, [, version]) => sum + version, 0);
    const messages_of = this.partnerIds.filter((partnerId) => this.get(partnerId)?.isLoaded);
    return { epoch: this.#epoch, digest: { conversations: known.length, versions }, known, messages_of };
  }

  /**
   * Takes the answer to `catch_up`. All that is held is forgotten when it is another's, or was restored from a
   * backup.
   * @param {CaughtUp} caughtUp
   * @param {CatchUp} asked
   */
  takeCaughtUp({ user_id, epoch, conversations, more }, asked) {
    if (user_id !== this.#userId || epoch !== this.#epoch) this.#byPartner.clear();
    this.#userId = user_id;
    this.#epoch = epoch;
    const known = new Map(asked.epoch === epoch ? asked.known : []);
    for (const changes of conversations) {
      const partnerId = changes.conversation.partner_id;
      // Without messages, what comes is no change since the version that was named.
      const since = asked.messages_of?.includes(partnerId) ? known.get(partnerId) : undefined;
      this.#of(partnerId).takeChanges(changes, since ?? changes.complete_to);
    }
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const changed of early) this.takeChanged(changed);
    this.#isCaughtUp = !more;
  }

  /** Takes the event `changed`. @param {Changed} changed */
  takeChanged(changed) {
    if (this.#early) this.#early.push(changed);
    else this.#of(changed.conversation.partner_id).takeChanged(changed);
  }

  /** What to send as `get_changes`, now that no event will bring it. @returns {GetChanges[]} */
  get missing() {
    if (!this.#isCaughtUp) return [];
    const missing = [...this.#byPartner].filter(([, { isBehind, state }]) => isBehind || state?.username === undefined);
    return missing.map(([partner_id, { version }]) => ({ partner_id, since: version }));
  }

  /** Takes the answer to `get_changes`. @param {ChangedConversation} changes @param {GetChanges} asked */
  takeChanges(changes, { partner_id, since }) {
    if (!this.#early) this.#of(partner_id).takeChanges(changes, since);
  }

  /**
   * Takes the answer to `get_history`. Gives whether it was of use, or must be asked for again.
   * @param {History} page @param {GetHistory} asked
   */
  takeHistory(page, { partner_id, before_id }) {
    return !this.#early && this.#of(partner_id).takeHistory(page, before_id);
  }

  /** Takes the acknowledgement of a mark or a block. The event follows it. @param {State} state */
  takeState(state) {
    if (!this.#early) this.#of(state.partner_id).takeState(state);
  }

  /**
   * Takes the acknowledgement of an edit or a deletion. The event follows it.
   * @param {number} partnerId @param {MessageState} message
   */
  takeMessage(partnerId, message) {
    if (!this.#early) this.#of(partnerId).takeMessage(message);
  }

  /** @param {number} partnerId */
  #of(partnerId) {
    const known = this.#byPartner.get(partnerId);
    if (known) return known;
    const conversation = new Conversation();
    this.#byPartner.set(partnerId, conversation);
    return conversation;
  }
}
