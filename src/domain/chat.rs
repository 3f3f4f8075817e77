//! Chats: one member's view of a conversation, and how far that member has read.

use serde::Serialize;

use super::{MessageId, User, UserId, Version};

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

    /// The person with the smaller id.
    #[must_use]
    pub fn low(self) -> UserId {
        self.low
    }

    /// The person with the larger id, or the same person again.
    #[must_use]
    pub fn high(self) -> UserId {
        self.high
    }

    /// The other of the two.
    #[must_use]
    pub fn partner_of(self, user: UserId) -> UserId {
        if user == self.low { self.high } else { self.low }
    }

    /// Each of the two, once.
    pub fn people(self) -> impl Iterator<Item = UserId> {
        let high = (self.high != self.low).then_some(self.high);
        std::iter::once(self.low).chain(high)
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

/// A conversation as one of the two people sees it. Whether the partner blocks that person is not in
/// it, and must not become known by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConversationState {
    pub version: Version,
    /// Milliseconds since 1970 at which it came to the top of the person's list, which is sorted by it: by a
    /// message, or as it was opened. A later one is higher, also where clocks were put back.
    pub listed_at: i64,
    /// How far the person has read, and how many of the partner's messages are new.
    #[serde(flatten)]
    pub read: ReadState,
    /// Up to which message one of the person's devices has everything; never below `last_read_id`.
    pub last_delivered_id: MessageId,
    pub partner_last_read_id: MessageId,
    pub partner_last_delivered_id: MessageId,
    /// The person has blocked the partner.
    pub blocked: bool,
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
