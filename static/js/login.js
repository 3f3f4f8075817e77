// The login page is where a logout leads to. The server names the person who has logged out in a cookie; what this
// browser keeps for that person is forgotten here, and nowhere else.

import { forget } from "./storage/person_storage.js";

const COOKIE = "visavis_logged_out";

const userId = new RegExp(`(?:^|; )${COOKIE}=(\\d+)`).exec(document.cookie)?.[1];
if (userId) {
  forget(Number(userId));
  document.cookie = `${COOKIE}=; Max-Age=0; SameSite=Lax; Path=${new URL(".", location.href).pathname}`;
}
