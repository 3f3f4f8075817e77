//! Opens a database file: recognises whose it is before anything in it is touched.

use std::error::Error;
use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::flask::{self, Converted, Watch};
use super::partial::beside;
use super::paths::{self, must_have_one_name};
use super::read_only::Snapshot;
use super::{erase, names, prepare_connection};

/// The schema of a new database.
pub(super) const SCHEMA: &str = include_str!("../../../schema.sql");
/// A restored backup has none.
const BEGIN_EPOCH: &str = "UPDATE meta SET epoch = randomblob(16) WHERE epoch = zeroblob(16)";

/// `PRAGMA application_id` of our databases, as `schema.sql` sets it.
const APPLICATION_ID: i64 = 1_986_622_326;
/// `PRAGMA user_version` of the schema that this program reads and writes.
const SCHEMA_VERSION: i64 = 5;
/// What makes a database of version 1 one of version 2, and so on: one step for each version.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
];

/// What a write-ahead log that grew beyond is cut to when it is used again: more than it grows to before it is
/// folded, since a file that is cut and grows again costs the file system more than one that is written over.
const LOG_BYTES_MAX: u64 = 32 << 20;

/// How large a database is checked at each start: reading that much takes well under a second.
const CHECKED_BYTES_MAX: u64 = 64 << 20;

/// How often a file is looked at that is written meanwhile.
const INSPECTIONS_MAX: u32 = 100;

/// How much of SQLite's reason is passed on.
const REASON_CHARS_MAX: usize = 200;

/// Why a database was not opened: one sentence for the operator. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{0} is neither a database of visavis nor one of the Flask chat; name another with --database"
    )]
    Foreign(PathBuf),
    #[error(
        "{path} was written by a newer visavis (schema {found}, this program knows {SCHEMA_VERSION}); use that version"
    )]
    Newer { path: PathBuf, found: i64 },
    #[error("{0} is locked by another program; stop that one first")]
    Locked(PathBuf),
    #[error(
        "{path} is in use by {holder}; stop that one first, or name another file with --database"
    )]
    InUse { path: PathBuf, holder: String },
    #[error("{0} is read-only; give this user the right to write it and its folder")]
    ReadOnly(PathBuf),
    #[error("{0} cannot be read; give this user the right to read it")]
    Unreadable(PathBuf),
    #[error("{0} cannot be reached; give this user the right to search each folder on the way")]
    Unreachable(PathBuf),
    #[error("{path} is damaged or no SQLite database ({reason}); restore it from a backup")]
    Damaged { path: PathBuf, reason: String },
    #[error("cannot open {path}: {reason}")]
    Failed { path: PathBuf, reason: String },
    #[error("{path}: {refused}")]
    Row { path: PathBuf, refused: String },
    #[error(
        "{path} is the Flask chat's, with tables that it does not have ({tables}); make a new database from it with visavis import, which leaves them out"
    )]
    OtherTables { path: PathBuf, tables: String },
    #[error("{path} is no file but {kind}; name another file, or move it away")]
    NoFile { path: PathBuf, kind: &'static str },
    #[error(
        "{path} has {names} names (hard links), and SQLite damages a file that is opened by two of them; copy it and use the copy, or remove the other names (find / -samefile {path})"
    )]
    Linked { path: PathBuf, names: u64 },
    #[error(
        "{path} says that it has schema {found}, which visavis never had; restore it from a backup"
    )]
    OddVersion { path: PathBuf, found: i64 },
    #[error("{path} does not have the tables of visavis ({reason}); restore it from a backup")]
    Schema { path: PathBuf, reason: String },
    #[error("the folder of {0} cannot be written; give this user the right to write it")]
    Folder(PathBuf),
    #[error(
        "{0} could not be read or written; make room on its disk, or see what the system's log says of it"
    )]
    Disk(PathBuf),
    #[error("there is no room left on the disk of {0}; make room and try again")]
    NoRoom(PathBuf),
    #[error("there is no file {0}")]
    Missing(PathBuf),
    #[error("{0} is empty; start visavis on it once, which makes the database in it")]
    Empty(PathBuf),
    #[error("{0} exists already, and nothing is written over; name a file that does not exist")]
    Taken(PathBuf),
    #[error("cannot make {path}: {reason}")]
    NotMade { path: PathBuf, reason: String },
    #[error("{0} is no database of the Flask chat; name its messenger.db")]
    NotFlask(PathBuf),
    #[error("{0} is no database of visavis; name another with --database")]
    NotOurs(PathBuf),
    #[error("{0} is a database of the Flask chat; start visavis on it once, which converts it")]
    NotConverted(PathBuf),
    #[error(
        "{0} was left in the middle of a write, with its journal beside it; open it for writing once (start visavis on it, or the Flask chat) and try again"
    )]
    Unfinished(PathBuf),
    #[error("{0} was changed while it was read; stop the program that uses it, or try again")]
    Changed(PathBuf),
}

