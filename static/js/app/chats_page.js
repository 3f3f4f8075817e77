// The page of chats: it brings together what is known (model), what is shown (view), the connection and what the
// browser keeps (storage). What people do beyond reading and writing are features, each a file of that folder.

import { Connection } from "../connection/connection.js";
import { ReadMarks } from "../connection/read_marks.js";
import { Sender } from "../connection/sender.js";
import { Sync } from "../connection/sync.js";
import { newClientId } from "../model/client_id.js";
import { Conversations } from "../model/conversations.js";
import { Outbox, mayBeTakenBack, newEntry } from "../model/outbox.js";
import { PersonStorage, above } from "../storage/person_storage.js";
import { Address } from "../view/address.js";
import { ChatList } from "../view/chat_list.js";
import { OpenChat } from "../view/open_chat.js";

/** @import { Feature } from "../features/index.js" */
/** @import { Entry } from "../model/outbox.js" */
/** @import { Changed } from "../protocol.d.ts" */
/** @import { Chat } from "../view/chat_list.js" */

/** Where the list and the chat do not fit side by side; the same as in chat_page.css. */
const NARROW = matchMedia("(max-width: 40em)");
/** A page that was hidden for so long may have missed something without noticing. */
const AWAY_MS = 30_000;
/** A chat with so many new messages opens where they begin. */
const NEW_MAX = 300;
/** A break that is shorter than this is not worth a word. */
const PATIENCE_MS = 1000;
/** And so long may the first connection take, on a slow link. */
const FIRST_PATIENCE_MS = 5000;

/**
 * What a feature may hear of.
 * @typedef {object} PageEvents
 * @property {() => void} change something that is shown may be another
 * @property {(changed: Changed) => void} changed the server has told of a change, which the model has
 */

/**
 * Where a feature may draw something, or `nothing`.
 * @typedef {object} Slots
 * @property {((chat: OpenChat) => unknown)[]} header buttons in the head of the open chat
 * @property {((chat: OpenChat) => unknown)[]} composer takes the place of the box in which one writes
 * @property {((chat: OpenChat) => unknown)[]} foot below that box
 */

export class ChatsPage {
  #element = element(".chat-page");
  #panel = element("#right-panel");
  #address = new Address((chatId) => this.#follow(chatId));
  #list = new ChatList(element(".chats"), (id) => this.#choose(id));
  /** The chats as the server has drawn them, until the model has them. @type {Chat[]} */
  #seed = this.#list.read();
  /** How many chats the list shows: the older ones are kept back until they are asked for. */
  #shown = Infinity;
  #hasCaughtUp = false;
  #isDrawing = false;
  #hiddenAt = Date.now();
  /** @type {ReturnType<typeof setTimeout> | 0} */
  #patience = 0;
  /** @type {{ [E in keyof PageEvents]: PageEvents[E][] }} */
  #listeners = { change: [], changed: [] };
  /** @type {OpenChat | null} */
  #open = null;
  #connection;
  #sync;
  #marks;
  #sender;

