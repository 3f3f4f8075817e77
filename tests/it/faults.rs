//! A database that does not answer: nothing is acknowledged that was not stored, and it goes on when
//! the fault is over.

use rusqlite::Connection;
use visavis::domain::{Body, UserId, Username};
use visavis::store::{NewMessage, Store, StoreError};

use super::support::{NOW, extent, open};

fn note(text: &str) -> NewMessage {
    let body = Body::parse(text.to_owned(), 10_000).unwrap();
    let me = UserId(1);
    NewMessage { sender: me, receiver: me, body, at: NOW, client_id: None }
}

async fn texts(store: &dyn Store) -> Vec<String> {
    let newest = store
        .newest_messages(UserId(1), UserId(1), extent(100, usize::MAX))
        .await
        .unwrap()
        .unwrap();
    newest.messages.into_iter().rev().map(|message| message.message).collect()
}

#[tokio::test]
async fn what_cannot_be_stored_while_another_program_locks_the_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let store = open(&path);
    let ann = store.add_user(&Username::parse("ann").unwrap(), "hash").await.unwrap();
    store.open_chat(ann, ann, NOW).await.unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (one, two) = tokio::join!(store.add_message(note("1")), store.add_message(note("2")));
    assert!(matches!(one, Err(StoreError::Unavailable(_))), "{one:?}");
    assert!(matches!(two, Err(StoreError::Unavailable(_))), "{two:?}");
    // Reading goes on all the while.
    assert_eq!(texts(&*store).await, [""; 0]);

    other.execute_batch("COMMIT").unwrap();
    assert!(store.add_message(note("3")).await.unwrap().is_ok());
    assert_eq!(texts(&*store).await, ["3"]);
}

#[tokio::test]
async fn what_is_queued_when_the_store_closes_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let store = open(&path);
    let ann = store.add_user(&Username::parse("ann").unwrap(), "hash").await.unwrap();
    store.open_chat(ann, ann, NOW).await.unwrap();
    let queued: Vec<_> =
        (0..100).map(|number| store.add_message(note(&number.to_string()))).collect();
    drop(store);
    for added in queued {
        assert!(added.await.unwrap().is_ok());
    }
    assert_eq!(texts(&*open(&path)).await.len(), 100);
}
