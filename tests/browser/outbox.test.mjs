// What is written is not lost and not doubled, and is not called failed while it may be stored: the outbox and the
// drafts of a person outlive tabs, browsers, servers and sessions, and end with a logout.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { OUTAGE, launch, withChat } from "../support/browser.mjs";
import { ChatsTab } from "../support/chats_tab.mjs";
import { Person, texts } from "../support/client.mjs";
import { HeldAnswers } from "../support/held_answers.mjs";
import { register } from "../support/server.mjs";
import { countsOf, watchText } from "../support/sightings.mjs";
import { friends, history, kept, logInAt, nothingUnsent, openTab } from "../support/writing.mjs";

/** @import { BrowserContext, Page } from "playwright-core" */
/** @import { Chat } from "../support/browser.mjs" */
/** @import { Client } from "../support/client.mjs" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 60_000 };
/** A poll that is under way when its session ends is answered 400. */
const COMPLAINTS = new RegExp(`${OUTAGE.source}|ERR_FAILED|status of 40[01]|status of 503`);

// What state a message is in.

test("a message that a silent server may have is not confirmed yet, and is sent again until it is answered", bounded, () =>
  withFriends(async ({ chat, context, bob }) => {
    const { tab } = await openTab(context);
    await tab.page.clock.install();
    await tab.open("bob");
    await tab.online();
    await freeze(chat, async () => {
      await tab.send("first");
      await tab.unsent.filter({ hasText: "first" }).filter({ hasText: "Sending…" }).waitFor();
      await tab.send("second");
      await tab.waiting.filter({ hasText: "second" }).waitFor();
      await tab.page.clock.fastForward(8500);
      await tab.unconfirmed.filter({ hasText: "first" }).waitFor();
      assert.equal(await tab.unconfirmed.getByRole("button").count(), 0);
      assert.equal(await tab.waiting.getByRole("button").count(), 2);
      assert.equal(await tab.failed.count(), 0);
    });
    await tab.shows("second", "mine");
    await nothingUnsent(tab);
    assert.deepEqual(received(bob), ["first", "second"]);
  }));

test("a message that is on its way when the server is killed is sent again to the next one", bounded, () =>
  withFriends(async ({ chat, context, bob, reconnect }) => {
    const { tab, network } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    await freeze(chat, async () => {
      await tab.send("on its way");
      await tab.unsent.filter({ hasText: "Sending…" }).waitFor();
      bob.close();
      await chat.server.stop("SIGKILL");
    });
    await tab.unconfirmed.waitFor();
    await chat.server.start();
    const again = await reconnect();
    await tab.shows("on its way", "mine");
    await nothingUnsent(tab);
    assert.deepEqual(await history(again), ["on its way"]);
    assert.equal(network.sent.length, 2);
    assert.equal(network.sent[0].client_id, network.sent[1].client_id);
  }));

for (const lost of ["message", "acknowledgement"]) {
  test(`a message whose ${lost} is lost is sent again by the next browser`, bounded, () =>
    withLastingBrowser(async ({ start, bob }) => {
      const one = await start();
      const answers = lost === "acknowledgement" ? await HeldAnswers.of(one) : null;
      const { tab, network } = await openTab(one, answers === null);
      await tab.open("bob");
      await tab.online();
      answers?.hold("send_message");
      network?.cut();
      if (network) await tab.page.locator(".chat-page[data-connection=down]").waitFor();
      await tab.send("outlives the browser");
      if (answers) await answers.holds(1);
      else await tab.waiting.waitFor();
      await one.close();

      const { tab: next } = await openTab(await start(), false);
      await next.open("bob");
      await next.shows("outlives the browser", "mine");
      await nothingUnsent(next);
      assert.deepEqual(await history(bob), ["outlives the browser"]);
      assert.deepEqual((await kept(next.page)).entries, []);
    }));
}

