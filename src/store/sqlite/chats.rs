//! Chats: each person's side of the conversations.

use rusqlite::{Connection, OptionalExtension, Row, params};
use time::OffsetDateTime;

use super::SqliteStore;
use super::conversations::{Conversation, ConversationId, Latest};
use super::statements::Keeping;
use super::users::user;
use crate::domain::{Chat, MessageId, ReadMark, ReadState, User, UserId};
use crate::store::{ChatStore, Opened, OwnChange, Reply};

const USER: &str = "
SELECT id, username
FROM users
WHERE id = ?1";

// Each person is on the low side of some conversations, and on the high side of others.
const OF_USER: &str = "
SELECT
    users.id, users.username, low_new_message_count, low_last_read_id,
    low_listed_at AS listed_at, last_message_id, conversations.id AS conversation_id
FROM conversations
JOIN users ON users.id = high_id
WHERE low_id = ?1 AND low_listed_at IS NOT NULL
UNION ALL
SELECT
    users.id, users.username, high_new_message_count, high_last_read_id,
    high_listed_at, last_message_id, conversations.id
FROM conversations
JOIN users ON users.id = low_id
WHERE high_id = ?1 AND high_listed_at IS NOT NULL
ORDER BY listed_at DESC, last_message_id DESC, conversation_id DESC
LIMIT ?2";

const COUNT: &str = "
SELECT count(*)
FROM (
    SELECT 1 FROM conversations WHERE low_id = ?1 AND low_listed_at IS NOT NULL
    UNION ALL
    SELECT 1 FROM conversations WHERE high_id = ?1 AND high_listed_at IS NOT NULL
    LIMIT ?2
)";

// The partner's messages in (?3, ?4] that were not deleted.
const COUNT_READ: &str = "
SELECT count(*)
FROM messages
WHERE conversation_id = ?1 AND id > ?3 AND id <= ?4 AND sender_id = ?2 AND deleted_at IS NULL";

// The messages after ?2, from either end: who wrote each, and whether it was deleted. Read as far as
// needed, ?3 rows at most.
const WALK_BACK: &str = "
SELECT id, sender_id, deleted_at IS NULL
FROM messages
WHERE conversation_id = ?1 AND id > ?2
ORDER BY id DESC
LIMIT ?3";

const WALK_ON: &str = "
SELECT id, sender_id, deleted_at IS NULL
FROM messages
WHERE conversation_id = ?1 AND id > ?2
ORDER BY id
LIMIT ?3";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[USER, OF_USER, COUNT, COUNT_READ, WALK_BACK, WALK_ON];

impl ChatStore for SqliteStore {
    fn open_chat(
        &self,
        owner: UserId,
        partner: UserId,
        at: OffsetDateTime,
    ) -> Reply<Option<Opened>> {
        let latest = self.latest.clone();
        self.writer.submit(move |connection| open(connection, owner, partner, at, &latest))
    }

    fn chats_of(&self, owner: UserId, limit: u32) -> Reply<Vec<Chat>> {
        self.read(move |connection| chats_of(connection, owner, limit))
    }

    fn chat(&self, owner: UserId, partner: UserId) -> Reply<Option<Chat>> {
        self.read(move |connection| {
            let Some(found) = Conversation::find_listed(connection, owner, partner)? else {
                return Ok(None);
            };
            let partner = named(connection, partner)?;
            Ok(partner.map(|partner| Chat { partner, read: found.side(owner).read }))
        })
    }

    fn chat_count(&self, owner: UserId, at_most: u32) -> Reply<u32> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(COUNT)?;
            query.query_row(params![owner.0, at_most], |row| row.get(0))
        })
    }

    fn mark_read(
        &self,
        owner: UserId,
        partner: UserId,
        mark: ReadMark,
    ) -> Reply<Option<OwnChange>> {
        self.writer.submit(move |connection| {
            let Some(mut found) = Conversation::find_listed(connection, owner, partner)? else {
                return Ok(None);
            };
            let before = found.side(owner).read;
            let (conversation, newest) = (found.id, found.last_message_id);
            let marking = Marking { connection, conversation, newest, owner, partner, before };
            let after = marking.marked(mark)?;
            found.side_mut(owner).read = after.unwrap_or(before);
            found.own_change(connection, owner, after.is_some()).map(Some)
        })
    }

    fn mark_delivered(
        &self,
        owner: UserId,
        partner: UserId,
        up_to: MessageId,
    ) -> Reply<Option<OwnChange>> {
        self.writer.submit(move |connection| {
            let Some(mut found) = Conversation::find_listed(connection, owner, partner)? else {
                return Ok(None);
            };
            let up_to = up_to.min(found.last_message_id);
            let moves = up_to > found.side(owner).delivered();
            if moves {
                found.side_mut(owner).last_delivered_id = up_to;
            }
            found.own_change(connection, owner, moves).map(Some)
        })
    }
}

fn open(
    connection: &Keeping<'_>,
    owner: UserId,
    partner_id: UserId,
    at: OffsetDateTime,
    latest: &Latest,
) -> rusqlite::Result<Option<Opened>> {
    let Some(partner) = named(connection, partner_id)? else { return Ok(None) };
    match Conversation::find(connection, owner, partner_id)? {
        None => Conversation::make(connection, owner, partner_id)?,
        Some(found) if found.side(owner).is_listed() => {
            return Ok(Some(Opened { partner, change: None }));
        }
        Some(found) if found.is_blocked() => return Ok(None),
        Some(_) => {}
    }
    let found = Conversation::find(connection, owner, partner_id)?;
    let mut found = found.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    found.list(connection, owner, at, latest)?;
    let change = found.change(None);
    found.save_listed(connection)?;
    Ok(Some(Opened { partner, change: Some(change) }))
}

pub(super) fn named(connection: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    connection.prepare_cached(USER)?.query_row([id.0], user).optional()
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

/// How many messages a mark walks over at most to find its position or its count.
const WALKED_MAX: u32 = 1000;

/// One person's side of a conversation, while messages are being marked as read in it.
struct Marking<'a> {
    connection: &'a Connection,
    conversation: ConversationId,
    newest: MessageId,
    owner: UserId,
    partner: UserId,
    before: ReadState,
}

impl Marking<'_> {
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
        // A position beyond the newest message would swallow messages that are yet to come.
        let last_read_id = self.newest.min(id);
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
        if self.owner == self.partner {
            return Ok(0);
        }
        let (from, to) = (self.before.last_read_id.0, id.0);
        let mut count = self.connection.prepare_cached(COUNT_READ)?;
        count.query_row(params![self.conversation.0, self.partner.0, from, to], |row| row.get(0))
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

    /// Calls `step` with the id of each message after `from`, and whether it is new, until it gives false:
    /// the partner's are, unless they were deleted. In a chat with oneself nothing is ever new.
    fn walk(
        &self,
        query: &str,
        from: MessageId,
        at_most: u32,
        mut step: impl FnMut(MessageId, bool) -> bool,
    ) -> rusqlite::Result<()> {
        let mut query = self.connection.prepare_cached(query)?;
        let mut rows = query.query(params![self.conversation.0, from.0, at_most])?;
        while let Some(row) = rows.next()? {
            let from_partner = UserId(row.get(1)?) == self.partner && self.partner != self.owner;
            let is_new = from_partner && row.get(2)?;
            if !step(MessageId(row.get(0)?), is_new) {
                break;
            }
        }
        Ok(())
    }
}
