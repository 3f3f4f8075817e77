//! A file that appears under its name only when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{Builder, NamedTempFile};

use super::paths::{SUFFIXES, folder};

/// What stands between a file's name and the random part of the name it has until it is complete.
const INFIX: &str = ".partial-";
/// How many random characters: nobody guesses the name and puts a symbolic link there.
const RANDOM_CHARS: usize = 16;
/// `O_NONBLOCK | O_NOFOLLOW`, on Linux: neither a pipe nor a symbolic link is opened.
const NO_SURPRISES: i32 = 0o4000 | 0o400_000;

/// The files that this process has made and not completed.
static NEW_FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn new_files() -> MutexGuard<'static, Vec<PathBuf>> {
    NEW_FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the files that this process has made and not completed, and gives how many those were. For a
/// process that ends at once: from now on none is begun or gets its name.
#[must_use]
pub fn abandon_new_files() -> usize {
    let mut files = new_files();
    let count = files.len();
    files.drain(..).for_each(|file| remove(&file));
    // Never unlocked.
    std::mem::forget(files);
    count
}

/// Removes a database and what SQLite keeps beside it.
fn remove(file: &Path) {
    for suffix in [""].iter().chain(&SUFFIXES) {
        // Most of them do not exist, and nothing can be done about the others.
        _ = fs::remove_file(beside(file, suffix));
    }
}

/// A file that was made a moment ago. It is removed unless it is kept.
pub(super) struct NewFile(PathBuf);

impl NewFile {
    pub(super) fn made(path: &Path) -> Self {
        new_files().push(path.to_owned());
        Self(path.to_owned())
    }

    /// The file is complete.
    pub(super) fn keep(self) {
        self.forget(&mut new_files());
    }

    fn forget(&self, files: &mut Vec<PathBuf>) {
        files.retain(|file| *file != self.0);
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let mut files = new_files();
        if files.contains(&self.0) {
            remove(&self.0);
            self.forget(&mut files);
        }
    }
}

/// A file under construction, beside where it will stand, for this user alone (mode 0600). It is
/// removed unless it is published.
pub(super) struct Partial {
    file: NamedTempFile,
    new: NewFile,
}

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
        // Held until the file is noted: an interruption comes before that or after it.
        let mut files = new_files();
        let file = Builder::new()
            .prefix(&prefix)
            .rand_bytes(RANDOM_CHARS)
            .tempfile_in(folder(name))
            // The library adds a path that only confuses.
            .map_err(|error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error))?;
        // Tells another run that this one is alive.
        file.as_file().try_lock()?;
        let new = NewFile(file.path().to_owned());
        files.push(new.0.clone());
        Ok(Self { file, new })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Waits until the content is on disk, then gives it `name`. Fails where that name is taken:
    /// nothing is ever written over.
    pub(super) fn publish_as(self, name: &Path) -> io::Result<()> {
        let Self { file, new } = self;
        file.as_file().sync_all()?;
        // Held until the file has its name: an interruption comes before that or after it.
        let mut files = new_files();
        // By a rename that replaces nothing, or by a hard link.
        if let Err(refused) = file.persist_noclobber(name) {
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
        new.forget(&mut files);
        drop(files);
        File::open(folder(name))?.sync_all()
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
