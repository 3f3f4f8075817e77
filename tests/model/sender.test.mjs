// What is written leaves once and in order, from whichever tab is connected, whatever becomes of requests, answers
// and tabs. RUNS says how many runs there are, SEED repeats one of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RequestError } from "../../static/js/model/request_error.js";
import { Sender } from "../../static/js/connection/sender.js";
import { newClientId } from "../../static/js/model/client_id.js";
import { Outbox, mayBeTakenBack, newEntry } from "../../static/js/model/outbox.js";
import { Random } from "../support/random.mjs";

/** @import { Connection } from "../../static/js/connection/connection.js" */
/** @import { Entry } from "../../static/js/model/outbox.js" */
/** @import { PersonStorage } from "../../static/js/storage/person_storage.js" */

const RUNS = Number(process.env.RUNS ?? 50);
const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const STEPS = 60;

/** What a message of that text is answered with, always. */
const REFUSED = "refuse me";

/** All that tabs share: the server, the browser's storage, and its locks. */
class World {
  /** What is stored, in order. @type {{ clientId: string, partnerId: number, text: string }[]} */
  stored = [];
  /** @type {Map<string, Entry>} */
  kept = new Map();
  /** @type {Tab[]} */
  tabs = [];
  /** @type {string[]} */
  faults = [];
  /** The ends of what holds or waits for each lock. @type {Map<string, Promise<unknown>>} */
  #locks = new Map();
  locks = /** @type {LockManager} */ (
    /** @type {unknown} */ ({
      request: (/** @type {string} */ name, /** @type {() => Promise<void>} */ work) => {
        const turn = (this.#locks.get(name) ?? Promise.resolve()).then(work, work);
        this.#locks.set(name, turn);
        return turn;
      },
    })
  );

  /** Tells the other tabs that something is kept that was not. @param {Tab} tab */
  announce(tab) {
    for (const other of this.tabs) if (other !== tab) other.hear();
  }

  /** @param {string} clientId @param {number} partnerId @param {string} text */
  store(clientId, partnerId, text) {
    if (!this.stored.some((message) => message.clientId === clientId)) this.stored.push({ clientId, partnerId, text });
  }
}

/** A tab, whose network does what chance wants. */
class Tab {
  #world;
  #random;
  /** Requests without an answer: how the connection gives up on them. @type {Set<() => void>} */
  #open = new Set();
  isConfirmed = false;
  /** Whether answers come, and requests are taken. */
  works = false;
  outbox = new Outbox();

  /** @param {World} world @param {Random} random @param {boolean} hasLocks */
  constructor(world, random, hasLocks) {
    this.#world = world;
    this.#random = random;
    this.outbox.restore([...world.kept.values()]);
    const storage = /** @type {PersonStorage} */ (
      /** @type {unknown} */ ({
        name: "storage",
        change: async (/** @type {string} */ clientId, /** @type {(entry: Entry) => Entry} */ change) => {
          await undefined;
          const entry = world.kept.get(clientId);
          const changed = entry && change(entry);
          if (!changed) return undefined;
          world.kept.set(clientId, changed);
          world.announce(this);
          const isStored = world.stored.some((message) => message.clientId === clientId);
          if (isStored && mayBeTakenBack(changed)) world.faults.push(`"${changed.text}" is stored, and could be taken back`);
          return changed;
        },
        remove: async (/** @type {string} */ clientId) => {
          await undefined;
          world.kept.delete(clientId);
          world.announce(this);
        },
      })
    );
    const connection = /** @type {Connection} */ (/** @type {unknown} */ (this));
    const locks = hasLocks ? world.locks : undefined;
    this.sender = new Sender(connection, this.outbox, storage, locks, () => {});
  }

