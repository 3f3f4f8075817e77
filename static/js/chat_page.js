// The page of chats: leads what the server tells and what the visitor does to the list and to the
// conversation.

import { Address } from "./address.js";
import { ChatList } from "./chat_list.js";
import { fetchChats, readUserId } from "./chat_snapshot.js";
import { ConnectionBanner } from "./connection_banner.js";
import { Conversation } from "./conversation.js";
import { Drafts } from "./drafts.js";
import { ClientEvent, ServerEvent } from "./events.js";
import { JoinedChat } from "./joined_chat.js";
import { Outbox } from "./outbox.js";
import { Connection } from "./socket.js";
import { TabStorage } from "./tab_storage.js";
import { find } from "./template.js";

/** @import { Entry, Sent } from "./outbox.js" */

/** Where the list and the conversation do not fit side by side; the same as in chat_page.css. */
const NARROW = matchMedia("(max-width: 640px)");
/** How often the list is fetched anew while it keeps changing under the answer. */
const REFRESHES = 3;
/** How long to wait after the server ended the connection, though the visitor is logged in. */
const DISMISSED_MS = 1000;

export class ChatPage {
  #userId = readUserId(document);
  #page = find(document, ".chat-page");
  #panel = find(document, "#right-panel");
  #title = document.title;
  #banner = new ConnectionBanner(find(document, "#connection-banner"));
  #address = new Address((chatId) => this.#follow(chatId));
  /** @type {Conversation | null} */
  #conversation = null;
  #list;
  #drafts;
  #outbox;
  #connection;
  #joined;

