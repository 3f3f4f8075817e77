// What has been typed and not sent yet, for each chat.

/** @import { TabStorage } from "./tab_storage.js" */

const KEY = "drafts";

export class Drafts {
  #storage;
  /** @type {Record<string, string>} */
  #texts;

  /** @param {TabStorage} storage */
  constructor(storage) {
    this.#storage = storage;
    this.#texts = storage.read(KEY, {});
  }

  /** @param {number} chatId */
  of(chatId) {
    return this.#texts[chatId] ?? "";
  }

  /**
   * @param {number} chatId
   * @param {string} text
   */
  keep(chatId, text) {
    if (text) this.#texts[chatId] = text;
    else delete this.#texts[chatId];
    this.#storage.write(KEY, this.#texts);
  }
}
