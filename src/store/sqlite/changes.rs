//! What has changed in conversations since a version.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row, Rows, params};

use super::SqliteStore;
use super::chats::named;
use super::conversations::Conversation;
use super::sessions::moment;
use crate::domain::{
    ClientId, Digest, Epoch, MessageId, MessageState, Timestamp, User, UserId, Version,
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

const ADDED: &str = "
SELECT id, sender_id, message, timestamp, version, edited_at, deleted_at, client_id
FROM messages
WHERE conversation_id = ?1 AND id >= ?2 AND version > ?3 AND changed_version IS NULL
ORDER BY id
LIMIT ?4";

const CHANGED: &str = "
SELECT id, sender_id, message, timestamp, changed_version, edited_at, deleted_at, client_id
FROM messages
WHERE conversation_id = ?1 AND changed_version > ?2
ORDER BY changed_version
LIMIT ?3";

const BEFORE: &str = "
SELECT
    id, sender_id, message, timestamp, coalesce(changed_version, version), edited_at, deleted_at,
    client_id
FROM messages
WHERE conversation_id = ?1 AND id < ?2
ORDER BY id DESC
LIMIT ?3";

const NEWEST_BUT: &str = "
SELECT id
FROM messages
WHERE conversation_id = ?1
ORDER BY id DESC
LIMIT 1 OFFSET ?2";

const FIRST_FROM: &str = "
SELECT id, version
FROM messages
WHERE conversation_id = ?1 AND id >= ?2
ORDER BY id
LIMIT 1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[EPOCH, VERSIONS, DIGEST, ADDED, CHANGED, BEFORE, NEWEST_BUT, FIRST_FROM];

/// How many of the newest messages are passed one by one to find where those begin that were added since a
/// version. A search in halves costs as much.
const PASSED_MAX: i64 = 256;

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
            let snapshot = connection.unchecked_transaction()?;
            history(&snapshot, user, partner, before, bounds)
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
    let Some(found) = Found::find(snapshot, user, partner)? else { return Ok(None) };
    let mut page = Page::within(bounds);
    found.changes(since, &mut page)?;
    let state = found.conversation.seen_by(user);
    let last = page.messages.last().filter(|_| page.more);
    let complete_to = last.map_or(state.version, |last| last.version);
    let Page { messages, more, .. } = page;
    Ok(Some(Changes { partner: found.partner, state, messages, complete_to, more }))
}

fn history(
    snapshot: &Connection,
    user: UserId,
    partner: UserId,
    before: Option<MessageId>,
    bounds: PageBounds,
) -> rusqlite::Result<Option<HistoryPage>> {
    let Some(found) = Found::find(snapshot, user, partner)? else { return Ok(None) };
    let mut page = Page::within(bounds);
    let before = before.map_or(i64::MAX, |id| id.0);
    let mut query = snapshot.prepare_cached(BEFORE)?;
    let mut rows = query.query(params![found.conversation.id.0, before, page.limit()])?;
    while let Some(message) = found.next(&mut rows)?
        && page.takes(message)
    {}
    let state = found.conversation.seen_by(user);
    let Page { messages, more, .. } = page;
    Ok(Some(HistoryPage { partner: found.partner, state, messages, more }))
}

/// The messages of one answer, as far as they fit into it.
struct Page {
    bounds: PageBounds,
    bytes: usize,
    messages: Vec<MessageState>,
    /// There was one that did not fit.
    more: bool,
}

impl Page {
    fn within(bounds: PageBounds) -> Self {
        Self { bounds, bytes: 0, messages: Vec::new(), more: false }
    }

    /// One more than asked for tells whether there are more.
    fn limit(&self) -> i64 {
        i64::from(self.bounds.messages_max) + 1
    }

    /// Takes the message if it fits. Nothing after one that does not is to be taken.
    fn takes(&mut self, message: MessageState) -> bool {
        let at_most = usize::try_from(self.bounds.messages_max).unwrap_or(usize::MAX);
        self.bytes += message.wire_bytes();
        let is_too_long = !self.messages.is_empty() && self.bytes > self.bounds.bytes_max;
        if self.messages.len() == at_most || is_too_long {
            self.more = true;
            return false;
        }
        self.messages.push(message);
        true
    }
}

/// A conversation in the list of `user`.
struct Found<'a> {
    snapshot: &'a Connection,
    conversation: Conversation,
    user: UserId,
    partner: User,
}

impl<'a> Found<'a> {
    fn find(
        snapshot: &'a Connection,
        user: UserId,
        partner: UserId,
    ) -> rusqlite::Result<Option<Self>> {
        let Some(conversation) = Conversation::find_listed(snapshot, user, partner)? else {
            return Ok(None);
        };
        let partner = named(snapshot, partner)?;
        Ok(partner.map(|partner| Self { snapshot, conversation, user, partner }))
    }

    fn next(&self, rows: &mut Rows<'_>) -> rusqlite::Result<Option<MessageState>> {
        let row = rows.next()?;
        row.map(|row| message(row, self.user, self.partner.id)).transpose()
    }

