// A small well-behaved client of protocol 2, as docs/protocol.md describes one: a tab or a device that knows its
// conversations by their versions. The outbox outlives a reload; the rest is asked for again.

import { randomUUID } from "node:crypto";

import { Conversations } from "../../static/js/model/conversations.js";
import { SocketDevice } from "./socket_device.mjs";

/** @import { Socket } from "socket.io-client" */
/** @import { CaughtUp, Changed, ChangedConversation, Conversation, History, MessageState } from "../../static/js/protocol.d.ts" */
/** @import { Random } from "../support/random.mjs" */
/** @import { Sightings } from "./sightings.mjs" */
/** @import { Unsent } from "./socket_device.mjs" */

/** How many messages a device that holds a part begins with, and asks for at a time. */
const PART = 15;
/** How many messages a device that holds everything asks for at a time. */
const PAGE = 200;

export class Device extends SocketDevice {
  #sightings;
  #random;
  /** An event that is taken again, later. @type {Changed | undefined} */
  #earlier;
  #catchingUp = false;
  /** What is being asked for. @type {Set<string>} */
  #asking = new Set();
  /** The conversations of which messages are wanted, for a device that holds a part. @type {Set<number>} */
  #opened = new Set();
  /** Up to which version the server has told of a conversation on this connection. @type {Map<number, number>} */
  #told = new Map();

  model = new Conversations();
  /** How far marks were acknowledged, for the checker. @type {Map<number, Pick<Conversation, "last_read_id" | "last_delivered_id">>} */
  marked = new Map();

  /**
   * @param {string} name
   * @param {{ id: number, cookie: string }} user
   * @param {string} url
   * @param {string[]} transports
   * @param {Sightings} sightings what all devices see of messages
   * @param {Random} random
   * @param {boolean} holdsAll whether it holds all messages, or the newest of what was opened
   */
  constructor(name, user, url, transports, sightings, random, holdsAll) {
    super(name, user, url, transports, 2);
    this.#random = random;
    this.#sightings = sightings;
    this.holdsAll = holdsAll;
  }

  /** @override */
  get idle() {
    const isBehind = this.model.partnerIds.some((id) => this.model.get(id)?.isBehind);
    return super.idle && this.model.isCaughtUp && !isBehind && !this.#catchingUp && this.#asking.size === 0;
  }

  /** @override */
  get state() {
    const { isCaughtUp, missing } = this.model;
    return `${super.state} ${JSON.stringify({ isCaughtUp, catchingUp: this.#catchingUp, missing, asking: [...this.#asking] })}`;
  }

  /** @override */
  get maySend() {
    return this.model.isCaughtUp;
  }

  /** Sends a message, sooner or later; gives its key. @param {number} partner_id @param {string} text */
  send(partner_id, text) {
    const client_id = randomUUID();
    this.keepSending("send_message", { partner_id, text, client_id }, client_id);
    return client_id;
  }

  /** @param {number} partner_id @param {number} message_id @param {string} text */
  edit(partner_id, message_id, text) {
    const client_id = randomUUID();
    this.keepSending("edit_message", { partner_id, message_id, text, client_id }, client_id);
    return client_id;
  }

  /** @param {number} partner_id @param {number} message_id */
  delete(partner_id, message_id) {
    this.keepSending("delete_message", { partner_id, message_id });
  }

