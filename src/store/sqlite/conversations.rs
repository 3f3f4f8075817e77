//! `conversations`: the row of two people, which everything between them reads and changes. How that
//! row is found, made, changed and kept; `chats.rs`, `blocks.rs` and `messages.rs` say what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, OptionalExtension, Row, params};
use time::OffsetDateTime;

use super::statements::{Keeping, Prepared};
use crate::domain::{ConversationState, MessageId, MessageState, Pair, ReadState, UserId, Version};
use crate::store::{Change, OwnChange};

const FIND: &str = "
SELECT
    id, version, last_message_id,
    low_listed_at, low_new_message_count, low_last_read_id, low_last_delivered_id, low_blocks,
    high_listed_at, high_new_message_count, high_last_read_id, high_last_delivered_id, high_blocks
FROM conversations
WHERE low_id = ?1 AND high_id = ?2";

const NEWEST_LISTED: &str = "
SELECT max(low_listed_at)
FROM conversations
WHERE low_id = ?1
UNION ALL
SELECT max(high_listed_at)
FROM conversations
WHERE high_id = ?1";

// Reads the whole table, once for each time that the file is opened.
const LATEST_LISTED: &str = "
SELECT max(max(ifnull(low_listed_at, 0)), max(ifnull(high_listed_at, 0)))
FROM conversations";

const MAKE: &str = "
INSERT INTO conversations (low_id, high_id)
VALUES (?1, ?2)";

// Without the columns that stand in an index, which would be written as well.
const SAVE: &str = "
UPDATE conversations
SET version = ?2,
    low_new_message_count = ?3,
    low_last_read_id = ?4,
    low_last_delivered_id = ?5,
    low_blocks = ?6,
    high_new_message_count = ?7,
    high_last_read_id = ?8,
    high_last_delivered_id = ?9,
    high_blocks = ?10
WHERE id = ?1";

const SAVE_LISTED: &str = "
UPDATE conversations
SET version = ?2,
    low_new_message_count = ?3,
    high_new_message_count = ?4,
    last_message_id = ?5,
    low_listed_at = ?6,
    high_listed_at = ?7
WHERE id = ?1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[FIND, NEWEST_LISTED, MAKE, SAVE, SAVE_LISTED];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConversationId(pub i64);

/// The row of two people. What is changed in it is kept by one of the two `save` methods, or by
/// [`super::unsaved::Unsaved`] at the end of the transaction.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    pub id: ConversationId,
    pub last_message_id: MessageId,
    pub version: Version,
    pub people: Pair,
    low: Side,
    /// Of no use where somebody writes to themselves: both are the low side then.
    high: Side,
}

/// What one of the two people has of it.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// Milliseconds since 1970; `None` while the chat is not in the person's list.
    listed_at: Option<i64>,
    pub read: ReadState,
    pub last_delivered_id: MessageId,
    /// That person has blocked the other.
    pub blocks: bool,
}

/// No chat came to the top of a user's list after this, in milliseconds since 1970. Nearly every message comes
/// later, and needs no look at the list. Users whose ids differ by a multiple of [`GROUPS`] share one time,
/// which bounds the memory. Clones share all of them.
#[derive(Clone)]
pub(super) struct Latest(Arc<[AtomicI64]>);

const GROUPS: i64 = 4096;

impl Latest {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let latest: Option<i64> = connection.query_row(LATEST_LISTED, (), |row| row.get(0))?;
        Ok(Self((0..GROUPS).map(|_| AtomicI64::new(latest.unwrap_or(0))).collect()))
    }

    fn of(&self, user: UserId) -> &AtomicI64 {
        let group = usize::try_from(user.0.rem_euclid(GROUPS)).unwrap_or_default();
        &self.0[group]
    }
}

impl Conversation {
    /// The row of `one` and `other`, in either order.
    pub(super) fn find(
        connection: &impl Prepared,
        one: UserId,
        other: UserId,
    ) -> rusqlite::Result<Option<Self>> {
        let people = Pair::of(one, other);
        connection.with(FIND, |find| {
            let ids = [people.low().0, people.high().0];
            find.query_row(ids, |row| Self::read(row, people)).optional()
        })
    }

    /// The row of `user` and `partner`, if `user` has that chat in the list.
    pub(super) fn find_listed(
        connection: &impl Prepared,
        user: UserId,
        partner: UserId,
    ) -> rusqlite::Result<Option<Self>> {
        let found = Self::find(connection, user, partner)?;
        Ok(found.filter(|found| found.side(user).is_listed()))
    }

