// On a slow link a chat opens all the same: an answer that comes late is not asked for in vain again.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Proxy } from "../chaos/proxy.mjs";
import { launch, withChat } from "../support/browser.mjs";
import { Person, texts } from "../support/client.mjs";
import { register } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const BYTES_PER_SECOND = 30_000;

test("a chat opens whose new messages take longer than the page waits at first", { timeout: 90_000 }, () =>
  withChat(browser, {}, async (chat) => {
    const { server } = chat;
    const [ann, bob] = await Promise.all(
      ["ann", "bob"].map(async (name) => {
        await register(server, name);
        return Person.known(server, name);
      }),
    );
    await ann.opens(bob);
    // Some 600 kB: twenty seconds of the link.
    await (await ann.connect()).sendAll(bob, texts("line", 400).map((line) => line.padEnd(1500, ".")));
    const proxy = await Proxy.start(Number(new URL(server.url).port));
    try {
      const bobs = await (await chat.person("bob", { browser: { baseURL: proxy.url } })).chats();
      await bobs.online();
      for (const link of proxy.links) link.cut();
      proxy.slow(BYTES_PER_SECOND);
      await bobs.page.locator(".chat-page[data-connection=down]").waitFor();
      await bobs.online();
      await bobs.open("ann");
      await bobs.history.and(bobs.page.locator("[data-loaded]")).waitFor({ timeout: 60_000 });
      assert.match((await bobs.texts()).at(-1) ?? "", /^line 400\./);
    } finally {
      proxy.close();
    }
  }));
