// After a gap — the server was killed, the network cut, the page asleep — the page catches up by
// itself, and what its writer had on the way arrives once. The original's client does nothing of it:
// this is our client's alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Proxy } from "../chaos/proxy.mjs";
import { OUTAGE, launch, withChat } from "../support/browser.mjs";
import { ChatsTab } from "../support/chats_tab.mjs";
import { Person, texts } from "../support/client.mjs";
import { register } from "../support/server.mjs";

/** @import { Chat } from "../support/browser.mjs" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 40_000 };

for (const gap of ["the server is killed", "the network is cut"]) {
  test(`when ${gap}, messages, counts and new chats are caught up`, bounded, () =>
    withBehindProxy(async (chat, proxy) => {
      const [bob, ann, cyd, dora] = await people(chat, "bob", "ann", "cyd", "dora");
      for (const friend of [ann, cyd]) await bob.opens(friend);
      for (const friend of [ann, cyd, dora]) await friend.opens(bob);
      const bobs = await (await chat.person("bob", { browser: { baseURL: proxy.url } })).chats();
      await bobs.open("ann");
      await (await ann.connect()).send(bob, "before");
      await bobs.shows("before", "theirs");
      await bobs.counts("ann", 0);

      proxy.down();
      if (gap === "the server is killed") {
        await chat.server.stop("SIGKILL");
        await chat.server.start();
      }
      const phone = await bob.connect();
      await (await ann.connect()).send(bob, "from ann");
      await phone.send(ann, "from the phone");
      const [cyds, doras] = [await cyd.connect(), await dora.connect()];
      await cyds.sendAll(bob, texts("from cyd", 2));
      await doras.send(bob, "from dora");
      proxy.up();

      await bobs.shows("from ann", "theirs");
      await bobs.shows("from the phone", "mine");
      assert.deepEqual(await bobs.texts(), ["before", "from ann", "from the phone"]);
      await bobs.counts("cyd", 2);
      await bobs.counts("dora", 1);
      await bobs.counts("ann", 0);
      assert.deepEqual(await bobs.names(), ["dora", "cyd", "ann"]);
      assert.equal(await bobs.banner.textContent(), "");
      await bobs.open("dora");
      await bobs.shows("from dora", "theirs");
    }));
}

test("what was deleted meanwhile is not counted as new any more", bounded, () =>
  withBehindProxy(async (chat, proxy) => {
    const [bob, ann] = await people(chat, "bob", "ann");
    await bob.opens(ann);
    await ann.opens(bob);
    const bobs = await (await chat.person("bob", { browser: { baseURL: proxy.url } })).chats();
    const anns = await ann.connect({ protocol: 2 });
    const erased = (await (await ann.connect()).sendAll(bob, ["one", "two", "three"])).slice(1);
    await bobs.counts("ann", 3);
    const erase = (/** @type {{ id: number }} */ { id }) => anns.ask("delete_message", { partner_id: bob.id, message_id: id });
    await erase(erased[0]);
    await bobs.counts("ann", 2);
    proxy.down();
    await erase(erased[1]);
    proxy.up();
    await bobs.counts("ann", 1);
  }));

test("more than can be told at once is caught up page by page, without a gap", bounded, () =>
  withBehindProxy(async (chat, proxy) => {
    const [bob, ann, cyd] = await people(chat, "bob", "ann", "cyd");
    await bob.opens(ann);
    for (const friend of [ann, cyd]) await friend.opens(bob);
    const bobs = await (await chat.person("bob", { browser: { baseURL: proxy.url } })).chats();
    await bobs.open("ann");
    await (await ann.connect()).send(bob, "before");
    await bobs.shows("before", "theirs");

    proxy.down();
    // None of the first is new to bob: joining the chat again brings only the newest of them.
    await (await bob.connect()).sendAll(ann, texts("from the phone", 130));
    await (await cyd.connect()).sendAll(bob, texts("from cyd", 110));
    await (await ann.connect()).sendAll(bob, texts("from ann", 30));
    let questions = 0;
    bobs.page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => count(String(payload))));
    bobs.page.on("request", (request) => count(request.postData() ?? ""));
    const count = (/** @type {string} */ sent) => {
      if (/\["(catch_up|get_changes)",/.test(sent)) questions += 1;
    };
    proxy.up();

    await bobs.theirs.nth(30).waitFor({ state: "attached" });
    assert.deepEqual(await bobs.texts(), ["before", ...texts("from the phone", 130), ...texts("from ann", 30)]);
    await bobs.counts("cyd", 110);
    // What is in no chat that is open does not come along.
    assert.equal(questions, 2);
    assert.equal(await bobs.separator.count(), 1);
    const next = bobs.page.locator(".new-message-separator + .chat-partner-message .message-text");
    assert.equal(await next.textContent(), "from ann 1");
  }));

