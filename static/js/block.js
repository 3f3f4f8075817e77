// Whether the partner of the open chat is blocked: a button in the chat's head that asks first, and
// in the place of the composer what is so and the way back.

import { RequestError } from "./socket.js";
import { draw, find } from "./template.js";

export class Block {
  #panel;
  #name;
  #setBlocked;
  #onTurn;
  #button;
  #unblock;
  /** @type {HTMLDialogElement | null} */
  #question = null;
  /** Grows whenever the server tells of a change. */
  #version = 0;

  /**
   * @param {HTMLElement} panel
   * @param {string} name the partner's
   * @param {(blocked: boolean) => Promise<unknown>} setBlocked
   * @param {() => void} onTurn what had the focus is there no more
   */
  constructor(panel, name, setBlocked, onTurn) {
    this.#panel = panel;
    this.#name = name;
    this.#setBlocked = setBlocked;
    this.#onTurn = onTurn;
    this.#button = find(panel, ".block");
    this.#unblock = find(panel, ".unblock");
    const failure = find(panel, ".blocked-failure");
    find(panel, ".blocked-name").textContent = name;
    this.#button.addEventListener("click", () => this.#ask());
    this.#unblock.addEventListener("click", () => this.#set(false, failure));
  }

  get blocked() {
    return "blocked" in this.#panel.dataset;
  }

  /** To a way back: there is nothing else to do here. */
  focus() {
    this.#unblock.focus({ preventScroll: true });
  }

  /**
   * To be called before the chat is joined; gives what takes the answer. An event that came in
   * between is newer than the answer.
   * @returns {(blocked: boolean) => void}
   */
  asking() {
    const version = this.#version;
    return (blocked) => {
      if (version === this.#version) this.#show(blocked);
    };
  }

  /** The server has told of a change. @param {boolean} blocked */
  change(blocked) {
    this.#version += 1;
    this.#show(blocked);
  }

  close() {
    this.#question?.close();
    delete this.#panel.dataset.blocked;
  }

  /** @param {boolean} blocked */
  #show(blocked) {
    if (blocked === this.blocked) return;
    const bottom = find(this.#panel, "#right-panel-bottom");
    const focused = document.activeElement;
    const turns = this.#question !== null || focused === this.#button || bottom.contains(focused);
    this.#question?.close();
    find(bottom, ".blocked-failure").textContent = "";
    if (blocked) this.#panel.dataset.blocked = "";
    else delete this.#panel.dataset.blocked;
    if (turns) this.#onTurn();
  }

  #ask() {
    const question = /** @type {HTMLDialogElement} */ (find(draw("block-template"), "dialog"));
    const failure = find(question, ".question-failure");
    find(question, ".question-name").textContent = this.#name;
    find(question, ".cancel").addEventListener("click", () => question.close());
    find(question, ".confirm").addEventListener("click", () => this.#set(true, failure));
    question.addEventListener("close", () => {
      question.remove();
      if (this.#question === question) this.#question = null;
    });
    // Not in the panel, for which Escape is the way back to the list.
    document.body.append(question);
    this.#question = question;
    question.showModal();
  }

  /**
   * @param {boolean} blocked
   * @param {HTMLElement} failure says why it was not done
   */
  async #set(blocked, failure) {
    failure.textContent = "";
    try {
      await this.#setBlocked(blocked);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failure.textContent = error.message;
    }
  }
}
