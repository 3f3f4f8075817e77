// The states of our pages: everything that somebody may have before them, for what has to hold of each.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

import { withChat } from "./browser.mjs";
import { ChatsTab } from "./chats_tab.mjs";
import { Person } from "./client.mjs";
import { register } from "./server.mjs";

/** @import { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core" */
/** @import { Chat } from "./browser.mjs" */

/** Somebody whose name is written from right to left. */
const SALMA = "سلمى";
/** Marks that are stacked on letters, far beyond their line. */
const STACKED = `stacked${"\u0301\u0302\u0308\u030a\u033f\u0346".repeat(4)}`;

/**
 * Who looks at a page: somebody who is not logged in, somebody with chats, somebody without.
 * @typedef {"visitor" | "ann" | "newcomer"} Who
 */

/** @type {{ name: string, who: Who, lead: (page: Page, chat: Chat) => Promise<unknown> }[]} */
const STATES = [
  { name: "the login", who: "visitor", lead: (page) => page.goto("/login") },
  { name: "the registration", who: "visitor", lead: (page) => page.goto("/register") },
  { name: "the apology", who: "visitor", lead: (page) => page.goto("/nowhere") },
  { name: "a new password", who: "visitor", lead: (page, chat) => page.goto(linkToReset(chat)) },
  { name: "the first page", who: "ann", lead: (page) => page.goto("/") },
  { name: "the find page", who: "ann", lead: (page) => page.goto("/find") },
  {
    name: "people who were found",
    who: "ann",
    lead: async (page) => {
      await page.goto("/find");
      await page.getByLabel("Username").fill("b");
      await page.getByLabel("Username").press("Enter");
      await page.getByRole("button", { name: "Start chat" }).first().waitFor();
    },
  },
  { name: "the account", who: "ann", lead: (page) => page.goto("/account") },
  { name: "no chats", who: "newcomer", lead: (page) => online(page) },
  { name: "the list of chats", who: "ann", lead: (page) => online(page) },
  {
    name: "a chat that opens before the scripts run",
    who: "ann",
    lead: async (page) => {
      // Their answer never comes.
      await page.route("**/*.js", () => {});
      await page.goto("/chats", { waitUntil: "commit" });
      await page.getByRole("link", { name: "bob", exact: true }).click();
      await page.getByText("Opening…").waitFor();
    },
  },
  {
    name: "an open chat",
    who: "ann",
    lead: async (page) => {
      const tab = await online(page);
      await tab.open("bob");
      await tab.shows("the last one", "theirs");
    },
  },
  { name: "a chat without messages", who: "ann", lead: async (page) => (await online(page)).open(SALMA) },
  {
    name: "messages that wait for a connection",
    who: "ann",
    lead: async (page) => {
      const tab = await online(page);
      await tab.open("bob");
      await tab.shows("the last one", "theirs");
      await page.context().setOffline(true);
      await tab.send("not yet");
      await tab.waiting.filter({ hasText: "not yet" }).waitFor();
      await tab.banner.filter({ hasText: "No connection" }).waitFor();
    },
  },
  {
    name: "a message that was refused",
    who: "ann",
    lead: async (page) => {
      const tab = await online(page);
      await tab.open("cyd");
      await tab.send("are you there?");
      await tab.failed.filter({ hasText: "are you there?" }).waitFor();
    },
  },
  {
    name: "a blocked chat",
    who: "ann",
    lead: async (page) => {
      const tab = await online(page);
      await tab.choose("dora").click();
      await page.getByRole("button", { name: "Unblock" }).waitFor();
    },
  },
  {
    name: "the question before a block",
    who: "ann",
    lead: async (page) => {
      const tab = await online(page);
      await tab.open("bob");
      await tab.shows("the last one", "theirs");
      await page.getByRole("button", { name: "Block", exact: true }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
];

/** What pages complain of in those states: they were led there. */
const COMPLAINTS = /status of 404|ERR_INTERNET_DISCONNECTED|WebSocket connection to|status of 400/;

/**
 * Leads a tab of its own into each state, and calls `check` there.
 * @param {Browser} browser
 * @param {{ options?: BrowserContextOptions, names?: string[] }} how `options`: of the browsers; `names`: of
 *   the states, if not all of them
 * @param {(page: Page, name: string) => Promise<void>} check
 */
export function inEveryState(browser, { options, names }, check) {
  return withChat(browser, { complaints: COMPLAINTS }, async (chat) => {
    await fill(chat);
    /** @type {Record<Who, BrowserContext>} */
    const contexts = {
      visitor: await chat.visitor(options),
      ann: (await chat.person("ann", { browser: options })).context,
      newcomer: (await chat.person("newcomer", { browser: options })).context,
    };
    const states = STATES.filter(({ name }) => names?.includes(name) ?? true);
    assert.equal(states.length, names?.length ?? STATES.length);
    for (const { name, who, lead } of states) {
      const page = await contexts[who].newPage();
      await lead(page, chat);
      await check(page, name);
      await page.close();
      await contexts[who].setOffline(false);
    }
  });
}

/** The page of chats, with its list up to date. @param {Page} page */
export async function online(page) {
  const tab = new ChatsTab(page);
  await page.goto("/chats");
  await tab.online();
  return tab;
}

/** People, their chats and messages. @param {Chat} chat */
export async function fill({ server }) {
  for (const name of ["ann", "bob", "cyd", "dora", STACKED, SALMA, "newcomer"]) await register(server, name);
  const [ann, bob, cyd, dora, stacked, salma] = await Promise.all(
    ["ann", "bob", "cyd", "dora", STACKED, SALMA].map((name) => Person.known(server, name)),
  );
  for (const person of [bob, cyd, dora, stacked, salma]) await ann.opens(person);
  for (const person of [bob, cyd, stacked]) await person.opens(ann);
  const [anns, bobs, cyds] = await Promise.all([ann, bob, cyd].map((person) => person.connect()));
  await anns.sendAll(bob, ["Shall we go?", "The ferry leaves at ten, and there is one more at noon: which of the two suits you?"]);
  await bobs.sendAll(ann, ["The early one.", STACKED, `https://example.org/${"path/".repeat(30)}`, "مرحبا", "the last one"]);
  await cyds.block(ann, true);
  await anns.block(dora, true);
  const stackeds = await stacked.connect();
  await stackeds.send(ann, "new to you");
  for (const client of [anns, bobs, cyds, stackeds]) client.close();
}

/** The page behind a link with which bob may set a password. @param {Chat} chat */
function linkToReset({ server }) {
  const settings = ["--database", server.database, "--public-url", server.url];
  const args = ["user", "reset-password", "bob", ...settings];
  const [url = ""] = execFileSync(server.program, args, { encoding: "utf8", stdio: "pipe" }).match(/http:\S+/) ?? [];
  server.hides(url.slice(-40));
  return url;
}
