// A small well-behaved client, as docs/protocol.md describes one: a tab or a device that keeps all
// messages of its user, and sends, reads and joins. What it keeps outlives a reload.

import { randomUUID } from "node:crypto";
import { io } from "socket.io-client";

/** @import { Socket } from "socket.io-client" */

/** How long an acknowledgement may take before the same question is asked again. */
const ANSWER_MS = 1500;
/** How long to wait after `unavailable` before trying again. */
const AGAIN_MS = 200;

/**
 * @typedef {{ id: number, sender_id: number, receiver_id: number, message: string }} Row
 *
 * A message that is not acknowledged yet.
 * @typedef {{ client_id: string, partner: number, text: string, attempts: number }} Unsent
 *
 * A message that was acknowledged, and on which connection, at which place of what was sent there.
 * @typedef {{
 *   client_id: string, partner: number, text: string, id: number,
 *   connection: number, place: number, attempts: number,
 * }} Acknowledged
 *
 * What the tab's storage holds over a reload.
 * @typedef {{
 *   outbox: Unsent[], rows: Row[], since: number, open: number,
 *   reads: [partner: number, read: { count: number, lastReadId: number }][],
 * }} Stored
 */

export class Device {
  #url;
  #cookie;
  #transports;
  /** @type {Socket | undefined} */
  #socket;
  /** Which connection this is, over reloads. */
  #connection = 0;
  #places = 0;
  /** @type {Set<string>} client ids of what is on its way now */
  #onItsWay = new Set();
  /** @type {(() => void)[]} who waits for an acknowledgement */
  #waiting = [];

  /** @type {Unsent[]} */
  #outbox = [];
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

  /** Every message that this device knows. @type {Map<number, Row>} */
  rows = new Map();
  /** What was acknowledged here, for the checker. @type {Acknowledged[]} */
  acknowledged = [];
  /** How far reading was acknowledged, by partner, for the checker. @type {Map<number, number>} */
  read = new Map();
  /**
   * The ids of messages that the server told of unasked, by connection and chat, for the checker.
   * @type {Map<string, number[]>}
   */
  live = new Map();
  /** What the server must never do. @type {string[]} */
  faults = [];

  /**
   * @param {string} name
   * @param {{ id: number, cookie: string }} user
   * @param {string} url
   * @param {string[]} transports
   */
  constructor(name, user, url, transports) {
    this.name = name;
    this.userId = user.id;
    this.#cookie = user.cookie;
    this.#url = url;
    this.#transports = transports;
  }

  get idle() {
    const settled = this.#outbox.length === 0 && !this.#syncing && !this.#syncAgain;
    return settled && this.#socket?.connected === true && this.#joined === this.#open;
  }

  /** How often it was connected. */
  get connections() {
    return this.#connection;
  }

  /** Why the device is not idle, for a failure. */
  get state() {
    const { connected } = this.#socket ?? { connected: false };
    return JSON.stringify({
      connected,
      outbox: this.#outbox.length,
      syncing: this.#syncing,
      open: this.#open,
      joined: this.#joined,
      rows: this.rows.size,
    });
  }

