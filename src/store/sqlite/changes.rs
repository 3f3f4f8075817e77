//! What has changed in conversations since a version.

use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::chats::named;
use super::conversations::Conversation;
use super::sessions::moment;
use crate::domain::{Epoch, MessageId, MessageState, Timestamp, UserId, Version};
use crate::store::{
    ChangeStore, Changes, ConversationState, ConversationVersion, Digest, HistoryPage, PageBounds,
    Reply,
};

const EPOCH: &str = "
SELECT epoch
FROM meta
WHERE id = 1";

// Sorted as the chat list is.
const VERSIONS: &str = "
SELECT high_id, version, low_listed_at AS listed_at, last_message_id, id
FROM conversations
WHERE low_id = ?1 AND low_listed_at IS NOT NULL
UNION ALL
SELECT low_id, version, high_listed_at, last_message_id, id
FROM conversations
WHERE high_id = ?1 AND high_listed_at IS NOT NULL
ORDER BY listed_at DESC, last_message_id DESC, id DESC
LIMIT ?2";

const DIGEST: &str = "
SELECT count(*), coalesce(sum(version), 0)
FROM (
    SELECT version FROM conversations WHERE low_id = ?1 AND low_listed_at IS NOT NULL
    UNION ALL
    SELECT version FROM conversations WHERE high_id = ?1 AND high_listed_at IS NOT NULL
)";

const CHANGED: &str = "
SELECT id, sender_id, message, timestamp, version, edited_at, deleted_at
FROM messages
WHERE conversation_id = ?1 AND version > ?2
ORDER BY version
LIMIT ?3";

const BEFORE: &str = "
SELECT id, sender_id, message, timestamp, version, edited_at, deleted_at
FROM messages
WHERE conversation_id = ?1 AND id < ?2
ORDER BY id DESC
LIMIT ?3";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[EPOCH, VERSIONS, DIGEST, CHANGED, BEFORE];

impl ChangeStore for SqliteStore {
    fn epoch(&self) -> Reply<Epoch> {
        self.read(|connection| {
            connection.prepare_cached(EPOCH)?.query_row((), |row| row.get(0).map(Epoch))
        })
    }

    fn versions_of(&self, user: UserId, limit: u32) -> Reply<Vec<ConversationVersion>> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached(VERSIONS)?;
            let versions = query.query_map(params![user.0, limit], |row| {
                let (partner, version) = (UserId(row.get(0)?), Version(row.get(1)?));
                Ok(ConversationVersion { partner, version })
            })?;
            versions.collect()
        })
    }

    fn digest_of(&self, user: UserId) -> Reply<Digest> {
        self.read(move |connection| {
            connection.prepare_cached(DIGEST)?.query_row([user.0], |row| {
                Ok(Digest { conversations: row.get(0)?, versions: row.get(1)? })
            })
        })
    }

    fn changes(
        &self,
        user: UserId,
        partner: UserId,
        since: Version,
        bounds: PageBounds,
    ) -> Reply<Option<Changes>> {
        self.read(move |connection| {
            let Some((state, messages, more)) =
                page(connection, user, partner, CHANGED, since.0, bounds)?
            else {
                return Ok(None);
            };
            let last = messages.last().filter(|_| more);
            let complete_to = last.map_or(state.version, |last| last.version);
            Ok(Some(Changes { state, messages, complete_to, more }))
        })
    }

    fn history(
        &self,
        user: UserId,
        partner: UserId,
        before: Option<MessageId>,
        bounds: PageBounds,
    ) -> Reply<Option<HistoryPage>> {
        self.read(move |connection| {
            let before = before.map_or(i64::MAX, |id| id.0);
            let found = page(connection, user, partner, BEFORE, before, bounds)?;
            Ok(found.map(|(state, messages, more)| HistoryPage { state, messages, more }))
        })
    }
}

/// The messages that `query` finds from `from` on, as far as `bounds` allow, and whether there are more;
/// with the conversation of the same snapshot.
fn page(
    connection: &Connection,
    user: UserId,
    partner: UserId,
    query: &str,
    from: i64,
    bounds: PageBounds,
) -> rusqlite::Result<Option<(ConversationState, Vec<MessageState>, bool)>> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(found) = Conversation::find_listed(&*snapshot, user, partner)? else {
        return Ok(None);
    };
    let Some(state) = state(&snapshot, &found, user, partner)? else { return Ok(None) };
    // One more than asked for tells whether there are more.
    let limit = i64::from(bounds.messages_max) + 1;
    let at_most = usize::try_from(bounds.messages_max).unwrap_or(usize::MAX);
    let (mut messages, mut bytes, mut more) = (Vec::new(), 0, false);
    let mut query = snapshot.prepare_cached(query)?;
    let mut rows = query.query(params![found.id.0, from, limit])?;
    while let Some(row) = rows.next()? {
        let message = message(row, user, partner)?;
        bytes += message.wire_bytes();
        if messages.len() == at_most || !messages.is_empty() && bytes > bounds.bytes_max {
            more = true;
            break;
        }
        messages.push(message);
    }
    Ok(Some((state, messages, more)))
}

fn state(
    connection: &Connection,
    conversation: &Conversation,
    user: UserId,
    partner: UserId,
) -> rusqlite::Result<Option<ConversationState>> {
    let (own, partners) = (conversation.side(user), conversation.side(partner));
    Ok(named(connection, partner)?.map(|partner| ConversationState {
        partner,
        version: conversation.version,
        read: own.read,
        last_delivered_id: own.last_delivered_id,
        partner_last_read_id: partners.read.last_read_id,
        partner_last_delivered_id: partners.last_delivered_id,
        blocked: own.blocks,
    }))
}

/// A row of `id, sender_id, message, timestamp, version, edited_at, deleted_at`, in the conversation of
/// these two.
pub(super) fn message(row: &Row<'_>, one: UserId, other: UserId) -> rusqlite::Result<MessageState> {
    let sender_id = UserId(row.get(1)?);
    let at = |column| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|seconds| moment(seconds).into()))
    };
    Ok(MessageState {
        id: MessageId(row.get(0)?),
        sender_id,
        receiver_id: if sender_id == one { other } else { one },
        message: row.get(2)?,
        timestamp: Timestamp::from_stored(row.get(3)?),
        version: Version(row.get(4)?),
        edited_at: at(5)?,
        deleted_at: at(6)?,
    })
}
