// Where the reader is in the messages: at the bottom, which is then kept in view, or somewhere above, which is then
// left as it is.

/** How far from the end still counts as the bottom, in CSS pixels. */
const NEAR = 48;
/** How much of what came before stays in sight above an element, in CSS pixels. */
const ABOVE = 56;

export class Viewport {
  #scroller;
  #onMove;
  #isAtBottom = true;
  #resizes = new ResizeObserver(() => this.#settle());

  /**
   * @param {HTMLElement} scroller
   * @param {() => void} onMove the reader has come to the bottom, or has left it
   */
  constructor(scroller, onMove) {
    this.#scroller = scroller;
    this.#onMove = onMove;
    scroller.addEventListener("scroll", () => this.#look(), { passive: true });
    // A keyboard that slides in makes the view lower; what was last read stays in sight.
    this.#resizes.observe(scroller);
  }

  get isAtBottom() {
    return this.#isAtBottom;
  }

  toBottom() {
    this.#isAtBottom = true;
    this.#settle();
  }

  /**
   * Shows an element near the top. `scrollIntoView` would move the page around the messages too.
   * @param {HTMLElement} element
   */
  toElement(element) {
    this.#scroller.scrollTop += this.#topOf(element) - ABOVE;
    this.#look();
  }

  /** Follows the bottom only as far as an element stays in view. @param {HTMLElement | null} element */
  keepInView(element) {
    if (element && this.#topOf(element) < 0) this.toElement(element);
  }

  /**
   * Lets `change` draw something, wherever it is, without moving what is in view; at the bottom it follows.
   * @param {() => void} change
   */
  hold(change) {
    const anchor = this.#isAtBottom ? null : this.#firstInView();
    const top = anchor ? this.#topOf(anchor) : 0;
    change();
    if (anchor?.isConnected) this.#scroller.scrollTop += this.#topOf(anchor) - top;
    this.#settle();
  }

  close() {
    this.#resizes.disconnect();
  }

  #settle() {
    if (this.#isAtBottom) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#look();
  }

  /** @param {Element} element */
  #topOf(element) {
    return element.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }

  /** The first message of which something is in view. Lines between messages come and go. */
  #firstInView() {
    const isInView = (/** @type {Element} */ element) => element.getBoundingClientRect().bottom > edge;
    const edge = this.#scroller.getBoundingClientRect().top;
    const block = [...this.#scroller.querySelectorAll(":scope > .messages")].find(isInView);
    return [...(block?.querySelectorAll(":scope > [id]") ?? [])].find(isInView);
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const isAtBottom = scrollHeight - scrollTop - clientHeight < NEAR;
    if (isAtBottom === this.#isAtBottom) return;
    this.#isAtBottom = isAtBottom;
    this.#onMove();
  }
}
