//! Copies one moment of a database of ours into a new file, also while a server writes.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::TOTALS;
use super::flask::{Progress, Stage, Watch};
use super::open::{self, OpenError};
use super::partial::Partial;
use super::read_only::Snapshot;
use crate::store::Totals;

const PAGES_A_STEP: i32 = 1024;

/// The first version of the schema whose files have an epoch.
const EPOCH_SINCE_VERSION: i64 = 4;

/// Copies what the database at `ours` holds at this moment into a new file at `out`, which appears
/// when it is complete, checked and on disk. Writes go on all the while.
///
/// # Errors
/// One sentence for the operator. Nothing was made.
pub fn back_up(ours: &Path, out: &Path, watch: Watch<'_>) -> Result<Totals, OpenError> {
    if out.symlink_metadata().is_ok() {
        return Err(OpenError::Taken(out.into()));
    }
    // The snapshot keeps the copy from beginning again whenever something is written.
    let snapshot = Snapshot::open(ours)?;
    open::must_be_ours(&snapshot.connection, ours)?;
    let partial = Partial::begin(out).map_err(|error| OpenError::cannot_make(out, error))?;
    copy_pages(&snapshot.connection, partial.path(), watch)
        // A server's file says that it has a log; a copy is read without one, and from anywhere.
        .and_then(|copy| {
            copy.execute_batch("PRAGMA journal_mode = DELETE")?;
            end_epoch(&copy)
        })
        .map_err(|error| explain(ours, out, &error))?;
    snapshot.verify()?;
    watch(Progress { stage: Stage::Checking, done: 0, total: 0 });
    let totals = check(partial.path(), ours)?;
    partial.publish_as(out).map_err(|error| OpenError::cannot_make(out, error))?;
    Ok(totals)
}

/// Copies every page of `source` into the empty file at `to`.
pub(super) fn copy_pages(
    source: &Connection,
    to: &Path,
    watch: Watch<'_>,
) -> rusqlite::Result<Connection> {
    let mut target = Connection::open(to)?;
    // The file is synced as a whole before it gets its name; until then nobody relies on it.
    target.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;")?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        let step = backup.step(PAGES_A_STEP)?;
        let pages = |count: i32| u64::try_from(count).unwrap_or(0);
        let progress = backup.progress();
        let total = pages(progress.pagecount);
        let done = total.saturating_sub(pages(progress.remaining));
        watch(Progress { stage: Stage::BackingUp, done, total });
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            // Only a writer could be in the way, and the source is a snapshot or locked.
            _ => std::thread::yield_now(),
        }
    }
    drop(backup);
    Ok(target)
}

/// Versions of the copy, once it is restored, are not those that clients saw since it was made. So it has
/// none, and each file that is restored from it gets one of its own when it is opened. A file of an
/// earlier version gets its epoch when it is brought to ours.
fn end_epoch(copy: &Connection) -> rusqlite::Result<()> {
    let version: i64 = copy.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < EPOCH_SINCE_VERSION {
        return Ok(());
    }
    copy.execute_batch("UPDATE meta SET epoch = zeroblob(16)")
}

/// Reads every page of the copy, and counts what it holds. What is damaged in it is so in `ours`.
fn check(copy: &Path, ours: &Path) -> Result<Totals, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let explain = |error: rusqlite::Error| OpenError::from_sqlite(ours, &error);
    let connection = Connection::open_with_flags(copy, flags).map_err(explain)?;
    open::check_pages(&connection, ours)?;
    connection
        .query_row(TOTALS, (), |row| Ok(Totals { users: row.get(0)?, messages: row.get(1)? }))
        .map_err(explain)
}

/// The sentence for what SQLite said while it read `ours` and wrote `out`.
fn explain(ours: &Path, out: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            OpenError::cannot_make(out, error)
        }
        _ => OpenError::from_sqlite(ours, error),
    }
}
