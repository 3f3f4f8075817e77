//! The text of a deleted message is gone from the disk: from the file, and from the log beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use time::Duration;
use visavis::domain::{Body, ClientId, MessageId, Pair, UserId, Username};
use visavis::store::sqlite::SqliteStore;
use visavis::store::{MessageEdit, NewMessage, Store};

use super::support::{NOW, flask_database, number};

const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap()
}

fn sqlite() -> (SqliteStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (open(&dir.path().join("messenger.db")), dir)
}

async fn add_people(store: &dyn Store) {
    for name in ["ann", "bob"] {
        store.add_user(&Username::parse(name).unwrap(), "hash").await.unwrap();
    }
    store.open_chat(ANN, BOB, NOW).await.unwrap().unwrap();
}

async fn send(store: &dyn Store, text: &str) -> MessageId {
    let body = Body::parse(text.to_owned(), 100_000).unwrap();
    let message = NewMessage { sender: ANN, receiver: BOB, body, at: NOW, client_id: None };
    store.add_message(message).await.unwrap().unwrap().id
}

async fn edit(store: &dyn Store, id: MessageId, text: &str, number: u16) {
    let body = Body::parse(text.to_owned(), 100_000).unwrap();
    let client_id = format!("0190f5a0-0000-7000-8000-00000000{number:04x}");
    let client_id = ClientId::parse(&client_id).unwrap();
    let oldest = NOW - Duration::DAY;
    let edit = MessageEdit { user: ANN, partner: BOB, id, body, at: NOW, oldest, client_id };
    store.edit_message(edit).await.unwrap().unwrap();
}

async fn delete(store: &dyn Store, user: UserId, id: MessageId) {
    let partner = Pair::of(ANN, BOB).partner_of(user);
    store.delete_message(user, partner, id, NOW).await.unwrap().unwrap();
}

