//! The store on SQLite: SQL and row mapping, nothing else. Reads come from a pool of read-only
//! connections, writes go through the one [`writer`].

mod backup;
mod blocks;
mod changes;
mod chats;
mod conversations;
mod costly_hashes;
mod database;
mod edits;
mod erase;
mod file_watch;
mod flask;
mod links;
mod lock;
mod maintenance;
mod messages;
mod names;
mod open;
mod pages;
mod partial;
mod paths;
mod read_only;
mod sessions;
mod startup_check;
mod statements;
mod unsaved;
mod users;
mod wal_index;
mod writer;

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Notify;

pub use self::backup::back_up;
use self::conversations::Latest;
pub use self::costly_hashes::CostlyHashes;
use self::file_watch::FileWatch;
pub use self::flask::{
    Checked, Converted, Exported, Progress, Report, Stage, Watch, check, export, import,
};
use self::lock::FileLock;
pub use self::open::{Inspection, OpenError};
use self::partial::NewFile;
pub use self::partial::abandon_new_files;
pub use self::startup_check::Sound;
use self::writer::Writer;
use super::{Maintenance, Reply, Store, StoreError, Totals};

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many prepared statements each connection keeps; there are fewer than that.
const STATEMENTS_MAX: usize = 64;
/// How many reads may run at once. Each is a handful of page lookups, so few are enough.
const READERS: u32 = 4;

/// How long the end waits for a read that is under way.
const LAST_READ_TIMEOUT: Duration = Duration::from_secs(1);

/// A store in one SQLite file. [`Store::close`] ends it; so does dropping its last owner.
pub struct SqliteStore {
    readers: Arc<Readers>,
    writer: Arc<Writer>,
    watch: Arc<FileWatch>,
    latest: Latest,
    _lock: Option<FileLock>,
    converted: Option<Converted>,
}

impl SqliteStore {
    /// Opens the database at `path`: makes it when there is none, and converts it when the Flask
    /// chat wrote it (a copy stays beside it).
    ///
    /// # Errors
    /// One sentence for the operator; the file is as it was.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_watched(path, &mut |_| {})
    }

    /// As [`SqliteStore::open`]; `watch` is told how far a conversion has come.
    ///
    /// # Errors
    /// One sentence for the operator; the file is as it was.
    pub fn open_watched(path: &Path, watch: Watch<'_>) -> Result<Self, OpenError> {
        // A file that was made for this is removed again when it does not become a database.
        let (lock, made) = FileLock::take(path)?;
        let opened = open::open(path, watch)?;
        made.into_iter().for_each(NewFile::keep);
        Self::over(path, opened, Some(lock))
    }

    /// Opens the database at `path` for a moment, also while a server has it open. One of an older
    /// version is brought to ours, if no server is running on it.
    ///
    /// # Errors
    /// One sentence for the operator; the file is as it was.
    pub fn open_beside(path: &Path) -> Result<Self, OpenError> {
        Self::open_beside_and(path, |_| Ok(()))
    }

    /// As [`SqliteStore::open_beside`], to write: fails when another program keeps the file locked.
    ///
    /// # Errors
    /// One sentence for the operator; the file is as it was.
    pub fn open_beside_to_write(path: &Path) -> Result<Self, OpenError> {
        Self::open_beside_and(path, |connection| open::must_be_unlocked(connection, path))
    }

    fn open_beside_and(
        path: &Path,
        look: impl FnOnce(&Connection) -> Result<(), OpenError>,
    ) -> Result<Self, OpenError> {
        match open::inspect(path)? {
            Inspection::Ours => {
                let connection = open::open_current(path)?;
                look(&connection)?;
                Self::over(path, (connection, None), None)
            }
            Inspection::Older => Self::open(path),
            Inspection::Missing => Err(OpenError::Missing(path.into())),
            Inspection::Empty => Err(OpenError::Empty(path.into())),
            Inspection::Flask => Err(OpenError::NotConverted(path.into())),
            Inspection::Unfinished => Err(OpenError::Unfinished(path.into())),
        }
    }

    fn over(
        path: &Path,
        (connection, converted): (Connection, Option<Converted>),
        lock: Option<FileLock>,
    ) -> Result<Self, OpenError> {
        let watch = FileWatch::start(path).map_err(|error| OpenError::failed(path, error))?;
        // Dropped after every connection, also where something fails.
        let watch = Arc::new(watch);
        let connection = connection;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let manager = SqliteConnectionManager::file(path)
            .with_flags(flags)
            .with_init(|connection| prepare_connection(connection));
        let readers = r2d2::Pool::builder()
            .max_size(READERS)
            // All are opened now and kept: a later one might open a file that took the name.
            .max_lifetime(None)
            .idle_timeout(None)
            .build(manager)
            .map_err(|error| OpenError::failed(path, error))?;
        let readers = Arc::new(Readers(RwLock::new(Some(readers))));
        let latest =
            Latest::read(&connection).map_err(|error| OpenError::from_sqlite(path, &error))?;
        let writer = Writer::start(connection, Arc::clone(&watch))
            .map_err(|error| OpenError::failed(path, error))?;
        let writer = Arc::new(writer);
        Ok(Self { readers, writer, watch, latest, _lock: lock, converted })
    }

    /// One round of [`Store::maintain`], now. Gives a number that another connection's commits change.
    ///
    /// # Errors
    /// `OutOfService` when the file is no longer the one that was opened.
    #[must_use]
    pub fn look(&self) -> Reply<i64> {
        self.writer.look()
    }

    /// What a start on the file at `path` would find: rights, the lock, every page, and each row of
    /// a Flask database. Nothing is written.
    ///
    /// # Errors
    /// Every reason why the start would fail; one for each reason why rows of a Flask database are refused.
    pub fn check(path: &Path) -> Result<Sound, Vec<OpenError>> {
        startup_check::check(path)
    }

    /// What was converted when the file was opened, if it was the Flask chat's.
    #[must_use]
    pub fn converted(&self) -> Option<&Converted> {
        self.converted.as_ref()
    }

    /// Runs a query off the async threads, on a read-only snapshot.
    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Reply<T> {
        let (readers, watch) = (Arc::clone(&self.readers), Arc::clone(&self.watch));
        Box::pin(async move {
            if watch.is_lost() {
                return Err(StoreError::OutOfService);
            }
            let task = tokio::task::spawn_blocking(move || {
                let connection = readers.get()?;
                if !watch.may_read() {
                    return Err(StoreError::OutOfService);
                }
                query(&connection).inspect_err(|error| watch.note(error)).map_err(store_error)
            });
            task.await.unwrap_or_else(|panic| Err(unavailable(panic)))
        })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.close();
    }
}

