//! A file that appears under its name only when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// What stands between a file's name and the random part of the name it has until it is complete.
const INFIX: &str = ".partial-";
/// How many random characters: nobody guesses the name and puts a symbolic link there.
const RANDOM_CHARS: usize = 16;
/// `O_NONBLOCK | O_NOFOLLOW`, on Linux: neither a pipe nor a symbolic link is opened.
const NO_SURPRISES: i32 = 0o4000 | 0o400_000;

/// A file under construction, beside where it will stand, for this user alone (mode 0600). It is
/// removed unless it is published.
pub(super) struct Partial(NamedTempFile);

/// The file beside `path` whose name has `suffix` in addition.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Partial {
    /// Removes what an interrupted run for the same name has left. Fails while another run is
    /// writing that name.
    pub(super) fn begin(name: &Path) -> io::Result<Self> {
        let mut prefix = name.file_name().unwrap_or_default().to_owned();
        prefix.push(INFIX);
        remove_leftovers(folder(name), &prefix)?;
        let file = Builder::new()
            .prefix(&prefix)
            .rand_bytes(RANDOM_CHARS)
            .tempfile_in(folder(name))
            // The library adds a path that only confuses.
            .map_err(|error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error))?;
        // Tells another run that this one is alive.
        file.as_file().try_lock()?;
        Ok(Self(file))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Waits until the content is on disk, then gives it `name`. Fails where that name is taken:
    /// nothing is ever written over.
    pub(super) fn publish_as(self, name: &Path) -> io::Result<()> {
        self.0.as_file().sync_all()?;
        // By a rename that replaces nothing, or by a hard link.
        if let Err(refused) = self.0.persist_noclobber(name) {
            if refused.error.kind() == io::ErrorKind::AlreadyExists {
                return Err(refused.error);
            }
            // A file system that knows neither: the name is taken by an empty file first.
            drop(OpenOptions::new().write(true).create_new(true).mode(0o600).open(name)?);
            if let Err(refused) = refused.file.persist(name) {
                _ = fs::remove_file(name);
                return Err(refused.error);
            }
        }
        File::open(folder(name))?.sync_all()
    }
}

fn folder(name: &Path) -> &Path {
    match name.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes files that an interrupted run has left. A run that is under way holds a lock on its own.
fn remove_leftovers(folder: &Path, prefix: &OsStr) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let random = name.as_bytes().strip_prefix(prefix.as_bytes());
        let is_ours = random.is_some_and(|random| {
            random.len() == RANDOM_CHARS && random.iter().all(u8::is_ascii_alphanumeric)
        });
        if !is_ours || !entry.file_type()?.is_file() {
            continue;
        }
        let mut options = OpenOptions::new();
        let Ok(file) = options.read(true).custom_flags(NO_SURPRISES).open(entry.path()) else {
            continue;
        };
        match file.try_lock() {
            Ok(()) => fs::remove_file(entry.path())?,
            Err(TryLockError::WouldBlock) => {
                let reason = format!("another run is writing {}", entry.path().display());
                return Err(io::Error::other(reason));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}