test("what has never left can be edited and removed, and leaves no more", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const { tab, network } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    network.cut();
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    for (const text of ["removed", "edited", "kept"]) await tab.send(text);
    await tab.waiting.filter({ hasText: "removed" }).getByRole("button", { name: "Remove" }).click();
    await tab.waiting.filter({ hasText: "edited" }).getByRole("button", { name: "Edit" }).click();
    await tab.page.waitForFunction(() => document.querySelectorAll(".unsent-messages > *").length === 1);
    assert.equal(await tab.box.inputValue(), "edited");
    network.restore();
    await tab.shows("kept", "mine");
    await nothingUnsent(tab);
    assert.deepEqual(received(bob), ["kept"]);
    assert.deepEqual((await kept(tab.page)).entries, []);
  }));

test("what is taken back in one tab is gone in the others", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const [one, other] = [await openTab(context), await openTab(context)];
    for (const { tab, network } of [one, other]) {
      await tab.open("bob");
      await tab.online();
      network.cut();
      await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    }
    await one.tab.send("taken back");
    await other.tab.waiting.filter({ hasText: "taken back" }).getByRole("button", { name: "Remove" }).click();
    for (const { tab, network } of [one, other]) {
      await nothingUnsent(tab);
      network.restore();
    }
    await one.tab.send("the next");
    await one.tab.shows("the next", "mine");
    assert.deepEqual(received(bob), ["the next"]);
  }));

// Tabs share what is unsent.

test("what a tab without a connection has written leaves from another tab, and stays in view", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const [away, here] = [await openTab(context), await openTab(context)];
    for (const { tab } of [away, here]) {
      await tab.open("bob");
      await tab.online();
    }
    away.network.cut();
    await away.tab.page.locator(".chat-page[data-connection=down]").waitFor();
    for (const { tab } of [away, here]) await watchText(tab.page, "by another way");
    await away.tab.send("by another way");
    await bob.receives("changed", ({ message }) => message?.text === "by another way");
    await here.tab.shows("by another way", "mine");
    // The tab that is away has learned it from the other.
    await away.tab.unsent.filter({ hasText: "Sent" }).waitFor();
    away.network.restore();
    await away.tab.shows("by another way", "mine");
    for (const { tab } of [away, here]) {
      await nothingUnsent(tab);
      assert.deepEqual(await countsOf(tab.page), [0, 1]);
    }
    assert.deepEqual(away.network.sent, []);
    assert.deepEqual(received(bob), ["by another way"]);
  }));

test("however many tabs there are, one of them sends", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const tabs = [];
    for (let count = 0; count < 4; count += 1) tabs.push(await openTab(context));
    for (const { tab, network } of tabs) {
      await tab.open("bob");
      await tab.online();
      network.cut();
      await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    }
    for (const text of texts("text", 5)) await tabs[0].tab.send(text);
    for (const { tab } of tabs) await tab.waiting.nth(4).waitFor();
    for (const { network } of tabs) network.restore();
    for (const { tab } of tabs) {
      await tab.shows("text 5", "mine");
      await nothingUnsent(tab);
      assert.deepEqual(await tab.texts(), texts("text", 5));
    }
    assert.deepEqual(received(bob), texts("text", 5));
    const sent = tabs.flatMap(({ network }) => network.sent.map(({ text }) => text));
    assert.deepEqual(sent.toSorted(), texts("text", 5));
  }));

test("what was written is not lost when its tab is closed at once", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const { tab, network } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    network.cut();
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    await tab.send("and away");
    await tab.page.close();
    const { tab: next } = await openTab(context);
    await next.open("bob");
    await next.shows("and away", "mine");
    assert.deepEqual(received(bob), ["and away"]);
  }));

