//! Makes a new database of ours from a Flask database, which stays as it is; or only looks.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::fill::{Stopped, fill};
use super::rows::FlaskMessage;
use super::scan::{FlaskChat, Source, Taker, scan};
use super::{BOUNDED_MEMORY, Progress, Report, Stage, Watch};
use crate::store::sqlite::open::{OpenError, check_pages};
use crate::store::sqlite::partial::Partial;
use crate::store::sqlite::read_only::Snapshot;

/// What a dry run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub report: Report,
    /// How many rows cannot be taken; with one of them an import makes nothing.
    pub refused: u64,
    /// A sentence for each reason why.
    pub refusals: Vec<String>,
}

/// Converts the Flask database at `flask` into a new one at `new`, which appears when it is
/// complete.
///
/// # Errors
/// One sentence for the operator. Nothing was made, and nothing was changed.
pub fn import(flask: &Path, new: &Path, watch: Watch<'_>) -> Result<Report, OpenError> {
    if new.symlink_metadata().is_ok() {
        return Err(OpenError::Taken(new.into()));
    }
    let snapshot = open_flask(flask, watch)?;
    let of_new = |error: rusqlite::Error| OpenError::from_sqlite(new, &error);
    let partial = Partial::begin(new).map_err(|error| OpenError::cannot_make(new, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let target = Connection::open_with_flags(partial.path(), flags).map_err(of_new)?;
    // Nobody sees the file before it is complete and synced, so it needs no journal.
    target
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;",
        )
        .and_then(|()| target.execute_batch(BOUNDED_MEMORY))
        .and_then(|()| target.execute_batch("BEGIN"))
        .map_err(of_new)?;
    let source = Source { connection: &snapshot.connection, prefix: "" };
    let report = fill(&source, &target, watch).map_err(|stopped| match stopped {
        Stopped::Sqlite(error) => match error.sqlite_error_code() {
            // What was made a moment ago is not damaged.
            Some(ErrorCode::DatabaseCorrupt) => OpenError::from_sqlite(flask, &error),
            _ => of_new(error),
        },
        Stopped::Refused(refusals) => refusals.in_file(flask),
    })?;
    target.execute_batch("COMMIT").map_err(of_new)?;
    target.close().map_err(|(_, error)| of_new(error))?;
    snapshot.verify()?;
    partial.publish_as(new).map_err(|error| OpenError::cannot_make(new, error))?;
    Ok(report)
}

/// Finds out what an import would do, without writing anything.
///
/// # Errors
/// One sentence for the operator, when the file cannot be read as a Flask database.
pub fn check(flask: &Path, watch: Watch<'_>) -> Result<Checked, OpenError> {
    let snapshot = open_flask(flask, watch)?;
    let source = Source { connection: &snapshot.connection, prefix: "" };
    let (report, refusals) = scan(&source, &mut Looking, watch)
        .map_err(|error| OpenError::from_sqlite(flask, &error))?;
    snapshot.verify()?;
    Ok(Checked { report, refused: refusals.rows(), refusals: refusals.sentences() })
}

fn open_flask(path: &Path, watch: Watch<'_>) -> Result<Snapshot, OpenError> {
    let snapshot = Snapshot::open(path)?;
    let explain = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    snapshot.connection.execute_batch(BOUNDED_MEMORY).map_err(explain)?;
    if super::other_tables(&snapshot.connection).map_err(explain)?.is_none() {
        return Err(OpenError::NotFlask(path.into()));
    }
    watch(Progress { stage: Stage::Checking, done: 0, total: 0 });
    check_pages(&snapshot.connection, path)?;
    Ok(snapshot)
}

/// Takes nothing.
struct Looking;

impl Taker for Looking {
    const IN_ORDER: bool = false;

    fn user(&mut self, _: i64, _: &str, _: &str) -> rusqlite::Result<()> {
        Ok(())
    }

    fn message(&mut self, _: &FlaskMessage<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    fn messages_end(&mut self, _: Watch<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    fn chat(&mut self, _: &FlaskChat) -> rusqlite::Result<()> {
        Ok(())
    }
}
