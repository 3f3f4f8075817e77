// Notices which messages of the partner have been seen.

/** How much of a message must be in view, in CSS pixels: the tallest never fit as a whole. */
const MARGIN = "0px 0px -20px 0px";

export class Seen {
  #onSeen;
  #observer;
  /** Those of the watched that are in view, perhaps of a page that is hidden. @type {Set<number>} */
  #inView = new Set();
  /** @type {Map<number, Element>} */
  #watched = new Map();
  /** @type {WeakMap<Element, number>} */
  #ids = new WeakMap();
  #onVisible = () => this.#look();

  /**
   * @param {HTMLElement} scroller
   * @param {(id: number) => void} onSeen that message has been seen, and is the newest of those seen
   */
  constructor(scroller, onSeen) {
    this.#onSeen = onSeen;
    this.#observer = new IntersectionObserver((entries) => this.#noted(entries), {
      root: scroller,
      rootMargin: MARGIN,
    });
    document.addEventListener("visibilitychange", this.#onVisible);
  }

  /** @param {number} id @param {Element} element */
  watch(id, element) {
    if (this.#watched.get(id) === element) return;
    this.#watched.set(id, element);
    this.#ids.set(element, id);
    this.#observer.observe(element);
  }

  /** Those up to that message have been read. @param {number} id */
  forgetTo(id) {
    for (const [watched, element] of this.#watched) {
      if (watched > id) continue;
      this.#observer.unobserve(element);
      this.#watched.delete(watched);
      this.#inView.delete(watched);
    }
  }

  close() {
    this.#observer.disconnect();
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #noted(entries) {
    for (const entry of entries) {
      const id = this.#ids.get(entry.target);
      if (id === undefined || !this.#watched.has(id)) continue;
      if (entry.isIntersecting) this.#inView.add(id);
      else this.#inView.delete(id);
    }
    this.#look();
  }

  #look() {
    if (document.visibilityState === "visible" && this.#inView.size > 0) this.#onSeen(Math.max(...this.#inView));
  }
}
