//! Fills the tables of a new database of ours from a Flask database.

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::refusals::Refusals;
use super::rows::FlaskMessage;
use super::scan::{FlaskChat, Source, Taker, scan};
use super::{Progress, Report, Stage, Watch};
use crate::store::sqlite::names;
use crate::store::sqlite::open::SCHEMA;

const ADD_USER: &str = "
INSERT INTO users (id, username, hash)
VALUES (?1, ?2, ?3)";

const ADD_MESSAGE: &str = "
INSERT INTO messages (sender_id, receiver_id, message, timestamp)
VALUES (?1, ?2, ?3, ?4)";

const ADD_CHAT: &str = "
INSERT INTO chats (
    user_id, chat_partner_id, last_message_date, new_message_count, place, last_read_id,
    last_message_id
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const INDEXES_OF_MESSAGES: &str = "
SELECT name, sql
FROM sqlite_schema
WHERE type = 'index' AND tbl_name = 'messages' AND sql IS NOT NULL";

const NEWEST: &str = "
SELECT id, timestamp
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
ORDER BY id DESC
LIMIT 1";

// The last message read is the one before the new ones.
const READ_POSITION: &str = "
SELECT id
FROM messages
WHERE min(sender_id, receiver_id) = min(?1, ?2)
  AND max(sender_id, receiver_id) = max(?1, ?2)
  AND sender_id = ?2
ORDER BY id DESC
LIMIT 1 OFFSET ?3";

// By the last message; within one second by the order in which it was written, and where there is
// none by the order of the rows.
const PLACES: &str = "
UPDATE chats
SET place = ranked.place
FROM (
    SELECT user_id, chat_partner_id, row_number() OVER (
        PARTITION BY user_id
        ORDER BY last_message_date, last_message_id, place
    ) AS place
    FROM chats
) AS ranked
WHERE ranked.user_id = chats.user_id AND ranked.chat_partner_id = chats.chat_partner_id";

/// Why a conversion stopped.
pub(super) enum Stopped {
    Sqlite(rusqlite::Error),
    Refused(Refusals),
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Makes our schema in `target`, which has none of its tables, and takes everything over from
/// `source`. The caller has begun a transaction, and has switched foreign keys off: rows may refer
/// to users who are gone, until they are put back.
pub(super) fn fill(
    source: &Source<'_>,
    target: &Connection,
    watch: Watch<'_>,
) -> Result<Report, Stopped> {
    target.execute_batch(SCHEMA)?;
    let indexes = set_indexes_aside(target)?;
    let mut filling = Filling {
        target,
        add_user: target.prepare(ADD_USER)?,
        add_message: target.prepare(ADD_MESSAGE)?,
        add_chat: target.prepare(ADD_CHAT)?,
        indexes,
        chats: 0,
    };
    let (report, refusals) = scan(source, &mut filling, watch)?;
    if !refusals.is_empty() {
        return Err(Stopped::Refused(refusals));
    }
    names::complete(target)?;
    target.execute_batch(PLACES)?;
    Ok(report)
}

/// Building an index over all the rows at once is far quicker than adding to it row by row.
fn set_indexes_aside(target: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = target.prepare(INDEXES_OF_MESSAGES)?;
    let indexes: Vec<(String, String)> =
        query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (name, _) in &indexes {
        target.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    Ok(indexes.into_iter().map(|(_, sql)| sql).collect())
}

struct Filling<'a> {
    target: &'a Connection,
    add_user: Statement<'a>,
    add_message: Statement<'a>,
    add_chat: Statement<'a>,
    indexes: Vec<String>,
    chats: i64,
}

impl Taker for Filling<'_> {
    const IN_ORDER: bool = true;

    fn user(&mut self, id: i64, username: &str, hash: &str) -> rusqlite::Result<()> {
        self.add_user.execute(params![id, username, hash])?;
        Ok(())
    }

    fn message(&mut self, message: &FlaskMessage<'_>) -> rusqlite::Result<()> {
        self.add_message.execute(params![
            message.sender,
            message.receiver,
            message.message,
            message.timestamp
        ])?;
        Ok(())
    }

    fn messages_end(&mut self, watch: Watch<'_>) -> rusqlite::Result<()> {
        let total = self.indexes.len() as u64;
        for (done, sql) in (0..).zip(&self.indexes) {
            watch(Progress { stage: Stage::Indexing, done, total });
            self.target.execute_batch(sql)?;
        }
        Ok(())
    }

    fn chat(&mut self, chat: &FlaskChat) -> rusqlite::Result<()> {
        let (user, partner) = (chat.user, chat.partner);
        let newest: Option<(i64, String)> = self
            .target
            .prepare_cached(NEWEST)?
            .query_row([user, partner], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (last_message_id, newest_date) = newest.unzip();
        let date = chat.last_message_date.clone().or(newest_date);
        let date = date.unwrap_or_else(|| "1970-01-01 00:00:00".to_owned());
        let last_read_id: Option<i64> = self
            .target
            .prepare_cached(READ_POSITION)?
            .query_row(params![user, partner, chat.new_message_count], |row| row.get(0))
            .optional()?;
        self.chats += 1;
        self.add_chat.execute(params![
            user,
            partner,
            date,
            chat.new_message_count,
            self.chats,
            last_read_id.unwrap_or(0),
            last_message_id.unwrap_or(0)
        ])?;
        Ok(())
    }
}
