// Blocking somebody, and writing to somebody who has blocked one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OUTAGE, launch, withChat } from "../support/browser.mjs";

/** @typedef {import("../support/chats_tab.mjs").ChatsTab} ChatsTab */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };
const PHONE = { viewport: { width: 320, height: 600 }, hasTouch: true };

/** What can be seen and done about a block. @param {ChatsTab} tab */
function block({ page }) {
  const question = page.getByRole("dialog");
  return {
    button: page.getByRole("button", { name: "Block", exact: true }),
    question,
    confirm: question.getByRole("button", { name: "Block", exact: true }),
    cancel: question.getByRole("button", { name: "Cancel" }),
    unblock: page.getByRole("button", { name: "Unblock" }),
  };
}

/** Blocks the partner of the open chat. @param {ChatsTab} tab */
async function blockPartner(tab) {
  await block(tab).button.click();
  await block(tab).confirm.click();
  await block(tab).unblock.waitFor();
}

test("who is blocked reads why a message was not sent, and it is not sent again", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await bobs.send("at first");
    await anns.shows("at first", "theirs");
    await blockPartner(anns);

    await bobs.send("are you there?");
    await bobs.failed.filter({ hasText: "you cannot write to this person" }).waitFor();
    assert.equal(await bobs.failed.getByRole("button", { name: "Try again" }).count(), 0);
    assert.equal(await bobs.box.isVisible(), true);
    await bobs.reopen("ann");
    await bobs.shows("at first", "mine");
    await bobs.failed.filter({ hasText: "are you there?" }).waitFor();

    await block(anns).unblock.click();
    await anns.box.waitFor();
    await bobs.failed.getByRole("button", { name: "Edit" }).click();
    await bobs.box.press("Enter");
    await anns.shows("are you there?", "theirs");
    // What was refused came neither then nor by itself.
    assert.deepEqual(await anns.texts(), ["at first", "are you there?"]);
    await anns.send("yes");
    await bobs.shows("yes", "theirs");
  }));

test("a block takes the composer's place in every tab, and after a reload", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const [tab, other] = [await ann.chats(), await ann.chats()];
    await tab.open("bob");
    await other.open("bob");
    await other.box.fill("half a thought");
    await tab.online();
    await blockPartner(tab);
    for (const each of [tab, other]) {
      await block(each).unblock.waitFor();
      await each.page.getByText("You have blocked bob.").waitFor();
      assert.deepEqual([await each.box.isVisible(), await block(each).button.isVisible()], [false, false]);
    }
    await other.reload();
    await block(other).unblock.click();
    for (const each of [tab, other]) await each.box.waitFor();
    assert.equal(await other.box.inputValue(), "half a thought");
    assert.equal(await block(tab).unblock.isVisible(), false);
  }));

test("a block concerns one chat, and nobody is offered to block themselves", bounded, () =>
  withChat(browser, { complaints: OUTAGE }, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const tab = await ann.chats();
    await tab.startChat("ann");
    await tab.open("bob");
    await tab.online();
    await blockPartner(tab);
    // Whether the next chat is blocked cannot be asked, and what was so of the last one is not.
    await chat.server.stop();
    await tab.choose("ann").click();
    await tab.box.waitFor();
    assert.deepEqual([await block(tab).button.isVisible(), await block(tab).unblock.isVisible()], [false, false]);
    await chat.server.start();
    await tab.online();
    await tab.choose("bob").click();
    await block(tab).unblock.waitFor();
  }));

test("the keyboard alone is enough to block and to unblock", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob", PHONE);
    const tab = await ann.chats();
    await tab.open("bob");
    await tab.online();
    const { keyboard } = tab.page;
    const { button, question, cancel, confirm, unblock } = block(tab);
    /** @param {import("playwright-core").Locator} locator */
    const focused = (locator) => locator.and(tab.page.locator(":focus")).waitFor();

    await button.focus();
    await keyboard.press("Enter");
    await focused(cancel);
    // Escape answers the question, and does not leave the chat as it does elsewhere.
    await keyboard.press("Escape");
    await question.waitFor({ state: "detached" });
    await focused(button);
    await keyboard.press("Enter");
    await focused(cancel);
    await keyboard.press("Tab");
    await focused(confirm);
    await keyboard.press("Enter");
    await focused(unblock);
    assert.equal(await question.count(), 0);
    await keyboard.press("Space");
    await focused(tab.box);
  }));

test("a block that cannot be told to the server says so, and waits to be tried again", bounded, () =>
  withChat(browser, { complaints: OUTAGE }, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const tab = await ann.chats();
    await tab.open("bob");
    await tab.online();
    const { button, question, confirm, unblock } = block(tab);
    await chat.server.stop();
    await tab.page.locator(".chat-page[data-connection=down]").waitFor();
    await button.click();
    await confirm.click();
    await question.getByRole("alert").filter({ hasText: "There is no connection." }).waitFor();
    await chat.server.start();
    await tab.online();
    await confirm.click();
    await unblock.waitFor();
  }));

test("neither of the two is found by the other", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const tab = await ann.chats();
    await tab.open("bob");
    await tab.online();
    await blockPartner(tab);
    const searches = [{ person: ann, name: "bob" }, { person: bob, name: "ann" }];
    for (const { person, name } of searches) {
      const page = await person.context.newPage();
      await page.goto("/find");
      await page.locator("input[name=username]").fill(name);
      await page.getByRole("button", { name: "Search" }).click();
      await page.getByText("Nobody found.").waitFor();
    }
  }));

test("a long name fits into a phone's question and into the place of the composer", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const long = "w".repeat(60);
    const [ann] = await chat.friends("ann", long, PHONE);
    const tab = await ann.chats();
    await tab.open(long);
    await tab.online();
    const { button, question, confirm, unblock } = block(tab);
    const { width } = PHONE.viewport;
    /** @param {import("playwright-core").Locator} locator */
    const fits = async (locator) => {
      const box = await locator.boundingBox();
      assert.ok(box && box.x >= 0 && box.x + box.width <= width, JSON.stringify(box));
    };
    await fits(button);
    await button.tap();
    await fits(question);
    await fits(confirm);
    await confirm.tap();
    await fits(unblock);
    const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(wide, width);
  }));
