//! The contract between the chat and its database. Another database is one more folder beside
//! `sqlite`; `tests/it/store_contract` says, promise by promise, what it must do.
//!
//! **A call.** One method is one transaction is one fact of the domain. A write is answered when it will
//! survive a loss of power; one whose future is dropped may be stored or not. A read is of one moment, and
//! has at least every write that was answered before the read was called, through whichever handle.
//!
//! **Order.** Calls that write are ordered when they are *made*, not when their futures are first polled:
//!
//! | calls, through one handle | are stored | because |
//! | --- | --- | --- |
//! | of what changes the conversation of the same two people: `open_chat`, `add_message`, `edit_message`, `delete_message`, `mark_read`, `mark_delivered`, `set_blocked` | in the order of the calls | sockets are notified of them in that order, and a socket's messages are stored in the order sent |
//! | all others | in any order while they overlap | callers await an answer before they make a call that depends on it |
//!
//! The version of a conversation says in which order its changes were stored. What is promised of the ids
//! of messages stands at [`MessageStore`].
//!
//! **Handles.** A database may be open several times: a command runs beside the server, and a store may allow
//! several servers. What a method promises holds over all handles, but for what is said of one.

mod blocks;
mod changes;
mod chats;
mod edits;
mod links;
mod location;
mod messages;
mod open;
mod sessions;
pub mod sqlite;
mod users;

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;

pub use blocks::BlockStore;
pub use changes::{
    CatchUpBounds, CaughtUp, Change, ChangeStore, Changes, ConversationVersion, HistoryPage, Known,
    OwnChange, PageBounds,
};
pub use chats::{ChatStore, Opened};
pub use edits::{Changed, EditStore, MessageEdit, NotDeleted, NotEdited};
pub use links::LinkStore;
pub use location::{DatabaseLocation, WrongLocation};
pub use messages::{Added, Extent, MessageStore, NewMessage, Newest, NotAdded, Older, Synced};
pub use open::{FAILED_WRITES, OpenError, OpenedStore, Purpose, explain, open, open_beside};
pub use sessions::{SessionStore, StoredSession};
pub use sqlite::{Converted, Progress, Stage, Watch};
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

    /// The work that the store does by itself, for as long as the future is polled. A server runs it from
    /// its start to its end, once; a command, which opens the store for a moment, does not.
    ///
    /// It notifies `sessions_ended` within seconds whenever a session may have ended that was not ended
    /// through this handle: by a command beside the server, or by another server on the same database. It
    /// does so when it begins, too, and when it cannot know: after a connection was lost, for example. Such
    /// a notification may come without cause; which sessions have ended,
    /// [`SessionStore::ended_sessions`] says.
    fn maintain(&self, sessions_ended: Arc<Notify>) -> Maintenance;

    /// Ends the store: waits until every write that was called for is stored, or refused. What is asked
    /// for later is refused. Whoever still owns the store (a connection that a stalled peer keeps) does
    /// not hold this up. Blocks the thread, so it is no call for async tasks.
    fn close(&self);

    /// Whether the database was lost or damaged while it was open: every other method fails with
    /// `OutOfService` from then on, until the program is started again. A database that is only out of
    /// reach for a while makes them fail with `Unavailable`.
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

/// What a store does by itself; it ends with the store, if ever.
pub type Maintenance = Pin<Box<dyn Future<Output = ()> + Send>>;

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
