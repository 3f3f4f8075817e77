//! Messages: kept once, in order, and read in pages.

use time::OffsetDateTime;

use super::{Change, Reply};
use crate::domain::{
    Body, Chat, ClientId, Message, MessageId, ReadState, Timestamp, UserId, Version,
};

/// A message on its way into the store.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub sender: UserId,
    pub receiver: UserId,
    pub body: Body,
    pub at: OffsetDateTime,
    pub client_id: Option<ClientId>,
}

/// What keeping a message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub id: MessageId,
    pub timestamp: Timestamp,
    /// The sender had sent this client id before: this is that first message, and nothing changed.
    pub duplicate: bool,
    /// The message opened the chat on the receiver's side.
    pub opened_chat: bool,
    /// The conversation's version now.
    pub version: Version,
    /// `None` for a duplicate, which changes nothing.
    pub change: Option<Change>,
}

/// Why a message was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdded {
    /// The sender has no chat with the receiver.
    NoChat,
    /// The sender has blocked the receiver, who may have blocked the sender, too.
    BlockedBySender,
    BlockedByReceiver,
    /// The sender has sent this client id before, with another text or to another person.
    OtherContent,
}

/// The end of a conversation, and how far its reader has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Newest first.
    pub messages: Vec<Message>,
    pub read: ReadState,
    /// The reader has blocked the partner.
    pub blocked: bool,
}

/// How much of the end of a conversation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// So many messages, read or not.
    pub at_least: u32,
    /// No more messages than that, however many are unread.
    pub at_most: u32,
    /// No more unread messages than fit into that, in bytes on the wire.
    pub bytes_max: usize,
}

/// What came after a message, in all chats of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// There are more after the last of these.
    pub more: bool,
    /// Newest first, with their counts as of these messages' snapshot.
    pub chats: Vec<Chat>,
}

/// Where a page of older messages starts: `skip` messages before `before`, or before the end of the
/// conversation. What is skipped has to be walked over, so callers bound it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Older {
    pub before: Option<MessageId>,
    pub skip: u32,
}

impl Older {
    #[must_use]
    pub fn than(id: MessageId) -> Self {
        Self { before: Some(id), skip: 0 }
    }

    /// The page after the `count` newest messages.
    #[must_use]
    pub fn skipping(count: u32) -> Self {
        Self { before: None, skip: count }
    }
}

/// Ids of messages grow in the order in which a person comes to see them: in one conversation they are the
/// order of messages, and a message that can be read later than another of the same person, in whichever
/// conversation, has the higher id. [`MessageStore::sync`] depends on that: a client asks for what is above
/// the highest id that it knows. A sequence alone does not give it, since of two transactions under way
/// the one with the higher number may be stored first. Ids of people who share no conversation may come in any
/// order, and numbers may be missing.
pub trait MessageStore: Send + Sync {
    /// Keeps a message, touches both members' chats, opens the receiver's where it is missing, and
    /// counts the message as new there (not in a chat with oneself).
    ///
    /// A message that was kept before gets its first answer when it is sent again, whatever has come
    /// since: a block, an edit, a deletion, which it does not undo. The same client id with another
    /// text or another receiver is `OtherContent`; the text is not compared any more once the message
    /// was edited or deleted, since the first one is not kept then.
    fn add_message(&self, message: NewMessage) -> Reply<Result<Added, NotAdded>>;

    /// The answer that a message has had, without keeping it: for a caller that would refuse to try.
    /// The text is compared as in [`MessageStore::add_message`]. `None` when it was not kept.
    fn added_before(
        &self,
        sender: UserId,
        receiver: UserId,
        text: String,
        client_id: ClientId,
    ) -> Reply<Option<Result<Added, NotAdded>>>;

    /// The newest messages of the conversation, back to the first unread one, as far as `extent`
    /// allows. `None` when `user` has no chat with `partner`.
    fn newest_messages(
        &self,
        user: UserId,
        partner: UserId,
        extent: Extent,
    ) -> Reply<Option<Newest>>;

    /// A page of older messages, newest first, at most `limit`; empty at the end.
    /// `None` when `user` has no chat with `partner`.
    fn older_messages(
        &self,
        user: UserId,
        partner: UserId,
        older: Older,
        limit: u32,
    ) -> Reply<Option<Vec<Message>>>;

    /// Messages with an id above `since` in all chats of `user`, those that `user` sent included, oldest
    /// first, at most `limit`; and the newest `chats` chats.
    fn sync(&self, user: UserId, since: MessageId, limit: u32, chats: u32) -> Reply<Synced>;
}
