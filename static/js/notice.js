// A line above the messages that says what could not be loaded, with a button that tries again.

import { find } from "./template.js";

export class Notice {
  #element;
  #retry = () => {};

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
    find(element, "button").addEventListener("click", () => {
      this.hide();
      this.#retry();
    });
  }

  /**
   * @param {string} what was not done
   * @param {unknown} error whose message is for the user
   * @param {() => void} retry
   */
  show(what, error, retry) {
    const why = error instanceof Error ? error.message : "";
    find(this.#element, ".history-notice-text").textContent = `${what} ${why}`;
    this.#retry = retry;
    this.#element.hidden = false;
  }

  hide() {
    this.#element.hidden = true;
  }
}
