//! Opens a database to read one snapshot of it, leaving the file and its folder as they are.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::lock::is_wal;
use super::open::OpenError;
use super::partial::beside;
use super::{BUSY_TIMEOUT, paths};

/// How a file is opened so that nothing is left beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As any reader: others may write.
    Shared,
    /// SQLite is told that nobody changes the file. In WAL mode and without a log, it would get a log and
    /// its index beside it, just by being read; and could not be read at all in a folder that is
    /// read-only.
    Immutable,
    /// With a log, but without its index, which nobody has open then: SQLite makes the index in memory
    /// for a connection that keeps all others away.
    Alone,
}

impl Way {
    fn find(path: &Path) -> Self {
        if !File::open(path).is_ok_and(|file| is_wal(&file)) {
            return Self::Shared;
        }
        match (beside(path, "-wal").exists(), beside(path, "-shm").exists()) {
            (false, _) => Self::Immutable,
            (true, false) if paths::is_writable(path) => Self::Alone,
            (true, _) => Self::Shared,
        }
    }

    fn open(self, path: &Path) -> rusqlite::Result<Connection> {
        let (query, mode) = match self {
            Self::Shared => ("?mode=ro", OpenFlags::SQLITE_OPEN_READ_ONLY),
            Self::Immutable => ("?immutable=1", OpenFlags::SQLITE_OPEN_READ_ONLY),
            // A lock that keeps others away needs the right to write.
            Self::Alone => ("?mode=rw", OpenFlags::SQLITE_OPEN_READ_WRITE),
        };
        let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(uri(path, query), flags)?;
        if self == Self::Alone {
            // The log would be folded into the file.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON;")?;
        }
        Ok(connection)
    }
}

/// A read-only connection within one read transaction.
pub(super) struct Snapshot {
    pub connection: Connection,
    path: PathBuf,
    /// What the file was like, where SQLite was told that nobody changes it.
    trusted: Option<State>,
}

#[derive(PartialEq, Eq)]
struct State {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Snapshot {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let explain = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
        if paths::file_at(path)?.is_none() {
            return Err(OpenError::Missing(path.into()));
        }
        paths::must_be_plain_beside(path)?;
        // The log stands beside the real file, not beside a symbolic link to it.
        let real = fs::canonicalize(path).map_err(|error| OpenError::failed(path, error))?;
        let way = Way::find(&real);
        let trusted = match way {
            Way::Immutable => Some(state(path).map_err(|error| OpenError::failed(path, error))?),
            Way::Alone | Way::Shared => None,
        };
        let connection = way.open(&real).map_err(explain)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(explain)?;
        let snapshot = Self { connection, path: path.into(), trusted };
        // A transaction is a snapshot from its first read on.
        let begun = snapshot.connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;");
        if begun.is_err() {
            // A file that was written meanwhile only looks damaged.
            snapshot.verify()?;
        }
        begun.map_err(|error| match error.sqlite_error().map(|cause| cause.extended_code) {
            Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK) => OpenError::Unfinished(path.into()),
            _ => explain(error),
        })?;
        Ok(snapshot)
    }

    /// Fails when what was read may be no snapshot.
    pub(super) fn verify(&self) -> Result<(), OpenError> {
        let Some(before) = &self.trusted else { return Ok(()) };
        let after = state(&self.path).map_err(|error| OpenError::failed(&self.path, error))?;
        if *before == after { Ok(()) } else { Err(OpenError::Changed(self.path.clone())) }
    }
}

fn state(path: &Path) -> std::io::Result<State> {
    let file = fs::metadata(path)?;
    let modified = (file.mtime(), file.mtime_nsec());
    Ok(State { inode: file.ino(), bytes: file.len(), modified })
}

fn uri(path: &Path, query: &str) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push('%');
            let digits = [byte >> 4, byte & 15];
            uri.extend(digits.iter().filter_map(|digit| char::from_digit((*digit).into(), 16)));
        }
    }
    uri.push_str(query);
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_characters_is_one_path_in_the_uri() {
        assert_eq!(
            uri(Path::new("/a b/ü?#%.db"), "?mode=ro"),
            "file:/a%20b/%c3%bc%3f%23%25.db?mode=ro"
        );
    }
}
