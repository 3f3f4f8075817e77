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
 * @param {string} [page] the address of the chat, or of a page beside it
 */
export function nameOf(userId, page = location.href) {
  return `visavis:${new URL(".", page).pathname}:${userId}`;
}

/**
 * Whether this browser keeps messages that a person has written and that are not known to be stored.
 * @param {number} userId @param {string} page as for `nameOf`
 * @returns {Promise<boolean>}
 */
export async function hasUnsent(userId, page) {
  try {
    const db = await openDatabase(nameOf(userId, page));
    const { entries } = await readAll(db);
    db.close();
    return entries.length > 0;
  } catch {
    // It cannot keep anything.
    return false;
  }
}

/** Forgets all that this browser keeps of a person. @param {number} userId */
export function forget(userId) {
  try {
    indexedDB.deleteDatabase(nameOf(userId));
  } catch {
    // Where there is no IndexedDB, there is nothing to forget.
  }
}

/** A text with what was written after it. @param {string} text @param {string} next */
export function above(text, next) {
  return next ? `${text}\n${next}` : text;
}

/**
 * What other tabs are told beside that something has changed.
 * @typedef {object} Note
 * @property {string} [stored] the client id of a message that the server has stored
 * @property {number} [messageId] the message that it has become
 * @property {string} [takenBack] the client id of a message that its writer has taken back
 * @property {boolean} [isForgotten] the person has logged out: everything is to be forgotten
 */

export class PersonStorage {
  /** @type {IDBDatabase | null} */
  #db = null;
  #channel;
  /** What is kept when there is no database, and what was read last when there is one. @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<number, string>} by partner */
  #drafts = new Map();
  /** How many writes have begun. What is read while one begins is not read to the end. */
  #writes = 0;
  #onFailure = () => {};
  /** @type {(note: Note) => void} */
  #onChange = () => {};
  /** Whether what is written is lost with the tab. */
  isLost = false;

  /** @param {number} userId */
  constructor(userId) {
    this.name = nameOf(userId);
    this.#channel = new BroadcastChannel(this.name);
  }

  /**
   * Opens the database, and reads all that is in it. Never rejects.
   * @param {() => void} onFailure is called when what is written lasts no longer, or lasts again
   */
  async open(onFailure) {
    this.#onFailure = onFailure;
    // What is written meanwhile is kept as soon as the database is open.
    const late = setTimeout(() => this.#fail("the browser's database does not answer"), OPEN_MS);
    try {
      const db = await openDatabase(this.name);
      db.onversionchange = ({ newVersion }) => this.#closed(newVersion === null);
      db.onclose = () => this.#fail(new Error("the browser has closed the database"));
      this.#begin(db, await readAll(db));
      if (this.isLost) {
        this.isLost = false;
        onFailure();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      clearTimeout(late);
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
   * the message as it is, and gives it as it is to be.
   * @param {string} clientId
   * @param {(entry: Entry) => Entry} change
   * @returns {Promise<Entry | undefined>} what `change` gave; `undefined` when the message is gone
   */
  async change(clientId, change) {
    /** @type {Entry | undefined} */
    let changed;
    const applied = await this.#write("entries", (store) => {
      const found = store.get(clientId);
      found.onsuccess = () => {
        const entry = /** @type {Entry | undefined} */ (found.result);
        changed = entry && change(entry);
        if (changed) store.put(changed);
      };
    });
    if (!applied) {
      const entry = this.#entries.get(clientId);
      changed = entry && change(entry);
    }
    if (changed) this.#entries.set(clientId, changed);
    else this.#entries.delete(clientId);
    return changed;
  }

  /**
   * Takes a message away.
   * @param {string} clientId
   * @param {Note} note why, for the other tabs
   * @param {(entry: Entry) => boolean} [may] sees the message as it is: no other tab changes it meanwhile
   */
  async remove(clientId, note, may = () => true) {
    let isKept = false;
    const judge = (/** @type {Entry | undefined} */ entry) => (isKept = entry !== undefined && !may(entry));
    const applied = await this.#write(
      "entries",
      (store) => {
        const found = store.get(clientId);
        found.onsuccess = () => {
          if (!judge(found.result)) store.delete(clientId);
        };
      },
      note,
    );
    if (!applied) judge(this.#entries.get(clientId));
    if (!isKept) this.#entries.delete(clientId);
  }

  /** @param {number} partnerId @param {string} text */
  async keepDraft(partnerId, text) {
    if (text === this.draft(partnerId)) return;
    if (text) this.#drafts.set(partnerId, text);
    else this.#drafts.delete(partnerId);
    await this.#write("drafts", (store) => (text ? store.put(text, partnerId) : store.delete(partnerId)));
  }

  /** Calls `listener` when another tab has changed something, which then can be read here. @param {(note: Note) => void} listener */
  onChange(listener) {
    this.#onChange = listener;
    this.#channel.addEventListener("message", async ({ data }) => {
      await this.#read().catch((error) => this.#fail(error));
      listener(data);
    });
  }

