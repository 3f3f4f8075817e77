//! Opens a database to read one snapshot of it, leaving the file and its folder as they are.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::BUSY_TIMEOUT;
use super::open::{self, OpenError};
use super::partial::beside;

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
        if !path.is_file() {
            return Err(OpenError::Missing(path.into()));
        }
        open::must_be_plain(path)?;
        // The log stands beside the real file, not beside a symbolic link to it.
        let real = fs::canonicalize(path).map_err(|error| OpenError::failed(path, error))?;
        // A file in WAL mode that nobody has open would get a log and its index beside it, just by
        // being read; and could not be read at all in a folder that is read-only.
        let trusted = if is_wal_without_log(&real) {
            Some(state(path).map_err(|error| OpenError::failed(path, error))?)
        } else {
            None
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let connection =
            Connection::open_with_flags(uri(&real, trusted.is_some()), flags).map_err(explain)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(explain)?;
        // A transaction is a snapshot from its first read on.
        connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;").map_err(
            |error| match error.sqlite_error().map(|cause| cause.extended_code) {
                Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK) => OpenError::Unfinished(path.into()),
                _ => explain(error),
            },
        )?;
        Ok(Self { connection, path: path.into(), trusted })
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

/// Whether the file's header says WAL, and there is no log: whoever opens the file makes one.
fn is_wal_without_log(path: &Path) -> bool {
    const WAL: [u8; 2] = [2, 2];
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok()
        && header[18..] == WAL
        && !beside(path, "-wal").exists()
        && !beside(path, "-shm").exists()
}

fn uri(path: &Path, immutable: bool) -> String {
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
    uri.push_str(if immutable { "?immutable=1" } else { "?mode=ro" });
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_characters_is_one_path_in_the_uri() {
        assert_eq!(uri(Path::new("/a b/ü?#%.db"), false), "file:/a%20b/%c3%bc%3f%23%25.db?mode=ro");
    }
}
