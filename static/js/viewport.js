// Where the reader is in the messages: at the bottom, which is then kept in view, or somewhere
// above, which is then left as it is.

/** How far from the end still counts as the bottom, in CSS pixels. */
const NEAR = 48;
/** How much of what came before stays in sight above an element, in CSS pixels. */
const ABOVE = 56;

export class Viewport {
  #scroller;
  #jump;
  #atBottom = true;
  #resizes = new ResizeObserver(() => this.settle());

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} jump the button that says there is something new below
   */
  constructor(scroller, jump) {
    this.#scroller = scroller;
    this.#jump = jump;
    scroller.addEventListener("scroll", () => this.#look(), { passive: true });
    jump.addEventListener("click", () => this.toBottom());
    // A keyboard that slides in makes the view lower; what was last read stays in sight.
    this.#resizes.observe(scroller);
  }

  get atBottom() {
    return this.#atBottom;
  }

  toBottom() {
    this.#atBottom = true;
    this.settle();
  }

  /**
   * Shows an element near the top. `scrollIntoView` would move the page around the messages too.
   * @param {HTMLElement} element
   */
  toElement(element) {
    const top = element.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
    this.#scroller.scrollTop += top - ABOVE;
    this.#look();
  }

  /** After something has grown: follows the bottom, if that is where the reader is. */
  settle() {
    if (this.#atBottom) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#look();
  }

  /** Something new stands at the end. */
  announce() {
    this.settle();
    this.#jump.hidden = this.#atBottom;
  }

  /**
   * Lets `change` add something above without moving what is in view.
   * @param {() => void} change
   */
  keep(change) {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    change();
    this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
  }

  close() {
    this.#resizes.disconnect();
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atBottom = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#atBottom) this.#jump.hidden = true;
  }
}
