// The list of chats: the newest on top, each with its count of new messages.

import { paintAvatar } from "./avatar.js";
import { draw, find } from "./template.js";

/**
 * @typedef {object} Chat
 * @property {number} id the partner's
 * @property {string} username
 * @property {number} newMessageCount
 */

/**
 * Reads the chats of a page, the one that is shown or one that was fetched.
 * @param {ParentNode} page
 * @returns {Chat[]}
 */
export function readChats(page) {
  return [...page.querySelectorAll(".chats > .chat")].map((chat) => ({
    id: idOf(chat),
    username: find(chat, ":scope > button").textContent ?? "",
    newMessageCount: Number(find(chat, ":scope > span").textContent),
  }));
}

export class ChatList {
  #root;
  #onChange;
  /** @type {Map<number, HTMLElement>} */
  #elements = new Map();
  /** @type {Map<number, Chat>} */
  #chats = new Map();
  #version = 0;

  /**
   * @param {HTMLElement} root
   * @param {{ onChoose: (id: number) => void, onChange: () => void }} events
   */
  constructor(root, { onChoose, onChange }) {
    this.#root = root;
    this.#onChange = onChange;
    for (const chat of readChats(document)) this.#chats.set(chat.id, chat);
    for (const element of root.querySelectorAll(":scope > .chat")) {
      this.#elements.set(idOf(element), /** @type {HTMLElement} */ (element));
    }
    root.addEventListener("click", (event) => {
      const chat = /** @type {Element} */ (event.target).closest(".chat");
      if (chat) onChoose(idOf(chat));
    });
  }

  /** Grows with every change. */
  get version() {
    return this.#version;
  }

  /** How many messages are new in all chats together. */
  get newMessageCount() {
    return [...this.#chats.values()].reduce((sum, chat) => sum + chat.newMessageCount, 0);
  }

  /** @param {number} id */
  chat(id) {
    return this.#chats.get(id);
  }

  /**
   * Puts a chat on top, a new one or one that is there already.
   * @param {number} id
   * @param {string} username
   */
  add(id, username) {
    if (!this.#elements.has(id)) this.#draw({ id, username, newMessageCount: 0 });
    this.moveToTop(id);
  }

  /** @param {number} id */
  moveToTop(id) {
    const element = this.#elements.get(id);
    if (element) this.#place(element, this.#root.firstElementChild);
    this.#changed();
  }

  /**
   * @param {number} id
   * @param {number} count
   */
  setCount(id, count) {
    const [chat, element] = [this.#chats.get(id), this.#elements.get(id)];
    if (chat && element) {
      chat.newMessageCount = count;
      const dot = find(element, ":scope > span");
      dot.textContent = String(count);
      dot.className = count > 0 ? "dot" : "dot-none";
    }
    this.#changed();
  }

  /** Marks the chat that is open. @param {number | null} id */
  markOpen(id) {
    for (const [each, element] of this.#elements) {
      element.classList.toggle("chat-active", each === id);
      find(element, ":scope > button").ariaCurrent = each === id ? "true" : null;
    }
  }

  /** @param {number} id */
  focus(id) {
    const element = this.#elements.get(id);
    if (element) find(element, ":scope > button").focus();
  }

  /**
   * Makes the list what the server says it is.
   * @param {Chat[]} chats newest first
   */
  replace(chats) {
    for (const chat of chats) {
      if (!this.#elements.has(chat.id)) this.#draw(chat);
      this.setCount(chat.id, chat.newMessageCount);
    }
    let place = this.#root.firstElementChild;
    for (const { id } of chats) {
      const element = /** @type {HTMLElement} */ (this.#elements.get(id));
      if (element === place) place = place.nextElementSibling;
      else this.#place(element, place);
    }
    this.#changed();
  }

  /** @param {Chat} chat */
  #draw(chat) {
    const element = find(draw("chat-template"), ".chat");
    const [button, dot] = [find(element, ":scope > button"), find(element, ":scope > span")];
    find(element, "input").setAttribute("value", String(chat.id));
    paintAvatar(find(element, ".avatar"), chat.id, chat.username);
    button.textContent = chat.username;
    dot.id = `new-messages-${chat.id}`;
    button.setAttribute("aria-describedby", dot.id);
    this.#chats.set(chat.id, chat);
    this.#elements.set(chat.id, element);
    this.#root.append(element);
  }

  /**
   * Moves an element of the list, which must not cost it the focus.
   * @param {HTMLElement} element
   * @param {Element | null} before
   */
  #place(element, before) {
    if (element === before) return;
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    this.#root.insertBefore(element, before);
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }

  #changed() {
    this.#version += 1;
    this.#onChange();
  }
}

/** @param {Element} chat */
function idOf(chat) {
  return Number(find(chat, ":scope > input[name=chat_partner_id]").getAttribute("value"));
}
