//! The commands `import` and `export`: what they say, with which exit code, and what they leave.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use visavis::domain::{Body, TypedName, UserId};
use visavis::store::NewMessage;
use visavis::store::sqlite::SqliteStore;

use super::support::{NOW, flask_database, looked_into, open, sqlite};

const PROGRAM: &str = env!("CARGO_BIN_EXE_visavis");

/// Exit code, standard output, standard error.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new("timeout");
    let output =
        command.current_dir(folder).args(["30", PROGRAM]).args(arguments).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Asserts that the program ends with code 1 and one line that has all of `words`.
#[track_caller]
fn assert_refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let (code, _, line) = run(folder, arguments);
    assert_eq!(code, Some(1), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn change(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute_batch(sql).unwrap();
}

fn number(path: &Path, query: &str) -> i64 {
    Connection::open(path).unwrap().query_row(query, (), |row| row.get(0)).unwrap()
}

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

/// What was done to a fixture, and the words of the refusal.
const REFUSED: [(&str, [&str; 2]); 10] = [
    ("UPDATE messages SET message = 'a' || char(0) || 'b' WHERE rowid = 17", ["row 17 of messages", "its message contains a NUL character"]),
    ("UPDATE messages SET message = CAST(x'ff41' AS TEXT) WHERE rowid = 18", ["row 18 of messages", "its message is not UTF-8"]),
    ("UPDATE messages SET message = x'00ff' WHERE rowid = 19", ["row 19 of messages", "its message is binary"]),
    ("UPDATE messages SET sender_id = 'ann' WHERE rowid = 20", ["row 20 of messages", "its sender_id is not a whole number"]),
    ("UPDATE messages SET receiver_id = 1.5 WHERE rowid = 21", ["row 21 of messages", "its receiver_id is not a whole number"]),
    ("UPDATE messages SET timestamp = 'yesterday' WHERE rowid = 22", ["row 22 of messages", "its timestamp is not a time"]),
    ("UPDATE users SET username = 'a' || char(0) WHERE id = 3", ["row 3 of users", "its username contains a NUL character"]),
    ("UPDATE users SET username = CAST(x'c3' AS TEXT) WHERE id = 4", ["row 4 of users", "its username is not UTF-8"]),
    ("UPDATE chats SET user_id = 'x' WHERE rowid = 5", ["row 5 of chats", "its user_id is not a whole number"]),
    ("CREATE TABLE t AS SELECT * FROM messages; DROP TABLE messages; ALTER TABLE t RENAME TO messages;
      UPDATE messages SET message = NULL WHERE rowid = 6", ["row 6 of messages", "its message is missing (NULL)"]),
];

#[test]
fn a_row_that_cannot_be_taken_is_named_and_nothing_is_made() {
    for (sql, words) in REFUSED {
        let (path, dir) = flask_database();
        change(&path, sql);
        let before = fs::read(&path).unwrap();
        let words = [words[0], words[1], "messenger.db", "WHERE rowid = "];
        assert_refused(dir.path(), &["import", "messenger.db", "--database", "new.db"], &words);
        assert_eq!(names(dir.path()), ["messenger.db"], "{sql}");
        // In place, a copy has been made by then, and stays.
        assert_refused(dir.path(), &["--listen", "127.0.0.1:0"], &words);
        assert_eq!(fs::read(&path).unwrap(), before, "{sql}");

        let (code, said, line) = run(dir.path(), &["import", "messenger.db", "--check"]);
        assert_eq!(code, Some(1), "{said}");
        assert!(line.contains("rows that cannot be taken: 1"), "{line}");
        assert!(said.contains(words[0]) && said.contains(words[1]), "{said}");
    }
}

#[test]
fn rows_with_the_same_fault_are_one_line_with_a_count_and_examples() {
    let (path, dir) = flask_database();
    change(
        &path,
        "UPDATE messages SET timestamp = 'yesterday' WHERE rowid > 10;
         UPDATE messages SET message = x'00' WHERE rowid IN (3, 4);
         INSERT INTO users VALUES (101, 'a' || char(0), 'x'), (102, 'b' || char(0), 'x');",
    );
    let before = fs::read(&path).unwrap();
    let all = [
        "2 rows of users cannot be taken: the username contains a NUL character (rows 101, 102; put",
        "2 rows of messages cannot be taken: the message is binary (a BLOB), not text (rows 3, 4; put",
        "60 rows of messages cannot be taken: the timestamp is not a time as 2026-01-31 23:59:59 (rows 11, 12, 13, 14, 15 and 55 more; put",
    ];
    let (code, said, line) = run(dir.path(), &["import", "messenger.db", "--check"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(line.contains("rows that cannot be taken: 64"), "{line}");
    let told: Vec<&str> =
        said.lines().filter(|line| line.contains("cannot be taken: the")).collect();
    assert_eq!(told.len(), all.len(), "{said}");
    assert!(told.iter().zip(all).all(|(told, words)| told.contains(words)), "{said}");

    let (code, said, _) = run(dir.path(), &["check", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    let wrong: Vec<&str> = said.lines().filter(|line| line.starts_with("wrong")).collect();
    assert_eq!(wrong.len(), all.len(), "{said}");
    assert!(wrong.iter().zip(all).all(|(wrong, words)| wrong.contains(words)), "{said}");

    let words = [all[0], "with other faults: 62", "import --check"];
    assert_refused(dir.path(), &["import", "messenger.db", "--database", "new.db"], &words);
    assert_eq!(names(dir.path()), ["messenger.db"]);
    assert_refused(dir.path(), &["--listen", "127.0.0.1:0"], &words);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_hash_that_costs_too_much_is_taken_and_told_by_every_command() {
    let (path, dir) = flask_database();
    let hash = format!("pbkdf2:sha256:4294967295$salz${}", "00".repeat(32));
    change(&path, &format!("UPDATE users SET hash = '{hash}' WHERE id < 6"));
    let words = "their password hash costs too much to check: 5 (user 1: the number of iterations of pbkdf2 is 4294967295, and at most 8000000 is checked; user 2: ";
    let checks: [&[&str]; 3] = [
        &["import", "messenger.db", "--check"],
        &["check", "--listen", "127.0.0.1:0"],
        &["import", "messenger.db", "--database", "new.db"],
    ];
    for arguments in checks {
        let (code, said, error) = run(dir.path(), arguments);
        assert_eq!(code, Some(0), "{error}{said}");
        let told: Vec<&str> = said.lines().filter(|line| line.contains(words)).collect();
        assert_eq!(told.len(), 1, "{said}");
        assert!(told[0].ends_with("visavis user reset-password"), "{told:?}");
    }
    // A hash may get into a database of ours as well.
    let (code, said, _) =
        run(dir.path(), &["check", "--listen", "127.0.0.1:0", "--database", "new.db"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().any(|line| line.starts_with("note ") && line.contains(words)), "{said}");
    let kept = format!("SELECT count(*) FROM users WHERE hash = '{hash}'");
    assert_eq!(number(&dir.path().join("new.db"), &kept), 5);
}

#[test]
fn what_the_words_of_a_refusal_advise_puts_the_row_right() {
    let (path, dir) = flask_database();
    change(&path, "UPDATE messages SET message = 'a' || char(0) || 'b' WHERE rowid = 17");
    let (_, _, line) = run(dir.path(), &["import", "messenger.db", "--database", "new.db"]);
    let advice = line.split("shell: ").nth(1).unwrap().trim_end().trim_end_matches(')');
    change(&path, advice);
    let (code, _, line) = run(dir.path(), &["import", "messenger.db", "--database", "new.db"]);
    assert_eq!(code, Some(0), "{line}");
    assert_eq!(
        number(&dir.path().join("new.db"), "SELECT count(*) FROM messages WHERE message = '…'"),
        1
    );
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

#[tokio::test]
async fn an_export_shows_what_a_running_server_has_stored_and_who_needs_a_password() {
    let (path, dir) = flask_database();
    let store = open(&path);
    let hash = store.account_named(&TypedName::new("ann")).await.unwrap().unwrap().hash;
    let bcrypt = format!("$2b$04${}", "x".repeat(53));
    assert!(store.replace_hash(UserId(1), &hash, &bcrypt).await.unwrap());
    let message = NewMessage {
        sender: UserId(1),
        receiver: UserId(2),
        body: Body::parse("the very last".into(), 100).unwrap(),
        at: NOW,
        client_id: None,
    };
    store.add_message(message).await.unwrap().unwrap();

    let (code, said, error) = run(dir.path(), &["export", "--flask", "out.db"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(said.contains("messages: 71") && said.contains("cannot read: 1"), "{said}");
    let out = Connection::open(dir.path().join("out.db")).unwrap();
    let last: (i64, String) = out
        .query_row("SELECT rowid, message FROM messages ORDER BY rowid DESC LIMIT 1", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(last, (71, "the very last".to_owned()));
    let hashes = number(
        &dir.path().join("out.db"),
        "SELECT count(*) FROM users WHERE hash LIKE 'scrypt:%' OR hash LIKE 'pbkdf2:%'",
    );
    assert_eq!(hashes, 8);
    drop(store);
}

#[tokio::test]
async fn an_export_lets_nobody_in_who_is_disabled() {
    let (path, dir) = flask_database();
    let store = open(&path);
    let bob = store.account_named(&TypedName::new("bob")).await.unwrap().unwrap();
    assert!(store.set_disabled(bob.user.id, Some(NOW)).await.unwrap());
    drop(store);
    let (code, said, error) = run(dir.path(), &["export", "--flask", "out.db"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(
        said.contains("users who are disabled, and whom no password lets in there: 1"),
        "{said}"
    );
    let query =
        |name| format!("SELECT count(*) FROM users WHERE username = '{name}' AND hash = '!'");
    let out = dir.path().join("out.db");
    assert_eq!((number(&out, &query("bob")), number(&out, &query("ann"))), (1, 0));
}

#[test]
fn a_database_of_an_older_version_is_exported_as_it_is() {
    for (version, schema) in (1..).zip([
        include_str!("../fixtures/schema-1.sql"),
        include_str!("../fixtures/schema-2.sql"),
        include_str!("../fixtures/schema-3.sql"),
    ]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(schema).unwrap();
        old.execute_batch(
            "INSERT INTO users (username, hash) VALUES ('ann', 'scrypt:1:1:1$a$b'), ('bob', '!');
            INSERT INTO chats (user_id, chat_partner_id, last_message_date, new_message_count, place)
            VALUES (1, 2, '2026-01-01 00:00:01', 1, 1);
            INSERT INTO messages (sender_id, receiver_id, message, timestamp)
            VALUES (2, 1, 'hello', '2026-01-01 00:00:01');",
        )
        .unwrap();
        if version > 1 {
            old.execute_batch("INSERT INTO blocks VALUES (1, 2)").unwrap();
        }
        drop(old);
        let (code, said, error) = run(dir.path(), &["export", "--flask", "out.db"]);
        assert_eq!((code, error.as_str()), (Some(0), ""));
        for line in ["users: 2", "chats: 1", "messages: 1"] {
            assert!(said.lines().any(|said| said == line), "{version}: {said}");
        }
        assert_eq!(said.contains("does not know: 1"), version > 1, "{version}: {said}");
        let chat = "SELECT count(*) FROM chats JOIN messages ON receiver_id = user_id
            WHERE last_message_date = timestamp AND new_message_count = 1";
        assert_eq!(number(&dir.path().join("out.db"), chat), 1, "{version}");
        assert_eq!(number(&path, "SELECT user_version FROM pragma_user_version"), version);
    }
}

#[tokio::test]
async fn an_export_counts_the_blocks_that_it_leaves_out() {
    let (path, dir) = flask_database();
    let store = open(&path);
    for (user, partner) in [(1, 2), (2, 1), (3, 2)] {
        let blocked = store.set_blocked(UserId(user), UserId(partner), true).await;
        assert_eq!(blocked.unwrap(), Some(true), "{user}");
    }
    drop(store);
    let (code, said, error) = run(dir.path(), &["export", "--flask", "out.db"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(said.contains("blocks, which the Flask chat does not know: 3"), "{said}");
}

#[test]
fn an_export_has_the_tables_that_the_flask_chat_makes() {
    let (_path, dir) = flask_database();
    let (code, _, error) = run(dir.path(), &["import", "messenger.db", "--database", "new.db"]);
    assert_eq!(code, Some(0), "{error}");
    // As a server leaves it.
    change(&dir.path().join("new.db"), "PRAGMA journal_mode = WAL");
    let arguments = ["export", "--flask", "out.db", "--database", "new.db"];
    let (code, _, error) = run(dir.path(), &arguments);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(names(dir.path()), ["messenger.db", "new.db", "out.db"]);
    let out = dir.path().join("out.db");
    assert_eq!(structure(&out), structure(Path::new("tests/fixtures/flask-messenger.db")));
}

/// Columns, foreign keys and unique keys of the three tables, as SQLite understands them.
fn structure(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut found = Vec::new();
    for table in ["users", "chats", "messages"] {
        for pragma in ["table_info", "foreign_key_list", "index_list"] {
            let mut query =
                connection.prepare(&format!("SELECT * FROM pragma_{pragma}('{table}')")).unwrap();
            let columns = query.column_count();
            let rows = query.query_map((), |row| {
                (0..columns)
                    .map(|column| row.get::<_, rusqlite::types::Value>(column))
                    .collect::<Result<Vec<_>, _>>()
            });
            let mut rows: Vec<String> =
                rows.unwrap().map(|row| format!("{table} {pragma}: {:?}", row.unwrap())).collect();
            rows.sort();
            found.extend(rows);
        }
    }
    found.retain(|row| !row.contains("foreign_key_list"));
    for table in ["chats", "messages"] {
        let mut keys = connection
            .prepare("SELECT \"from\" || ' ' || \"table\" || ' ' || \"to\" FROM pragma_foreign_key_list(?1) ORDER BY 1")
            .unwrap();
        let keys: Vec<String> =
            keys.query_map([table], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        found.push(format!("{table}: {keys:?}"));
    }
    found
}

#[test]
fn what_is_no_database_of_ours_is_not_exported() {
    let (_path, dir) = flask_database();
    let arguments = ["export", "--flask", "out.db"];
    assert_refused(dir.path(), &arguments, &["messenger.db is no database of visavis"]);
    assert_refused(
        dir.path(),
        &["export", "--flask", "out.db", "--database", "no.db"],
        &["there is no file no.db"],
    );
    assert_eq!(names(dir.path()), ["messenger.db"]);
}

#[test]
fn a_backup_of_the_same_content_is_used_again() {
    let (path, dir) = flask_database();
    drop(open(&path));
    let backup = fs::read(dir.path().join("messenger.db.flask-backup")).unwrap();
    let (path, dir) = flask_database();
    fs::write(dir.path().join("messenger.db.flask-backup"), &backup).unwrap();
    drop(open(&path));
    let mut backups = names(dir.path());
    backups.retain(|name| name.contains("backup"));
    assert_eq!(backups, ["messenger.db.flask-backup"]);
    assert_eq!(fs::read(dir.path().join("messenger.db.flask-backup")).unwrap(), backup);
}
