// The pages around the chat, and what holds for all of them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";
import { FLASK_DATABASE, register } from "../support/server.mjs";

/** @import { Page } from "playwright-core" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

for (const pages of BOTH) {
  test(`somebody registers, logs in, finds a person, writes and logs out, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages }, async (chat) => {
      await register(chat.server, "bob");
      const tab = new pages.Tab(await (await chat.visitor()).newPage());
      const { page } = tab;
      await page.goto("/");
      await page.waitForURL("/login");
      await page.getByRole("navigation").getByRole("link", { name: "Register" }).click();
      assert.equal(await page.title(), "Messanger: Register");
      const password = "a long password";
      await submit(page, "Register", { username: "ann", password, confirmation: password });
      await page.waitForURL("/login");
      assert.equal(await page.title(), "Messanger: Log In");
      await submit(page, "Log In", { username: "ann", password });
      await page.getByRole("heading", { name: /, ann\b/ }).waitFor();

      await page.getByRole("navigation").getByRole("link", { name: "Chats" }).click();
      await page.getByText("Nobody to talk to yet.").waitFor();
      await page.getByRole("navigation").getByRole("link", { name: "Find" }).click();
      await page.waitForURL("/find");
      await tab.startChat("bob");
      await tab.open("bob");
      await tab.send("hello");
      await tab.shows("hello", "mine");
      await page.getByRole("navigation").getByRole("link", { name: "Log Out" }).click();
      await page.waitForURL("/login");
      await page.goto("/chats");
      await page.waitForURL("/login");
    }));

  test(`an apology says what was wrong, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages, complaints: /status of 40[019]/ }, async (chat) => {
      await register(chat.server, "bob");
      const page = await (await chat.visitor()).newPage();
      const password = "a long password";
      const newcomer = { username: "ann", password, confirmation: password };
      for (const [path, button, fields, sentence] of /** @type {const} */ ([
        ["/login", "Log In", { username: "bob", password }, "invalid username and/or password"],
        ["/login", "Log In", { username: "nobody", password }, "invalid username and/or password"],
        ["/register", "Register", { ...newcomer, username: "bob" }, "Please choose a different username"],
        [
          "/register",
          "Register",
          { ...newcomer, confirmation: "another password" },
          "Password and password confirmation must match!",
        ],
      ])) {
        await page.goto(path);
        await submit(page, button, fields);
        await page.locator(".apology").getByText(sentence, { exact: true }).waitFor();
      }
    }));
}

// What follows is true of our own pages alone.

test("our pages come under a strict content policy", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const page = await (await chat.visitor()).newPage();
    for (const path of ["/login", "/register"]) {
      const policy = (await page.goto(path))?.headers()["content-security-policy"] ?? "";
      assert.match(policy, /default-src 'self'/);
      assert.doesNotMatch(policy, /unsafe|\*|http/);
    }
  }));

test("somebody who has nobody to talk to is led to the find page", bounded, () =>
  withChat(browser, {}, async (chat) => {
    await register(chat.server, "ann");
    const { page } = await (await chat.person("ann")).chats();
    await page.locator(".empty-state").getByRole("link", { name: "Find somebody" }).click();
    await page.getByLabel("Username").fill("an");
    await page.getByLabel("Username").press("Enter");
    await page.getByRole("button", { name: "Start chat" }).click();
    await page.waitForURL("/chats");
    await page.getByText("Choose a chat").waitFor();
    await page.getByRole("link", { name: "ann" }).click();
    await page.getByLabel("Message", { exact: true }).fill("hello");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("log").getByText("hello", { exact: true }).waitFor();
  }));

// A poll that is under way when its session ends is answered 400; browsers say so.
const endedPoll = /status of 400/;

test("a logout in one tab leads the other tabs away", bounded, () =>
  withChat(browser, { database: FLASK_DATABASE, complaints: endedPoll }, async (chat) => {
    const bob = await chat.person("Bob", { password: "hunter2 hunter2" });
    const [one, other] = [await bob.chats(), await bob.chats()];
    await other.open("ann");
    await other.online();
    await one.page.getByRole("link", { name: "Log Out" }).click();
    await other.page.waitForURL("/login");
  }));

test("a page that another person's login has taken over is left", bounded, () =>
  withChat(browser, { complaints: endedPoll }, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const tab = await ann.chats();
    await tab.online();
    const login = await ann.context.newPage();
    await login.goto("/login");
    await submit(login, "Log In", { username: "bob", password: "password of bob" });
    // The login page ended ann's session; where the tab went then, it is not ann's any more.
    await tab.page.waitForURL((url) => url.pathname === "/login" || url.pathname === "/chats");
    await tab.chat("bob").waitFor({ state: "detached" });
    assert.ok(bob);
  }));

test("every control has a name and every page its landmarks", bounded, () =>
  withChat(browser, { database: FLASK_DATABASE, complaints: /status of 404/ }, async (chat) => {
    const bob = await chat.person("Bob", { password: "hunter2 hunter2" });
    const page = await bob.context.newPage();
    for (const path of ["/", "/find", "/chats#chat-1", "/nowhere", "/register", "/login"]) {
      await page.goto(path);
      await page.getByRole("main").waitFor();
      await page.getByRole("banner").waitFor();
      await page.getByRole("navigation", { name: "Menu" }).waitFor();
      assert.equal(await page.locator("[style], script:not([src]), style").count(), 0, path);
      assert.deepEqual(await namelessControls(page), [], path);
    }
  }));

/**
 * Fills in the form of a page, by the names that its fields have, and sends it.
 * @param {Page} page @param {string} button @param {Record<string, string>} fields
 */
async function submit(page, button, fields) {
  for (const [name, value] of Object.entries(fields)) {
    await page.locator(`input[name=${name}]`).fill(value);
  }
  await page.getByRole("button", { name: button }).click();
}

/**
 * The controls in view for which assistive technology has no name.
 * @param {Page} page
 */
async function namelessControls(page) {
  const nameless = [];
  for (const role of /** @type {const} */ (["button", "textbox", "searchbox", "link"])) {
    const all = await page.getByRole(role).count();
    const named = await page.getByRole(role, { name: /\S/ }).count();
    if (all !== named) nameless.push(`${all - named} of ${all}: ${role}`);
  }
  return nameless;
}
