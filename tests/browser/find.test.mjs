// Finding people.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";
import { FLASK_DATABASE } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };
const flask = { database: FLASK_DATABASE };

for (const pages of BOTH) {
  test(`people are found by the beginning of their names, on ${pages.name}`, bounded, () =>
    withChat(browser, { ...flask, pages }, async (chat) => {
      const page = await findPage(chat);
      const [box, found] = [page.locator("input[name=username]"), page.locator("#names tr")];
      const search = page.getByRole("button", { name: "Search" });
      await box.fill("B");
      await search.click();
      await found.first().waitFor();
      assert.deepEqual(await found.locator("td:first-child").allTextContents(), ["Bob"]);
      // A letter like any other: the name of nobody begins with it.
      await box.fill("%");
      await search.click();
      await found.first().waitFor({ state: "detached" });
      await box.fill("");
      await search.click();
      await found.nth(8).waitFor();
      assert.equal(await found.count(), 9);
    }));

  test(`a chat is started from the find page, on ${pages.name}`, bounded, () =>
    withChat(browser, { ...flask, pages }, async (chat) => {
      const page = await findPage(chat);
      await page.locator("input[name=username]").fill("flo");
      await page.getByRole("button", { name: "Search" }).click();
      await page.getByRole("button", { name: "Start chat" }).click();
      await page.waitForURL("/chats");
      assert.deepEqual(await page.locator(".chat > :is(a, button)").allTextContents(), ["flo"]);
    }));
}

// What follows is our own page's alone: it says what it found, and why it found nothing.

test("a search with Enter says how many people were found", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const page = await findPage(chat);
    for (const [typed, said] of [["B", "1 person"], ["%", "Nobody found."], ["", "9 people"]]) {
      await page.getByLabel("Username").fill(typed);
      await page.getByLabel("Username").press("Enter");
      await page.getByRole("status").filter({ hasText: said }).waitFor();
    }
  }));

test("a search that fails says so", bounded, () =>
  withChat(browser, { ...flask, complaints: /503|ERR_FAILED/ }, async (chat) => {
    const page = await findPage(chat);
    await page.route("/find", (route) => route.fulfill({ status: 503, body: "{}" }));
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("status").filter({ hasText: "Something went wrong" }).waitFor();
    await page.unroute("/find");
    await page.route("/find", (route) => route.abort());
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("status").filter({ hasText: "cannot be reached" }).waitFor();
  }));

test("a search after the end of the session leads to the login", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const page = await findPage(chat);
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Search" }).click();
    await page.waitForURL("/login");
  }));

/**
 * The find page of somebody without chats.
 * @param {import("../support/browser.mjs").Chat} chat
 */
async function findPage(chat) {
  const gus = await chat.person("gus", { password: "gus sha1" });
  const page = await gus.context.newPage();
  await page.goto("/find");
  return page;
}
