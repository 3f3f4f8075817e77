// Reads new messages out to those who do not see them: one by one when they come slowly, as a number when they come
// quickly, and of chats that are not open only from whom.

/** @import { ChatsPage } from "../app/chats_page.js" */

/** How long messages are gathered before they are read out. */
const GATHER_MS = 1000;

/** @param {ChatsPage} page */
export default function announcements(page) {
  const region = document.createElement("p");
  region.className = "visually-hidden";
  region.setAttribute("role", "status");
  document.body.append(region);

  /** The texts that have come, by partner. @type {Map<number, string[]>} */
  const come = new Map();
  /** The newest message that was read out. */
  let newestId = 0;
  let timer = 0;

  const say = () => {
    timer = 0;
    region.textContent = [...come].map(([partnerId, texts]) => sentence(page, partnerId, texts)).join(" ");
    come.clear();
  };

  page.on("changed", ({ conversation: { partner_id }, message }) => {
    if (!message || message.sender_id === page.userId || message.id <= newestId) return;
    newestId = message.id;
    if (message.deleted_at !== undefined) return;
    come.set(partner_id, [...(come.get(partner_id) ?? []), message.text]);
    timer ||= window.setTimeout(say, GATHER_MS);
  });
}

/** @param {ChatsPage} page @param {number} partnerId @param {string[]} texts */
function sentence(page, partnerId, texts) {
  const name = page.model.get(partnerId)?.state?.username ?? "somebody";
  if (page.openChat?.partner.id === partnerId && texts.length === 1) return `${name}: ${texts[0]}`;
  return texts.length === 1 ? `A new message from ${name}.` : `${texts.length} new messages from ${name}.`;
}