test("a page that comes into view after a while notices that its connection is dead", bounded, () =>
  withBehindProxy(async (chat, proxy) => {
    const [bob, ann] = await people(chat, "bob", "ann");
    await bob.opens(ann);
    await ann.opens(bob);
    const bobs = await (await chat.person("bob", { browser: { baseURL: proxy.url } })).chats();
    await bobs.page.clock.install();
    await bobs.open("ann");
    const anns = await ann.connect();
    await anns.send(bob, "before");
    await bobs.shows("before", "theirs");

    await bobs.look("hidden");
    // As while a machine sleeps: nothing comes, and nothing says so.
    for (const link of proxy.links) link.stall();
    await anns.sendAll(bob, ["one", "two"]);
    await bobs.page.clock.fastForward(31_000);
    await bobs.look("visible");
    // The server has so long to answer.
    await bobs.page.clock.fastForward(8_500);
    await bobs.shows("two", "theirs");
    assert.deepEqual(await bobs.texts(), ["before", "one", "two"]);
  }));

test("a short look elsewhere asks the server nothing", bounded, () =>
  withBehindProxy(async (chat, proxy) => {
    const [bob, ann] = await people(chat, "bob", "ann");
    await bob.opens(ann);
    await ann.opens(bob);
    const context = await chat.person("bob", { browser: { baseURL: proxy.url } });
    await context.context.addInitScript(() => Reflect.deleteProperty(window, "WebSocket"));
    const bobs = await context.chats();
    await bobs.page.clock.install();
    await bobs.open("ann");
    await bobs.loaded();
    let asked = 0;
    bobs.page.on("request", (request) => {
      if (request.postData()?.includes('["catch_up",')) asked += 1;
    });
    await bobs.look("hidden");
    await bobs.page.clock.fastForward(20_000);
    await bobs.look("visible");
    await bobs.send("back");
    await bobs.shows("back", "mine");
    assert.equal(asked, 0);
    await bobs.look("hidden");
    await bobs.page.clock.fastForward(31_000);
    const question = bobs.page.waitForRequest((request) => request.postData()?.includes('["catch_up",') === true);
    await bobs.look("visible");
    await question;
  }));

for (const lost of ["message", "acknowledgement"]) {
  for (const way of ["the tab is reloaded", "the tab is closed and another one opened"]) {
    test(`a pending message whose ${lost} is lost is sent once when ${way}`, bounded, () =>
      withChat(browser, { complaints: OUTAGE }, async (chat) => {
        const [ann, bob] = await chat.friends("ann", "bob");
        await ann.context.addInitScript(() => Reflect.deleteProperty(window, "WebSocket"));
        /** @type {Set<string>} */
        const clientIds = new Set();
        let [attempts, losing] = [0, false];
        let hold = () => {};
        const held = new Promise((resolve) => (hold = () => resolve(undefined)));
        await ann.context.route("**/socket.io/**", async (route) => {
          const request = route.request();
          const sent = request.postData() ?? "";
          const clientId = /"client_id":"([^"]+)"/.exec(sent)?.[1];
          if (clientId) {
            clientIds.add(clientId);
            attempts += 1;
          }
          // What is held is never answered: the page stays in the dark until it is left.
          if (losing && (lost === "message" ? Boolean(clientId) : !clientId)) {
            hold();
            return;
          }
          const response = await route.fetch().catch(() => null);
          if (losing && lost === "acknowledgement" && !clientId) return;
          await (response ? route.fulfill({ response }) : route.abort()).catch(() => {});
        });
        const [anns, bobs] = [await ann.chats(), await bob.chats()];
        await anns.open("bob");
        await bobs.open("ann");
        await anns.online();
        losing = true;
        await anns.send("on its way");
        await anns.page.locator(".message-pending").waitFor();
        if (lost === "acknowledgement") await bobs.shows("on its way", "theirs");
        else await held;

        losing = false;
        const isReloaded = way === "the tab is reloaded";
        const again = isReloaded ? anns : await opened(anns);
        if (isReloaded) await anns.reload();
        await again.shows("on its way", "mine");
        await bobs.shows("on its way", "theirs");
        // The history may show it before it is acknowledged a second time.
        await again.unsent.first().waitFor({ state: "detached" });
        await bobs.send("only once?");
        await again.shows("only once?", "theirs");
        for (const tab of [again, bobs]) assert.deepEqual(await tab.texts(), ["on its way", "only once?"]);
        assert.equal(clientIds.size, 1);
        // A message that is shown as stored need not be sent again.
        if (lost === "message") assert.equal(attempts, 2);
      }));
  }
}

