//! What clients send, and what they are sent: the shapes of the events in the table.

use std::fmt;
use std::marker::PhantomData;

#[cfg(test)]
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::domain::{Message, MessageId, ReadMark, ReadState, Timestamp, User, UserId};

/// A payload that is a JSON object. Serde would take an array for a struct, too.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

/// What a client may send as it connects.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Auth {
    protocol: u64,
}

/// The protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The Flask chat's, for every client that asks for nothing else. Acknowledgements have exactly the
    /// arguments that they have there: callbacks of other languages take no more.
    Flask,
    /// Ours, which acknowledges with what our own page needs beside.
    Ours,
}

impl Protocol {
    #[must_use]
    pub fn asked_for(auth: Option<Auth>) -> Self {
        match auth {
            Some(Auth { protocol: 2.. }) => Self::Ours,
            _ => Self::Flask,
        }
    }
}

/// A whole number that is not negative, as a JSON number or as a string of digits: the original
/// client reads ids from the page and sends them as they stand there.
#[derive(Debug, Clone, Copy)]
pub struct Digits(i64);

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Digits;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number that is not negative, or a string of digits")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Digits, E> {
                i64::try_from(number)
                    .map(Digits)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digits, E> {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                digits
                    .then(|| text.parse().ok().map(Digits))
                    .flatten()
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
impl JsonSchema for Digits {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digits".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A whole number that is not negative, or its digits as text.",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+$" }],
        })
    }
}

impl From<Digits> for UserId {
    fn from(Digits(id): Digits) -> Self {
        Self(id)
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct JoinChat {
    pub chat_partner_id: Digits,
    /// Ours: how many messages the answer may have, for a client on a slow link.
    at_most: Option<Digits>,
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

/// The acknowledgement of `join_chat`: the newest messages, newest first, how many are new, and for
/// protocol 2 what else our page needs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(untagged)]
pub enum JoinAnswer<'a> {
    Flask(&'a [Message], i64),
    Ours(&'a [Message], i64, Joined),
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

/// `block_changed`: to the other sockets of whoever blocks.
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

/// Why an event was refused: the first argument of its acknowledgement. Always an object: the original
/// script asks for `"failure" in ack`, which throws on anything else.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub struct Failure {
    /// A sentence for the user.
    pub failure: String,
    pub code: FailureCode,
    /// With `too_often`: in how many seconds to send the same event again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The payload is wrong (a blank text, more than 10 000 characters or what `--max-message-chars` says,
    /// no UUID): again would be the same.
    Invalid,
    /// There is no such chat.
    NotFound,
    /// One of the two has blocked the other; the sentence tells the one who has.
    Forbidden,
    /// Nobody is logged in.
    Unauthenticated,
    /// More than the operator allows (every event has a limit), or 1024 writes of the user wait: nothing was
    /// kept; `retry_after` says in how many seconds to send it again.
    TooOften,
    /// The server could not do it: nothing was kept, ask again in a while.
    Unavailable,
}

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
