//! Notices that the database file is no longer the one that was opened, or that it is damaged. The
//! store is out of service from then on: what it went on to store could not be found again.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use rusqlite::ErrorCode;
use rusqlite::ffi::{
    SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_DATA, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ,
    SQLITE_READONLY_DBMOVED,
};

use super::open::one_line;
use super::partial::beside;
use super::wal_index::{LogState, WalIndex};

/// The database file and the two that SQLite keeps beside it, as they were opened.
pub(super) struct FileWatch {
    path: PathBuf,
    opened: Vec<(PathBuf, Identity)>,
    wal_index: WalIndex,
    /// Set once, and never taken back while the program runs.
    lost: OnceLock<Loss>,
}

type Identity = (u64, u64);

/// How a file was found: whoever writes to it changes one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    bytes: u64,
    modified: SystemTime,
}

/// How far a file system may cut the time of a write when it is read again, as FAT does.
const TIME_RESOLUTION: Duration = Duration::from_secs(2);

impl Extent {
    fn of(found: &fs::Metadata) -> io::Result<Self> {
        Ok(Self { bytes: found.len(), modified: found.modified()? })
    }

    /// Whether somebody has written to the file since it was found as `before`.
    pub(super) fn was_written_since(self, before: Self) -> bool {
        let moved_back = before.modified.duration_since(self.modified);
        self.bytes != before.bytes || moved_back.map_or(true, |back| back > TIME_RESOLUTION)
    }
}

/// Why the file cannot be used any more.
#[derive(Debug, PartialEq, Eq)]
enum Loss {
    Gone(PathBuf),
    Replaced(PathBuf),
    Overwritten(PathBuf),
    /// The `-shm` file beside it is shorter than SQLite has made it.
    Cut(PathBuf),
    Linked {
        path: PathBuf,
        names: u64,
    },
    Damaged {
        path: PathBuf,
        reason: String,
    },
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(path) => write!(
                f,
                "{} was deleted or moved away; put it back or restore a backup, then start visavis again",
                path.display()
            ),
            Self::Replaced(path) => write!(
                f,
                "{} is another file than the one that was opened; start visavis again to use it",
                path.display()
            ),
            Self::Overwritten(path) => write!(
                f,
                "{0} was written or touched by another program than SQLite; stop visavis, make sure that the right file is there, then start it again ({0}-wal.orphan, if it is there, has what the file as it was did not have yet)",
                path.display()
            ),
            Self::Cut(path) => write!(
                f,
                "{}-shm was cut by another program, though SQLite uses it; start visavis again",
                path.display()
            ),
            Self::Linked { path, names } => write!(
                f,
                "{} has {names} names (hard links), which damages it when it is opened by another one; remove the others, then start visavis again",
                path.display()
            ),
            Self::Damaged { path, reason } => write!(
                f,
                "{} is damaged ({reason}); stop visavis, restore the file from a backup, then start visavis again",
                path.display()
            ),
        }
    }
}

impl FileWatch {
    /// Watches the database at `path`, which a connection has open in WAL mode already.
    pub(super) fn start(path: &Path) -> io::Result<Self> {
        // SQLite resolves symbolic links, and keeps its two files beside the real one.
        let real = fs::canonicalize(path)?;
        let wal_index = WalIndex::open(&beside(&real, "-shm"))?;
        let mut opened = vec![(path.to_owned(), identity(path)?)];
        for suffix in ["-wal", "-shm"] {
            let path = beside(&real, suffix);
            if let Ok(identity) = identity(&path) {
                opened.push((path, identity));
            }
        }
        Ok(Self { path: path.to_owned(), opened, wal_index, lost: OnceLock::new() })
    }

    /// Whether the store is out of service.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// Whether the file was moved, deleted or replaced; false when it is where it was, and damaged,
    /// overwritten or without its index.
    pub(super) fn is_taken_away(&self) -> bool {
        let stays = |loss: &Loss| {
            matches!(loss, Loss::Damaged { .. } | Loss::Overwritten(_) | Loss::Cut(_))
        };
        self.lost.get().is_some_and(|loss| !stays(loss))
    }

