//! Messages that change after they were stored: edited, deleted.

use time::OffsetDateTime;

use super::{Change, Reply};
use crate::domain::{Body, ClientId, MessageId, MessageState, UserId, Version};

/// A new text on its way to a message.
#[derive(Debug, Clone)]
pub struct MessageEdit {
    pub user: UserId,
    pub partner: UserId,
    pub id: MessageId,
    pub body: Body,
    pub at: OffsetDateTime,
    /// Messages that were sent before this time are not edited any more.
    pub oldest: OffsetDateTime,
    /// What the user's client gave this edit. The outcome of an edit that was done is kept under it.
    pub client_id: ClientId,
}

/// A message that was edited or deleted, or was so already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As it is now.
    pub message: MessageState,
    /// The conversation's version now.
    pub version: Version,
    /// `None` where nothing changed: the request was done before, or the text is the same.
    pub change: Option<Change>,
}

/// Why a message was not edited. A refusal is not kept: the same edit, sent again, is judged anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEdited {
    /// There is no such message in the user's chat with the partner.
    NoMessage,
    /// The partner wrote it.
    NotOwn,
    /// It was deleted, which no edit undoes.
    Deleted,
    /// It was sent before the oldest time.
    TooOld,
    /// The user has blocked the partner, who may have blocked the user, too.
    BlockedByUser,
    BlockedByPartner,
    /// The user's client gave that client id to another edit.
    OtherContent,
}

/// Why a message was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDeleted {
    /// There is no such message in the user's chat with the partner.
    NoMessage,
    /// The partner wrote it.
    NotOwn,
}

pub trait EditStore: Send + Sync {
    /// Gives a message of `user`'s own another text, and raises the conversation's version. Counts and
    /// the order of the chat lists stay as they are.
    ///
    /// The outcome of an edit that was done is looked up by `client_id` before anything else: sent
    /// again, it gives the message as it is now, and changes nothing, whatever has come since (a
    /// block, a later edit, a deletion, the end of the time for edits). The same client id with
    /// another text or another message is `OtherContent`; the text is not compared any more once the
    /// message is deleted, since nothing of it is kept then. Outcomes are kept until
    /// [`EditStore::sweep_edits`].
    ///
    /// An edit to the text that the message has already changes nothing, and counts as done.
    fn edit_message(&self, edit: MessageEdit) -> Reply<Result<Changed, NotEdited>>;

    /// The outcome that an edit has had, without doing it: for a caller that would refuse to try. The
    /// text is compared as in [`EditStore::edit_message`]. `None` when it was not done.
    fn edited_before(
        &self,
        user: UserId,
        partner: UserId,
        id: MessageId,
        text: String,
        client_id: ClientId,
    ) -> Reply<Option<Result<Changed, NotEdited>>>;

    /// Deletes a message of `user`'s own: nothing of its text stays, but the message does, so that clients
    /// learn of it. It does not count as new any more; the order of the chat lists and the
    /// conversation's last message stay. A message that was deleted before stays as it is.
    ///
    /// Blocks do not matter: nobody has to leave words with somebody with whom they have fallen out,
    /// and a deletion brings the other nothing.
    fn delete_message(
        &self,
        user: UserId,
        partner: UserId,
        id: MessageId,
        at: OffsetDateTime,
    ) -> Reply<Result<Changed, NotDeleted>>;

    /// Forgets the outcomes of edits before that time, and gives how many. It must be longer ago than
    /// messages may be edited: an edit that is sent again is refused then, and never done twice.
    fn sweep_edits(&self, before: OffsetDateTime) -> Reply<usize>;
}
