// A small well-behaved client of protocol 1, as docs/protocol.md describes one: a tab or a device that keeps all
// messages of its user, and sends, reads and joins. What it keeps outlives a reload.

import { randomUUID } from "node:crypto";

import { SocketDevice } from "./socket_device.mjs";

/** @import { Socket } from "socket.io-client" */
/** @import { Unsent } from "./socket_device.mjs" */

/**
 * @typedef {{ id: number, sender_id: number, receiver_id: number, message: string }} Row
 *
 * What the tab's storage holds over a reload.
 * @typedef {{
 *   rows: Row[], since: number, open: number,
 *   reads: [partner: number, read: { count: number, lastReadId: number }][],
 * }} Stored
 */

export class FlaskDevice extends SocketDevice {
  /** The last message that a sync brought; nothing before it is missing here. */
  #since = 0;
  #syncing = false;
  #syncAgain = false;
  /** The chat that is wanted, and the one that the server has acknowledged. */
  #open = 0;
  #joined = 0;
  #joins = 0;
  #joinAnswered = 0;
  /** @type {Map<number, { count: number, lastReadId: number }>} by partner */
  #reads = new Map();
  /** How often a count was told, and by partner, when the last one was. */
  #counts = 0;
  /** @type {Map<number, number>} */
  #countedAt = new Map();

  /** Every message that this device knows. @type {Map<number, Row>} */
  rows = new Map();
  /** Every text that a message has had here: edits are seen only when it is read again. @type {Map<number, Set<string>>} */
  texts = new Map();
  /** How far reading was acknowledged, by partner, for the checker. @type {Map<number, number>} */
  read = new Map();
  /**
   * The ids of messages that the server told of unasked, by connection and chat, for the checker.
   * @type {Map<string, number[]>}
   */
  live = new Map();

  /**
   * @param {string} name
   * @param {{ id: number, cookie: string }} user
   * @param {string} url
   * @param {string[]} transports
   */
  constructor(name, user, url, transports) {
    super(name, user, url, transports, 1);
  }

  /** @override */
  get idle() {
    return super.idle && !this.#syncing && !this.#syncAgain && this.#joined === this.#open;
  }

  /** @override */
  get state() {
    return `${super.state} ${JSON.stringify({ syncing: this.#syncing, open: this.#open, joined: this.#joined })}`;
  }

