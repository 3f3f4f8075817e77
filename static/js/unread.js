// Notices which new messages have been seen, and tells the server how far.

/** How long what was seen is gathered before it is told. */
const GATHER_MS = 250;
/** How much of a message must be in view, in CSS pixels: the tallest never fit as a whole. */
const MARGIN = "0px 0px -20px 0px";

export class Unread {
  #report;
  #observer;
  /** @type {Map<number, Element>} new messages that nobody has seen */
  #waiting = new Map();
  /** @type {Set<number>} those of them that are in view, perhaps of a page that is hidden */
  #inView = new Set();
  /** @type {WeakMap<Element, number>} */
  #ids = new WeakMap();
  #lastReadId = 0;
  #reportedId = 0;
  #timer = 0;
  #onVisible = () => this.#look();

  /**
   * @param {HTMLElement} scroller
   * @param {(lastReadId: number, remaining: number) => Promise<unknown>} report
   */
  constructor(scroller, report) {
    this.#report = report;
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), {
      root: scroller,
      rootMargin: MARGIN,
    });
    document.addEventListener("visibilitychange", this.#onVisible);
  }

  /** How many new messages have not been seen. */
  get count() {
    return this.#waiting.size;
  }

  get lastReadId() {
    return this.#lastReadId;
  }

  /**
   * Takes over how far the server knows, which may be less than what was seen here.
   * @param {number} lastReadId
   */
  resume(lastReadId) {
    this.#reportedId = lastReadId;
    this.#advance(lastReadId);
    if (this.#lastReadId > lastReadId) this.#gather();
  }

  /**
   * Watches a message of the partner; one that was read already is let be.
   * @param {number} id
   * @param {Element} element
   */
  watch(id, element) {
    if (id <= this.#lastReadId) return;
    this.#waiting.set(id, element);
    this.#ids.set(element, id);
    this.#observer.observe(element);
  }

  /**
   * Another tab has read so far.
   * @param {number} id
   */
  readElsewhere(id) {
    this.#reportedId = Math.max(this.#reportedId, id);
    this.#advance(id);
  }

  /** Forgets the messages, which are about to be replaced. */
  clear() {
    this.#observer.disconnect();
    this.#waiting.clear();
    this.#inView.clear();
  }

  close() {
    this.#tell();
    this.clear();
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const entry of entries) {
      const id = this.#ids.get(entry.target);
      if (id === undefined || !this.#waiting.has(id)) continue;
      if (entry.isIntersecting) this.#inView.add(id);
      else this.#inView.delete(id);
    }
    this.#look();
  }

  #look() {
    if (document.visibilityState !== "visible" || this.#inView.size === 0) return;
    this.#advance(Math.max(...this.#inView));
    this.#gather();
  }

  /** @param {number} id the newest message that was read */
  #advance(id) {
    if (id <= this.#lastReadId) return;
    this.#lastReadId = id;
    for (const [read, element] of this.#waiting) {
      if (read > id) continue;
      this.#observer.unobserve(element);
      this.#waiting.delete(read);
      this.#inView.delete(read);
    }
  }

  #gather() {
    if (this.#timer === 0) this.#timer = window.setTimeout(() => this.#tell(), GATHER_MS);
  }

  async #tell() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const [before, id] = [this.#reportedId, this.#lastReadId];
    if (id <= before) return;
    this.#reportedId = id;
    try {
      await this.#report(id, this.count);
    } catch {
      // Told again with the next one that is seen, or when the chat is joined anew.
      if (this.#reportedId === id) this.#reportedId = before;
    }
  }
}