  /** As `Connection.request`. @param {string} _event @param {any} message @param {(answer: { id: number }) => void} take */
  request(_event, { client_id, partner_id, text }, take) {
    return new Promise((resolve, reject) => {
      if (!this.isConfirmed) {
        reject(new RequestError("", "disconnected"));
        return;
      }
      const deed = this.works ? 0 : this.#random.next();
      // It gets lost, or the answer does.
      const arrives = deed < 0.7;
      const isStored = arrives && text !== REFUSED && deed < 0.5;
      if (isStored) this.#world.store(client_id, partner_id, text);
      if (deed >= 0.35 && deed < 0.5) reject(new RequestError("", "timeout"));
      else if (isStored) {
        take({ id: 1 });
        resolve(undefined);
      } else if (arrives && text === REFUSED) reject(new RequestError("no", "forbidden"));
      else if (arrives) reject(new RequestError("", this.#random.pick(["too_often", "unavailable"]), 1));
      else this.#open.add(() => reject(new RequestError("", "lost")));
    });
  }

  connect() {
    this.isConfirmed = true;
    this.sender.resume();
  }

  disconnect() {
    this.isConfirmed = false;
    for (const lose of this.#open) lose();
    this.#open.clear();
  }

  /** @param {number} partnerId @param {string} text */
  write(partnerId, text) {
    const entry = newEntry(newClientId(), partnerId, text);
    this.#world.kept.set(entry.clientId, entry);
    this.#world.announce(this);
    this.outbox.put(entry);
    this.sender.wake();
    return entry;
  }

  /** Another tab has changed something. */
  hear() {
    this.outbox.replace([...this.#world.kept.values()]);
    this.sender.wake();
  }
}

/** Lets everything happen that waits for nothing but its turn. */
async function settle() {
  for (let turn = 0; turn < 200; turn += 1) await undefined;
}

for (const hasLocks of [true, false]) {
  const how = hasLocks ? "by tabs that take turns" : "by tabs that know nothing of each other";
  test(`what is written is stored once and in order, sent ${how}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const seeds = SEED === undefined ? Array.from({ length: RUNS }, (_, run) => run + 1) : [SEED];
    for (const seed of seeds) {
      const random = new Random(seed);
      const world = new World();
      world.tabs = [new Tab(world, random.fork(), hasLocks), new Tab(world, random.fork(), hasLocks)];
      /** @type {Entry[]} */
      const written = [];
      for (let step = 0; step < STEPS; step += 1) {
        const [tab, deed] = [random.pick(world.tabs), random.next()];
        if (deed < 0.3) written.push(tab.write(random.between(1, 3), random.chance(0.1) ? REFUSED : `text ${step}`));
        else if (deed < 0.5) tab.connect();
        else if (deed < 0.7) tab.disconnect();
        else if (deed < 0.8) {
          // A tab is closed, and another one opened.
          tab.disconnect();
          world.tabs = [...world.tabs.filter((other) => other !== tab), new Tab(world, random.fork(), hasLocks)];
        } else t.mock.timers.tick(1000);
        if (random.chance(0.7)) await settle();
      }
      for (const tab of world.tabs) {
        tab.works = true;
        tab.disconnect();
      }
      await settle();
      for (const tab of world.tabs) tab.connect();
      for (let round = 0; round < 50; round += 1) {
        await settle();
        t.mock.timers.tick(5000);
      }
      assert.deepEqual(world.faults, [], `SEED=${seed}`);
      const wanted = written.filter(({ text }) => text !== REFUSED);
      for (const partnerId of [1, 2, 3]) {
        const of = (/** @type {{ partnerId: number, text: string }[]} */ all) =>
          all.filter((message) => message.partnerId === partnerId).map(({ text }) => text);
        assert.deepEqual(of(world.stored), of(wanted), `SEED=${seed}`);
      }
      const left = [...world.kept.values()];
      assert.ok(left.every(({ state, text }) => state === "refused" && text === REFUSED), `SEED=${seed}`);
      assert.equal(left.length, written.length - wanted.length, `SEED=${seed}`);
    }
  });
}

test("a message may be taken back before it has left, and when it was refused, and at no other time", () => {
  const entry = newEntry(newClientId(), 1, "text");
  const may = /** @type {const} */ (["waiting", "sending", "unconfirmed", "refused", "stored"]).map((state) =>
    mayBeTakenBack({ ...entry, state }),
  );
  assert.deepEqual(may, [true, false, false, true, false]);
});

test("a message that was refused holds up none that was written after it", () => {
  const outbox = new Outbox();
  outbox.put({ ...newEntry(newClientId(), 1, "refused"), state: "refused" });
  outbox.put(newEntry(newClientId(), 1, "next"));
  outbox.put(newEntry(newClientId(), 1, "and the next"));
  outbox.put(newEntry(newClientId(), 2, "to another"));
  assert.deepEqual(outbox.next.map(({ text }) => text), ["next", "to another"]);
});

test("what is being sent when a page ends is not confirmed for the next", () => {
  const outbox = new Outbox();
  const entry = newEntry(newClientId(), 1, "text");
  outbox.restore([{ ...entry, state: "sending" }]);
  assert.equal(outbox.get(entry.clientId)?.state, "unconfirmed");
});
