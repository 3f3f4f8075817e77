//! Copies a database as it was, beside it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{Progress, Stage, Watch};
use crate::store::sqlite::open::OpenError;
use crate::store::sqlite::partial::{Partial, beside};

const PAGES_A_STEP: i32 = 1024;

/// Copies the database to a name that is not taken yet, and waits until the copy is on disk. A copy
/// of the same content, which an interrupted conversion left, is as good.
pub(super) fn back_up(path: &Path, watch: Watch<'_>) -> Result<PathBuf, OpenError> {
    let failed = |reason: String| OpenError::failed(path, format!("cannot back it up: {reason}"));
    let partial = Partial::begin(&beside(path, ".flask-backup"))
        .map_err(|error| failed(error.to_string()))?;
    copy(path, partial.path(), watch).map_err(|error| failed(error.to_string()))?;
    let mut number = 1;
    loop {
        let name = match number {
            1 => beside(path, ".flask-backup"),
            _ => beside(path, &format!(".flask-backup-{number}")),
        };
        if !name.exists() {
            return match partial.publish_as(&name) {
                Ok(()) => Ok(name),
                Err(error) => Err(failed(error.to_string())),
            };
        }
        if same_content(&name, partial.path()).map_err(|error| failed(error.to_string()))? {
            return Ok(name);
        }
        number += 1;
    }
}

fn copy(path: &Path, to: &Path, watch: Watch<'_>) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(path, flags)?;
    let mut target = Connection::open(to)?;
    // The file is synced as a whole before it gets its name; until then nobody relies on it.
    target.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;")?;
    let backup = Backup::new(&source, &mut target)?;
    loop {
        let step = backup.step(PAGES_A_STEP)?;
        let pages = |count: i32| u64::try_from(count).unwrap_or(0);
        let progress = backup.progress();
        let total = pages(progress.pagecount);
        let done = total.saturating_sub(pages(progress.remaining));
        watch(Progress { stage: Stage::BackingUp, done, total });
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Only a writer could be in the way, and there is none but the caller.
            _ => std::thread::yield_now(),
        }
    }
}

/// Whether two files, neither of them open as a database, are the same byte by byte.
fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    if fs::metadata(one)?.len() != fs::metadata(other)?.len() {
        return Ok(false);
    }
    let mut one = BufReader::with_capacity(1 << 16, File::open(one)?);
    let mut other = BufReader::with_capacity(1 << 16, File::open(other)?);
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..read])?;
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}
