//! Writes our database as the Flask chat's.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params};
use time::OffsetDateTime;

use super::scan::count;
use super::{BOUNDED_MEMORY, Progress, Stage, Watch, values};
use crate::domain::{DELETED_TEXT, Timestamp};
use crate::store::sqlite::open::{self, OpenError};
use crate::store::sqlite::partial::Partial;
use crate::store::sqlite::read_only::Snapshot;

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub users: u64,
    /// Users whose hash Werkzeug cannot read: the Flask chat will not let them in.
    pub users_with_bcrypt: u64,
    /// Users whom the operator has disabled: they are given a hash that no password fits.
    pub users_disabled: u64,
    pub chats: u64,
    pub messages: u64,
    /// Messages that were deleted: the Flask chat shows a sentence in their place.
    pub messages_deleted: u64,
    /// Messages that were edited: the Flask chat shows the last text, and not that it was edited.
    pub messages_edited: u64,
    /// How often somebody has blocked somebody: the Flask chat lets them write again.
    pub blocks: u64,
    /// Messages with a time before that of the message before: the Flask chat shows them earlier.
    pub messages_out_of_order: u64,
}

/// The tables as the Flask chat makes them.
const TABLES: &str = "
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL COLLATE NOCASE,
    hash TEXT NOT NULL,
    UNIQUE (username)
);
CREATE TABLE chats (
    user_id INTEGER NOT NULL REFERENCES users (id),
    chat_partner_id INTEGER NOT NULL REFERENCES users (id),
    last_message_date NUMERIC NOT NULL,
    new_message_count INTEGER NOT NULL DEFAULT 0,
    UNIQUE (user_id, chat_partner_id)
);
CREATE TABLE messages (
    sender_id INTEGER NOT NULL REFERENCES users (id),
    receiver_id INTEGER NOT NULL REFERENCES users (id),
    message TEXT NOT NULL,
    timestamp NUMERIC NOT NULL
);";

/// What reads a file of ours. It is not brought to our version first: it stays as it is.
struct Queries {
    users: &'static str,
    /// Oldest first, and whether each was deleted and was edited.
    messages: &'static str,
    /// The lowest in the list first, with the time in milliseconds, or spelled as it is written.
    chats: &'static str,
    blocks: &'static str,
}

impl Queries {
    fn of_version(version: i64) -> Self {
        match version {
            // Nobody is disabled yet, and nobody blocked.
            1 => Self { users: ALL_USERS, blocks: "SELECT 0", ..Self::of_version(2) },
            2 | 3 => Self {
                users: USERS,
                messages: MESSAGES_OF_TWO_IDS,
                chats: CHATS_OF_EACH_SIDE,
                blocks: BLOCK_ROWS,
            },
            _ => Self { users: USERS, messages: MESSAGES, chats: CHATS, blocks: BLOCKS },
        }
    }
}

const USERS: &str = "
SELECT id, username, hash, disabled_at IS NOT NULL
FROM users
ORDER BY id";

const ALL_USERS: &str = "
SELECT id, username, hash, 0
FROM users
ORDER BY id";

/// What stands for a hash where no password is to fit: the Flask chat knows no other way to shut
/// somebody out.
const NO_HASH: &str = "!";

const ADD_USER: &str = "
INSERT INTO users (id, username, hash)
VALUES (?1, ?2, ?3)";

// Where dates are equal the later row is the newer one, for an import as well.
const CHATS: &str = "
SELECT
    low_id AS user_id, high_id, low_listed_at AS listed_at, low_new_message_count,
    last_message_id, id AS conversation_id
FROM conversations
WHERE low_listed_at IS NOT NULL
UNION ALL
SELECT high_id, low_id, high_listed_at, high_new_message_count, last_message_id, id
FROM conversations
WHERE high_listed_at IS NOT NULL
ORDER BY user_id, listed_at, last_message_id, conversation_id";

const CHATS_OF_EACH_SIDE: &str = "
SELECT user_id, chat_partner_id, last_message_date, new_message_count
FROM chats
ORDER BY user_id, place";

const BLOCKS: &str = "
SELECT coalesce(sum(low_blocks + high_blocks), 0)
FROM conversations";

const BLOCK_ROWS: &str = "
SELECT count(*)
FROM blocks";

const ADD_CHAT: &str = "
INSERT INTO chats (user_id, chat_partner_id, last_message_date, new_message_count)
VALUES (?1, ?2, ?3, ?4)";

const MESSAGES: &str = "
SELECT
    sender_id, iif(sender_id = low_id, high_id, low_id), message, timestamp,
    deleted_at IS NOT NULL, deleted_at IS NULL AND edited_at IS NOT NULL
FROM messages
CROSS JOIN conversations
WHERE conversations.id = messages.conversation_id
ORDER BY messages.id";

