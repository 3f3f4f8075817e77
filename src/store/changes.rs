//! Reading what has changed: a conversation is synced by its state, not by a log. A client keeps, for
//! each conversation, the version up to which it has everything, and asks for what has a version
//! above; it gets each message once, as it is now.

use super::Reply;
use crate::domain::{Epoch, MessageId, MessageState, ReadState, User, UserId, Version};

/// The version of one conversation in somebody's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationVersion {
    pub partner: UserId,
    pub version: Version,
}

/// What tells whether anything in somebody's list has changed: two digests are equal when nothing
/// has, since versions only grow and no conversation leaves the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    pub conversations: u32,
    /// The sum of their versions.
    pub versions: i64,
}

/// A conversation as one of the two people sees it. Whether the partner blocks that person is not in
/// it, and must not become known by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationState {
    pub partner: User,
    pub version: Version,
    /// How far the person has read, and how many of the partner's messages are new.
    pub read: ReadState,
    /// Up to which message the person's devices have everything; 0 while that is unknown.
    pub last_delivered_id: MessageId,
    pub partner_last_read_id: MessageId,
    pub partner_last_delivered_id: MessageId,
    /// The person has blocked the partner.
    pub blocked: bool,
}

/// How much of a conversation is asked for. The first message comes whatever its length, so that
/// every page makes progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageBounds {
    /// At least 1.
    pub messages_max: u32,
    /// The sum of [`MessageState::wire_bytes`].
    pub bytes_max: usize,
}

/// What has changed in a conversation since a version, from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    pub state: ConversationState,
    /// Each message that has changed, once, by ascending version; no two have the same.
    pub messages: Vec<MessageState>,
    /// Up to this version nothing is missing: the last message's where there is more, and
    /// otherwise the conversation's, whatever was asked for. What comes next is asked for with it as
    /// `since`; a message that changes meanwhile comes later, with its new version.
    pub complete_to: Version,
    /// There are more messages after `complete_to`.
    pub more: bool,
}

/// A page of a conversation's messages, and the conversation's state, from one snapshot: up to
/// `state.version` nothing that is in the page has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    pub state: ConversationState,
    /// Newest first. Deleted messages are among them, without text.
    pub messages: Vec<MessageState>,
    /// There are older messages.
    pub more: bool,
}

pub trait ChangeStore: Send + Sync {
    /// The UUID of the database. It stays the same while the store is open.
    fn epoch(&self) -> Reply<Epoch>;

    /// The versions of the conversations in `user`'s list, at most `limit`, in the order of
    /// [`ChatStore::chats_of`](super::ChatStore::chats_of).
    fn versions_of(&self, user: UserId, limit: u32) -> Reply<Vec<ConversationVersion>>;

    /// The digest over all conversations in `user`'s list.
    fn digest_of(&self, user: UserId) -> Reply<Digest>;

    /// The messages of the conversation with a version above `since`, and the conversation as it is
    /// now. A `since` above the conversation's version, which only another epoch has, gives no message.
    /// `None` when `user` has no chat with `partner`.
    fn changes(
        &self,
        user: UserId,
        partner: UserId,
        since: Version,
        bounds: PageBounds,
    ) -> Reply<Option<Changes>>;

    /// The newest messages of the conversation, or the newest of those before the message `before`:
    /// what a client opens a conversation with that it does not hold.
    /// `None` when `user` has no chat with `partner`.
    fn history(
        &self,
        user: UserId,
        partner: UserId,
        before: Option<MessageId>,
        bounds: PageBounds,
    ) -> Reply<Option<HistoryPage>>;
}
