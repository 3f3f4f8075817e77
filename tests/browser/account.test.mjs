// One's own account: the password, and where one is logged in.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";
import { logIn, register } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

for (const pages of BOTH) {
  test(`somebody changes the password without scripts, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages }, async (chat) => {
      await register(chat.server, "ann");
      const ann = await chat.person("ann", { browser: { javaScriptEnabled: false } });
      const page = await ann.context.newPage();
      await page.goto("/account");
      assert.equal(await page.title(), "Messanger: Account");
      await page.getByLabel("Current password").fill("password of ann");
      await page.getByLabel("New password", { exact: true }).fill("something new and long");
      await page.getByLabel("New password, once more").fill("something new and long");
      await page.getByRole("button", { name: "Change the password" }).click();
      await page.getByText("Your password was changed.").waitFor();
      await logIn(chat.server, "ann", "something new and long");
      await assert.rejects(logIn(chat.server, "ann"));
    }));
}

test("the menu leads to the account page", bounded, () =>
  withChat(browser, {}, async (chat) => {
    await register(chat.server, "ann");
    const page = await (await chat.person("ann")).context.newPage();
    await page.goto("/");
    await page.getByRole("navigation").getByRole("link", { name: "Account" }).click();
    await page.getByRole("heading", { name: "Account of ann" }).waitFor();
  }));

test("a session that is ended elsewhere leaves its chats at once", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const lost = await chat.person("ann");
    const { page: lostPage } = await lost.chats();
    await lostPage.locator(".chat").first().waitFor();
    const page = await ann.context.newPage();
    await page.goto("/account");
    await page.getByText("this session").waitFor();
    await page.getByRole("button", { name: "Sign out everywhere else" }).click();
    await page.getByText("Every other session has ended.").waitFor();
    await lostPage.waitForURL("/login");
    assert.equal(await page.locator(".session").count(), 1);
  }));

test("the account page fits a narrow phone", bounded, () =>
  withChat(browser, {}, async (chat) => {
    await register(chat.server, "a name that is rather long and goes on");
    const narrow = { viewport: { width: 320, height: 640 } };
    const person = await chat.person("a name that is rather long and goes on", { browser: narrow });
    const page = await person.context.newPage();
    await page.goto("/account");
    await page.getByText("this session").waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 320, `the page is ${width} wide`);
  }));
