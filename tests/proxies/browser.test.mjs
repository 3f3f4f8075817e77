// People in Chromium, on the documented configurations: what only a browser decides (where links and
// scripts lead, which cookies are sent, of which origin a page is, and HTTP/2).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "../support/browser.mjs";
import { ChatsTab } from "../support/chats_tab.mjs";
import { startFront } from "./front.mjs";

/** @import { Browser, BrowserContext, Page } from "playwright-core" */
/** @import { Front } from "./front.mjs" */

const bounded = { timeout: 60_000 };
/** @type {Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/**
 * Registers and logs in by the pages' own links and forms; gives the page.
 * @param {Front} front @param {BrowserContext} context @param {string} username
 */
async function arrives(front, context, username) {
  const page = await context.newPage();
  const password = `password of ${username}`;
  front.hides(password);
  await page.goto(`${front.url}/`);
  await page.getByRole("navigation").getByRole("link", { name: "Register" }).click();
  await page.locator("#username").fill(username);
  await page.locator("#password").fill(password);
  await page.locator("#confirmation").fill(password);
  await page.getByRole("main").getByRole("button", { name: "Register" }).click();
  await page.waitForURL(/\/login$/);
  await page.locator("#username").fill(username);
  await page.locator("#password").fill(password);
  await page.getByRole("main").getByRole("button", { name: "Log In" }).click();
  await page.getByRole("link", { name: "Find" }).first().click();
  return page;
}

/** Opens a chat by way of the find page, which is shown. @param {Page} page @param {string} partner */
async function opens(page, partner) {
  await page.locator("input[name=username]").fill(partner);
  await page.getByRole("button", { name: "Search" }).click();
  const found = page.locator("#names tr").filter({ hasText: partner });
  await found.getByRole("button", { name: "Start chat" }).click();
  const tab = new ChatsTab(page);
  await tab.online();
  await tab.open(partner);
  return tab;
}

for (const [proxy, kind] of /** @type {const} */ ([
  ["nginx", "host"],
  ["nginx", "passing"],
  ["haproxy", "stripping"],
  ["caddy", "stripping"],
])) {
  test(`two people meet and talk behind ${proxy} (${kind})`, bounded, async () => {
    const front = await startFront(proxy, kind);
    const contexts = [await browser.newContext({ ignoreHTTPSErrors: true }), await browser.newContext({ ignoreHTTPSErrors: true })];
    /** What was asked outside the chat, or failed. @type {string[]} */
    const faults = [];
    let webSockets = 0;
    try {
      for (const context of contexts) {
        context.setDefaultTimeout(15_000);
        context.on("request", (request) => {
          if (!`${request.url()}/`.startsWith(`${front.url}/`)) faults.push(request.url());
        });
        context.on("response", (response) => {
          if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
        });
        context.on("weberror", (error) => faults.push(String(error.error())));
        context.on("page", (page) => page.on("websocket", (socket) => {
          assert.ok(socket.url().startsWith(`${front.url}/socket.io/`.replace("https:", "wss:")), socket.url());
          socket.on("framereceived", () => (webSockets += 1));
        }));
      }
      const ann = await arrives(front, contexts[0], "ann");
      const ben = await arrives(front, contexts[1], "ben");
      const [annTab, benTab] = [await opens(ann, "ben"), await opens(ben, "ann")];
      const text = `hello through ${proxy}`;
      front.hides(text);
      await annTab.send(text);
      await annTab.shows(text, "mine");
      await benTab.shows(text, "theirs");
      assert.ok(webSockets > 0, "no WebSocket was used");
      // Pages of the chat come by HTTP/2, its WebSockets by HTTP/1.1.
      const protocol = await ann.evaluate(() => {
        const [navigation] = performance.getEntriesByType("navigation");
        return /** @type {PerformanceNavigationTiming} */ (navigation).nextHopProtocol;
      });
      assert.equal(protocol, "h2");
      await ann.getByRole("link", { name: "Log Out" }).click();
      await ann.waitForURL(`${front.url}/login`);
      await ann.goto(`${front.url}/chats`);
      await ann.waitForURL(`${front.url}/login`);
      assert.deepEqual(faults, []);
    } finally {
      await Promise.all(contexts.map((context) => context.close()));
      await front.remove();
    }
  });
}
