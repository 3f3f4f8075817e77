// When the server or the connection is away: nothing is lost, nothing is stored twice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OUTAGE, launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 40_000 };
const outage = { complaints: OUTAGE };

for (const pages of BOTH) {
  test(`after a crash of the server a reload is enough to go on, on ${pages.name}`, bounded, () =>
    withChat(browser, { ...outage, pages }, async (chat) => {
      const [ann, bob] = await chat.friends("ann", "bob");
      const [anns, bobs] = [await ann.chats(), await bob.chats()];
      await anns.open("bob");
      await bobs.open("ann");
      await anns.send("before");
      await bobs.shows("before", "theirs");
      await chat.server.stop("SIGKILL");
      await chat.server.start();
      for (const [tab, partner] of /** @type {const} */ ([[anns, "bob"], [bobs, "ann"]])) {
        await tab.reopen(partner);
        await tab.messages.first().waitFor();
        await tab.online();
      }
      await bobs.send("after");
      await anns.shows("after", "theirs");
      for (const tab of [anns, bobs]) assert.deepEqual(await tab.texts(), ["before", "after"]);
    }));
}

// What follows is our client's alone: its outbox, its drafts, and its way back without a reload.

test("what the server could not keep says why at the message, and leaves by itself when it can, once", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await anns.send("before");
    await bobs.shows("before", "theirs");

    chat.server.limitFiles("1");
    await anns.send("too much for the disk");
    await anns.waiting.filter({ hasText: "Something went wrong :(" }).waitFor();
    chat.server.limitFiles("unlimited");

    await anns.shows("too much for the disk", "mine");
    assert.equal(await anns.unsent.count(), 0);
    await bobs.shows("too much for the disk", "theirs");
    for (const tab of [anns, bobs]) {
      await tab.reload();
      await tab.messages.nth(1).waitFor();
      assert.deepEqual(await tab.texts(), ["before", "too much for the disk"]);
    }
  }));

test("what is written without a connection leaves by itself when there is one, in order and once", bounded, () =>
  withChat(browser, outage, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await anns.send("before");
    await bobs.shows("before", "theirs");

    await chat.server.stop();
    await anns.banner.filter({ hasText: "No connection" }).waitFor();
    for (const text of ["one", "two", "taken back", "three"]) await anns.send(text);
    const takenBack = anns.waiting.filter({ hasText: "taken back" });
    await takenBack.filter({ hasText: "Waiting for a connection" }).waitFor();
    assert.equal(await takenBack.getByRole("button", { name: "Try again" }).count(), 0);
    await takenBack.getByRole("button", { name: "Remove" }).click();
    await anns.send("four");
    await chat.server.start();

    await anns.shows("four", "mine");
    await bobs.shows("four", "theirs");
    assert.equal(await anns.unsent.count(), 0);
    for (const tab of [anns, bobs]) {
      assert.deepEqual(await tab.texts(), ["before", "one", "two", "three", "four"]);
      await tab.reload();
      await tab.messages.nth(4).waitFor();
      assert.deepEqual(await tab.texts(), ["before", "one", "two", "three", "four"]);
    }
  }));

test("after a crash of the server both go on without logging in", bounded, () =>
  withChat(browser, outage, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await anns.send("before");
    await bobs.shows("before", "theirs");
    const phone = await ann.chats();
    await phone.open("bob");

    // Bob is out of reach when the server comes back, and finds what came meanwhile.
    await chat.server.stop("SIGKILL");
    await bob.context.setOffline(true);
    await chat.server.start();
    await anns.online();
    await anns.send("while bob is away");
    await anns.shows("while bob is away", "mine");
    await phone.shows("while bob is away", "mine");
    await bob.context.setOffline(false);
    await bobs.shows("while bob is away", "theirs");
    await bobs.send("back again");
    await anns.shows("back again", "theirs");
    for (const tab of [anns, bobs, phone]) {
      assert.deepEqual(await tab.texts(), ["before", "while bob is away", "back again"]);
      assert.equal(await tab.banner.textContent(), "");
    }
  }));

test("what came to other chats meanwhile is counted after a reconnect", bounded, () =>
  withChat(browser, outage, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.online();
    await chat.server.stop("SIGKILL");
    await bob.context.setOffline(true);
    await chat.server.start();
    await anns.online();
    await anns.send("one");
    await anns.send("two");
    await anns.shows("two", "mine");
    await bob.context.setOffline(false);
    await bobs.counts("ann", 2);
    assert.equal(await bobs.page.title(), "(2) Messanger: Chats");
  }));

