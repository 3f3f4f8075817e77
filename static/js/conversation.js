// The open chat: its messages, its composer, and what was read in it.

import { paintAvatar } from "./avatar.js";
import { Block } from "./block.js";
import { Composer } from "./composer.js";
import { History } from "./history.js";
import { MessageList } from "./message_list.js";
import { Notice } from "./notice.js";
import { RequestError } from "./socket.js";
import { draw, find } from "./template.js";
import { Unread } from "./unread.js";
import { Viewport } from "./viewport.js";

/** @import { Row } from "./message_element.js" */
/** @import { Entry } from "./outbox.js" */

/**
 * @typedef {object} Partner
 * @property {number} id
 * @property {string} username
 *
 * @typedef {object} ConversationEvents
 * @property {(show: (rows: Row[], lastReadId: number, blocked: boolean) => void) => Promise<unknown>}
 *   join joins the chat and calls `show` with its newest messages
 * @property {(count: number, beforeId: number) => Promise<Row[]>} loadOlder
 * @property {(lastReadId: number, remaining: number) => Promise<unknown>} reportRead
 * @property {(blocked: boolean) => Promise<unknown>} setBlocked
 * @property {(text: string) => void} onSend
 * @property {(text: string) => void} onDraft
 * @property {(entry: Entry) => void} onRetry
 * @property {(entry: Entry) => void} onRemove
 * @property {() => void} onBack
 */

export class Conversation {
  #panel;
  #log;
  #events;
  #list;
  #viewport;
  #notice;
  #history;
  #unread;
  #composer;
  #filled = false;
  #closed = false;
  /** Whether the server sends what is new in this chat as it comes. */
  #live = false;
  #completeTo = 0;
  #onVisible = () => this.#list.renameDays();