/// How often `text` stands in a file; 0 where there is no file.
fn found(path: &Path, text: &str) -> usize {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

#[tokio::test]
async fn the_text_of_a_deleted_message_is_in_no_file_after_the_next_look() {
    let (store, dir) = sqlite();
    let (file, log) = (dir.path().join("messenger.db"), dir.path().join("messenger.db-wal"));
    add_people(&store).await;
    let id = send(&store, "a secret that is told").await;
    edit(&store, id, "a secret that is edited", 1).await;
    // An idle store has all of it in the file.
    for _ in 0..3 {
        store.look().await.unwrap();
    }
    assert_eq!(found(&file, "a secret that is"), 1);
    edit(&store, id, "a secret that is long enough for another place", 2).await;
    delete(&store, ANN, id).await;
    assert!(found(&log, "a secret that is") > 0, "the log has what was written before");
    // The server looks each second. It is not idle: there are writes between the looks.
    send(&store, "an answer").await;
    store.look().await.unwrap();
    assert_eq!(found(&file, "a secret that is"), 0);
    assert_eq!(found(&log, "a secret that is"), 0);
    assert_eq!(number(&file, "SELECT count(*) FROM messages WHERE message = ''"), 1);
}

#[tokio::test]
async fn a_log_that_is_being_read_is_cut_when_its_reader_is_done() {
    let (store, dir) = sqlite();
    let (file, log) = (dir.path().join("messenger.db"), dir.path().join("messenger.db-wal"));
    add_people(&store).await;
    let id = send(&store, "a secret that is told").await;
    let reader = Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM messages;").unwrap();
    delete(&store, ANN, id).await;
    // A look waits for nobody.
    for _ in 0..2 {
        store.look().await.unwrap();
    }
    assert!(found(&log, "a secret that is") > 0);
    send(&store, "what is sent meanwhile").await;
    drop(reader);
    store.look().await.unwrap();
    assert_eq!((found(&file, "a secret that is"), found(&log, "a secret that is")), (0, 0));
}

#[tokio::test]
async fn a_log_that_a_crash_has_left_is_cut_at_the_first_look() {
    let (store, dir) = sqlite();
    add_people(&store).await;
    let id = send(&store, "a secret that is told").await;
    delete(&store, ANN, id).await;
    // What a crash at this moment would leave.
    let copy = tempfile::tempdir().unwrap();
    for name in ["messenger.db", "messenger.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let log = copy.path().join("messenger.db-wal");
    assert!(found(&log, "a secret that is") > 0);
    let again = open(&copy.path().join("messenger.db"));
    again.look().await.unwrap();
    assert_eq!(found(&log, "a secret that is"), 0);
    assert_eq!(found(&copy.path().join("messenger.db"), "a secret that is"), 0);
}

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// A text of that many bytes, all through which the number stands; at least one byte.
fn secret(number: usize, bytes: usize) -> String {
    format!("<{number:05}>").repeat(1 + bytes / 7)[..bytes.max(1)].to_owned()
}

/// The numbers of the secrets of which any part with a whole number stands in a file.
fn secrets(path: &Path) -> BTreeSet<usize> {
    let bytes = fs::read(path).unwrap_or_default();
    let parts = bytes.split(|byte| *byte == b'<').filter(|part| part.get(5) == Some(&b'>'));
    parts.filter_map(|part| str::from_utf8(&part[..5]).ok()?.parse().ok()).collect()
}

/// Sends, edits and deletes at random, texts of up to so many bytes. Nothing of a text may be in the file
/// or the log once its message was deleted.
async fn nothing_is_left_of_texts(bytes_max: usize, seed: u64) {
    let (store, dir) = sqlite();
    let (file, log) = (dir.path().join("messenger.db"), dir.path().join("messenger.db-wal"));
    add_people(&store).await;
    let mut dice = Dice(seed);
    let mut ids = Vec::new();
    let mut deleted = BTreeSet::new();
    for round in 0..500 {
        // Many are short, and some have the most.
        let bytes = 1 + dice.below(bytes_max) / [1, 1, 3, 20][dice.below(4)];
        let number = if ids.is_empty() { 0 } else { dice.below(ids.len()) };
        match dice.below(8) {
            3..6 if !ids.is_empty() && !deleted.contains(&number) => {
                edit(&store, ids[number], &secret(number, bytes), round).await;
            }
            6.. if !ids.is_empty() => {
                delete(&store, ANN, ids[number]).await;
                deleted.insert(number);
                store.look().await.unwrap();
                let found = &secrets(&file) | &secrets(&log);
                let left: Vec<_> = found.intersection(&deleted).collect();
                assert!(left.is_empty(), "{left:?} of {} after round {round}", ids.len());
            }
            _ => ids.push(send(&store, &secret(ids.len(), bytes)).await),
        }
    }
    assert!(deleted.len() > 50 && ids.len() - deleted.len() > 50);
    assert!(secrets(&file).len() > 50, "the file has what was not deleted");
}

#[tokio::test]
async fn the_text_before_an_edit_is_neither_in_the_file_nor_in_the_log() {
    let (store, dir) = sqlite();
    add_people(&store).await;
    let id = send(&store, "before it was edited").await;
    store.look().await.unwrap();
    edit(&store, id, "after it was edited", 1).await;
    store.look().await.unwrap();
    let left = |text| {
        ["messenger.db", "messenger.db-wal"]
            .map(|name| found(&dir.path().join(name), text))
            .iter()
            .sum::<usize>()
    };
    assert_eq!((left("before it was edited"), left("after it was edited")), (0, 1));
}

#[tokio::test]
async fn nothing_is_left_of_texts_of_which_many_share_a_page() {
    nothing_is_left_of_texts(300, 1).await;
}

#[tokio::test]
async fn nothing_is_left_of_texts_of_which_few_share_a_page() {
    nothing_is_left_of_texts(1500, 2).await;
}

#[tokio::test]
async fn nothing_is_left_of_texts_that_take_several_pages() {
    nothing_is_left_of_texts(13_000, 3).await;
}

#[tokio::test]
async fn texts_that_came_from_an_earlier_version_are_gone_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("messenger.db");
    let old = Connection::open(&file).unwrap();
    old.execute_batch(include_str!("../fixtures/schema-3.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO users (id, username, hash) VALUES (1, 'ann', '!'), (2, 'bob', '!');
        INSERT INTO chats (user_id, chat_partner_id, last_message_date, place)
        VALUES (1, 2, '2026-01-01 00:00:00', 1);
        INSERT INTO messages (id, sender_id, receiver_id, message, timestamp)
        VALUES (1, 1, 2, 'a secret that is told', '2026-01-01 00:00:00');",
    )
    .unwrap();
    drop(old);
    let store = open(&file);
    delete(&store, ANN, MessageId(1)).await;
    store.look().await.unwrap();
    assert_eq!(found(&file, "a secret that is"), 0);
    drop(store);

    // The Flask chat's file is converted in place; the copy beside it is the operator's.
    let (file, _dir) = flask_database();
    assert!(found(&file, "hello Bob") > 0);
    let store = open(&file);
    let of_it = |column| format!("SELECT {column} FROM messages WHERE message = 'hello Bob'");
    let (id, sender) = (number(&file, &of_it("id")), number(&file, &of_it("sender_id")));
    delete(&store, UserId(sender), MessageId(id)).await;
    store.look().await.unwrap();
    assert_eq!(found(&file, "hello Bob"), 0);
}

/// Leaves texts on free pages of a database, as programs do that do not use `secure_delete`.
fn leave_on_free_pages(path: &Path, text: &str) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA secure_delete = OFF;
            CREATE TABLE old (text TEXT);
            WITH RECURSIVE rows (row) AS (SELECT 1 UNION ALL SELECT row + 1 FROM rows WHERE row < 3000)
            INSERT INTO old (text) SELECT '' FROM rows;",
        )
        .unwrap();
    connection.execute("UPDATE old SET text = ?1", [text.repeat(100)]).unwrap();
    connection.execute_batch("DROP TABLE old").unwrap();
    drop(connection);
    assert!(found(path, text) > 1000);
}