test("a message on its way when the connection breaks stays before those that are written later", bounded, () =>
  withBehindProxy(async (chat, proxy) => {
    const [bob, ann] = await people(chat, "bob", "ann");
    await bob.opens(ann);
    const bobs = await (await chat.person("bob", { browser: { baseURL: proxy.url } })).chats();
    await bobs.open("ann");
    await bobs.online();
    for (const link of proxy.links) link.stall();
    await bobs.send("first");
    await bobs.page.locator(".message-pending").waitFor();
    proxy.down();
    await bobs.unconfirmed.waitFor();
    await bobs.send("second");
    await bobs.waiting.waitFor();
    proxy.up();
    await bobs.shows("second", "mine");
    assert.equal(await bobs.unsent.count(), 0);
    assert.deepEqual(await bobs.texts(), ["first", "second"]);
  }));

for (const gap of ["a break", "a sleep in which the connection dies"]) {
  test(`after ${gap} nothing leaves on the connection of somebody else`, bounded, () =>
    withBehindProxy(async (chat, proxy) => {
      const [bob, ann, cyd] = await people(chat, "bob", "ann", "cyd");
      for (const sender of [bob, cyd]) {
        await sender.opens(ann);
        await ann.opens(sender);
      }
      const browsing = await chat.person("bob", { browser: { baseURL: proxy.url } });
      const bobs = await browsing.chats();
      await bobs.page.clock.install();
      await bobs.open("ann");
      await bobs.online();
      const text = "from bob to ann";
      if (gap === "a break") {
        proxy.down();
        await bobs.page.locator(".chat-page[data-connection=down]").waitFor();
      } else {
        // No timer has noticed anything yet: the socket is connected, as far as it knows.
        for (const link of proxy.links) link.stall();
        await bobs.page.clock.setSystemTime(Date.now() + 3_600_000);
      }
      const [name, value] = cyd.cookie.split("=");
      await browsing.context.addCookies([{ name, value, url: proxy.url }]);
      await bobs.send(text);
      await bobs.unsent.filter({ hasText: text }).waitFor();
      proxy.down();
      proxy.up();
      // The page becomes the other person's.
      await bobs.page.locator(`.chat-page[data-user-id="${cyd.id}"][data-connection=up]`).waitFor();
      const anns = await ann.connect();
      for (const sender of [bob, cyd]) assert.deepEqual((await anns.join(sender)).messages, []);
    }));
}

/** @param {(chat: Chat, proxy: Proxy) => Promise<void>} run */
function withBehindProxy(run) {
  return withChat(browser, { complaints: OUTAGE }, async (chat) => {
    const proxy = await Proxy.start(Number(new URL(chat.server.url).port));
    try {
      await run(chat, proxy);
    } finally {
      proxy.close();
    }
  });
}

/** @param {Chat} chat @param {string[]} names */
function people({ server }, ...names) {
  return Promise.all(names.map(async (name) => {
    await register(server, name);
    return Person.known(server, name);
  }));
}

/** Closes a tab and opens another at the same place. @param {ChatsTab} tab */
async function opened({ page }) {
  const url = page.url();
  await page.close();
  const next = await page.context().newPage();
  await next.goto(url);
  return new ChatsTab(next);
}
