//! Reading what has changed: a conversation is synced by its state, not by a log. A client keeps, for
//! each conversation, the version up to which it has everything, and asks for what has a version
//! above; it gets each message once, as it is now.

use super::Reply;
use crate::domain::{
    ConversationState, Digest, Epoch, MessageId, MessageState, Pair, User, UserId, Version,
};

/// One change of a conversation, which raised its version by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub people: Pair,
    /// The conversation's version before.
    pub after: Version,
    /// As each of the two sees the conversation after it, the one with the smaller id first; `None`
    /// for one who does not have it in the list, and for the second of two that are the same.
    pub states: [Option<ConversationState>; 2],
    /// The message that was added, or has changed.
    pub message: Option<MessageState>,
}

impl Change {
    /// As `user`, one of the two, sees the conversation after it, if it is in the list.
    #[must_use]
    pub fn seen_by(&self, user: UserId) -> Option<&ConversationState> {
        self.states[usize::from(user != self.people.low())].as_ref()
    }
}

/// What somebody's change of their own side came to: how far they have read, whom they block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnChange {
    pub state: ConversationState,
    /// `None` when it was so already.
    pub change: Option<Change>,
}

/// The version of one conversation in somebody's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationVersion {
    pub partner: UserId,
    pub version: Version,
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
    pub partner: User,
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
    pub partner: User,
    pub state: ConversationState,
    /// Newest first. Deleted messages are among them, without text.
    pub messages: Vec<MessageState>,
    /// There are older messages.
    pub more: bool,
}

/// What a client has when it comes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Under which epoch it has what follows; under another than the store's that does not count.
    pub epoch: Option<Epoch>,
    /// The digest of its versions, in place of all of them: where it is the store's, the client has
    /// everything.
    pub digest: Option<Digest>,
    /// Up to which version it has each conversation.
    pub versions: Vec<ConversationVersion>,
    /// The partners of those conversations of which it holds messages: the others come without. All of them
    /// when there is nothing.
    pub messages_of: Option<Vec<UserId>>,
}

/// What a client has missed in all its conversations, from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtUp {
    pub epoch: Epoch,
    /// Over all conversations in the list.
    pub digest: Digest,
    /// What has changed in each conversation that has changed, that first which stands first in the
    /// list. One that the client does not know comes without messages.
    pub conversations: Vec<Changes>,
    /// There are more that have changed, or more in one of these.
    pub more: bool,
}

/// How much is told at once of what a client has missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatchUpBounds {
    /// At least 1.
    pub conversations_max: u32,
    /// Of each conversation. At least 1.
    pub messages_max: u32,
    /// The sum of [`MessageState::wire_bytes`] over all conversations. The first message of a
    /// conversation comes whatever its length, and ends the answer where it is more than that.
    pub bytes_max: usize,
}

pub trait ChangeStore: Send + Sync {
    /// What has changed in the conversations of `user`'s list since what is `known`, and which epoch
    /// (the UUID of the database) and digest hold now.
    fn catch_up(&self, user: UserId, known: Known, bounds: CatchUpBounds) -> Reply<CaughtUp>;

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
