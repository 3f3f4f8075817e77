// The round mark beside a name. The server draws it by the same rules.

import { html } from "../vendor/lit.js";

/** How many colours avatar.css has. */
const COLOURS = 6;

/** @param {number} id @param {string} username */
export function avatar(id, username) {
  const [letter = ""] = username;
  return html`<div class="avatar avatar-${id % COLOURS}" aria-hidden="true">${letter.toUpperCase()}</div>`;
}
