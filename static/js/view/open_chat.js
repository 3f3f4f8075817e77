// The open chat: who it is with, its messages, and the box in which one writes.

import { html, keyed, nothing, render, repeat } from "../vendor/lit.js";
import { RequestError } from "../model/request_error.js";
import { avatar } from "./avatar.js";
import { Composer } from "./composer.js";
import { unsentMessage } from "./message.js";
import { Messages } from "./messages.js";
import { Seen } from "./seen.js";
import { Viewport } from "./viewport.js";

/** @import { ChatsPage } from "../app/chats_page.js" */

/** How far above the view loading begins. */
const MARGIN = "160px 0px 0px 0px";
/** With how many answers a chat opens at most, however short they are. */
const PAGES_MAX = 100;
/** Where a box that takes the focus brings up a keyboard, which covers half of what there is to read. */
const IS_TOUCHED = matchMedia("(pointer: coarse)");

export class OpenChat {
  #panel;
  #page;
  #messages;
  #log;
  #composer;
  #viewport;
  #seen;
  #top;
  /** The message before which the line of the new ones stands. @type {number | null} */
  #firstNewId = null;
  /** The newest message that was drawn. */
  #newestId = 0;
  /** Whether the messages are there, and the reader where the reading begins. */
  #isPlaced = false;
  #hasNewBelow = false;
  #isLoading = false;
  /** Why messages could not be loaded. @type {RequestError | null} */
  #failure = null;
  #isClosed = false;
  #onVisible = () => this.update();

