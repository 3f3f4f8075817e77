//! The contract between the chat and its database. Another database is one more folder beside
//! `sqlite`; `tests/it/store_contract` says, promise by promise, what it must do.
//!
//! One method is one transaction is one fact of the domain. A method that writes takes its place
//! in the order of writes when it is *called*, not when its future is first polled: two calls made
//! one after the other are stored in that order, whoever awaits them first.

mod blocks;
mod changes;
mod chats;
mod edits;
mod links;
mod messages;
mod sessions;
pub mod sqlite;
mod users;

use std::error::Error;
use std::pin::Pin;

pub use blocks::BlockStore;
pub use changes::{
    CatchUpBounds, CaughtUp, Change, ChangeStore, Changes, ConversationVersion, HistoryPage, Known,
    OwnChange, PageBounds,
};
pub use chats::{ChatStore, Opened};
pub use edits::{Changed, EditStore, MessageEdit, NotDeleted, NotEdited};
pub use links::LinkStore;
pub use messages::{Added, Extent, MessageStore, NewMessage, Newest, NotAdded, Older, Synced};
pub use sessions::{SessionStore, StoredSession};
pub use users::{Account, Listed, UserStore};

/// Everything that visavis keeps.
pub trait Store:
    UserStore
    + ChatStore
    + BlockStore
    + MessageStore
    + EditStore
    + ChangeStore
    + SessionStore
    + LinkStore
{
    /// How much there is of it. Counts every row, which takes a second or more where there are
    /// millions: nothing may wait for it.
    fn totals(&self) -> Reply<Totals>;

    /// A number that is another one when anybody else has written since it was asked for last: the
    /// operator, with a command beside the server.
    /// The server asks each second, so this is also when the store looks after itself: an idle one
    /// brings its file up to date, and one whose file is gone or damaged notices.
    fn written_elsewhere(&self) -> Reply<i64>;

    /// Whether the database was lost or damaged while it was open: every other method fails with
    /// `OutOfService` from then on, until the program is started again.
    fn is_out_of_service(&self) -> bool;
}

/// How much a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    pub users: i64,
    pub messages: i64,
}

/// The answer of a store, on its way.
pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Why a store did not do what it was asked to. In either case it kept nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something else holds that unique value.
    #[error("the value is taken")]
    Conflict,
    /// The database was lost or damaged while it was open. The log has said so, once.
    #[error("the database is out of service")]
    OutOfService,
    /// The database could not be reached, or refused: the operator must know.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl From<StoreError> for crate::domain::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutOfService => Self::OutOfService,
            error => Self::internal(error),
        }
    }
}
