// A person writes in several tabs while tabs are reloaded, duplicated and closed, the server stands still or is killed,
// the network breaks and the browser ends: in the end each message is stored once, in the order in which its tab wrote
// it, and no tab shows anything as unsent. SEED repeats a run, STEPS makes it longer.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Proxy } from "../chaos/proxy.mjs";
import { OUTAGE, launch, withChat } from "../support/browser.mjs";
import { Random } from "../support/random.mjs";
import { friends, history, kept, logInAt, nothingUnsent, openTab } from "../support/writing.mjs";

/** @import { BrowserContext } from "playwright-core" */
/** @import { Chat } from "../support/browser.mjs" */
/** @import { ChatsTab } from "../support/chats_tab.mjs" */
/** @import { PageNetwork } from "../support/page_network.mjs" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const STEPS = Number(process.env.STEPS ?? 50);
const TABS_MAX = 3;
/** How long a page waits for an answer, and a little more. */
const ANSWER_MS = 9000;
const COMPLAINTS = new RegExp(`${OUTAGE.source}|ERR_|status of 40[0-9]`);

/** A tab, under the name that its texts begin with. @typedef {{ name: string, tab: ChatsTab, network?: PageNetwork, isShown: boolean }} Writer */

class Run {
  #chat;
  #proxy;
  #random;
  #folder;
  /** @type {BrowserContext | undefined} */
  #context;
  /** @type {Writer[]} */
  #writers = [];
  #tabCount = 0;
  /** What became of the server: a frozen one is stopped by a signal. @type {"up" | "frozen" | "down"} */
  #server = "up";
  #isCut = false;
  /** All that was written, by tab. @type {Map<string, string[]>} */
  written = new Map();
  /** What was done, for the failure to say. @type {string[]} */
  steps = [];

  /** @param {Chat} chat @param {Proxy} proxy @param {Random} random @param {string} folder */
  constructor(chat, proxy, random, folder) {
    this.#chat = chat;
    this.#proxy = proxy;
    this.#random = random;
    this.#folder = folder;
  }