impl OpenError {
    pub(super) fn failed(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Failed { path: path.to_owned(), reason: one_line(reason) }
    }

    /// The sentence for a new file that cannot be written.
    pub(super) fn cannot_make(path: &Path, reason: impl fmt::Display) -> Self {
        if path.symlink_metadata().is_ok() {
            return Self::Taken(path.to_owned());
        }
        if let Some(reason) = paths::missing_folder(path) {
            return Self::NotMade { path: path.to_owned(), reason };
        }
        let reason = reason.to_string();
        paths::missing_rights(path).pop().unwrap_or(Self::NotMade { path: path.into(), reason })
    }

    /// The sentence for a database that the system lets this user not open or write.
    pub(super) fn denied(path: &Path, reason: impl fmt::Display) -> Self {
        if let Some(reason) = paths::missing_folder(path) {
            return Self::failed(path, reason);
        }
        let missing = paths::missing_rights(path).into_iter().next();
        missing.unwrap_or_else(|| Self::failed(path, reason))
    }

    fn other_tables(path: &Path, tables: &[String]) -> Self {
        Self::OtherTables { path: path.to_owned(), tables: one_line(tables.join(", ")) }
    }

    pub(super) fn damaged(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), reason: one_line(reason) }
    }

    /// The sentence for a failure of the store over the file at `path`, whose causes may have SQLite's.
    #[must_use]
    pub fn of_store(path: &Path, failure: &(dyn Error + 'static)) -> Self {
        let mut next = Some(failure);
        while let Some(cause) = next {
            let shared = cause.downcast_ref::<Arc<rusqlite::Error>>().map(AsRef::as_ref);
            if let Some(error) = shared.or_else(|| cause.downcast_ref()) {
                return Self::from_sqlite(path, error);
            }
            next = cause.source();
        }
        Self::failed(path, failure)
    }

    /// The sentence for what SQLite said of the file at `path`.
    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path.into()),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => Self::denied(path, error),
            Some(ErrorCode::DiskFull) => Self::NoRoom(path.into()),
            Some(ErrorCode::SystemIoFailure) => Self::Disk(path.into()),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::damaged(path, error)
            }
            _ => Self::failed(path, error),
        }
    }
}

