// Reading: what is new, how the count falls, and the way up into the past.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";
import { FLASK_DATABASE } from "../support/server.mjs";

/** @import { ChatsTab } from "../support/chats_tab.mjs" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };
const flask = { database: FLASK_DATABASE };
const BOB = { password: "hunter2 hunter2" };

for (const pages of BOTH) {
  test(`new messages stand below the separator, and count until they are read, on ${pages.name}`, bounded, () =>
    withChat(browser, { ...flask, pages }, async (chat) => {
      const bob = await (await chat.person("Bob", BOB)).chats();
      await bob.page.bringToFront();
      await bob.counts("ann", 43);
      await bob.open("ann");
      await bob.separator.waitFor();
      assert.equal(await bob.separator.textContent(), "New Messages");
      assert.equal(await belowSeparator(bob).count(), 43);
      await readEverything(bob);
      await bob.counts("ann", 0);
      await bob.reopen("ann");
      await bob.messages.first().waitFor();
      await bob.counts("ann", 0);
      assert.equal(await bob.separator.count(), 0);
    }));

  test(`messages to somebody who never connected are found on ${pages.name}`, bounded, () =>
    withChat(browser, { ...flask, pages }, async (chat) => {
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

  test(`scrolling up brings the past without moving what is in view, on ${pages.name}`, bounded, () =>
    withChat(browser, { ...flask, pages }, async (chat) => {
      const ann = await (await chat.person("ann", { password: "ann's password" })).chats();
      await ann.counts("Bob", 20);
      await ann.open("Bob");
      await ann.separator.waitFor();
      // Once everything is read, the chat opens with the newest page only.
      await ann.messages.last().scrollIntoViewIfNeeded();
      await ann.counts("Bob", 0);
      await ann.reopen("Bob");
      await ann.messages.nth(19).waitFor();
      const texts = await everythingAbove(ann, pages.pageSize);
      assert.equal(texts.length, 63);
      const lines = texts.filter((text) => /^line \d+$/.test(text));
      assert.deepEqual(lines, Array.from({ length: 60 }, (_, line) => `line ${line + 1}`));
    }));

  test(`a message in a chat that is not open counts there and moves the chat up, on ${pages.name}`, bounded, () =>
    withChat(browser, { ...flask, pages }, async (chat) => {
      const bob = await (await chat.person("Bob", BOB)).chats();
      assert.deepEqual(await bob.names(), ["cyd", "ann"]);
      await bob.open("cyd");
      await bob.messages.first().waitFor();
      const ann = await (await chat.person("ann", { password: "ann's password" })).chats();
      await ann.open("Bob");
      await ann.send("look here");
      await bob.counts("ann", 44);
      assert.deepEqual(await bob.names(), ["ann", "cyd"]);
    }));
}

// What follows is our client's alone: it reads message by message, tells its other tabs and its
// title, and leaves a reader in peace.

test("the count falls with each message that comes into view, in every tab and in the title", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const bob = await chat.person("Bob", BOB);
    const [tab, other] = [await bob.chats(), await bob.chats()];
    await tab.page.bringToFront();
    assert.equal(await tab.page.title(), "(43) Messanger: Chats");
    await tab.open("ann");
    await tab.separator.waitFor();
    // Only what is in view has been read.
    const left = 43 - (await messagesInView(tab));
    await tab.counts("ann", left);
    await other.counts("ann", left);
    await readEverything(tab);
    for (const each of [tab, other]) {
      await each.counts("ann", 0);
      assert.equal(await each.page.title(), "Messanger: Chats");
    }
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

/** The partner's messages below the separator. @param {ChatsTab} tab */
function belowSeparator(tab) {
  return tab.page.locator("//*[contains(@class, 'new-message-separator')]/following::*[contains(@class, 'chat-partner-message')]");
}

/** Scrolls down over all new messages. @param {ChatsTab} tab */
async function readEverything(tab) {
  const fresh = belowSeparator(tab);
  const count = await fresh.count();
  for (let message = 0; message < count; message += 5) await fresh.nth(message).scrollIntoViewIfNeeded();
  await fresh.nth(count - 1).scrollIntoViewIfNeeded();
}

/**
 * How many of the partner's messages are in view.
 * @param {ChatsTab} tab
 */
function messagesInView(tab) {
  return tab.theirs.evaluateAll((messages) => {
    const log = messages[0].closest("#message-history")?.getBoundingClientRect();
    return messages.filter((message) => {
      const { top, bottom } = message.getBoundingClientRect();
      // A part of 20 pixels is what counts as seen.
      return log && bottom > log.top && top < log.bottom - 20;
    }).length;
  });
}

/**
 * Scrolls up until nothing more comes, and checks each step.
 * @param {ChatsTab} tab
 * @param {number} pageSize how many messages come at a time
 */
async function everythingAbove(tab, pageSize) {
  for (;;) {
    const texts = await tab.texts();
    if (texts[0] === "hello Bob") return texts;
    const oldest = await tab.messages.first().elementHandle();
    assert.ok(oldest);
    // Scrolls and measures at once, before anything can come.
    const top = await oldest.evaluate((message) => {
      const log = message.closest("#message-history");
      if (log) log.scrollTop = 0;
      return message.getBoundingClientRect().top;
    });
    await tab.messages.nth(texts.length).waitFor({ state: "attached" });
    const moved = (await oldest.evaluate((message) => message.getBoundingClientRect().top)) - top;
    assert.ok(Math.abs(moved) < 2, `the view moved by ${moved} pixels`);
    const added = (await tab.texts()).length - texts.length;
    assert.ok(added === pageSize || added === 63 - texts.length, `${added} messages came`);
  }
}