  /**
   * @param {HTMLElement} panel
   * @param {number} userId
   * @param {Partner} partner
   * @param {string} draft
   * @param {ConversationEvents} events
   */
  constructor(panel, userId, partner, draft, events) {
    this.#panel = panel;
    this.#events = events;
    this.partner = partner;
    const header = draw("header-template");
    paintAvatar(find(header, ".avatar"), partner.id, partner.username);
    find(header, ".partner-name").textContent = partner.username;
    find(header, ".back").addEventListener("click", events.onBack);
    find(panel, "#right-panel-top").replaceChildren(header);
    panel.append(draw("conversation-template"));

    const log = find(panel, "#message-history");
    this.#log = log;
    log.ariaLabel = `Messages with ${partner.username}`;
    this.#list = new MessageList(log, userId, partner.username);
    this.#viewport = new Viewport(log, find(panel, ".jump"));
    this.#notice = new Notice(find(log, ".history-notice"));
    this.#history = new History(log, this.#list, this.#viewport, this.#notice, events.loadOlder);
    this.#unread = new Unread(log, events.reportRead);
    this.#composer = new Composer(find(panel, "#right-panel-bottom"), draft, events);
    find(panel, ".block").hidden = partner.id === userId;
    this.block = new Block(panel, partner.username, events.setBlocked, () => this.focus());
    document.addEventListener("visibilitychange", this.#onVisible);
  }

  /**
   * From the oldest message that is shown up to this one, of whatever chat, none is missing here;
   * after it there may be gaps until the page has caught up. 0 when that is unknown.
   */
  get completeTo() {
    return this.#filled ? this.#completeTo : 0;
  }

  /**
   * The server has told of a message, perhaps one of another chat: it tells of them in the order of
   * their ids, so that none before it is still to come.
   * @param {number} id
   */
  heard(id) {
    if (this.#live) this.#completeTo = Math.max(this.#completeTo, id);
  }

  /** The connection is lost: what comes next may come after a gap. */
  lose() {
    this.#live = false;
  }

  /** Joins the chat, for the first time or after the connection was lost. */
  async join() {
    this.#live = false;
    const settle = this.block.asking();
    try {
      await this.#events.join((rows, lastReadId, blocked) => {
        if (this.#closed) return;
        settle(blocked);
        this.#show(rows, lastReadId);
      });
      this.#notice.hide();
    } catch (error) {
      this.#notice.show("This chat could not be loaded.", error, () => this.join());
      if (!(error instanceof RequestError) || error.code !== "too_often") return;
      setTimeout(() => {
        if (!this.#closed && !this.#live) this.join();
      }, error.retryAfter * 1000);
    }
  }

  focus() {
    if (this.block.blocked) this.block.focus();
    else this.#composer.focus();
  }

  /**
   * Shows a message that has just been stored.
   * @param {Row} row
   * @returns {boolean} whether the reader sees it at once
   */
  receive(row) {
    const shown = this.#list.insert(row);
    if (!shown) return true;
    const seen = this.#viewport.atBottom && document.visibilityState === "visible";
    if (!this.#list.isOwn(row)) {
      if (!seen && this.#unread.count === 0) this.#list.separate(shown.element);
      this.#unread.watch(row.id, shown.element);
    }
    this.#viewport.announce();
    return seen;
  }

  /** @param {number} id another tab has read so far */
  readElsewhere(id) {
    this.#unread.readElsewhere(id);
  }

  /**
   * Shows an own message that is on its way, or what has become of it.
   * @param {Entry} entry
   */
  showUnsent(entry) {
    this.#list.showUnsent(entry, {
      retry: () => {
        this.#events.onRetry(entry);
        this.focus();
      },
      edit: () => {
        this.#takeBack(entry);
        this.#composer.giveBack(entry.text);
      },
      remove: () => {
        this.#takeBack(entry);
        this.focus();
      },
    });
    this.#viewport.settle();
  }

  /**
   * Puts an own message, which is stored now, in its place.
   * @param {Entry} entry
   * @param {Row} row
   */
  sent(entry, row) {
    this.#list.removeUnsent(entry.clientId);
    this.#list.insert(row);
    this.#viewport.settle();
  }

  /**
   * Shows messages that were missed.
   * @param {Row[]} rows oldest first
   * @param {number} lastReadId
   * @param {number} completeTo the message up to which these are all after the `completeTo` before
   */
  catchUp(rows, lastReadId, completeTo) {
    this.#unread.readElsewhere(lastReadId);
    if (this.#add(rows).length > 0) this.#viewport.announce();
    this.#completeTo = Math.max(this.#completeTo, completeTo);
  }

  /** An own message is being sent: its writer has seen what is new. */
  answered() {
    this.#list.separate(null);
    this.#viewport.toBottom();
  }

  close() {
    this.#closed = true;
    document.removeEventListener("visibilitychange", this.#onVisible);
    this.#unread.close();
    this.#history.close();
    this.#viewport.close();
    this.block.close();
    const top = find(this.#panel, "#right-panel-top");
    top.replaceChildren();
    this.#panel.replaceChildren(top);
  }

  /** @param {Entry} entry */
  #takeBack(entry) {
    this.#events.onRemove(entry);
    this.#list.removeUnsent(entry.clientId);
  }

  /**
   * Shows what a join brought.
   * @param {Row[]} rows newest first
   * @param {number} lastReadId
   */
  #show(rows, lastReadId) {
    const oldest = rows.at(-1)?.id ?? 0;
    const anew = !this.#filled || oldest > this.#completeTo;
    if (anew) {
      this.#list.forgetBefore(oldest);
      this.#unread.clear();
    }
    this.#unread.resume(lastReadId);
    const added = this.#add(rows);
    this.#completeTo = Math.max(this.#completeTo, rows[0]?.id ?? 0);
    this.#filled = true;
    this.#live = true;
    this.#log.dataset.joined = "";

    if (anew && this.#list.separator) this.#viewport.toElement(this.#list.separator);
    else if (anew) this.#viewport.toBottom();
    else if (added.length > 0) this.#viewport.announce();
    if (anew) this.#history.restart();
    else this.#history.watch();
  }

  /**
   * Puts in messages that were asked for; those that nobody has read are new.
   * @param {Row[]} rows
   */
  #add(rows) {
    const hadUnread = this.#unread.count > 0;
    const added = this.#list.insertAll(rows);
    const fresh = added.filter(
      ({ row }) => !this.#list.isOwn(row) && row.id > this.#unread.lastReadId,
    );
    for (const { row, element } of fresh) this.#unread.watch(row.id, element);
    if (fresh.length > 0 && !hadUnread) this.#list.separate(fresh[0].element);
    return added;
  }
}
