//! Finds what would stop a start on a database file. Nothing is changed.

use std::path::Path;

use rustix::fs::{Access, access};

use super::lock::FileLock;
use super::open::{self, Inspection, OpenError};
use super::{flask, read_only::Snapshot};

/// What a start on the file at `path` would find, or every reason why it would fail.
pub(super) fn check(path: &Path) -> Result<Inspection, Vec<OpenError>> {
    let faults = rights(path);
    if !faults.is_empty() {
        return Err(faults);
    }
    let one = |error| vec![error];
    let found = open::inspect(path).map_err(one)?;
    FileLock::probe(path).map_err(one)?;
    match found {
        Inspection::Missing => {}
        Inspection::Ours | Inspection::Older => {
            let snapshot = Snapshot::open(path).map_err(one)?;
            open::check_pages(&snapshot.connection, path).map_err(one)?;
        }
        Inspection::Flask => rows(path)?,
    }
    Ok(found)
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

/// Whether the conversion of a Flask database would take every row.
fn rows(path: &Path) -> Result<(), Vec<OpenError>> {
    let checked = flask::check(path, &mut |_| {}).map_err(|error| vec![error])?;
    let told = checked.refusals.len() as u64;
    let row = |refused| OpenError::Row { path: path.into(), refused };
    let mut faults: Vec<OpenError> = checked.refusals.into_iter().map(row).collect();
    if checked.refused > told {
        let more = checked.refused - told;
        faults.push(row(format!("{more} more rows cannot be taken (visavis import --check)")));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}
