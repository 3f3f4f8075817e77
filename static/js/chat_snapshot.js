// The chats as the server would draw them now. The page is its own interface: what it shows at
// first and what is asked for later cannot differ.

import { readChats } from "./chat_list.js";
import { find } from "./template.js";

/** @typedef {import("./chat_list.js").Chat} Chat */

/**
 * Whose page it is.
 * @param {ParentNode} page
 */
export function readUserId(page) {
  return Number(find(page, ".chat-page").dataset.userId);
}

/**
 * Asks for the page of chats. Rejects when the server cannot be reached or fails.
 * @returns {Promise<{ userId: number, chats: Chat[] } | null>} null when nobody is logged in
 */
export async function fetchChats() {
  const response = await fetch("/chats", { redirect: "manual", headers: { accept: "text/html" } });
  if (response.type === "opaqueredirect") return null;
  if (!response.ok) throw new Error(`the page of chats answers ${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return { userId: readUserId(page), chats: readChats(page) };
}
