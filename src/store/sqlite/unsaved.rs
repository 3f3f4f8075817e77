//! Conversations whose rows the transaction under way has changed, and not written yet. Messages that share
//! a transaction often share a conversation as well: its row, which stands in several indexes, is read and
//! written once for all of them.

use std::cell::RefCell;
use std::collections::HashMap;

use super::conversations::Conversation;
use super::statements::Keeping;
use super::writer::roll_back;
use crate::domain::{Pair, UserId};

/// The rows, by their people. All are written before anything else looks at the tables, and before the
/// commit.
#[derive(Default)]
pub(super) struct Unsaved(RefCell<HashMap<Pair, Conversation>>);

impl Unsaved {
    /// As [`Conversation::find_listed`], with what is not written yet.
    pub(super) fn find_listed(
        &self,
        connection: &Keeping<'_>,
        user: UserId,
        partner: UserId,
    ) -> rusqlite::Result<Option<Conversation>> {
        let known = self.0.borrow().get(&Pair::of(user, partner)).cloned();
        match known {
            Some(known) => Ok(Some(known).filter(|known| known.side(user).is_listed())),
            None => Conversation::find_listed(connection, user, partner),
        }
    }

    /// Has what [`Conversation::save_listed`] keeps written later.
    pub(super) fn add(&self, conversation: Conversation) {
        self.0.borrow_mut().insert(conversation.people, conversation);
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// As SQLite gives them. The whole transaction is rolled back then: messages that were added before this
    /// would not be counted.
    pub(super) fn save(&self, connection: &Keeping<'_>) -> rusqlite::Result<()> {
        let mut unsaved = self.0.borrow_mut();
        let saved = unsaved.values().try_for_each(|unsaved| unsaved.save_listed(connection));
        unsaved.clear();
        saved.inspect_err(|_| roll_back(connection))
    }

    /// Forgets what belonged to a transaction that was rolled back.
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::{Sender, channel};

    use rusqlite::Connection;
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::super::SqliteStore;
    use super::*;
    use crate::domain::{Body, ClientId, MessageId, ReadMark};
    use crate::store::{
        BlockStore, ChatStore, EditStore, MessageEdit, MessageStore, NewMessage, StoreError,
    };

    const NOW: OffsetDateTime = datetime!(2026-03-04 05:06:07 UTC);
    const PEOPLE: i64 = 4;
    /// As many as share a transaction.
    const ACTIONS: u64 = 500;

    /// A store with [`PEOPLE`].
    fn open(path: &Path) -> SqliteStore {
        let store = SqliteStore::open(path).unwrap();
        let connection = Connection::open(path).unwrap();
        let sql = "INSERT INTO users (id, username, hash) VALUES (?1, 'person ' || ?1, '')";
        for id in 1..=PEOPLE {
            connection.execute(sql, [id]).unwrap();
        }
        store
    }

    /// Holds the writer up until something is sent.
    fn hold_up(store: &SqliteStore) -> Sender<()> {
        let (go_on, waits) = channel();
        drop(store.writer.submit(move |_| Ok(waits.recv().is_ok())));
        go_on
    }

    fn message(sender: UserId, receiver: UserId, at: OffsetDateTime) -> NewMessage {
        let body = Body::parse("hello".into(), 100).unwrap();
        NewMessage { sender, receiver, body, at, client_id: None }
    }

    type Shown = std::pin::Pin<Box<dyn Future<Output = String> + Send>>;

    /// One of many kinds of writes, by its number: its answer as text.
    fn act(store: &SqliteStore, number: u64) -> Shown {
        let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
        let mut below = |bound: u64| {
            let drawn = random % bound;
            random /= bound;
            i64::try_from(drawn).unwrap()
        };
        let kind = below(16);
        let mut person = || UserId(1 + below(PEOPLE.unsigned_abs()));
        let (one, other) = (person(), person());
        let id = MessageId(1 + below(number / 2 + 1));
        let client_id = ClientId::parse(&format!("0190f5a0-0000-7000-8000-{:012}", below(20)));
        let client_id = client_id.unwrap();
        let body = Body::parse(format!("text {}", below(3)), 100).unwrap();
        let at = NOW + time::Duration::milliseconds(below(3));
        macro_rules! shown {
            ($reply:expr) => {{
                let reply = $reply;
                Box::pin(async move { format!("{:?}", reply.await) }) as Shown
            }};
        }
        match kind {
            0 | 1 => shown!(store.open_chat(one, other, at)),
            2 => shown!(store.mark_read(one, other, ReadMark::UpTo(id))),
            3 => shown!(store.mark_delivered(one, other, id)),
            4 => shown!(store.set_blocked(one, other, id.0 % 8 == 0)),
            5 => shown!(store.delete_message(one, other, id, at)),
            6 => {
                let user = one;
                let edit =
                    MessageEdit { user, partner: other, id, body, at, oldest: NOW, client_id };
                shown!(store.edit_message(edit))
            }
            7 | 8 => {
                let client_id = Some(client_id);
                shown!(store.add_message(NewMessage { body, client_id, ..message(one, other, at) }))
            }
            _ => shown!(store.add_message(message(one, other, at))),
        }
    }

    fn rows(path: &Path, table: &str) -> Vec<String> {
        let connection = Connection::open(path).unwrap();
        let mut query =
            connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = query.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cells = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column));
            cells.collect::<Result<Vec<_>, _>>().map(|cells| format!("{cells:?}"))
        };
        query.query_map((), row).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[tokio::test]
    async fn writes_that_share_a_transaction_come_to_the_same_as_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["together.db", "one by one.db"].map(|name| dir.path().join(name));
        let [together, one_by_one] = paths.each_ref().map(|path| open(path));
        let go_on = hold_up(&together);
        let waiting: Vec<_> = (0..ACTIONS).map(|number| act(&together, number)).collect();
        go_on.send(()).unwrap();
        for (number, waiting) in (0..).zip(waiting) {
            assert_eq!(waiting.await, act(&one_by_one, number).await, "action {number}");
        }
        for table in ["conversations", "messages", "edits"] {
            let [together, one_by_one] = paths.each_ref().map(|path| rows(path, table));
            assert!(!one_by_one.is_empty(), "nothing in {table}");
            assert_eq!(together, one_by_one);
        }
    }

    #[tokio::test]
    async fn of_messages_whose_conversation_cannot_be_written_none_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        let store = open(&path);
        let (ann, bob, carla) = (UserId(1), UserId(2), UserId(3));
        for partner in [bob, carla] {
            store.open_chat(ann, partner, NOW).await.unwrap().unwrap();
        }
        let other = Connection::open(&path).unwrap();
        other
            .execute_batch(
                "CREATE TRIGGER full BEFORE UPDATE ON conversations WHEN new.high_id = 3
                BEGIN SELECT RAISE(ABORT, 'as if the disk were full'); END",
            )
            .unwrap();
        let go_on = hold_up(&store);
        let both = [bob, carla].map(|partner| store.add_message(message(ann, partner, NOW)));
        go_on.send(()).unwrap();
        for added in both {
            assert!(matches!(added.await, Err(StoreError::Unavailable(_))));
        }
        assert_eq!(rows(&path, "messages"), Vec::<String>::new());
        other.execute_batch("DROP TRIGGER full").unwrap();
        for partner in [bob, carla] {
            let added = store.add_message(message(ann, partner, NOW)).await.unwrap().unwrap();
            // After the opening.
            assert_eq!(added.version.0, 2);
        }
    }
}
