// Phones and keyboards, which the original's pages do not care for: this is our client's alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OUTAGE, launch, withChat } from "../support/browser.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };
const PHONE = { viewport: { width: 390, height: 800 }, hasTouch: true };

test("on a phone a chat fills the screen, and there are three ways back to the list", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob", PHONE);
    const tab = await ann.chats();
    const list = tab.chat("bob");
    const back = tab.page.getByRole("button", { name: "Back to the chats" });
    const ways = [
      () => back.tap(),
      () => tab.box.press("Escape"),
      async () => void (await tab.page.goBack()),
    ];
    for (const way of ways) {
      await tab.open("bob");
      assert.equal(await list.isVisible(), false);
      assert.equal(await tab.page.getByRole("banner").isVisible(), false);
      const panel = await tab.page.locator("#right-panel").boundingBox();
      assert.deepEqual(panel, { x: 0, y: 0, ...PHONE.viewport });
      await way();
      await list.waitFor();
      assert.equal(await tab.history.count(), 0);
      assert.equal(new URL(tab.page.url()).pathname, "/chats");
    }
  }));

test("a chat that was left on a phone counts again", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob", PHONE);
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await bobs.send("one");
    await anns.shows("one", "theirs");
    await anns.counts("bob", 0);
    await anns.page.getByRole("button", { name: "Back to the chats" }).tap();
    await bobs.send("two");
    await anns.counts("bob", 1);
    await anns.open("bob");
    await anns.counts("bob", 0);
  }));

test("on a phone the word of a lost connection stands in the middle, and moves nothing", bounded, () =>
  withChat(browser, { complaints: OUTAGE }, async (chat) => {
    const [ann] = await chat.friends("ann", "bob", PHONE);
    const tab = await ann.chats();
    await tab.open("bob");
    await tab.loaded();
    const panel = tab.page.locator("#right-panel");
    const before = await panel.boundingBox();
    await chat.server.stop();
    await tab.banner.filter({ hasText: "No connection" }).waitFor();
    assert.deepEqual(await panel.boundingBox(), before);
    const box = await tab.banner.boundingBox();
    assert.ok(box && Math.abs(box.x + box.width / 2 - PHONE.viewport.width / 2) < 2, JSON.stringify(box));
  }));

test("nothing on a phone is wider than the screen", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const long = "w".repeat(60);
    const [ann] = await chat.friends("ann", long, { ...PHONE, viewport: { width: 320, height: 600 } });
    const tab = await ann.chats();
    assert.equal(await overflow(tab.page), 0);
    await tab.open(long);
    await tab.send(`https://example.org/${"path/".repeat(60)}`);
    await tab.shows("https://example.org/", "mine");
    assert.equal(await overflow(tab.page), 0);
    const log = await tab.history.evaluate((log) => log.scrollWidth - log.clientWidth);
    assert.equal(log, 0);
    for (const path of ["/", "/find", "/register", "/login"]) {
      await tab.page.goto(path);
      assert.equal(await overflow(tab.page), 0, path);
    }
  }));

test("the keyboard alone is enough to read, write and change chats", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    await chat.friends("cyd", "dora");
    const tab = await ann.chats();
    await tab.startChat("cyd");
    const { keyboard } = tab.page;
    /** @param {string} selector */
    const focused = (selector) => tab.page.locator(`${selector}:focus`).waitFor();

    await tab.choose("cyd").focus();
    await keyboard.press("Tab");
    assert.equal(await tab.page.locator(":focus").textContent(), "bob");
    await keyboard.press("Enter");
    await focused("#message");
    await keyboard.type("typed blind");
    await keyboard.press("Enter");
    await tab.shows("typed blind", "mine");
    assert.deepEqual(await tab.names(), ["bob", "cyd"]);

    // Back to the list, and to the other chat.
    await keyboard.press("Escape");
    await focused(".chat-active > a");
    const ring = await tab.page
      .locator(".chat-active > a")
      .evaluate((link) => getComputedStyle(link, "::after").outlineStyle);
    assert.equal(ring, "solid");
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    await focused("#message");
    assert.equal(await tab.partnerName.textContent(), "cyd");
    const described = tab.page.getByRole("link", { name: "bob", exact: true, description: "0 new messages" });
    await described.waitFor();
  }));

test("the open chat is open again after a reload", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const tab = await ann.chats();
    await tab.open("bob");
    await tab.send("remember");
    await tab.shows("remember", "mine");
    await tab.reload();
    await tab.shows("remember", "mine");
    await tab.page.locator(".chat-active").filter({ hasText: "bob" }).waitFor();
  }));

/** By how many pixels the page is too wide. @param {import("playwright-core").Page} page */
function overflow(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
}
