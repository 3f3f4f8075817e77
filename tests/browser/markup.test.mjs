// Names, messages and all else that people write are text wherever they are shown, whatever markup
// is in them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";
import { post, register } from "../support/server.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../support/browser.mjs").Chat} Chat */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 60_000 };

/** Leaves an attribute of either quote and an element, and would run by itself. */
const ANN = `ann'"></title></script><img src=x onerror="hurt()"><i>`;
const BOB = `bob\\"--><script>hurt()</script>&lt;i&gt;{{ 7 * 7 }}<i>`;
/** The same in a message, with what makes a link in some chats. */
const TEXTS = [
  `<script>hurt()</script>`,
  `<img src=x onerror="hurt()">'"><svg/onload=hurt()>`,
  `</div></template><iframe srcdoc="<script>parent.hurt()</script>"></iframe>`,
  `[x](javascript:hurt()) javascript:hurt() &lt;b&gt; &#60;b&#62; {{ 7 * 7 }} \${7 * 7}`,
  `<a href="javascript:hurt()">x</a><style>*{display:none}</style><b>bold</b>`,
];

/** Tells of markup that has become part of a page; the page's own has none of these. @param {Page} page */
async function isText(page) {
  const markup = page.locator("i, b, iframe, img[src=x], [onerror], [onload], script:not([src]), a[href^=javascript]");
  const found = await markup.evaluateAll((elements) => elements.map((element) => element.outerHTML));
  assert.deepEqual(found.filter((html) => !OWN.some((own) => html.startsWith(own))), [], page.url());
  assert.equal(await page.evaluate(() => Reflect.get(window, "hurt.count")), 0, page.url());
}

/** What a deployment's pages have of their own, beside what they are given. */
const OWN = ["<b>hello</b>", "<script>\n"];

/** Pages of a browser in which `hurt()` is counted. @param {import("../support/browser.mjs").Person} person */
async function watched(person) {
  await person.context.addInitScript(() => {
    Object.assign(window, { "hurt.count": 0, hurt: () => Reflect.set(window, "hurt.count", Reflect.get(window, "hurt.count") + 1) });
  });
  return person;
}

/** @param {Chat} chat @param {string[]} args */
function command(chat, ...args) {
  const settings = ["--database", chat.server.database, "--public-url", chat.server.url];
  const printed = execFileSync(chat.server.program, [...args, ...settings], { encoding: "utf8", stdio: "pipe" });
  const [url] = printed.match(/http:\S+/) ?? [""];
  chat.server.hides(url.slice(-40));
  return url;
}

