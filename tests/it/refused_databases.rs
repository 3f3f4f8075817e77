//! Databases with which the program does not start: it says why in one line, and leaves them as they were.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use super::support::program::{PROGRAM, run, said, started};
use super::support::{flask_database, sqlite};

/// Runs the program over a database that it should refuse, and gives its exit code and words. A
/// program that starts all the same is ended after a while.
fn refused(database: &Path) -> (Option<i32>, String) {
    let mut command = Command::new("timeout");
    command.args(["30", PROGRAM, "--listen", "127.0.0.1:0", "--database"]).arg(database);
    said(command.output().unwrap())
}

/// Asserts that the program ends with code 1 and one line that has `words`, and that the file is as
/// it was.
#[track_caller]
fn assert_refused(database: &Path, words: &str) {
    let before = fs::read(database).unwrap();
    let (code, line) = refused(database);
    assert_eq!(code, Some(1), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(words) && line.contains(&*database.to_string_lossy()), "{line}");
    assert_eq!(fs::read(database).unwrap(), before, "the file was touched");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    fs::write(&path, "Dear diary, this is no database. ".repeat(100)).unwrap();
    assert_refused(&path, "is damaged or no SQLite database");
}

#[test]
fn a_damaged_flask_database_is_refused() {
    let (path, dir) = flask_database();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..8192].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    assert_refused(&path, "is damaged or no SQLite database");
    let (code, lines, _) = run(dir.path(), &["check", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{lines}");
    assert!(lines.contains("is damaged or no SQLite database"), "{lines}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left beside it");
}

#[test]
fn a_damaged_schema_is_told_in_one_line() {
    let (path, _dir) = flask_database();
    let mut bytes = fs::read(&path).unwrap();
    let column = b"last_message_date NUMERIC NOT NULL,\n";
    let place = bytes.windows(column.len()).position(|window| window == column).unwrap();
    bytes[place] = b'\'';
    fs::write(&path, bytes).unwrap();
    assert_refused(&path, "ast_message_date NUMERIC NOT NULL, new_message_count INTEGER");
}

#[test]
fn a_truncated_database_is_refused() {
    let (path, _dir) = flask_database();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 4096]).unwrap();
    assert_refused(&path, "is damaged or no SQLite database");
}

#[test]
fn somebody_elses_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE recipes (name TEXT); CREATE TABLE users (id, username, hash);")
        .unwrap();
    drop(other);
    assert_refused(&path, "is neither a database of visavis nor one of the Flask chat");
}

#[test]
fn a_database_with_more_tables_than_the_flask_chats_is_refused() {
    let (path, _dir) = flask_database();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    assert_refused(&path, "visavis import");
}

#[test]
fn a_newer_database_is_refused() {
    let (store, dir) = sqlite();
    drop(store);
    let path = dir.path().join("messenger.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    assert_refused(&path, "was written by a newer visavis (schema 999");
}

#[test]
fn a_locked_database_is_refused() {
    let (path, _dir) = flask_database();
    let before = fs::read(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Reading the file here would let go of this process's lock.
    let (code, line) = refused(&path);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("is locked by another program"), "{line}");
    drop(other);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_read_only_database_is_refused() {
    let (path, dir) = flask_database();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // A user for whom permissions count: for root they do not. The program is copied to where that
    // user can reach it.
    let program = dir.path().join("visavis");
    fs::copy(PROGRAM, &program).unwrap();
    let before = fs::read(&path).unwrap();
    let mut command = Command::new(&program);
    command.current_dir(dir.path()).args(["--listen", "127.0.0.1:0", "--database"]).arg(&path);
    if is_root() {
        command.uid(65534).gid(65534);
    }
    let (code, line) = said(command.output().unwrap());
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("is read-only"), "{line}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_missing_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (code, line) = refused(&dir.path().join("nowhere/messenger.db"));
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("there is no folder"), "{line}");
}

#[test]
fn a_second_program_on_the_same_database_is_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = started(dir.path(), &[]);
    let (code, line) = refused(&dir.path().join("messenger.db"));
    assert_eq!(code, Some(1), "{line}");
    let holder = format!("is in use by process {}", running.0.id());
    assert!(line.contains(&holder), "{line}");
    // The lock ends with its holder, however that ends.
    drop(running);
    started(dir.path(), &[]);
}