  /**
   * @param {HTMLElement} panel
   * @param {ChatsPage} page
   * @param {{ id: number, username: string }} partner
   */
  constructor(panel, page, partner) {
    this.#panel = panel;
    this.#page = page;
    this.partner = partner;
    this.#messages = new Messages(page.userId, partner.username);
    this.#render();
    const element = (/** @type {string} */ selector) =>
      /** @type {HTMLElement} */ (panel.querySelector(selector));
    this.#log = element("#message-history");
    this.#top = new IntersectionObserver((entries) => this.#nearTop(entries), { root: this.#log, rootMargin: MARGIN });
    this.#composer = new Composer(/** @type {HTMLFormElement} */ (element("#right-panel-bottom")), {
      onSend: (text) => this.#send(text),
      onDraft: (text) => page.keepDraft(partner.id, text),
    });
    this.#composer.offer(page.draft(partner.id));
    this.#viewport = new Viewport(this.#log, () => this.update());
    this.#seen = new Seen(this.#log, (id) => page.noteRead(partner.id, id));
    // A day has another name after midnight.
    document.addEventListener("visibilitychange", this.#onVisible);
    this.update();
    this.load();
  }

  /** @param {boolean} [isOpening] the chat has just been opened: perhaps only to read */
  focus(isOpening = false) {
    const instead = /** @type {HTMLElement | null} */ (this.#panel.querySelector(".composer-place button"));
    if (instead) instead.focus({ preventScroll: true });
    else if (isOpening && IS_TOUCHED.matches) this.#log.focus({ preventScroll: true });
    else this.#composer.focus();
  }

  /** Gives a text back to its writer. @param {string} text */
  giveBack(text) {
    this.#composer.giveBack(text);
  }

  /** The draft may be another: it was read from storage, or another tab has written it. */
  draftChanged() {
    this.#composer.offer(this.#page.draft(this.partner.id));
  }

  /** Loads what is not there yet: the newest messages, or the next older ones. */
  async load() {
    if (this.#isLoading || this.#isClosed || !this.#page.isConnected) return;
    this.#isLoading = true;
    this.#failure = null;
    this.update();
    try {
      const { id } = this.partner;
      let pages = 0;
      do {
        await this.#page.loadHistory(id);
        pages += 1;
      } while (!this.#isClosed && !this.#isPlaced && pages < PAGES_MAX);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // After a loss of the connection the next one loads.
      if (!error.isOfConnection) this.#failure = error;
      if (error.code === "too_often") setTimeout(() => this.load(), error.retryAfter * 1000);
    } finally {
      this.#isLoading = false;
    }
    if (this.#isClosed) return;
    this.update();
    this.#watchTop();
  }

  /** There is a connection again. */
  resume() {
    if (!this.#isPlaced || this.#failure) this.load();
    else this.#watchTop();
  }

  /** Draws what has changed, and leaves the reader in place. */
  update() {
    if (this.#isClosed) return;
    const { id } = this.partner;
    const conversation = this.#page.model.get(id);
    const messages = conversation?.messages ?? [];
    const unread = this.#page.newMessages(id);
    const newestId = messages.at(-1)?.id ?? 0;
    /** @type {import("../protocol.d.ts").MessageState[]} */
    let fresh = [];
    const begins = !this.#isPlaced && conversation?.isLoaded === true && !this.#page.lacksNew(id);
    if (begins) {
      this.#firstNewId = unread.at(0)?.id ?? null;
    } else if (this.#isPlaced && newestId > this.#newestId) {
      fresh = unread.filter((message) => message.id > this.#newestId);
      // One message is seen as it comes; where several come at once, as after a gap, the reader sees where they begin.
      const isSeen = fresh.length === 1 && this.#viewport.isAtBottom && document.visibilityState === "visible";
      if (isSeen) this.#page.noteRead(id, fresh[0].id);
      else if (fresh.length > 0 && fresh.length === unread.length) this.#firstNewId = fresh[0].id;
      this.#hasNewBelow = true;
    }
    if (this.#viewport.isAtBottom) this.#hasNewBelow = false;
    this.#newestId = Math.max(this.#newestId, newestId);
    const hadFocus = this.#panel.contains(document.activeElement);
    const wasAtBottom = this.#viewport.isAtBottom;
    this.#viewport.hold(() => this.#render());
    if (hadFocus && !isVisible(document.activeElement, this.#panel)) this.focus();
    if (begins) this.#place();
    else if (wasAtBottom && fresh.length > 0 && unread[0].id === this.#firstNewId) {
      // What came is not scrolled past.
      this.#viewport.keepInView(this.#separator);
    }
    if (this.#isPlaced) this.#watchUnread();
    // The size is remembered at the end of the next frame.
    requestAnimationFrame(() => requestAnimationFrame(() => this.#settleBlocks()));
  }

  /**
   * Blocks that were laid out once, and so have a size to be remembered, need not be laid out while they are out of
   * sight.
   */
  #settleBlocks() {
    for (const block of this.#log.querySelectorAll(":scope > .messages:not(.settled)")) block.classList.add("settled");
  }

  close() {
    this.#isClosed = true;
    document.removeEventListener("visibilitychange", this.#onVisible);
    this.#seen.close();
    this.#top.disconnect();
    this.#viewport.close();
    render(nothing, this.#panel);
  }

  /** @returns {HTMLElement | null} */
  get #separator() {
    return this.#log.querySelector(".new-message-separator");
  }

  #watchUnread() {
    const { id } = this.partner;
    this.#seen.forgetTo(this.#page.readTo(id));
    for (const message of this.#page.newMessages(id)) {
      const element = document.getElementById(`message-${message.id}`);
      if (element) this.#seen.watch(message.id, element);
    }
  }

  #place() {
    this.#isPlaced = true;
    const separator = this.#separator;
    if (separator) this.#viewport.toElement(separator);
    else this.#viewport.toBottom();
    this.#watchTop();
  }

  /** @param {string} text */
  #send(text) {
    // The writer of an answer has seen what is new.
    this.#firstNewId = null;
    this.#page.send(this.partner.id, text);
    this.#viewport.toBottom();
  }

  /** Begins to watch anew: an observer tells only of changes, and the top may be in view as before. */
  #watchTop() {
    this.#top.disconnect();
    const top = this.#log.querySelector(".history-top");
    if (top && this.#isPlaced && !this.#page.model.get(this.partner.id)?.isWhole) this.#top.observe(top);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #nearTop(entries) {
    if (entries.some((entry) => entry.isIntersecting) && !this.#failure) this.load();
  }

  #render() {
    const { id, username } = this.partner;
    const page = this.#page;
    const conversation = page.model.get(id);
    const isEmpty = conversation?.isWhole && conversation.messages.length === 0;
    const unsent = page.unsent(id);
    const instead = page.slots.composer.map((draw) => draw(this)).find((drawn) => drawn !== nothing);
    const drawn = html`
      <div id="right-panel-top">
        <button class="back" type="button" aria-label="Back to the chats" @click=${() => page.leave()}>
          <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M15 5l-7 7 7 7" /></svg>
        </button>
        ${avatar(id, username)}
        <h2 class="partner-name" dir="auto">${username}</h2>
        ${page.slots.header.map((draw) => draw(this))}
      </div>
      <div
        id="message-history"
        role="log"
        aria-live="off"
        aria-label="Messages with ${username}"
        tabindex="0"
        ?data-loaded=${conversation?.isLoaded}
      >
        <div class="history-top"></div>
        ${this.#status()}
        ${isEmpty && unsent.length === 0 ? html`<p class="no-messages">No messages yet. Write the first one.</p>` : nothing}
        ${this.#messages.draw(conversation?.messages ?? [], this.#firstNewId)}
        <div class="unsent-messages">
          ${repeat(
            unsent,
            ({ clientId }) => clientId,
            (entry) => unsentMessage(entry, { edit: (entry) => page.edit(entry), remove: (entry) => page.remove(entry) }),
          )}
        </div>
      </div>
      <form id="right-panel-bottom">
        <button class="jump" type="button" ?hidden=${!this.#hasNewBelow} @click=${() => this.#jump()}>
          New messages below
        </button>
        <div class="composer-place" ?hidden=${!instead}>${instead ?? nothing}</div>
        <label class="visually-hidden" for="message" ?hidden=${instead}>Message</label>
        <textarea
          id="message"
          class="form-control"
          rows="1"
          placeholder="Write a message"
          dir="auto"
          enterkeyhint="send"
          autocomplete="off"
          ?hidden=${instead}
        ></textarea>
        <button id="btn-send-message" type="submit" ?hidden=${instead}>
          <svg viewBox="0 0 24 24" role="img" aria-label="Send"><path d="M3.5 20.5 21.5 12 3.5 3.5v6.6L14 12l-10.5 1.9Z" /></svg>
        </button>
      </form>
      ${page.slots.foot.map((draw) => draw(this))}
    `;
    render(keyed(this, drawn), this.#panel);
  }

  #jump() {
    this.#viewport.toBottom();
    this.update();
    this.focus();
  }

  /** What is being loaded, or could not be. */
  #status() {
    const conversation = this.#page.model.get(this.partner.id);
    if (this.#failure) {
      const what = conversation?.isLoaded ? "Older messages" : "This chat";
      return html`<p class="history-status history-failed" role="status">
        ${what} could not be loaded. ${this.#failure.message}
        <button class="btn btn-quiet btn-small" type="button" @click=${() => this.load()}>Try again</button>
      </p>`;
    }
    if (conversation?.isLoaded && !this.#isLoading) return nothing;
    const words = this.#page.isOnline || !this.#page.isKnownOffline ? "Loading…" : "Waiting for a connection…";
    return html`<p class="history-status" role="status">${words}</p>`;
  }
}

/** Whether an element can still have the focus. @param {Element | null} element @param {Element} within */
function isVisible(element, within) {
  return within.contains(element) && /** @type {HTMLElement} */ (element).offsetParent !== null;
}
