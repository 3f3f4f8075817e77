//! Finds what would stop a start on a database file. Nothing is changed.

use std::path::Path;

use super::costly_hashes::CostlyHashes;
use super::lock::{self, FileLock};
use super::open::{self, Inspection, OpenError};
use super::{flask, paths, read_only::Snapshot};

/// What a start on a file would find.
#[derive(Debug)]
pub struct Sound {
    pub found: Inspection,
    pub costly_hashes: CostlyHashes,
}

/// What a start on the file at `path` would find, or every reason why it would fail.
pub(super) fn check(path: &Path) -> Result<Sound, Vec<OpenError>> {
    let one = |error| vec![error];
    paths::file_at(path).map_err(one)?;
    if let Some(reason) = paths::missing_folder(path) {
        return Err(one(OpenError::failed(path, reason)));
    }
    let faults = paths::missing_rights(path);
    if !faults.is_empty() {
        return Err(faults);
    }
    let found = open::inspect(path).map_err(one)?;
    FileLock::probe(path).map_err(one)?;
    lock::probe_sqlite(path).map_err(one)?;
    let costly_hashes = match found {
        Inspection::Missing | Inspection::Empty | Inspection::Unfinished => CostlyHashes::default(),
        Inspection::Ours | Inspection::Older => ours(path).map_err(one)?,
        Inspection::Flask => flasks(path)?,
    };
    Ok(Sound { found, costly_hashes })
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