for (const pages of BOTH) {
  test(`markup in a name is text on every page, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages, complaints: /status of 40[0134]/ }, async (chat) => {
      await register(chat.server, ANN);
      const agent = `Mozilla"><img src=x onerror=hurt()><i>`;
      const ann = await watched(await chat.person(ANN, { browser: { userAgent: agent } }));
      await register(chat.server, BOB);
      const page = await ann.context.newPage();

      await page.goto("/");
      await page.getByText(ANN).first().waitFor();
      await isText(page);

      const tab = await ann.chats();
      await tab.startChat(BOB);
      assert.deepEqual(await tab.names(), [BOB]);
      await tab.open(BOB);
      assert.equal(await tab.partnerName.textContent(), BOB);
      await isText(tab.page);

      // Found by the beginning of the name, which is markup for the most part.
      await page.goto("/find");
      await page.locator("input[name=username]").fill(ANN);
      await page.getByRole("button", { name: "Search" }).click();
      await page.locator("#names tr").first().waitFor();
      assert.equal(await page.locator("#names td").first().textContent(), ANN);
      await isText(page);

      // In another browser that calls itself so, too: the list of sessions tells of both.
      await post(chat.server, "/login", { username: ANN, password: `password of ${ANN}` });
      await page.goto("/account");
      await page.getByText(ANN).first().waitFor();
      await page.getByText("an unknown device").first().waitFor();
      await isText(page);

      await page.goto(command(chat, "user", "reset-password", ANN));
      assert.equal(await page.getByLabel("Username").inputValue(), ANN);
      await isText(page);
    }));

  test(`markup that an address or a form carries is text or nothing, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages, complaints: /status of 4\d\d/ }, async (chat) => {
      await register(chat.server, BOB);
      const visitor = await watched(await chat.person(BOB));
      const page = await visitor.context.newPage();
      const markup = encodeURIComponent(`"><img src=x onerror=hurt()><i>`);
      for (const path of [
        `/${markup}`, `/reset/${markup}`, `/register?invite=${markup}`, `/account?done=${markup}`, `/chats?show=${markup}&with=${markup}`,
        `/chats#chat-${markup}`, `/login?next=${markup}`, `/?a=${markup}#${markup}`,
      ]) {
        await page.goto(path);
        await isText(page);
      }
      const password = "a long password";
      for (const [username, sentence] of /** @type {const} */ ([
        [BOB, "Please choose a different username"],
        [`${ANN}${ANN}`, "username is longer than 64 characters"],
        [`\u0007${ANN.slice(0, 50)}`, "username"],
      ])) {
        await page.goto("/register");
        await page.locator("input[name=username]").evaluate((input, username) => {
          input.removeAttribute("maxlength");
          /** @type {HTMLInputElement} */ (input).value = username;
        }, username);
        await page.locator("input[name=password]").fill(password);
        await page.locator("input[name=confirmation]").fill(password);
        await page.getByRole("button", { name: "Register" }).click();
        await page.locator(".apology").getByText(sentence).waitFor();
        await isText(page);
      }
    }));

  test(`markup in a message is text for both, however it comes, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages }, async (chat) => {
      const [ann, bob] = await Promise.all((await chat.friends("ann", BOB)).map(watched));
      const [anns, bobs] = [await ann.chats(), await bob.chats()];
      await anns.open(BOB);
      await bobs.open("ann");
      for (const text of TEXTS) {
        await anns.send(text);
        await bobs.shows(text, "theirs");
      }
      // As they come, as the history has them, and with the line that says what is new.
      assert.deepEqual(await bobs.texts(), TEXTS);
      for (const tab of [anns, bobs]) {
        await isText(tab.page);
        await tab.reopen(tab === anns ? BOB : "ann");
        await tab.shows(TEXTS[4], tab === anns ? "mine" : "theirs");
        assert.deepEqual(await tab.texts(), TEXTS);
        await isText(tab.page);
      }
    }));

  test(`markup in the name of somebody who writes first is text in the list, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages }, async (chat) => {
      await register(chat.server, "cyd");
      const cyd = await watched(await chat.person("cyd"));
      const cyds = await cyd.chats();
      await cyds.online();
      for (const name of [ANN, BOB]) {
        await register(chat.server, name);
        const tab = await (await chat.person(name)).chats();
        await tab.startChat("cyd");
        await tab.open("cyd");
        await tab.send(TEXTS[1]);
        await cyds.counts(name, 1);
      }
      assert.deepEqual(await cyds.names(), [BOB, ANN]);
      await isText(cyds.page);
      await cyds.open(ANN);
      await cyds.shows(TEXTS[1], "theirs");
      await isText(cyds.page);
    }));
}

// What follows our own client alone has.

test("markup in drafts, in what waits and in a chat opened elsewhere is text", bounded, () =>
  withChat(browser, { complaints: /ERR_INTERNET_DISCONNECTED|WebSocket connection to|status of 400/ }, async (chat) => {
    const [ann, bob] = await Promise.all((await chat.friends(ANN, BOB)).map(watched));
    await register(chat.server, `cyd${ANN}`.slice(0, 64));
    const [anns, another, bobs] = [await ann.chats(), await ann.chats(), await bob.chats()];
    await another.online();
    // Sent in one tab, shown in another of the same person.
    await another.open(BOB);
    await anns.open(BOB);
    await anns.send(TEXTS[1]);
    await another.shows(TEXTS[1], "mine");
    // A draft stays over a reload.
    await anns.box.fill(TEXTS[2]);
    await anns.reopen(BOB);
    assert.equal(await anns.box.inputValue(), TEXTS[2]);
    // Opened on the find page by the one tab, added to the list of the other.
    const cyd = `cyd${ANN}`.slice(0, 64);
    await anns.startChat(cyd);
    await another.chat(cyd).waitFor();
    for (const tab of [anns, another]) await isText(tab.page);

    await bobs.online();
    await bobs.open(ANN);
    await bob.context.setOffline(true);
    await bobs.send(TEXTS[4]);
    await bobs.unsent.filter({ hasText: TEXTS[4] }).waitFor();
    await isText(bobs.page);
    await bob.context.setOffline(false);
    await another.open(BOB);
    await another.shows(TEXTS[4], "theirs");
    await isText(another.page);
  }));