  async begin() {
    // The session has ended with the browser: logging in needs the server.
    await this.#recover();
    this.#context = await this.#chat.lastingVisitor(this.#folder, this.#proxy.url);
    await this.#context.clock.install();
    await logInAt(this.#context.pages()[0], "ann");
    await this.#open();
    await this.#open();
  }

  async restartBrowser() {
    this.steps.push("restart the browser");
    await this.#context?.close();
    this.#writers = [];
    await this.begin();
  }

  /** Does something at random. */
  async step() {
    const shown = this.#writers.filter(({ isShown }) => isShown);
    const deeds = {
      write: [50, shown.length > 0, () => this.#write(this.#random.pick(shown))],
      reload: [7, true, () => this.#reload(this.#random.pick(this.#writers))],
      open: [7, this.#writers.length < TABS_MAX && this.#isReachable, () => this.#open()],
      close: [7, this.#writers.length > 1, () => this.#close(this.#random.pick(this.#writers))],
      freeze: [5, this.#server === "up", () => this.#signal("SIGSTOP", "frozen")],
      thaw: [12, this.#server === "frozen", () => this.#signal("SIGCONT", "up")],
      kill: [5, this.#server !== "down", () => this.#kill()],
      start: [15, this.#server === "down", () => this.#start()],
      cut: [5, !this.#isCut, () => this.#cut(true)],
      mend: [12, this.#isCut, () => this.#cut(false)],
      "cut one": [7, true, () => this.#random.pick(this.#writers).network?.cut()],
      "mend one": [7, true, () => this.#random.pick(this.#writers).network?.restore()],
      "let time pass": [10, true, () => this.#context?.clock.fastForward(ANSWER_MS)],
    };
    const possible = /** @type {[string, [number, boolean, () => unknown]][]} */ (Object.entries(deeds)).filter(([, [, may]]) => may);
    let place = this.#random.between(1, possible.reduce((sum, [, [weight]]) => sum + weight, 0));
    const chosen = possible.find(([, [weight]]) => (place -= weight) <= 0);
    if (!chosen) throw new Error("there is nothing to do");
    const [name, [, , act]] = chosen;
    this.steps.push(name);
    await act();
  }

  /** Everything works again. Gives what the tabs show. */
  async end() {
    await this.#recover();
    for (const writer of this.#writers) {
      writer.network?.restore();
      if (!writer.isShown) await this.#reload(writer);
    }
    // What nobody answered is asked again.
    await this.#context?.clock.fastForward(ANSWER_MS);
    const shown = [];
    for (const { tab } of this.#writers) {
      await tab.online();
      await nothingUnsent(tab);
      shown.push(await tab.texts());
    }
    const [{ tab }] = this.#writers;
    return { shown, kept: (await kept(tab.page)).entries };
  }

  get #isReachable() {
    return this.#server === "up" && !this.#isCut;
  }

  async #recover() {
    if (this.#server === "frozen") this.#signal("SIGCONT", "up");
    if (this.#server === "down") await this.#start();
    this.#cut(false);
  }

  /** @param {Writer} writer */
  async #write({ name, tab }) {
    const texts = this.written.get(name) ?? [];
    const text = `${name} ${texts.length + 1}`;
    this.written.set(name, [...texts, text]);
    this.steps.push(`  ${text}`);
    await tab.send(text);
  }

  async #open() {
    const context = /** @type {BrowserContext} */ (this.#context);
    const { tab, network } = await openTab(context, this.#random.chance(0.5));
    await tab.open("bob");
    this.#tabCount += 1;
    this.#writers.push({ name: `tab ${this.#tabCount}`, tab, network, isShown: true });
  }

  /** @param {Writer} writer */
  async #reload(writer) {
    // A server that stands still would hold up the reload.
    if (this.#server === "frozen") this.#signal("SIGCONT", "up");
    const { page } = writer.tab;
    // Where a page cannot be loaded, the browser shows one of its own.
    const url = `${this.#proxy.url}/chats${new URL(page.url()).hash}`;
    writer.isShown = await page.goto(url).then(() => page.reload()).then(() => true, () => false);
    if (writer.isShown) await writer.tab.box.waitFor();
  }

  /** @param {Writer} writer */
  async #close(writer) {
    this.#writers = this.#writers.filter((other) => other !== writer);
    await writer.tab.page.close();
  }

  /** @param {NodeJS.Signals} signal @param {"up" | "frozen"} state */
  #signal(signal, state) {
    process.kill(this.#chat.server.pid, signal);
    this.#server = state;
  }

  async #kill() {
    await this.#chat.server.stop("SIGKILL");
    this.#server = "down";
  }

  async #start() {
    await this.#chat.server.start();
    this.#server = "up";
  }

  /** @param {boolean} isCut */
  #cut(isCut) {
    this.#isCut = isCut;
    if (isCut) this.#proxy.down();
    else this.#proxy.up();
  }
}

test("whatever breaks, each message is stored once and in the order of its tab", { timeout: 40_000 + STEPS * 3000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "visavis-browser-"));
  const random = new Random(SEED);
  /** @type {Run | undefined} */
  let run;
  try {
    await withChat(browser, { complaints: COMPLAINTS }, async (chat) => {
      const bob = await friends(chat);
      const proxy = await Proxy.start(Number(new URL(chat.server.url).port));
      try {
        run = new Run(chat, proxy, random, folder);
        await run.begin();
        const restart = random.between(Math.floor(STEPS / 3), Math.floor((STEPS * 2) / 3));
        for (let step = 0; step < STEPS; step += 1) {
          if (step === restart) await run.restartBrowser();
          await run.step();
        }
        const { shown, kept } = await run.end();
        const stored = await history(await bob.connect({ protocol: 2 }));
        for (const [name, texts] of run.written) {
          assert.deepEqual(stored.filter((text) => text.startsWith(`${name} `)), texts);
        }
        assert.equal(stored.length, [...run.written.values()].flat().length);
        for (const texts of shown) assert.deepEqual(texts, stored);
        assert.deepEqual(kept, []);
      } finally {
        proxy.close();
      }
    });
  } catch (error) {
    console.error(`SEED=${SEED} STEPS=${STEPS}:\n${run?.steps.join("\n")}`);
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
