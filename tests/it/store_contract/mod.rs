//! What every store promises: one function a promise, stamped as a test for each store there is.

use std::ffi::OsStr;
use std::sync::Arc;

use tempfile::TempDir;
use time::Duration;
use visavis::domain::{
    Body, ClientId, ConversationState, Digest, LinkKey, Message, MessageId, NamePrefix, Pair,
    ReadMark, SessionKey, TypedName, UserId, Username, Version,
};
use visavis::store::{
    Added, CatchUpBounds, CaughtUp, Change, Changed, Changes, ConversationVersion,
    DatabaseLocation, Extent, Known, MessageEdit, NewMessage, NotAdded, NotDeleted, NotEdited,
    Older, OwnChange, PageBounds, Purpose, Store, StoreError, StoredSession, open, open_beside,
};

use super::support::{NOW, extent, new_count};

/// The arguments of each promise are the store and, after a semicolon, what opens it once more.
macro_rules! contract {
    ($($promise:ident),* $(,)? $(; $($of_two:ident),* $(,)?)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $promise() {
                    let (store, _, _dir) = $crate::store_contract::sqlite();
                    super::$promise(store).await;
                }
            )*
            $($(
                #[tokio::test]
                async fn $of_two() {
                    let (store, database, _dir) = $crate::store_contract::sqlite();
                    super::$of_two(store, database).await;
                }
            )*)?
        }
    };
}

mod blocks;
mod catch_up;
mod changes;
mod chats;
mod edits;
mod handles;
mod links;
mod messages;
mod sessions;
mod users;

type AnyStore = Arc<dyn Store>;

/// A new store, where it is, and what removes it when it is dropped.
fn sqlite() -> (AnyStore, DatabaseLocation, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/messenger.db", dir.path().display());
    let database = DatabaseLocation::parse(OsStr::new(&url)).unwrap();
    let store = open(&database, &mut |_| {}).unwrap().store;
    (store, database, dir)
}

async fn user(store: &AnyStore, name: &str) -> UserId {
    store.add_user(&Username::parse(name).unwrap(), "hash").await.unwrap()
}

fn message(sender: UserId, receiver: UserId, text: &str) -> NewMessage {
    let body = Body::parse(text.to_owned(), 10_000).unwrap();
    NewMessage { sender, receiver, body, at: NOW, client_id: None }
}

async fn send(store: &AnyStore, sender: UserId, receiver: UserId, text: &str) -> Added {
    store.add_message(message(sender, receiver, text)).await.unwrap().unwrap()
}

/// Two people, each with an open chat with the other.
async fn pair(store: &AnyStore) -> (UserId, UserId) {
    let (ann, bob) = (user(store, "ann").await, user(store, "bob").await);
    store.open_chat(ann, bob, NOW).await.unwrap().unwrap();
    store.open_chat(bob, ann, NOW).await.unwrap().unwrap();
    (ann, bob)
}

/// What `reader` sees of the chat: texts oldest first, and the count of what is new.
async fn view(store: &AnyStore, reader: UserId, partner: UserId) -> (Vec<String>, i64) {
    let newest =
        store.newest_messages(reader, partner, extent(20, usize::MAX)).await.unwrap().unwrap();
    let texts = newest.messages.into_iter().rev().map(|message| message.message).collect();
    (texts, newest.read.new_message_count)
}

/// A UUID that ends with that number.
fn client_id(number: u8) -> ClientId {
    ClientId::parse(&format!("0190f5a0-0000-7000-8000-0000000000{number:02x}")).unwrap()
}

/// The conversation as `user` sees it, and every message of it by version.
async fn changes(
    store: &AnyStore,
    user: UserId,
    partner: UserId,
    since: Version,
    messages_max: u32,
) -> Changes {
    let bounds = PageBounds { messages_max, bytes_max: usize::MAX };
    store.changes(user, partner, since, bounds).await.unwrap().unwrap()
}

async fn count(store: &AnyStore, reader: UserId, partner: UserId) -> i64 {
    view(store, reader, partner).await.1
}

async fn mark(store: &AnyStore, reader: UserId, partner: UserId, mark: ReadMark) -> (i64, bool) {
    let marked = store.mark_read(reader, partner, mark).await.unwrap().unwrap();
    (marked.state.read.new_message_count, marked.change.is_some())
}

fn session(number: u8, user: Option<UserId>) -> StoredSession {
    let data = format!("{{\"number\":{number}}}");
    StoredSession {
        key: SessionKey([number; 32]),
        user,
        data,
        created_at: NOW - Duration::DAY,
        last_seen_at: NOW,
        expires_at: NOW + Duration::HOUR,
        user_agent: Some("a browser".into()),
    }
}

async fn keys_of(store: &AnyStore, user: UserId) -> Vec<u8> {
    let sessions = store.sessions_of(user, NOW, 10).await.unwrap();
    sessions.iter().map(|session| session.key.0[0]).collect()
}