    /// Whether another program has written to the file: nothing that a connection has not yet written
    /// may go there any more.
    pub(super) fn is_overwritten(&self) -> bool {
        matches!(self.lost.get(), Some(Loss::Overwritten(_)))
    }

    /// Looks at the files, which takes some microseconds, and tells how the database was found; `None`
    /// when the store is out of service.
    pub(super) fn look(&self) -> Option<Extent> {
        if !self.may_read() {
            return None;
        }
        match self.find() {
            Ok(Ok(extent)) => Some(extent),
            Ok(Err(loss)) => {
                self.lose(loss);
                None
            }
            // The folder cannot be reached at the moment: the file may still be there.
            Err(error) => {
                tracing::error!(%error, "cannot look at {}: {error}", self.path.display());
                None
            }
        }
    }

    /// Whether the database may be looked at: false when the store is out of service, also because the `-shm`
    /// file is found cut just now.
    pub(super) fn may_read(&self) -> bool {
        let is_cut = self.wal_index.restore_length().unwrap_or_else(|error| {
            tracing::error!(%error, "cannot look at {}-shm: {error}", self.path.display());
            true
        });
        if is_cut {
            self.lose(Loss::Cut(self.path.clone()));
        }
        !self.is_lost()
    }

    /// How far the log is written and folded; `None` while another process writes it.
    pub(super) fn log_state(&self) -> Option<LogState> {
        self.wal_index.log_state()
    }

    /// Takes the store out of service since another program has written to the file. What the
    /// write-ahead log has would be applied to the other content at the next start, and damage it: the log
    /// is set aside.
    pub(super) fn lose_to_another_program(&self) {
        self.lose(Loss::Overwritten(self.path.clone()));
        for (path, _) in &self.opened {
            if path.as_os_str().as_encoded_bytes().ends_with(b"-wal") {
                let aside = beside(path, ".orphan");
                if let Err(error) = fs::rename(path, &aside) {
                    tracing::error!(%error, "cannot move {} away: {error}", path.display());
                }
            }
        }
    }

    /// Takes the store out of service when `error` means that the file is damaged.
    pub(super) fn note(&self, error: &rusqlite::Error) {
        if is_damage(error) && !self.is_lost() {
            self.lose(Loss::Damaged { path: self.path.clone(), reason: one_line(error) });
        }
    }

    fn find(&self) -> io::Result<Result<Extent, Loss>> {
        let mut extents = Vec::with_capacity(self.opened.len());
        for (path, identity) in &self.opened {
            let found = match fs::metadata(path) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Err(Loss::Gone(path.clone())));
                }
                Err(error) => return Err(error),
            };
            if (found.dev(), found.ino()) != *identity {
                return Ok(Err(Loss::Replaced(path.clone())));
            }
            if found.nlink() > 1 {
                return Ok(Err(Loss::Linked { path: path.clone(), names: found.nlink() }));
            }
            extents.push(Extent::of(&found)?);
        }
        Ok(Ok(extents[0]))
    }

    fn lose(&self, loss: Loss) {
        let sentence = loss.to_string();
        if self.lost.set(loss).is_ok() {
            tracing::error!("the database is out of service, and nothing is stored: {sentence}");
        }
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Whether SQLite read something that it did not write. A full disk and one that cannot be written
/// are no damage: they may recover.
fn is_damage(error: &rusqlite::Error) -> bool {
    let Some(cause) = error.sqlite_error() else { return false };
    matches!(cause.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        || matches!(
            cause.extended_code,
            SQLITE_IOERR_READ
                | SQLITE_IOERR_SHORT_READ
                | SQLITE_IOERR_CORRUPTFS
                | SQLITE_IOERR_DATA
                | SQLITE_READONLY_DBMOVED
        )
}
