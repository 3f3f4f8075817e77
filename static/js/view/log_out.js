// A logout by the menu makes the browser forget what waits to be sent: it is said before.

import { ask } from "./question.js";

/** The menu's link to the logout. @returns {HTMLAnchorElement | null} */
export function logOutLink() {
  return document.querySelector(".menu a[href$='/logout']");
}

/** Asks before a logout, where something would be lost. @param {() => boolean | Promise<boolean>} hasUnsent */
export function askBeforeLogOut(hasUnsent) {
  const link = logOutLink();
  link?.addEventListener("click", async (event) => {
    event.preventDefault();
    const act = () => location.assign(link.href);
    if (!(await hasUnsent())) act();
    else {
      ask({
        title: "Log out now?",
        text: "Messages that you wrote were not sent yet. If you log out, this browser forgets them.",
        confirm: "Log out",
        act,
      });
    }
  });
}
