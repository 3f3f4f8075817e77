//! Versions: how far a conversation has come, and under which epoch that can be compared.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The version of a conversation. Every change between two people raises it by one; a message carries
/// the version of its last change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Version(pub i64);

impl Version {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What tells whether anything in somebody's list has changed: two digests are equal when nothing
/// has, since versions only grow and no conversation leaves the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Digest {
    /// How many conversations there are.
    pub conversations: u32,
    /// The sum of their versions.
    pub versions: i64,
}

/// The UUID of a database. Versions are compared only under the same one: a restored backup has
/// another, and a client that knows the old one reloads everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub [u8; 16]);

impl fmt::Display for Epoch {
    /// The usual spelling, with hyphens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl FromStr for Epoch {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(|uuid: uuid::Uuid| Self(uuid.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_spelled_as_a_uuid() {
        let epoch = Epoch(*b"\x01\x90\xf5\xa0\0\0\x70\0\x80\0\0\0\0\0\0\x01");
        assert_eq!(epoch.to_string(), "0190f5a0-0000-7000-8000-000000000001");
    }
}
