//! The events of the sockets, declared once: name, payload, acknowledgement, limit, and what the
//! documents say of each. [`ours`] has the tables of protocol 2, [`flask`] those of protocol 1. Dispatch
//! and limits follow from them, and so do `docs/protocol.md`, `docs/asyncapi.json` and the types of the
//! JavaScript client (`static/js/protocol.d.ts`): `make protocol` writes them anew, and a test compares
//! them.
//!
//! To add an event, add its shapes and a row in one of the two; the compiler asks for the rest.

#[cfg(test)]
mod documents;
pub mod flask;
pub mod ours;
pub mod payload;
mod table;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::LimitedAction;
use crate::domain::Error;

/// An event that clients send. Each is acknowledged, with its answer or with a
/// [`payload::Failure`].
pub trait Request: DeserializeOwned + Send + std::marker::Sync + 'static {
    const NAME: &'static str;
    /// What it counts as.
    const LIMIT: LimitedAction;
    /// It is done once under its `client_id`. Sent again, it gets its first outcome, also when it would
    /// be refused by its limit.
    const IS_DONE_ONCE: bool;
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
