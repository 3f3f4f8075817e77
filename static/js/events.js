// The names of the socket's events, and the shapes of what goes with them.

/** What the page asks of the server; each is acknowledged. */
export const ClientEvent = Object.freeze({
  JOIN_CHAT: "join_chat",
  HISTORY_SCROLLED: "message_history_is_scrolled_to_the_top",
  MESSAGE_SENT: "message_sent",
  COUNT_UPDATED: "new_message_count_updated",
  BLOCK: "block",
  SYNC: "sync",
});

/** What the server tells the page unasked. */
export const ServerEvent = Object.freeze({
  NEW_USER: "new_user_sent_message",
  FROM_CURRENT_CHAT: "message_received_from_current_chat",
  FROM_ANOTHER_CHAT: "message_received_from_another_chat",
  SENT_ELSEWHERE: "message_sent_elsewhere",
  COUNT_CHANGED: "new_message_count_changed",
  BLOCK_CHANGED: "block_changed",
  CHAT_OPENED: "chat_opened",
});

/**
 * A stored message. Ids grow in the order of storage; `timestamp` is `YYYY-MM-DD HH:MM:SS`, UTC.
 * @typedef {{ id: number, sender_id: number, message: string, timestamp: string }} Row
 *
 * How far somebody has read.
 * @typedef {{ new_message_count: number, last_read_id: number }} ReadState
 *
 * A chat as `sync` lists it; `id` is the partner's.
 * @typedef {{ id: number, username: string } & ReadState} SyncedChat
 *
 * What `sync` brings: messages of all chats after the one that was named, oldest first, the first
 * hundred of them; and the chats, newest first.
 * @typedef {{
 *   user_id: number,
 *   messages: (Row & { receiver_id: number })[],
 *   more: boolean,
 *   chats: SyncedChat[],
 * }} Synced
 *
 * What goes with each question.
 * @typedef {{
 *   join_chat: { chat_partner_id: number, at_most?: number },
 *   message_history_is_scrolled_to_the_top:
 *     { chat_partner_id: number, message_count: number, before_id: number },
 *   message_sent: { message: string, chat_partner_id: number, client_id: string },
 *   new_message_count_updated: { chat_partner_id: number } & ReadState,
 *   block: { chat_partner_id: number, blocked: boolean },
 *   sync: { since_id: number },
 * }} Questions
 *
 * The arguments of each acknowledgement. Messages come newest first, but for `sync`.
 * @typedef {{
 *   join_chat: [
 *     messages: Row[], newMessageCount: number, joined: { last_read_id: number, blocked: boolean },
 *   ],
 *   message_history_is_scrolled_to_the_top: [messages: Row[]],
 *   message_sent: [sent: { timestamp: string, id: number, duplicate: boolean }],
 *   new_message_count_updated: [read: ReadState],
 *   block: [set: { blocked: boolean }],
 *   sync: [synced: Synced],
 * }} Answers
 *
 * What goes with each event of the server. `id` is a user's in the first and the last, else a
 * message's.
 * @typedef {{
 *   new_user_sent_message:
 *     { username: string, id: number, message_id: number, new_message_count: number },
 *   message_received_from_current_chat:
 *     { message: string, timestamp: string, id: number, new_message_count: number },
 *   message_received_from_another_chat:
 *     { chatPartnerId: number, message_id: number, new_message_count: number },
 *   message_sent_elsewhere:
 *     { chat_partner_id: number, id: number, message: string, timestamp: string },
 *   new_message_count_changed: { chat_partner_id: number } & ReadState,
 *   block_changed: { chat_partner_id: number, blocked: boolean },
 *   chat_opened: { id: number, username: string },
 * }} News
 */
