// The model of conversations under everything that a network does: what a server sends is lost, doubled and
// reordered by chance. After each step, what the model holds is compared with what the server has and had.
// RUNS says how many runs there are, SEED repeats one of them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversations } from "../../static/js/model/conversations.js";
import { Random } from "../support/random.mjs";
import { SimulatedServer } from "./simulated_server.mjs";

/** @import { GetHistory } from "../../static/js/protocol.d.ts" */

const RUNS = Number(process.env.RUNS ?? 200);
const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const STEPS = 200;
/** How many rounds of questions a client needs at most to know everything, once nothing goes wrong. */
const ROUNDS_MAX = 200;

/** A client, the server that it asks, and what is on its way between them. */
class Run {
  #random;
  #loses;
  /** @type {(() => void)[]} */
  #onTheWay = [];
  /** The highest version of each thing that was seen, to find one that goes back. @type {Map<string, number>} */
  #seen = new Map();
  /** Of which epoch, and of whose conversations. */
  #seenOf = "";
  model = new Conversations();
  server;

  /** @param {Random} random @param {boolean} loses whether things are lost while a connection lasts */
  constructor(random, loses) {
    this.#random = random;
    this.#loses = loses;
    this.server = new SimulatedServer(random.fork());
    this.#reconnect();
  }

  step() {
    const random = this.#random;
    const deed = random.next();
    if (deed < 0.4) {
      const changed = this.server.change();
      this.#send(() => this.model.takeChanged(changed));
    } else if (deed < 0.75) this.#deliver();
    else if (deed < 0.8) this.#catchUp();
    else if (deed < 0.87) for (const asked of this.model.missing) this.#askChanges(asked);
    else if (deed < 0.93) this.#askHistory(this.#pageOf(random.between(1, 4)));
    else if (deed < 0.95) this.#askHistory({ partner_id: random.between(1, 4) });
    else if (deed < 0.96) this.model.get(random.between(1, 4))?.forgetMessages();
    else if (deed < 0.97) this.#acknowledge();
    else this.#reconnect();
    this.check();
  }

  /** Ends all faults, and asks as a client does until nothing is missing. */
  settle() {
    while (this.#onTheWay.length > 0) this.#deliver();
    this.#askWhatIsMissing();
    if (this.model.isCaughtUp) for (const id of this.model.partnerIds) assert.equal(this.model.get(id)?.isBehind, false);
    // What a connection has lost is found at the next. Where it has lost nothing, this one must do.
    if (this.#loses) this.model.connected();
    for (let round = 0; !this.model.isCaughtUp; round += 1) {
      assert.ok(round < ROUNDS_MAX, "catching up does not end");
      const asked = this.model.catchUp();
      this.model.takeCaughtUp(this.server.catchUp(asked), asked);
    }
    this.#askWhatIsMissing();
    this.check();
  }

  /** Reads all of the history. */
  readHistory() {
    for (const partnerId of this.server.conversations.keys()) {
      for (let round = 0; !this.model.get(partnerId)?.isWhole; round += 1) {
        assert.ok(round < ROUNDS_MAX, "the history does not end");
        const asked = this.#pageOf(partnerId);
        const page = this.server.history(asked);
        assert.ok(page && this.model.takeHistory(page, asked), `a page before ${asked.before_id} was of no use`);
      }
    }
    this.check();
  }

  /** What is held is what the server has or had; up to the version that the model names, nothing else is. */
  check() {
    const { model, server } = this;
    const asked = model.catchUp();
    // Under another epoch, or for another user, there is nothing to compare it with until the model knows.
    if (asked.epoch !== server.epoch || model.userId !== server.userId) return;
    const seenOf = `${asked.epoch} ${model.userId}`;
    if (seenOf !== this.#seenOf) this.#seen.clear();
    this.#seenOf = seenOf;
    for (const partnerId of model.partnerIds) {
      const held = model.get(partnerId);
      const real = server.conversations.get(partnerId);
      if (!held || !real) throw new Error(`a conversation with ${partnerId} is held, and there is none`);
      this.#goesOn(`what is held with ${partnerId}`, held.version);
      assert.ok(held.version <= real.state.version, `version ${held.version} of ${real.state.version}`);
      if (held.state) {
        this.#goesOn(`conversation ${partnerId}`, held.state.version);
        const then = real.states.get(held.state.version);
        assert.deepEqual({ ...held.state, username: "" }, { ...then, username: "" });
      }
      const first = held.isWhole ? 0 : (held.messages[0]?.id ?? Infinity);
      const messages = new Map(held.messages.map((message) => [message.id, message]));
      assert.deepEqual([...messages.keys()], [...messages.keys()].sort((one, other) => one - other));
      for (const message of messages.values()) {
        this.#goesOn(`message ${message.id}`, message.version);
        assert.deepEqual(message, real.messageStates.get(`${message.id} at ${message.version}`));
      }
      for (const message of real.messages) {
        if (message.id < first || message.version > held.version) continue;
        assert.deepEqual(messages.get(message.id), message);
      }
    }
  }

  #askWhatIsMissing() {
    for (let round = 0; this.model.missing.length > 0; round += 1) {
      assert.ok(round < ROUNDS_MAX, `${JSON.stringify(this.model.missing)} is missing again and again`);
      for (const asked of this.model.missing) {
        const changes = this.server.changes(asked);
        if (changes) this.model.takeChanges(changes, asked);
      }
    }
  }

  /** @param {string} thing @param {number} version */
  #goesOn(thing, version) {
    const seen = this.#seen.get(thing) ?? 0;
    assert.ok(version >= seen, `${thing} went from ${seen} back to ${version}`);
    this.#seen.set(thing, version);
  }

  /** Something is on its way, unless it is lost; some things arrive twice. @param {() => void} arrival */
  #send(arrival) {
    if (this.#loses && this.#random.chance(0.1)) return;
    this.#onTheWay.push(arrival);
    if (this.#random.chance(0.1)) this.#onTheWay.push(arrival);
  }

  #deliver() {
    if (this.#onTheWay.length === 0) return;
    // Mostly in order, as a socket does.
    const place = this.#random.chance(0.6) ? 0 : this.#random.between(0, this.#onTheWay.length - 1);
    const [arrival] = this.#onTheWay.splice(place, 1);
    arrival();
  }

  #catchUp() {
    const asked = this.model.catchUp();
    const answer = this.server.catchUp(asked);
    this.#send(() => this.model.takeCaughtUp(answer, asked));
  }

  /** @param {{ partner_id: number, since: number }} asked */
  #askChanges(asked) {
    const answer = this.server.changes(asked);
    if (answer) this.#send(() => this.model.takeChanges(answer, asked));
  }