  /** The count of new messages by partner. */
  get counts() {
    return new Map([...this.#reads].map(([partner, { count }]) => [partner, count]));
  }

  /** Resolves when the next message is acknowledged. @returns {Promise<void>} */
  acknowledgement() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  connect() {
    const socket = io(this.#url, {
      forceNew: true,
      transports: this.#transports,
      extraHeaders: { cookie: this.#cookie },
      reconnectionDelay: 50,
      reconnectionDelayMax: 400,
      timeout: 3000,
    });
    this.#socket = socket;
    socket.on("connect", () => this.#connected());
    socket.on("disconnect", (reason) => {
      this.#joined = 0;
      if (reason === "io server disconnect" && this.#socket === socket) socket.connect();
    });
    socket.on("connect_error", (error) => {
      if (error.message === "not logged in") this.faults.push("a session was forgotten");
      else if (!socket.active && this.#socket === socket) setTimeout(() => socket.connect(), AGAIN_MS);
    });
    this.#listen(socket);
  }

  close() {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#joined = 0;
    socket?.disconnect();
  }

  /** Tears everything down and builds it anew from what the tab's storage would hold. */
  reload() {
    this.close();
    /** @type {Stored} */
    const kept = JSON.parse(JSON.stringify({
      outbox: this.#outbox,
      rows: [...this.rows.values()],
      since: this.#since,
      reads: [...this.#reads],
      open: this.#open,
    }));
    this.#outbox = kept.outbox;
    this.#onItsWay.clear();
    this.rows = new Map(kept.rows.map((row) => [row.id, row]));
    this.#since = kept.since;
    this.#reads = new Map(kept.reads);
    this.#open = kept.open;
    this.#syncing = false;
    this.#syncAgain = false;
    this.connect();
  }

  /** Opens a chat; the server is told now or at the next connect. @param {number} partner */
  join(partner) {
    this.#open = partner;
    this.#join();
  }

  /** Sends a message, sooner or later. @param {number} partner @param {string} text */
  send(partner, text) {
    const unsent = { client_id: randomUUID(), partner, text, attempts: 0 };
    this.#outbox.push(unsent);
    this.#attempt(unsent);
  }

  /** Reads a chat up to a message. @param {number} partner @param {number} last_read_id */
  markRead(partner, last_read_id) {
    const payload = { chat_partner_id: partner, new_message_count: 0, last_read_id };
    this.#ask("new_message_count_updated", payload, (lost, state) => {
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

  #connected() {
    this.#connection += 1;
    // First the chat: what comes to it from now on comes as events, the sync has all before.
    this.#join();
    this.#sync();
    for (const unsent of this.#outbox) this.#attempt(unsent);
  }

  #join() {
    const partner = this.#open;
    if (partner === 0) return;
    this.#joins += 1;
    const attempt = this.#joins;
    this.#ask("join_chat", { chat_partner_id: partner, with_state: true }, (lost, rows, count, read) => {
      if (lost) {
        // Whether the server has joined that chat is unknown, and so what its next events mean.
        if (this.#socket?.connected) this.#socket.disconnect().connect();
        return;
      }
      if (rows.failure) {
        if (rows.code !== "unavailable") this.faults.push(`join_chat: ${rows.failure}`);
        setTimeout(() => attempt === this.#joins && this.#join(), AGAIN_MS);
        return;
      }
      // An answer that is overtaken does not undo a newer one.
      if (attempt < this.#joinAnswered) return;
      this.#joinAnswered = attempt;
      this.#joined = partner;
      for (const row of rows) this.#keep(row);
      this.#settle(partner, count, read.last_read_id);
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
    const sent = this.#ask("sync", { since_id: this.#since }, (lost, answer) => {
      this.#syncing = false;
      if (lost || answer.failure) {
        if (!lost && answer.code !== "unavailable") this.faults.push(`sync: ${answer.failure}`);
        this.#syncAgain = true;
        setTimeout(() => this.#syncAgain && this.#sync(), AGAIN_MS);
        return;
      }
      let last = this.#since;
      for (const row of answer.messages) {
        if (row.id <= last) this.faults.push(`sync since ${this.#since} gave ${row.id} after ${last}`);
        last = row.id;
        this.#keep(row);
      }
      // Events tell what is new, too, but may run ahead: only a sync leaves nothing out.
      this.#since = last;
      for (const chat of answer.chats) this.#settle(chat.id, chat.new_message_count, chat.last_read_id);
      if (answer.more || this.#syncAgain) this.#sync();
    });
    // Without a connection the next one asks.
    if (!sent) this.#syncing = false;
  }

  /** @param {Unsent} unsent */
  #attempt(unsent) {
    const { client_id, partner, text } = unsent;
    if (!this.#socket?.connected || this.#onItsWay.has(client_id)) return;
    this.#onItsWay.add(client_id);
    unsent.attempts += 1;
    this.#places += 1;
    const [connection, place] = [this.#connection, this.#places];
    const payload = { chat_partner_id: partner, message: text, client_id };
    this.#ask("message_sent", payload, (lost, answer) => {
      this.#onItsWay.delete(client_id);
      if (lost || answer.failure) {
        if (!lost && answer.code !== "unavailable") this.faults.push(`message_sent: ${answer.failure}`);
        setTimeout(() => this.#outbox.includes(unsent) && this.#attempt(unsent), AGAIN_MS);
        return;
      }
      const { id, duplicate } = answer;
      if (duplicate && unsent.attempts === 1) this.faults.push(`"${text}" was a duplicate at once`);
      this.#outbox.splice(this.#outbox.indexOf(unsent), 1);
      for (const resolve of this.#waiting.splice(0)) resolve();
      const { attempts } = unsent;
      this.acknowledged.push({ client_id, partner, text, id, connection, place, attempts });
      this.#keep({ id, sender_id: this.userId, receiver_id: partner, message: text });
    });
  }

  /** @param {Socket} socket */
  #listen(socket) {
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

  /**
   * @param {string} event @param {object} payload
   * @param {(lost: Error | null, ...answer: any[]) => void} take
   * @returns {boolean} whether it was sent
   */
  #ask(event, payload, take) {
    const socket = this.#socket;
    if (!socket?.connected) return false;
    socket.timeout(ANSWER_MS).emit(event, payload, (/** @type {Error | null} */ lost, /** @type {any[]} */ ...answer) => {
      // A page that was left hears nothing.
      if (this.#socket === socket) take(lost, ...answer);
    });
    return true;
  }

  /** @param {Row} row */
  #keep({ id, sender_id, receiver_id, message }) {
    const known = this.rows.get(id);
    if (!known) this.rows.set(id, { id, sender_id, receiver_id, message });
    else if (known.message !== message || known.sender_id !== sender_id) {
      const [before, now] = [`"${known.message}" of ${known.sender_id}`, `"${message}" of ${sender_id}`];
      this.faults.push(`message ${id} was ${before} and then ${now}`);
    }
  }

  /** @param {number} partner @param {number} id */
  #hear(partner, id) {
    const key = `connection ${this.#connection}, chat with ${partner}`;
    const heard = this.live.get(key);
    if (heard) heard.push(id);
    else this.live.set(key, [id]);
  }

  /**
   * Takes over what an event tells, or the answer to having read.
   * @param {number} partner @param {number} count @param {number} [lastReadId]
   */
  #count(partner, count, lastReadId = 0) {
    const known = this.#reads.get(partner)?.lastReadId ?? 0;
    this.#reads.set(partner, { count, lastReadId: Math.max(known, lastReadId) });
  }

  /**
   * Takes over what a join or a sync has found, unless events have overtaken it: reading only goes
   * forward, and from one place in it the count only grows.
   * @param {number} partner @param {number} count @param {number} lastReadId
   */
  #settle(partner, count, lastReadId) {
    const known = this.#reads.get(partner) ?? { count: 0, lastReadId: 0 };
    if (lastReadId < known.lastReadId) return;
    if (lastReadId > known.lastReadId || count >= known.count) this.#count(partner, count, lastReadId);
  }
}
