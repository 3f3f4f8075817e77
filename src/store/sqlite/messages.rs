//! `messages`, and what a message changes in `chats`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::blocks::has_blocked;
use super::chats::{chats_of, read_state};
use crate::domain::{ClientId, Message, MessageId, ReadState, Timestamp, UserId};
use crate::store::{
    Added, Extent, MessageStore, NewMessage, Newest, NotAdded, Older, Reply, Synced,
};

// A row where the sender has the chat; in it, who of the two has blocked the other.
const MAY_SEND: &str = "
SELECT
    EXISTS (SELECT 1 FROM blocks WHERE user_id = ?1 AND blocked_id = ?2),
    EXISTS (SELECT 1 FROM blocks WHERE user_id = ?2 AND blocked_id = ?1)
FROM chats
WHERE user_id = ?1 AND chat_partner_id = ?2";

// What a message changes is written without RETURNING, which makes a table in memory each time.
const ADD: &str = "
INSERT INTO messages (sender_id, receiver_id, message, timestamp, client_id)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (sender_id, client_id) WHERE client_id IS NOT NULL DO NOTHING";

const SENT_BEFORE: &str = "
SELECT id, timestamp
FROM messages
WHERE sender_id = ?1 AND client_id = ?2";

// A chat that is on top already keeps its place.
const TOUCH_SENDERS_CHAT: &str = "
UPDATE chats
SET last_message_date = ?3,
    last_message_id = ?4,
    place = (
        SELECT place + (chat_partner_id <> ?2)
        FROM chats
        WHERE user_id = ?1
        ORDER BY place DESC
        LIMIT 1
    )
WHERE user_id = ?1 AND chat_partner_id = ?2";

const COUNT_AS_NEW: &str = "
UPDATE chats
SET last_message_date = ?3,
    last_message_id = ?4,
    new_message_count = new_message_count + 1,
    place = (
        SELECT place + (chat_partner_id <> ?2)
        FROM chats
        WHERE user_id = ?1
        ORDER BY place DESC
        LIMIT 1
    )
WHERE user_id = ?1 AND chat_partner_id = ?2";

// The message that opens a chat is the only new one in it: none can have been sent to a side
// without a chat before.
const OPEN_RECEIVERS_CHAT: &str = "
INSERT INTO chats (
    user_id, chat_partner_id, last_message_date, last_message_id, new_message_count, place
)
VALUES (
    ?1, ?2, ?3, ?4, 1,
    coalesce((SELECT max(place) + 1 FROM chats WHERE user_id = ?1), 1)
)";

const FIRST_NEW: &str = "
SELECT id
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND id > ?3
  AND sender_id = ?2
ORDER BY id
LIMIT 1";

const PAGE: &str = "
SELECT id, sender_id, receiver_id, message, timestamp
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND id < ?3
ORDER BY id DESC
LIMIT ?4 OFFSET ?5";

const CHATS_WITH_LATER: &str = "
SELECT chat_partner_id
FROM chats
WHERE user_id = ?1 AND last_message_id > ?2";

const LATER: &str = "
SELECT id, sender_id, receiver_id, message, timestamp
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND id > ?3 AND id < ?4
ORDER BY id
LIMIT ?5";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    MAY_SEND,
    ADD,
    SENT_BEFORE,
    TOUCH_SENDERS_CHAT,
    COUNT_AS_NEW,
    OPEN_RECEIVERS_CHAT,
    FIRST_NEW,
    PAGE,
    CHATS_WITH_LATER,
    LATER,
];

impl MessageStore for SqliteStore {
    fn add_message(&self, message: NewMessage) -> Reply<Result<Added, NotAdded>> {
        self.writer.submit(move |connection| add(connection, message))
    }

    fn newest_messages(
        &self,
        user: UserId,
        partner: UserId,
        extent: Extent,
    ) -> Reply<Option<Newest>> {
        self.read(move |connection| {
            // One snapshot, so that the count belongs to the messages.
            let snapshot = connection.unchecked_transaction()?;
            let Some(read) = read_state(&snapshot, user, partner)? else {
                return Ok(None);
            };
            let messages = newest(&snapshot, user, partner, read, extent)?;
            let blocked = has_blocked(&snapshot, user, partner)?;
            Ok(Some(Newest { messages, read, blocked }))
        })
    }

    fn older_messages(
        &self,
        user: UserId,
        partner: UserId,
        older: Older,
        limit: u32,
    ) -> Reply<Option<Vec<Message>>> {
        self.read(move |connection| {
            if read_state(connection, user, partner)?.is_none() {
                return Ok(None);
            }
            page(connection, user, partner, older, limit).map(Some)
        })
    }

    fn sync(&self, user: UserId, since: MessageId, limit: u32, chats: u32) -> Reply<Synced> {
        self.read(move |connection| {
            // One snapshot, so that the counts belong to the messages.
            let snapshot = connection.unchecked_transaction()?;
            // One more than asked for tells whether there are more.
            let asked = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut messages = later(&snapshot, user, since, asked.saturating_add(1))?;
            let more = messages.len() > asked;
            messages.truncate(asked);
            Ok(Synced { messages, more, chats: chats_of(&snapshot, user, chats)? })
        })
    }
}

