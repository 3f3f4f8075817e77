// Asks before a logout that would make the browser forget what waits to be sent.

import { askBeforeLogOut } from "../view/log_out.js";

/** @import { ChatsPage } from "../app/chats_page.js" */

/** @param {ChatsPage} page */
export default function logOut(page) {
  askBeforeLogOut(() => !page.outbox.isEmpty);
}
