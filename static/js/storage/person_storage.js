// What a browser keeps for a person over the end of a tab: messages that are not known to be stored, and
// drafts. All tabs of the person share it. Without IndexedDB it lasts as long as the tab.

/** @import { Entry } from "../model/outbox.js" */

/** How long opening may take: a database that another program holds must not hold up the page. */
const OPEN_MS = 2000;
const VERSION = 1;

/**
 * The name under which a person's things are kept. Chats below other paths of the same host have users of their
 * own, under the same ids.
 * @param {number} userId
 */
export function nameOf(userId) {
  return `visavis:${new URL(".", location.href).pathname}:${userId}`;
}

/** Forgets all that this browser keeps of a person. @param {number} userId */
export function forget(userId) {
  try {
    indexedDB.deleteDatabase(nameOf(userId));
  } catch {
    // Where there is no IndexedDB, there is nothing to forget.
  }
}

export class PersonStorage {
  /** @type {IDBDatabase | null} */
  #db = null;
  #channel;
  /** What is kept when there is no database, and what was read last when there is one. @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<number, string>} by partner */
  #drafts = new Map();
  #onFailure = () => {};
  /** Whether what is written is lost with the tab. */
  isLost = false;

  /** @param {number} userId */
  constructor(userId) {
    this.name = nameOf(userId);
    this.#channel = new BroadcastChannel(this.name);
  }

  /**
   * Opens the database, and reads all that is in it. Never rejects.
   * @param {() => void} onFailure is called when what is written lasts no longer
   */
  async open(onFailure) {
    this.#onFailure = onFailure;
    try {
      const db = await within(OPEN_MS, openDatabase(this.name));
      // Another tab of this browser forgets the person: nothing here may stop it.
      db.onversionchange = () => {
        db.close();
        this.#db = null;
      };
      db.onclose = () => this.#fail(new Error("the browser has closed the database"));
      await this.#keepEarly(db);
      await this.#read();
    } catch (error) {
      this.#fail(error);
    }
  }

  get entries() {
    return [...this.#entries.values()];
  }

  /** @param {number} partnerId */
  draft(partnerId) {
    return this.#drafts.get(partnerId) ?? "";
  }

  /** Keeps a message. @param {Entry} entry */
  async add(entry) {
    this.#entries.set(entry.clientId, entry);
    await this.#write("entries", (store) => store.put(entry));
  }

  /**
   * Changes a message, unless another tab has taken it away. Rival tabs see one another's changes: `change` gets
   * the message as it is, and gives it as it is to be, `null` to take it away, or `undefined` to let it be.
   * @param {string} clientId
   * @param {(entry: Entry) => Entry | null | undefined} change
   * @returns {Promise<Entry | null | undefined>} what `change` gave; `undefined` when the message is gone
   */
  async change(clientId, change) {
    /** @type {Entry | null | undefined} */
    let changed;
    const applied = await this.#write("entries", (store) => {
      const found = store.get(clientId);
      found.onsuccess = () => {
        const entry = /** @type {Entry | undefined} */ (found.result);
        changed = entry && change(entry);
        if (changed) store.put(changed);
        else if (changed === null) store.delete(clientId);
      };
    });
    if (!applied) {
      const entry = this.#entries.get(clientId);
      changed = entry && change(entry);
    }
    if (changed) this.#entries.set(clientId, changed);
    else if (changed === null) this.#entries.delete(clientId);
    return changed;
  }

  /** @param {number} partnerId @param {string} text */
  async keepDraft(partnerId, text) {
    if (text === this.draft(partnerId)) return;
    if (text) this.#drafts.set(partnerId, text);
    else this.#drafts.delete(partnerId);
    await this.#write("drafts", (store) => (text ? store.put(text, partnerId) : store.delete(partnerId)));
  }

  /** Calls `listener` when another tab has changed something, which then can be read here. @param {() => void} listener */
  onChange(listener) {
    this.#channel.addEventListener("message", async () => {
      await this.#read().catch((error) => this.#fail(error));
      listener();
    });
  }

  /** Writes what came before the database was open. @param {IDBDatabase} db */
  async #keepEarly(db) {
    const transaction = db.transaction(["entries", "drafts"], "readwrite");
    for (const entry of this.#entries.values()) transaction.objectStore("entries").put(entry);
    for (const [partnerId, text] of this.#drafts) transaction.objectStore("drafts").put(text, partnerId);
    this.#db = db;
    await done(transaction);
  }

  async #read() {
    if (!this.#db) return;
    const transaction = this.#db.transaction(["entries", "drafts"]);
    const [entries, drafts] = [transaction.objectStore("entries"), transaction.objectStore("drafts")];
    const [found, texts, partners] = [entries.getAll(), drafts.getAll(), drafts.getAllKeys()];
    await done(transaction);
    this.#entries = new Map(found.result.map((entry) => [entry.clientId, entry]));
    this.#drafts = new Map(partners.result.map((partner, place) => [Number(partner), texts.result[place]]));
  }

  /**
   * @param {"entries" | "drafts"} name
   * @param {(store: IDBObjectStore) => IDBRequest | void} write gives its last request, if it knows it
   * @returns {Promise<boolean>} whether it was written to the database
   */
  async #write(name, write) {
    if (!this.#db) return false;
    try {
      const transaction = this.#db.transaction(name, "readwrite");
      const last = write(transaction.objectStore(name));
      // The browser goes on by itself from here, also when the tab is closed in this moment.
      if (last) transaction.commit();
      await done(transaction);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    this.#channel.postMessage(name);
    return true;
  }

  /** Goes on without the database. @param {unknown} error */
  #fail(error) {
    console.warn("what is written here is lost with the tab:", error);
    this.#db?.close();
    this.#db = null;
    this.isLost = true;
    this.#onFailure();
  }
}

/** @param {string} name @returns {Promise<IDBDatabase>} */
function openDatabase(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("entries", { keyPath: "clientId" });
      request.result.createObjectStore("drafts");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Resolves when all of a transaction is written. @param {IDBTransaction} transaction @returns {Promise<void>} */
function done(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @template T @param {number} ms @param {Promise<T>} promise @returns {Promise<T>} */
function within(ms, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the browser's database does not answer")), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