test("what is typed and sent while other tabs write as well is neither undone nor forgotten", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const { tab, network } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    network.cut();
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    const { name } = await kept(tab.page);
    // Another tab writes all the time; each time this one reads what is kept.
    const typed = await tab.page.evaluate(async (name) => {
      const box = /** @type {HTMLTextAreaElement} */ (document.querySelector("#message"));
      const other = new BroadcastChannel(/** @type {string} */ (name));
      const turn = () => new Promise((resolve) => setTimeout(resolve));
      for (let number = 1; number <= 20; number += 1) {
        for (const letter of `text ${number}`) {
          box.value += letter;
          box.dispatchEvent(new Event("input"));
          other.postMessage({});
          await turn();
        }
        box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
        other.postMessage({});
        await turn();
      }
      for (const letter of "half a sentence") {
        box.value += letter;
        other.postMessage({});
        box.dispatchEvent(new Event("input"));
        await turn();
      }
      return box.value;
    }, name);
    assert.equal(typed, "half a sentence");
    network.restore();
    await tab.shows("text 20", "mine");
    await nothingUnsent(tab);
    assert.deepEqual(received(bob), texts("text", 20));
  }));

// Drafts.

test("a draft outlives a browser that is closed at once", bounded, () =>
  withLastingBrowser(async ({ start }) => {
    const one = await start();
    const { tab } = await openTab(one);
    await tab.open("bob");
    await tab.box.fill("half a senten");
    await one.close();
    const { tab: next } = await openTab(await start());
    await next.open("bob");
    assert.equal(await next.box.inputValue(), "half a senten");
  }));

test("what is typed before the browser's database is open stands below the draft that is in it", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const { tab } = await openTab(context);
    await tab.open("bob");
    await tab.box.fill("a draft");
    await tab.page.close();
    await context.addInitScript(slowDatabase);
    const { tab: next } = await openTab(context);
    await next.open("bob");
    await next.send("sent meanwhile");
    await next.shows("sent meanwhile", "mine");
    await next.box.fill("typed early");
    await next.page.evaluate("openDatabases()");
    await next.page.waitForFunction(() => /** @type {HTMLTextAreaElement} */ (document.querySelector("#message")).value.includes("draft"));
    assert.equal(await next.box.inputValue(), "a draft\ntyped early");
    const { entries, drafts } = await kept(next.page);
    assert.deepEqual([entries, drafts], [[], ["a draft\ntyped early"]]);
    assert.deepEqual(received(bob), ["sent meanwhile"]);
  }));

test("a database that is open late is used nevertheless", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const { tab, network } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    network.cut();
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    await tab.send("waits in the database");
    await tab.waiting.waitFor();
    await tab.page.close();
    await context.addInitScript(slowDatabase);
    const page = await context.newPage();
    await page.clock.install();
    await page.goto("/chats");
    const next = new ChatsTab(page);
    await next.open("bob");
    await page.clock.fastForward(3000);
    await page.locator(".storage-notice").waitFor();
    await page.evaluate("openDatabases()");
    await next.shows("waits in the database", "mine");
    await page.locator(".storage-notice").waitFor({ state: "detached" });
    assert.deepEqual(received(bob), ["waits in the database"]);
  }, { complaints: /is lost with the tab/ }));

// Logging out.

test("a logout by the menu leaves nothing in the browser, also when another tab is open", bounded, () =>
  withFriends(async ({ context }) => {
    const [{ tab }, { tab: other, network }] = [await openTab(context), await openTab(context)];
    await other.open("bob");
    await other.online();
    network.cut();
    await tab.open("bob");
    await tab.box.fill("a draft");
    await tab.page.getByRole("link", { name: "Log Out" }).click();
    await tab.page.waitForURL("/login");
    await noDatabase(tab.page);
    // That tab has not heard of the logout yet.
    await other.page.waitForFunction(() => /** @type {HTMLTextAreaElement} */ (document.querySelector("#message")).value === "");
  }));

