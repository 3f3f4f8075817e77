// The server names the person who has logged out in a cookie. What this browser keeps for that person is forgotten by
// the page that sees the cookie first: mostly the login page, to which a logout leads. Where that has not run, it must
// be done before the person comes back and writes again, so the page of chats does it as well.

import { forget } from "./person_storage.js";

/** Forgets what this browser keeps for the person who has logged out. @param {Document} page says how the cookie is called */
export function forgetLoggedOut(page) {
  const name = page.documentElement.dataset.loggedOutCookie;
  const found = page.cookie.split("; ").find((cookie) => cookie.startsWith(`${name}=`));
  if (!found) return;
  forget(Number(found.slice(`${name}=`.length)));
  page.cookie = `${name}=; Max-Age=0; SameSite=Lax; Path=${new URL(".", location.href).pathname}`;
}