/// SQLite quotes statements, which have several lines, and as much of a damaged file as it likes.
pub(super) fn one_line(reason: impl fmt::Display) -> String {
    let reason = reason.to_string();
    let words: Vec<&str> = reason.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What a file is that could be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection {
    /// There is none: it would be made.
    Missing,
    /// There is a file without tables, in which the database would be made.
    Empty,
    Ours,
    /// Ours, of an older version: it would be brought to this one.
    Older,
    /// The Flask chat's: it would be converted.
    Flask,
    /// A write was interrupted. It would be undone, and before that nothing else can be known.
    Unfinished,
}

/// Whose database a file is.
enum Owner {
    Nobody,
    Ours {
        version: i64,
    },
    /// With the tables that a conversion in place cannot keep.
    Flask {
        others: Vec<String>,
    },
    Stranger,
}

/// A connection that may write, over a database with our schema. The file must be locked already.
pub(super) fn open(
    path: &Path,
    watch: Watch<'_>,
) -> Result<(Connection, Option<Converted>), OpenError> {
    let explain = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    let mut connection = open_to_write(path)?;
    let converted = match owner(&connection).map_err(explain)? {
        Owner::Ours { version } if version > SCHEMA_VERSION => {
            return Err(OpenError::Newer { path: path.into(), found: version });
        }
        Owner::Ours { version } if version < 1 => {
            return Err(OpenError::OddVersion { path: path.into(), found: version });
        }
        Owner::Ours { version } => {
            if path.metadata().is_ok_and(|file| file.len() <= CHECKED_BYTES_MAX) {
                check_pages(&connection, path)?;
            }
            migrate(&mut connection, path, version).map_err(|error| of_schema(path, &error))?;
            complete_names(&mut connection).map_err(|error| of_schema(path, &error))?;
            connection.execute_batch(BEGIN_EPOCH).map_err(explain)?;
            None
        }
        Owner::Nobody => {
            connection
                .execute_batch(&format!("BEGIN IMMEDIATE;{SCHEMA}COMMIT;"))
                .map_err(explain)?;
            None
        }
        Owner::Flask { others } if !others.is_empty() => {
            return Err(OpenError::other_tables(path, &others));
        }
        Owner::Flask { .. } => Some(flask::convert(&mut connection, path, watch)?),
        Owner::Stranger => return Err(OpenError::Foreign(path.into())),
    };
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = {LOG_BYTES_MAX};"
        ))
        .map_err(explain)?;
    must_be_unlocked(&connection, path)?;
    narrow(path);
    Ok((connection, converted))
}

/// A connection that may write, over a database that has our schema already. The file need not be
/// locked: another process may have it open.
pub(super) fn open_current(path: &Path) -> Result<Connection, OpenError> {
    let connection = open_to_write(path)?;
    must_be_ours(&connection, path)?;
    Ok(connection)
}

/// Fails when another program keeps the file locked: that is better found out now than at the write.
pub(super) fn must_be_unlocked(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    connection
        .execute_batch("BEGIN IMMEDIATE; COMMIT;")
        .map_err(|error| OpenError::from_sqlite(path, &error))
}

fn open_to_write(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let explain = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    paths::file_at(path)?;
    paths::must_be_plain_beside(path)?;
    must_have_one_name(path)?;
    let connection = Connection::open_with_flags(path, flags).map_err(explain)?;
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(explain)? {
        return Err(OpenError::ReadOnly(path.into()));
    }
    if !erase::is_possible(&connection).map_err(explain)? {
        return Err(OpenError::failed(
            path,
            "this program was built without SQLITE_ENABLE_DBPAGE_VTAB, and could not erase the texts of deleted messages",
        ));
    }
    prepare_connection(&connection).map_err(explain)?;
    Ok(connection)
}

/// The sentence for a step between versions that failed.
pub(super) fn of_schema(path: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        // SQLite's code for a statement that does not fit the tables.
        Some(ErrorCode::Unknown) => {
            OpenError::Schema { path: path.into(), reason: one_line(error) }
        }
        _ => OpenError::from_sqlite(path, error),
    }
}

/// Takes the rights of others away from a file that anybody may read, as SQLite and the Flask chat
/// make them. One that is closed to others already is left as its owner set it.
fn narrow(path: &Path) {
    for path in ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)) {
        let Ok(mode) = path.metadata().map(|file| file.mode() & 0o7777) else { continue };
        let others = mode % 0o10;
        if others == 0 {
            continue;
        }
        match std::fs::set_permissions(&path, Permissions::from_mode(0o600)) {
            Ok(()) => tracing::info!(
                "took the rights of others to {} away (its mode was {mode:o}, and is 600)",
                path.display()
            ),
            Err(error) => tracing::warn!(
                %error,
                "everybody on this machine may read {} (mode {mode:o}); run chmod 600 on it: {error}",
                path.display()
            ),
        }
    }
}