    /// Makes the row of two people who have none, in the list of neither.
    pub(super) fn make(
        connection: &Connection,
        one: UserId,
        other: UserId,
    ) -> rusqlite::Result<()> {
        let people = Pair::of(one, other);
        connection.prepare_cached(MAKE)?.execute([people.low().0, people.high().0]).map(drop)
    }

    fn read(row: &Row<'_>, people: Pair) -> rusqlite::Result<Self> {
        let side = |column| -> rusqlite::Result<Side> {
            let read = ReadState {
                new_message_count: row.get(column + 1)?,
                last_read_id: MessageId(row.get(column + 2)?),
            };
            Ok(Side {
                listed_at: row.get(column)?,
                read,
                last_delivered_id: MessageId(row.get(column + 3)?),
                blocks: row.get(column + 4)?,
            })
        };
        Ok(Self {
            id: ConversationId(row.get(0)?),
            version: Version(row.get(1)?),
            last_message_id: MessageId(row.get(2)?),
            people,
            low: side(3)?,
            high: side(8)?,
        })
    }

    /// What `user`, one of the two, has of it.
    pub(super) fn side(&self, user: UserId) -> &Side {
        if user == self.people.low() { &self.low } else { &self.high }
    }

    pub(super) fn side_mut(&mut self, user: UserId) -> &mut Side {
        if user == self.people.low() { &mut self.low } else { &mut self.high }
    }

    /// One of the two has blocked the other.
    pub(super) fn is_blocked(&self) -> bool {
        self.low.blocks || self.high.blocks
    }

    /// Brings the chat to the top of `user`'s list: it stands above every other one, also above one
    /// that came there in the same millisecond, and one that came there before the clock was put back.
    pub(super) fn list(
        &mut self,
        connection: &Keeping<'_>,
        user: UserId,
        now: OffsetDateTime,
        latest: &Latest,
    ) -> rusqlite::Result<()> {
        let now = milliseconds(now);
        let known = latest.of(user);
        let latest = known.load(Ordering::Relaxed);
        let side = self.side_mut(user);
        let listed_at = if latest < now {
            now
        } else if side.listed_at == Some(latest) {
            // On top already, where it stays however many messages a millisecond has.
            latest
        } else {
            connection.unsaved.save(connection)?;
            match newest_listed(connection, user)? {
                None => now,
                Some(newest) if side.listed_at == Some(newest) => newest.max(now),
                Some(newest) => now.max(newest.saturating_add(1)),
            }
        };
        side.listed_at = Some(listed_at);
        known.fetch_max(listed_at, Ordering::Relaxed);
        Ok(())
    }

    /// The version after the next [`Conversation::change`].
    pub(super) fn next_version(&self) -> Version {
        self.version.next()
    }

    /// Raises the version, and gives the change, of which `message` is a part.
    pub(super) fn change(&mut self, message: Option<MessageState>) -> Change {
        let after = self.version;
        self.version = self.next_version();
        let people = self.people;
        let seen = |user| self.side(user).is_listed().then(|| self.seen_by(user));
        let mut states = people.people().map(seen);
        let states = [states.next().flatten(), states.next().flatten()];
        Change { people, after, states, message }
    }

    /// Keeps marks and blocks, and gives the change, of which `message` is a part.
    pub(super) fn save(
        mut self,
        connection: &Connection,
        message: Option<MessageState>,
    ) -> rusqlite::Result<Change> {
        let change = self.change(message);
        connection.prepare_cached(SAVE)?.execute(params![
            self.id.0,
            self.version.0,
            self.low.read.new_message_count,
            self.low.read.last_read_id.0,
            self.low.last_delivered_id.0,
            self.low.blocks,
            self.high.read.new_message_count,
            self.high.read.last_read_id.0,
            self.high.last_delivered_id.0,
            self.high.blocks,
        ])?;
        Ok(change)
    }

    /// Keeps the version, the last message, the counts and where the chat stands in the lists.
    pub(super) fn save_listed(&self, connection: &impl Prepared) -> rusqlite::Result<()> {
        let saved = connection.with(SAVE_LISTED, |save| {
            save.execute(params![
                self.id.0,
                self.version.0,
                self.low.read.new_message_count,
                self.high.read.new_message_count,
                self.last_message_id.0,
                self.low.listed_at,
                self.high.listed_at,
            ])
        });
        saved.map(drop)
    }

