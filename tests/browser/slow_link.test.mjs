// On a slow link a chat opens all the same: what is asked for fits the link, and a break takes nothing away that is
// there.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Proxy } from "../chaos/proxy.mjs";
import { OUTAGE, launch, withChat } from "../support/browser.mjs";
import { ChatsTab } from "../support/chats_tab.mjs";
import { Person, texts } from "../support/client.mjs";
import { register } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 90_000 };

/**
 * Bob's page behind a slow link, and the chat with ann in his list.
 * @param {{ bytesPerSecond: number, lines: string[] }} link `lines`: what ann has written to him
 * @param {(scene: { bobs: ChatsTab, proxy: Proxy, ann: Person, bob: Person }) => Promise<void>} run
 */
function withSlowLink({ bytesPerSecond, lines }, run) {
  return withChat(browser, { complaints: OUTAGE }, async (chat) => {
    const { server } = chat;
    const [ann, bob] = await Promise.all(["ann", "bob"].map(async (name) => {
      await register(server, name);
      return Person.known(server, name);
    }));
    await ann.opens(bob);
    const anns = await ann.connect();
    // More of one person's at once are refused.
    for (let sent = 0; sent < lines.length; sent += 500) await anns.sendAll(bob, lines.slice(sent, sent + 500));
    const proxy = await Proxy.start(Number(new URL(server.url).port));
    try {
      const bobs = await (await chat.person("bob", { browser: { baseURL: proxy.url } })).chats();
      await bobs.online();
      for (const link of proxy.links) link.cut();
      proxy.slow(bytesPerSecond);
      await bobs.page.locator(".chat-page[data-connection=down]").waitFor();
      await bobs.online();
      await run({ bobs, proxy, ann, bob });
    } finally {
      proxy.close();
    }
  });
}

test("a chat with 2000 new messages opens at 8 kB/s, and the older ones come", bounded, () =>
  withSlowLink({ bytesPerSecond: 8000, lines: texts("a line of a usual length, number", 2000) }, async ({ bobs }) => {
    await bobs.open("ann");
    await bobs.shows("number 2000", "theirs");
    assert.equal((await bobs.texts()).length, 50);
    await bobs.history.evaluate((log) => (log.scrollTop = 0));
    await bobs.page.getByRole("log").getByText("Loading…").waitFor();
    await bobs.messages.nth(50).waitFor({ state: "attached" });
    assert.equal((await bobs.texts()).at(-1), "a line of a usual length, number 2000");
  }));

test("of messages that take longer than the page waits, fewer are asked for", bounded, () =>
  withSlowLink({ bytesPerSecond: 30_000, lines: texts("line", 60).map((line) => line.padEnd(9000, ".")) }, async ({ bobs }) => {
    await bobs.open("ann");
    await bobs.page.getByRole("log").getByText("Loading…").waitFor();
    await bobs.page.locator("#message-history[data-loaded]").waitFor({ timeout: 60_000 });
    assert.match((await bobs.texts()).at(-1) ?? "", /^line 60\./);
  }));

test("what is there stays, at its place, while there is no connection and when the page comes back", bounded, () =>
  withSlowLink({ bytesPerSecond: 1_000_000, lines: texts("line", 80) }, async ({ bobs, proxy, ann, bob }) => {
    const { page } = bobs;
    await bobs.open("ann");
    await bobs.separator.waitFor();
    const seen = await bobs.messages.nth(40).elementHandle();
    assert.ok(seen);
    await seen.scrollIntoViewIfNeeded();
    const where = () => seen.evaluate((message) => [message.isConnected, message.getBoundingClientRect().top]);
    const before = await where();
    proxy.down();
    await bobs.banner.filter({ hasText: "No connection" }).waitFor();
    assert.deepEqual(await where(), before);
    await (await ann.connect()).send(bob, "written meanwhile");
    proxy.up();
    await bobs.shows("written meanwhile", "theirs");
    assert.deepEqual(await where(), before);
    await page.clock.install();
    await bobs.look("hidden");
    await page.clock.fastForward(31_000);
    await bobs.look("visible");
    assert.deepEqual(await where(), before);
  }));