for (const place of ["/chats", "/find", "/account"]) {
  test(`before unsent messages are forgotten by a logout at ${place}, the person is asked`, bounded, () =>
    withFriends(async ({ chat, context, bob }) => {
      const { tab, network } = await openTab(context);
      await tab.open("bob");
      await tab.online();
      network.cut();
      await tab.page.locator(".chat-page[data-connection=down]").waitFor();
      await tab.send("to be forgotten");
      await tab.waiting.waitFor();
      let { page } = tab;
      if (place !== "/chats") {
        page = await context.newPage();
        await page.goto(place);
      }
      const question = page.getByRole("dialog");
      await page.getByRole("navigation").getByRole("link", { name: "Log Out" }).click();
      await question.getByRole("button", { name: "Cancel" }).click();
      await question.waitFor({ state: "detached" });
      assert.equal((await kept(page)).entries.length, 1);
      await page.getByRole("navigation").getByRole("link", { name: "Log Out" }).click();
      await question.getByRole("button", { name: "Log out" }).click();
      await page.waitForURL("/login");
      await noDatabase(page);

      // A tab that was away the whole time has forgotten it as well.
      network.restore();
      await logInAt(page, "ann");
      const { tab: next } = await openTab(context);
      await next.open("bob");
      await next.send("after the logout");
      await next.shows("after the logout", "mine");
      assert.deepEqual(received(bob), ["after the logout"]);
      assert.ok(chat);
    }));
}

test("a logout whose login page could not run wipes nothing that is written after the next login", bounded, () =>
  withFriends(async ({ context }) => {
    const { tab } = await openTab(context);
    await tab.open("bob");
    await tab.box.fill("before the logout");
    await context.route("**/login.js", (route) => route.abort());
    await tab.page.getByRole("link", { name: "Log Out" }).click();
    await tab.page.waitForURL("/login");
    await logInAt(tab.page, "ann");
    await context.unroute("**/login.js");
    await tab.page.goto("/chats");
    await tab.open("bob");
    assert.equal(await tab.box.inputValue(), "");
    await tab.box.fill("after the logout");
    await context.clearCookies({ name: /session/ });
    await tab.page.goto("/chats");
    await tab.page.waitForURL("/login");
    await logInAt(tab.page, "ann");
    await tab.page.goto("/chats");
    await tab.open("bob");
    assert.equal(await tab.box.inputValue(), "after the logout");
  }));

for (const end of ["is ended elsewhere", "expires"]) {
  test(`a session that ${end} loses nothing`, bounded, () =>
    withFriends(async ({ chat, context, bob }) => {
      const { tab, network } = await openTab(context);
      await tab.open("bob");
      await tab.online();
      network.cut();
      await tab.page.locator(".chat-page[data-connection=down]").waitFor();
      await tab.send("waits");
      await tab.box.fill("a draft");
      await tab.waiting.waitFor();
      if (end === "expires") {
        await context.clearCookies();
      } else {
        const elsewhere = await (await chat.person("ann")).context.newPage();
        await elsewhere.goto("/account");
        await elsewhere.getByRole("button", { name: "Sign out everywhere else" }).click();
        await elsewhere.getByText("Every other session has ended.").waitFor();
      }
      network.restore();
      await tab.page.waitForURL("/login");
      await logInAt(tab.page, "ann");
      await tab.page.goto("/chats");
      await tab.open("bob");
      await tab.shows("waits", "mine");
      assert.equal(await tab.box.inputValue(), "a draft");
      assert.deepEqual(received(bob), ["waits"]);
    }));
}

test("a logout that the server cannot answer loses nothing", bounded, () =>
  withFriends(async ({ chat, context, bob, reconnect }) => {
    const { tab } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    bob.close();
    await chat.server.stop("SIGKILL");
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    await tab.send("waits");
    await tab.box.fill("a draft");
    await tab.waiting.waitFor();
    await tab.page.getByRole("link", { name: "Log Out" }).click();
    const failed = tab.page.waitForEvent("requestfailed", (request) => request.url().endsWith("/logout"));
    await tab.page.getByRole("dialog").getByRole("button", { name: "Log out" }).click();
    await failed;
    await chat.server.start();
    const again = await reconnect();
    const { tab: next } = await openTab(context);
    await next.open("bob");
    await next.shows("waits", "mine");
    assert.equal(await next.box.inputValue(), "a draft");
    assert.deepEqual(await history(again), ["waits"]);
  }));

