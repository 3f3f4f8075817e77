// A deployment may bring its page of chats alone, with the original's client script, in the frame of our pages.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { Person } from "../support/client.mjs";
import { DEPLOYED } from "../support/pages.mjs";
import { DEPLOYMENT, FLASK_DATABASE } from "../support/server.mjs";

/** @import { Chat } from "../support/browser.mjs" */

/** @type {import("playwright-core").Browser} */
let browser;
/** The folder with the one template. @type {string} */
let templates;
before(async () => {
  browser = await launch();
  templates = await mkdtemp(join(tmpdir(), "visavis-templates-"));
  const whole = await readFile(`${DEPLOYMENT}/templates/chats.html`, "utf8");
  const [main] = /{% block main %}[^]*?{% endblock %}/.exec(whole) ?? [];
  assert.ok(main);
  const head = `
    <link href="{{ url_for('static', filename='leftPanel.css') }}" rel="stylesheet">
    <link href="{{ url_for('static', filename='rightPanel.css') }}" rel="stylesheet">
    <script defer src="https://cdn.example/socket.io/4.5.3/socket.io.min.js"></script>
    <script defer src="{{ url_for('static', filename='chats.js') }}"></script>`;
  const page = `{% extends "layout.html" %}{% block script %}${head}{% endblock %}${main}`;
  await writeFile(join(templates, "chats.html"), page);
});
after(async () => {
  await browser.close();
  await rm(templates, { recursive: true });
});

/** @param {(chat: Chat) => Promise<void>} run */
function withOriginalScript(run) {
  const args = ["--templates", templates, "--static", `${DEPLOYMENT}/static`];
  return withChat(browser, { database: FLASK_DATABASE, pages: { ...DEPLOYED, args } }, run);
}

const bounded = { timeout: 30_000 };
const BOB = { password: "hunter2 hunter2" };

test("the original's script works in our frame, with somebody who speaks protocol 2", bounded, () =>
  withOriginalScript(async (chat) => {
    const old = await (await chat.person("Bob", BOB)).chats();
    await old.page.getByRole("navigation", { name: "Menu" }).waitFor();
    await old.counts("ann", 43);
    await old.open("ann");
    await old.shows("hello Bob", "theirs");
    assert.equal(await old.theirs.count(), 43);
    assert.equal(await old.separator.textContent(), "New Messages");
    await old.counts("ann", 0);
    assert.equal(await old.page.locator("#right-panel-top").textContent(), "ann");

    const ann = await Person.known(chat.server, "ann", "ann's password");
    const bob = await Person.known(chat.server, "Bob", BOB.password);
    const anns = await ann.connect({ protocol: 2 });
    await old.send("from the old script");
    await old.shows("from the old script", "mine");
    const message = { partner_id: bob.id, text: "from the new protocol", client_id: crypto.randomUUID() };
    await anns.ask("send_message", message);
    await old.shows("from the new protocol", "theirs");
    const [{ messages }] = await anns.ask("get_history", { partner_id: bob.id, at_most: 2 });
    const texts = messages.map((/** @type {{ text: string }} */ { text }) => text);
    assert.deepEqual(texts, ["from the new protocol", "from the old script"]);
    assert.deepEqual(await old.names(), ["ann", "cyd"]);
  }));

test("the original's script hears of other chats and of new people", bounded, () =>
  withOriginalScript(async (chat) => {
    const old = await (await chat.person("Bob", BOB)).chats();
    await old.open("ann");
    await old.shows("hello Bob", "theirs");
    const cyd = await (await chat.person("cyd", { password: "пароль-密码" })).chats();
    await cyd.open("Bob");
    await cyd.send("cyd again");
    await old.counts("cyd", 1);
    const gus = await (await chat.person("gus", { password: "gus sha1" })).chats();
    await gus.startChat("Bob");
    await gus.open("Bob");
    await gus.send("gus for the first time");
    await old.counts("gus", 1);
    assert.deepEqual(await old.names(), ["gus", "cyd", "ann"]);
    await old.open("gus");
    await old.shows("gus for the first time", "theirs");
    await old.counts("gus", 0);
  }));
