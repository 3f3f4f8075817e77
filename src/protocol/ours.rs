//! Protocol 2: one event tells both people of every change of their conversation.

use std::borrow::Cow;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(test)]
use super::documents;
use super::payload::Object;
use super::table::{notifications, requests};
use super::{Notification, Reader, Request};
use crate::config::LimitedAction;
use crate::domain::{
    ConversationState, Digest, MessageId, MessageState, Timestamp, UserId, Version,
};

requests! {
    for<'a>:

    /// Gives what has changed in all conversations: what a client asks when it starts, after every
    /// connect, and from time to time. In `known` it sends the version up to which it has each conversation, with
    /// the `epoch` of the answers that gave them. Those that it does not name come without messages, and those that
    /// have not changed not at all; 100 messages of each at most, and about 1 MB. A client that holds messages of
    /// some conversations only names their partners in `messages_of`: the others come without messages as well.
    /// While `more` is true it asks again, with what it has by then. In place of `known` it may send the `digest` of what it has: where that
    /// holds, the answer has no conversations. The `epoch` changes when a backup is restored; then nothing of
    /// what a client had is comparable, and it forgets all of it.
    CatchUp: "catch_up" -> CaughtUp, counts as Read,
    expects "an object with perhaps epoch (a UUID), digest (conversations and versions, whole numbers), known (pairs of a partner's id and a version) and messages_of (ids of partners)";

    /// Gives what has changed in one conversation since a version, each message once, as it is now, by
    /// ascending version: what a client asks when an event's `after` is beyond what it has. 50 messages, or
    /// `at_most` (1 to 1000), and about 1 MB at most.
    GetChanges: "get_changes" -> ChangedConversation, counts as Read,
    expects "an object with partner_id and since (whole numbers), and perhaps at_most (a whole number)";

    /// Gives messages of a conversation, newest first: the newest, or those before `before_id`; 50, or
    /// `at_most` (1 to 1000), and about 1 MB at most. Up to the version of `conversation` nothing in the
    /// page has changed.
    GetHistory: "get_history" -> History, counts as Read,
    expects "an object with partner_id (a whole number), and perhaps before_id and at_most (whole numbers)";

    /// Sends a message. It is kept once under its `client_id`, a UUID: sent again it gets its first
    /// answer, with `duplicate` true, whatever has come since. The sender's sockets hear of it as the
    /// receiver's do, this one too.
    SendMessage: "send_message" -> SentMessage<'a>, counts as SendMessage once,
    expects "an object with partner_id (a whole number), text (a text) and client_id (a UUID)";

    /// Gives a message of one's own another text, within 24 hours after it was sent. It is done once under
    /// its `client_id`, a UUID: sent again it gives the message as it is then.
    EditMessage: "edit_message" -> MessageChanged, counts as SendMessage once,
    expects "an object with partner_id and message_id (whole numbers), text (a text) and client_id (a UUID)";

    /// Deletes a message of one's own, for both people; may be repeated. Its text is erased, its row stays.
    DeleteMessage: "delete_message" -> MessageChanged, counts as SendMessage,
    expects "an object with partner_id and message_id (whole numbers)";

    /// Marks all messages up to `up_to_id` as read. Marks move forward only, and not beyond the newest
    /// message; may be repeated.
    MarkRead: "mark_read" -> ConversationChanged, counts as MarkRead,
    expects "an object with partner_id and up_to_id (whole numbers)";

    /// Notes that a device has all messages up to `up_to_id`. As `mark_read`.
    MarkDelivered: "mark_delivered" -> ConversationChanged, counts as MarkRead,
    expects "an object with partner_id and up_to_id (whole numbers)";

    /// Blocks the partner, or takes that back; the last one stands. The partner hears that the conversation
    /// has another version, and not why.
    SetBlocked: "set_blocked" -> ConversationChanged, counts as SendMessage,
    expects "an object with partner_id (a whole number) and blocked (true or false)";
}

notifications! {
    /// A conversation has changed. A client that has it up to `after` applies this, and has it up to
    /// the version of `conversation` then; one that has it up to that version, or further, drops this;
    /// any other asks by `get_changes`.
    Changed<'_>: "changed";
}

/// What a client that comes back has.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct CatchUp {
    pub epoch: Option<String>,
    #[cfg_attr(test, schemars(with = "Option<Digest>"))]
    pub digest: Option<Object<Digest>>,
    /// The id of each partner, and a version.
    #[serde(default)]
    pub known: Vec<(UserId, Version)>,
    /// The partners in `known` of whose conversations messages are held.
    pub messages_of: Option<Vec<UserId>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct GetChanges {
    pub partner_id: UserId,
    pub since: Version,
    pub at_most: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct GetHistory {
    pub partner_id: UserId,
    pub before_id: Option<MessageId>,
    pub at_most: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct SendMessage {
    pub partner_id: UserId,
    pub text: String,
    pub client_id: String,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct EditMessage {
    pub partner_id: UserId,
    pub message_id: MessageId,
    pub text: String,
    pub client_id: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct DeleteMessage {
    pub partner_id: UserId,
    pub message_id: MessageId,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MarkRead {
    pub partner_id: UserId,
    pub up_to_id: MessageId,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MarkDelivered {
    pub partner_id: UserId,
    pub up_to_id: MessageId,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct SetBlocked {
    pub partner_id: UserId,
    pub blocked: bool,
}

/// A conversation as the user sees it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Conversation {
    pub partner_id: UserId,
    /// Not in a `changed` of a conversation that was in the list before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(flatten)]
    pub state: ConversationState,
}

/// What has changed in a conversation.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct ChangedConversation {
    pub conversation: Conversation,
    /// By ascending version.
    pub messages: Vec<MessageState>,
    /// Up to this version nothing is missing.
    pub complete_to: Version,
    /// There are more changes after `complete_to`.
    pub more: bool,
}

/// What has changed in all conversations, of one moment.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct CaughtUp {
    /// Whose they are: a cookie may have become somebody else's while the client was away.
    pub user_id: UserId,
    pub epoch: String,
    /// Over all conversations of the user.
    pub digest: Digest,
    /// In the order of the list.
    pub conversations: Vec<ChangedConversation>,
    pub more: bool,
}

/// A page of a conversation.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct History {
    pub conversation: Conversation,
    /// Newest first.
    pub messages: Vec<MessageState>,
    /// There are older messages.
    pub more: bool,
}

/// A message that was kept. Its text and its version come with the event.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct SentMessage<'a> {
    pub id: MessageId,
    pub timestamp: &'a Timestamp,
    /// The message was kept before.
    pub duplicate: bool,
    /// The conversation's version now.
    pub version: Version,
}

/// A message that was edited or deleted.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MessageChanged {
    /// As it is now.
    pub message: MessageState,
}

/// A conversation in which a mark or a block was set.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct ConversationChanged {
    /// As it is now.
    pub conversation: Conversation,
}

/// `changed`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Changed<'a> {
    /// The conversation's version before.
    pub after: Version,
    pub conversation: Conversation,
    /// The message that was sent, edited or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, MessageState>>,
}
