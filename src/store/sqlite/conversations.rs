//! `conversations`: the row of two people, which everything between them reads and changes. How that
//! row is found, made, changed and kept; `chats.rs`, `blocks.rs` and `messages.rs` say what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, OptionalExtension, Row, params};
use time::OffsetDateTime;

use crate::domain::{ConversationState, MessageId, MessageState, Pair, ReadState, UserId, Version};
use crate::store::{Change, OwnChange};

// The newest chats of both people are looked up only if ?3 says so.
const FIND: &str = "
SELECT
    id, version, last_message_id,
    low_listed_at, low_new_message_count, low_last_read_id, low_last_delivered_id, low_blocks,
    high_listed_at, high_new_message_count, high_last_read_id, high_last_delivered_id, high_blocks,
    iif(?3, (SELECT max(low_listed_at) FROM conversations WHERE low_id = ?1), NULL),
    iif(?3, (SELECT max(high_listed_at) FROM conversations WHERE high_id = ?1), NULL),
    iif(?3, (SELECT max(low_listed_at) FROM conversations WHERE low_id = ?2), NULL),
    iif(?3, (SELECT max(high_listed_at) FROM conversations WHERE high_id = ?2), NULL)
FROM conversations
WHERE low_id = ?1 AND high_id = ?2";

// Reads the whole of the smaller index, once.
const LATEST: &str = "
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
pub(super) const QUERIES: &[&str] = &[FIND, MAKE, SAVE, SAVE_LISTED];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConversationId(pub i64);

/// The row of two people. What is changed in it is kept by one of the two `save` methods, which
/// raise the version.
pub(super) struct Conversation {
    pub id: ConversationId,
    pub last_message_id: MessageId,
    pub version: Version,
    people: Pair,
    low: Side,
    /// Of no use where somebody writes to themselves: both are the low side then.
    high: Side,
}

/// What one of the two people has of it.
pub(super) struct Side {
    /// Milliseconds since 1970; `None` while the chat is not in the person's list.
    listed_at: Option<i64>,
    pub read: ReadState,
    pub last_delivered_id: MessageId,
    /// That person has blocked the other.
    pub blocks: bool,
}

/// The latest time at which any chat came to the top of anybody's list, in milliseconds since 1970. A later
/// time needs no look at the lists. Clones share it.
#[derive(Clone)]
pub(super) struct Latest(Arc<AtomicI64>);

impl Latest {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let latest: Option<i64> = connection.query_row(LATEST, (), |row| row.get(0))?;
        Ok(Self(Arc::new(AtomicI64::new(latest.unwrap_or(0)))))
    }

    fn is_before(&self, now: OffsetDateTime) -> bool {
        self.0.load(Ordering::Relaxed) < milliseconds(now)
    }

    fn note(&self, listed_at: i64) {
        self.0.fetch_max(listed_at, Ordering::Relaxed);
    }
}

/// When the newest chat of each of the two came to the top of the list; `None` for an empty list, and
/// where everything is older than now.
pub(super) struct Newest {
    low: Option<i64>,
    high: Option<i64>,
}

impl Conversation {
    /// The row of `one` and `other`, in either order.
    pub(super) fn find(
        connection: &Connection,
        one: UserId,
        other: UserId,
    ) -> rusqlite::Result<Option<Self>> {
        let people = Pair::of(one, other);
        connection
            .prepare_cached(FIND)?
            .query_row(params![people.low().0, people.high().0, false], |row| {
                Self::read(row, people)
            })
            .optional()
    }

    /// The row of `user` and `partner`, if `user` has that chat in the list.
    pub(super) fn find_listed(
        connection: &Connection,
        user: UserId,
        partner: UserId,
    ) -> rusqlite::Result<Option<Self>> {
        let found = Self::find(connection, user, partner)?;
        Ok(found.filter(|found| found.side(user).is_listed()))
    }

    /// As [`Conversation::find`], to bring the chat to the top of a list by [`Conversation::list`].
    pub(super) fn find_to_list(
        connection: &Connection,
        one: UserId,
        other: UserId,
        now: OffsetDateTime,
        latest: &Latest,
    ) -> rusqlite::Result<Option<(Self, Newest)>> {
        let people = Pair::of(one, other);
        let later = |row: &Row<'_>, column| -> rusqlite::Result<Option<i64>> {
            Ok(row.get::<_, Option<i64>>(column)?.max(row.get(column + 1)?))
        };
        connection
            .prepare_cached(FIND)?
            .query_row(params![people.low().0, people.high().0, !latest.is_before(now)], |row| {
                let newest = Newest { low: later(row, 13)?, high: later(row, 15)? };
                Ok((Self::read(row, people)?, newest))
            })
            .optional()
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
        user: UserId,
        newest: &Newest,
        now: OffsetDateTime,
        latest: &Latest,
    ) {
        let now = milliseconds(now);
        let newest = if user == self.people.low() { newest.low } else { newest.high };
        let side = self.side_mut(user);
        let listed_at = match newest {
            None => now,
            // A chat that is on top already stays there, however many messages a millisecond has.
            Some(newest) if side.listed_at == Some(newest) => newest.max(now),
            Some(newest) => now.max(newest.saturating_add(1)),
        };
        side.listed_at = Some(listed_at);
        latest.note(listed_at);
    }

    /// The version after the next [`Conversation::save`] or [`Conversation::save_listed`].
    pub(super) fn next_version(&self) -> Version {
        self.version.next()
    }

    /// Keeps marks and blocks, and gives the change, of which `message` is a part.
    pub(super) fn save(
        self,
        connection: &Connection,
        message: Option<MessageState>,
    ) -> rusqlite::Result<Change> {
        connection.prepare_cached(SAVE)?.execute(params![
            self.id.0,
            self.next_version().0,
            self.low.read.new_message_count,
            self.low.read.last_read_id.0,
            self.low.last_delivered_id.0,
            self.low.blocks,
            self.high.read.new_message_count,
            self.high.read.last_read_id.0,
            self.high.last_delivered_id.0,
            self.high.blocks,
        ])?;
        Ok(self.changed(message))
    }

    /// Keeps the last message, the counts and where the chat stands in the lists.
    pub(super) fn save_listed(
        self,
        connection: &Connection,
        message: Option<MessageState>,
    ) -> rusqlite::Result<Change> {
        connection.prepare_cached(SAVE_LISTED)?.execute(params![
            self.id.0,
            self.next_version().0,
            self.low.read.new_message_count,
            self.high.read.new_message_count,
            self.last_message_id.0,
            self.low.listed_at,
            self.high.listed_at,
        ])?;
        Ok(self.changed(message))
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

    /// The change that was kept.
    fn changed(mut self, message: Option<MessageState>) -> Change {
        let after = self.version;
        self.version = self.next_version();
        let people = self.people;
        let seen = |user| self.side(user).is_listed().then(|| self.seen_by(user));
        let mut states = people.people().map(seen);
        let states = [states.next().flatten(), states.next().flatten()];
        Change { people, after, states, message }
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

fn milliseconds(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1000 + i64::from(time.millisecond())
}