test("another person on the same browser sees and sends nothing of it, and loses nothing of it", bounded, () =>
  withFriends(async ({ chat, context, bob }) => {
    await register(chat.server, "cyd");
    const cyd = await Person.known(chat.server, "cyd");
    await cyd.opens(await Person.known(chat.server, "bob"));
    const { tab, network } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    network.cut();
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    await tab.send("from ann");
    await tab.box.fill("ann's draft");
    await tab.waiting.waitFor();
    // The session is not ended by the person: somebody logs in over it.
    await logInAt(tab.page, "cyd");
    await tab.page.goto("/chats");
    network.restore();
    await tab.online();
    await tab.open("bob");
    await tab.send("from cyd");
    await tab.shows("from cyd", "mine");
    assert.equal(await tab.unsent.count(), 0);
    assert.equal(await tab.box.inputValue(), "");
    // And a logout of that person is none of the first.
    await tab.page.getByRole("link", { name: "Log Out" }).click();
    await tab.page.waitForURL("/login");
    assert.deepEqual(received(bob), ["from cyd"]);
    await logInAt(tab.page, "ann");
    await tab.page.goto("/chats");
    await tab.open("bob");
    await tab.shows("from ann", "mine");
    assert.equal(await tab.box.inputValue(), "ann's draft");
    assert.deepEqual(received(bob), ["from cyd", "from ann"]);
  }));

// Without a database.

for (const [how, script] of /** @type {[string, string][]} */ ([
  ["is not there", `Object.defineProperty(window, "indexedDB", { value: undefined })`],
  ["may not be opened", `IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError") }`],
  ["cannot be opened", `IDBFactory.prototype.open = () => { const request = {}; setTimeout(() => request.onerror()); return request }`],
])) {
  test(`where the browser's database ${how}, people chat, and are told what it means`, bounded, () =>
    withFriends(async ({ context, bob }) => {
      await context.addInitScript(script);
      const { tab, network } = await openTab(context);
      await tab.open("bob");
      await tab.online();
      await tab.page.getByText("are lost when you close it").waitFor();
      await tab.send("first");
      await tab.shows("first", "mine");
      network.cut();
      await tab.page.locator(".chat-page[data-connection=down]").waitFor();
      for (const text of ["taken back", "second"]) await tab.send(text);
      await tab.waiting.filter({ hasText: "taken back" }).getByRole("button", { name: "Remove" }).click();
      network.restore();
      await tab.shows("second", "mine");
      await nothingUnsent(tab);
      assert.deepEqual(received(bob), ["first", "second"]);
      await tab.page.getByRole("link", { name: "Log Out" }).click();
      await tab.page.waitForURL("/login");
    }, { complaints: /is lost with the tab/ }));
}

// Nothing blinks.

for (const order of ["the acknowledgement", "the message itself"]) {
  test(`an own message is in view exactly once at every moment, when ${order} comes first`, bounded, () =>
    withFriends(async ({ context }) => {
      const answers = await HeldAnswers.of(context);
      const { tab } = await openTab(context, false);
      const { tab: other } = await openTab(context, false);
      for (const each of [tab, other]) {
        await each.open("bob");
        await each.online();
        await watchText(each.page, "watched");
      }
      if (order === "the message itself") answers.hold("send_message");
      await tab.send("watched");
      await tab.shows("watched", "mine");
      if (order === "the message itself") answers.release();
      for (const each of [tab, other]) {
        await each.shows("watched", "mine");
        await nothingUnsent(each);
        assert.deepEqual(await countsOf(each.page), [0, 1]);
      }
    }));
}

test("a message that is written while the history is loading stays in view", bounded, () =>
  withFriends(async ({ context, bob }) => {
    const answers = await HeldAnswers.of(context);
    const { tab } = await openTab(context, false);
    await tab.online();
    answers.hold("get_history");
    await tab.open("bob");
    await answers.holds(1);
    await watchText(tab.page, "early");
    await tab.send("early");
    await bob.receives("changed", ({ message }) => message?.text === "early");
    await tab.unsent.filter({ hasText: "Sent" }).waitFor();
    answers.release();
    await tab.shows("early", "mine");
    await nothingUnsent(tab);
    assert.deepEqual(await countsOf(tab.page), [0, 1]);
  }));