    /// As `user`, one of the two, sees it.
    pub(super) fn seen_by(&self, user: UserId) -> ConversationState {
        let (own, partners) = (self.side(user), self.side(self.people.partner_of(user)));
        ConversationState {
            version: self.version,
            listed_at: own.listed_at.unwrap_or_default(),
            read: own.read,
            last_delivered_id: own.delivered(),
            partner_last_read_id: partners.read.last_read_id,
            partner_last_delivered_id: partners.delivered(),
            blocked: own.blocks,
        }
    }

    /// Keeps what has changed on `user`'s side, if anything has.
    pub(super) fn own_change(
        self,
        connection: &Connection,
        user: UserId,
        changes: bool,
    ) -> rusqlite::Result<OwnChange> {
        if !changes {
            return Ok(OwnChange { state: self.seen_by(user), change: None });
        }
        let mut state = self.seen_by(user);
        state.version = self.next_version();
        Ok(OwnChange { state, change: Some(self.save(connection, None)?) })
    }
}

impl Side {
    /// Up to where messages have reached the person: what was read has.
    pub(super) fn delivered(&self) -> MessageId {
        self.last_delivered_id.max(self.read.last_read_id)
    }

    /// The person has the chat in the list.
    pub(super) fn is_listed(&self) -> bool {
        self.listed_at.is_some()
    }
}

/// When the newest chat of `user` came to the top of the list; `None` for an empty list.
fn newest_listed(connection: &Connection, user: UserId) -> rusqlite::Result<Option<i64>> {
    let mut query = connection.prepare_cached(NEWEST_LISTED)?;
    let sides = query.query_map([user.0], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(sides.into_iter().max().flatten())
}

fn milliseconds(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1000 + i64::from(time.millisecond())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::domain::Body;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{ChatStore, MessageStore, NewMessage};

    /// The first two share a group.
    const PEOPLE: [UserId; 5] =
        [UserId(1), UserId(1 + GROUPS), UserId(2), UserId(3), UserId(2 + GROUPS)];

    /// Opens the store, with [`PEOPLE`] in it.
    fn open(path: &std::path::Path) -> SqliteStore {
        let store = SqliteStore::open(path).unwrap();
        let connection = Connection::open(path).unwrap();
        let sql =
            "INSERT OR IGNORE INTO users (id, username, hash) VALUES (?1, 'person ' || ?1, '')";
        for id in PEOPLE {
            connection.execute(sql, [id.0]).unwrap();
        }
        store
    }

    #[tokio::test]
    async fn what_came_last_is_on_top_of_both_lists_whatever_the_clock_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        let mut store = Some(open(&path));
        let mut now = datetime!(2026-03-04 05:06:07 UTC);
        let mut lists: HashMap<UserId, Vec<UserId>> = HashMap::new();
        let mut random = 1_u64;
        let mut below = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % bound
        };
        for step in 0..600 {
            match below(40) {
                0 => {
                    drop(store.take());
                    store = Some(open(&path));
                }
                1 => now -= Duration::hours(1),
                // Several messages come in one millisecond.
                2..20 => {}
                _ => now += Duration::milliseconds(i64::try_from(below(3)).unwrap()),
            }
            let store = store.as_ref().unwrap();
            let [one, other] = [5, 5].map(|people| PEOPLE[usize::try_from(below(people)).unwrap()]);
            store.open_chat(one, other, now).await.unwrap().unwrap();
            let list = lists.entry(one).or_default();
            if !list.contains(&other) {
                list.insert(0, other);
            }
            if below(3) > 0 {
                let body = Body::parse("hello".into(), 100).unwrap();
                let client_id = None;
                let message = NewMessage { sender: one, receiver: other, body, at: now, client_id };
                store.add_message(message).await.unwrap().unwrap();
                for (owner, partner) in [(one, other), (other, one)] {
                    let list = lists.entry(owner).or_default();
                    list.retain(|listed| *listed != partner);
                    list.insert(0, partner);
                }
            }
            for owner in [one, other] {
                let listed = store.chats_of(owner, 10).await.unwrap();
                let listed: Vec<UserId> = listed.iter().map(|chat| chat.partner.id).collect();
                let expected = lists.get(&owner).cloned().unwrap_or_default();
                assert_eq!(listed, expected, "of {owner} after step {step}");
            }
        }
    }
}
