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

// The position after which exactly ?4 of the partner's messages after ?3 remain.
const POSITION: &str = "
SELECT id
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND id > ?3
  AND sender_id = ?2
ORDER BY id DESC
LIMIT 1 OFFSET ?4";

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
    POSITION,
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
            let Some(position) = position(connection, owner, partner, before, mark)? else {
                return Ok(Some(unmoved));
            };
            let read: i64 = connection.prepare_cached(COUNT_READ)?.query_row(
                params![owner.0, partner.0, before.last_read_id.0, position.0],
                |row| row.get(0),
            )?;
            let state = ReadState {
                new_message_count: before.new_message_count - read,
                last_read_id: position,
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

/// Where `mark` moves the read position to; `None` when it does not move it forward.
fn position(
    connection: &Connection,
    owner: UserId,
    partner: UserId,
    before: ReadState,
    mark: ReadMark,
) -> rusqlite::Result<Option<MessageId>> {
    let position = match mark {
        // A position beyond the newest message would swallow messages that are yet to come.
        ReadMark::UpTo(id) => connection
            .prepare_cached(NEWEST_ID)?
            .query_row([owner.0, partner.0], |row| row.get(0))
            .optional()?
            .map(|newest: i64| MessageId(newest.min(id.0))),
        ReadMark::Remaining(count) if count >= before.new_message_count => None,
        ReadMark::Remaining(count) => connection
            .prepare_cached(POSITION)?
            .query_row(params![owner.0, partner.0, before.last_read_id.0, count.max(0)], |row| {
                row.get(0).map(MessageId)
            })
            .optional()?,
    };
    Ok(position.filter(|position| *position > before.last_read_id))
}
