//! How many steps of SQLite's machine the calls of the store take, in tests: unlike times, they are the
//! same on every machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use rusqlite::{Connection, params};
use time::OffsetDateTime;
use time::macros::datetime;

use super::SqliteStore;
use crate::domain::{Body, ClientId, MessageId, NamePrefix, ReadMark, UserId, Version};
use crate::store::{
    BlockStore, CatchUpBounds, ChangeStore, ChatStore, ConversationVersion, EditStore, Extent,
    Known, MessageEdit, MessageStore, NewMessage, Older, PageBounds, StoreError, UserStore,
};

static STEPS: LazyLock<Mutex<HashMap<PathBuf, Arc<AtomicU64>>>> = LazyLock::new(Mutex::default);

fn steps_of(path: &Path) -> Arc<AtomicU64> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Arc::clone(STEPS.lock().unwrap().entry(path).or_default())
}

/// Counts the steps of every statement on `connection` from now on.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<()> {
    let Some(path) = connection.path().filter(|path| !path.is_empty()) else { return Ok(()) };
    let steps = steps_of(Path::new(path));
    connection.progress_handler(
        1,
        Some(move || {
            steps.fetch_add(1, Ordering::Relaxed);
            false
        }),
    )
}

const NOW: OffsetDateTime = datetime!(2026-03-04 05:06:07 UTC);
const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);
const NEWEST: MessageId = MessageId(i64::MAX);
const ID: &str = "0190f5a0-0000-7000-8000-000000000001";
/// A mark that is far from both ends walks over as many messages as it may, at either end.
const MIDDLE: &str = "read mark in the middle";
const WALK_STEPS_MAX: u64 = 20_000;
/// How many chats ann has beside the one with bob, as a rule.
const OTHER_CHATS: i64 = 50;
/// What came after a message is looked for in the index of all chats, which has few bytes for each.
/// Catching up reads the row of each.
const SYNCS: [&str; 5] = [
    "sync",
    "sync of the chats",
    "catching up with nothing",
    "catching up with old versions",
    "catching up with everything",
];

/// A store in which bob has sent ann `unread` messages that she has not read, and ann has
/// `other_chats`.
fn store(unread: i64, other_chats: i64) -> (SqliteStore, PathBuf, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    drop(SqliteStore::open(&path).unwrap());
    let mut connection = Connection::open(&path).unwrap();
    let transaction = connection.transaction().unwrap();
    let sql = "INSERT INTO users (id, username, hash) VALUES (?1, 'person ' || ?1, '')";
    for id in 1..=2 + other_chats {
        transaction.prepare_cached(sql).unwrap().execute([id]).unwrap();
    }
    let sql = "INSERT INTO conversations \
                   (low_id, high_id, version, last_message_id, low_listed_at, low_new_message_count, high_listed_at) \
               VALUES (1, ?1, ?2, ?2, ?3, ?2, ?4)";
    let mut conversation = transaction.prepare(sql).unwrap();
    conversation.execute(params![2, unread, 1000, 1000]).unwrap();
    for partner in 3..=2 + other_chats {
        conversation.execute(params![partner, 0, partner, None::<i64>]).unwrap();
    }
    drop(conversation);
    let sql = "INSERT INTO messages (conversation_id, sender_id, message, timestamp, version) \
               VALUES (1, 2, 'hello', '2026-03-04 05:06:07', ?1)";
    for number in 1..=unread {
        transaction.prepare_cached(sql).unwrap().execute([number]).unwrap();
    }
    transaction.commit().unwrap();
    drop(connection);
    (SqliteStore::open(&path).unwrap(), path, dir)
}

/// What ann has who has caught up with all, and with bob's conversation up to that version only.
async fn known(store: &SqliteStore, with_bob: Version) -> Known {
    let bounds =
        CatchUpBounds { conversations_max: u32::MAX, messages_max: 1, bytes_max: usize::MAX };
    let all = store.catch_up(ANN, Known::default(), bounds).await.unwrap();
    let versions = all.conversations.iter().map(|found| {
        let partner = found.partner.id;
        let version = if partner == BOB { with_bob } else { found.complete_to };
        ConversationVersion { partner, version }
    });
    Known {
        epoch: Some(all.epoch),
        digest: Some(all.digest),
        versions: versions.collect(),
        messages_of: None,
    }
}

