// The box in which a message is written.

import { find } from "./template.js";

/** More lines than these scroll inside the box. */
const LINES_MAX = 8;

/**
 * @typedef {object} ComposerEvents
 * @property {(text: string) => void} onSend
 * @property {(text: string) => void} onDraft
 */

export class Composer {
  /** @type {HTMLTextAreaElement} */
  #box;
  #events;

  /**
   * @param {HTMLElement} form
   * @param {string} draft
   * @param {ComposerEvents} events
   */
  constructor(form, draft, events) {
    this.#box = find(form, "#message");
    this.#events = events;
    this.#box.value = draft;
    this.#fit();
    this.#box.addEventListener("input", () => this.#changed());
    this.#box.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses what it offers. 229 is how Safari says so.
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      this.#send();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
      this.focus();
    });
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /**
   * Gives a text back to its writer, above what has been typed since.
   * @param {string} text
   */
  giveBack(text) {
    this.#box.value = this.#box.value ? `${text}\n${this.#box.value}` : text;
    this.#changed();
    this.focus();
  }

  #send() {
    const text = this.#box.value;
    if (text.trim() === "") return;
    this.#box.value = "";
    this.#changed();
    this.#events.onSend(text);
  }

  #changed() {
    this.#fit();
    this.#events.onDraft(this.#box.value);
  }

  /** Browsers that know `field-sizing` do it better; the others count lines. */
  #fit() {
    this.#box.rows = Math.min(LINES_MAX, this.#box.value.split("\n").length);
  }
}
