//! Chats: one member's view of a conversation, and how far that member has read.

use serde::Serialize;

use super::{MessageId, User, UserId};

/// Two people, in either order: those of one conversation. Both may be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    low: UserId,
    high: UserId,
}

impl Pair {
    #[must_use]
    pub fn of(one: UserId, other: UserId) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }
}

/// A chat as its owner sees it in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    pub partner: User,
    pub read: ReadState,
}

/// How far a member has read. The count always equals the number of the partner's messages
/// after `last_read_id` that were not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReadState {
    pub new_message_count: i64,
    pub last_read_id: MessageId,
}

/// What a client says about its reading. Neither form ever moves the position backwards, so
/// neither raises the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMark {
    /// Everything up to and including this message has been read.
    UpTo(MessageId),
    /// At most so many of the newest messages are still unread: all that the original client says.
    Remaining(i64),
}
