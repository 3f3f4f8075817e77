// Reading: what is new, how the count falls, and the way up into the past.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { FLASK_DATABASE } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };
const flask = { database: FLASK_DATABASE };
const BOB = { password: "hunter2 hunter2" };

test("new messages stand below the separator, and their count falls to 0 as they are read", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const bob = await chat.person("Bob", BOB);
    const [tab, other] = [await bob.chats(), await bob.chats()];
    await tab.page.bringToFront();
    await tab.counts("ann", 43);
    assert.equal(await tab.page.title(), "(43) Messanger: Chats");
    await tab.open("ann");
    await tab.separator.waitFor();
    assert.equal(await tab.separator.textContent(), "New Messages");
    const below = tab.page.locator(".new-message-separator ~ .chat-partner-message");
    assert.equal(await below.count(), 43);
    // Only what is in view has been read.
    await tab.counts("ann", 43 - (await messagesInView(tab)));

    for (let messages = 0; messages < 43; messages += 5) {
      await below.nth(Math.min(messages, 42)).scrollIntoViewIfNeeded();
    }
    await below.nth(42).scrollIntoViewIfNeeded();
    await tab.counts("ann", 0);
    await other.counts("ann", 0);
    assert.equal(await tab.page.title(), "Messanger: Chats");
    await tab.reload();
    await tab.messages.first().waitFor();
    await tab.counts("ann", 0);
    assert.equal(await tab.separator.count(), 0);
  }));

test("messages to somebody who never connected are found", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const zoe = await (await chat.person("Zoë ☃", { password: "snow man 12" })).chats();
    await zoe.counts("ann", 2);
    await zoe.open("ann");
    await zoe.shows("and a second one", "theirs");
    assert.deepEqual(await zoe.texts(), [
      "Zoë has never been connected: the original shows her nothing",
      "and a second one",
    ]);
    await zoe.counts("ann", 0);
  }));

test("scrolling up brings the past without moving what is in view", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const ann = await (await chat.person("ann", { password: "ann's password" })).chats();
    await ann.counts("Bob", 20);
    await ann.open("Bob");
    await ann.separator.waitFor();
    // Once everything is read, the chat opens with no more than the newest 20.
    await ann.messages.last().scrollIntoViewIfNeeded();
    await ann.counts("Bob", 0);
    await ann.reload();
    await ann.messages.nth(19).waitFor();
    const texts = await everythingAbove(ann);
    assert.equal(texts.length, 63);
    const lines = texts.filter((text) => /^line \d+$/.test(text));
    assert.deepEqual(lines, Array.from({ length: 60 }, (_, line) => `line ${line + 1}`));
  }));

test("a page that nobody looks at reads nothing", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await bobs.page.clock.install();
    await bobs.look("hidden");
    await anns.send("are you there?");
    await bobs.shows("are you there?", "theirs");
    await bobs.counts("ann", 1);
    // Time enough to notice the message and to tell the server.
    await bobs.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)));
    await bobs.page.clock.runFor(2000);
    await anns.send("hello?");
    await bobs.counts("ann", 2);
    assert.equal(await bobs.page.title(), "(2) Messanger: Chats");
    await bobs.separator.waitFor();
    await bobs.look("visible");
    await bobs.counts("ann", 0);
  }));

test("what arrives below leaves the reader in place and offers the way down", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const bob = await (await chat.person("Bob", BOB)).chats();
    const ann = await (await chat.person("ann", { password: "ann's password" })).chats();
    await bob.open("ann");
    await ann.open("Bob");
    await bob.separator.waitFor();
    const before = await bob.history.evaluate((log) => log.scrollTop);
    await ann.send("far below");
    const jump = bob.page.getByRole("button", { name: "New messages below" });
    await jump.waitFor();
    assert.equal(await bob.history.evaluate((log) => log.scrollTop), before);
    await jump.click();
    await bob.counts("ann", 0);
    assert.equal(await jump.isVisible(), false);
    // At the bottom the view follows.
    await ann.send("and further");
    await bob.shows("and further", "theirs");
    await bob.counts("ann", 0);
    assert.equal(await jump.isVisible(), false);
  }));

test("a message in a chat that is not open counts there and moves the chat up", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const bob = await (await chat.person("Bob", BOB)).chats();
    assert.deepEqual(await bob.names(), ["cyd", "ann"]);
    await bob.open("cyd");
    const ann = await (await chat.person("ann", { password: "ann's password" })).chats();
    await ann.open("Bob");
    await ann.send("look here");
    await bob.counts("ann", 44);
    assert.deepEqual(await bob.names(), ["ann", "cyd"]);
    assert.equal(await bob.page.title(), "(44) Messanger: Chats");
  }));

/**
 * How many of the partner's messages are in view.
 * @param {import("../support/browser.mjs").ChatsTab} tab
 */
function messagesInView(tab) {
  return tab.theirs.evaluateAll((messages) => {
    const log = messages[0].parentElement?.getBoundingClientRect();
    return messages.filter((message) => {
      const { top, bottom } = message.getBoundingClientRect();
      // A part of 20 pixels is what counts as seen.
      return log && bottom > log.top && top < log.bottom - 20;
    }).length;
  });
}

/**
 * Scrolls up until nothing more comes, and checks each step.
 * @param {import("../support/browser.mjs").ChatsTab} tab
 */
async function everythingAbove(tab) {
  for (;;) {
    const texts = await tab.texts();
    if (texts[0] === "hello Bob") return texts;
    const oldest = await tab.messages.first().elementHandle();
    assert.ok(oldest);
    // Scrolls and measures at once, before anything can come.
    const top = await oldest.evaluate((message) => {
      if (message.parentElement) message.parentElement.scrollTop = 0;
      return message.getBoundingClientRect().top;
    });
    await tab.messages.nth(texts.length).waitFor({ state: "attached" });
    const moved = (await oldest.evaluate((message) => message.getBoundingClientRect().top)) - top;
    assert.ok(Math.abs(moved) < 2, `the view moved by ${moved} pixels`);
    const added = (await tab.texts()).length - texts.length;
    assert.ok(added === 10 || added === 63 - texts.length, `${added} messages came`);
  }
}