  userId = Number(this.#element.dataset.userId);
  /** How long a message may be, in characters. */
  messageCharsMax = Number(this.#element.dataset.messageCharsMax);
  model = new Conversations();
  outbox = new Outbox();
  storage = new PersonStorage(this.userId);
  /** @type {Slots} */
  slots = { header: [], composer: [], foot: [] };
  /** Whether there is no connection, and has not been for a while. */
  isKnownOffline = false;

  /** @param {Feature[]} features */
  constructor(features) {
    this.#connection = new Connection({
      onConnect: () => {
        this.#sync.connected();
        // Answered after what tells whose connection this is.
        this.#open?.resume();
      },
      onDisconnect: () => this.#disconnected(),
      onNotLoggedIn: () => location.assign("login"),
      onChanged: (changed) => {
        this.#sync.takeChanged(changed);
        for (const hear of this.#listeners.changed) hear(changed);
      },
    });
    this.#sync = new Sync(this.#connection, this.model, this.userId, {
      onCaughtUp: () => this.#caughtUp(),
      onOther: () => location.assign("chats"),
      onChange: () => this.draw(),
    });
    this.#marks = new ReadMarks(this.#connection, this.model, this.userId);
    this.#sender = new Sender(this.#connection, this.outbox, this.storage, navigator.locks, () => this.draw());
    for (const feature of features) feature(this);
  }

  /** Connects, and opens the chat that the address names. */
  start() {
    const restore = this.#list.take();
    this.#draw();
    restore();
    this.#panel.replaceChildren();
    this.#follow(this.#address.chatId);
    this.#element.dataset.ready = "";
    this.#disconnected();
    this.#connection.connect();
    this.#openStorage();
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.#step();
    });
    document.addEventListener("visibilitychange", () => this.#looked());
    window.addEventListener("online", () => this.#hasWoken());
    // From the browser's cache of pages.
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#hasWoken());
  }

  /** @template {keyof PageEvents} E @param {E} event @param {PageEvents[E]} listener */
  on(event, listener) {
    this.#listeners[event].push(listener);
  }

  /** @returns {Connection["request"]} asks the server; see there */
  get request() {
    return this.#connection.request.bind(this.#connection);
  }

  /** Whether `chats` are all that there are: before, they are those that the server has drawn. */
  get hasAllChats() {
    return this.#hasCaughtUp;
  }

  /** Whether there is a connection, perhaps not known to be this person's. */
  get isConnected() {
    return this.#connection.isConnected;
  }

  /** Whether the server can be asked. */
  get isOnline() {
    return this.#connection.isConfirmed;
  }

  /** The chat that is open. */
  get openChat() {
    return this.#open;
  }

  /** All chats, from top to bottom. @returns {Chat[]} */
  get chats() {
    if (!this.#hasCaughtUp) return this.#seed;
    const states = this.model.partnerIds.map((id) => this.model.get(id)?.state);
    return states
      .filter((state) => state !== undefined)
      .filter(({ username, listed_at }) => username !== undefined && listed_at > 0)
      .sort((one, other) => other.listed_at - one.listed_at || other.partner_id - one.partner_id)
      .map((state) => ({
        id: state.partner_id,
        username: /** @type {string} */ (state.username),
        newMessageCount: this.#marks.newMessageCount(state),
      }));
  }

  /** The chats that the list shows. @returns {Chat[]} */
  get shownChats() {
    const isListed = new Set(this.#seed.map(({ id }) => id));
    return this.chats.filter(({ id }, place) => place < this.#shown || isListed.has(id));
  }

  /** Shows so many chats. @param {number} count */
  show(count) {
    this.#shown = count;
    this.draw();
  }

  /** Moves the focus to the chat at that place of the list. @param {number} place */
  focusChat(place) {
    this.#draw();
    const chat = this.shownChats.at(place);
    if (chat) this.#list.focus(chat.id);
  }

  /** Draws the page anew, soon: several changes at once are one. */
  draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    queueMicrotask(() => {
      this.#isDrawing = false;
      this.#draw();
    });
  }

  /** The own messages of that conversation that are not shown as stored. @param {number} partnerId */
  unsent(partnerId) {
    const conversation = this.model.get(partnerId);
    return this.outbox.of(partnerId).filter(({ clientId, messageId = Infinity }) => {
      if (!conversation?.hasClientId(clientId) && !conversation?.isBefore(messageId)) return true;
      // The message itself says that it is stored, perhaps before the acknowledgement does.
      this.outbox.delete(clientId);
      this.storage.remove(clientId, { stored: clientId });
      return false;
    });
  }

  /** How far the person has read. @param {number} partnerId */
  readTo(partnerId) {
    return this.#marks.of(partnerId);
  }

  /** The person has seen that message. @param {number} partnerId @param {number} id */
  noteRead(partnerId, id) {
    this.#marks.note(partnerId, id);
    this.draw();
  }

  /** @param {number} partnerId @returns {Promise<void>} rejects with a RequestError */
  loadHistory(partnerId) {
    return this.#sync.loadHistory(partnerId);
  }

  /**
   * Whether a chat that is being opened waits for more messages, so that the first of the new ones is there. Where very
   * many are new, the chat begins with the newest.
   * @param {number} partnerId
   */
  lacksNew(partnerId) {
    const conversation = this.model.get(partnerId);
    const count = conversation?.state?.new_message_count ?? 0;
    if (!conversation || conversation.isWhole || count > NEW_MAX) return false;
    return this.newMessages(partnerId).length < count;
  }

  /** The messages of the partner that are new, as far as they are loaded. @param {number} partnerId */
  newMessages(partnerId) {
    const readTo = this.readTo(partnerId);
    const messages = this.model.get(partnerId)?.messages ?? [];
    return messages.filter(
      ({ id, sender_id, deleted_at }) => id > readTo && sender_id !== this.userId && deleted_at === undefined,
    );
  }

  /** @param {number} partnerId @param {string} text */
  async send(partnerId, text) {
    const entry = newEntry(newClientId(), partnerId, text);
    // A character has at most two UTF-16 units, so this is too long for certain. It is not even sent: a packet that
    // is too large would cost the connection.
    if (text.length > 2 * this.messageCharsMax) {
      const chars = [...text].length;
      entry.state = "refused";
      entry.reason = `the message is longer than ${this.messageCharsMax} characters (it has ${chars})`;
    }
    this.outbox.put(entry);
    this.draw();
    await this.storage.add(entry);
    this.#sender.wake();
  }

  /** Gives a message back to its writer. @param {Entry} entry */
  async edit(entry) {
    const taken = await this.#takeBack(entry);
    if (!taken) return;
    const { partnerId, text } = taken;
    if (this.#open?.partner.id === partnerId) this.#open.giveBack(text);
    else this.keepDraft(partnerId, above(text, this.draft(partnerId)));
  }

  /** @param {Entry} entry */
  async remove(entry) {
    await this.#takeBack(entry);
    this.#open?.focus();
  }

  /** @param {number} partnerId */
  draft(partnerId) {
    return this.storage.draft(partnerId);
  }

  /** @param {number} partnerId @param {string} text */
  keepDraft(partnerId, text) {
    this.storage.keepDraft(partnerId, text);
  }

  /** Back to the list. */
  leave() {
    this.#address.leave();
  }

  /** @param {Entry} entry @returns {Promise<Entry | undefined>} nothing when it may be stored by now */
  async #takeBack({ clientId }) {
    /** @type {Entry | undefined} */
    let taken;
    const mayTake = (/** @type {Entry} */ entry) => {
      if (mayBeTakenBack(entry)) taken = entry;
      return taken !== undefined;
    };
    await this.storage.remove(clientId, { takenBack: clientId }, mayTake);
    if (taken) this.outbox.delete(clientId);
    this.draw();
    // What was written after it waits for it no more.
    this.#sender.wake();
    return taken;
  }

  async #openStorage() {
    await this.storage.open(() => this.draw());
    this.outbox.restore(this.storage.entries);
    this.storage.onChange(({ stored, messageId, takenBack, isForgotten }) => {
      if (isForgotten) this.outbox.clear();
      if (takenBack) this.outbox.delete(takenBack);
      this.outbox.replace(this.storage.entries);
      if (stored && messageId) this.outbox.noteStored(stored, messageId);
      this.#open?.draftChanged();
      this.draw();
      this.#sender.wake();
    });
    this.#open?.draftChanged();
    this.draw();
    this.#sender.wake();
  }

  #draw() {
    const openId = this.#open?.partner.id ?? null;
    this.#list.draw(this.shownChats, openId);
    this.#open?.update();
    for (const hear of this.#listeners.change) hear();
  }

  /** @param {number} chatId */
  #choose(chatId) {
    if (this.#open?.partner.id === chatId) {
      this.#open.focus();
      return;
    }
    this.#address.enter(chatId);
    this.#follow(chatId);
  }

  /** Esc: back to the list, which on a narrow page takes the place of the chat. */
  #step() {
    if (NARROW.matches) this.leave();
    else if (this.#open) this.#list.focus(this.#open.partner.id);
  }

  /** Opens that chat and closes the one that was open. @param {number | null} chatId */
  #follow(chatId) {
    const left = this.#open?.partner.id;
    const chat = chatId === null ? undefined : this.chats.find(({ id }) => id === chatId);
    if (this.#open && chat?.id === left) return;
    if (this.#open) this.#marks.tell();
    this.#open?.close();
    this.#open = chat ? new OpenChat(this.#panel, this, chat) : null;
    this.draw();
    if (this.#open) this.#open.focus(true);
    else if (left !== undefined) this.#list.focus(left);
  }

  #caughtUp() {
    this.#hasCaughtUp = true;
    clearTimeout(this.#patience);
    this.#patience = 0;
    this.isKnownOffline = false;
    this.#element.dataset.connection = "up";
    // A chat that the server did not draw may be known only now.
    if (!this.#open) this.#follow(this.#address.chatId);
    this.draw();
    this.#open?.resume();
    this.#marks.tell();
    this.#sender.resume();
  }

  #disconnected() {
    this.#element.dataset.connection = "down";
    const patience = this.#hasCaughtUp ? PATIENCE_MS : FIRST_PATIENCE_MS;
    this.#patience ||= setTimeout(() => {
      this.isKnownOffline = true;
      this.draw();
    }, patience);
    this.draw();
  }

  /** The page has come into view, or has gone from it. */
  #looked() {
    if (document.visibilityState === "hidden") {
      this.#hiddenAt = Date.now();
      // The page may be about to be left.
      this.#marks.tell();
    } else if (Date.now() - this.#hiddenAt >= AWAY_MS) this.#hasWoken();
  }

  /** Timers may have slept, and the connection may be dead without anybody having noticed. */
  #hasWoken() {
    if (this.#connection.isConfirmed) this.#sync.catchUp();
    else if (!this.#connection.isConnected) this.#connection.restart();
  }
}

/** @param {string} selector @returns {HTMLElement} */
function element(selector) {
  const found = document.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return /** @type {HTMLElement} */ (found);
}