test("a message whose acknowledgement is lost is stored and shown once", bounded, () =>
  withChat(browser, { complaints: /ERR_FAILED|ERR_CONNECTION/ }, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    await ann.context.addInitScript(() => Reflect.deleteProperty(window, "WebSocket"));
    // The message gets through; the poll that would have brought its acknowledgement does not.
    let cuts = 0;
    let sent = false;
    await ann.context.route("**/socket.io/**", async (route) => {
      const request = route.request();
      if (request.postData()?.includes("second")) sent = true;
      const response = await route.fetch().catch(() => null);
      if (sent && cuts === 0 && request.method() === "GET") {
        cuts += 1;
        await route.abort();
      } else if (response) {
        await route.fulfill({ response });
      } else {
        await route.abort();
      }
    });
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await anns.open("bob");
    await bobs.open("ann");
    await anns.send("first");
    await bobs.shows("first", "theirs");
    await anns.send("second");
    await bobs.shows("second", "theirs");
    await anns.shows("second", "mine");
    assert.equal(cuts, 1, "no acknowledgement was lost");
    await anns.send("third");
    await bobs.shows("third", "theirs");
    await anns.shows("third", "mine");
    for (const tab of [anns, bobs]) {
      assert.deepEqual(await tab.texts(), ["first", "second", "third"]);
    }
    assert.equal(await anns.unsent.count(), 0);
  }));

test("a refused message says why and can be edited", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    const anns = await ann.chats();
    await anns.open("bob");
    await anns.send("x".repeat(10_001));
    const refused = anns.failed.filter({ hasText: "longer than 10000 characters (it has 10001)" });
    await refused.waitFor();
    assert.equal(await refused.getByRole("button", { name: "Try again" }).count(), 0);
    await anns.box.fill("typed since");
    await refused.getByRole("button", { name: "Edit" }).click();
    await anns.failed.waitFor({ state: "detached" });
    const given = `${"x".repeat(10_001)}\ntyped since`;
    await anns.page.waitForFunction((text) => document.querySelector("textarea")?.value === text, given);
    assert.equal(await anns.failed.count(), 0);

    // So large that it is not even sent.
    await anns.send("y".repeat(30_000));
    await anns.failed.filter({ hasText: "longer than 10000 characters (it has 30000)" }).waitFor();
    await anns.failed.getByRole("button", { name: "Remove" }).click();
    await anns.send("short");
    await anns.shows("short", "mine");
    assert.equal(await anns.failed.count(), 0);
  }));

test("a page knows how long a message may be here, and sends none that is too large", bounded, () =>
  withChat(browser, { args: ["--max-message-chars", "20"] }, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    /** @type {string[]} */
    const sent = [];
    const hear = (/** @type {import("playwright-core").WebSocket} */ socket) =>
      socket.on("framesent", ({ payload }) => sent.push(String(payload)));
    ann.context.on("page", (page) => page.on("websocket", hear));
    const anns = await ann.chats();
    await anns.open("bob");
    await anns.send("x".repeat(21));
    await anns.failed.filter({ hasText: "longer than 20 characters (it has 21)" }).waitFor();
    await anns.send("y".repeat(41));
    await anns.failed.filter({ hasText: "longer than 20 characters (it has 41)" }).waitFor();
    await anns.send("short");
    await anns.shows("short", "mine");
    const messages = sent.filter((frame) => frame.includes("send_message"));
    assert.deepEqual(messages.map((frame) => /"text":"(.)/.exec(frame)?.[1]), ["x", "s"]);
  }));

test("what was typed outlives another chat, a reload, and a time without a connection", bounded, () =>
  withChat(browser, outage, async (chat) => {
    const [ann] = await chat.friends("ann", "bob");
    await chat.friends("cyd", "dora");
    const anns = await ann.chats();
    await anns.startChat("cyd");
    await anns.open("bob");
    await anns.box.fill("half a senten");
    await anns.open("cyd");
    assert.equal(await anns.box.inputValue(), "");
    await anns.open("bob");
    assert.equal(await anns.box.inputValue(), "half a senten");

    await chat.server.stop();
    await anns.box.press("Enter");
    await anns.waiting.waitFor();
    await anns.box.fill("and the next");
    await anns.open("cyd");
    assert.equal(await anns.unsent.count(), 0);
    await anns.open("bob");
    await anns.waiting.filter({ hasText: "half a senten" }).waitFor();
    await anns.open("cyd");
    await chat.server.start();
    await anns.online();
    await anns.reload();
    await anns.open("bob");
    assert.equal(await anns.box.inputValue(), "and the next");
    await anns.shows("half a senten", "mine");
  }));

test("what is written faster than the server takes it waits, and leaves by itself in order", bounded, () =>
  withChat(browser, { args: ["--limit-messages", "2/s"] }, async (chat) => {
    const [ann, bob] = await chat.friends("ann", "bob");
    const [anns, bobs] = [await ann.chats(), await bob.chats()];
    await bobs.open("ann");
    await bobs.online();
    await anns.open("bob");
    await anns.online();
    const written = Array.from({ length: 6 }, (_, number) => `message number ${number}`);
    for (const text of written) await anns.send(text);
    await anns.waiting.filter({ hasText: "Many messages at once" }).first().waitFor();
    // The server takes one more now and then: what comes next must not overtake those that wait.
    await bobs.shows("message number 3", "theirs");
    written.push("the last one");
    await anns.send("the last one");
    await bobs.shows("the last one", "theirs");
    assert.deepEqual(await bobs.texts(), written);
    await anns.shows("the last one", "mine");
    assert.deepEqual(await anns.texts(), written);
    assert.equal(await anns.unsent.count(), 0);
  }));
