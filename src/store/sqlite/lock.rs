//! One process a database file: two would each think that they know every socket.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::open::OpenError;

/// The right to use a database file, until it is dropped. The lock is the operating system's own
/// (flock, which SQLite does not use), so it ends with the process, however that ends.
///
/// It must outlive every connection to the file: closing any handle of a file ends the locks that
/// SQLite holds on it in this process.
#[derive(Debug)]
pub(super) struct FileLock(#[expect(dead_code, reason = "held, not read")] File);

impl FileLock {
    /// Takes the file for this process; makes an empty one where there is none.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                OpenError::ReadOnly(path.to_owned())
            }
            ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(path);
                OpenError::failed(path, format!("there is no folder {}", folder.display()))
            }
            _ => OpenError::failed(path, error),
        })?;
        lock(&file, path)?;
        Ok(Self(file))
    }

    /// Whether the file could be taken. No file is made, and the lock is given back at once, so no
    /// connection of this process may be open to the file.
    pub(super) fn probe(path: &Path) -> Result<(), OpenError> {
        match File::open(path) {
            Ok(file) => lock(&file, path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(OpenError::failed(path, error)),
        }
    }
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
