// Answers of the server that come late, when something has happened since they were asked for. The
// original's client does not mind them: this is our client's alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { OUTAGE, launch, withChat } from "../support/browser.mjs";
import { Person } from "../support/client.mjs";
import { HeldAnswers } from "../support/held_answers.mjs";
import { register } from "../support/server.mjs";

/** @import { Chat } from "../support/browser.mjs" */
/** @import { ChatsTab } from "../support/chats_tab.mjs" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };

for (const order of /** @type {const} */ (["as they came", "the last one first"])) {
  test(`chats that are changed quickly keep their messages apart, the answers ${order}`, bounded, () =>
    withHeldAnswers({}, async ({ bobs, answers, ann, cyd, bob }) => {
      const [anns, cyds] = [await ann.connect(), await cyd.connect()];
      await cyds.send(bob, "from cyd");
      await anns.send(bob, "from ann");
      await bobs.counts("cyd", 1);
      await bobs.counts("ann", 1);
      answers.hold("get_history");
      await bobs.open("ann");
      await bobs.open("cyd");
      await answers.holds(2);
      answers.release(order);

      await bobs.shows("from cyd", "theirs");
      await bobs.counts("cyd", 0);
      // What comes next belongs where the server says.
      await anns.send(bob, "more from ann");
      await bobs.counts("ann", 2);
      await cyds.send(bob, "more from cyd");
      await bobs.shows("more from cyd", "theirs");
      assert.deepEqual(await bobs.texts(), ["from cyd", "more from cyd"]);
      assert.equal(await bobs.partnerName.textContent(), "cyd");
    }));
}

test("a message that is sent while its chat is being loaded is shown once", bounded, () =>
  withHeldAnswers({}, async ({ bobs, answers, ann, bob }) => {
    await (await ann.connect()).sendAll(bob, ["one", "two"]);
    await bobs.counts("ann", 2);
    answers.hold("get_history");
    await bobs.open("ann");
    await answers.holds(1);
    // The answer that is held knows nothing of this.
    await bobs.send("just sent");
    await bobs.unsent.filter({ hasText: "just sent" }).filter({ hasText: /Sent$/ }).waitFor();
    answers.release();
    await bobs.shows("two", "theirs");
    assert.deepEqual(await bobs.texts(), ["one", "two", "just sent"]);
    assert.equal(await bobs.unsent.count(), 0);
  }));

test("a block that was told of while its chat is being loaded stands", bounded, () =>
  withHeldAnswers({}, async ({ bobs, answers, ann, bob }) => {
    await (await ann.connect()).send(bob, "one");
    await bobs.counts("ann", 1);
    answers.hold("get_history");
    await bobs.open("ann");
    await answers.holds(1);
    // The answer that is held knows nothing of this.
    await (await bob.connect()).block(ann, true);
    const unblock = bobs.page.getByRole("button", { name: "Unblock" });
    await unblock.waitFor();
    answers.release();
    await bobs.shows("one", "theirs");
    assert.equal(await unblock.isVisible(), true);
    assert.equal(await bobs.box.isVisible(), false);
  }));

test("a message that was written in a gap is shown once after it", bounded, () =>
  withHeldAnswers({ complaints: OUTAGE }, async ({ chat, bobs, answers, ann, bob }) => {
    await bobs.open("ann");
    await (await ann.connect()).send(bob, "before");
    await bobs.shows("before", "theirs");
    await chat.server.stop();
    await bobs.send("written in the gap");
    await bobs.waiting.waitFor();
    answers.hold("catch_up");
    await chat.server.start();
    await answers.holds(1);
    assert.equal(await bobs.waiting.count(), 1);
    answers.release();
    await bobs.shows("written in the gap", "mine");
    await (await ann.connect()).send(bob, "after");
    await bobs.shows("after", "theirs");
    assert.deepEqual(await bobs.texts(), ["before", "written in the gap", "after"]);
    assert.equal(await bobs.unsent.count(), 0);
  }));

test("a message that is sent while the page catches up is shown once", bounded, () =>
  withHeldAnswers({}, async ({ bobs, answers, ann, bob }) => {
    const anns = await ann.connect();
    await bobs.page.clock.install();
    await bobs.open("ann");
    await anns.send(bob, "before");
    await bobs.shows("before", "theirs");
    await bobs.look("hidden");
    await bobs.page.clock.fastForward(31_000);
    answers.hold("catch_up");
    await bobs.look("visible");
    await answers.holds(1);
    await bobs.send("just sent");
    await bobs.shows("just sent", "mine");
    answers.release();
    await anns.send(bob, "after");
    await bobs.shows("after", "theirs");
    assert.deepEqual(await bobs.texts(), ["before", "just sent", "after"]);
    assert.equal(await bobs.unsent.count(), 0);
  }));

