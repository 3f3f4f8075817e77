//! Acknowledgements: which request they answer, and what a client is told when its event was not done.

use std::marker::PhantomData;

use socketioxide::extract::AckSender;

use super::presence::Seat;
use crate::domain::Error;
use crate::protocol::Request;
use crate::protocol::payload::{Failure, FailureCode};

/// Acknowledges one request, with its answer or with a failure.
pub struct Ack<R> {
    sender: AckSender,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Ack<R> {
    pub fn new(sender: AckSender) -> Self {
        Self { sender, request: PhantomData }
    }
}

impl<R> From<Ack<R>> for AckSender {
    fn from(ack: Ack<R>) -> Self {
        ack.sender
    }
}

/// Acknowledges that the event was not done, and tells the operator what the user may not see.
pub fn refuse(seat: &Seat, ack: impl Into<AckSender>, error: &Error) {
    let code = match error {
        Error::Invalid(_) | Error::Conflict(_) => FailureCode::Invalid,
        Error::Unauthenticated(_) => FailureCode::Unauthenticated,
        Error::NotFound(_) => FailureCode::NotFound,
        Error::Forbidden(_) => FailureCode::Forbidden,
        Error::TooOften { .. } => FailureCode::TooOften,
        Error::OutOfService => FailureCode::Unavailable,
        Error::Internal(cause) => {
            tracing::error!(user.id = %seat.user.id, error = %cause, "an event failed: {cause}");
            FailureCode::Unavailable
        }
    };
    let retry_after = match error {
        Error::TooOften { retry_after } => Some(*retry_after),
        _ => None,
    };
    let failure = Failure { failure: error.to_string(), code, retry_after };
    seat.fail(ack.into(), &failure);
}
