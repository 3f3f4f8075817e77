// The line below a long list: how many chats it keeps back, and the way to show more of them.

/** @import { ChatsPage } from "../app/chats_page.js" */

/** How many more chats the list shows at a time; as many as the server does. */
const MORE = 100;

/** @param {ChatsPage} page */
export default function moreChats(page) {
  const line = document.querySelector(".more-chats");
  const count = line?.querySelector(".more-chats-count");
  const link = line?.querySelector("a.more-chats-show");
  if (!(line instanceof HTMLElement) || !count) return;
  let shown = page.chats.length;
  page.show(shown);
  link?.addEventListener("click", (event) => {
    // Until then the server has to draw them.
    if (!page.hasAllChats) return;
    event.preventDefault();
    const first = page.shownChats.length;
    shown += MORE;
    page.show(shown);
    page.focusChat(first);
  });
  page.on("change", () => {
    if (!page.hasAllChats) return;
    const kept = page.chats.length - page.shownChats.length;
    count.textContent = `${kept} more`;
    line.hidden = kept === 0;
  });
}
