//! What is on the disk at a database's path, and what this user may do with it. Nothing is opened, so
//! that no pipe is waited for and no lock of SQLite is let go.

use std::fs::{self, FileType, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::open::OpenError;
use super::partial::beside;

/// What SQLite keeps beside a database.
pub(super) const SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The file at `path`; `None` where there is nothing.
///
/// # Errors
/// Something else is there, or it cannot be looked at.
pub(super) fn file_at(path: &Path) -> Result<Option<Metadata>, OpenError> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(found)),
        Ok(found) => Err(no_file(path, found.file_type())),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
            ErrorKind::PermissionDenied => Err(OpenError::Unreachable(path.into())),
            _ => Err(OpenError::failed(path, error)),
        },
    }
}

fn no_file(path: &Path, kind: FileType) -> OpenError {
    let kind = if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "a device"
    };
    OpenError::NoFile { path: path.into(), kind }
}

/// Fails where a file that SQLite keeps beside the database is none that can be opened: a pipe would
/// never answer.
pub(super) fn must_be_plain_beside(path: &Path) -> Result<(), OpenError> {
    for beside in SUFFIXES.map(|suffix| beside(&real(path), suffix)) {
        match beside.symlink_metadata() {
            Ok(found) if !found.is_file() => return Err(no_file(&beside, found.file_type())),
            _ => {}
        }
    }
    Ok(())
}

/// Fails where the file has other names: SQLite would keep a log for each of them.
pub(super) fn must_have_one_name(path: &Path) -> Result<(), OpenError> {
    match path.metadata().map(|file| file.nlink()) {
        Ok(names) if names > 1 => Err(OpenError::Linked { path: path.into(), names }),
        _ => Ok(()),
    }
}

/// The path without symbolic links: SQLite keeps its files beside the real one.
pub(super) fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Why there can be no file at `path`, if its folder is to blame.
pub(super) fn missing_folder(path: &Path) -> Option<String> {
    let folder = folder(path);
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some(format!("{} is no folder", folder.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(format!("there is no folder {}", folder.display()))
        }
        Err(_) => None,
    }
}

/// Each right that this user lacks to read and write the database, the files beside it, and its folder,
/// where SQLite makes files of its own.
pub(super) fn missing_rights(path: &Path) -> Vec<OpenError> {
    let real = real(path);
    let files = std::iter::once(path.to_owned())
        .chain(SUFFIXES.iter().map(|suffix| beside(&real, suffix)))
        .filter(|file| file.exists());
    let may = |path: &Path, right: Access| access(path, right).is_ok();
    let mut missing: Vec<OpenError> = files
        .filter_map(|file| {
            if !may(&file, Access::READ_OK) {
                Some(OpenError::Unreadable(file))
            } else if !may(&file, Access::WRITE_OK) {
                Some(OpenError::ReadOnly(file))
            } else {
                None
            }
        })
        .collect();
    if !may(folder(&real), Access::WRITE_OK | Access::EXEC_OK) {
        missing.push(OpenError::Folder(path.into()));
    }
    missing
}

/// Whether this user may write an existing file.
pub(super) fn is_writable(path: &Path) -> bool {
    access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
}
