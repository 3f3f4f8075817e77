// Blocking the partner of the open chat: a button in the chat's head that asks first, and in the place of the box in
// which one writes what is so and the way back.

import { html, nothing } from "../vendor/lit.js";
import { ask } from "../view/question.js";

/** @import { ChatsPage } from "../app/chats_page.js" */
/** @import { OpenChat } from "../view/open_chat.js" */

const MEANING =
  "Neither of you can write to the other any more, or find the other. They are not told, but see that what they " +
  "write is not sent. What was said stays, and you can unblock them at any time.";

/** @param {ChatsPage} page */
export default function block(page) {
  /** The question that is open, about which chat. @type {{ chat: OpenChat, close: () => void } | null} */
  let question = null;
  /** Why a block could not be taken back. @type {{ chat: OpenChat, failure: string } | null} */
  let failed = null;

  const isBlocked = (/** @type {OpenChat} */ { partner }) => page.model.get(partner.id)?.state?.blocked === true;

  const set = (/** @type {OpenChat} */ { partner }, /** @type {boolean} */ blocked) =>
    page.request("set_blocked", { partner_id: partner.id, blocked }, ({ conversation }) => {
      page.model.takeState(conversation);
      page.draw();
    });

  const block = (/** @type {OpenChat} */ chat) => {
    const close = ask({
      title: html`Block <bdi class="question-name">${chat.partner.username}</bdi>?`,
      text: MEANING,
      confirm: "Block",
      act: () => set(chat, true),
      onClose: () => {
        question = null;
        if (isBlocked(chat)) chat.focus();
      },
    });
    question = { chat, close };
  };

  const unblock = async (/** @type {OpenChat} */ chat) => {
    failed = null;
    try {
      await set(chat, false);
    } catch (error) {
      failed = { chat, failure: error instanceof Error ? error.message : String(error) };
    }
    page.draw();
  };

  page.slots.header.push((chat) =>
    isBlocked(chat) || chat.partner.id === page.userId
      ? nothing
      : html`<button class="block" type="button" @click=${() => block(chat)}>Block</button>`,
  );
  page.slots.composer.push((chat) =>
    isBlocked(chat)
      ? html`<div class="blocked">
          <p id="blocked-sentence">You have blocked <bdi class="blocked-name">${chat.partner.username}</bdi>.</p>
          <button
            class="unblock btn btn-quiet"
            type="button"
            aria-describedby="blocked-sentence"
            @click=${() => unblock(chat)}
          >
            Unblock
          </button>
          <p class="blocked-failure" role="alert">${failed?.chat === chat ? failed.failure : ""}</p>
        </div>`
      : nothing,
  );
  // Another device may have answered it, or the chat may have been left.
  page.on("change", () => {
    if (question && (page.openChat !== question.chat || isBlocked(question.chat))) question.close();
  });
}
