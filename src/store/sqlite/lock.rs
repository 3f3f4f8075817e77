//! One process a database file: two would each think that they know every socket.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};

use super::BUSY_TIMEOUT;
use super::open::OpenError;
use super::partial::{NewFile, beside};
use super::paths::{self, real};

/// The bytes of a database that SQLite locks: pending, reserved, and those that readers share.
const LOCK_BYTES: Range<u64> = 0x4000_0000..0x4000_0200;
/// The byte of a `-shm` file that a connection locks to write in WAL mode.
const WAL_WRITE_LOCK: Range<u64> = 120..121;
/// How long a probe waits before it asks again.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// The right to use a database file, until it is dropped. The lock is the operating system's own
/// (flock, which SQLite does not use), so it ends with the process, however that ends.
///
/// It must outlive every connection to the file: closing any handle of a file ends the locks that
/// SQLite holds on it in this process.
#[derive(Debug)]
pub(super) struct FileLock(#[expect(dead_code, reason = "held, not read")] File);

impl FileLock {
    /// Takes the file for this process; makes an empty one where there is none.
    pub(super) fn take(path: &Path) -> Result<(Self, Option<NewFile>), OpenError> {
        paths::file_at(path)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).truncate(false).mode(0o600);
        let (file, is_new) = options
            .create_new(true)
            .open(path)
            .map(|file| (file, true))
            .or_else(|error| match error.kind() {
                // A symbolic link that leads nowhere exists as well: what it names is made.
                ErrorKind::AlreadyExists => {
                    let file = options.create_new(false).create(true).open(path)?;
                    Ok((file, false))
                }
                _ => Err(error),
            })
            .map_err(|error| match error.kind() {
                ErrorKind::StorageFull => OpenError::NoRoom(path.to_owned()),
                _ => OpenError::denied(path, error),
            })?;
        lock(&file, path)?;
        Ok((Self(file), is_new.then(|| NewFile::made(path))))
    }

    /// Whether the file could be taken. No file is made, and the lock is given back at once, so no
    /// connection of this process may be open to the file.
    pub(super) fn probe(path: &Path) -> Result<(), OpenError> {
        match File::open(path) {
            Ok(file) => lock(&file, path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(OpenError::denied(path, error)),
        }
    }
}

/// Fails when another program holds a lock of SQLite that a start needs, for as long as a start waits.
/// The locks are only asked for, so that nothing is written; no connection of this process may be open
/// to the file.
pub(super) fn probe_sqlite(path: &Path) -> Result<(), OpenError> {
    for _ in 0..BUSY_TIMEOUT.as_millis() / PROBE_INTERVAL.as_millis() {
        match is_held(path) {
            Ok(true) => std::thread::sleep(PROBE_INTERVAL),
            Ok(false) => return Ok(()),
            Err(error) => return Err(OpenError::failed(path, error)),
        }
    }
    Err(OpenError::Locked(path.to_owned()))
}

fn is_held(path: &Path) -> io::Result<bool> {
    let Ok(file) = File::open(path) else { return Ok(false) };
    // In WAL mode every open connection has a shared lock on the file. In the others a reader is in the
    // way, too: of a conversion, and of the change to WAL mode.
    let kind = if is_wal(&file) { FlockType::ReadLock } else { FlockType::WriteLock };
    if is_locked(&file, LOCK_BYTES, kind)? {
        return Ok(true);
    }
    match File::open(beside(&real(path), "-shm")) {
        Ok(index) => is_locked(&index, WAL_WRITE_LOCK, FlockType::ReadLock),
        Err(_) => Ok(false),
    }
}

/// Whether another process has a lock on one of these bytes that keeps this one from its own.
fn is_locked(file: &File, bytes: Range<u64>, typ: FlockType) -> io::Result<bool> {
    let wanted = Flock {
        start: bytes.start,
        length: bytes.end - bytes.start,
        pid: None,
        typ,
        offset_type: FlockOffsetType::Set,
    };
    Ok(fcntl_getlk(file, &wanted)?.is_some())
}

/// Whether the header of a database says that it is in WAL mode.
pub(super) fn is_wal(file: &File) -> bool {
    const WAL: [u8; 2] = [2, 2];
    let mut header = [0; 20];
    file.read_exact_at(&mut header, 0).is_ok() && header[18..] == WAL
}

fn lock(file: &File, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(OpenError::InUse { path: path.to_owned(), holder: holder(file) })
        }
        Err(TryLockError::Error(error)) => Err(OpenError::failed(path, error)),
    }
}

/// The holder of the lock, as far as the kernel tells: "process 1234".
fn holder(file: &File) -> String {
    let inode = file.metadata().map(|metadata| metadata.ino()).unwrap_or_default();
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    // `1: FLOCK  ADVISORY  WRITE 1234 08:01:56789 0 EOF`
    let pid = locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (kind, pid, place) = (words.get(1)?, words.get(4)?, words.get(5)?);
        let same = *kind == "FLOCK" && place.rsplit(':').next() == Some(&inode.to_string());
        same.then(|| pid.parse::<u32>().ok()).flatten().filter(|pid| *pid > 0)
    });
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
