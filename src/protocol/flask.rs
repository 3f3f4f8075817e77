//! Protocol 1: the Flask chat's events, and those that visavis has beside them.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Notification;
use super::Reader;
use super::Request;
#[cfg(test)]
use super::documents;
use super::payload::Digits;
use super::table::{notifications, requests};
use crate::config::LimitedAction;
use crate::domain::{Message, MessageId, ReadMark, ReadState, Timestamp, User, UserId};

requests! {
    for<'a>:

    /// Opens a chat: gives its newest messages (20, or all that are new up to 1000 and 4 MB), newest
    /// first, and how many are new; with `with_state: true`, a third argument. `at_most` asks for no more
    /// messages than that (1 to 1000), for a client on a slow link. From now on what comes to that chat is
    /// sent as `message_received_from_current_chat`.
    JoinChat: "join_chat" -> JoinAnswer<'a>, counts as Read,
    expects "an object with chat_partner_id (a whole number that is not negative, or its digits as text)";

    /// Gives the next ten older messages of a chat, newest first; none at the end. With `before_id`, those
    /// before that message, and `message_count` is ignored.
    HistoryScrolled: "message_history_is_scrolled_to_the_top" -> &'a [Message], counts as Read,
    expects "an object with chat_partner_id (a whole number that is not negative, or its digits as text), message_count and perhaps before_id (of the same kind)";

    /// Sends a message. With a `client_id`, a UUID, it is kept once, however often it is sent: where `duplicate` is
    /// true it was stored before, and `id` and `timestamp` are those of that time.
    MessageSent: "message_sent" -> Sent<'a>, counts as SendMessage once,
    expects "an object with chat_partner_id (a whole number that is not negative, or its digits as text), message (a text) and perhaps client_id (a text)";

    /// Marks messages as read: all up to `last_read_id`, and `new_message_count` is ignored; without it, all
    /// but so many. Gives how it is now.
    CountUpdated: "new_message_count_updated" -> ReadState, counts as MarkRead,
    expects "an object with chat_partner_id (a whole number that is not negative, or its digits as text), new_message_count (a whole number) and perhaps last_read_id";

    /// Blocks the partner of a chat, or takes that back; either may be repeated.
    Block: "block" -> Blocked, counts as SendMessage,
    expects "an object with chat_partner_id (a whole number that is not negative, or its digits as text) and blocked (true or false)";

    /// Gives what came after a message in all chats of the user, at most 100 messages, oldest first;
    /// `more` says whether to ask again since the last of them. `chats` has the newest 1000 chats, newest
    /// first. All are of one moment. A `since_id` of 9007199254740991 asks for the chats only.
    Sync: "sync" -> Synced, counts as Read,
    expects "an object with since_id (a whole number that is not negative, or its digits as text)";
}

