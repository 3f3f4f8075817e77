//! A database of the Flask chat is converted when it is opened.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;
use visavis::domain::{ReadMark, TypedName, UserId};
use visavis::store::Store;
use visavis::store::sqlite::SqliteStore;

use super::support::log::{self, lines_with};
use super::support::program::names;
use super::support::site::Site;
use super::support::{extent, flask_database, open};

const PASSWORDS: [(&str, &str); 9] = [
    ("ann", "ann's password"),
    ("Bob", "hunter2 hunter2"),
    ("cyd", "пароль-密码"),
    ("o'brien <b>", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ("Zoë ☃", "snow man 12"),
    ("dora", "dora 260000"),
    ("emil", "emil 600000"),
    ("flo", "flo sha512"),
    ("gus", "gus sha1"),
];

/// A database as the Flask chat lays it out, with what `rows` adds to it.
fn flask_database_with(rows: &str) -> (std::path::PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL COLLATE NOCASE UNIQUE, hash TEXT NOT NULL);
             CREATE TABLE chats (user_id, chat_partner_id, last_message_date NUMERIC, new_message_count DEFAULT 0,
                 UNIQUE (user_id, chat_partner_id));
             CREATE TABLE messages (sender_id, receiver_id, message TEXT, timestamp NUMERIC);",
        )
        .unwrap();
    connection.execute_batch(rows).unwrap();
    (path, dir)
}

async fn texts(store: &dyn Store, reader: i64, partner: i64) -> Vec<String> {
    let newest = store
        .newest_messages(UserId(reader), UserId(partner), extent(1000, usize::MAX))
        .await
        .unwrap();
    newest.unwrap().messages.into_iter().rev().map(|message| message.message).collect()
}

async fn count(store: &dyn Store, reader: i64, partner: i64) -> i64 {
    let newest = store
        .newest_messages(UserId(reader), UserId(partner), extent(20, usize::MAX))
        .await
        .unwrap();
    newest.unwrap().read.new_message_count
}

#[tokio::test]
async fn everybody_logs_in_and_their_hash_becomes_bcrypts() {
    let (path, _dir) = flask_database();
    let site = Site::over_file(&path, &[]).await;
    for (name, password) in PASSWORDS {
        let before = site.store.account_named(&TypedName::new(name)).await.unwrap().unwrap().hash;
        assert!(!before.starts_with("$2"), "{name}: {before}");
        let browser = site.browser();
        assert_eq!(browser.log_in(name, &format!("{password}x")).await.status(), 401, "{name}");
        assert_eq!(browser.log_in(name, password).await.status(), 302, "{name}");
        let after = site.store.account_named(&TypedName::new(name)).await.unwrap().unwrap().hash;
        assert!(after.starts_with("$2"), "{name}: {after}");
        assert_eq!(browser.log_in(name, password).await.status(), 302, "{name}, again");
    }
}

#[tokio::test]
async fn a_password_too_long_for_bcrypt_keeps_its_hash_and_goes_on_to_fit() {
    // hashlib.pbkdf2_hmac("sha256", b"x" * 100, b"salz", 1000)
    let hash =
        "pbkdf2:sha256:1000$salz$1132bc885d97193489d5db4bf847d9a3ab8c692a2ddd63ac5598795dd0a6c3d7";
    let (path, _dir) =
        flask_database_with(&format!("INSERT INTO users VALUES (1, 'ann', '{hash}')"));
    let site = Site::over_file(&path, &[]).await;
    for _ in 0..2 {
        assert_eq!(site.browser().log_in("ann", &"x".repeat(100)).await.status(), 302);
    }
    assert_eq!(site.browser().log_in("ann", &"x".repeat(99)).await.status(), 401);
    assert_eq!(site.store.account_named(&TypedName::new("ann")).await.unwrap().unwrap().hash, hash);
}

