//! What the shapes of both protocols have in common.

use std::fmt;
use std::marker::PhantomData;

#[cfg(test)]
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::domain::UserId;

/// A payload that is a JSON object. Serde would take an array for a struct, too.
#[derive(Debug)]
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
    protocol: Option<Asked>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Asked {
    Number(u64),
    Other(de::IgnoredAny),
}

/// The protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The Flask chat's, for every client that asks for nothing else. Acknowledgements have exactly the
    /// arguments that they have there: callbacks of other languages take no more.
    Flask,
    /// Ours, in which every change of a conversation is told in one way, under its version.
    Ours,
}

impl Protocol {
    /// `None` for one that there is not.
    #[must_use]
    pub fn asked_for(auth: Option<Auth>) -> Option<Self> {
        match auth.and_then(|auth| auth.protocol) {
            None | Some(Asked::Number(1)) => Some(Self::Flask),
            Some(Asked::Number(2)) => Some(Self::Ours),
            Some(Asked::Number(_) | Asked::Other(_)) => None,
        }
    }
}

/// A whole number that is not negative, as a JSON number or as a string of digits: the original
/// client reads ids from the page and sends them as they stand there.
#[derive(Debug, Clone, Copy)]
pub struct Digits(pub i64);

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

/// Why a request was refused: the first argument of its acknowledgement. Always an object: the original
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
    /// no UUID, a `client_id` that was used for something else): again would be
    /// the same.
    Invalid,
    /// There is no such chat, or no such message in it.
    NotFound,
    /// One of the two has blocked the other (the sentence tells the one who has), or the message is somebody
    /// else's, was deleted, or is too old to be edited.
    Forbidden,
    /// Nobody is logged in.
    Unauthenticated,
    /// More than the operator allows (every event has a limit), or 1024 writes of the user wait: nothing was
    /// kept; `retry_after` says in how many seconds to send it again.
    TooOften,
    /// The server could not do it: nothing was kept, ask again in a while.
    Unavailable,
}
