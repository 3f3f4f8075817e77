//! Notices that the database file is no longer the one that was opened, or that it is damaged. The
//! store is out of service from then on: what it went on to store could not be found again.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rusqlite::ErrorCode;
use rusqlite::ffi::{
    SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_DATA, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ,
    SQLITE_READONLY_DBMOVED,
};

use super::open::one_line;
use super::partial::beside;

/// The database file and the two that SQLite keeps beside it, as they were opened.
pub(super) struct FileWatch {
    path: PathBuf,
    opened: Vec<(PathBuf, Identity)>,
    /// Set once, and never taken back while the program runs.
    lost: OnceLock<Loss>,
}

type Identity = (u64, u64);

/// Why the file cannot be used any more.
#[derive(Debug, PartialEq, Eq)]
enum Loss {
    Gone(PathBuf),
    Replaced(PathBuf),
    Linked { path: PathBuf, names: u64 },
    Damaged { path: PathBuf, reason: String },
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
        let mut opened = vec![(path.to_owned(), identity(path)?)];
        for suffix in ["-wal", "-shm"] {
            let path = beside(&real, suffix);
            if let Ok(identity) = identity(&path) {
                opened.push((path, identity));
            }
        }
        Ok(Self { path: path.to_owned(), opened, lost: OnceLock::new() })
    }

    /// Whether the store is out of service.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// Whether the file was moved, deleted or replaced; false when it is where it was and damaged.
    pub(super) fn is_taken_away(&self) -> bool {
        self.lost.get().is_some_and(|loss| !matches!(loss, Loss::Damaged { .. }))
    }

    /// Looks at the files, which takes some microseconds; false when the store is out of service.
    pub(super) fn look(&self) -> bool {
        if self.is_lost() {
            return false;
        }
        match self.find_loss() {
            Ok(None) => true,
            Ok(Some(loss)) => self.lose(loss),
            // The folder cannot be reached at the moment: the file may still be there.
            Err(error) => {
                tracing::error!(%error, "cannot look at {}: {error}", self.path.display());
                false
            }
        }
    }

    /// Takes the store out of service when `error` means that the file is damaged.
    pub(super) fn note(&self, error: &rusqlite::Error) {
        if is_damage(error) && !self.is_lost() {
            self.lose(Loss::Damaged { path: self.path.clone(), reason: one_line(error) });
        }
    }

    fn find_loss(&self) -> io::Result<Option<Loss>> {
        for (path, identity) in &self.opened {
            let found = match fs::metadata(path) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Some(Loss::Gone(path.clone())));
                }
                Err(error) => return Err(error),
            };
            if (found.dev(), found.ino()) != *identity {
                return Ok(Some(Loss::Replaced(path.clone())));
            }
            if found.nlink() > 1 {
                return Ok(Some(Loss::Linked { path: path.clone(), names: found.nlink() }));
            }
        }
        Ok(None)
    }

    fn lose(&self, loss: Loss) -> bool {
        let sentence = loss.to_string();
        if self.lost.set(loss).is_ok() {
            tracing::error!("the database is out of service, and nothing is stored: {sentence}");
        }
        false
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
