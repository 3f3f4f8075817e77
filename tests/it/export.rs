//! The command `export`: what it says, with which exit code, and what it leaves.

use std::path::Path;

use rusqlite::Connection;
use time::OffsetDateTime;
use visavis::domain::{Body, ClientId, MessageId, TypedName, UserId};
use visavis::store::{MessageEdit, NewMessage};

use super::support::program::{assert_refused, names, run};
use super::support::{NOW, change, flask_database, number, open};

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
async fn an_export_has_the_text_of_an_edit_and_a_sentence_for_a_deleted_message() {
    let (path, dir) = flask_database();
    let store = open(&path);
    let edit = MessageEdit {
        user: UserId(1),
        partner: UserId(2),
        id: MessageId(number(&path, "SELECT id FROM messages WHERE message = 'hello Bob'")),
        body: Body::parse("hello, Bob".into(), 100).unwrap(),
        at: NOW,
        oldest: OffsetDateTime::UNIX_EPOCH,
        client_id: ClientId::parse("0190f5a0-0000-7000-8000-000000000001").unwrap(),
    };
    store.edit_message(edit).await.unwrap().unwrap();
    let last = MessageId(number(&path, "SELECT max(id) FROM messages"));
    let sender = UserId(number(&path, "SELECT sender_id FROM messages ORDER BY id DESC LIMIT 1"));
    let people = "SELECT low_id + high_id FROM conversations ORDER BY last_message_id DESC LIMIT 1";
    let receiver = UserId(number(&path, people) - sender.0);
    store.delete_message(sender, receiver, last, NOW).await.unwrap().unwrap();
    let (code, said, error) = run(dir.path(), &["export", "--flask", "out.db"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(said.contains("messages: 70"), "{said}");
    let deleted = "deleted messages, in whose place the Flask chat shows a sentence: 1\n";
    let edited = "edited messages, of which the Flask chat shows the last text: 1\n";
    assert!(said.contains(deleted) && said.contains(edited), "{said}");
    let out = dir.path().join("out.db");
    let with_text =
        |text| number(&out, &format!("SELECT count(*) FROM messages WHERE message = '{text}'"));
    assert_eq!((with_text("hello Bob"), with_text("hello, Bob"), with_text("")), (0, 1, 0));
    let last = "SELECT max(rowid) FROM messages WHERE message = 'This message was deleted'";
    assert_eq!(number(&out, last), 70);
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
        assert!(blocked.unwrap().is_some_and(|blocked| blocked.change.is_some()), "{user}");
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
