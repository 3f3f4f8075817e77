//! Rows of a Flask database that cannot be taken, and those that can although something is wrong: how each
//! command tells of them.

use std::fs;

use super::support::program::{assert_refused, names, run};
use super::support::{change, flask_database, number};

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
