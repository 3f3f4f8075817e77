// Says what it means that the browser keeps nothing for this page.

import { html, nothing } from "../vendor/lit.js";

/** @import { ChatsPage } from "../app/chats_page.js" */

/** @param {ChatsPage} page */
export default function storageNotice(page) {
  page.slots.foot.push(() =>
    page.storage.isLost
      ? html`<p class="storage-notice">
          This browser keeps nothing for this page: drafts, and messages that were not sent yet, are lost when you
          close it.
        </p>`
      : nothing,
  );
}
