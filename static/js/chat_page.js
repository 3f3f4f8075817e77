// The page of chats: leads what the server tells and what the visitor does to the list and to the
// conversation.

import { Address } from "./address.js";
import { ChatList } from "./chat_list.js";
import { ConnectionBanner } from "./connection_banner.js";
import { Conversation } from "./conversation.js";
import { Drafts } from "./drafts.js";
import { JoinedChat } from "./joined_chat.js";
import { Outbox } from "./outbox.js";
import { Connection, RequestError } from "./socket.js";
import { TabStorage } from "./tab_storage.js";
import { find } from "./template.js";

/** @import { Synced } from "./protocol.d.ts" */
/** @import { Entry, Sent } from "./outbox.js" */

/** Where the list and the conversation do not fit side by side; the same as in chat_page.css. */
const NARROW = matchMedia("(max-width: 640px)");
/** How long to wait after the server ended the connection; it may tell then who is logged in. */
const DISMISSED_MS = 300;
/** A page that was hidden for so long may have missed something without noticing. */
const AWAY_MS = 30_000;
/** How long to wait when the server cannot tell what was missed. */
const UNAVAILABLE_MS = 3000;
/** No message is newer: who asks what came after it is told of the chats only. */
const NEWEST_ID = Number.MAX_SAFE_INTEGER;

export class ChatPage {
  #page = find(document, ".chat-page");
  #userId = Number(this.#page.dataset.userId);
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
  /** When the page was hidden. */
  #hiddenAt = Date.now();

