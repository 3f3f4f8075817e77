// What a client knows of one conversation.
//
// Each change raises the conversation's version by one, and a message carries the version of its last
// change. So the order in which things arrive does not matter: of two states, the one with the higher
// version is right. Two things are kept beside the states: the range of versions whose changes are all
// here, and the id from which all messages are here. A client may hold the newest messages only.

/** @import { Changed, ChangedConversation, Conversation as State, History, MessageState } from "../protocol.d.ts" */

export class Conversation {
  /** @type {State | undefined} */
  #state;
  /**
   * By ascending id. Those before `#from` have changed since they became older than what is held; they are kept
   * because a page of history that is on its way may have them as they were before.
   * @type {MessageState[]}
   */
  #messages = [];
  /** Every message from this id on is here; none when it is infinite, and all when it is 0. */
  #from = Infinity;
  /** Every change after `#since` and up to `#version` is here. */
  #since = 0;
  #version = 0;
  /** Ranges of changes that are here, and begin after `#version`. @type {[after: number, to: number][]} */
  #ahead = [];
  /** Every change up to this version was sent to this client already, and will not come by itself. */
  #announced = 0;

  /** As the user sees it, at the highest version that has come. */
  get state() {
    return this.#state;
  }

  /** Up to which version everything is known: what `catch_up` and `get_changes` are sent. */
  get version() {
    return this.#version;
  }

  /** The messages that are held, by ascending id, deleted ones among them. */
  get messages() {
    return this.#messages.slice(this.#place(this.#from));
  }

  /** Whether the newest messages are held. */
  get isLoaded() {
    return this.#from !== Infinity;
  }

  /** Whether all messages are held, from the first one on. */
  get isWhole() {
    return this.#from === 0;
  }

  /** Whether changes have passed by, so that `get_changes` must ask for them. */
  get isBehind() {
    return this.#version < this.#announced;
  }

  /** Whether the message of that client id is held. @param {string} clientId */
  hasClientId(clientId) {
    // What is looked for is mostly the newest.
    const found = this.#messages.findLast(({ client_id }) => client_id === clientId);
    return found !== undefined && found.id >= this.#from;
  }

  /** Whether that message is older than those held. @param {number} id */
  isBefore(id) {
    return this.isLoaded && id < this.#from;
  }

  /** @param {Changed} changed */
  takeChanged({ after, conversation, message }) {
    this.takeState(conversation);
    if (message) this.takeMessage(message);
    this.#cover(after, conversation.version, conversation.version);
  }

  /**
   * @param {ChangedConversation} changes
   * @param {number} since the version since which they were asked for
   */
  takeChanges({ conversation, messages, complete_to }, since) {
    this.takeState(conversation);
    for (const message of messages) this.takeMessage(message);
    this.#cover(since, complete_to, conversation.version);
  }

  /**
   * Takes a page of history. Gives whether it was of use: one that does not adjoin the messages held, or is
   * older than all that is known of this conversation, must be asked for again.
   * @param {History} page
   * @param {number} [beforeId] what was asked for; nothing for the newest messages
   */
  takeHistory({ conversation, messages, more }, beforeId = Infinity) {
    // Of a message in an older page, a later change may have gone unnoticed.
    if (beforeId < this.#from || conversation.version < this.#since) return false;
    this.takeState(conversation);
    for (const message of messages) this.takeMessage(message);
    const oldest = more ? messages[messages.length - 1].id : 0;
    this.#from = Math.min(this.#from, oldest);
    return true;
  }

  /** Takes the state from an acknowledgement. @param {State} state */
  takeState(state) {
    const known = this.#state;
    const newer = known && known.version >= state.version ? known : state;
    // Not every state has the name.
    const username = newer.username ?? known?.username ?? state.username;
    this.#state = username === undefined ? newer : { ...newer, username };
  }

  /** Takes a message from an acknowledgement. @param {MessageState} message */
  takeMessage(message) {
    const place = this.#place(message.id);
    const known = this.#messages[place];
    if (known?.id !== message.id) this.#messages.splice(place, 0, message);
    else if (known.version < message.version) this.#messages[place] = message;
  }

  /** Forgets the messages, as after a long absence: `get_history` gives the newest again. */
  forgetMessages() {
    this.#messages = [];
    this.#from = Infinity;
    this.#restart(this.#state?.version ?? 0);
  }

  /** The place of the first message that has this id or a greater one. @param {number} id */
  #place(id) {
    let [low, high] = [0, this.#messages.length];
    // What arrives is mostly the newest.
    if (high > 0 && this.#messages[high - 1].id < id) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#messages[middle].id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Notes that every change after a version and up to another is here.
   * @param {number} after @param {number} to
   * @param {number} announced the version that the conversation had by then
   */
  #cover(after, to, announced) {
    this.#announced = Math.max(this.#announced, announced);
    this.#ahead.push([after, to]);
    this.#ahead.sort(([one], [other]) => one - other);
    while (this.#ahead.length > 0 && this.#ahead[0][0] <= this.#version) {
      this.#version = Math.max(this.#version, this.#ahead[0][1]);
      this.#ahead.shift();
    }
    // Without messages, the state is all that there is to miss, and that is here.
    if (this.#from === Infinity && this.isBehind) this.#restart(this.#announced);
  }

  /** Goes on, without messages, from the newest version. @param {number} version */
  #restart(version) {
    this.#since = version;
    this.#version = version;
    this.#ahead = [];
  }
}