#[tokio::test]
async fn a_hash_that_costs_too_much_lets_nobody_in_and_the_log_says_so() {
    let hashes = [
        format!("scrypt:32768:8:9$salz${}", "00".repeat(64)),
        format!("scrypt:524288:8:1$salz${}", "00".repeat(64)),
        format!("pbkdf2:sha256:20000000$salz${}", "00".repeat(32)),
        format!("$2b$16${}", "x".repeat(53)),
    ];
    let users = (9001..).zip(&hashes).map(|(id, hash)| format!("({id}, 'user {id}', '{hash}')"));
    let users = users.collect::<Vec<_>>().join(", ");
    let (path, _dir) = flask_database_with(&format!("INSERT INTO users VALUES {users}"));
    let site = Site::over_file(&path, &[]).await;
    for (id, hash) in (9001..).zip(&hashes) {
        let name = format!("user {id}");
        assert_eq!(site.browser().log_in(&name, "some password").await.status(), 401);
        let told = lines_with(&format!("the password hash of user {id} is not checked"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("at most") && told[0].contains("reset-password"), "{told:?}");
        let kept = site.store.account_named(&TypedName::new(&name)).await.unwrap().unwrap().hash;
        assert_eq!(kept, *hash);
    }
}

#[tokio::test]
async fn messages_keep_the_order_of_time_and_row() {
    let (path, _dir) = flask_database();
    let before = Connection::open(&path).unwrap();
    let mut rows = before
        .prepare(
            "SELECT message FROM messages
             WHERE (sender_id, receiver_id) IN (VALUES (1, 2), (2, 1)) ORDER BY timestamp, rowid",
        )
        .unwrap();
    let expected: Vec<String> =
        rows.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    drop(rows);
    drop(before);
    assert!(expected.len() > 60, "{}", expected.len());
    let store = open(&path);
    assert_eq!(texts(&*store, 1, 2).await, expected);
    assert_eq!(texts(&*store, 2, 1).await, expected);
}

#[tokio::test]
async fn messages_of_an_earlier_time_come_first_whatever_their_row() {
    let (path, _dir) = flask_database_with(
        "INSERT INTO users VALUES (1, 'ann', ''), (2, 'bob', '');
         INSERT INTO messages VALUES (1, 2, 'c', '2026-01-02 00:00:00'), (2, 1, 'a', '2026-01-01 00:00:00'),
             (1, 2, 'b', '2026-01-01 00:00:00');",
    );
    let store = open(&path);
    assert_eq!(texts(&*store, 1, 2).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn each_chat_keeps_its_count_and_reading_on_takes_it_down() {
    let (path, _dir) = flask_database();
    let store = open(&path);
    for (reader, partner, expected) in
        [(1, 2, 20), (1, 1, 0), (3, 2, 0), (4, 1, 0), (2, 1, 43), (1, 5, 0), (6, 1, 2), (1, 6, 0)]
    {
        assert_eq!(count(&*store, reader, partner).await, expected, "({reader}, {partner})");
    }
    // dora has read one of three: two remain behind the read position, and fall with it.
    let newest =
        store.newest_messages(UserId(6), UserId(1), extent(20, usize::MAX)).await.unwrap().unwrap();
    assert_eq!(newest.messages[2].id, newest.read.last_read_id);
    let mark = ReadMark::UpTo(newest.messages[1].id);
    let marked = store.mark_read(UserId(6), UserId(1), mark).await.unwrap().unwrap();
    assert_eq!(marked.state.read.new_message_count, 1);
}

#[tokio::test]
async fn who_was_never_connected_gets_the_chat_that_was_never_made() {
    let (path, _dir) = flask_database();
    let store = open(&path);
    let chats = store.chats_of(UserId(5), 10).await.unwrap();
    assert_eq!(chats.len(), 1);
    assert_eq!((chats[0].partner.username.as_str(), chats[0].read.new_message_count), ("ann", 2));
    assert_eq!(texts(&*store, 5, 1).await.len(), 2);
}

#[tokio::test]
async fn chats_are_listed_by_their_last_message() {
    let (path, _dir) = flask_database();
    let store = open(&path);
    let chats = store.chats_of(UserId(1), 10).await.unwrap();
    let names: Vec<_> = chats.iter().map(|chat| chat.partner.username.as_str()).collect();
    assert_eq!(names, ["Zoë ☃", "Bob", "ann", "dora"]);
}

#[tokio::test]
async fn a_count_that_lies_is_put_right() {
    let (path, _dir) = flask_database_with(
        "INSERT INTO users VALUES (1, 'ann', ''), (2, 'bob', '');
         INSERT INTO chats VALUES (1, 2, '2026-01-01 00:00:00', 7), (2, 1, '2026-01-01 00:00:00', -3),
             (1, 1, '2026-01-01 00:00:00', 4);
         INSERT INTO messages VALUES (2, 1, 'one', '2026-01-01 00:00:00'), (1, 2, 'two', '2026-01-01 00:00:00'),
             (1, 1, 'self', '2026-01-01 00:00:00');",
    );
    let store = open(&path);
    assert_eq!(count(&*store, 1, 2).await, 1);
    assert_eq!(count(&*store, 2, 1).await, 0);
    assert_eq!(count(&*store, 1, 1).await, 0);
}

#[tokio::test]
async fn what_users_wrote_who_are_gone_stays() {
    let (path, _dir) = flask_database_with(
        "INSERT INTO users VALUES (1, 'ann', '');
         INSERT INTO chats VALUES (1, 7, '2026-01-01 00:00:00', 1);
         INSERT INTO messages VALUES (7, 1, 'still here', '2026-01-01 00:00:00');",
    );
    let site = Site::over_file(&path, &[]).await;
    assert_eq!(texts(&*site.store, 1, 7).await, ["still here"]);
    let chats = site.store.chats_of(UserId(1), 10).await.unwrap();
    assert_eq!(chats[0].partner.username, "deleted user 7");
    assert_eq!(site.browser().log_in("deleted user 7", "!").await.status(), 401);
}

#[test]
fn the_file_as_it_was_stays_beside_it() {
    let (path, dir) = flask_database();
    let backup = dir.path().join("messenger.db.flask-backup");
    drop(open(&path));
    assert_eq!(dump(&backup), dump(Path::new("tests/fixtures/flask-messenger.db")));
    // Once converted it is ours: nothing is copied again.
    drop(open(&path));
    assert!(!dir.path().join("messenger.db.flask-backup-2").exists());
}

#[test]
fn an_older_backup_is_never_written_over() {
    let (path, dir) = flask_database();
    let older = dir.path().join("messenger.db.flask-backup");
    std::fs::write(&older, "precious").unwrap();
    drop(open(&path));
    assert_eq!(std::fs::read(&older).unwrap(), b"precious");
    let backup = dir.path().join("messenger.db.flask-backup-2");
    assert_eq!(dump(&backup), dump(Path::new("tests/fixtures/flask-messenger.db")));
}

#[test]
fn what_was_left_in_a_write_ahead_log_is_converted_and_backed_up_too() {
    let (path, dir) = flask_database();
    let flask = Connection::open(&path).unwrap();
    flask.pragma_update(None, "journal_mode", "WAL").unwrap();
    flask
        .execute("INSERT INTO messages VALUES (1, 2, 'in the log', '2027-01-01 00:00:00')", ())
        .unwrap();
    let store = open(&path);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let texts = runtime.block_on(texts(&*store, 1, 2));
    assert_eq!(texts.last().unwrap(), "in the log");
    let copy = dump(&dir.path().join("messenger.db.flask-backup"));
    assert!(copy.iter().any(|row| row.contains("in the log")), "{copy:?}");
}

/// Every row of the three tables, as text.
fn dump(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut rows = Vec::new();
    for table in ["users", "chats", "messages"] {
        let mut query =
            connection.prepare(&format!("SELECT * FROM {table} ORDER BY rowid")).unwrap();
        let columns = query.column_count();
        let found = query.query_map((), |row| {
            (0..columns)
                .map(|column| row.get::<_, rusqlite::types::Value>(column))
                .collect::<Result<Vec<_>, _>>()
        });
        rows.extend(found.unwrap().map(|row| format!("{table}: {:?}", row.unwrap())));
    }
    rows
}

#[test]
fn views_that_fit_stay_and_tables_of_flasks_extensions_go() {
    let (path, _dir) = flask_database_with(
        "INSERT INTO users VALUES (1, 'ann', 'x'), (2, 'bob', 'x');
         INSERT INTO messages VALUES (1, 2, 'later', '2022-01-01T00:00:00.5'), (1, 2, 'sooner', '2022-01-01 00:00:00.25');
         ALTER TABLE users RENAME TO u; ALTER TABLE u RENAME TO Users;
         CREATE TABLE alembic_version (version_num TEXT); CREATE TABLE sessions (id, data);
         CREATE INDEX mine ON messages (message);
         CREATE VIEW fits AS SELECT message FROM messages ORDER BY rowid;
         CREATE VIEW does_not AS SELECT version_num FROM alembic_version;
         CREATE VIEW reads_it AS SELECT * FROM does_not;
         CREATE VIEW sessions_there AS SELECT count(*) AS count FROM sessions;
         CREATE VIEW reads_that AS SELECT count FROM sessions_there, messages;
         CREATE TRIGGER audit AFTER INSERT ON messages BEGIN DELETE FROM chats; END;",
    );
    log::listen();
    drop(open(&path));
    let connection = Connection::open(&path).unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut query = connection.prepare(sql).unwrap();
        query.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(list("SELECT message FROM fits"), ["sooner", "later"]);
    assert_eq!(list("SELECT name FROM sqlite_schema WHERE type = 'view'"), ["fits"]);
    assert!(
        list("SELECT name FROM sqlite_schema WHERE name IN ('audit', 'mine', 'alembic_version')")
            .is_empty()
    );
    let told = lines_with(path.to_str().unwrap());
    let told: Vec<_> = told.iter().filter(|line| line.contains("was converted without")).collect();
    let left_out = [
        "alembic_version",
        "sessions",
        "does_not",
        "reads_it",
        "sessions_there",
        "reads_that",
        "audit",
        "mine",
    ];
    for name in left_out {
        assert!(told.len() == 1 && told[0].contains(&format!("\"{name}\"")), "{name}: {told:?}");
    }
    assert_eq!(list("SELECT DISTINCT timestamp FROM messages"), ["2022-01-01 00:00:00"]);
}

#[test]
fn other_tables_are_named_and_nothing_is_changed() {
    let (path, _dir) = flask_database_with("CREATE TABLE diary (day, text)");
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).err().unwrap().to_string();
    assert!(error.contains("diary") && error.contains("visavis import"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
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
