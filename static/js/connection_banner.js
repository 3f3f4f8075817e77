// Says when there is no connection.

/** A break that is shorter than this is not worth a word. */
const PATIENCE_MS = 1000;

export class ConnectionBanner {
  #element;
  #timer = 0;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  down() {
    if (this.#timer) return;
    this.#timer = window.setTimeout(() => {
      this.#element.textContent = "No connection. Trying again…";
    }, PATIENCE_MS);
  }

  up() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#element.textContent = "";
  }
}
