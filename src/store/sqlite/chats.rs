//! `chats`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::users::user;
use crate::domain::{Chat, MessageId, ReadMark, ReadState, Timestamp, UserId};
use crate::store::{ChatStore, Marked, Opened, Reply};

// Nobody, where one of the two has blocked the other, unless the chat is there already.
const PARTNER: &str = "
SELECT id, username
FROM users
WHERE id = ?2
  AND (
    NOT EXISTS (SELECT 1 FROM blocks WHERE user_id = ?1 AND blocked_id = ?2)
    AND NOT EXISTS (SELECT 1 FROM blocks WHERE user_id = ?2 AND blocked_id = ?1)
    OR EXISTS (SELECT 1 FROM chats WHERE user_id = ?1 AND chat_partner_id = ?2)
  )";

const OPEN: &str = "
INSERT INTO chats (user_id, chat_partner_id, last_message_date, place)
VALUES (
    ?1, ?2, ?3,
    coalesce((SELECT max(place) + 1 FROM chats WHERE user_id = ?1), 1)
)
ON CONFLICT (user_id, chat_partner_id) DO NOTHING";

const OF_USER: &str = "
SELECT users.id, users.username, chats.new_message_count, chats.last_read_id
FROM chats
JOIN users ON users.id = chats.chat_partner_id
WHERE chats.user_id = ?1
ORDER BY chats.place DESC
LIMIT ?2";

const ONE_OF_USER: &str = "
SELECT users.id, users.username, chats.new_message_count, chats.last_read_id
FROM chats
JOIN users ON users.id = chats.chat_partner_id
WHERE chats.user_id = ?1 AND chats.chat_partner_id = ?2";

const COUNT: &str = "
SELECT count(*)
FROM (SELECT 1 FROM chats WHERE user_id = ?1 LIMIT ?2)";

const READ_STATE: &str = "
SELECT new_message_count, last_read_id
FROM chats
WHERE user_id = ?1 AND chat_partner_id = ?2";

// The partner's messages in (?3, ?4]. In a chat with oneself nothing is ever new.
const COUNT_READ: &str = "
SELECT count(*)
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND id > ?3 AND id <= ?4
  AND sender_id = ?2 AND ?1 <> ?2";

// The messages after ?3, from either end: who wrote each. Read as far as needed, ?4 rows at most.
const WALK_BACK: &str = "
SELECT id, sender_id
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND id > ?3
ORDER BY id DESC
LIMIT ?4";

const WALK_ON: &str = "
SELECT id, sender_id
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND id > ?3
ORDER BY id
LIMIT ?4";

const MOVE: &str = "
UPDATE chats
SET new_message_count = ?3, last_read_id = ?4
WHERE user_id = ?1 AND chat_partner_id = ?2";

const NEWEST_ID: &str = "
SELECT id
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
ORDER BY id DESC
LIMIT 1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    PARTNER,
    OPEN,
    OF_USER,
    ONE_OF_USER,
    COUNT,
    READ_STATE,
    COUNT_READ,
    WALK_BACK,
    WALK_ON,
    MOVE,
    NEWEST_ID,
];

impl ChatStore for SqliteStore {
    fn open_chat(&self, owner: UserId, partner: UserId, at: Timestamp) -> Reply<Option<Opened>> {
        self.writer.submit(move |connection| {
            let partner = connection.prepare_cached(PARTNER)?.query_row([owner.0, partner.0], user);
            let Some(partner) = partner.optional()? else {
                return Ok(None);
            };
            let opened = connection.prepare_cached(OPEN)?.execute(params![
                owner.0,
                partner.id.0,
                at.as_str()
            ])?;
            Ok(Some(Opened { partner, new: opened == 1 }))
        })
    }

    fn chats_of(&self, owner: UserId, limit: u32) -> Reply<Vec<Chat>> {
        self.read(move |connection| chats_of(connection, owner, limit))
    }

    fn chat(&self, owner: UserId, partner: UserId) -> Reply<Option<Chat>> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(ONE_OF_USER)?;
            query.query_row([owner.0, partner.0], chat).optional()
        })
    }

    fn chat_count(&self, owner: UserId, at_most: u32) -> Reply<u32> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(COUNT)?;
            query.query_row(params![owner.0, at_most], |row| row.get(0))
        })
    }

    fn mark_read(&self, owner: UserId, partner: UserId, mark: ReadMark) -> Reply<Option<Marked>> {
        self.writer.submit(move |connection| {
            let Some(before) = read_state(connection, owner, partner)? else {
                return Ok(None);
            };
            let unmoved = Marked { state: before, moved: false };
            let chat = Side { connection, owner, partner, before };
            let Some(state) = chat.marked(mark)? else {
                return Ok(Some(unmoved));
            };
            connection.prepare_cached(MOVE)?.execute(params![
                owner.0,
                partner.0,
                state.new_message_count,
                state.last_read_id.0
            ])?;
            Ok(Some(Marked { state, moved: true }))
        })
    }
}

/// The chats of `owner`, newest first, at most `limit`.
pub(super) fn chats_of(
    connection: &Connection,
    owner: UserId,
    limit: u32,
) -> rusqlite::Result<Vec<Chat>> {
    connection.prepare_cached(OF_USER)?.query_map(params![owner.0, limit], chat)?.collect()
}