  constructor() {
    const storage = new TabStorage(this.#userId);
    this.#drafts = new Drafts(storage);
    this.#outbox = new Outbox(storage, Number(this.#page.dataset.messageCharsMax), {
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
      onNotLoggedIn: () => location.assign("login"),
    });
    this.#joined = new JoinedChat(this.#connection);
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.#step();
    });
    document.addEventListener("visibilitychange", () => this.#looked());
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
    connection.on("new_user_sent_message", ({ id, username, message_id, new_message_count }) => {
      this.#conversation?.heard(message_id);
      this.#list.add(id, username);
      this.#list.setCount(id, new_message_count);
    });
    connection.on("message_received_from_current_chat", ({ new_message_count, ...message }) => {
      const chatId = this.#joined.id;
      this.#conversation?.heard(message.id);
      const seen = this.#conversationWith(chatId)?.receive({ ...message, sender_id: chatId });
      this.#touch(chatId);
      // What is seen as it comes is told to the server at once; the count need not flicker.
      if (!seen) this.#list.setCount(chatId, new_message_count);
    });
    connection.on("message_received_from_another_chat", ({ chatPartnerId, message_id, new_message_count }) => {
      this.#conversation?.heard(message_id);
      this.#touch(chatPartnerId);
      this.#list.setCount(chatPartnerId, new_message_count);
    });
    connection.on("message_sent_elsewhere", ({ chat_partner_id, ...message }) => {
      this.#conversation?.heard(message.id);
      this.#touch(chat_partner_id);
      this.#conversationWith(chat_partner_id)?.receive({ ...message, sender_id: this.#userId });
    });
    connection.on("new_message_count_changed", ({ chat_partner_id, new_message_count, last_read_id }) => {
      this.#list.setCount(chat_partner_id, new_message_count);
      this.#conversationWith(chat_partner_id)?.readElsewhere(last_read_id);
    });
    connection.on("block_changed", ({ chat_partner_id, blocked }) => {
      this.#conversationWith(chat_partner_id)?.block.change(blocked);
    });
    connection.on("chat_opened", ({ id, username }) => {
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
    else this.#catchUp();
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
      join: (show) => {
        const asked = this.#list.version;
        return this.#joined.join(id, (rows, new_message_count, last_read_id, blocked) => {
          this.#list.settleCount(id, { new_message_count, last_read_id }, asked);
          show(rows, last_read_id, blocked);
        });
      },
      loadOlder: async (message_count, before_id) => {
        const question = { chat_partner_id: id, message_count, before_id };
        const [rows] = await this.#connection.request("message_history_is_scrolled_to_the_top", question);
        return rows;
      },
      reportRead: (last_read_id, new_message_count) => {
        const question = { chat_partner_id: id, new_message_count, last_read_id };
        return this.#connection.request("new_message_count_updated", question, (read) =>
          this.#list.setCount(id, read.new_message_count),
        );
      },
      setBlocked: (blocked) => {
        const question = { chat_partner_id: id, blocked };
        return this.#connection.request("block", question, (set) =>
          this.#conversationWith(id)?.block.change(set.blocked),
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
    if (this.#connection.confirmed) conversation.join();
    conversation.focus();
    return conversation;
  }

  /** @param {Entry} entry @returns {Promise<Sent>} */
  async #send({ text, chatId, clientId }) {
    const question = { message: text, chat_partner_id: chatId, client_id: clientId };
    const [sent] = await this.#connection.request("message_sent", question);
    return sent;
  }

  /**
   * @param {Entry} entry
   * @param {Sent} sent
   */
  #sent(entry, { id, timestamp }) {
    const row = { id, sender_id: this.#userId, message: entry.text, timestamp };
    this.#conversation?.heard(id);
    this.#conversationWith(entry.chatId)?.sent(entry, row);
    this.#touch(entry.chatId);
  }

  #connected() {
    this.#banner.up();
    // First of all: it shows whether this is still the same person's page.
    this.#catchUp();
  }

  /** The connection is this person's, and what was missed is here. */
  #caughtUp() {
    if (this.#connection.confirmed || !this.#connection.connected) return;
    this.#connection.confirm();
    this.#page.dataset.connection = "up";
    this.#conversation?.join();
    this.#outbox.resume();
  }

  #disconnected() {
    this.#page.dataset.connection = "down";
    this.#banner.down();
    this.#conversation?.lose();
  }

  #dismissed() {
    setTimeout(() => this.#connection.connect(), DISMISSED_MS);
  }

  /** The page has come into view, or has gone from it. */
  #looked() {
    if (document.visibilityState === "hidden") this.#hiddenAt = Date.now();
    else if (this.#connection.connected && Date.now() - this.#hiddenAt >= AWAY_MS) this.#catchUp();
  }

  /** Learns what was missed: the chats, and the messages of the one that is open. */
  async #catchUp() {
    const conversation = this.#conversation;
    let since_id = conversation?.completeTo || NEWEST_ID;
    try {
      for (let more = true; more && conversation === this.#conversation; ) {
        const asked = this.#list.version;
        const [synced] = await this.#connection.request("sync", { since_id }, (synced) =>
          this.#apply(synced, conversation, asked),
        );
        if (synced.user_id !== this.#userId) return;
        more = synced.more;
        since_id = synced.messages.at(-1)?.id ?? since_id;
      }
      this.#caughtUp();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // The connection may be dead without anybody having noticed.
      if (error.code === "timeout") this.#connection.restart();
      // When it is lost, the next one asks again.
      else if (error.code !== "disconnected") setTimeout(() => this.#catchUp(), UNAVAILABLE_MS);
    }
  }

  /**
   * @param {Synced} synced
   * @param {Conversation | null} conversation that was open when it was asked
   * @param {number} asked the version of the list then
   */
  #apply({ user_id, messages, chats }, conversation, asked) {
    if (user_id !== this.#userId) {
      location.assign("chats");
      return;
    }
    this.#list.replace(chats, asked);
    this.#list.markOpen(this.#conversation?.partner.id ?? null);
    if (!conversation || conversation !== this.#conversation) return;
    const { id } = conversation.partner;
    // A message to oneself has oneself on both sides.
    const rows = messages.filter(({ sender_id, receiver_id }) =>
      sender_id === this.#userId ? receiver_id === id : sender_id === id,
    );
    const read = chats.find((chat) => chat.id === id);
    conversation.catchUp(rows, read?.last_read_id ?? 0, messages.at(-1)?.id ?? 0);
  }
}
