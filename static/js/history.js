// Loads older messages when the reader comes near the first one.

/** @import { Row } from "./message_element.js" */
/** @import { MessageList } from "./message_list.js" */
/** @import { Notice } from "./notice.js" */
/** @import { Viewport } from "./viewport.js" */

/** How far above the view loading begins. */
const MARGIN = "160px 0px 0px 0px";

export class History {
  #list;
  #viewport;
  #load;
  #notice;
  #observer;
  #complete = false;
  #loading = false;

  /**
   * @param {HTMLElement} scroller
   * @param {MessageList} list
   * @param {Viewport} viewport
   * @param {Notice} notice
   * @param {(count: number, oldestId: number) => Promise<Row[]>} load the next older messages, none
   *   at the beginning; gets how many are shown and the id of the oldest
   */
  constructor(scroller, list, viewport, notice, load) {
    this.#list = list;
    this.#viewport = viewport;
    this.#load = load;
    this.#notice = notice;
    this.#observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) this.#older();
      },
      { root: scroller, rootMargin: MARGIN },
    );
  }

  /** Watches the first message, which may be another one than before. */
  watch() {
    this.#observer.disconnect();
    const oldest = this.#list.oldest;
    if (oldest && !this.#complete) this.#observer.observe(oldest.element);
  }

  /** The messages were loaded anew: there may be older ones again. */
  restart() {
    this.#complete = false;
    this.watch();
  }

  close() {
    this.#observer.disconnect();
  }

  async #older() {
    const oldest = this.#list.oldest;
    if (this.#loading || !oldest) return;
    this.#loading = true;
    try {
      const rows = await this.#load(this.#list.size, oldest.row.id);
      // The messages may have been replaced while these were on their way.
      if (this.#list.oldest === oldest) {
        this.#viewport.keep(() => {
          this.#complete = this.#list.insertAll(rows).length === 0;
        });
      }
      this.watch();
    } catch (error) {
      const retry = () => void this.#older();
      this.#viewport.keep(() => {
        this.#notice.show("Older messages could not be loaded.", error, retry);
      });
    } finally {
      this.#loading = false;
    }
  }
}
