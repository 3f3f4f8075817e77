//! Opens the store that a database's location asks for. Nothing else decides which store there is.

use std::error::Error;
use std::sync::Arc;

use super::sqlite::{self, Converted, SqliteStore, Watch};
use super::{DatabaseLocation, Store};

/// The target of the log's lines about writes that failed. A command says itself why it failed.
pub const FAILED_WRITES: [&str; 2] =
    ["visavis::store::sqlite::writer", "visavis::store::sqlite::database"];

/// A store that was opened for a server.
pub struct OpenedStore {
    pub store: Arc<dyn Store>,
    /// What was converted on the way, if the database was the Flask chat's.
    pub converted: Option<Converted>,
}

/// What a command beside the server is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Write,
}

/// Why a database was not opened: one sentence for the operator. The database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none. [`open`] would make it.
    #[error(transparent)]
    Missing(Box<dyn Error + Send + Sync>),
    /// Its place is there and has nothing in it. [`open`] would make the database in it.
    #[error(transparent)]
    Empty(Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Refused(Box<dyn Error + Send + Sync>),
}

impl From<sqlite::OpenError> for OpenError {
    fn from(error: sqlite::OpenError) -> Self {
        match error {
            sqlite::OpenError::Missing(_) => Self::Missing(error.into()),
            sqlite::OpenError::Empty(_) => Self::Empty(error.into()),
            _ => Self::Refused(error.into()),
        }
    }
}

/// Opens a database for a server: makes it when there is none, and converts it when the Flask chat wrote
/// it. `watch` is told how far that has come.
///
/// # Errors
/// Another server has it, or it cannot be used.
pub fn open(database: &DatabaseLocation, watch: Watch<'_>) -> Result<OpenedStore, OpenError> {
    let DatabaseLocation::Sqlite(path) = database;
    let store = SqliteStore::open_watched(path, watch)?;
    let converted = store.converted().cloned();
    Ok(OpenedStore { store: Arc::new(store), converted })
}

/// Opens a database for a moment, also while a server has it open.
///
/// # Errors
/// There is none, or it cannot be used for that purpose.
pub fn open_beside(
    database: &DatabaseLocation,
    purpose: Purpose,
) -> Result<Arc<dyn Store>, OpenError> {
    let DatabaseLocation::Sqlite(path) = database;
    let store = match purpose {
        Purpose::Read => SqliteStore::open_beside(path)?,
        Purpose::Write => SqliteStore::open_beside_to_write(path)?,
    };
    Ok(Arc::new(store))
}

/// What a failure of the store means to the operator of that database, in the words of an [`OpenError`].
#[must_use]
pub fn explain(database: &DatabaseLocation, failure: &(dyn Error + 'static)) -> OpenError {
    let DatabaseLocation::Sqlite(path) = database;
    sqlite::OpenError::of_store(path, failure).into()
}