test("a message that comes before its acknowledgement is shown once, and not sent again", bounded, () =>
  withHeldAnswers({ complaints: OUTAGE }, async ({ chat, bobs, answers, ann, bob }) => {
    await bobs.open("ann");
    await bobs.online();
    answers.hold("send_message");
    await bobs.send("stored");
    await answers.holds(1);
    await bobs.shows("stored", "mine");
    assert.equal(await bobs.unsent.count(), 0);
    await chat.server.stop();
    await bobs.page.locator(".chat-page[data-connection=down]").waitFor();
    await chat.server.start();
    await bobs.online();
    assert.equal(await bobs.unsent.count(), 0);
    answers.release();
    await (await ann.connect()).send(bob, "after");
    await bobs.shows("after", "theirs");
    assert.deepEqual(await bobs.texts(), ["stored", "after"]);
  }));

test("nothing leaves before it is known whose connection it is", bounded, () =>
  withHeldAnswers({ complaints: OUTAGE }, async ({ chat, bobs, answers, ann, cyd, bob }) => {
    await bobs.open("ann");
    await chat.server.stop();
    const [name, value] = cyd.cookie.split("=");
    await bobs.page.context().addCookies([{ name, value, url: chat.server.url }]);
    answers.hold("catch_up");
    await chat.server.start();
    await answers.holds(1);
    await bobs.send("from bob to ann");
    await bobs.waiting.waitFor();
    answers.release();
    await bobs.page.locator(`.chat-page[data-user-id="${cyd.id}"][data-connection=up]`).waitFor();
    const anns = await ann.connect();
    await ann.opens(cyd);
    for (const sender of [bob, cyd]) assert.deepEqual((await anns.join(sender)).messages, []);
  }));

for (const event of ["get_history", "catch_up"]) {
  test(`a late answer to ${event} does not bring back a count that another tab has read away`, bounded, () =>
    withHeldAnswers({}, async ({ bobs, answers, ann, cyd, bob }) => {
      const phone = await bob.connect();
      await (await ann.connect()).sendAll(bob, ["one", "two"]);
      await bobs.counts("ann", 2);
      await askLate(bobs, answers, event);
      await phone.read(ann, 0, (await phone.join(ann)).messages[0].id);
      await bobs.counts("ann", 0);
      const titles = await titlesFromNowOn(bobs);
      answers.release();
      // What comes after the answer shows that it was heard.
      await (await cyd.connect()).send(bob, "three");
      await bobs.counts("cyd", 1);
      await bobs.counts("ann", 0);
      assert.deepEqual(await titles(), ["Messanger: Chats", "(1) Messanger: Chats"]);
    }));
}

test("a late answer to catch_up does not hide a message that has been counted since", bounded, () =>
  withHeldAnswers({}, async ({ bobs, answers, ann, cyd, bob }) => {
    const [anns, cyds] = [await ann.connect(), await cyd.connect()];
    await askLate(bobs, answers, "catch_up");
    await anns.send(bob, "one");
    await bobs.counts("ann", 1);
    answers.release();
    await cyds.send(bob, "two");
    await bobs.counts("cyd", 1);
    await bobs.counts("ann", 1);
    assert.deepEqual(await bobs.names(), ["cyd", "ann"]);
    assert.equal(await bobs.page.title(), "(2) Messanger: Chats");
  }));

/**
 * Lets a page that is not looked at ask the server, and holds the answer.
 * @param {ChatsTab} tab @param {HeldAnswers} answers @param {string} event
 */
async function askLate(tab, answers, event) {
  await tab.page.clock.install();
  await tab.look("hidden");
  answers.hold(event);
  if (event === "get_history") {
    await tab.open("ann");
  } else {
    await tab.page.clock.fastForward(31_000);
    await tab.look("visible");
  }
  await answers.holds(1);
}

/**
 * Watches the page's title, which has the count of all chats, from now on.
 * @param {ChatsTab} tab
 * @returns {Promise<() => Promise<string[]>>} gives each title that it had
 */
async function titlesFromNowOn({ page }) {
  const seen = await page.evaluateHandle(() => {
    const seen = new Set([document.title]);
    const note = () => seen.add(document.title);
    new MutationObserver(note).observe(document.head, { childList: true, subtree: true });
    return seen;
  });
  return () => seen.evaluate((titles) => [...titles]);
}

/**
 * @typedef {object} Scene
 * @property {Chat} chat
 * @property {HeldAnswers} answers between bob's page and the server
 * @property {ChatsTab} bobs his page, online, with the chats of ann and cyd
 * @property {Person} bob
 * @property {Person} ann
 * @property {Person} cyd
 */

/** @param {{ complaints?: RegExp }} options @param {(scene: Scene) => Promise<void>} run */
function withHeldAnswers(options, run) {
  return withChat(browser, options, async (chat) => {
    const { server } = chat;
    const [bob, ann, cyd] = await Promise.all(["bob", "ann", "cyd"].map(async (name) => {
      await register(server, name);
      return Person.known(server, name);
    }));
    for (const friend of [ann, cyd]) {
      await bob.opens(friend);
      await friend.opens(bob);
    }
    const browsing = await chat.person("bob");
    const answers = await HeldAnswers.of(browsing.context);
    const bobs = await browsing.chats();
    await bobs.online();
    await run({ chat, answers, bobs, bob, ann, cyd });
  });
}
