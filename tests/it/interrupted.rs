//! A conversion that is killed at any moment does no harm.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use visavis::store::sqlite::SqliteStore;

use super::support::looked_into;
use super::support::program::{PROGRAM, names};

const MESSAGES: i64 = 30_000;

/// A database of the Flask chat that takes a moderate time to convert; its rows are not in the order
/// of time.
fn large_flask_database(path: &Path) {
    fs::copy("tests/fixtures/flask-messenger.db", path).unwrap();
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF;
             BEGIN;
             DELETE FROM chats;
             DELETE FROM messages;
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {MESSAGES})
             INSERT INTO messages
             SELECT n % 9 + 1, n % 7 + 1, 'message ' || n, datetime(1700000000 + n / 3 - n % 5 * 50, 'unixepoch')
             FROM number;
             COMMIT;"
        ))
        .unwrap();
}

/// Runs the program with `arguments` in `folder`, and kills it after a while unless it has ended.
/// Whether it was killed.
fn killed(folder: &Path, arguments: &[&str], after: Duration) -> bool {
    let mut child = Command::new(PROGRAM)
        .current_dir(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + after;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// How many messages an opened database has, how many different ones, and how many chats; and
/// whether it is sound.
fn summary(path: &Path) -> (i64, i64, i64, String) {
    let connection = looked_into(path);
    let number = |query: &str| connection.query_row(query, (), |row| row.get(0)).unwrap();
    let verdict = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    let chats = number("SELECT count(*) FROM sides");
    (
        number("SELECT count(*) FROM messages WHERE timestamp IS NOT NULL"),
        number("SELECT count(DISTINCT message) FROM messages"),
        chats,
        verdict,
    )
}

fn messages(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM messages", (), |row| row.get(0)).unwrap()
}

fn has_partial(folder: &Path) -> bool {
    names(folder).iter().any(|name| name.starts_with("new.db.partial-"))
}

fn is_ours(path: &Path) -> bool {
    let connection = Connection::open(path).unwrap();
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
    id != 0
}

#[test]
fn a_conversion_in_place_that_is_killed_is_made_whole_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let flask = dir.path().join("flask.db");
    large_flask_database(&flask);
    let whole = dir.path().join("whole.db");
    fs::copy(&flask, &whole).unwrap();
    let begin = Instant::now();
    drop(SqliteStore::open(&whole).unwrap());
    let duration = begin.elapsed();
    let expected = summary(&whole);
    assert_eq!((expected.0, expected.1, expected.3.as_str()), (MESSAGES, MESSAGES, "ok"));

    let mut in_the_middle = 0;
    for tenth in [1, 2, 4, 6, 8, 9] {
        let folder = dir.path().join(format!("killed-{tenth}"));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("messenger.db");
        fs::copy(&flask, &path).unwrap();
        let killed = killed(&folder, &["--listen", "127.0.0.1:0"], duration * tenth / 10);
        let backup = folder.join("messenger.db.flask-backup");
        // The backup is made first, and the database is ours at the very end.
        in_the_middle += i32::from(killed && backup.exists() && !is_ours(&path));
        drop(SqliteStore::open(&path).unwrap());
        assert_eq!(summary(&path), expected, "killed after {tenth} tenths");
        assert_eq!(messages(&backup), MESSAGES, "the backup, killed after {tenth} tenths");
        let left = |name: &str| name.ends_with("-2") || name.contains(".partial-");
        let left = names(&folder).into_iter().find(|name| left(name));
        assert_eq!(left, None, "it was left, killed after {tenth} tenths");
        fs::remove_dir_all(&folder).unwrap();
    }
    assert!(in_the_middle > 0, "no conversion was killed in its middle");
}

#[test]
fn an_import_that_is_killed_leaves_nothing_under_the_name_and_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let flask = dir.path().join("flask.db");
    large_flask_database(&flask);
    let before = fs::read(&flask).unwrap();
    let arguments = ["import", "flask.db", "--database", "new.db"];
    let begin = Instant::now();
    assert!(!killed(dir.path(), &arguments, Duration::from_mins(1)));
    let duration = begin.elapsed();
    let new = dir.path().join("new.db");
    let expected = summary(&new);
    assert_eq!(expected.0, MESSAGES);

    let mut in_the_middle = 0;
    for quarter in [1, 2, 3] {
        fs::remove_file(&new).unwrap();
        let killed = killed(dir.path(), &arguments, duration * quarter / 4);
        in_the_middle += i32::from(killed && has_partial(dir.path()));
        if killed {
            assert!(!new.exists() || summary(&new) == expected, "an incomplete file has the name");
        }
        if !new.exists() {
            assert!(!self::killed(dir.path(), &arguments, Duration::from_mins(1)));
        }
        assert_eq!(summary(&new), expected);
        assert!(!has_partial(dir.path()));
    }
    assert!(in_the_middle > 0, "no import was killed in its middle");
    assert_eq!(fs::read(&flask).unwrap(), before);
}