/// The connections that read, until they are closed.
struct Readers(RwLock<Option<r2d2::Pool<SqliteConnectionManager>>>);

impl Readers {
    fn get(&self) -> Result<r2d2::PooledConnection<SqliteConnectionManager>, StoreError> {
        let pool = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        pool.ok_or_else(|| unavailable("the store is closed"))?.get().map_err(unavailable)
    }

    /// Waits for reads that are under way, then closes the connections.
    fn close(&self) {
        let pool = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(pool) = pool else { return };
        let mut all: Vec<_> =
            (0..READERS).map_while(|_| pool.get_timeout(LAST_READ_TIMEOUT).ok()).collect();
        if all.len() < READERS as usize {
            tracing::warn!("a read of the database did not end in time");
        }
        for reader in &mut all {
            // A thread of the pool may own it a little longer, and would close its connections after
            // the writer's, which leaves the log's files behind.
            if let Ok(nothing) = Connection::open_in_memory() {
                drop(std::mem::replace(&mut **reader, nothing));
            }
        }
    }
}

// Reads the whole of the smallest index of each table.
const TOTALS: &str = "
SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM messages)";

impl Store for SqliteStore {
    fn totals(&self) -> Reply<Totals> {
        self.read(|connection| {
            connection
                .prepare_cached(TOTALS)?
                .query_row((), |row| Ok(Totals { users: row.get(0)?, messages: row.get(1)? }))
        })
    }

    fn maintain(&self, sessions_ended: Arc<Notify>) -> Maintenance {
        Box::pin(maintenance::run(Arc::downgrade(&self.writer), sessions_ended))
    }

    fn close(&self) {
        // The writer's connection is the last to close, which folds the write-ahead log into the file
        // and removes it.
        self.readers.close();
        self.writer.close();
    }

    fn is_out_of_service(&self) -> bool {
        self.watch.is_lost()
    }
}

/// Settings that SQLite keeps per connection, not in the file.
fn prepare_connection(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    #[cfg(test)]
    steps::count(connection)?;
    // Without `secure_delete`, the text of a deleted message would stay in the file until its bytes are
    // used again.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
    )
}

fn store_error(error: rusqlite::Error) -> StoreError {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
    match error.sqlite_error().map(|cause| cause.extended_code) {
        Some(SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE) => StoreError::Conflict,
        _ => unavailable(error),
    }
}

fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(cause.into())
}

#[cfg(test)]
mod steps;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_waits_until_it_is_on_disk() {
        let dir = tempfile::tempdir().unwrap();
        let (connection, _) = {
            let path = dir.path().join("messenger.db");
            std::fs::File::create(&path).unwrap();
            open::open(&path, &mut |_| {}).unwrap()
        };
        let full = 2;
        let synchronous = connection.pragma_query_value(None, "synchronous", |row| row.get(0));
        assert_eq!(synchronous, Ok(full));
        let journal = connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
        assert_eq!(journal, Ok("wal".to_owned()));
    }

    #[test]
    fn no_query_reads_a_whole_table() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(open::SCHEMA).unwrap();
        // The plan of an insert lists checks of deferred foreign keys, of which there are none.
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        let queries = [
            users::QUERIES,
            conversations::QUERIES,
            chats::QUERIES,
            changes::QUERIES,
            edits::QUERIES,
            messages::QUERIES,
            sessions::QUERIES,
            links::QUERIES,
            names::QUERIES,
        ]
        .concat();
        assert!(queries.len() > 20, "only {} queries", queries.len());
        for query in queries {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let unbound = vec![rusqlite::types::Null; plan.parameter_count()];
            let steps: Vec<String> = plan
                .query_map(rusqlite::params_from_iter(unbound), |row| row.get("detail"))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            // What a query in brackets reads is a step of its own.
            let scan = |step: &String| step.starts_with("SCAN") && !step.starts_with("SCAN (sub");
            let slow = |step: &String| scan(step) || step.contains("TEMP B-TREE");
            assert!(!steps.iter().any(slow), "{query}\n{steps:#?}");
        }
    }
}
