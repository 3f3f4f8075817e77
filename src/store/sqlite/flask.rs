//! Turns the Flask chat's database into ours, in place and in one transaction, after a copy of the
//! file as it was has been laid beside it.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::open::{OpenError, SCHEMA};

/// What a conversion found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    pub users: i64,
    pub chats: i64,
    pub messages: i64,
    /// Chat rows that the original never made, though there were messages for them.
    pub chats_added: i64,
    /// The file as it was.
    pub backup: PathBuf,
}

/// The tables that the original has, with the columns that ours are made from.
const TABLES: [(&str, &[&str]); 3] = [
    ("users", &["id", "username", "hash"]),
    ("chats", &["user_id", "chat_partner_id", "last_message_date", "new_message_count"]),
    ("messages", &["sender_id", "receiver_id", "message", "timestamp"]),
];

/// Whether this is a database of the original: its three tables, with their columns, no others.
pub(super) fn wrote(connection: &Connection) -> rusqlite::Result<bool> {
    let mut tables = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let names: Vec<String> = tables.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    if names.len() != TABLES.len() {
        return Ok(false);
    }
    let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    for (table, wanted) in TABLES {
        let found: Vec<String> =
            columns.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if !wanted.iter().all(|column| found.iter().any(|name| name == column)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Copies the file, then converts it. Nothing has changed when it fails, and nothing is half done
/// when it is interrupted.
pub(super) fn convert(connection: &mut Connection, path: &Path) -> Result<Converted, OpenError> {
    let explain = |error: rusqlite::Error| OpenError::from_sqlite(path, &error);
    // Rows may refer to users that are gone; the conversion repairs that before it is checked.
    connection.pragma_update(None, "foreign_keys", false).map_err(explain)?;
    // From here to the commit nobody else can write: the copy is of what is converted.
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(explain)?;
    let verdict: String =
        transaction.query_row("PRAGMA quick_check(1)", (), |row| row.get(0)).map_err(explain)?;
    if verdict != "ok" {
        return Err(OpenError::damaged(path, verdict.replace('\n', " ")));
    }
    let backup = back_up(path)?;
    let converted = convert_tables(&transaction, backup).map_err(explain)?;
    transaction.commit().map_err(explain)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(explain)?;
    Ok(converted)
}

/// Copies the database to a name that is not taken yet, and waits until the copy is on disk.
fn back_up(path: &Path) -> Result<PathBuf, OpenError> {
    let failed = |reason: String| OpenError::failed(path, format!("cannot back it up: {reason}"));
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let partial = beside(".flask-backup.partial");
    if partial.exists() {
        std::fs::remove_file(&partial).map_err(|error| failed(error.to_string()))?;
    }
    let copy = || -> rusqlite::Result<()> {
        let source = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut target = Connection::open(&partial)?;
        Backup::new(&source, &mut target)?.run_to_completion(4096, std::time::Duration::ZERO, None)
    };
    copy().map_err(|error| failed(error.to_string()))?;
    File::open(&partial)
        .and_then(|file| file.sync_all())
        .map_err(|error| failed(error.to_string()))?;

    let mut backup = beside(".flask-backup");
    let mut number = 1;
    // A hard link fails where the name is taken, so an older backup is never written over.
    while let Err(error) = std::fs::hard_link(&partial, &backup) {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            return Err(failed(error.to_string()));
        }
        number += 1;
        backup = beside(&format!(".flask-backup-{number}"));
    }
    std::fs::remove_file(&partial).map_err(|error| failed(error.to_string()))?;
    Ok(backup)
}

fn convert_tables(transaction: &Transaction<'_>, backup: PathBuf) -> rusqlite::Result<Converted> {
    for (table, _) in TABLES {
        transaction.execute_batch(&format!("ALTER TABLE {table} RENAME TO flask_{table}"))?;
    }
    transaction.execute_batch(SCHEMA)?;
    let users = transaction.execute(USERS, ())?;
    transaction.execute(USERS_THAT_ARE_GONE, ())?;
    let messages = transaction.execute(MESSAGES, ())?;
    let chats = transaction.execute(CHATS, ())?;
    let chats_added = transaction.execute(CHATS_THAT_WERE_NEVER_MADE, ())?;
    transaction.execute(READ_POSITIONS, ())?;
    transaction.execute(PLACES, ())?;
    for (table, _) in TABLES {
        transaction.execute_batch(&format!("DROP TABLE flask_{table}"))?;
    }
    let count = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    Ok(Converted {
        users: count(users),
        chats: count(chats),
        messages: count(messages),
        chats_added: count(chats_added),
        backup,
    })
}

const USERS: &str = "
INSERT INTO users (id, username, hash)
SELECT id, CAST(username AS TEXT), CAST(hash AS TEXT)
FROM flask_users";

// The original could delete nobody, but a person with a SQLite shell can. What such users wrote
// stays; no password fits the hash.
const USERS_THAT_ARE_GONE: &str = "
INSERT INTO users (id, username, hash)
SELECT id, 'deleted user ' || id, '!'
FROM (
    SELECT sender_id AS id FROM flask_messages
    UNION SELECT receiver_id FROM flask_messages
    UNION SELECT user_id FROM flask_chats
    UNION SELECT chat_partner_id FROM flask_chats
)
WHERE id NOT IN (SELECT id FROM users)";

// The rowid is the order in which messages of one second were written.
const MESSAGES: &str = "
INSERT INTO messages (sender_id, receiver_id, message, timestamp)
SELECT sender_id, receiver_id, CAST(message AS TEXT), CAST(timestamp AS TEXT)
FROM flask_messages
ORDER BY timestamp, rowid";

// A count of more than there are messages would never fall to zero.
const CHATS: &str = "
INSERT INTO chats (user_id, chat_partner_id, last_message_date, place, new_message_count)
SELECT user_id, chat_partner_id, CAST(last_message_date AS TEXT), 0,
    max(0, min(coalesce(new_message_count, 0), (
        SELECT count(*)
        FROM messages
        WHERE min(sender_id, receiver_id) = min(user_id, chat_partner_id)
          AND max(sender_id, receiver_id) = max(user_id, chat_partner_id)
          AND sender_id = chat_partner_id AND user_id <> chat_partner_id
    )))
FROM flask_chats";

const CHATS_THAT_WERE_NEVER_MADE: &str = "
INSERT INTO chats (user_id, chat_partner_id, last_message_date, place, new_message_count)
SELECT user_id, chat_partner_id, max(timestamp), 0, sum(received)
FROM (
    SELECT receiver_id AS user_id, sender_id AS chat_partner_id, timestamp,
        sender_id <> receiver_id AS received
    FROM messages
    UNION ALL
    SELECT sender_id, receiver_id, timestamp, 0
    FROM messages
)
WHERE true
GROUP BY user_id, chat_partner_id
ON CONFLICT (user_id, chat_partner_id) DO NOTHING";

// The last message read is the one before the new ones.
const READ_POSITIONS: &str = "
UPDATE chats
SET last_message_id = coalesce((
        SELECT id
        FROM messages
        WHERE min(sender_id, receiver_id) = min(user_id, chat_partner_id)
          AND max(sender_id, receiver_id) = max(user_id, chat_partner_id)
        ORDER BY id DESC
        LIMIT 1
    ), 0),
    last_read_id = coalesce((
        SELECT id
        FROM (
            SELECT id, row_number() OVER (ORDER BY id DESC) AS place
            FROM messages
            WHERE min(sender_id, receiver_id) = min(user_id, chat_partner_id)
              AND max(sender_id, receiver_id) = max(user_id, chat_partner_id)
              AND sender_id = chat_partner_id
        )
        WHERE place = new_message_count + 1
    ), 0)";

// By the last message; within one second by the order in which it was written.
const PLACES: &str = "
UPDATE chats
SET place = ranked.place
FROM (
    SELECT user_id, chat_partner_id, row_number() OVER (
        PARTITION BY user_id
        ORDER BY last_message_date, last_message_id
    ) AS place
    FROM chats
) AS ranked
WHERE ranked.user_id = chats.user_id AND ranked.chat_partner_id = chats.chat_partner_id";
