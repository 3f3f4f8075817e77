//! The events of the sockets, declared once: name, payload, acknowledgement, limit, and what the
//! documents say of each. Dispatch and limits follow from the two tables below, and so do
//! `docs/protocol.md`, `docs/asyncapi.json` and the types of the JavaScript client
//! (`static/js/protocol.d.ts`): `make protocol` writes them anew, and a test compares them.
//!
//! To add an event, add its shapes to [`payload`] and a row here; the compiler asks for the rest.

#[cfg(test)]
mod documents;
pub mod payload;
mod table;

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::payload::{
    Block, BlockChanged, Blocked, ChatOpened, CountChanged, CountUpdated, FromAnotherChat,
    FromCurrentChat, HistoryScrolled, JoinAnswer, JoinChat, MessageSent, NewUser, Sent,
    SentElsewhere, Sync, Synced,
};
use self::table::{notifications, requests};
use crate::config::LimitedAction;
use crate::domain::{Error, Message, ReadState};

/// An event that clients send. Each is acknowledged, with its answer or with a
/// [`payload::Failure`].
pub trait Request: DeserializeOwned + Send + std::marker::Sync + 'static {
    const NAME: &'static str;
    /// What it counts as.
    const LIMIT: LimitedAction;
    /// Completes the sentence "malformed payload: it must be …".
    const EXPECTED: &'static str;
    /// What the acknowledgement has; a tuple is several arguments.
    type Answer<'a>: Serialize;

    /// The refusal of a payload that cannot be read. It has no words of the parser, which quotes what
    /// the client has sent.
    #[must_use]
    fn malformed() -> Error {
        Error::Invalid(format!("malformed payload: it must be {}", Self::EXPECTED))
    }
}

/// An event that the server sends.
pub trait Notification: Serialize {
    const NAME: &'static str;
}

/// Reads the payload of a request, once its name has told what it is.
pub trait Reader {
    type Error;

    /// # Errors
    /// The reader's own, where there is no such payload.
    fn read<R: Request>(self) -> Result<R, Self::Error>;
}

requests! {
    for<'a>:

    /// Opens a chat: gives its newest messages (20, or all that are new up to 1000 and 4 MB), newest
    /// first, and how many are new; to a client that has asked for protocol 2, a third argument. `at_most`
    /// asks for no more messages than that (1 to 1000), for a client on a slow link. From now on what comes
    /// to that chat is sent as `message_received_from_current_chat`.
    JoinChat: "join_chat" -> JoinAnswer<'a>, counts as Read,
    expects "an object with chat_partner_id (a whole number that is not negative, or its digits as text)";

    /// Gives the next ten older messages of a chat, newest first; none at the end. With `before_id`, those
    /// before that message, and `message_count` is ignored.
    HistoryScrolled: "message_history_is_scrolled_to_the_top" -> &'a [Message], counts as Read,
    expects "an object with chat_partner_id (a whole number that is not negative, or its digits as text), message_count and perhaps before_id (of the same kind)";

    /// Sends a message. With a `client_id`, a UUID, it is kept once, however often it is sent: where `duplicate` is
    /// true it was stored before, and `id` and `timestamp` are those of that time.
    MessageSent: "message_sent" -> Sent<'a>, counts as SendMessage,
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