/// The steps of each call, by its name.
async fn calls(unread: i64, other_chats: i64) -> Vec<(&'static str, u64)> {
    let (store, path, _dir) = store(unread, other_chats);
    let counter = steps_of(&path);
    let mut taken = Vec::new();
    macro_rules! call {
        ($name:expr, $call:expr) => {{
            let before = counter.load(Ordering::Relaxed);
            $call.await.unwrap();
            taken.push(($name, counter.load(Ordering::Relaxed) - before));
        }};
    }
    let extent = Extent { at_least: 20, at_most: 1000, bytes_max: 4_000_000 };
    let bounds = PageBounds { messages_max: 100, bytes_max: 4_000_000 };
    let oldest = MessageId(unread / 2);
    let message = || NewMessage {
        sender: BOB,
        receiver: ANN,
        body: Body::parse("hello".into(), 100).unwrap(),
        at: NOW,
        client_id: None,
    };
    let again = || NewMessage { client_id: ClientId::parse(ID).ok(), ..message() };
    call!("join", store.newest_messages(ANN, BOB, extent));
    call!("history before a message", store.older_messages(ANN, BOB, Older::than(oldest), 10));
    call!("history after a count", store.older_messages(ANN, BOB, Older::skipping(500), 10));
    call!("send", async { store.add_message(message()).await.map(Result::unwrap) });
    call!("send again", async { store.add_message(again()).await.map(Result::unwrap) });
    call!("send again, the second time", async {
        store.add_message(again()).await.map(Result::unwrap)
    });
    let edit = |id| MessageEdit {
        user: BOB,
        partner: ANN,
        id,
        body: Body::parse("hello, ann".into(), 100).unwrap(),
        at: NOW,
        oldest: NOW,
        client_id: ClientId::parse(ID).unwrap(),
    };
    call!("edit", async { store.edit_message(edit(oldest)).await.map(Result::unwrap) });
    call!("edit again", async { store.edit_message(edit(oldest)).await.map(Result::unwrap) });
    call!("delete", async {
        store.delete_message(BOB, ANN, oldest, NOW).await.map(Result::unwrap)
    });
    call!("sweep of edits", store.sweep_edits(NOW));
    call!("sync", store.sync(ANN, MessageId(unread - 50), 100, 1000));
    call!("sync of the chats", store.sync(ANN, MessageId(i64::MAX), 100, 1000));
    call!("changes", store.changes(ANN, BOB, Version(unread - 50), bounds));
    call!("all changes, from the first on", store.changes(ANN, BOB, Version(0), bounds));
    call!("newest states", store.history(ANN, BOB, None, bounds));
    call!("states before a message", store.history(ANN, BOB, Some(oldest), bounds));
    let known = known(&store, Version(unread - 50)).await;
    let caught_up =
        CatchUpBounds { conversations_max: 1000, messages_max: 100, bytes_max: 1_000_000 };
    let catch_up = async |known, conversations: i64| {
        let caught_up = store.catch_up(ANN, known, caught_up).await?;
        assert_eq!(i64::try_from(caught_up.conversations.len()), Ok(conversations));
        Ok::<_, StoreError>(caught_up)
    };
    let everything = Known { versions: Vec::new(), ..known.clone() };
    call!("catching up with nothing", catch_up(Known::default(), (1 + other_chats).min(1000)));
    call!("catching up with old versions", catch_up(known, 1));
    call!("catching up with everything", catch_up(everything, 0));
    for (name, up_to) in [("mark of delivery", oldest), ("mark of delivery of all", NEWEST)] {
        call!(name, async {
            let marked = store.mark_delivered(ANN, BOB, up_to).await?;
            assert!(marked.is_some_and(|marked| marked.change.is_some()));
            Ok::<_, StoreError>(())
        });
    }
    call!("read mark near the end", store.mark_read(ANN, BOB, ReadMark::Remaining(unread - 200)));
    call!(MIDDLE, store.mark_read(ANN, BOB, ReadMark::Remaining(unread / 2)));
    call!("read mark up to the newest", store.mark_read(ANN, BOB, ReadMark::UpTo(NEWEST)));
    call!("list of chats", store.chats_of(ANN, 41));
    call!("count of chats", store.chat_count(ANN, 541));
    call!("open a chat", store.open_chat(BOB, UserId(3), NOW));
    call!("block", store.set_blocked(ANN, BOB, true));
    call!("search", store.users_starting_with(ANN, &NamePrefix::new("person"), 100));
    taken
}

#[tokio::test]
async fn no_call_costs_more_with_more_history_or_more_unread() {
    let (few, many) = (calls(1000, OTHER_CHATS).await, calls(100_000, OTHER_CHATS).await);
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        assert!(few > 0, "{name} took no steps");
        // A deeper tree may cost some more; a hundred times the rows must not.
        let allowed = if name == MIDDLE { WALK_STEPS_MAX } else { 2 * few + 300 };
        assert!(many <= allowed, "{name}: {few} steps over 1000 rows, {many} over 100 000");
    }
}

#[tokio::test]
async fn no_call_but_a_sync_costs_more_with_more_chats() {
    let (few, many) = (calls(1000, 1000).await, calls(1000, 20_000).await);
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        let allowed = if SYNCS.contains(&name) { 20 * few } else { 2 * few + 300 };
        assert!(many <= allowed, "{name}: {few} steps over 1000 chats, {many} over 20 000");
    }
}
