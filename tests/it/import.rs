//! The command `import`: what it says, with which exit code, and what it leaves.

use std::fs;

use rusqlite::Connection;
use visavis::store::sqlite::SqliteStore;

use super::support::program::{assert_refused, names, run};
use super::support::{change, flask_database, looked_into, number, open, sqlite};

#[test]
fn an_import_makes_a_new_file_and_leaves_the_old_one_alone() {
    let (path, dir) = flask_database();
    let before = fs::read(&path).unwrap();
    let (code, said, error) = run(dir.path(), &["import", "messenger.db", "--database", "new.db"]);
    assert_eq!((code, error.lines().count()), (Some(0), 1), "{error}");
    assert!(error.contains("70 messages into new.db"), "{error}");
    assert!(said.contains("messages: 70") && said.contains("missing, added: 1"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(dir.path()), ["messenger.db", "new.db"]);
    let store = SqliteStore::open(&dir.path().join("new.db")).unwrap();
    assert!(store.converted().is_none(), "it was converted again");
}

#[test]
fn a_file_in_the_way_of_an_import_or_export_is_never_written_over() {
    let (path, dir) = flask_database();
    fs::write(dir.path().join("taken.db"), "precious").unwrap();
    assert_refused(
        dir.path(),
        &["import", "messenger.db", "--database", "taken.db"],
        &["taken.db exists already"],
    );
    assert_refused(dir.path(), &["import", "messenger.db"], &["messenger.db exists already"]);
    drop(open(&path));
    assert_refused(dir.path(), &["export", "--flask", "taken.db"], &["taken.db exists already"]);
    assert_eq!(fs::read(dir.path().join("taken.db")).unwrap(), b"precious");
}

#[test]
fn what_an_interrupted_import_left_is_replaced() {
    let (_path, dir) = flask_database();
    let left = dir.path().join("new.db.partial-0123456789abcdef");
    fs::write(left, "x".repeat(100_000)).unwrap();
    let (code, _, error) = run(dir.path(), &["import", "messenger.db", "--database", "new.db"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(names(dir.path()), ["messenger.db", "new.db"]);
    assert_eq!(number(&dir.path().join("new.db"), "SELECT count(*) FROM messages"), 70);
}

#[test]
fn a_second_import_to_the_same_name_waits_for_nobody_and_says_so() {
    let (_path, dir) = flask_database();
    let held = fs::File::create(dir.path().join("new.db.partial-0123456789abcdef")).unwrap();
    held.lock().unwrap();
    let arguments = ["import", "messenger.db", "--database", "new.db"];
    assert_refused(dir.path(), &arguments, &["another run is writing", "new.db.partial-"]);
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let (path, dir) = flask_database();
    change(
        &path,
        "INSERT INTO messages VALUES (77, 1, 'from nobody', '2026-01-01 00:00:00');
         UPDATE chats SET new_message_count = -1 WHERE rowid = 1;
         UPDATE chats SET new_message_count = 1000 WHERE rowid = 2;",
    );
    let before = fs::read(&path).unwrap();
    let (code, said, error) = run(dir.path(), &["import", "messenger.db", "--check"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    for line in [
        "users: 9",
        "password hashes, scrypt: 5",
        "password hashes, pbkdf2:sha256: 2",
        "password hashes, pbkdf2:sha512: 1",
        "password hashes, pbkdf2:sha1: 1",
        "gone, put back as \"deleted user\": 1",
        "missing, added: 3",
        "counts of new messages put right: 2",
        "messages: 71",
        "rows that cannot be taken: 0",
    ] {
        assert!(said.lines().any(|said| said.trim() == line), "{line:?} is not in {said}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(dir.path()), ["messenger.db"]);
}

#[test]
fn what_a_dry_run_finds_is_what_an_import_does() {
    let (path, dir) = flask_database();
    change(&path, "DELETE FROM users WHERE id = 2; DELETE FROM chats WHERE rowid % 2;");
    let (_, foretold, _) = run(dir.path(), &["import", "messenger.db", "--check"]);
    let (_, done, _) = run(dir.path(), &["import", "messenger.db", "--database", "new.db"]);
    let counts = |said: &str| -> Vec<String> {
        said.lines()
            .skip(1)
            .filter(|line| !line.contains("cannot be taken"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(counts(&foretold), counts(&done));
    let new = dir.path().join("new.db");
    let chats = looked_into(&new)
        .query_row("SELECT count(*) FROM sides", (), |row| row.get::<_, i64>(0))
        .unwrap();
    let told: i64 = done
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("chats: ").or(line.trim().strip_prefix("missing, added: "))
        })
        .map(|count| count.parse::<i64>().unwrap())
        .sum();
    assert_eq!(chats, told);
}

#[test]
fn what_is_no_flask_database_is_refused() {
    let (store, dir) = sqlite();
    drop(store);
    fs::write(dir.path().join("diary"), "Dear diary, this is no database. ".repeat(100)).unwrap();
    // Rows without a number of their own have no order.
    let other = Connection::open(dir.path().join("other.db")).unwrap();
    other
        .execute_batch(
            "CREATE TABLE users (id, username, hash);
             CREATE TABLE messages (sender_id, receiver_id, message, timestamp);
             CREATE TABLE chats (user_id, chat_partner_id, last_message_date, new_message_count,
                 PRIMARY KEY (user_id, chat_partner_id)) WITHOUT ROWID",
        )
        .unwrap();
    for (file, words) in [
        ("other.db", "other.db is no database of the Flask chat"),
        ("messenger.db", "messenger.db is no database of the Flask chat"),
        ("diary", "diary is damaged or no SQLite database"),
        ("nowhere.db", "there is no file nowhere.db"),
    ] {
        assert_refused(dir.path(), &["import", file, "--database", "new.db"], &[words]);
        assert_refused(dir.path(), &["import", file, "--check"], &[words]);
    }
    assert_refused(
        dir.path(),
        &["import", "messenger.db", "--database", "no/where/new.db"],
        &["is no database of the Flask chat"],
    );
}

#[test]
fn a_missing_folder_of_the_new_file_is_named() {
    let (_path, dir) = flask_database();
    let arguments = ["import", "messenger.db", "--database", "no/where/new.db"];
    assert_refused(dir.path(), &arguments, &["there is no folder no/where"]);
}

#[test]
fn what_a_write_ahead_log_holds_is_imported_and_the_folder_stays_as_it_is() {
    let (path, dir) = flask_database();
    let flask = Connection::open(&path).unwrap();
    flask.pragma_update(None, "journal_mode", "WAL").unwrap();
    flask
        .execute("INSERT INTO messages VALUES (1, 2, 'in the log', '2027-01-01 00:00:00')", ())
        .unwrap();
    let before = names(dir.path());
    let (code, said, error) = run(dir.path(), &["import", "messenger.db", "--check"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("messages: 71"), "{said}");
    assert_eq!(names(dir.path()), before);
    drop(flask);
    // In WAL mode still, but with nobody who has it open.
    assert_eq!(names(dir.path()), ["messenger.db"]);
    let (code, said, error) = run(dir.path(), &["import", "messenger.db", "--check"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("messages: 71"), "{said}");
    assert_eq!(names(dir.path()), ["messenger.db"]);
}
