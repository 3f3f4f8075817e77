// Says when there is no connection.

/** @import { ChatsPage } from "../app/chats_page.js" */

/** @param {ChatsPage} page */
export default function connectionBanner(page) {
  const banner = document.getElementById("connection-banner");
  page.on("change", () => {
    const words = page.isKnownOffline ? "No connection. Trying again…" : "";
    if (banner && banner.textContent !== words) banner.textContent = words;
  });
}