/// Brings a database of an older version to ours, in one transaction.
fn migrate(connection: &mut Connection, path: &Path, version: i64) -> rusqlite::Result<()> {
    let steps = (2..).zip(MIGRATIONS).filter(|(to, _)| *to > version);
    let steps: String = steps.map(|(_, sql)| sql).collect();
    if steps.is_empty() {
        return Ok(());
    }
    // A user whom somebody deleted by hand is no reason not to start.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let views = flask::Views::of(&transaction)?;
    erase::empty_free_pages(&transaction)?;
    transaction.execute_batch(&steps)?;
    let dropped = views.drop_broken(&transaction)?;
    names::complete(&transaction)?;
    transaction.commit()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if !dropped.is_empty() {
        tracing::warn!(
            "{} was brought to a new schema without {}, of tables that it does not have any more",
            path.display(),
            dropped.join(", ")
        );
    }
    tracing::info!("brought the database from schema {version} to schema {SCHEMA_VERSION}");
    Ok(())
}

/// Another program may have added users since the file was open last.
fn complete_names(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    names::complete(&transaction)?;
    transaction.commit()
}

/// Fails when this is no database of ours, or one that this program does not know.
pub(super) fn must_be_ours(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    match owner(connection).map_err(|error| OpenError::from_sqlite(path, &error))? {
        Owner::Ours { version } if version > SCHEMA_VERSION => {
            Err(OpenError::Newer { path: path.into(), found: version })
        }
        Owner::Ours { .. } => must_have_one_name(path),
        Owner::Nobody | Owner::Flask { .. } | Owner::Stranger => {
            Err(OpenError::NotOurs(path.into()))
        }
    }
}

/// Fails when a page of the file is not what SQLite wrote there.
pub(super) fn check_pages(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(|error| OpenError::from_sqlite(path, &error))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::damaged(path, verdict)) }
}

/// What opening the file at `path` would find, without touching it.
pub(super) fn inspect(path: &Path) -> Result<Inspection, OpenError> {
    // Another command may be writing, for a moment.
    for _ in 1..INSPECTIONS_MAX {
        match inspect_once(path) {
            Err(OpenError::Changed(_)) => std::thread::yield_now(),
            inspected => return inspected,
        }
    }
    inspect_once(path)
}

fn inspect_once(path: &Path) -> Result<Inspection, OpenError> {
    if paths::file_at(path)?.is_none() {
        return Ok(Inspection::Missing);
    }
    must_have_one_name(path)?;
    let snapshot = match Snapshot::open(path) {
        Err(OpenError::Unfinished(_)) => return Ok(Inspection::Unfinished),
        opened => opened?,
    };
    let owner = owner(&snapshot.connection);
    snapshot.verify()?;
    match owner.map_err(|error| OpenError::from_sqlite(path, &error))? {
        Owner::Nobody => Ok(Inspection::Empty),
        Owner::Ours { version } if version > SCHEMA_VERSION => {
            Err(OpenError::Newer { path: path.into(), found: version })
        }
        Owner::Ours { version } if version < 1 => {
            Err(OpenError::OddVersion { path: path.into(), found: version })
        }
        Owner::Ours { version } if version < SCHEMA_VERSION => Ok(Inspection::Older),
        Owner::Ours { .. } => Ok(Inspection::Ours),
        Owner::Flask { others } if !others.is_empty() => {
            Err(OpenError::other_tables(path, &others))
        }
        Owner::Flask { .. } => Ok(Inspection::Flask),
        Owner::Stranger => Err(OpenError::Foreign(path.into())),
    }
}

/// Whether a database says that visavis made it.
pub(super) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(id == APPLICATION_ID)
}

fn owner(connection: &Connection) -> rusqlite::Result<Owner> {
    if is_ours(connection)? {
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        return Ok(Owner::Ours { version });
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables == 0 {
        return Ok(Owner::Nobody);
    }
    Ok(match flask::other_tables(connection)? {
        Some(mut others) => {
            others.retain(|table| !flask::may_be_dropped(table));
            Owner::Flask { others }
        }
        None => Owner::Stranger,
    })
}