  /** @param {GetHistory} asked */
  #askHistory(asked) {
    const answer = this.server.history(asked);
    if (answer) this.#send(() => this.model.takeHistory(answer, asked));
  }

  /** The page of history that is to be asked for next. @param {number} partner_id @returns {GetHistory} */
  #pageOf(partner_id) {
    const before_id = this.model.get(partner_id)?.messages[0]?.id;
    return before_id === undefined ? { partner_id } : { partner_id, before_id };
  }

  /** What was done here is acknowledged; the event is on its way. */
  #acknowledge() {
    const changed = this.server.change();
    const { conversation, message } = changed;
    this.#send(() => {
      if (message) this.model.takeMessage(conversation.partner_id, message);
      else this.model.takeState(conversation);
    });
    this.#send(() => this.model.takeChanged(changed));
  }

  /** All that is on its way is lost; what is behind the connection may have changed. */
  #reconnect() {
    this.#onTheWay = [];
    this.model.connected();
    if (this.#random.chance(0.2)) this.server.restoreBackup();
    if (this.#random.chance(0.05)) this.server.logInAnother();
    this.#catchUp();
  }
}

/** Runs with one seed, which the failure names. @param {number} seed */
function run(seed) {
  try {
    const run = new Run(new Random(seed), seed % 2 === 0);
    for (let step = 0; step < STEPS; step += 1) run.step();
    run.settle();
    const { digest } = run.model.catchUp();
    assert.deepEqual(digest, run.server.digest, "the digests differ");
    run.readHistory();
    const held = run.model.partnerIds.sort().map((id) => [run.model.get(id)?.state, run.model.get(id)?.messages]);
    const real = [...run.server.conversations.keys()].sort().map((id) => run.server.conversations.get(id));
    assert.deepEqual(held, real.map((conversation) => [conversation?.state, conversation?.messages]));
  } catch (error) {
    console.error(`To repeat this: SEED=${seed} node --test tests/model/conversations.test.mjs`);
    throw error;
  }
}

test("whatever is lost, doubled or reordered, a model holds what the server has", () => {
  if (SEED !== undefined) return run(SEED);
  const first = Math.floor(Math.random() * 2 ** 31);
  for (let seed = first; seed < first + RUNS; seed += 1) run(seed);
});

test("until the first answer of a connection, nothing that comes is mixed with what is held", () => {
  const server = new SimulatedServer(new Random(1));
  for (let change = 0; change < 20; change += 1) server.change();
  const model = new Conversations();
  model.takeCaughtUp(server.catchUp({}), {});
  const held = () => JSON.stringify(model.partnerIds.map((id) => [model.get(id)?.state, model.get(id)?.messages]));
  const before = held();

  model.connected();
  const changed = server.change();
  const { partner_id } = changed.conversation;
  const page = server.history({ partner_id });
  const changes = server.changes({ partner_id, since: 0 });
  assert.ok(page && changes);
  model.takeChanged(changed);
  assert.equal(model.takeHistory(page, { partner_id }), false);
  model.takeChanges(changes, { partner_id, since: 0 });
  model.takeState(changed.conversation);
  if (changed.message) model.takeMessage(partner_id, changed.message);
  assert.equal(held(), before);
  assert.deepEqual(model.missing, []);

  const asked = model.catchUp();
  model.takeCaughtUp({ ...server.catchUp({}), conversations: [], more: false }, asked);
  assert.equal(model.get(partner_id)?.version, changed.conversation.version, "the event was lost");
});

test("a page of history that does not adjoin the messages held, or is too old, is asked for again", () => {
  const server = new SimulatedServer(new Random(2));
  for (let change = 0; change < 60; change += 1) server.change();
  const model = new Conversations();
  model.takeCaughtUp(server.catchUp({}), {});
  const [partner_id] = server.conversations.keys();
  const old = server.history({ partner_id });
  assert.ok(old);
  const before_id = old.messages[old.messages.length - 1].id;
  assert.equal(model.takeHistory(old, { partner_id, before_id }), false, "it would leave a hole");
  for (let last = 0; last !== partner_id; last = server.change().conversation.partner_id);
  model.takeCaughtUp(server.catchUp({}), {});
  assert.equal(model.takeHistory(old, { partner_id }), false, "a change would be missing");
  assert.deepEqual(model.get(partner_id)?.messages, []);
});
