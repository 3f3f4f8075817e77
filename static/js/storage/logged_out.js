// The server names the person who has logged out in a cookie. What this browser keeps for that person is forgotten by
// the page that sees the cookie first: mostly the login page, to which a logout leads. Where that has not run, it must
// be done before the person comes back and writes again, so the page of chats does it as well.

import { forget } from "./person_storage.js";

const COOKIE = "visavis_logged_out";

/** Forgets what this browser keeps for the person who has logged out. @param {{ cookie: string }} page */
export function forgetLoggedOut(page) {
  const userId = new RegExp(`(?:^|; )${COOKIE}=(\\d+)`).exec(page.cookie)?.[1];
  if (!userId) return;
  forget(Number(userId));
  page.cookie = `${COOKIE}=; Max-Age=0; SameSite=Lax; Path=${new URL(".", location.href).pathname}`;
}
