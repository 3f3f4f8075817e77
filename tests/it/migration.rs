//! A database of an older visavis becomes one of this visavis when it is opened.

use std::path::Path;

use rusqlite::{Connection, params};
use time::Duration;
use visavis::domain::{
    Body, Chat, ClientId, MessageId, NamePrefix, SessionKey, TypedName, UserId, Username, Version,
};
use visavis::store::sqlite::{Inspection, SqliteStore};
use visavis::store::{NewMessage, NotAdded, PageBounds, StoredSession};

use super::support::log::{self, lines_with};
use super::support::{NOW, extent, looked_into, new_count, open, sqlite};

const VERSION_1: &str = include_str!("../fixtures/schema-1.sql");
const VERSION_2: &str = include_str!("../fixtures/schema-2.sql");
const VERSION_3: &str = include_str!("../fixtures/schema-3.sql");
const VERSION_4: &str = include_str!("../fixtures/schema-4.sql");
/// With a row for each side of a chat.
const OLDER: [&str; 3] = [VERSION_1, VERSION_2, VERSION_3];

/// Everything that SQLite knows of the tables but how they were spelled.
fn schema(path: &Path) -> Vec<String> {
    let database = Connection::open(path).unwrap();
    let mut query = database
        .prepare(
            "SELECT 'version', '', user_version, '', '', '', '' FROM pragma_user_version
            UNION ALL
            SELECT 'table', name, type, ncol, wr, strict, '' FROM pragma_table_list
            WHERE schema = 'main'
            UNION ALL
            SELECT 'column', tables.name, columns.cid, columns.name, columns.type,
                columns.\"notnull\", columns.pk || coalesce(columns.dflt_value, '')
            FROM pragma_table_list AS tables, pragma_table_xinfo(tables.name) AS columns
            UNION ALL
            SELECT 'index', tables.name, indexes.name, indexes.\"unique\", indexes.partial,
                columns.seqno || coalesce(columns.name, 'expression'), columns.desc || columns.coll
            FROM pragma_table_list AS tables, pragma_index_list(tables.name) AS indexes,
                pragma_index_xinfo(indexes.name) AS columns
            UNION ALL
            SELECT 'reference', tables.name, keys.\"table\", keys.\"from\", keys.\"to\", '', ''
            FROM pragma_table_list AS tables, pragma_foreign_key_list(tables.name) AS keys
            UNION ALL
            SELECT 'check', name, substr(sql, instr(sql, 'CHECK')), '', '', '', '' FROM sqlite_schema
            WHERE instr(sql, 'CHECK') AND name IN ('links', 'meta', 'conversations')
            ORDER BY 1, 2, 3, 4, 5, 6, 7",
        )
        .unwrap();
    let rows = query.query_map((), |row| {
        let cells: Vec<String> = (0..7)
            .map(|column| {
                row.get::<_, rusqlite::types::Value>(column).map(|cell| format!("{cell:?}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(without_comments(&cells.join(" ")))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The words alone, as a table's text stands escaped in one line.
fn without_comments(row: &str) -> String {
    let lines = row.split("\\n").map(|line| line.split("--").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn of_version(schema: &str, path: &Path) -> Connection {
    let old = Connection::open(path).unwrap();
    old.execute_batch(schema).unwrap();
    old
}

#[test]
fn a_database_of_an_older_version_gets_the_schema_of_a_new_one() {
    let (store, new) = sqlite();
    drop(store);
    let expected = schema(&new.path().join("messenger.db"));
    assert!(expected.len() > 50, "{expected:#?}");
    for old in OLDER.into_iter().chain([VERSION_4]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        drop(of_version(old, &path));
        assert_eq!(SqliteStore::check(&path).unwrap().found, Inspection::Older);
        drop(SqliteStore::open(&path).unwrap());
        assert_eq!(SqliteStore::check(&path).unwrap().found, Inspection::Ours);
        assert_eq!(schema(&path), expected);
        // Once is enough.
        drop(SqliteStore::open(&path).unwrap());
        assert_eq!(schema(&path), expected);
    }
}

/// Names that no new user could take together.
const OLD_NAMES: &str = "INSERT INTO users (id, username, hash) VALUES
    (1, 'Änne', 'a'), (2, 'änne', 'b'), (3, 'БОРИС', 'c'), (4, ' carla ', 'd'), (5, '', 'e')";

#[tokio::test]
async fn old_names_stay_as_they_are_and_are_found_in_every_spelling() {
    for schema in OLDER {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        of_version(schema, &path).execute_batch(OLD_NAMES).unwrap();
        let store = open(&path);
        for (typed, hash) in [
            ("Änne", Some("a")),
            ("änne", Some("b")),
            // Two could be meant.
            ("A\u{308}NNE", None),
            ("борис", Some("c")),
            ("carla", Some("d")),
            (" carla ", Some("d")),
            ("", Some("e")),
        ] {
            let found = store.account_named(&TypedName::new(typed)).await.unwrap();
            assert_eq!(found.as_ref().map(|found| &*found.hash), hash, "{typed:?}");
        }
        for taken in ["ÄNNE", "Борис", "Carla"] {
            let name = Username::parse(taken).unwrap();
            assert!(store.is_taken(&name).await.unwrap(), "{taken}");
        }
        let found = store.users_starting_with(UserId(3), &NamePrefix::new("ÄN"), 9).await.unwrap();
        let found: Vec<_> = found.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(found, ["Änne", "änne"]);
    }
}

#[tokio::test]
async fn a_user_whom_another_program_added_has_the_name_from_the_next_start_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    drop(open(&path));
    let database = Connection::open(&path).unwrap();
    database.execute_batch("INSERT INTO users (username, hash) VALUES ('Ärna', 'a hash')").unwrap();
    drop(database);
    let store = open(&path);
    assert!(store.account_named(&TypedName::new("ärna")).await.unwrap().is_some());
    assert!(store.is_taken(&Username::parse("ÄRNA").unwrap()).await.unwrap());
}

#[tokio::test]
async fn who_was_logged_in_before_the_migration_still_is_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let old = of_version(VERSION_1, &path);
    old.execute_batch(
        "INSERT INTO users (id, username, hash) VALUES (7, 'ann', 'a hash'), (8, 'bob', '!');
        INSERT INTO messages (sender_id, receiver_id, message, timestamp)
        VALUES (7, 8, 'kept', '2026-01-01 00:00:00');",
    )
    .unwrap();
    let key = SessionKey([3; 32]);
    let expires_at = NOW + Duration::weeks(1);
    old.execute(
        "INSERT INTO sessions (key, user_id, data, expires_at) VALUES (?1, 7, '{}', ?2)",
        params![key.0, expires_at.unix_timestamp()],
    )
    .unwrap();
    drop(old);
    let store = open(&path);
    let last_used = expires_at - Duration::weeks(2);
    let expected = StoredSession {
        key,
        user: Some(UserId(7)),
        data: "{}".into(),
        created_at: last_used,
        last_seen_at: last_used,
        expires_at,
        user_agent: None,
    };
    assert_eq!(store.session(key, NOW).await.unwrap(), Some(expected));
    assert_eq!(store.session_user(key, NOW).await.unwrap().unwrap().username, "ann");
    assert_eq!(store.account_named(&TypedName::new("ann")).await.unwrap().unwrap().hash, "a hash");
    assert_eq!(store.totals().await.unwrap().messages, 1);
}

/// Ann has a chat with bob, who answers; one with cyd, who has none with her; and notes. The clock was
/// put back before the last of these. Dan has a chat with ann, which she does not have. Then there is
/// what somebody put in by hand: messages between people without a chat. The newest message is gone.
const TALKED: &str = "
INSERT INTO users (id, username, hash)
VALUES (1, 'ann', '!'), (2, 'bob', '!'), (3, 'cyd', '!'), (4, 'dan', '!'), (5, 'eve', '!');
INSERT INTO messages (id, sender_id, receiver_id, message, timestamp, client_id)
VALUES
    (1, 2, 1, 'hello', '2026-01-01 00:00:01', NULL),
    (2, 2, 1, 'ann?', '2026-01-01 00:00:02', x'0190f5a0000070008000000000000001'),
    (3, 1, 2, 'yes', '2026-01-01 00:00:03', NULL),
    (5, 1, 1, 'note', '2026-01-01 00:00:03', NULL),
    (7, 3, 4, 'by hand', '2026-01-01 00:00:04', NULL),
    (8, 2, 1, 'here?', '2026-01-01 00:00:05', NULL),
    (9, 2, 1, 'gone', '2026-01-01 00:00:06', NULL);
DELETE FROM messages WHERE id = 9;
INSERT INTO chats (
    user_id, chat_partner_id, last_message_date, new_message_count, place, last_read_id, last_message_id
)
VALUES
    (1, 2, '2026-01-01 00:00:05', 2, 4, 1, 8),
    (2, 1, '2026-01-01 00:00:05', 0, 1, 3, 8),
    (1, 1, '2026-01-01 00:00:05', 0, 5, 5, 5),
    (1, 3, '2026-01-01 00:00:00', 0, 6, 0, 0),
    (4, 1, '2026-01-01 00:00:07', 0, 1, 0, 0);";

/// The client id of "ann?".
const KNOWN: &str = "0190f5a0-0000-7000-8000-000000000001";

/// Whose chat it is with, what is new, and the read position.
type Listed = (&'static str, i64, i64);

/// Ann blocks cyd, and she and bob each other; eve blocks dan, with whom she has no chat.
const BLOCKED: &str = "
INSERT INTO blocks (user_id, blocked_id)
VALUES (1, 3), (1, 2), (2, 1), (5, 4);";

#[tokio::test]
async fn what_two_people_had_is_one_conversation_with_everything_in_it() {
    for (version, schema) in (1..).zip(OLDER) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        let old = of_version(schema, &path);
        old.execute_batch(TALKED).unwrap();
        if version > 1 {
            old.execute_batch(BLOCKED).unwrap();
        }
        drop(old);
        let store = open(&path);

        let lists: [(i64, &[Listed]); 5] = [
            (1, &[("cyd", 0, 0), ("ann", 0, 5), ("bob", 2, 1)]),
            (2, &[("ann", 0, 3)]),
            (3, &[]),
            (4, &[("ann", 0, 0)]),
            (5, &[]),
        ];
        for (user, expected) in lists {
            let chats = store.chats_of(UserId(user), 10).await.unwrap();
            let chats = chats.iter().map(|Chat { partner, read }| {
                (&*partner.username, read.new_message_count, read.last_read_id.0)
            });
            assert_eq!(chats.collect::<Vec<_>>(), expected, "version {version}, user {user}");
        }
        let texts = async |user, partner| {
            let extent = extent(20, usize::MAX);
            let newest = store.newest_messages(UserId(user), UserId(partner), extent).await;
            newest.unwrap().map(|newest| {
                let messages = newest.messages.iter();
                messages.map(|message| (message.id.0, message.message.clone())).collect::<Vec<_>>()
            })
        };
        let said = [(8, "here?"), (3, "yes"), (2, "ann?"), (1, "hello")];
        let said = said.map(|(id, text)| (id, text.to_owned())).to_vec();
        assert_eq!(texts(1, 2).await.as_ref(), Some(&said));
        assert_eq!(texts(2, 1).await.as_ref(), Some(&said));
        assert_eq!(texts(1, 1).await.unwrap(), [(5, "note".to_owned())]);
        assert_eq!(texts(3, 1).await, None);
        assert_eq!(texts(4, 1).await.unwrap(), []);
        let missed = store.sync(UserId(1), MessageId(2), 10, 10).await.unwrap().messages;
        assert_eq!(missed.iter().map(|message| message.id.0).collect::<Vec<_>>(), [3, 5, 8]);

        // The next message goes on from there, and one that was sent before is known.
        let send = async |sender, receiver, id| {
            let text = if id == KNOWN { "ann?" } else { "now" };
            let body = Body::parse(text.into(), 10).unwrap();
            let client_id = ClientId::parse(id).ok();
            let (sender, receiver) = (UserId(sender), UserId(receiver));
            let message = NewMessage { sender, receiver, body, at: NOW, client_id };
            store.add_message(message).await.unwrap()
        };
        let added = send(4, 1, "").await.unwrap();
        assert_eq!((added.id.0, new_count(added.change.as_ref(), UserId(1))), (10, 1));
        assert!(send(2, 1, KNOWN).await.is_ok_and(|added| added.duplicate && added.id.0 == 2));
        let blocks = [(1, 2), (2, 1), (1, 3), (3, 1), (4, 5), (5, 4)];
        if version > 1 {
            assert_eq!(send(1, 2, "").await, Err(NotAdded::BlockedBySender));
            assert_eq!(send(2, 1, "").await, Err(NotAdded::BlockedBySender));
            assert_eq!(send(1, 3, "").await, Err(NotAdded::BlockedBySender));
            for (user, other) in blocks {
                let found = store.users_starting_with(UserId(user), &NamePrefix::new(""), 9).await;
                assert!(found.unwrap().iter().all(|found| found.id.0 != other), "{user} {other}");
            }
            for partner in [4, 5] {
                let opened = store.open_chat(UserId(9 - partner), UserId(partner), NOW).await;
                assert_eq!(opened.unwrap(), None, "{partner}");
            }
            for user in [1, 2] {
                let lifted = store.set_blocked(UserId(user), UserId(3 - user), false).await;
                assert!(lifted.unwrap().unwrap().change.is_some());
            }
        }
        let added = send(2, 1, "").await.unwrap();
        assert_eq!(new_count(added.change.as_ref(), UserId(1)), 3);
        let first = store.chats_of(UserId(1), 1).await.unwrap();
        assert_eq!(first[0].partner.username, "bob");
        // Chats with those who wrote by hand are opened as any others are, and show it.
        let opened = store.open_chat(UserId(3), UserId(4), NOW).await.unwrap().unwrap();
        assert!(opened.change.is_some());
        assert_eq!(texts(3, 4).await.unwrap(), [(7, "by hand".to_owned())]);
        drop(store);
        assert_versions(&path);
    }
}

/// No two messages of a conversation share a version, they grow, and none is above the conversation's.
fn assert_versions(path: &Path) {
    let database = looked_into(path);
    let wrong = "
        SELECT id FROM (
            SELECT messages.id, messages.version, conversations.version AS newest,
                lag(messages.version, 1, 0)
                    OVER (PARTITION BY conversation_id ORDER BY messages.id) AS before
            FROM messages JOIN conversations ON conversations.id = conversation_id
        )
        WHERE version <= before OR version > newest";
    assert!(!database.prepare(wrong).unwrap().exists(()).unwrap());
    assert!(!database.prepare("SELECT 1 FROM miscounted").unwrap().exists(()).unwrap());
    assert!(!database.prepare("PRAGMA foreign_key_check").unwrap().exists(()).unwrap());
}

/// Of six messages of ann to bob the second was edited, and the third and the last deleted.
const CHANGED: &str = "
INSERT INTO users (id, username, hash) VALUES (1, 'ann', '!'), (2, 'bob', '!');
INSERT INTO conversations (id, low_id, high_id, version, last_message_id, low_listed_at, high_listed_at)
VALUES (1, 1, 2, 11, 7, 1000, 1000);
INSERT INTO messages
    (id, conversation_id, sender_id, message, timestamp, version, edited_at, deleted_at)
VALUES
    (1, 1, 1, 'one', '2026-01-01 00:00:01', 2, NULL, NULL),
    (2, 1, 1, 'new', '2026-01-01 00:00:02', 7, 1767225603, NULL),
    (3, 1, 1, '', '2026-01-01 00:00:03', 5, NULL, 1767225604),
    (5, 1, 1, 'five', '2026-01-01 00:00:05', 6, NULL, NULL),
    (6, 1, 1, 'six', '2026-01-01 00:00:06', 9, NULL, NULL),
    (7, 1, 1, '', '2026-01-01 00:00:07', 11, NULL, 1767225608);";

#[tokio::test]
async fn what_has_changed_since_a_version_is_the_same_after_a_migration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    of_version(VERSION_4, &path).execute_batch(CHANGED).unwrap();
    let store = open(&path);
    let bounds = PageBounds { messages_max: 10, bytes_max: usize::MAX };
    let changed = [(1, 2), (3, 5), (5, 6), (2, 7), (6, 9), (7, 11)];
    for since in 0..12 {
        let found = store.changes(UserId(2), UserId(1), Version(since), bounds).await.unwrap();
        let found = found.unwrap().messages;
        let found = found.iter().map(|message| (message.id.0, message.version.0));
        let expected: Vec<_> =
            changed.into_iter().filter(|(_, version)| *version > since).collect();
        assert_eq!(found.collect::<Vec<_>>(), expected, "since {since}");
    }
    let newest = store.history(UserId(2), UserId(1), None, bounds).await.unwrap().unwrap();
    let newest = newest.messages.iter().map(|message| (message.id.0, message.version.0));
    assert_eq!(newest.collect::<Vec<_>>(), [(7, 11), (6, 9), (5, 6), (3, 5), (2, 7), (1, 2)]);
    let deleted = store.delete_message(UserId(1), UserId(2), MessageId(2), NOW).await.unwrap();
    assert_eq!(deleted.unwrap().version.0, 12);
}

#[test]
fn many_chats_of_one_second_keep_their_order_and_their_second() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    of_version(VERSION_3, &path)
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
            INSERT INTO users (id, username, hash) SELECT i, 'person ' || i, '!' FROM n;
            INSERT INTO messages (sender_id, receiver_id, message, timestamp)
            SELECT 1, id, 'hello', '2026-01-01 00:00:00' FROM users WHERE id > 1 ORDER BY id DESC;
            INSERT INTO chats (user_id, chat_partner_id, last_message_date, place, last_message_id)
            SELECT 1, receiver_id, timestamp, id, id FROM messages;",
        )
        .unwrap();
    drop(open(&path));
    let database = looked_into(&path);
    let mut query = database
        .prepare(
            "SELECT partner_id FROM sides
            WHERE user_id = 1 AND datetime(listed_at / 1000, 'unixepoch') = '2026-01-01 00:00:00'
            ORDER BY listed_at, last_message_id",
        )
        .unwrap();
    let partners: Vec<i64> =
        query.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(partners, (2..=1500).rev().collect::<Vec<_>>());
}

#[test]
fn views_that_fit_stay_and_others_go_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    of_version(VERSION_3, &path)
        .execute_batch(
            "CREATE VIEW texts AS SELECT message FROM messages;
            CREATE VIEW sides AS SELECT * FROM chats;
            CREATE VIEW reads_it AS SELECT * FROM sides;",
        )
        .unwrap();
    log::listen();
    drop(open(&path));
    let database = Connection::open(&path).unwrap();
    let mut views = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'").unwrap();
    let views: Vec<String> =
        views.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(views, ["texts"]);
    assert!(!database.prepare("SELECT * FROM texts").unwrap().exists(()).unwrap());
    let told = lines_with(path.to_str().unwrap());
    let told: Vec<_> = told.iter().filter(|line| line.contains("new schema without")).collect();
    assert!(told.len() == 1 && told[0].contains("\"sides\", view \"reads_it\""), "{told:?}");
}

#[test]
fn a_migration_that_cannot_be_finished_leaves_the_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    // A table that somebody made stands where a new one has to come.
    of_version(VERSION_1, &path).execute_batch("CREATE TABLE links (name TEXT)").unwrap();
    let before = schema(&path);
    let refused = SqliteStore::open(&path).err().unwrap().to_string();
    assert!(refused.contains(&*path.to_string_lossy()), "{refused}");
    assert_eq!(schema(&path), before);
}
