//! The names of the events, as they go over the wire.

// From the client.
pub const JOIN_CHAT: &str = "join_chat";
pub const MESSAGE_HISTORY_IS_SCROLLED_TO_THE_TOP: &str = "message_history_is_scrolled_to_the_top";
pub const MESSAGE_SENT: &str = "message_sent";
pub const NEW_MESSAGE_COUNT_UPDATED: &str = "new_message_count_updated";
pub const BLOCK: &str = "block"; // ours, as is the next
pub const SYNC: &str = "sync";

// To the client: the original's three.
pub const NEW_USER_SENT_MESSAGE: &str = "new_user_sent_message";
pub const MESSAGE_RECEIVED_FROM_CURRENT_CHAT: &str = "message_received_from_current_chat";
pub const MESSAGE_RECEIVED_FROM_ANOTHER_CHAT: &str = "message_received_from_another_chat";

// To the client: ours, which a client without a listener ignores.
pub const CHAT_OPENED: &str = "chat_opened";
pub const MESSAGE_SENT_ELSEWHERE: &str = "message_sent_elsewhere";
pub const NEW_MESSAGE_COUNT_CHANGED: &str = "new_message_count_changed";
pub const BLOCK_CHANGED: &str = "block_changed";