fn chat(row: &Row<'_>) -> rusqlite::Result<Chat> {
    let read = ReadState { new_message_count: row.get(2)?, last_read_id: MessageId(row.get(3)?) };
    Ok(Chat { partner: user(row)?, read })
}

/// How far `owner` has read in the chat with `partner`; `None` when there is no such chat.
pub(super) fn read_state(
    connection: &Connection,
    owner: UserId,
    partner: UserId,
) -> rusqlite::Result<Option<ReadState>> {
    connection
        .prepare_cached(READ_STATE)?
        .query_row([owner.0, partner.0], |row| {
            Ok(ReadState { new_message_count: row.get(0)?, last_read_id: MessageId(row.get(1)?) })
        })
        .optional()
}

/// How many messages a mark walks over at most to find its position or its count.
const WALKED_MAX: u32 = 1000;

/// One member's side of a chat, while it is being marked as read.
struct Side<'a> {
    connection: &'a Connection,
    owner: UserId,
    partner: UserId,
    before: ReadState,
}

impl Side<'_> {
    /// The state after `mark`; `None` when it does not move the read position forward.
    fn marked(&self, mark: ReadMark) -> rusqlite::Result<Option<ReadState>> {
        let after = match mark {
            ReadMark::UpTo(id) => self.up_to(id)?,
            ReadMark::Remaining(count) if count >= self.before.new_message_count => None,
            ReadMark::Remaining(count) => self.remaining(count.max(0))?,
        };
        Ok(after.filter(|after| after.last_read_id > self.before.last_read_id))
    }

    fn up_to(&self, id: MessageId) -> rusqlite::Result<Option<ReadState>> {
        let mut newest = self.connection.prepare_cached(NEWEST_ID)?;
        let newest =
            newest.query_row([self.owner.0, self.partner.0], |row| row.get(0)).optional()?;
        let Some(newest) = newest.map(MessageId) else { return Ok(None) };
        // A position beyond the newest message would swallow messages that are yet to come.
        let last_read_id = newest.min(id);
        if last_read_id <= self.before.last_read_id {
            return Ok(None);
        }
        let new_message_count = match self.unread_after(last_read_id)? {
            Some(count) => count,
            // Each message is passed once, so counting those that were is bounded in the long run.
            None => self.before.new_message_count - self.read_up_to(last_read_id)?,
        };
        Ok(Some(ReadState { new_message_count, last_read_id }))
    }

    /// The partner's messages after that one; `None` when there are too many to count them here.
    fn unread_after(&self, id: MessageId) -> rusqlite::Result<Option<i64>> {
        let (mut walked, mut unread) = (0, 0);
        self.walk(WALK_BACK, id, WALKED_MAX, |_, is_new| {
            walked += 1;
            unread += i64::from(is_new);
            true
        })?;
        Ok((walked < WALKED_MAX).then_some(unread))
    }

    fn read_up_to(&self, id: MessageId) -> rusqlite::Result<i64> {
        let (from, to) = (self.before.last_read_id.0, id.0);
        let mut count = self.connection.prepare_cached(COUNT_READ)?;
        count.query_row(params![self.owner.0, self.partner.0, from, to], |row| row.get(0))
    }

    /// The position after which `count` of the partner's messages remain. Where that is far from both
    /// ends of what is unread, the nearest to it that a bounded walk finds.
    fn remaining(&self, count: i64) -> rusqlite::Result<Option<ReadState>> {
        let (mut walked, mut passed, mut position) = (0, 0, None);
        let from = self.before.last_read_id;
        self.walk(WALK_BACK, from, WALKED_MAX, |id, is_new| {
            walked += 1;
            if is_new && passed == count {
                position = Some(id);
            }
            passed += i64::from(is_new);
            position.is_none()
        })?;
        if position.is_some() || walked < WALKED_MAX {
            let state = |last_read_id| ReadState { new_message_count: count, last_read_id };
            return Ok(position.map(state));
        }
        let (mut read, to_read) = (0, self.before.new_message_count - count);
        self.walk(WALK_ON, from, WALKED_MAX, |id, is_new| {
            if is_new {
                (read, position) = (read + 1, Some(id));
            }
            read < to_read
        })?;
        let new_message_count = self.before.new_message_count - read;
        Ok(position.map(|last_read_id| ReadState { new_message_count, last_read_id }))
    }

    /// Calls `step` with the id of each message after `from`, and whether it is the partner's, until it
    /// gives false. In a chat with oneself nothing is ever new.
    fn walk(
        &self,
        query: &str,
        from: MessageId,
        at_most: u32,
        mut step: impl FnMut(MessageId, bool) -> bool,
    ) -> rusqlite::Result<()> {
        let mut query = self.connection.prepare_cached(query)?;
        let mut rows = query.query(params![self.owner.0, self.partner.0, from.0, at_most])?;
        while let Some(row) = rows.next()? {
            let is_new = UserId(row.get(1)?) == self.partner && self.partner != self.owner;
            if !step(MessageId(row.get(0)?), is_new) {
                break;
            }
        }
        Ok(())
    }
}
