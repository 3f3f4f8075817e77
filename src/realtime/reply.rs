//! Acknowledgements: what a client is told of its own event.

use serde::Serialize;
use socketioxide::extract::AckSender;

use crate::domain::Error;

/// Why an event was refused. Always an object: the original script asks for `"failure" in ack`,
/// which throws on anything else.
#[derive(Debug, Serialize)]
struct Failure {
    /// A sentence for the user.
    failure: String,
    /// `invalid` and `not_found` stay so; after `unavailable` the same event may be sent again.
    code: &'static str,
}

/// Acknowledges that the event was not done, and tells the operator what the user may not see.
pub fn refuse(ack: AckSender, error: &Error) {
    let code = match error {
        Error::Invalid(_) | Error::Conflict(_) => "invalid",
        Error::Unauthenticated(_) => "unauthenticated",
        Error::NotFound(_) => "not_found",
        Error::Internal(cause) => {
            tracing::error!(error = %cause, "an event failed: {cause}");
            "unavailable"
        }
    };
    acknowledge(ack, &Failure { failure: error.to_string(), code });
}

/// Acknowledges an event; a tuple becomes several arguments.
pub fn acknowledge<T: Serialize>(ack: AckSender, answer: &T) {
    if let Err(error) = ack.send(answer) {
        // The client has gone, or does not read: it learns the truth when it comes back.
        tracing::debug!(%error, "an acknowledgement was not sent: {error}");
    }
}
