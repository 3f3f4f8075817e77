// Pages that a link of the operator leads to.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";

import { launch, withChat } from "../support/browser.mjs";
import { BOTH } from "../support/pages.mjs";
import { logIn, register } from "../support/server.mjs";

/** @typedef {import("../support/server.mjs").Server} Server */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 30_000 };
const password = "something new and long";

/** The address that a command beside the server prints. @param {Server} server @param {string[]} args */
function link(server, ...args) {
  const settings = ["--database", server.database, "--public-url", server.url];
  const printed = execFileSync(server.program, [...args, ...settings], { encoding: "utf8", stdio: "pipe" });
  const [url] = printed.match(/http:\S+/) ?? [""];
  server.hides(url.slice(-40));
  return url;
}

for (const pages of BOTH) {
  test(`a link leads to a new password without scripts, on ${pages.name}`, bounded, () =>
    withChat(browser, { pages, complaints: /status of 404/ }, async (chat) => {
      await register(chat.server, "ann");
      const url = link(chat.server, "user", "reset-password", "ann");
      const page = await (await chat.visitor({ javaScriptEnabled: false })).newPage();
      await page.goto(url);
      assert.equal(await page.getByLabel("Username").inputValue(), "ann");
      await page.getByLabel("Password", { exact: true }).fill(password);
      await page.getByLabel("Password, once more").fill(password);
      await page.getByRole("button", { name: "Set the password" }).click();
      await page.waitForURL("/login");
      await logIn(chat.server, "ann", password);
      await page.goto(url);
      await page.getByText(/this link was used already or is too old/i).waitFor();
    }));
}

test("an invitation leads to a registration without scripts", bounded, () =>
  withChat(browser, { args: ["--registration", "invite"], complaints: /status of 403/ }, async (chat) => {
    const url = link(chat.server, "invite");
    const page = await (await chat.visitor({ javaScriptEnabled: false })).newPage();
    await page.goto("/login");
    assert.equal(await page.getByRole("link", { name: "Register" }).count(), 0);
    await page.goto(url);
    await page.getByLabel("Username").fill("ann");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByLabel("Password, once more").fill(password);
    await page.getByRole("button", { name: "Register" }).click();
    await page.waitForURL("/login");
    await logIn(chat.server, "ann", password);
    await page.goto(url);
    await page.getByText(/registration is by invitation here/i).waitFor();
  }));
