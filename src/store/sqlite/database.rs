//! The connection that writes, with its write-ahead log: whether the file is as it was left, and when the
//! log is folded into it. What is written, and in which transaction, is said in [`super::writer`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::file_watch::{Extent, FileWatch};
use super::statements::Keeping;
use super::wal_index::LogState;
use super::{BUSY_TIMEOUT, store_error};
use crate::store::StoreError;

/// How long the end waits for readers of other processes before the write-ahead log stays behind.
const LAST_FOLD_TIMEOUT: Duration = Duration::from_secs(1);

/// Set when something was stored that must leave the write-ahead log soon: a text that was deleted
/// stands there until the log is cut.
#[derive(Clone)]
pub(super) struct Erased(Arc<AtomicBool>);

impl Erased {
    /// A crash may have left a log with a text that was deleted: it is cut at the first look.
    pub(super) fn after_start() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Has the log folded into the file and cut at the next look, whether the store is idle or not.
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_pending(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn done(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The connection that writes, and how far its write-ahead log is folded into the file.
pub(super) struct Database<'a> {
    pub connection: Keeping<'a>,
    pub watch: Arc<FileWatch>,
    log: Log,
    /// How the file was left, as far as it is known.
    left: Option<Left>,
    /// `PRAGMA data_version` at the last look.
    version: Option<i64>,
    erased: Erased,
    /// Whether the last attempt to fold the log failed, which is logged once.
    fold_failed: bool,
}

/// What the write-ahead log has that the file has not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    Folded,
    /// Written since the last look.
    Fresh,
    /// Written before the last look, and not since: the server is idle.
    Settled,
}

/// How the file and its log were left. Whatever uses SQLite writes to the file in a checkpoint alone,
/// which changes the state of the log, or comes after a commit, which changes `PRAGMA data_version`.
#[derive(Clone, Copy)]
struct Left {
    extent: Extent,
    log: LogState,
}

/// How often, and how long each time, a change of the file waits for the state of the log to follow. A
/// checkpoint of another process takes longer only where the disk has stalled.
const CHECKPOINT_WAITS: u32 = 250;
const CHECKPOINT_WAIT: Duration = Duration::from_millis(20);

/// How many frames of the log may wait to be folded into the file. SQLite would take 1000 by itself. A page that
/// was changed several times meanwhile is written to the file once, and each fold waits for the disk three
/// times. The index of the log has a part for each 4096 frames, which a reader looks through in turn.
const LONG_LOG_FRAMES: i64 = 4000;

impl<'a> Database<'a> {
    /// Over a connection that may write. From here on nobody but SQLite may write to the file.
    pub(super) fn new(connection: &'a Connection, watch: Arc<FileWatch>, erased: Erased) -> Self {
        // A crash may have left a log.
        let log = Log::Fresh;
        if let Err(error) = connection.pragma_update(None, "wal_autocheckpoint", 0) {
            tracing::warn!(%error, "the log is folded at each commit: {error}");
        }
        let mut new = Self {
            connection: Keeping::new(connection),
            watch,
            log,
            left: None,
            version: None,
            erased,
            fold_failed: false,
        };
        if let Some(extent) = new.watch.look() {
            new.version = new.data_version().ok();
            new.leave(extent);
        }
        new
    }

    /// Whether the file is the one that was opened, and nobody but SQLite has written to it. From then on
    /// the store is out of service.
    pub(super) fn is_sound(&mut self) -> bool {
        // A checkpoint of another process writes to the file first, and changes the log's state last.
        for _ in 0..CHECKPOINT_WAITS {
            let Some(extent) = self.watch.look() else {
                self.abandon();
                return false;
            };
            let Some(left) = self.left.filter(|left| extent.was_written_since(left.extent)) else {
                return true;
            };
            let log = self.log_state();
            if log != Some(left.log) || self.data_version().ok() != self.version {
                self.left = log.map(|log| Left { extent, log });
                return true;
            }
            thread::sleep(CHECKPOINT_WAIT);
        }
        self.watch.lose_to_another_program();
        false
    }

    /// Notes that something was stored, which the log has and the file has not.
    pub(super) fn has_stored(&mut self) {
        self.log = Log::Fresh;
    }

    /// Notes how the file is after this connection has written.
    pub(super) fn leave(&mut self, extent: Extent) {
        let Some(log) = self.log_state() else { return self.left = None };
        // What has only been added to the log is not in the file: another program has written there, or a
        // checkpoint is under way.
        let is_added = |left: &Left| log.1 == left.log.1 && log.0 >= left.log.0;
        let known = self.left.filter(is_added);
        self.left = Some(Left { extent: known.map_or(extent, |left| left.extent), log });
    }

