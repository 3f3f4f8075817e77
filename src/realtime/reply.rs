//! Refusals: what a client is told when its event was not done.

use serde::Serialize;
use socketioxide::extract::AckSender;

use super::presence::Seat;
use crate::domain::Error;

#[expect(clippy::struct_field_names, reason = "the keys of the protocol")]
/// Why an event was refused. Always an object: the original script asks for `"failure" in ack`,
/// which throws on anything else.
#[derive(Debug, Serialize)]
struct Failure {
    /// A sentence for the user.
    failure: String,
    /// After `unavailable` and `too_often` the same event may be sent again; the others stay so.
    code: &'static str,
    /// With `too_often`: in how many seconds to send the same event again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// Acknowledges that the event was not done, and tells the operator what the user may not see.
pub fn refuse(seat: &Seat, ack: AckSender, error: &Error) {
    let code = match error {
        Error::Invalid(_) | Error::Conflict(_) => "invalid",
        Error::Unauthenticated(_) => "unauthenticated",
        Error::NotFound(_) => "not_found",
        Error::Forbidden(_) => "forbidden",
        Error::TooOften { .. } => "too_often",
        Error::OutOfService => "unavailable",
        Error::Internal(cause) => {
            tracing::error!(user.id = %seat.user.id, error = %cause, "an event failed: {cause}");
            "unavailable"
        }
    };
    let retry_after = match error {
        Error::TooOften { retry_after } => Some(*retry_after),
        _ => None,
    };
    seat.acknowledge(ack, &Failure { failure: error.to_string(), code, retry_after });
}
