// Finding people.

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

test("people are found by the beginning of their names, with the button and with Enter", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const page = await findPage(chat);
    const box = page.getByLabel("Username");
    await box.fill("B");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("status").filter({ hasText: "1 person" }).waitFor();
    assert.deepEqual(await page.locator("#names .person-name").allTextContents(), ["Bob"]);

    await box.fill("%");
    await box.press("Enter");
    await page.getByRole("status").filter({ hasText: "Nobody found." }).waitFor();
    assert.equal(await page.locator("#names tr").count(), 0);

    await box.fill("");
    await box.press("Enter");
    await page.getByRole("status").filter({ hasText: "9 people" }).waitFor();
  }));

test("a chat is started from the find page", bounded, () =>
  withChat(browser, flask, async (chat) => {
    const page = await findPage(chat);
    await page.getByText("Nobody to talk to").waitFor({ state: "detached" });
    await page.getByLabel("Username").fill("flo");
    await page.getByLabel("Username").press("Enter");
    await page.getByRole("button", { name: "Start chat" }).click();
    await page.waitForURL("/chats");
    assert.deepEqual(await page.locator(".chat > button").allTextContents(), ["flo"]);
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
