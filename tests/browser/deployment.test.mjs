// A deployment's own pages, styles and client script, as they were written for Flask: what is theirs
// alone. What they have in common with ours, the other tests of this folder promise of both.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { DEPLOYED } from "../support/pages.mjs";
import { register } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

test("a deployment's templates and files make its pages", bounded, () =>
  withChat(browser, { pages: DEPLOYED }, async (chat) => {
    const [, bob] = await chat.friends("ann", "b<b>ob</b>");
    const tab = await bob.chats();
    const me = /** @type {unknown} */ (await tab.page.evaluate("[me, partners]"));
    assert.deepEqual(me, [{ id: 2, username: "b<b>ob</b>" }, ["ann"]]);
    assert.equal(await tab.page.locator(".nav-link.active").textContent(), "Chats");
    assert.equal(await tab.page.evaluate("document.styleSheets.length"), 4);
    await tab.open("ann");
    const icon = tab.page.locator("#btn-send-message img");
    await icon.evaluate((image) => /** @type {HTMLImageElement} */ (image).decode());
    assert.equal(await icon.evaluate((image) => /** @type {HTMLImageElement} */ (image).naturalWidth), 32);

    await tab.page.getByRole("link", { name: "Log Out" }).click();
    await tab.page.waitForURL("/login");
    assert.deepEqual(await tab.page.locator(".nav-link").allTextContents(), ["Register", "Log In"]);
  }));

test("a deployment's page makes room for the first person who writes", bounded, () =>
  withChat(browser, { pages: DEPLOYED }, async (chat) => {
    await register(chat.server, "ann");
    await register(chat.server, "bob");
    const anns = await (await chat.person("ann")).chats();
    await anns.page.getByText("Nobody to talk to yet.").waitFor();
    await anns.online();
    const bobs = await (await chat.person("bob")).chats();
    await bobs.startChat("ann");
    await bobs.open("ann");
    await bobs.send("hello");
    await anns.counts("bob", 1);
    await anns.page.getByText("Nobody to talk to yet.").waitFor({ state: "detached" });

    // What is counted is counted on the next page as well.
    await anns.page.goto("/find");
    await bobs.send("are you there?");
    await bobs.shows("are you there?", "mine");
    await anns.page.goto("/chats");
    await anns.counts("bob", 2);
  }));

test("a deployment's apology is drawn for what the server itself refuses", bounded, () =>
  withChat(browser, { pages: DEPLOYED, complaints: /status of 404/ }, async (chat) => {
    const page = await (await chat.visitor()).newPage();
    await page.goto("/nowhere");
    await page.locator(".apology").getByText("there is no such page").waitFor();
  }));
