//! The `-shm` file, in which SQLite keeps how far the write-ahead log is written and folded, for all
//! processes that use the database. Its format is documented at <https://sqlite.org/walformat.html>.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many frames the log has, and how many of them are in the file.
pub(super) type LogState = (i64, i64);

/// The file, open for as long as the database is: closing it takes SQLite's locks away from this process.
pub(super) struct WalIndex {
    file: File,
    /// How long it has been at least. SQLite maps that much of it, and never makes it shorter.
    bytes: AtomicU64,
}

/// The header stands there twice, and then how many frames are in the file.
const HEADER_BYTES: usize = 48;
const READ_BYTES: usize = 2 * HEADER_BYTES + 4;
/// Where in the header stand whether it has been written, and the number of frames.
const IS_WRITTEN_AT: usize = 12;
const FRAMES_AT: usize = 16;
/// The version of the format, with which the header begins.
const FORMAT: i64 = 3_007_000;

impl WalIndex {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let bytes = AtomicU64::new(file.metadata()?.len());
        Ok(Self { file, bytes })
    }

    /// As `PRAGMA wal_checkpoint(NOOP)` gives it, which is compiled anew each time; `None` while another process
    /// writes it, and for a format of another version.
    pub(super) fn log_state(&self) -> Option<LogState> {
        let mut read = [0; READ_BYTES];
        self.file.read_exact_at(&mut read, 0).ok()?;
        if read[..HEADER_BYTES] != read[HEADER_BYTES..2 * HEADER_BYTES] {
            return None;
        }
        // In the byte order of the machine.
        let number = |at: usize| {
            let bytes = read.get(at..at + 4)?.try_into().ok()?;
            Some(i64::from(u32::from_ne_bytes(bytes)))
        };
        let is_readable = read[IS_WRITTEN_AT] == 1 && number(0)? == FORMAT;
        is_readable.then_some((number(FRAMES_AT)?, number(2 * HEADER_BYTES)?))
    }

    /// Gives the file its length again when another program has cut it, and says whether that was so: a look
    /// at what was cut off would end this process by a signal.
    pub(super) fn restore_length(&self) -> io::Result<bool> {
        let found = self.file.metadata()?.len();
        let known = self.bytes.fetch_max(found, Ordering::Relaxed);
        if found < known {
            self.file.set_len(known)?;
        }
        Ok(found < known)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn the_state_of_the_log_is_as_sqlite_gives_it_and_nothing_is_read_from_another_format() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
        let index = WalIndex::open(&path.with_extension("db-shm")).unwrap();
        let told = || {
            let noop = "PRAGMA wal_checkpoint(NOOP)";
            let row = connection.query_row(noop, (), |row| Ok((row.get(1)?, row.get(2)?)));
            Some(row.unwrap())
        };
        for sql in [
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (zeroblob(100000))",
            "PRAGMA wal_checkpoint(PASSIVE)",
            "INSERT INTO t VALUES (2)",
        ] {
            connection.execute_batch(sql).unwrap();
            assert_eq!(index.log_state(), told(), "{sql}");
        }
        index.file.write_all_at(&[0; READ_BYTES], 0).unwrap();
        assert_eq!(index.log_state(), None);
    }
}
