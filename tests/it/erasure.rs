//! The text of a deleted message is gone from the disk: from the file, and from the log beside it.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
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

/// The numbers of the secrets in a file.
fn secrets(path: &Path) -> Vec<usize> {
    let bytes = fs::read(path).unwrap();
    let texts = String::from_utf8_lossy(&bytes);
    let numbers = texts.split("<secret ").skip(1).map(|rest| rest.split('>').next().unwrap());
    let mut numbers: Vec<usize> = numbers.map(|number| number.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// Texts of which several fill a page, and some take more than one. Edits to longer texts are left
/// out: SQLite moves the rows beside those to other pages, and does not clear where they were.
#[tokio::test]
async fn deletions_and_edits_to_shorter_texts_leave_no_copy_anywhere() {
    const MESSAGES: usize = 400;
    let (store, dir) = sqlite();
    let (file, log) = (dir.path().join("messenger.db"), dir.path().join("messenger.db-wal"));
    add_people(&store).await;
    let filling = "filling ".repeat(1500);
    let mut ids = Vec::new();
    for number in 0..MESSAGES {
        let bytes = [20, 200, 1500, 9000][number * 7 % 4] + number * 31 % 100;
        ids.push(send(&store, &format!("<secret {number}>{}", &filling[..bytes])).await);
    }
    // Now and then, part of it is in the file and part in the log.
    let look = async || store.look().await.unwrap();
    for (number, round) in (0..MESSAGES).step_by(5).zip(0..) {
        edit(&store, ids[number], &format!("<secret {number}>"), round).await;
        if round % 20 == 0 {
            look().await;
        }
    }
    let is_kept = |number: &usize| number.is_multiple_of(3);
    for number in (0..MESSAGES).rev().filter(|number| !is_kept(number)) {
        delete(&store, ANN, ids[number]).await;
        if number % 50 == 0 {
            look().await;
        }
    }
    look().await;
    assert_eq!(secrets(&file), (0..MESSAGES).filter(is_kept).collect::<Vec<_>>());
    assert_eq!(secrets(&log), [0; 0]);
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
