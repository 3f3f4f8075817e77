// Something is done, its answer is lost, and before it is sent again something comes that would refuse it: it
// gets its first outcome all the same, and is done once. WAVES says how often, SEED repeats the chance of a run.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { partners } from "../support/client.mjs";
import { Random } from "../support/random.mjs";
import { startServer } from "../support/server.mjs";
import { findFaults, readStored } from "./check.mjs";
import { Device } from "./device.mjs";
import { FlaskDevice } from "./flask_device.mjs";
import { Proxy } from "./proxy.mjs";
import { agree, rest } from "./rest.mjs";
import { Sightings } from "./sightings.mjs";

/** @import { Person, Server } from "../support/client.mjs" */
/** @import { MessageState } from "../../static/js/protocol.d.ts" */

const WAVES = Number(process.env.WAVES ?? 2);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
/** What one person may send. Nothing comes back to a person who has used it up while the test lasts. */
const MESSAGES_MAX = 100;
const PATIENCE_MS = 30_000;

/** What is done, by which protocol. */
const DEEDS = /** @type {const} */ (["message_sent", "send_message", "edit_message"]);
/** What comes before it is sent again. */
const TURNS = /** @type {const} */ (["block", "block by the partner", "limit", "edit", "deletion", "nothing"]);

/** Waits until it gives something. @template T @param {string} what @param {() => T | undefined} find */
async function until(what, find) {
  const late = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (Date.now() > late) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`);
    await sleep(20);
  }
}

/** One writer whose answers are lost, another device of the same person, and the partner's. */
class Scene {
  #deed;
  #turn;
  #text;
  /** The message, as it was seen elsewhere after it was done. @type {MessageState | undefined} */
  #done;

  /**
   * @param {Server} server @param {Proxy} proxy
   * @param {[ann: Person, ben: Person]} people
   * @param {Random} random @param {typeof DEEDS[number]} deed @param {typeof TURNS[number]} turn
   */
  constructor(server, proxy, people, random, deed, turn) {
    const [ann, ben] = people;
    this.name = `${deed}, then ${turn}`;
    this.people = people;
    this.proxy = proxy;
    this.sightings = new Sightings();
    this.#deed = deed;
    this.#turn = turn;
    this.#text = `${this.name}: the text of ${ann.name}`;
    const transports = random.pick([["websocket"], ["polling"], ["polling", "websocket"]]);
    this.writer =
      deed === "message_sent"
        ? new FlaskDevice(`${this.name}: the writer`, ann, proxy.url, transports)
        : new Device(`${this.name}: the writer`, ann, proxy.url, transports, this.sightings, random.fork(), true);
    this.elsewhere = new Device(`${this.name}: elsewhere`, ann, server.url, ["websocket"], this.sightings, random.fork(), true);
    this.partner = new Device(`${this.name}: the partner`, ben, server.url, ["websocket"], this.sightings, random.fork(), true);
    this.devices = [this.writer, this.elsewhere, this.partner];
  }

  /** Does it, where the answer cannot arrive, and waits until it is done. */
  async do() {
    const [ann, ben] = this.people;
    const { writer } = this;
    for (const device of this.devices) device.connect();
    await rest(this.devices);
    if (this.#deed === "edit_message") {
      this.elsewhere.send(ben.id, `${this.name}: the first text of ${ann.name}`);
      const first = await until(`${this.name}: the message`, () => this.#find(/the first text/));
      this.proxy.deafen();
      /** @type {Device} */ (writer).edit(ben.id, first.id, this.#text);
    } else {
      this.proxy.deafen();
      writer.send(ben.id, this.#text);
    }
    this.#done = await until(`${this.name}: the commit`, () => this.#find(/: the text/));
  }

  /** Lets something come that would refuse it now. */
  async turn() {
    const [ann, ben] = this.people;
    const { id } = /** @type {MessageState} */ (this.#done);
    await rest([this.elsewhere, this.partner]);
    if (this.#turn === "block") await this.#block(this.elsewhere, ben, true);
    else if (this.#turn === "block by the partner") await this.#block(this.partner, ann, true);
    else if (this.#turn === "limit") while (await this.#block(this.elsewhere, ben, false));
    else if (this.#turn === "edit") this.elsewhere.edit(ben.id, id, `${this.name}: another text`);
    else if (this.#turn === "deletion") this.elsewhere.delete(ben.id, id);
    await rest([this.elsewhere, this.partner]);
  }

  /** Lets it be sent again; gives what is wrong with the answer. */
  async sendAgain() {
    this.proxy.hear();
    const { writer } = this;
    const isIt = (/** @type {{ event: string }} */ { event }) => event === this.#deed;
    await until(`${this.name}: an answer`, () => (writer.acknowledged.some(isIt) || writer.refused.some(isIt) ? true : undefined));
    const refused = writer.refused.find(isIt);
    if (refused) return [`${this.name}: was done, and is refused: ${refused.failure}`];
    const acknowledged = writer.acknowledged.find(isIt);
    if (acknowledged?.attempts === 1) return [`${this.name}: the answer was not lost`];
    const { id, duplicate } = acknowledged?.answer.message ?? acknowledged?.answer;
    const isSame = id === this.#done?.id && (this.#deed === "edit_message" || duplicate === true);
    return isSame ? [] : [`${this.name}: was done as ${this.#done?.id}, and gave ${JSON.stringify(acknowledged?.answer)}`];
  }

  /** @param {RegExp} text */
  #find(text) {
    this.partner.compare();
    return this.partner.model.get(this.people[0].id)?.messages.find((message) => text.test(message.text));
  }

  /** Gives whether it was allowed. @param {Device} device @param {Person} person @param {boolean} blocked */
  async #block(device, person, blocked) {
    for (;;) {
      /** @type {any} */
      const answer = await new Promise((resolve) => {
        const take = (/** @type {Error | null} */ lost, /** @type {any} */ answer) => resolve(lost ?? answer);
        if (!device.ask("set_blocked", { partner_id: person.id, blocked }, take)) resolve(undefined);
      });
      if (answer?.conversation) return true;
      if (answer?.code === "too_often") return false;
      await sleep(50);
    }
  }
}

