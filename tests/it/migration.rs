//! A database of an older visavis becomes one of this visavis when it is opened.

use std::path::Path;

use rusqlite::{Connection, params};
use time::Duration;
use visavis::domain::{NamePrefix, SessionKey, TypedName, UserId, Username};
use visavis::store::StoredSession;
use visavis::store::sqlite::{Inspection, SqliteStore};

use super::support::{NOW, open, sqlite};

const VERSION_1: &str = include_str!("../fixtures/schema-1.sql");
const VERSION_2: &str = include_str!("../fixtures/schema-2.sql");
const OLDER: [&str; 2] = [VERSION_1, VERSION_2];

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
    for old in OLDER {
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