#[tokio::test]
async fn what_free_pages_had_of_earlier_texts_is_gone_once_a_database_is_brought_to_ours() {
    let (file, _dir) = flask_database();
    leave_on_free_pages(&file, "an old secret");
    drop(open(&file));
    assert_eq!(found(&file, "an old secret"), 0);

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("messenger.db");
    let old = Connection::open(&file).unwrap();
    old.execute_batch(include_str!("../fixtures/schema-3.sql")).unwrap();
    drop(old);
    leave_on_free_pages(&file, "an old secret");
    drop(open(&file));
    assert_eq!(found(&file, "an old secret"), 0);
}

/// Rows that are only appended are not moved: an import leaves each text once.
#[test]
fn an_import_leaves_each_text_in_one_place() {
    let (flask, dir) = flask_database();
    let old = Connection::open(&flask).unwrap();
    let names = "SELECT min(id), max(id) FROM users";
    let (one, other): (i64, i64) =
        old.query_row(names, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    old.execute_batch("BEGIN").unwrap();
    for number in 0..2000 {
        let text = format!("<secret {number}>{}", "x".repeat(number * 7919 % 9000));
        let add = "INSERT INTO messages (sender_id, receiver_id, message, timestamp)
            VALUES (?1, ?2, ?3, '2026-01-01 00:00:00')";
        old.execute(add, rusqlite::params![one, other, text]).unwrap();
    }
    old.execute_batch("COMMIT").unwrap();
    drop(old);
    let new = dir.path().join("new.db");
    visavis::store::sqlite::import(&flask, &new, &mut |_| {}).unwrap();
    assert_eq!(found(&new, "<secret "), 2000);
    // The same in place.
    drop(open(&flask));
    assert_eq!(found(&flask, "<secret "), 2000);
}

#[tokio::test]
async fn what_is_kept_of_an_edit_does_not_tell_its_text_or_its_client_id() {
    let (store, dir) = sqlite();
    add_people(&store).await;
    let id = send(&store, "yes").await;
    edit(&store, id, "no", 1).await;
    let connection = Connection::open(dir.path().join("messenger.db")).unwrap();
    let kept: (Vec<u8>, Vec<u8>) = connection
        .query_row("SELECT client_id, text_hash FROM edits", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((kept.0.len(), kept.1.len()), (32, 32));
    assert_ne!(kept.1, Sha256::digest("no").to_vec());
}