    /// Fills `page` with the messages with a version above `since`, by their versions.
    fn changes(&self, since: Version, page: &mut Page) -> rusqlite::Result<()> {
        if since >= self.conversation.version {
            return Ok(());
        }
        let (id, limit) = (self.conversation.id.0, page.limit());
        let first = self.first_added_after(since)?;
        let mut added = self.snapshot.prepare_cached(ADDED)?;
        let mut added = added.query(params![id, first, since.0, limit])?;
        let mut changed = self.snapshot.prepare_cached(CHANGED)?;
        let mut changed = changed.query(params![id, since.0, limit])?;
        let (mut next_added, mut next_changed) = (self.next(&mut added)?, self.next(&mut changed)?);
        loop {
            let is_added = match (&next_added, &next_changed) {
                (Some(added), Some(changed)) => added.version < changed.version,
                (added, _) => added.is_some(),
            };
            let next = if is_added {
                std::mem::replace(&mut next_added, self.next(&mut added)?)
            } else {
                std::mem::replace(&mut next_changed, self.next(&mut changed)?)
            };
            if !next.is_some_and(|next| page.takes(next)) {
                return Ok(());
            }
        }
    }

    /// From which id on messages were added under a version above `since`, or some before that.
    fn first_added_after(&self, since: Version) -> rusqlite::Result<i64> {
        let id = self.conversation.id.0;
        // Each of them has raised the version: there are no more than that.
        let at_most = self.conversation.version.0.saturating_sub(since.0);
        if at_most <= PASSED_MAX {
            let mut newest_but = self.snapshot.prepare_cached(NEWEST_BUT)?;
            let last_before = newest_but.query_row([id, at_most], |row| row.get(0)).optional()?;
            return Ok(last_before.map_or(0, |last: i64| last.saturating_add(1)));
        }
        let mut first_from = self.snapshot.prepare_cached(FIRST_FROM)?;
        let (mut from, mut to) = (0_i64, self.conversation.last_message_id.0);
        while from < to {
            let middle = from + (to - from) / 2;
            let found = first_from
                .query_row([id, middle], |row| Ok((row.get::<_, i64>(0)?, Version(row.get(1)?))))
                .optional()?;
            match found {
                Some((found, version)) if version <= since => from = found + 1,
                _ => to = middle,
            }
        }
        Ok(from)
    }
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

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;
    use crate::domain::Body;
    use crate::store::{ChatStore, EditStore, MessageStore, NewMessage};

    const ANN: UserId = UserId(1);
    const BOB: UserId = UserId(2);
    const NOW: OffsetDateTime = datetime!(2026-03-04 05:06:07 UTC);

    /// A thousand messages between the two, and others between; many of them are deleted, some long after.
    async fn store(path: &std::path::Path) -> SqliteStore {
        let store = SqliteStore::open(path).unwrap();
        let connection = Connection::open(path).unwrap();
        let sql = "INSERT INTO users (username, hash) VALUES ('ann', ''), ('bob', ''), ('eve', '')";
        connection.execute_batch(sql).unwrap();
        for partner in [BOB, UserId(3)] {
            store.open_chat(ANN, partner, NOW).await.unwrap().unwrap();
        }
        // Not awaited one by one, so that they share transactions. The ids are drawn in this order.
        let (mut sent, mut deleted, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..1000_usize {
            let receiver = if number % 3 == 0 { UserId(3) } else { BOB };
            let body = Body::parse(format!("number {number}"), 100).unwrap();
            let message = NewMessage { sender: ANN, receiver, body, at: NOW, client_id: None };
            sent.push(store.add_message(message));
            if receiver != BOB {
                continue;
            }
            let id = MessageId(i64::try_from(sent.len()).unwrap());
            ids.push(id);
            if number % 7 == 0 || (400..600).contains(&number) || number > 990 {
                let id = if number % 2 == 0 { id } else { ids[ids.len() / 2] };
                deleted.push(store.delete_message(ANN, BOB, id, NOW));
            }
        }
        for sent in sent {
            sent.await.unwrap().unwrap();
        }
        for deleted in deleted {
            deleted.await.unwrap().unwrap();
        }
        store
    }

    #[tokio::test]
    async fn what_has_changed_since_any_version_comes_once_by_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        let store = store(&path).await;
        let connection = Connection::open(&path).unwrap();
        let sql = "SELECT coalesce(changed_version, version) FROM messages \
                   WHERE conversation_id = 1 ORDER BY 1";
        let mut query = connection.prepare(sql).unwrap();
        let versions: Vec<i64> =
            query.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let newest = *versions.last().unwrap();
        assert!(newest > 2 * PASSED_MAX && versions.len() > 600, "{newest}, {}", versions.len());
        let bounds = PageBounds { messages_max: 20, bytes_max: usize::MAX };
        for since in 0..newest + 3 {
            let found = store.changes(BOB, ANN, Version(since), bounds).await.unwrap();
            // Bob does not have the chat only before the first message.
            let found = found.unwrap();
            let expected: Vec<i64> =
                versions.iter().copied().filter(|version| *version > since).take(20).collect();
            let came: Vec<i64> = found.messages.iter().map(|message| message.version.0).collect();
            assert_eq!(came, expected, "since {since}");
        }
    }
}
