// What a tab remembers over a reload. Each key is the user's own: another person who logs in here
// finds nothing of it, and neither does another chat on the same host.

export class TabStorage {
  #prefix;

  /** @param {number} userId */
  constructor(userId) {
    // Chats below other paths of the same host have users of their own, under the same ids.
    const root = new URL(".", location.href).pathname;
    this.#prefix = `visavis${root === "/" ? "" : root}:${userId}:`;
  }

  /**
   * @template T
   * @param {string} key
   * @param {T} fallback
   * @returns {T}
   */
  read(key, fallback) {
    try {
      const text = sessionStorage.getItem(this.#prefix + key);
      return text === null ? fallback : JSON.parse(text);
    } catch {
      // Storage may be forbidden by the browser's settings: then a reload forgets, nothing more.
      return fallback;
    }
  }

  /**
   * @param {string} key
   * @param {unknown} value
   */
  write(key, value) {
    try {
      sessionStorage.setItem(this.#prefix + key, JSON.stringify(value));
    } catch {
      // Forbidden or full: the page itself still has it.
    }
  }
}
