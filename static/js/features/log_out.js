// Logging out wipes what waits to be sent: it is said before.

import { ask } from "../view/question.js";

/** @import { ChatsPage } from "../app/chats_page.js" */

/** @param {ChatsPage} page */
export default function logOut(page) {
  const link = document.querySelector(".menu a[href$='/logout']");
  link?.addEventListener("click", (event) => {
    if (page.outbox.isEmpty) return;
    event.preventDefault();
    ask({
      title: "Log out now?",
      text: "Messages that you wrote were not sent yet. If you log out, this browser forgets them.",
      confirm: "Log out",
      act: () => location.assign(/** @type {HTMLAnchorElement} */ (link).href),
    });
  });
}
