// The list of somebody who has many chats.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { addChat, idOf, logIn, register } from "../support/server.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 60_000 };

/** Ann has chats with p1 to p45, the one with p45 on top. @param {import("../support/browser.mjs").Chat} chat */
async function annWithManyChats({ server }) {
  await register(server, "ann");
  const cookie = await logIn(server, "ann");
  for (let number = 1; number <= 45; number += 1) {
    await register(server, `p${number}`);
    await addChat(server, cookie, await idOf(server, cookie, `p${number}`));
  }
}

test("a long list shows the newest chats, and makes room for one that it kept back", bounded, () =>
  withChat(browser, {}, async (chat) => {
    await annWithManyChats(chat);
    const anns = await (await chat.person("ann")).chats();
    await anns.online();
    const newest = Array.from({ length: 40 }, (_, place) => `p${45 - place}`);
    assert.deepEqual(await anns.names(), newest);
    await anns.page.getByText("And 5 more.").waitFor();

    const firsts = await (await chat.person("p1")).chats();
    await firsts.startChat("ann");
    await firsts.open("ann");
    await firsts.send("do you remember me?");
    await anns.counts("p1", 1);
    assert.deepEqual(await anns.names(), ["p1", ...newest]);

    await anns.page.getByRole("link", { name: "Show more" }).click();
    await anns.chat("p2").waitFor();
    await anns.online();
    const names = await anns.names();
    assert.equal(names.length, 45);
    assert.equal(names[0], "p1");
    assert.equal(await anns.page.getByText(/ more\./).filter({ visible: true }).count(), 0);
  }));

test("a chat that is not in the list opens when its person is found", bounded, () =>
  withChat(browser, {}, async (chat) => {
    await annWithManyChats(chat);
    const anns = await (await chat.person("ann")).chats();
    await anns.online();
    await anns.page.goto("/find");
    await anns.page.getByLabel("Username").fill("p3");
    await anns.page.getByLabel("Username").press("Enter");
    const found = anns.page.locator("#names tr").filter({ has: anns.page.getByRole("cell", { name: "p3", exact: true }) });
    await found.getByRole("button", { name: "Start chat" }).click();
    await anns.box.waitFor();
    assert.equal(await anns.partnerName.textContent(), "p3");
    await anns.send("it has been a while");
    await anns.shows("it has been a while", "mine");
    assert.equal((await anns.names())[0], "p3");
  }));
