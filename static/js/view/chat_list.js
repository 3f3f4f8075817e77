// The list of chats: the newest on top, each with its count of new messages.

import { html, render, repeat } from "../vendor/lit.js";
import { avatar } from "./avatar.js";

/**
 * @typedef {object} Chat
 * @property {number} id the partner's
 * @property {string} username
 * @property {number} newMessageCount
 */

export class ChatList {
  #root;
  #onChoose;

  /**
   * @param {HTMLElement} root
   * @param {(id: number) => void} onChoose
   */
  constructor(root, onChoose) {
    this.#root = root;
    this.#onChoose = onChoose;
  }

  /** The chats as the server has drawn them. @returns {Chat[]} */
  read() {
    return [...this.#root.querySelectorAll(":scope > .chat")].map((element) => ({
      id: Number(element.id.slice("chat-".length)),
      username: element.querySelector("a")?.textContent ?? "",
      newMessageCount: Number(element.querySelector(":scope > span")?.textContent),
    }));
  }

  /** Takes the place of what the server has drawn. */
  take() {
    const focused = this.#root.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
    const { scrollTop } = this.#root;
    this.#root.replaceChildren();
    return () => {
      this.#root.scrollTop = scrollTop;
      if (focused) this.#link(focused)?.focus({ preventScroll: true });
    };
  }

  /** @param {Chat[]} chats from top to bottom @param {number | null} openId */
  draw(chats, openId) {
    const focused = this.#root.contains(document.activeElement) ? document.activeElement : null;
    render(
      repeat(
        chats,
        ({ id }) => id,
        ({ id, username, newMessageCount }) => html`
          <li class="chat ${id === openId ? "chat-active" : ""}" id="chat-${id}">
            ${avatar(id, username)}
            <a
              href="#chat-${id}"
              dir="auto"
              aria-describedby="new-messages-${id}"
              aria-current=${id === openId ? "true" : "false"}
              @click=${(/** @type {MouseEvent} */ event) => this.#choose(event, id)}
              >${username}</a
            >
            <span id="new-messages-${id}" class=${newMessageCount > 0 ? "dot" : "dot-none"}>${newMessageCount}</span>
          </li>
        `,
      ),
      this.#root,
    );
    // An element that is moved loses the focus.
    if (focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
  }

  /** @param {number} id */
  focus(id) {
    this.#link(`#chat-${id}`)?.focus();
  }

  /** @param {MouseEvent} event @param {number} id */
  #choose(event, id) {
    // With these, a browser opens a tab or a window, or saves.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.#onChoose(id);
  }

  /** @param {string} href @returns {HTMLElement | null} */
  #link(href) {
    return this.#root.querySelector(`.chat > a[href="${CSS.escape(href)}"]`);
  }
}