test("a message that left while another chat was open is not shown as unsent when it is an old one by then", bounded, () =>
  withFriends(async ({ chat, context, bob }) => {
    await register(chat.server, "cyd");
    const ann = await Person.known(chat.server, "ann");
    await ann.opens(await Person.known(chat.server, "cyd"));
    const { tab, network } = await openTab(context);
    await tab.open("bob");
    await tab.online();
    network.cut();
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    await tab.send("long ago");
    await tab.waiting.waitFor();
    await tab.page.goto(`/chats#chat-${(await Person.known(chat.server, "cyd")).id}`);
    await tab.reload();
    await tab.partnerName.filter({ hasText: "cyd" }).waitFor();
    network.restore();
    await bob.receives("changed", ({ message }) => message?.text === "long ago");
    await (await ann.connect()).sendAll(await Person.known(chat.server, "bob"), texts("since", 60));
    await tab.open("bob");
    await tab.shows("since 60", "mine");
    await nothingUnsent(tab);
  }));

/**
 * @typedef {object} Friends
 * @property {Chat} chat
 * @property {BrowserContext} context the browser of ann, who is logged in
 * @property {Client} bob a device of hers and bob's chat
 * @property {() => Promise<Client>} reconnect another device of bob's
 */

/** @param {(friends: Friends) => Promise<void>} run @param {{ complaints?: RegExp }} [options] */
function withFriends(run, { complaints = COMPLAINTS } = {}) {
  const all = new RegExp(`${complaints.source}|${COMPLAINTS.source}`);
  return withChat(browser, { complaints: all }, async (chat) => {
    const partner = await friends(chat);
    const reconnect = () => partner.connect({ protocol: 2 });
    const bob = await reconnect();
    const { context } = await chat.person("ann");
    await run({ chat, context, bob, reconnect });
    bob.close();
  });
}

/** @param {(friends: { start: () => Promise<BrowserContext>, bob: Client }) => Promise<void>} run */
async function withLastingBrowser(run) {
  const folder = await mkdtemp(join(tmpdir(), "visavis-browser-"));
  try {
    await withChat(browser, { complaints: COMPLAINTS }, async (chat) => {
      const bob = await (await friends(chat)).connect({ protocol: 2 });
      const start = async () => {
        const context = await chat.lastingVisitor(folder);
        // The session has ended with the browser.
        await logInAt(context.pages()[0], "ann");
        return context;
      };
      await run({ start, bob });
      bob.close();
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Lets the server's process stand still meanwhile. @param {Chat} chat @param {() => Promise<void>} run */
async function freeze({ server }, run) {
  const { pid } = server;
  process.kill(pid, "SIGSTOP");
  try {
    await run();
  } finally {
    // It may have been killed.
    try {
      process.kill(pid, "SIGCONT");
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH") throw error;
    }
  }
}

/** The texts that have come to that device, in order. @param {Client} device */
function received(device) {
  const messages = device.payloads("changed").map(({ message }) => message);
  return messages.filter((message) => message !== undefined).map(({ text }) => text);
}

/** Waits until the browser keeps nothing. @param {Page} page */
async function noDatabase(page) {
  await page.waitForFunction(async () => (await indexedDB.databases()).length === 0);
}

/** Runs in the page: databases are open when `openDatabases` is called. */
function slowDatabase() {
  const open = IDBFactory.prototype.open;
  /** @type {(() => void)[]} */
  const waiting = [];
  IDBFactory.prototype.open = function (name, version) {
    /** @type {any} */
    const promised = {};
    waiting.push(() => {
      const request = open.call(this, name, version);
      for (const event of /** @type {const} */ (["onupgradeneeded", "onsuccess", "onerror"])) {
        request[event] = (/** @type {any} */ happened) => {
          if (event !== "onerror") promised.result = request.result;
          promised[event]?.(happened);
        };
      }
    });
    return promised;
  };
  Object.assign(window, {
    openDatabases() {
      IDBFactory.prototype.open = open;
      for (const begin of waiting.splice(0)) begin();
    },
  });
}
