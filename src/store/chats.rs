//! Chats: what each of two people has of their conversation, with the count of what is new.

use time::OffsetDateTime;

use super::{Change, OwnChange, Reply};
use crate::domain::{Chat, MessageId, ReadMark, User, UserId};

/// What opening a chat came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub partner: User,
    /// `None` when the chat was there already.
    pub change: Option<Change>,
}

pub trait ChatStore: Send + Sync {
    /// Opens `user`'s chat with `partner`, at the time `at`; a chat that is there stays as it is.
    /// `None` when there is no such partner, or the chat is not there yet and one of the two has
    /// blocked the other. `partner` may be `user`.
    fn open_chat(&self, user: UserId, partner: UserId, at: OffsetDateTime)
    -> Reply<Option<Opened>>;

    /// `user`'s chats, at most `limit`, that one first into which a message came last, or which was
    /// opened last. Clocks do not matter: of two such calls, through one handle, the later one is that which
    /// was made after the other was answered.
    fn chats_of(&self, user: UserId, limit: u32) -> Reply<Vec<Chat>>;

    /// `user`'s chat with `partner`.
    fn chat(&self, user: UserId, partner: UserId) -> Reply<Option<Chat>>;

    /// How many chats `user` has, counted up to `at_most`.
    fn chat_count(&self, user: UserId, at_most: u32) -> Reply<u32>;

    /// Moves `user`'s read position in the chat with `partner` forward, never back.
    /// `None` when `user` has no such chat.
    fn mark_read(&self, user: UserId, partner: UserId, mark: ReadMark) -> Reply<Option<OwnChange>>;

    /// Notes that one of `user`'s devices has all messages of the chat with `partner` up to `up_to`.
    /// The mark moves forward, never back, and not beyond the last message.
    /// `None` when `user` has no such chat.
    fn mark_delivered(
        &self,
        user: UserId,
        partner: UserId,
        up_to: MessageId,
    ) -> Reply<Option<OwnChange>>;
}
