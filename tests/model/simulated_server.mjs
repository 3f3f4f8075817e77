// What a server would send to one user: conversations that change, and answers of one moment.

/** @import { CatchUp, CaughtUp, Changed, ChangedConversation, Conversation, GetChanges, GetHistory, History, MessageState } from "../../static/js/protocol.d.ts" */
/** @import { Random } from "../support/random.mjs" */

/** Small, so that short runs need several pages. */
const BOUNDS = { conversations: 2, messages: 3, page: 4 };
const TIMESTAMP = "2026-01-02 03:04:05";

/** A conversation, and all that it ever was. */
class Simulated {
  /** @type {Conversation} */
  state;
  /** By ascending id. @type {MessageState[]} */
  messages = [];
  /** By version. @type {Map<number, Conversation>} */
  states = new Map();
  /** By `id at version`. @type {Map<string, MessageState>} */
  messageStates = new Map();

  /** @param {number} partnerId */
  constructor(partnerId) {
    this.state = {
      partner_id: partnerId,
      username: `user ${partnerId}`,
      version: 0,
      listed_at: 0,
      blocked: false,
      new_message_count: 0,
      last_read_id: 0,
      last_delivered_id: 0,
      partner_last_read_id: 0,
      partner_last_delivered_id: 0,
    };
  }

  /**
   * Makes a change of the state, and perhaps of a message.
   * @param {Partial<Conversation>} state @param {Omit<MessageState, "version">} [message]
   * @returns {Changed}
   */
  change(state, message) {
    const after = this.state.version;
    const version = after + 1;
    this.state = { ...this.state, ...state, version };
    this.states.set(version, this.state);
    /** @type {Changed} */
    const changed = { after, conversation: this.state };
    if (message) {
      changed.message = { ...message, version };
      this.messages = [...this.messages.filter(({ id }) => id !== message.id), changed.message];
      this.messages.sort((one, other) => one.id - other.id);
      this.messageStates.set(`${message.id} at ${version}`, changed.message);
    }
    if (after > 0) {
      const { username: _, ...nameless } = this.state;
      changed.conversation = nameless;
    }
    return changed;
  }

  /** Becomes what it was, and forgets what came after. @param {number} version */
  goBack(version) {
    this.state = /** @type {Conversation} */ (this.states.get(version));
    /** @type {Map<number, MessageState>} */
    const messages = new Map();
    for (const [key, message] of this.messageStates) {
      if (message.version > version) this.messageStates.delete(key);
      else messages.set(message.id, message);
    }
    this.messages = [...messages.values()].sort((one, other) => one.id - other.id);
  }

  /** @param {number} since @param {number} atMost @returns {ChangedConversation} */
  changes(since, atMost) {
    const found = this.messages.filter(({ version }) => version > since);
    found.sort((one, other) => one.version - other.version);
    const messages = found.slice(0, atMost);
    const more = messages.length < found.length;
    const { version } = more ? messages[atMost - 1] : this.state;
    return { conversation: this.state, messages, more, complete_to: version };
  }
}

export class SimulatedServer {
  #random;
  #userId = 1;
  #lastMessageId = 0;
  #epochs = 1;
  /** By partner. @type {Map<number, Simulated>} */
  conversations = new Map();

  /** @param {Random} random */
  constructor(random) {
    this.#random = random;
  }

  get userId() {
    return this.#userId;
  }

  get epoch() {
    return `epoch ${this.#epochs}`;
  }

  get digest() {
    const versions = [...this.conversations.values()].map(({ state }) => state.version);
    return { conversations: versions.length, versions: versions.reduce((sum, version) => sum + version, 0) };
  }

  /** Lets something happen to a conversation. @returns {Changed} */
  change() {
    const random = this.#random;
    const partnerId = random.between(1, 4);
    let conversation = this.conversations.get(partnerId);
    if (!conversation) {
      conversation = new Simulated(partnerId);
      this.conversations.set(partnerId, conversation);
    }
    const { state, messages } = conversation;
    const living = messages.filter(({ deleted_at }) => !deleted_at);
    const deed = random.next();
    if (living.length > 0 && deed < 0.2) {
      const message = random.pick(living);
      const edited = { ...message, text: `edited under ${state.version}`, edited_at: TIMESTAMP };
      return conversation.change({}, edited);
    }
    if (living.length > 0 && deed < 0.3) {
      return conversation.change({}, { ...random.pick(living), text: "", deleted_at: TIMESTAMP });
    }
    if (deed < 0.4) return conversation.change({ blocked: !state.blocked });
    if (deed < 0.5) return conversation.change({ last_read_id: this.#lastMessageId });
    if (deed < 0.6) return conversation.change({ partner_last_delivered_id: this.#lastMessageId });
    this.#lastMessageId += 1;
    const id = this.#lastMessageId;
    const sender_id = random.chance(0.5) ? this.#userId : partnerId;
    return conversation.change({}, { id, sender_id, text: `message ${id}`, timestamp: TIMESTAMP });
  }

  /** A server over an older copy of the database: versions are given a second time, to other changes. */
  restoreBackup() {
    this.#epochs += 1;
    for (const conversation of this.conversations.values()) {
      conversation.goBack(this.#random.between(1, conversation.state.version));
    }
  }

  /** Lets the cookie become another user's. */
  logInAnother() {
    this.#userId += 10;
    this.conversations.clear();
  }

  /** @param {CatchUp} asked @returns {CaughtUp} */
  catchUp({ epoch, digest, known = [], messages_of }) {
    const answer = { user_id: this.#userId, epoch: this.epoch, digest: this.digest };
    const isComparable = epoch === this.epoch;
    const isSame = JSON.stringify(digest) === JSON.stringify(this.digest);
    if (isComparable && isSame) return { ...answer, conversations: [], more: false };
    const versions = new Map(isComparable ? known : []);
    const changed = [...this.conversations].filter(([id, { state }]) => versions.get(id) !== state.version);
    const page = changed.slice(0, BOUNDS.conversations);
    const conversations = page.map(([partnerId, conversation]) => {
      const isHeld = versions.has(partnerId) && (!messages_of || messages_of.includes(partnerId));
      const since = isHeld ? versions.get(partnerId) ?? 0 : conversation.state.version;
      return conversation.changes(since, BOUNDS.messages);
    });
    const more = page.length < changed.length || conversations.some((changes) => changes.more);
    return { ...answer, conversations, more };
  }

  /** @param {GetChanges} asked @returns {ChangedConversation | undefined} */
  changes({ partner_id, since }) {
    return this.conversations.get(partner_id)?.changes(since, BOUNDS.messages);
  }

  /** @param {GetHistory} asked @returns {History | undefined} */
  history({ partner_id, before_id = Infinity }) {
    const conversation = this.conversations.get(partner_id);
    if (!conversation) return undefined;
    const before = conversation.messages.filter(({ id }) => id < before_id).reverse();
    const messages = before.slice(0, BOUNDS.page);
    return { conversation: conversation.state, messages, more: messages.length < before.length };
  }
}
