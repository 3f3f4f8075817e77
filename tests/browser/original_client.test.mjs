// A deployment may serve the original's client script over our page of chats.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { DEPLOYMENT, FLASK_DATABASE } from "../support/server.mjs";

const script = await readFile(`${DEPLOYMENT}/static/chats.js`, "utf8");

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

test("an original client script works over our page, with somebody who has ours", bounded, () =>
  withChat(browser, { database: FLASK_DATABASE }, async (chat) => {
    const old = await original(chat, "Bob", "hunter2 hunter2");
    const ann = await (await chat.person("ann", { password: "ann's password" })).chats();
    await old.counts("ann", 43);
    await old.open("ann");
    await old.shows("hello Bob", "theirs");
    assert.equal(await old.theirs.count(), 43);
    assert.equal(await old.separator.textContent(), "New Messages");
    await old.counts("ann", 0);
    assert.equal(await old.page.locator("#right-panel-top").textContent(), "ann");
    // The page's own empty state makes way, and the icon is there.
    assert.equal(await old.page.locator(".empty-state").isVisible(), false);
    const icon = old.page.locator("#btn-send-message img");
    assert.ok(await icon.evaluate((image) => /** @type {HTMLImageElement} */ (image).naturalWidth > 0));

    await ann.open("Bob");
    await old.box.fill("from the old script");
    await icon.click();
    await ann.shows("from the old script", "theirs");
    await ann.send("from the new one");
    await old.shows("from the new one", "theirs");
    await old.shows("from the old script", "mine");
    assert.deepEqual(await old.names(), ["ann", "cyd"]);
  }));

test("an original client script hears of other chats and of new people", bounded, () =>
  withChat(browser, { database: FLASK_DATABASE }, async (chat) => {
    const old = await original(chat, "Bob", "hunter2 hunter2");
    await old.open("ann");
    await old.shows("hello Bob", "theirs");
    const cyd = await (await chat.person("cyd", { password: "пароль-密码" })).chats();
    await cyd.open("Bob");
    await cyd.send("cyd again");
    await old.counts("cyd", 1);
    const gus = await (await chat.person("gus", { password: "gus sha1" })).chats();
    await gus.startChat("Bob");
    await gus.open("Bob");
    await gus.send("gus for the first time");
    await old.counts("gus", 1);
    assert.deepEqual(await old.names(), ["gus", "cyd", "ann"]);
    await old.open("gus");
    await old.shows("gus for the first time", "theirs");
    await old.counts("gus", 0);
  }));

/**
 * A tab in which the original's script stands in the place of ours.
 * @param {import("../support/browser.mjs").Chat} chat
 * @param {string} username
 * @param {string} password
 */
async function original(chat, username, password) {
  const person = await chat.person(username, { password });
  await person.context.route(/\/static\/.*\/js\/chats\.js$/, (route) =>
    route.fulfill({ contentType: "text/javascript", body: script }),
  );
  return person.chats();
}
