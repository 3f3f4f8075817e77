//! Messages, each in its conversation.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::chats::chats_of;
use super::conversations::{Conversation, ConversationId, Latest};
use super::statements::{Keeping, Prepared};
use crate::domain::{
    ClientId, DELETED_TEXT, Message, MessageId, MessageState, ReadState, Timestamp, UserId, Version,
};
use crate::store::{
    Added, Extent, MessageStore, NewMessage, Newest, NotAdded, Older, Reply, Synced,
};

// Without RETURNING, which makes a table in memory each time.
const ADD: &str = "
INSERT INTO messages (conversation_id, sender_id, message, timestamp, version, client_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (sender_id, client_id) WHERE client_id IS NOT NULL DO NOTHING";

const SENT_BEFORE: &str = "
SELECT
    messages.id, timestamp, conversations.version,
    iif(sender_id = low_id, high_id, low_id) = ?3
    AND (edited_at IS NOT NULL OR deleted_at IS NOT NULL OR message = ?4)
FROM messages
JOIN conversations ON conversations.id = conversation_id
WHERE sender_id = ?1 AND client_id = ?2";

const PAGE: &str = "
SELECT id, sender_id, message, timestamp, deleted_at IS NOT NULL
FROM messages
WHERE conversation_id = ?1 AND id < ?2
ORDER BY id DESC
LIMIT ?3 OFFSET ?4";

const CONVERSATIONS_WITH_LATER: &str = "
SELECT id, high_id
FROM conversations
WHERE low_id = ?1 AND low_listed_at IS NOT NULL AND last_message_id > ?2
UNION ALL
SELECT id, low_id
FROM conversations
WHERE high_id = ?1 AND high_listed_at IS NOT NULL AND last_message_id > ?2";

const LATER: &str = "
SELECT id, sender_id, message, timestamp, deleted_at IS NOT NULL
FROM messages
WHERE conversation_id = ?1 AND id > ?2 AND id < ?3
ORDER BY id
LIMIT ?4";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[ADD, SENT_BEFORE, PAGE, CONVERSATIONS_WITH_LATER, LATER];

impl MessageStore for SqliteStore {
    fn add_message(&self, message: NewMessage) -> Reply<Result<Added, NotAdded>> {
        let latest = self.latest.clone();
        self.writer.submit_bare(move |connection| add(connection, &message, &latest))
    }

    fn added_before(
        &self,
        sender: UserId,
        receiver: UserId,
        text: String,
        client_id: ClientId,
    ) -> Reply<Option<Result<Added, NotAdded>>> {
        self.read(move |connection| {
            sent_before(connection, sender, receiver, &text, Some(client_id))
        })
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
            let Some(found) = Conversation::find_listed(&*snapshot, user, partner)? else {
                return Ok(None);
            };
            let side = found.side(user);
            let history = History { connection: &snapshot, conversation: found.id, user, partner };
            let messages = history.newest(side.read, extent)?;
            Ok(Some(Newest { messages, read: side.read, blocked: side.blocks }))
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
            let Some(found) = Conversation::find_listed(connection, user, partner)? else {
                return Ok(None);
            };
            let history = History { connection, conversation: found.id, user, partner };
            history.page(older, limit).map(Some)
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
    let histories: Vec<History<'_>> = connection
        .prepare_cached(CONVERSATIONS_WITH_LATER)?
        .query_map([user.0, since.0], |row| {
            let (conversation, partner) = (ConversationId(row.get(0)?), UserId(row.get(1)?));
            Ok(History { connection, conversation, user, partner })
        })?
        .collect::<Result<_, _>>()?;
    let mut found: Vec<Message> = Vec::new();
    for history in histories {
        // Once the page is full, only what is older than its last message can get into it.
        let bound = if found.len() == limit { found[limit - 1].id } else { MessageId(i64::MAX) };
        history.between(since, bound, limit, &mut found)?;
        found.sort_unstable_by_key(|message| message.id);
        found.truncate(limit);
    }
    Ok(found)
}

fn add(
    connection: &Keeping<'_>,
    message: &NewMessage,
    latest: &Latest,
) -> rusqlite::Result<Result<Added, NotAdded>> {
    let (sender, receiver) = (message.sender, message.receiver);
    let (text, client_id) = (message.body.as_str(), message.client_id);
    // Looked up only when there is something to refuse: most messages come once.
    let before = || {
        connection.unsaved.save(connection)?;
        sent_before(connection, sender, receiver, text, client_id)
    };
    let Some(mut conversation) = connection.unsaved.find_listed(connection, sender, receiver)?
    else {
        return Ok(before()?.unwrap_or(Err(NotAdded::NoChat)));
    };
    if let Some(blocked) = why_not(&conversation, sender, receiver) {
        return Ok(before()?.unwrap_or(Err(blocked)));
    }
    let timestamp = Timestamp::from(message.at);
    let version = conversation.next_version();
    let added = connection.with(ADD, |add| {
        add.execute(params![
            conversation.id.0,
            sender.0,
            text,
            timestamp.as_str(),
            version.0,
            client_id.as_ref().map(ClientId::as_bytes)
        ])
    })?;
    if added == 0 {
        return before()?.ok_or(rusqlite::Error::QueryReturnedNoRows);
    }
    let id = MessageId(connection.last_insert_rowid());
    conversation.last_message_id = id;
    conversation.list(connection, sender, message.at, latest)?;
    let mut opened_chat = false;
    if sender != receiver {
        let receivers = conversation.side_mut(receiver);
        receivers.read.new_message_count += 1;
        opened_chat = !receivers.is_listed();
        conversation.list(connection, receiver, message.at, latest)?;
    }
    let state = MessageState {
        id,
        sender_id: sender,
        receiver_id: receiver,
        text: text.to_owned(),
        timestamp: timestamp.clone(),
        version,
        edited_at: None,
        deleted_at: None,
        client_id,
    };
    let change = Some(conversation.change(Some(state)));
    connection.unsaved.add(conversation);
    Ok(Ok(Added { id, timestamp, duplicate: false, opened_chat, version, change }))
}

/// Why nothing may be sent, if that is so.
fn why_not(conversation: &Conversation, sender: UserId, receiver: UserId) -> Option<NotAdded> {
    if conversation.side(sender).blocks {
        return Some(NotAdded::BlockedBySender);
    }
    conversation.side(receiver).blocks.then_some(NotAdded::BlockedByReceiver)
}

/// What a message came to that was sent before with the same client id, if it was.
fn sent_before(
    connection: &Connection,
    sender: UserId,
    receiver: UserId,
    text: &str,
    client_id: Option<ClientId>,
) -> rusqlite::Result<Option<Result<Added, NotAdded>>> {
    let Some(client_id) = client_id else { return Ok(None) };
    connection
        .prepare_cached(SENT_BEFORE)?
        .query_row(params![sender.0, client_id.as_bytes(), receiver.0, text], |row| {
            let version = Version(row.get(2)?);
            let is_same: bool = row.get(3)?;
            let added = Added {
                id: MessageId(row.get(0)?),
                timestamp: Timestamp::from_stored(row.get(1)?),
                duplicate: true,
                opened_chat: false,
                version,
                change: None,
            };
            Ok(is_same.then_some(added).ok_or(NotAdded::OtherContent))
        })
        .optional()
}

/// The messages of a conversation, as one of the two people reads them.
struct History<'a> {
    connection: &'a Connection,
    conversation: ConversationId,
    user: UserId,
    partner: UserId,
}

impl History<'_> {
    /// The newest messages, back to the first unread one, as far as `extent` allows.
    fn newest(
        &self,
        read: ReadState,
        Extent { at_least, at_most, bytes_max }: Extent,
    ) -> rusqlite::Result<Vec<Message>> {
        let at_least = usize::try_from(at_least).unwrap_or(usize::MAX);
        let (mut messages, mut bytes, mut new) = (Vec::new(), 0, read.new_message_count);
        let mut query = self.connection.prepare_cached(PAGE)?;
        let mut rows = query.query(params![self.conversation.0, i64::MAX, at_most, 0])?;
        while let Some(row) = rows.next()? {
            let message = self.message(row)?;
            bytes += message.wire_bytes();
            let wanted = new > 0 && message.id > read.last_read_id && bytes <= bytes_max;
            if messages.len() >= at_least && !wanted {
                break;
            }
            let is_deleted: bool = row.get(4)?;
            new -= i64::from(message.sender_id == self.partner && !is_deleted);
            messages.push(message);
        }
        Ok(messages)
    }

    fn page(&self, older: Older, limit: u32) -> rusqlite::Result<Vec<Message>> {
        let before = older.before.map_or(i64::MAX, |id| id.0);
        let mut query = self.connection.prepare_cached(PAGE)?;
        let page = params![self.conversation.0, before, limit, older.skip];
        query.query_map(page, |row| self.message(row))?.collect()
    }

    /// Adds the oldest `limit` messages between the two to `found`, without those two.
    fn between(
        &self,
        after: MessageId,
        before: MessageId,
        limit: usize,
        found: &mut Vec<Message>,
    ) -> rusqlite::Result<()> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut query = self.connection.prepare_cached(LATER)?;
        let range = params![self.conversation.0, after.0, before.0, limit];
        for message in query.query_map(range, |row| self.message(row))? {
            found.push(message?);
        }
        Ok(())
    }

    /// A row of `id, sender_id, message, timestamp` and whether it was deleted, for those who know of no
    /// deletions.
    fn message(&self, row: &Row<'_>) -> rusqlite::Result<Message> {
        let sender_id = UserId(row.get(1)?);
        let receiver_id = if sender_id == self.user { self.partner } else { self.user };
        Ok(Message {
            id: MessageId(row.get(0)?),
            sender_id,
            receiver_id,
            message: if row.get(4)? { DELETED_TEXT.to_owned() } else { row.get(2)? },
            timestamp: Timestamp::from_stored(row.get(3)?),
        })
    }
}
