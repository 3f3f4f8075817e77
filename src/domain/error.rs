//! What may go wrong, with the sentence that the user reads.

/// A refusal or a failure. `Display` is the sentence for the user; the cause of an
/// [`Error::Internal`] is for the operator's log only.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong; the sentence names the value and the way out.
    #[error("{0}")]
    Invalid(String),
    /// Name and password do not belong together.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// There is no such user, chat or message.
    #[error("{0}")]
    NotFound(&'static str),
    /// Somebody does not want it, or it may not be done any more.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The value is taken: a name, or a client id by something else.
    #[error("{0}")]
    Conflict(&'static str),
    /// It was done too often; nothing was done this time.
    #[error("too often; try again in {retry_after} s")]
    TooOften {
        /// In seconds, at least 1.
        retry_after: u64,
    },
    /// The database was lost or damaged: nothing is done until the operator has put it right.
    #[error("The chat is out of service. Please tell the person who runs it.")]
    OutOfService,
    /// The server could not do it: nothing was kept, trying again is safe.
    #[error("Something went wrong :(")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps a foreign error, whose words the user must not see.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}
