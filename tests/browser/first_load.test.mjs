// The page of chats before its script has come, and as it comes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { ChatsTab } from "../support/chats_tab.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

/** Holds the script of the page of chats until it is released. @param {import("playwright-core").BrowserContext} context */
async function holdScript(context) {
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  await context.route(/\/js\/chats\.js$/, async (route) => {
    await released;
    await route.continue();
  });
  return () => release();
}

for (const width of [1280, 390]) {
  test(`a chat that is chosen before the script has come is open when it has, ${width} pixels wide`, bounded, () =>
    withChat(browser, {}, async (chat) => {
      const [ann, bob] = await chat.friends("ann", "bob", { viewport: { width, height: 800 } });
      const bobs = await bob.chats();
      await bobs.open("ann");
      await bobs.send("hello");
      await bobs.shows("hello", "mine");
      const release = await holdScript(ann.context);
      const page = await ann.context.newPage();
      await page.goto("/chats", { waitUntil: "commit" });
      const tab = new ChatsTab(page);
      await tab.counts("bob", 1);
      await tab.choose("bob").click();
      await page.getByText("Opening…").waitFor();
      assert.equal(await tab.choose("bob").isVisible(), width > 640);
      release();
      await tab.shows("hello", "theirs");
      assert.equal(await tab.partnerName.textContent(), "bob");
      assert.equal(await page.getByText("Opening…").count(), 0);
    }));
}

test("the page draws nothing anew that the server has drawn, and keeps the focus", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const release = await holdScript(ann.context);
    const page = await ann.context.newPage();
    await page.goto("/chats", { waitUntil: "commit" });
    const tab = new ChatsTab(page);
    await tab.choose("bob").focus();
    const looks = () => page.locator("#left-panel").screenshot();
    const before = await looks();
    release();
    await page.locator(".chat-page[data-ready]").waitFor();
    assert.equal(await page.locator(":focus").textContent(), "bob");
    assert.ok(before.equals(await looks()), "the list looks different");
    await tab.online();
    assert.ok(before.equals(await looks()), "the list looks different when the server has told of it");
  }));

test("without a script the list can be read, and the links of the page work", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob", { javaScriptEnabled: false });
    const page = await ann.context.newPage();
    await page.goto("/chats");
    assert.deepEqual(await new ChatsTab(page).names(), ["bob"]);
    await page.getByRole("navigation").getByRole("link", { name: "Find" }).click();
    await page.waitForURL("/find");
  }));