  constructor() {
    const storage = new TabStorage(this.#userId);
    this.#drafts = new Drafts(storage);
    this.#outbox = new Outbox(storage, {
      send: (entry) => this.#send(entry),
      onChange: (entry) => this.#conversationWith(entry.chatId)?.showUnsent(entry),
      onSent: (entry, sent) => this.#sent(entry, sent),
    });
    this.#list = new ChatList(find(document, ".chats"), {
      onChoose: (id) => this.#choose(id),
      onChange: () => this.#entitle(),
    });
    this.#connection = new Connection({
      onConnect: () => this.#connected(),
      onDisconnect: () => this.#disconnected(),
      onDismissed: () => this.#dismissed(),
      onNotLoggedIn: () => location.assign("/login"),
    });
    this.#joined = new JoinedChat(this.#connection);
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.#step();
    });
    this.#listen();
  }

  /** Connects, and opens the chat that the address names. */
  start() {
    this.#entitle();
    this.#follow(this.#address.chatId);
    this.#disconnected();
    this.#connection.connect();
  }

  #listen() {
    const connection = this.#connection;
    connection.on(ServerEvent.NEW_USER, ({ id, username, new_message_count }) => {
      this.#list.add(id, username);
      this.#list.setCount(id, new_message_count);
    });
    connection.on(ServerEvent.FROM_CURRENT_CHAT, ({ new_message_count, ...message }) => {
      const chatId = this.#joined.id;
      const seen = this.#conversationWith(chatId)?.receive({ ...message, sender_id: chatId });
      this.#touch(chatId);
      // What is seen as it comes is told to the server at once; the count need not flicker.
      if (!seen) this.#list.setCount(chatId, new_message_count);
    });
    connection.on(ServerEvent.FROM_ANOTHER_CHAT, ({ chatPartnerId, new_message_count }) => {
      this.#touch(chatPartnerId);
      this.#list.setCount(chatPartnerId, new_message_count);
    });
    connection.on(ServerEvent.SENT_ELSEWHERE, ({ chat_partner_id, ...message }) => {
      this.#touch(chat_partner_id);
      this.#conversationWith(chat_partner_id)?.receive({ ...message, sender_id: this.#userId });
    });
    connection.on(ServerEvent.COUNT_CHANGED, ({ chat_partner_id, new_message_count, last_read_id }) => {
      this.#list.setCount(chat_partner_id, new_message_count);
      this.#conversationWith(chat_partner_id)?.readElsewhere(last_read_id);
    });
    connection.on(ServerEvent.CHAT_OPENED, ({ id, username }) => {
      if (!this.#list.chat(id)) this.#list.add(id, username);
    });
  }

  /** @param {number} chatId */
  #conversationWith(chatId) {
    return this.#conversation?.partner.id === chatId ? this.#conversation : null;
  }

  /** Something has happened in that chat. @param {number} chatId */
  #touch(chatId) {
    if (this.#list.chat(chatId)) this.#list.moveToTop(chatId);
    else this.#refresh();
  }

  #entitle() {
    const count = this.#list.newMessageCount;
    document.title = count > 0 ? `(${count}) ${this.#title}` : this.#title;
  }

  /** @param {number} chatId */
  #choose(chatId) {
    if (this.#conversationWith(chatId)) {
      this.#conversation?.focus();
      return;
    }
    this.#address.enter(chatId);
    this.#follow(chatId);
  }

  /** Esc: back to the list, which on a narrow page takes the place of the chat. */
  #step() {
    const open = this.#conversation?.partner.id;
    if (NARROW.matches) this.#address.leave();
    else if (open !== undefined) this.#list.focus(open);
  }

  /**
   * Opens that chat and closes the one that was open.
   * @param {number | null} chatId
   */
  #follow(chatId) {
    const chat = chatId === null ? undefined : this.#list.chat(chatId);
    const left = this.#conversation?.partner.id;
    if (chat?.id === left) return;
    this.#conversation?.close();
    this.#conversation = chat ? this.#open(chat.id, chat.username) : null;
    this.#list.markOpen(chat?.id ?? null);
    if (!chat && left !== undefined) this.#list.focus(left);
  }

  /**
   * @param {number} id
   * @param {string} username
   */
  #open(id, username) {
    const conversation = new Conversation(this.#panel, this.#userId, { id, username }, this.#drafts.of(id), {
      join: (show) =>
        this.#joined.join(id, (rows, count, lastReadId) => {
          this.#list.setCount(id, count);
          show(rows, lastReadId);
        }),
      loadOlder: async (message_count, before_id) => {
        const question = { chat_partner_id: id, message_count, before_id };
        const [rows] = await this.#connection.request(ClientEvent.HISTORY_SCROLLED, question);
        return rows;
      },
      reportRead: (last_read_id, new_message_count) => {
        const question = { chat_partner_id: id, new_message_count, last_read_id };
        return this.#connection.request(ClientEvent.COUNT_UPDATED, question, (read) =>
          this.#list.setCount(id, read.new_message_count),
        );
      },
      onSend: (text) => {
        this.#outbox.add(id, text);
        conversation.answered();
      },
      onDraft: (text) => this.#drafts.keep(id, text),
      onRetry: (entry) => this.#outbox.retry(entry),
      onRemove: (entry) => this.#outbox.remove(entry),
      onBack: () => this.#address.leave(),
    });
    for (const entry of this.#outbox.of(id)) conversation.showUnsent(entry);
    if (this.#connection.connected) conversation.join();
    conversation.focus();
    return conversation;
  }

  /** @param {Entry} entry @returns {Promise<Sent>} */
  async #send({ text, chatId, clientId }) {
    const question = { message: text, chat_partner_id: chatId, client_id: clientId };
    const [sent] = await this.#connection.request(ClientEvent.MESSAGE_SENT, question);
    return sent;
  }

  /**
   * @param {Entry} entry
   * @param {Sent} sent
   */
  #sent(entry, { id, timestamp }) {
    const row = { id, sender_id: this.#userId, message: entry.text, timestamp };
    this.#conversationWith(entry.chatId)?.sent(entry, row);
    this.#touch(entry.chatId);
  }

  async #connected() {
    this.#banner.up();
    // The list first: it shows whether this is still the same person's page.
    await this.#refresh();
    this.#page.dataset.connection = "up";
    this.#conversation?.join();
    this.#outbox.resume();
  }

  #disconnected() {
    this.#page.dataset.connection = "down";
    this.#banner.down();
  }

  async #dismissed() {
    if (await this.#refresh()) setTimeout(() => this.#connection.connect(), DISMISSED_MS);
  }

  /**
   * Brings the list up to date, or leaves the page when it is not the visitor's any more.
   * @returns {Promise<boolean>} whether the page stays
   */
  async #refresh() {
    for (let attempt = 1; attempt <= REFRESHES; attempt += 1) {
      const version = this.#list.version;
      const snapshot = await fetchChats().catch(() => undefined);
      if (snapshot === undefined) return true;
      if (snapshot?.userId !== this.#userId) {
        location.assign("/chats");
        return false;
      }
      // What came by socket meanwhile may be newer than the answer.
      if (version === this.#list.version || attempt === REFRESHES) {
        this.#list.replace(snapshot.chats);
        this.#list.markOpen(this.#conversation?.partner.id ?? null);
        return true;
      }
    }
    return true;
  }
}
