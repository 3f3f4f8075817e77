// The box in which a message is written.

/** More lines than these scroll inside the box. */
const LINES_MAX = 8;

/**
 * @typedef {object} ComposerEvents
 * @property {(text: string) => void} onSend
 * @property {(text: string) => void} onDraft
 */

export class Composer {
  #box;
  #events;
  /** The draft that was offered last: a box that has another text was written in since. */
  #offered = "";

  /** @param {HTMLFormElement} form @param {ComposerEvents} events */
  constructor(form, events) {
    this.#box = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("message"));
    this.#events = events;
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

  /** Takes over a draft, unless something else has been written here. @param {string} draft */
  offer(draft) {
    if (this.#box.value !== this.#offered) return;
    this.#offered = draft;
    if (this.#box.value === draft) return;
    this.#box.value = draft;
    this.#fit();
  }

  /** Gives a text back to its writer, above what has been typed since. @param {string} text */
  giveBack(text) {
    this.#box.value = this.#box.value ? `${text}\n${this.#box.value}` : text;
    this.#changed();
    this.focus();
  }

  #send() {
    const text = this.#box.value;
    if (text.trim() === "") return;
    // It is kept as a message before it is a draft no more.
    this.#events.onSend(text);
    this.#box.value = "";
    this.#changed();
  }

  #changed() {
    this.#offered = this.#box.value;
    this.#fit();
    this.#events.onDraft(this.#box.value);
  }

  /** Browsers that know `field-sizing` do it better; the others count lines. */
  #fit() {
    this.#box.rows = Math.min(LINES_MAX, this.#box.value.split("\n").length);
  }
}