const MESSAGES_OF_TWO_IDS: &str = "
SELECT sender_id, receiver_id, message, timestamp, 0, 0
FROM messages
ORDER BY id";

const ADD_MESSAGE: &str = "
INSERT INTO messages (sender_id, receiver_id, message, timestamp)
VALUES (?1, ?2, ?3, ?4)";

/// Writes what the database at `ours` holds at this moment as a new Flask database at `out`, which
/// appears when it is complete. A server may be running on `ours`.
///
/// # Errors
/// One sentence for the operator. Nothing was made.
pub fn export(ours: &Path, out: &Path, watch: Watch<'_>) -> Result<Exported, OpenError> {
    if out.symlink_metadata().is_ok() {
        return Err(OpenError::Taken(out.into()));
    }
    let snapshot = Snapshot::open(ours)?;
    let of_ours = |error: rusqlite::Error| OpenError::from_sqlite(ours, &error);
    let of_out = |error: rusqlite::Error| OpenError::from_sqlite(out, &error);
    snapshot.connection.execute_batch(BOUNDED_MEMORY).map_err(of_ours)?;
    open::must_be_ours(&snapshot.connection, ours)?;

    let partial = Partial::begin(out).map_err(|error| OpenError::cannot_make(out, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let target = Connection::open_with_flags(partial.path(), flags).map_err(of_out)?;
    target
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;",
        )
        .and_then(|()| target.execute_batch(BOUNDED_MEMORY))
        .and_then(|()| target.execute_batch("BEGIN"))
        .and_then(|()| target.execute_batch(TABLES))
        .map_err(of_out)?;
    let exported = copy(&snapshot.connection, &target, watch).map_err(of_out)?;
    target.execute_batch("COMMIT").map_err(of_out)?;
    target.close().map_err(|(_, error)| of_out(error))?;
    snapshot.verify()?;
    partial.publish_as(out).map_err(|error| OpenError::cannot_make(out, error))?;
    Ok(exported)
}

fn copy(source: &Connection, target: &Connection, watch: Watch<'_>) -> rusqlite::Result<Exported> {
    let mut exported = Exported::default();

    let version = source.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let queries = Queries::of_version(version);
    let (mut users, mut add) = (source.prepare(queries.users)?, target.prepare(ADD_USER)?);
    let mut rows = users.query(())?;
    while let Some(row) = rows.next()? {
        let disabled: bool = row.get(3)?;
        let hash = if disabled { NO_HASH } else { row.get_ref(2)?.as_str()? };
        exported.users_disabled += u64::from(disabled);
        add.execute(params![row.get::<_, i64>(0)?, row.get_ref(1)?.as_str()?, hash])?;
        exported.users += 1;
        exported.users_with_bcrypt += u64::from(values::hash_kind(hash) == values::BCRYPT);
    }

    let total = count(source, "messages")?;
    let (mut messages, mut add) = (source.prepare(queries.messages)?, target.prepare(ADD_MESSAGE)?);
    let mut rows = messages.query(())?;
    let mut newest = String::new();
    while let Some(row) = rows.next()? {
        let timestamp = row.get_ref(3)?.as_str()?;
        let deleted: bool = row.get(4)?;
        let message = if deleted { DELETED_TEXT } else { row.get_ref(2)?.as_str()? };
        add.execute(params![row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, message, timestamp])?;
        exported.messages_deleted += u64::from(deleted);
        exported.messages_edited += u64::from(row.get::<_, bool>(5)?);
        exported.messages_out_of_order += u64::from(timestamp < newest.as_str());
        newest.clear();
        newest.push_str(timestamp);
        exported.messages += 1;
        if exported.messages.is_multiple_of(4096) || exported.messages == total {
            watch(Progress { stage: Stage::Messages, done: exported.messages, total });
        }
    }

    watch(Progress { stage: Stage::Chats, done: 0, total: 0 });
    let (mut chats, mut add) = (source.prepare(queries.chats)?, target.prepare(ADD_CHAT)?);
    let mut rows = chats.query(())?;
    while let Some(row) = rows.next()? {
        let date = match row.get_ref(2)? {
            ValueRef::Integer(milliseconds) => date(milliseconds),
            spelled => spelled.as_str()?.to_owned(),
        };
        add.execute(params![
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            date,
            row.get::<_, i64>(3)?
        ])?;
        exported.chats += 1;
    }
    let blocks: i64 = source.query_row(queries.blocks, (), |row| row.get(0))?;
    exported.blocks = u64::try_from(blocks).unwrap_or(0);
    Ok(exported)
}

/// The second of a time in milliseconds since 1970.
fn date(milliseconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1000));
    Timestamp::from(time.unwrap_or(OffsetDateTime::UNIX_EPOCH)).to_string()
}
