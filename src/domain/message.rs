//! Messages: their ids, their text, their time.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use super::{Error, UserId, Version, shows};

/// The id of a message. Ids grow in the order in which messages were stored: they are the order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MessageId(pub i64);

/// A stored message, in the shape in which it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Message {
    pub id: MessageId,
    pub sender_id: UserId,
    pub receiver_id: UserId,
    pub message: String,
    pub timestamp: Timestamp,
}

impl Message {
    /// About how many bytes it takes on the wire, and never more than it does: what is counted as
    /// owed must not exceed what will be written.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        // Ids, timestamp and the names of the fields.
        encoded_bytes(&self.message) + 80
    }
}

/// What a deleted message says to those who know of no deletion: the Flask chat, and its clients.
pub const DELETED_TEXT: &str = "This message was deleted";

/// A message as it is now, for those who know that messages change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MessageState {
    pub id: MessageId,
    pub sender_id: UserId,
    #[serde(skip)]
    pub receiver_id: UserId,
    /// Empty once it was deleted.
    pub text: String,
    /// When it was sent.
    pub timestamp: Timestamp,
    /// The conversation's at its last change.
    pub version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// What the sender's client gave it; only the sender sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

impl MessageState {
    /// As [`Message::wire_bytes`].
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        // Ids, timestamp, version and the names of the fields.
        let always = encoded_bytes(&self.text) + 75;
        let edited = if self.edited_at.is_some() { 34 } else { 0 };
        let deleted = if self.deleted_at.is_some() { 35 } else { 0 };
        let client_id = if self.client_id.is_some() { 51 } else { 0 };
        always + edited + deleted + client_id
    }

    /// The message as that one of the two sees it.
    #[must_use]
    pub fn seen_by(mut self, user: UserId) -> Self {
        self.client_id = self.client_id.filter(|_| self.sender_id == user);
        self
    }
}

/// The bytes of `text` within a JSON string: control characters take up to six each.
fn encoded_bytes(text: &str) -> usize {
    let extra = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(extra).sum::<usize>()
}

/// The text of a message that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(String);

impl Body {
    /// Takes `text` as it is when it says something and has at most `chars_max` characters.
    ///
    /// # Errors
    /// `Invalid` for a text of which nothing shows, one with a NUL, or one that is too long.
    pub fn parse(text: String, chars_max: usize) -> Result<Self, Error> {
        Self::parse_or_return(text, chars_max).map_err(|(error, _)| error)
    }

    /// As [`Body::parse`], with the text beside the error.
    ///
    /// # Errors
    /// As [`Body::parse`].
    pub fn parse_or_return(text: String, chars_max: usize) -> Result<Self, (Error, String)> {
        match fault(&text, chars_max) {
            Some(fault) => Err((Error::Invalid(fault), text)),
            None => Ok(Self(text)),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// What keeps `text` from being a message.
fn fault(text: &str, chars_max: usize) -> Option<String> {
    if !shows(text) {
        return Some("the message is empty".into());
    }
    if text.contains('\0') {
        return Some("the message contains a NUL, which is no text; leave it out".into());
    }
    // Bytes are never fewer than characters, so short texts need no counting.
    let chars = if text.len() > chars_max { text.chars().count() } else { 0 };
    (chars > chars_max)
        .then(|| format!("the message is longer than {chars_max} characters (it has {chars})"))
}

/// The UUID that a client gives a message, so that sending it again is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientId(uuid::Uuid);

impl Serialize for ClientId {
    /// The usual spelling, with hyphens.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.hyphenated())
    }
}

#[cfg(test)]
impl schemars::JsonSchema for ClientId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClientId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "A UUID.", "type": "string", "format": "uuid" })
    }
}

impl ClientId {
    /// Reads a UUID in any of its usual spellings.
    ///
    /// # Errors
    /// `Invalid` when `text` is no UUID.
    pub fn parse(text: &str) -> Result<Self, Error> {
        uuid::Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| Error::Invalid("client_id is not a UUID".into()))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes().as_slice()
    }

    /// What the database holds already.
    #[must_use]
    pub fn from_stored(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }
}

/// A time as the database and the wire spell it: `YYYY-MM-DD HH:MM:SS`, UTC. Clients cut the
/// text apart, so it never carries a fraction or a zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timestamp(String);

impl Timestamp {
    const FORMAT: StaticFormatDescription =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

    /// Takes a time that the database holds already.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(time: OffsetDateTime) -> Self {
        let utc = time.to_offset(time::UtcOffset::UTC);
        // Only a writer that fails could make this fail, and a String does not.
        Self(utc.format(&Self::FORMAT).unwrap_or_default())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_bytes_of_a_message_are_those_on_the_wire_but_for_some_of_its_numbers() {
        let at = || Some(Timestamp::from(datetime!(2026-03-04 01:06:07 UTC)));
        let client_id = ClientId::parse("0190f5a0-0000-7000-8000-000000000001").ok();
        let plain = MessageState {
            id: MessageId(123),
            sender_id: UserId(45),
            receiver_id: UserId(67),
            text: "a \"quoted\" word\n".into(),
            timestamp: at().unwrap(),
            version: Version(6),
            edited_at: None,
            deleted_at: None,
            client_id: None,
        };
        for state in [
            plain.clone(),
            MessageState { client_id, ..plain.clone() },
            MessageState { edited_at: at(), deleted_at: at(), ..plain.clone() },
            MessageState { edited_at: at(), client_id, ..plain },
        ] {
            let written = serde_json::to_string(&state).unwrap();
            let uncounted = written.len() - state.wire_bytes();
            assert!(uncounted < 16, "{uncounted} bytes of {written} are not counted");
        }
    }

    #[test]
    fn a_timestamp_is_utc_without_fraction_or_zone() {
        let time = datetime!(2026-03-04 01:06:07.999 +2);
        assert_eq!(Timestamp::from(time).as_str(), "2026-03-03 23:06:07");
    }

    #[test]
    fn a_body_is_kept_as_it_is_and_must_say_something() {
        let body = Body::parse(" two\nlines ".into(), 11).unwrap();
        assert_eq!(body.into_string(), " two\nlines ");
        for nothing in [" \n\t\u{2003}", "\u{3164}", "\u{200b}\u{301}"] {
            let error = Body::parse(nothing.into(), 100).unwrap_err().to_string();
            assert_eq!(error, "the message is empty");
        }
        assert!(Body::parse("a\0b".into(), 100).is_err());
    }

    #[test]
    fn the_length_of_a_body_is_counted_in_characters() {
        assert!(Body::parse("☃".repeat(10), 10).is_ok());
        let error = Body::parse("☃".repeat(11), 10).unwrap_err().to_string();
        assert_eq!(error, "the message is longer than 10 characters (it has 11)");
    }
}