  /** The count of new messages by partner. */
  get counts() {
    return new Map([...this.#reads].map(([partner, { count }]) => [partner, count]));
  }

  /** @override */
  onDisconnect() {
    this.#joined = 0;
  }

  /** @override @returns {Stored} */
  kept() {
    return { rows: [...this.rows.values()], since: this.#since, reads: [...this.#reads], open: this.#open };
  }

  /** @override @param {Stored} kept */
  restore(kept) {
    this.rows = new Map(kept.rows.map((row) => [row.id, row]));
    this.#since = kept.since;
    this.#reads = new Map(kept.reads);
    this.#open = kept.open;
    this.#syncing = false;
    this.#syncAgain = false;
  }

  /** Opens a chat; the server is told now or at the next connect. @param {number} partner */
  join(partner) {
    this.#open = partner;
    this.#join();
  }

  /** Sends a message, sooner or later. @param {number} partner @param {string} text */
  send(partner, text) {
    const client_id = randomUUID();
    this.keepSending("message_sent", { chat_partner_id: partner, message: text, client_id }, client_id);
  }

  /** Reads a chat up to a message. @param {number} partner @param {number} last_read_id */
  markRead(partner, last_read_id) {
    const payload = { chat_partner_id: partner, new_message_count: 0, last_read_id };
    this.ask("new_message_count_updated", payload, (lost, state) => {
      // Reading that was not heard is told with the next.
      if (lost || state.failure) return;
      this.read.set(partner, Math.max(this.read.get(partner) ?? 0, state.last_read_id));
      if (state.last_read_id < last_read_id && this.rows.has(last_read_id)) {
        this.faults.push(`read up to ${last_read_id} was acknowledged as ${state.last_read_id}`);
      }
      this.#count(partner, state.new_message_count, state.last_read_id);
    });
  }

  /** The partner's messages in a chat, by id. @param {number} partner */
  receivedFrom(partner) {
    return [...this.rows.values()].filter((row) => row.sender_id === partner).map(({ id }) => id);
  }

  /** @override */
  onConnect() {
    // First the chat: what comes to it from now on comes as events, the sync has all before.
    this.#join();
    this.#sync();
    this.flush();
  }

  #join() {
    const partner = this.#open;
    if (partner === 0) return;
    this.#joins += 1;
    const [attempt, asked] = [this.#joins, this.#counts];
    this.ask("join_chat", { chat_partner_id: partner, with_state: true }, (lost, rows, count, read) => {
      if (lost) {
        // Whether the server has joined that chat is unknown, and so what its next events mean.
        this.reconnect();
        return;
      }
      if (!this.isAnswered("join_chat", null, rows, () => attempt === this.#joins && this.#join())) return;
      // An answer that is overtaken does not undo a newer one.
      if (attempt < this.#joinAnswered) return;
      this.#joinAnswered = attempt;
      this.#joined = partner;
      for (const row of rows) this.#keep(row);
      this.#settle(partner, count, read.last_read_id, asked);
    });
  }

  /** Asks for what was missed, page by page. */
  #sync() {
    if (this.#syncing) {
      this.#syncAgain = true;
      return;
    }
    this.#syncing = true;
    this.#syncAgain = false;
    const asked = this.#counts;
    const sent = this.ask("sync", { since_id: this.#since }, (lost, answer) => {
      this.#syncing = false;
      this.#syncAgain ||= lost !== null || answer.failure !== undefined;
      if (!this.isAnswered("sync", lost, answer, () => this.#syncAgain && this.#sync())) return;
      let last = this.#since;
      for (const row of answer.messages) {
        if (row.id <= last) this.faults.push(`sync since ${this.#since} gave ${row.id} after ${last}`);
        last = row.id;
        this.#keep(row);
      }
      // Events tell what is new, too, but may run ahead: only a sync leaves nothing out.
      this.#since = last;
      for (const chat of answer.chats) this.#settle(chat.id, chat.new_message_count, chat.last_read_id, asked);
      if (answer.more || this.#syncAgain) this.#sync();
    });
    // Without a connection the next one asks.
    if (!sent) this.#syncing = false;
  }

  /** @override @param {Unsent} sent @param {any} answer */
  onAcknowledged({ payload, attempts }, { id, duplicate }) {
    const { chat_partner_id, message } = payload;
    if (duplicate && attempts === 1) this.faults.push(`"${message}" was a duplicate at once`);
    this.#keep({ id, sender_id: this.userId, receiver_id: chat_partner_id, message });
  }

  /** @override @param {Socket} socket */
  listen(socket) {
    socket.on("message_received_from_current_chat", ({ id, message, new_message_count }) => {
      const partner = this.#joined;
      if (partner === 0) this.faults.push(`message ${id} came for a chat that is not open`);
      this.#hear(partner, id);
      this.#keep({ id, sender_id: partner, receiver_id: this.userId, message });
      this.#count(partner, new_message_count);
    });
    socket.on("message_received_from_another_chat", (news) => {
      this.#hear(news.chatPartnerId, news.message_id);
      this.#count(news.chatPartnerId, news.new_message_count);
      // What it says is not told.
      this.#sync();
    });
    socket.on("new_user_sent_message", ({ id, message_id, new_message_count }) => {
      this.#hear(id, message_id);
      this.#count(id, new_message_count);
      this.#sync();
    });
    socket.on("message_sent_elsewhere", ({ chat_partner_id, id, message }) => {
      this.#hear(chat_partner_id, id);
      this.#keep({ id, sender_id: this.userId, receiver_id: chat_partner_id, message });
    });
    socket.on("new_message_count_changed", ({ chat_partner_id, new_message_count, last_read_id }) => {
      this.#count(chat_partner_id, new_message_count, last_read_id);
    });
  }

  /** @param {Row} row */
  #keep({ id, sender_id, receiver_id, message }) {
    const known = this.rows.get(id);
    if (known && known.sender_id !== sender_id) {
      this.faults.push(`message ${id} was ${known.sender_id}'s, and then ${sender_id}'s`);
    }
    this.rows.set(id, { id, sender_id, receiver_id, message });
    const texts = this.texts.get(id) ?? new Set();
    this.texts.set(id, texts.add(message));
  }

  /** @param {number} partner @param {number} id */
  #hear(partner, id) {
    const key = `connection ${this.connection}, chat with ${partner}`;
    const heard = this.live.get(key);
    if (heard) heard.push(id);
    else this.live.set(key, [id]);
  }

  /**
   * Takes over what an event tells, or the answer to having read.
   * @param {number} partner @param {number} count @param {number} [lastReadId]
   */
  #count(partner, count, lastReadId = 0) {
    this.#counts += 1;
    this.#countedAt.set(partner, this.#counts);
    this.#keepCount(partner, count, lastReadId);
  }

  /** @param {number} partner @param {number} count @param {number} lastReadId */
  #keepCount(partner, count, lastReadId) {
    const known = this.#reads.get(partner)?.lastReadId ?? 0;
    this.#reads.set(partner, { count, lastReadId: Math.max(known, lastReadId) });
  }

  /**
   * Takes over what a join or a sync has found. Where something else was told after the question, either may be
   * the newer one.
   * @param {number} partner @param {number} count @param {number} lastReadId
   * @param {number} asked how often a count had been told when the question was asked
   */
  #settle(partner, count, lastReadId, asked) {
    if ((this.#countedAt.get(partner) ?? 0) <= asked) this.#keepCount(partner, count, lastReadId);
    else if (this.#reads.get(partner)?.count !== count) this.#sync();
  }
}
