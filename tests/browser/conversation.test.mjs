// Two people talk.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";
import { FLASK_DATABASE, register } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

for (const pages of BOTH) {
  test(`two people talk, one of them over long-polling, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages }, async (chat) => {
      const [ann, bob] = await chat.friends("ann", "bob");
      await bob.context.addInitScript(() => Reflect.deleteProperty(window, "WebSocket"));
      const [anns, bobs] = [await ann.chats(), await bob.chats()];
      assert.equal(await bobs.page.evaluate(() => typeof WebSocket), "undefined");
      await anns.open("bob");
      await bobs.open("ann");

      await anns.send("hello bob");
      await bobs.shows("hello bob", "theirs");
      await bobs.send("hello ann");
      await anns.shows("hello ann", "theirs");
      await anns.send("how are you?");
      await bobs.shows("how are you?", "theirs");

      for (const tab of [anns, bobs]) {
        assert.deepEqual(await tab.texts(), ["hello bob", "hello ann", "how are you?"]);
      }
      await anns.reopen("bob");
      await anns.shows("how are you?", "mine");
      assert.deepEqual(await anns.texts(), ["hello bob", "hello ann", "how are you?"]);
    }));

  test(`names and messages are shown as text, whatever markup is in them, on ${pages.name}`, bounded, () =>
    withChat(browser, { database: FLASK_DATABASE, pages }, async (chat) => {
      const bob = await (await chat.person("Bob", { password: "hunter2 hunter2" })).chats();
      await bob.open("ann");
      await bob.shows("<script>alert(1)</script>", "theirs");
      await bob.shows("two\nlines", "theirs");
      await bob.send("<img src=x onerror=alert(2)> & <b>bold</b>");
      await bob.shows("<img src=x onerror=alert(2)> & <b>bold</b>", "mine");
      assert.equal(await bob.history.locator("b, script, img").count(), 0);

      const brien = await (await chat.person("o'brien <b>", { password: "x".repeat(40) })).chats();
      await brien.startChat("o'brien <b>");
      await brien.open("o'brien <b>");
      assert.equal(await brien.partnerName.textContent(), "o'brien <b>");
      assert.equal(await brien.page.locator(".chat b, #right-panel b").count(), 0);
    }));

  test(`every tab of a person hears of a message, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages }, async (chat) => {
      const [ann, bob] = await chat.friends("ann", "bob");
      const anns = await ann.chats();
      const [one, other] = [await bob.chats(), await bob.chats()];
      for (const tab of [one, other]) {
        await tab.online();
        await tab.open("ann");
      }
      await anns.open("bob");
      await anns.send("to every tab");
      for (const tab of [one, other]) await tab.shows("to every tab", "theirs");
    }));

  test(`somebody who writes first appears on top of the list, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages }, async (chat) => {
      const [ann] = await chat.friends("ann", "bob");
      await register(chat.server, "cyd");
      const anns = await ann.chats();
      await anns.online();
      const cyds = await (await chat.person("cyd")).chats();
      await cyds.startChat("ann");
      await cyds.open("ann");
      await cyds.send("do you know me?");

      await anns.counts("cyd", 1);
      assert.deepEqual(await anns.names(), ["cyd", "bob"]);
      await anns.open("cyd");
      await anns.shows("do you know me?", "theirs");
      await anns.counts("cyd", 0);
    }));
}

// What follows is our client's alone: its composer, its tabs that hear of each other, and notes to
// self, which the original shows as if somebody else had written them.

test("a message keeps its lines, and only Enter alone sends it", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await anns.box.pressSequentially("one");
    await anns.box.press("Shift+Enter");
    await anns.box.pressSequentially("  two");
    // The Enter by which an input method's offer is chosen.
    await anns.box.dispatchEvent("keydown", { key: "Enter", isComposing: true });
    assert.equal(await anns.box.inputValue(), "one\n  two");
    await anns.page.getByRole("button", { name: "Send" }).click();
    await bobs.shows("two", "theirs");
    assert.deepEqual(await bobs.texts(), ["one\n  two"]);
    const text = bobs.theirs.locator(".message-text");
    assert.equal(await text.evaluate((element) => getComputedStyle(element).whiteSpace), "pre-wrap");

    await anns.send(" \n ");
    await anns.send("after the blank one");
    await bobs.shows("after the blank one", "theirs");
    assert.equal((await bobs.texts()).length, 2);
  }));

test("the sender's other tab shows the message as the sender's own", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const [one, other] = [await ann.chats(), await ann.chats()];
    await one.open("bob");
    await other.open("bob");
    await one.send("from the first tab");
    await other.shows("from the first tab", "mine");
    await other.send("from the second tab");
    await one.shows("from the second tab", "mine");
    for (const tab of [one, other]) {
      assert.deepEqual(await tab.texts(), ["from the first tab", "from the second tab"]);
      assert.equal(await tab.theirs.count(), 0);
    }
  }));

test("a chat that is opened in one tab appears in the others", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    await register(chat.server, "cyd");
    const [one, other] = [await ann.chats(), await ann.chats()];
    await other.online();
    await one.startChat("cyd");
    await one.chat("cyd").waitFor();
    await other.chat("cyd").waitFor();
    assert.deepEqual(await other.names(), ["cyd", "bob"]);
    await other.open("cyd");
    await other.send("hello");
    await other.shows("hello", "mine");
  }));

test("notes to self are one's own and count nothing", bounded, () =>
  withChat(browser, { database: FLASK_DATABASE }, async (chat) => {
    const ann = await chat.person("ann", { password: "ann's password" });
    const [one, other] = [await ann.chats(), await ann.chats()];
    await one.open("ann");
    await other.open("ann");
    await one.send("buy milk");
    await one.shows("buy milk", "mine");
    await other.shows("buy milk", "mine");
    await one.counts("ann", 0);
    assert.equal(await one.theirs.count(), 0);
    assert.equal(await one.mine.count(), 2);
  }));
