// The list of chats: the newest on top, each with its count of new messages.

import { paintAvatar } from "./avatar.js";
import { draw, find } from "./template.js";

/** @import { ReadState, SyncedChat } from "./protocol.d.ts" */

/**
 * @typedef {object} Chat
 * @property {number} id the partner's
 * @property {string} username
 * @property {number} newMessageCount
 * @property {number} movedAt the version of the list in which it came to the top
 * @property {number} countedAt the version of the list in which an event told its count
 */

export class ChatList {
  #root;
  #onChange;
  /** @type {Map<number, HTMLElement>} */
  #elements = new Map();
  /** @type {Map<number, Chat>} */
  #chats = new Map();
  #version = 0;
  /** How many chats the list may show: the server keeps the older ones back until it is asked. */
  #shown = Infinity;

  /**
   * @param {HTMLElement} root
   * @param {{ onChoose: (id: number) => void, onChange: () => void }} events
   */
  constructor(root, { onChoose, onChange }) {
    this.#root = root;
    this.#onChange = onChange;
    for (const element of root.querySelectorAll(":scope > .chat")) {
      const chat = readChat(element);
      this.#chats.set(chat.id, chat);
      this.#elements.set(chat.id, /** @type {HTMLElement} */ (element));
    }
    if (root.parentElement?.querySelector(".more-chats")) this.#shown = this.#chats.size;
    root.addEventListener("click", (event) => {
      const chat = /** @type {Element} */ (event.target).closest(".chat");
      if (chat) onChoose(idOf(chat));
    });
  }

  /** Grows whenever a chat comes to the top, or an event tells what is new in one. */
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
    this.#draw(id, username);
    this.moveToTop(id);
  }

  /** @param {number} id */
  moveToTop(id) {
    const [chat, element] = [this.#chats.get(id), this.#elements.get(id)];
    this.#version += 1;
    if (chat && element) {
      chat.movedAt = this.#version;
      this.#place(element, this.#root.firstElementChild);
    }
    this.#onChange();
  }

  /**
   * Takes over what an event tells, or the answer to having read.
   * @param {number} id
   * @param {number} count
   */
  setCount(id, count) {
    const chat = this.#chats.get(id);
    this.#version += 1;
    if (chat) chat.countedAt = this.#version;
    this.#showCount(id, count);
  }

  /**
   * Takes over what a join or a sync has found, unless an event has told of that chat since it was asked
   * for: whatever has changed since then comes as an event, too.
   * @param {number} id
   * @param {ReadState} found
   * @param {number} asked the version of the list then
   */
  settleCount(id, { new_message_count }, asked) {
    if ((this.#chats.get(id)?.countedAt ?? 0) <= asked) this.#showCount(id, new_message_count);
  }

  /** @param {number} id @param {number} count */
  #showCount(id, count) {
    const [chat, element] = [this.#chats.get(id), this.#elements.get(id)];
    if (chat && element) {
      chat.newMessageCount = count;
      const dot = find(element, ":scope > span");
      dot.textContent = String(count);
      dot.className = count > 0 ? "dot" : "dot-none";
    }
    this.#onChange();
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
   * Makes the list what the server said it was. Where something was heard after the question, that
   * is newer than the answer.
   * @param {SyncedChat[]} chats newest first
   * @param {number} asked the version of the list when the question was asked
   */
  replace(chats, asked) {
    const listed = chats.filter(({ id }, place) => place < this.#shown || this.#chats.has(id));
    for (const { id, username, ...read } of listed) {
      this.#draw(id, username);
      this.settleCount(id, read, asked);
    }
    const ids = listed.map(({ id }) => id).filter((id) => (this.#chats.get(id)?.movedAt ?? 0) <= asked);
    // Those that have come to the top meanwhile stay above.
    let place = this.#root.firstElementChild;
    while (place && (this.#chats.get(idOf(place))?.movedAt ?? 0) > asked) place = place.nextElementSibling;
    for (const id of ids) {
      const element = /** @type {HTMLElement} */ (this.#elements.get(id));
      if (element === place) place = place.nextElementSibling;
      else this.#place(element, place);
    }
    this.#onChange();
  }

  /**
   * Draws a chat at the end, if it is not there already.
   * @param {number} id
   * @param {string} username
   */
  #draw(id, username) {
    if (this.#chats.has(id)) return;
    const chat = { id, username, newMessageCount: 0, movedAt: 0, countedAt: 0 };
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
}

/** @param {Element} chat @returns {Chat} */
function readChat(chat) {
  return {
    id: idOf(chat),
    username: find(chat, ":scope > button").textContent ?? "",
    newMessageCount: Number(find(chat, ":scope > span").textContent),
    movedAt: 0,
    countedAt: 0,
  };
}

/** @param {Element} chat */
function idOf(chat) {
  return Number(find(chat, ":scope > input[name=chat_partner_id]").getAttribute("value"));
}
