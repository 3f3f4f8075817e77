//! Finds what would stop a start on a database file. Nothing is changed.

use std::path::Path;

use rustix::fs::{Access, access};

use super::costly_hashes::CostlyHashes;
use super::lock::FileLock;
use super::open::{self, Inspection, OpenError};
use super::{flask, read_only::Snapshot};

/// What a start on a file would find.
#[derive(Debug)]
pub struct Sound {
    pub found: Inspection,
    pub costly_hashes: CostlyHashes,
}

/// What a start on the file at `path` would find, or every reason why it would fail.
pub(super) fn check(path: &Path) -> Result<Sound, Vec<OpenError>> {
    let faults = rights(path);
    if !faults.is_empty() {
        return Err(faults);
    }
    let one = |error| vec![error];
    let found = open::inspect(path).map_err(one)?;
    FileLock::probe(path).map_err(one)?;
    let costly_hashes = match found {
        Inspection::Missing => CostlyHashes::default(),
        Inspection::Ours | Inspection::Older => ours(path).map_err(one)?,
        Inspection::Flask => flasks(path)?,
    };
    Ok(Sound { found, costly_hashes })
}

/// Whether this user may write the file and its folder, where SQLite makes files of its own.
fn rights(path: &Path) -> Vec<OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return vec![OpenError::failed(path, format!("there is no folder {}", folder.display()))];
    }
    let mut faults = Vec::new();
    if path.exists() && access(path, Access::READ_OK | Access::WRITE_OK).is_err() {
        faults.push(OpenError::ReadOnly(path.into()));
    }
    if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        faults.push(OpenError::Folder(path.into()));
    }
    faults
}

/// Whether every page is sound.
fn ours(path: &Path) -> Result<CostlyHashes, OpenError> {
    let snapshot = Snapshot::open(path)?;
    open::check_pages(&snapshot.connection, path)?;
    CostlyHashes::find(&snapshot.connection).map_err(|error| open::of_schema(path, &error))
}

/// Whether every page is sound, and the conversion would take every row.
fn flasks(path: &Path) -> Result<CostlyHashes, Vec<OpenError>> {
    let checked = flask::check(path, &mut |_| {}).map_err(|error| vec![error])?;
    if checked.refusals.is_empty() {
        return Ok(checked.report.costly_hashes);
    }
    let row = |refused| OpenError::Row { path: path.into(), refused };
    Err(checked.refusals.into_iter().map(row).collect())
}
