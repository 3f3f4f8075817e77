// What the page asks of the server, and what it costs to have it open.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { ChatsTab } from "../support/chats_tab.mjs";
import { Person, texts } from "../support/client.mjs";
import { register } from "../support/server.mjs";

/** @import { Page } from "playwright-core" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

/** All that a page sends and gets over its WebSocket, and asks beside it. @param {Page} page */
function trafficOf(page) {
  const traffic = { sent: /** @type {string[]} */ ([]), got: /** @type {string[]} */ ([]), requests: 0 };
  page.on("request", () => (traffic.requests += 1));
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => traffic.sent.push(String(payload)));
    socket.on("framereceived", ({ payload }) => traffic.got.push(String(payload)));
  });
  return traffic;
}

/** Without the heartbeat, which comes every 25 seconds. @param {string[]} frames */
const withoutHeartbeat = (frames) => frames.filter((frame) => frame.length > 1);

for (const where of ["in a chat that is open", "in a chat that is not open"]) {
  test(`a message received ${where} costs no request and at most 1 kB`, bounded, () =>
    withChat(browser, {}, async (chat) => {
      const [ann, bob] = await chat.friends("ann", "bob");
      const page = await bob.context.newPage();
      const traffic = trafficOf(page);
      await page.goto("/chats");
      const bobs = new ChatsTab(page);
      await bobs.online();
      if (where === "in a chat that is open") {
        await bobs.open("ann");
        await bobs.loaded();
      }
      // A page that is looked at tells how far its reader has read.
      await bobs.look("hidden");
      const anns = await ann.chats();
      await anns.open("bob");
      await anns.send("first");
      await bobs.counts("ann", 1);
      for (const frames of [traffic.sent, traffic.got]) frames.length = 0;
      traffic.requests = 0;
      await anns.send("a message of a usual length, so that it says something");
      await bobs.counts("ann", 2);
      assert.deepEqual([traffic.requests, withoutHeartbeat(traffic.sent)], [0, []]);
      const bytes = withoutHeartbeat(traffic.got).join("").length;
      assert.ok(bytes > 0 && bytes <= 1000, `${bytes} bytes`);
    }));
}

test("reading several messages at once is told once", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const { server } = chat;
    const [ann, bob] = await Promise.all(["ann", "bob"].map(async (name) => {
      await register(server, name);
      return Person.known(server, name);
    }));
    await ann.opens(bob);
    await (await ann.connect()).sendAll(bob, texts("line", 10));
    const { context } = await chat.person("bob");
    const [page, otherPage] = [await context.newPage(), await context.newPage()];
    const traffic = trafficOf(page);
    await otherPage.goto("/chats");
    await page.goto("/chats");
    const [bobs, other] = [new ChatsTab(page), new ChatsTab(otherPage)];
    await other.online();
    await page.bringToFront();
    await bobs.counts("ann", 10);
    await bobs.open("ann");
    // The other page has it from the server.
    await other.counts("ann", 0);
    const marks = traffic.sent.filter((frame) => frame.includes('"mark_read"'));
    assert.equal(marks.length, 1, marks.join("\n"));
  }));
