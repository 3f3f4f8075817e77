//! What has changed in conversations since a version.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::chats::named;
use super::conversations::Conversation;
use super::sessions::moment;
use crate::domain::{
    ClientId, ConversationState, Digest, Epoch, MessageId, MessageState, Timestamp, User, UserId,
    Version,
};
use crate::store::{
    CatchUpBounds, CaughtUp, ChangeStore, Changes, ConversationVersion, HistoryPage, Known,
    PageBounds, Reply,
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
ORDER BY listed_at DESC, last_message_id DESC, id DESC";

const DIGEST: &str = "
SELECT count(*), coalesce(sum(version), 0)
FROM (
    SELECT version FROM conversations WHERE low_id = ?1 AND low_listed_at IS NOT NULL
    UNION ALL
    SELECT version FROM conversations WHERE high_id = ?1 AND high_listed_at IS NOT NULL
)";

const CHANGED: &str = "
SELECT id, sender_id, message, timestamp, version, edited_at, deleted_at, client_id
FROM messages
WHERE conversation_id = ?1 AND version > ?2
ORDER BY version
LIMIT ?3";

const BEFORE: &str = "
SELECT id, sender_id, message, timestamp, version, edited_at, deleted_at, client_id
FROM messages
WHERE conversation_id = ?1 AND id < ?2
ORDER BY id DESC
LIMIT ?3";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[EPOCH, VERSIONS, DIGEST, CHANGED, BEFORE];

impl ChangeStore for SqliteStore {
    fn catch_up(&self, user: UserId, known: Known, bounds: CatchUpBounds) -> Reply<CaughtUp> {
        self.read(move |connection| {
            let snapshot = connection.unchecked_transaction()?;
            catch_up(&snapshot, user, &known, bounds)
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
            let snapshot = connection.unchecked_transaction()?;
            changes(&snapshot, user, partner, since, bounds)
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
            let snapshot = connection.unchecked_transaction()?;
            let found = page(&snapshot, user, partner, BEFORE, before, bounds)?;
            Ok(found.map(|Page { partner, state, messages, more }| HistoryPage {
                partner,
                state,
                messages,
                more,
            }))
        })
    }
}

fn catch_up(
    snapshot: &Connection,
    user: UserId,
    Known { epoch: known_epoch, digest: known_digest, versions: known, messages_of }: &Known,
    bounds: CatchUpBounds,
) -> rusqlite::Result<CaughtUp> {
    let epoch = snapshot.prepare_cached(EPOCH)?.query_row((), |row| row.get(0).map(Epoch))?;
    let digest = snapshot.prepare_cached(DIGEST)?.query_row([user.0], |row| {
        Ok(Digest { conversations: row.get(0)?, versions: row.get(1)? })
    })?;
    let mut caught_up = CaughtUp { epoch, digest, conversations: Vec::new(), more: false };
    let is_comparable = *known_epoch == Some(epoch);
    if is_comparable && known.is_empty() && *known_digest == Some(digest) {
        return Ok(caught_up);
    }
    let known: HashMap<UserId, Version> = known
        .iter()
        .filter(|_| is_comparable)
        .map(|known| (known.partner, known.version))
        .collect();
    let messages_of: Option<HashSet<UserId>> =
        messages_of.as_ref().map(|partners| partners.iter().copied().collect());
    let holds = |partner| messages_of.as_ref().is_none_or(|partners| partners.contains(&partner));
    let mut left = bounds.bytes_max;
    for ConversationVersion { partner, version } in versions(snapshot, user)? {
        let since = match known.get(&partner) {
            Some(known) if *known == version => continue,
            Some(known) if holds(partner) => *known,
            // Without messages.
            _ => version,
        };
        let found = &mut caught_up.conversations;
        if found.len() >= usize::try_from(bounds.conversations_max).unwrap_or(usize::MAX)
            || left == 0 && !found.is_empty()
        {
            caught_up.more = true;
            break;
        }
        let page = PageBounds { messages_max: bounds.messages_max, bytes_max: left };
        if let Some(changes) = changes(snapshot, user, partner, since, page)? {
            left = left.saturating_sub(changes.messages.iter().map(MessageState::wire_bytes).sum());
            caught_up.more |= changes.more;
            found.push(changes);
        }
    }
    Ok(caught_up)
}

/// The versions of the conversations in `user`'s list, in its order.
fn versions(snapshot: &Connection, user: UserId) -> rusqlite::Result<Vec<ConversationVersion>> {
    let mut query = snapshot.prepare_cached(VERSIONS)?;
    let versions = query.query_map([user.0], |row| {
        let (partner, version) = (UserId(row.get(0)?), Version(row.get(1)?));
        Ok(ConversationVersion { partner, version })
    })?;
    versions.collect()
}

fn changes(
    snapshot: &Connection,
    user: UserId,
    partner: UserId,
    since: Version,
    bounds: PageBounds,
) -> rusqlite::Result<Option<Changes>> {
    let found = page(snapshot, user, partner, CHANGED, since.0, bounds)?;
    Ok(found.map(|Page { partner, state, messages, more }| {
        let last = messages.last().filter(|_| more);
        let complete_to = last.map_or(state.version, |last| last.version);
        Changes { partner, state, messages, complete_to, more }
    }))
}

struct Page {
    partner: User,
    state: ConversationState,
    messages: Vec<MessageState>,
    more: bool,
}

/// The messages that `query` finds from `from` on, as far as `bounds` allow, and whether there are more;
/// with the conversation of the same snapshot.
fn page(
    snapshot: &Connection,
    user: UserId,
    partner: UserId,
    query: &str,
    from: i64,
    bounds: PageBounds,
) -> rusqlite::Result<Option<Page>> {
    let Some(found) = Conversation::find_listed(snapshot, user, partner)? else {
        return Ok(None);
    };
    let Some(name) = named(snapshot, partner)? else { return Ok(None) };
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
    Ok(Some(Page { partner: name, state: found.seen_by(user), messages, more }))
}

/// A row of `id, sender_id, message, timestamp, version, edited_at, deleted_at, client_id`, in the
/// conversation of `user` and `partner`, as `user` sees it.
pub(super) fn message(
    row: &Row<'_>,
    user: UserId,
    partner: UserId,
) -> rusqlite::Result<MessageState> {
    let sender_id = UserId(row.get(1)?);
    let at = |column| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|seconds| moment(seconds).into()))
    };
    let state = MessageState {
        id: MessageId(row.get(0)?),
        sender_id,
        receiver_id: if sender_id == user { partner } else { user },
        text: row.get(2)?,
        timestamp: Timestamp::from_stored(row.get(3)?),
        version: Version(row.get(4)?),
        edited_at: at(5)?,
        deleted_at: at(6)?,
        client_id: row.get::<_, Option<[u8; 16]>>(7)?.map(ClientId::from_stored),
    };
    Ok(state.seen_by(user))
}
