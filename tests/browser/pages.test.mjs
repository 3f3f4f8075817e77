// The pages around the chat, and what holds for all of them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { FLASK_DATABASE, register } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

test("somebody registers, logs in, finds a person and writes, under a strict content policy", bounded, () =>
  withChat(browser, {}, async (chat) => {
    await register(chat.server, "bob");
    const page = await (await chat.visitor()).newPage();
    const response = await page.goto("/");
    const policy = response?.headers()["content-security-policy"] ?? "";
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    await page.waitForURL("/login");
    await page.getByRole("navigation").getByRole("link", { name: "Register" }).click();
    assert.equal(await page.title(), "Messanger: Register");
    await page.getByLabel("Username").fill("ann");
    await page.getByLabel("Password", { exact: true }).fill("a long password");
    await page.getByLabel("Password, once more").fill("a long password");
    await page.getByRole("button", { name: "Register" }).click();
    await page.waitForURL("/login");
    assert.equal(await page.title(), "Messanger: Log In");
    await page.getByLabel("Username").fill("ann");
    await page.getByLabel("Password").fill("a long password");
    await page.getByRole("button", { name: "Log In" }).click();
    await page.getByRole("heading", { name: "Hello, ann" }).waitFor();

    await page.getByRole("navigation").getByRole("link", { name: "Chats" }).click();
    await page.getByText("Nobody to talk to yet.").waitFor();
    await page.locator(".empty-state").getByRole("link", { name: "Find somebody" }).click();
    await page.getByLabel("Username").fill("bo");
    await page.getByLabel("Username").press("Enter");
    await page.getByRole("button", { name: "Start chat" }).click();
    await page.waitForURL("/chats");
    await page.getByText("Choose a chat").waitFor();
    await page.getByRole("button", { name: "bob" }).click();
    await page.getByLabel("Message", { exact: true }).fill("hello");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("log").getByText("hello", { exact: true }).waitFor();
    await page.getByRole("navigation").getByRole("link", { name: "Log Out" }).click();
    await page.waitForURL("/login");
  }));

test("an apology says what was wrong", bounded, () =>
  withChat(browser, { complaints: /status of 40[01]/ }, async (chat) => {
    const page = await (await chat.visitor()).newPage();
    await page.goto("/login");
    await page.getByLabel("Username").fill("nobody");
    await page.getByLabel("Password").fill("whatever it is");
    await page.getByRole("button", { name: "Log In" }).click();
    await page.getByText("invalid username and/or password").waitFor();
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
    await login.getByLabel("Username").fill("bob");
    await login.getByLabel("Password").fill("password of bob");
    await login.getByRole("button", { name: "Log In" }).click();
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
 * The controls in view for which assistive technology has no name.
 * @param {import("playwright-core").Page} page
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
