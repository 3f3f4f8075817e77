// A deployment's own pages, styles and client script, as they were written for Flask.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ChatsTab, launch, withChat } from "../support/browser.mjs";
import { DEPLOYMENT, FLASK_DATABASE, MODULES } from "../support/server.mjs";

/** @import { BrowserContext, Page } from "playwright-core" */
/** @import { Chat } from "../support/browser.mjs" */

const CDN = "cdn.example";
/** What the deployment's pages load from the CDN, and where it lies here. */
const FROM_CDN = new Map([
  ["/bootstrap@5.3/css/bootstrap.min.css", "bootstrap/dist/css/bootstrap.min.css"],
  ["/bootstrap@5.3/js/bootstrap.bundle.min.js", "bootstrap/dist/js/bootstrap.bundle.min.js"],
  ["/socket.io/4.5.3/socket.io.min.js", "socket.io-client-4.5/dist/socket.io.min.js"],
]);

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 60_000 };
const own = {
  cdn: CDN,
  args: ["--templates", `${DEPLOYMENT}/templates`, "--static", `${DEPLOYMENT}/static`],
};

test("people register, find each other and talk, with and without WebSocket", bounded, () =>
  withChat(browser, own, async (chat) => {
    const ann = await newcomer(chat, "ann");
    const withoutWebSocket = await visitor(chat);
    await withoutWebSocket.addInitScript("delete window.WebSocket");
    const bob = await newcomer(chat, "b<b>ob</b>", withoutWebSocket);

    const annTab = await chatsOf(ann);
    await annTab.page.getByText("Nobody to talk to yet.").waitFor();
    assert.equal(await annTab.page.locator(".nav-link.active").textContent(), "Chats");
    const bobTab = await find(bob, "an", "ann");
    await bobTab.open("ann");
    assert.equal(await bobTab.page.evaluate("typeof WebSocket"), "undefined");
    const me = /** @type {unknown} */ (await bobTab.page.evaluate("[me, partners]"));
    assert.deepEqual(me, [{ id: 2, username: "b<b>ob</b>" }, ["ann"]]);

    // Ann's page learns of somebody whom she has not talked with.
    await send(bobTab, "hello from long-polling");
    await annTab.counts("b<b>ob</b>", 1);
    await annTab.page.getByText("Nobody to talk to yet.").waitFor({ state: "detached" });
    await annTab.open("b<b>ob</b>");
    await annTab.shows("hello from long-polling", "theirs");
    assert.equal(await annTab.separator.textContent(), "New Messages");
    await annTab.counts("b<b>ob</b>", 0);
    await send(annTab, "<i>hello</i> from a WebSocket & more");
    await bobTab.shows("<i>hello</i> from a WebSocket & more", "theirs");
    await bobTab.shows("hello from long-polling", "mine");
    const icon = annTab.page.locator("#btn-send-message img");
    assert.equal(await icon.evaluate((image) => /** @type {HTMLImageElement} */ (image).naturalWidth), 32);

    // What is counted is counted on the next page as well.
    await annTab.page.goto("/find");
    await send(bobTab, "while ann is away");
    await annTab.page.goto("/chats");
    await annTab.counts("b<b>ob</b>", 1);

    await annTab.page.getByRole("link", { name: "Log Out" }).click();
    await annTab.page.waitForURL("/login");
    assert.deepEqual(await annTab.page.locator(".nav-link").allTextContents(), ["Register", "Log In"]);
  }));

test("the history is read upwards, and other chats are counted", bounded, () =>
  withChat(browser, { ...own, database: FLASK_DATABASE }, async (chat) => {
    const bob = await chatsOf(await member(chat, "Bob", "hunter2 hunter2"));
    await bob.counts("ann", 43);
    await bob.open("ann");
    await bob.theirs.nth(42).waitFor();
    await bob.counts("ann", 0);
    await bob.reload();
    await bob.open("ann");
    await bob.messages.nth(19).waitFor();
    // Each time the oldest message comes into view, ten more come.
    for (const count of [30, 40]) {
      await bob.messages.first().scrollIntoViewIfNeeded();
      await bob.messages.nth(count - 1).waitFor();
    }

    const cyd = await chatsOf(await member(chat, "cyd", "пароль-密码"));
    await cyd.open("Bob");
    await send(cyd, "cyd again");
    await bob.counts("cyd", 1);
    assert.equal((await bob.names())[0], "cyd");
    assert.equal(await bob.page.evaluate("document.styleSheets.length"), 4);
  }));

test("a deployment's apology says what was wrong", bounded, () =>
  withChat(browser, { ...own, complaints: /status of 40[014]/ }, async (chat) => {
    const page = await (await visitor(chat)).newPage();
    await logIn(page, "nobody", "whatever it is");
    await page.locator(".apology").getByText("invalid username and/or password").waitFor();
    await page.goto("/nowhere");
    await page.locator(".apology").getByText("there is no such page").waitFor();
  }));

/**
 * Somebody's browser, which finds the CDN's files here.
 * @param {Chat} chat
 */
async function visitor(chat) {
  const context = await chat.visitor();
  await context.route(`https://${CDN}/**`, (route) => {
    const file = FROM_CDN.get(new URL(route.request().url()).pathname);
    return file ? route.fulfill({ path: `${MODULES}/${file}` }) : route.fulfill({ status: 404 });
  });
  return context;
}

/** @param {Page} page @param {string} username @param {string} password */
async function logIn(page, username, password) {
  await page.goto("/login");
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log In" }).click();
}

/**
 * Somebody whom the database knows.
 * @param {Chat} chat @param {string} username @param {string} password
 */
async function member(chat, username, password) {
  const page = await (await visitor(chat)).newPage();
  await logIn(page, username, password);
  await page.getByRole("heading", { name: `Welcome, ${username}!` }).waitFor();
  return page;
}

/**
 * Somebody who registers and logs in by the pages.
 * @param {Chat} chat @param {string} username @param {BrowserContext} [context]
 */
async function newcomer(chat, username, context) {
  const page = await (context ?? (await visitor(chat))).newPage();
  const password = `password of ${username}`;
  await page.goto("/register");
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Password again").fill(password);
  await page.getByRole("button", { name: "Register" }).click();
  await page.waitForURL("/login");
  await logIn(page, username, password);
  await page.getByRole("heading", { name: `Welcome, ${username}!` }).waitFor();
  return page;
}

/** @param {Page} page */
async function chatsOf(page) {
  await page.getByRole("link", { name: "Chats" }).click();
  await page.waitForURL("/chats");
  return new ChatsTab(page);
}

/** Starts a chat by the find page. @param {Page} page @param {string} typed @param {string} username */
async function find(page, typed, username) {
  await page.getByRole("link", { name: "Find" }).click();
  await page.locator("input[name=username]").fill(typed);
  await page.getByRole("button", { name: "Search" }).click();
  const row = page.locator("#names tr").filter({ has: page.getByRole("cell", { name: username, exact: true }) });
  await row.getByRole("button", { name: "Start chat" }).click();
  await page.waitForURL("/chats");
  return new ChatsTab(page);
}

/** @param {ChatsTab} tab @param {string} text */
async function send(tab, text) {
  await tab.box.fill(text);
  await tab.page.locator("#btn-send-message").click();
  await tab.shows(text, "mine");
}
