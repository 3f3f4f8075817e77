//! A database of an older visavis becomes one of this visavis when it is opened.

use std::path::Path;

use rusqlite::{Connection, params};
use time::Duration;
use visavis::domain::{SessionKey, UserId};
use visavis::store::StoredSession;
use visavis::store::sqlite::{Inspection, SqliteStore};

use super::support::{NOW, open, sqlite};

const VERSION_1: &str = include_str!("../fixtures/schema-1.sql");

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
            WHERE instr(sql, 'CHECK') AND name = 'links'
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
    lines.collect::<Vec<_>>().join(" ")
}

fn of_version_1(path: &Path) -> Connection {
    let old = Connection::open(path).unwrap();
    old.execute_batch(VERSION_1).unwrap();
    old
}

#[test]
fn a_database_of_version_1_gets_the_schema_of_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    drop(of_version_1(&path));
    assert_eq!(SqliteStore::inspect(&path).unwrap(), Inspection::Older);
    drop(SqliteStore::open(&path).unwrap());
    assert_eq!(SqliteStore::inspect(&path).unwrap(), Inspection::Ours);
    let (store, new) = sqlite();
    drop(store);
    let expected = schema(&new.path().join("messenger.db"));
    assert!(expected.len() > 50, "{expected:#?}");
    assert_eq!(schema(&path), expected);
    // Once is enough.
    drop(SqliteStore::open(&path).unwrap());
    assert_eq!(schema(&path), expected);
}

#[tokio::test]
async fn who_was_logged_in_before_the_migration_still_is_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let old = of_version_1(&path);
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
    assert_eq!(store.account_named("ann").await.unwrap().unwrap().hash, "a hash");
    assert_eq!(store.totals().await.unwrap().messages, 1);
}

#[test]
fn a_migration_that_cannot_be_finished_leaves_the_file_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    // A table that somebody made stands where a new one has to come.
    of_version_1(&path).execute_batch("CREATE TABLE links (name TEXT)").unwrap();
    let before = schema(&path);
    let refused = SqliteStore::open(&path).err().unwrap().to_string();
    assert!(refused.contains(&*path.to_string_lossy()), "{refused}");
    assert_eq!(schema(&path), before);
}