    fn log_state(&self) -> Option<LogState> {
        if let Some(state) = self.watch.log_state() {
            return Some(state);
        }
        let mut asking = self.connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)").ok()?;
        asking.query_row((), |row| Ok((row.get(1)?, row.get(2)?))).ok()
    }

    /// Changes with every commit of another connection.
    fn data_version(&self) -> rusqlite::Result<i64> {
        self.connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get(0))
    }

    /// See [`super::writer::Writer::look`].
    pub(super) fn look(&mut self) -> Result<i64, StoreError> {
        if !self.is_sound() {
            return Err(StoreError::OutOfService);
        }
        let version = self.data_version();
        let version = version.inspect_err(|error| self.watch.note(error)).map_err(store_error)?;
        if self.version.replace(version).is_some_and(|known| known != version) {
            self.log = Log::Fresh;
        }
        match self.log {
            _ if self.erased.is_pending() => {
                if self.cut() {
                    self.log = Log::Folded;
                    self.erased.done();
                }
            }
            Log::Folded => {}
            Log::Fresh => self.log = Log::Settled,
            Log::Settled => {
                if self.fold("PASSIVE") {
                    self.log = Log::Folded;
                }
            }
        }
        if let Some(extent) = self.watch.look() {
            self.leave(extent);
        }
        Ok(version)
    }

    /// Copies the write-ahead log into the file, so that a copy of the file alone is complete.
    /// `PASSIVE` waits for nobody. False when a reader is in the way, or the disk.
    fn fold(&mut self, mode: &str) -> bool {
        // From here on this connection writes to the file, also where it fails in the end.
        self.left = None;
        let outcome =
            self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), (), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            });
        match outcome {
            Ok((busy, pages, folded)) => {
                self.fold_failed = false;
                busy == 0 && pages == folded
            }
            Err(error) => {
                self.watch.note(&error);
                if !self.fold_failed && !self.watch.is_lost() {
                    tracing::warn!(%error, "the write-ahead log was not folded into the database: {error}");
                }
                self.fold_failed = true;
                false
            }
        }
    }

    /// What SQLite does by itself at the end of a commit, if it is let. Here nobody waits for it, and it is
    /// known that it was this connection that wrote to the file.
    pub(super) fn fold_if_long(&mut self) {
        if self.left.is_some_and(|left| left.log.0 - left.log.1 >= LONG_LOG_FRAMES) {
            self.fold("PASSIVE");
            if let Some(extent) = self.watch.look() {
                self.leave(extent);
            }
        }
    }

    /// Folds the write-ahead log into the file and cuts it, without waiting for anybody. False when a
    /// reader is in the way, or the disk.
    fn cut(&mut self) -> bool {
        let is_impatient = self.connection.busy_timeout(Duration::ZERO).is_ok();
        let is_cut = is_impatient && self.fold("TRUNCATE");
        self.connection.busy_timeout(BUSY_TIMEOUT).is_ok() && is_cut
    }

    /// Folds the log into the file that was opened, wherever it is now. A log that stayed behind
    /// would be applied to whatever file has its name, and damage it.
    pub(super) fn abandon(&mut self) {
        if self.watch.is_taken_away() && self.log != Log::Folded {
            self.fold("TRUNCATE");
            self.log = Log::Folded;
        }
    }

    /// Folds the log, but where the file is not ours any more, and tells what becomes of the connection.
    pub(super) fn end(mut self) -> End {
        // What happened since the last look is found out here.
        if !self.is_sound() && self.watch.is_overwritten() {
            return End::Abandon;
        }
        if self.watch.is_lost() {
            self.abandon();
            return End::Close;
        }
        // Closing the last connection folds the log as well; a reader in another process would
        // keep it from doing so.
        if self.connection.busy_timeout(LAST_FOLD_TIMEOUT).is_err() || !self.fold("TRUNCATE") {
            tracing::warn!("another process reads the database; its -wal file belongs to it");
        }
        End::Close
    }
}

/// What becomes of a connection that is not used any more.
pub(super) enum End {
    Close,
    /// Closing the last connection would fold what remains of the log into the other content.
    Abandon,
}

impl End {
    pub(super) fn apply(self, connection: Connection) {
        match self {
            Self::Abandon => std::mem::forget(connection),
            Self::Close => {
                if let Err((_, error)) = connection.close() {
                    tracing::error!(%error, "cannot close the database: {error}");
                }
            }
        }
    }
}