  /**
   * Goes on with the database: what was kept in it stands before what has been written on this page meanwhile.
   * @param {IDBDatabase} db @param {Kept} kept
   */
  #begin(db, kept) {
    const [entries, drafts] = [this.#entries, this.#drafts];
    this.#db = db;
    this.#entries = new Map([...kept.entries.map(byClientId), ...entries]);
    this.#drafts = new Map(kept.drafts);
    for (const entry of entries.values()) this.add(entry);
    for (const [partnerId, text] of drafts) {
      const before = this.draft(partnerId);
      this.keepDraft(partnerId, before && before !== text ? above(before, text) : text);
    }
  }

  async #read() {
    // What was written here while it was read would be undone.
    for (let writes = -1; writes !== this.#writes; ) {
      writes = this.#writes;
      if (!this.#db) return;
      const { entries, drafts } = await readAll(this.#db);
      if (writes !== this.#writes) continue;
      this.#entries = new Map(entries.map(byClientId));
      this.#drafts = new Map(drafts);
    }
  }

  /**
   * @param {"entries" | "drafts"} name
   * @param {(store: IDBObjectStore) => IDBRequest | void} write gives its last request, if it knows it
   * @param {Note} [note]
   * @returns {Promise<boolean>} whether it was written to the database
   */
  async #write(name, write, note = {}) {
    this.#writes += 1;
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
    this.#channel.postMessage(note);
    return true;
  }

  /** Another tab needs the database closed: nothing here may stop it. @param {boolean} isForgotten it is deleted */
  #closed(isForgotten) {
    if (isForgotten) {
      this.#entries.clear();
      this.#drafts.clear();
    }
    this.#lose();
    this.#onChange({ isForgotten });
  }

  /** Goes on without the database. @param {unknown} error */
  #fail(error) {
    console.warn("what is written here is lost with the tab:", error);
    this.#lose();
  }

  #lose() {
    this.#db?.close();
    this.#db = null;
    this.isLost = true;
    this.#onFailure();
  }
}

/**
 * @typedef {object} Kept
 * @property {Entry[]} entries
 * @property {[partnerId: number, text: string][]} drafts
 */

/** @param {Entry} entry @returns {[string, Entry]} */
function byClientId(entry) {
  return [entry.clientId, entry];
}

/** @param {IDBDatabase} db @returns {Promise<Kept>} */
async function readAll(db) {
  const transaction = db.transaction(["entries", "drafts"]);
  const [entries, drafts] = [transaction.objectStore("entries"), transaction.objectStore("drafts")];
  const [found, texts, partners] = [entries.getAll(), drafts.getAll(), drafts.getAllKeys()];
  await done(transaction);
  return {
    entries: found.result,
    drafts: partners.result.map((partner, place) => [Number(partner), texts.result[place]]),
  };
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
