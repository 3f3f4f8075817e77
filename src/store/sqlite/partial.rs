//! A file that appears under its name only when it is complete.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file under construction, as `NAME.partial`; it is removed unless it is published. What an
/// interrupted run left there is written over.
pub(super) struct Partial {
    path: PathBuf,
    // Keeps a second run from writing the same file.
    lock: File,
}

/// The file beside `path` whose name has `suffix` in addition.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Partial {
    pub(super) fn begin(name: &Path) -> io::Result<Self> {
        let path = beside(name, ".partial");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = format!("another run is writing {}", path.display());
                return Err(io::Error::other(reason));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Between opening and locking another run may have published the file under its name.
        let ours = lock.metadata()?;
        let there = fs::metadata(&path)?;
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            return Err(io::Error::other(format!(
                "another run has just written {}",
                name.display()
            )));
        }
        lock.set_len(0)?;
        Ok(Self { path, lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the content is on disk, then gives it `name`. Fails where that name is taken:
    /// nothing is ever written over.
    pub(super) fn publish_as(self, name: &Path) -> io::Result<()> {
        self.lock.sync_all()?;
        fs::hard_link(&self.path, name)?;
        let folder = match name.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, "cannot remove {}: {error}", self.path.display());
        }
    }
}
