// The title of the page says how many messages are new in all chats together.

/** @import { ChatsPage } from "../app/chats_page.js" */

/** @param {ChatsPage} page */
export default function title(page) {
  const plain = document.title;
  page.on("change", () => {
    const count = page.chats.reduce((sum, { newMessageCount }) => sum + newMessageCount, 0);
    const words = count > 0 ? `(${count}) ${plain}` : plain;
    if (document.title !== words) document.title = words;
  });
}
