// Ann, who writes to bob in tabs of one browser, and how to see what became of it.

import { ChatsTab } from "./chats_tab.mjs";
import { Person } from "./client.mjs";
import { PageNetwork } from "./page_network.mjs";
import { register } from "./server.mjs";

/** @import { BrowserContext, Page } from "playwright-core" */
/** @import { Chat } from "./browser.mjs" */
/** @import { Client } from "./client.mjs" */

/** Registers ann and bob, who have a chat. Gives bob. @param {Chat} chat */
export async function friends({ server }) {
  await register(server, "ann");
  await register(server, "bob");
  const [ann, bob] = [await Person.known(server, "ann"), await Person.known(server, "bob")];
  await ann.opens(bob);
  await bob.opens(ann);
  return bob;
}

/**
 * Opens the page of chats in a tab, on a network of its own.
 * @template {boolean} [Own=true]
 * @param {BrowserContext} context
 * @param {Own} [own]
 * @returns {Promise<{ tab: ChatsTab, network: Own extends true ? PageNetwork : PageNetwork | undefined }>}
 */
export async function openTab(context, own) {
  const page = await context.newPage();
  const network = own === false ? undefined : await PageNetwork.of(page);
  await page.goto("/chats");
  return { tab: new ChatsTab(page), network: /** @type {any} */ (network) };
}

/** Logs in by the login page. @param {Page} page @param {string} username */
export async function logInAt(page, username) {
  await page.goto("/login");
  await page.locator("input[name=username]").fill(username);
  await page.locator("input[name=password]").fill(`password of ${username}`);
  await page.getByRole("button", { name: "Log In" }).click();
  await page.waitForURL((url) => url.pathname === "/");
}

/** Waits until the tab shows no message as unsent. @param {ChatsTab} tab */
export async function nothingUnsent({ page }) {
  await page.waitForFunction(() => document.querySelectorAll(".unsent-messages > *").length === 0);
}

/** The texts of all that ann and bob have written, in order. @param {Client} device of bob's @returns {Promise<string[]>} */
export async function history(device) {
  const [{ conversations }] = await device.ask("catch_up", {});
  const [{ messages }] = await device.ask("get_history", { partner_id: conversations[0].conversation.partner_id, at_most: 1000 });
  return messages.map((/** @type {{ text: string }} */ { text }) => text).reverse();
}

/**
 * What the browser keeps for the one person for whom it keeps something.
 * @param {Page} page
 * @returns {Promise<{ name: string | undefined, entries: unknown[], drafts: string[] }>}
 */
export function kept(page) {
  return page.evaluate(async () => {
    const [{ name } = { name: undefined }] = await indexedDB.databases();
    if (!name) return { name, entries: [], drafts: [] };
    /** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
    const result = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const db = await result(indexedDB.open(name));
    const stores = db.transaction(["entries", "drafts"]);
    const all = [stores.objectStore("entries").getAll(), stores.objectStore("drafts").getAll()];
    const [entries, drafts] = await Promise.all(all.map(result));
    db.close();
    return { name, entries, drafts };
  });
}