test("what was done is never refused by what came later, nor done again", { timeout: WAVES * 60_000 }, async (t) => {
  t.diagnostic(`SEED=${SEED} WAVES=${WAVES}`);
  const random = new Random(SEED);
  const server = await startServer({ args: ["--limit-messages", `${MESSAGES_MAX}/h`] });
  /** @type {Scene[]} */
  const scenes = [];
  /** @type {Proxy[]} */
  const proxies = [];
  try {
    for (let wave = 0; wave < WAVES; wave += 1) {
      const first = scenes.length;
      const cases = DEEDS.flatMap((deed) => TURNS.map((turn) => ({ deed, turn, random: random.fork() })));
      await Promise.all(cases.map(async ({ deed, turn, random }) => {
        const { ann, ben } = await partners(server);
        const proxy = await Proxy.start(Number(new URL(server.url).port));
        proxies.push(proxy);
        scenes.push(new Scene(server, proxy, [ann, ben], random, deed, turn));
      }));
      const now = scenes.slice(first);
      await Promise.all(now.map((scene) => scene.do()));
      // What was done is on disk, so a server that has just started knows it, too.
      if (wave % 2 === 1) {
        await server.stop("SIGKILL");
        await server.start();
      }
      await Promise.all(now.map((scene) => scene.turn()));
      const faults = (await Promise.all(now.map((scene) => scene.sendAgain()))).flat();
      await Promise.all(now.map(async ({ devices, people, sightings }) => {
        await rest(devices);
        for (const device of devices) if (device instanceof Device) device.compare();
        await rest(devices);
        const stored = new Map();
        for (const person of people) stored.set(person.id, await readStored(server, person));
        await agree(devices, stored);
        faults.push(...findFaults(devices, stored, sightings));
        for (const device of devices) device.close();
      }));
      assert.deepEqual(faults, []);
    }
  } catch (error) {
    console.error(`To repeat this: SEED=${SEED} WAVES=${WAVES} node --test tests/chaos/lost_answers.test.mjs`);
    throw error;
  } finally {
    for (const { devices } of scenes) for (const device of devices) device.close();
    for (const proxy of proxies) proxy.close();
    await server.remove();
  }
});