  /**
   * Marks messages as read or delivered. What was not heard is told with the next.
   * @param {"mark_read" | "mark_delivered"} event @param {number} partner_id @param {number} up_to_id
   */
  mark(event, partner_id, up_to_id) {
    this.#tell(event, { partner_id, up_to_id }, (conversation) => {
      const mark = event === "mark_read" ? "last_read_id" : "last_delivered_id";
      if (conversation[mark] < up_to_id) this.faults.push(`${event} up to ${up_to_id} gave ${conversation[mark]}`);
      const known = this.marked.get(partner_id) ?? { last_read_id: 0, last_delivered_id: 0 };
      this.marked.set(partner_id, { ...known, [mark]: Math.max(known[mark], conversation[mark]) });
    });
  }

  /** @param {number} partner_id @param {boolean} blocked */
  setBlocked(partner_id, blocked) {
    this.#tell("set_blocked", { partner_id, blocked }, (conversation) => {
      if (conversation.blocked !== blocked) this.faults.push(`set_blocked ${blocked} gave ${conversation.blocked}`);
    });
  }

  /** Shows the newest messages of a conversation, or older ones of an opened one. @param {number} partnerId */
  open(partnerId) {
    this.#opened.add(partnerId);
    this.#askHistory(partnerId);
  }

  /** Lets go of the messages of a conversation, as after a long absence. @param {number} partnerId */
  forget(partnerId) {
    this.#opened.delete(partnerId);
    this.model.get(partnerId)?.forgetMessages();
    this.#pursue();
  }

  /** Asks whether anything was missed, as a client does that comes to the front. */
  compare() {
    if (this.isConnected) this.#catchUp();
  }

  /** The messages that this user may change. @param {number} partnerId */
  ownMessages(partnerId) {
    const messages = this.model.get(partnerId)?.messages ?? [];
    return messages.filter((message) => message.sender_id === this.userId && !message.deleted_at);
  }

  /** @override */
  onConnect() {
    this.#told.clear();
    this.model.connected();
    this.#catchUp();
  }

  /** @override */
  onDisconnect() {
    this.#catchingUp = false;
    this.#asking.clear();
    this.model.connected();
  }

  /** @override */
  restore() {
    this.model = new Conversations();
  }

  /** @override @param {Unsent} sent @param {any} answer */
  onAcknowledged({ event, payload, attempts }, answer) {
    if (event === "send_message") {
      if (answer.duplicate && attempts === 1) this.faults.push(`"${payload.text}" was a duplicate at once`);
      return;
    }
    const message = /** @type {MessageState} */ (answer.message);
    this.#sightings.see(message);
    this.model.takeMessage(payload.partner_id, message);
    if (event === "delete_message" && !message.deleted_at) this.faults.push(`message ${message.id} was not deleted`);
    if (event === "edit_message" && attempts === 1 && message.text !== payload.text) {
      this.faults.push(`message ${message.id} was edited to "${payload.text}", and is "${message.text}"`);
    }
  }

  /** @override @param {Socket} socket */
  listen(socket) {
    socket.on("changed", (/** @type {Changed} */ changed) => {
      const { after, conversation, message } = changed;
      const { partner_id, version } = conversation;
      const told = this.#told.get(partner_id);
      if (after >= version || (told !== undefined && told !== after)) {
        this.faults.push(`was told of ${version} after ${after} with ${partner_id}, when ${told} was the last`);
      }
      this.#told.set(partner_id, version);
      if (message) this.#sightings.see(message);
      this.#take(changed);
      this.#pursue();
    });
  }

  /** Hands an event to the model; loses some, and takes some again, which the next versions must put right. @param {Changed} changed */
  #take(changed) {
    if (this.#random.chance(0.02)) return;
    this.model.takeChanged(changed);
    if (this.#earlier && this.#random.chance(0.05)) this.model.takeChanged(this.#earlier);
    if (this.#random.chance(0.1)) this.#earlier = changed;
  }

  #catchUp() {
    if (this.#catchingUp) return;
    const asked = this.model.catchUp();
    this.#catchingUp = this.ask("catch_up", asked, (lost, /** @type {CaughtUp} */ answer) => {
      this.#catchingUp = false;
      if (!this.isAnswered("catch_up", lost, answer, () => this.isConnected && this.#catchUp())) return;
      if (answer.user_id !== this.userId) this.faults.push(`catch_up speaks of user ${answer.user_id}`);
      for (const { messages } of answer.conversations) this.#sightings.seeAll(messages);
      this.model.takeCaughtUp(answer, asked);
      if (!this.model.isCaughtUp) return this.#catchUp();
      this.flush();
      this.#pursue();
    });
  }

  /** Asks for what is missing, and for the messages that are wanted. */
  #pursue() {
    for (const asked of this.model.missing) this.#once("get_changes", asked.partner_id, asked, (changes) => {
      this.#sightings.seeAll(changes.messages);
      this.model.takeChanges(changes, asked);
    });
    if (!this.model.isCaughtUp) return;
    for (const partnerId of this.model.partnerIds) {
      const held = this.model.get(partnerId);
      const wants = this.holdsAll ? !held?.isWhole : this.#opened.has(partnerId) && held?.messages.length === 0;
      if (wants && !held?.isWhole) this.#askHistory(partnerId);
    }
  }

  /** Asks for the next page of history. @param {number} partner_id */
  #askHistory(partner_id) {
    const held = this.model.get(partner_id);
    if (!this.model.isCaughtUp || !held || held.isWhole) return;
    const [first] = held.messages;
    const asked = { partner_id, at_most: this.holdsAll ? PAGE : PART, ...(first ? { before_id: first.id } : {}) };
    this.#once("get_history", partner_id, asked, (/** @type {History} */ page) => {
      this.#sightings.seeAll(page.messages);
      this.model.takeHistory(page, asked);
    });
  }

  /**
   * Asks, unless the same is being asked for already, and goes on with what is wanted then.
   * @param {string} event @param {number} partnerId @param {object} payload
   * @param {(answer: ChangedConversation & History) => void} take
   */
  #once(event, partnerId, payload, take) {
    const key = `${event} ${partnerId}`;
    if (this.#asking.has(key) || !this.isConnected) return;
    this.#asking.add(key);
    this.ask(event, payload, (lost, answer) => {
      this.#asking.delete(key);
      const again = () => this.isConnected && this.#pursue();
      if (!this.isAnswered(event, lost, answer, again)) return;
      take(answer);
      this.#pursue();
    });
  }

  /**
   * Asks for a change of one's own side, once.
   * @param {string} event @param {object} payload @param {(conversation: Conversation) => void} take
   */
  #tell(event, payload, take) {
    if (!this.model.isCaughtUp) return;
    this.ask(event, payload, (lost, answer) => {
      if (!this.isAnswered(event, lost, answer, () => {})) return;
      this.model.takeState(answer.conversation);
      take(answer.conversation);
    });
  }
}