/// The oldest `limit` messages after `since` over all chats of `user`, oldest first.
fn later(
    connection: &Connection,
    user: UserId,
    since: MessageId,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    let partners: Vec<i64> = connection
        .prepare_cached(CHATS_WITH_LATER)?
        .query_map([user.0, since.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut query = connection.prepare_cached(LATER)?;
    let mut found: Vec<Message> = Vec::new();
    for partner in partners {
        // Once the page is full, only what is older than its last message can get into it.
        let bound = if found.len() == limit { found[limit - 1].id.0 } else { i64::MAX };
        let rows = query.query_map(
            params![user.0, partner, since.0, bound, i64::try_from(limit).unwrap_or(i64::MAX)],
            message,
        )?;
        for row in rows {
            found.push(row?);
        }
        found.sort_unstable_by_key(|message| message.id);
        found.truncate(limit);
    }
    Ok(found)
}

fn add(connection: &Connection, message: NewMessage) -> rusqlite::Result<Result<Added, NotAdded>> {
    let (sender, receiver) = (message.sender, message.receiver);
    let client_id = message.client_id.as_ref().map(ClientId::as_bytes);
    match why_not(connection, sender, receiver)? {
        None => {}
        Some(NotAdded::NoChat) => return Ok(Err(NotAdded::NoChat)),
        Some(blocked) => {
            let before = sent_before(connection, sender, client_id).optional()?;
            return Ok(before.ok_or(blocked));
        }
    }
    let added = connection.prepare_cached(ADD)?.execute(params![
        sender.0,
        receiver.0,
        message.body.into_string(),
        message.at.as_str(),
        client_id
    ])?;
    if added == 0 {
        return sent_before(connection, sender, client_id).map(Ok);
    }
    let id = connection.last_insert_rowid();
    let touch = |sql: &str, owner: UserId, partner: UserId| {
        connection
            .prepare_cached(sql)?
            .execute(params![owner.0, partner.0, message.at.as_str(), id])
            .map(drop)
    };
    let mut added = Added {
        id: MessageId(id),
        timestamp: message.at.clone(),
        duplicate: false,
        opened_chat: false,
        receiver_new_message_count: 0,
    };
    touch(TOUCH_SENDERS_CHAT, sender, receiver)?;
    if sender != receiver {
        let receivers = read_state(connection, receiver, sender)?;
        added.opened_chat = receivers.is_none();
        added.receiver_new_message_count = receivers.map_or(0, |read| read.new_message_count) + 1;
        touch(
            if added.opened_chat { OPEN_RECEIVERS_CHAT } else { COUNT_AS_NEW },
            receiver,
            sender,
        )?;
    }
    Ok(Ok(added))
}

/// Why nothing may be sent, if that is so.
fn why_not(
    connection: &Connection,
    sender: UserId,
    receiver: UserId,
) -> rusqlite::Result<Option<NotAdded>> {
    let blocked = connection
        .prepare_cached(MAY_SEND)?
        .query_row([sender.0, receiver.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(match blocked {
        None => Some(NotAdded::NoChat),
        Some((true, _)) => Some(NotAdded::BlockedBySender),
        Some((false, true)) => Some(NotAdded::BlockedByReceiver),
        Some((false, false)) => None,
    })
}

fn sent_before(
    connection: &Connection,
    sender: UserId,
    client_id: Option<&[u8]>,
) -> rusqlite::Result<Added> {
    connection.prepare_cached(SENT_BEFORE)?.query_row(params![sender.0, client_id], |row| {
        Ok(Added {
            id: MessageId(row.get(0)?),
            timestamp: Timestamp::from_stored(row.get(1)?),
            duplicate: true,
            opened_chat: false,
            receiver_new_message_count: 0,
        })
    })
}

/// The newest messages, back to the first unread one, as far as `extent` allows.
fn newest(
    connection: &Connection,
    user: UserId,
    partner: UserId,
    read: ReadState,
    Extent { at_least, at_most, bytes_max }: Extent,
) -> rusqlite::Result<Vec<Message>> {
    let first_new = if read.new_message_count > 0 {
        connection
            .prepare_cached(FIRST_NEW)?
            .query_row(params![user.0, partner.0, read.last_read_id.0], |row| row.get(0))
            .optional()?
            .map(MessageId)
    } else {
        None
    };
    let at_least = usize::try_from(at_least).unwrap_or(usize::MAX);
    let (mut messages, mut bytes) = (Vec::new(), 0);
    let mut query = connection.prepare_cached(PAGE)?;
    let rows = query.query_map(params![user.0, partner.0, i64::MAX, at_most, 0], message)?;
    for row in rows {
        let message = row?;
        bytes += message.wire_bytes();
        let wanted = first_new.is_some_and(|first| message.id >= first) && bytes <= bytes_max;
        if messages.len() >= at_least && !wanted {
            break;
        }
        messages.push(message);
    }
    Ok(messages)
}

fn page(
    connection: &Connection,
    user: UserId,
    partner: UserId,
    older: Older,
    limit: u32,
) -> rusqlite::Result<Vec<Message>> {
    let before = older.before.map_or(i64::MAX, |id| id.0);
    connection
        .prepare_cached(PAGE)?
        .query_map(params![user.0, partner.0, before, limit, older.skip], message)?
        .collect()
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: MessageId(row.get(0)?),
        sender_id: UserId(row.get(1)?),
        receiver_id: UserId(row.get(2)?),
        message: row.get(3)?,
        timestamp: Timestamp::from_stored(row.get(4)?),
    })
}
