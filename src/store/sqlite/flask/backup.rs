//! Copies a database as it was, beside it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::Watch;
use crate::store::sqlite::backup::copy_pages;
use crate::store::sqlite::open::OpenError;
use crate::store::sqlite::partial::{Partial, beside};

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
        // A symbolic link takes a name as well, wherever it leads.
        if name.symlink_metadata().is_err() {
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
    copy_pages(&source, to, watch).map(drop)
}

/// Whether two files, neither of them open as a database, are the same byte by byte. A pipe or a
/// symbolic link in the place of `one` is not opened.
fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let there = fs::symlink_metadata(one)?;
    if !there.is_file() || there.len() != fs::metadata(other)?.len() {
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