notifications! {
    /// A message has opened a chat with somebody new.
    NewUser<'_>: "new_user_sent_message";

    /// A message has come to the chat that this socket has open.
    FromCurrentChat<'_>: "message_received_from_current_chat";

    /// A message has come to another chat. Its text is not here: open the chat, or `sync`.
    FromAnotherChat: "message_received_from_another_chat";

    /// Another socket of the same user has sent a message.
    SentElsewhere<'_>: "message_sent_elsewhere";

    /// Another socket of the same user has read.
    CountChanged: "new_message_count_changed";

    /// Another socket of the same user has blocked the partner, or unblocked.
    BlockChanged: "block_changed";

    /// The user has opened a chat on the find page.
    ChatOpened<'_>: "chat_opened";
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct JoinChat {
    pub chat_partner_id: Digits,
    /// Ours: how many messages the answer may have, for a client on a slow link.
    at_most: Option<Digits>,
    /// Ours: the acknowledgement is to have a third argument. Callbacks of other languages take no
    /// more than the two of the Flask chat.
    #[serde(default)]
    pub with_state: bool,
}

impl JoinChat {
    #[must_use]
    pub fn at_most(&self) -> Option<u32> {
        self.at_most.map(|Digits(count)| u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// Where a client asks a page of older messages to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStart {
    Before(MessageId),
    /// After so many of the newest messages: as many as the client shows.
    AfterNewest(u32),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct HistoryScrolled {
    pub chat_partner_id: Digits,
    message_count: Digits,
    /// Ours: the oldest message that the client has, which stays right while messages arrive.
    before_id: Option<Digits>,
}

impl HistoryScrolled {
    /// Where the page starts.
    #[must_use]
    pub fn start(&self) -> PageStart {
        match self.before_id {
            Some(Digits(id)) => PageStart::Before(MessageId(id)),
            None => PageStart::AfterNewest(u32::try_from(self.message_count.0).unwrap_or(u32::MAX)),
        }
    }
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct MessageSent {
    pub chat_partner_id: Digits,
    pub message: String,
    /// Ours: a UUID that makes sending the message again harmless.
    pub client_id: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct CountUpdated {
    pub chat_partner_id: Digits,
    new_message_count: i64,
    /// Ours: the newest message that was read, which is exact whatever arrives meanwhile.
    last_read_id: Option<Digits>,
}

impl CountUpdated {
    #[must_use]
    pub fn mark(&self) -> ReadMark {
        match self.last_read_id {
            Some(Digits(id)) => ReadMark::UpTo(MessageId(id)),
            None => ReadMark::Remaining(self.new_message_count),
        }
    }
}

/// `block`, ours: to have nothing to do with somebody, or to take that back.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Block {
    pub chat_partner_id: Digits,
    pub blocked: bool,
}

/// The acknowledgement of `block`: how it is now.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Blocked {
    pub blocked: bool,
}

/// `sync`, ours: what came after a message.
#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Sync {
    since_id: Digits,
}

impl Sync {
    #[must_use]
    pub fn since(&self) -> MessageId {
        MessageId(self.since_id.0)
    }
}

/// The acknowledgement of `sync`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Synced {
    /// Whose they are: a cookie may have become somebody else's while the client was away.
    pub user_id: UserId,
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Ask again, since the last of these.
    pub more: bool,
    /// Newest first.
    pub chats: Vec<SyncedChat>,
}

/// A chat as `sync` lists it: the partner, and how far the user has read.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct SyncedChat {
    #[serde(flatten)]
    pub partner: User,
    #[serde(flatten)]
    pub read: ReadState,
}

/// The acknowledgement of `message_sent`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Sent<'a> {
    pub timestamp: &'a Timestamp,
    pub id: MessageId,
    pub duplicate: bool,
}

/// The acknowledgement of `join_chat`: the newest messages, newest first, how many are new, and what
/// else a client has asked for.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(untagged)]
pub enum JoinAnswer<'a> {
    Plain(&'a [Message], i64),
    WithState(&'a [Message], i64, Joined),
}

/// The third argument of `join_chat`'s acknowledgement.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Joined {
    pub last_read_id: MessageId,
    /// The user who joins has blocked the partner.
    pub blocked: bool,
}

/// `new_user_sent_message`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct NewUser<'a> {
    pub username: &'a str,
    pub id: UserId,
    pub message_id: MessageId,
    pub new_message_count: i64,
}

/// `message_received_from_current_chat`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct FromCurrentChat<'a> {
    pub message: &'a str,
    pub timestamp: &'a Timestamp,
    pub id: MessageId,
    pub new_message_count: i64,
}

/// `message_received_from_another_chat`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct FromAnotherChat {
    #[serde(rename = "chatPartnerId")]
    pub chat_partner_id: UserId,
    pub message_id: MessageId,
    pub new_message_count: i64,
}

/// `message_sent_elsewhere`: to the other sockets of the sender.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct SentElsewhere<'a> {
    pub chat_partner_id: UserId,
    pub id: MessageId,
    pub message: &'a str,
    pub timestamp: &'a Timestamp,
}

/// `new_message_count_changed`: to the other sockets of the reader.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct CountChanged {
    pub chat_partner_id: UserId,
    pub new_message_count: i64,
    pub last_read_id: MessageId,
}

impl CountChanged {
    #[must_use]
    pub fn of(chat_partner_id: UserId, read: ReadState) -> Self {
        let ReadState { new_message_count, last_read_id } = read;
        Self { chat_partner_id, new_message_count, last_read_id }
    }
}

/// `block_changed`: to the other sockets of the person who blocks.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct BlockChanged {
    pub chat_partner_id: UserId,
    pub blocked: bool,
}

/// `chat_opened`: the partner.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(transparent)]
pub struct ChatOpened<'a>(pub &'a User);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_or_a_string_of_digits_and_nothing_else() {
        let id = |json: &str| {
            serde_json::from_str::<JoinChat>(&format!("{{\"chat_partner_id\":{json}}}"))
                .map(|join| join.chat_partner_id.0)
                .ok()
        };
        assert_eq!(id("12"), Some(12));
        assert_eq!(id("\"12\""), Some(12));
        for bad in [
            "-1",
            "1.5",
            "\"\"",
            "\"-1\"",
            "\"1 \"",
            "\"+1\"",
            "null",
            "[]",
            "true",
            "1e400",
            "18446744073709551615",
            "\"99999999999999999999\"",
        ] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }
}
