//! Fills the tables of a new database of ours from a Flask database.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::refusals::Refusals;
use super::rows::FlaskMessage;
use super::scan::{FlaskChat, Source, Taker, scan};
use super::{Progress, Report, Stage, Watch, values};
use crate::store::sqlite::names;
use crate::store::sqlite::open::SCHEMA;

const ADD_USER: &str = "
INSERT INTO users (id, username, hash)
VALUES (?1, ?2, ?3)";

const ADD_MESSAGE: &str = "
INSERT INTO messages (id, conversation_id, sender_id, message, timestamp, version)
VALUES (?1, ?2, ?3, ?4, ?5, ?1)";

// The last message's id serves as a version: it grows with each of them.
const ADD_CONVERSATION: &str = "
INSERT INTO conversations (id, low_id, high_id, last_message_id, version)
VALUES (?1, ?2, ?3, ?4, max(1, ?4))";

const SET_LOW: &str = "
UPDATE conversations
SET low_listed_at = ?2, low_new_message_count = ?3, low_last_read_id = ?4
WHERE id = ?1";

const SET_HIGH: &str = "
UPDATE conversations
SET high_listed_at = ?2, high_new_message_count = ?3, high_last_read_id = ?4
WHERE id = ?1";

const INDEXES_OF_MESSAGES: &str = "
SELECT name, sql
FROM sqlite_schema
WHERE type = 'index' AND tbl_name = 'messages' AND sql IS NOT NULL";

const TIMESTAMP: &str = "
SELECT timestamp
FROM messages
WHERE id = ?1";

// The last message read is the one before the new ones.
const READ_POSITION: &str = "
SELECT id
FROM messages
WHERE conversation_id = ?1 AND sender_id = ?2
ORDER BY id DESC
LIMIT 1 OFFSET ?3";

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
        indexes,
        messages: 0,
        conversations: HashMap::new(),
        opened: HashMap::new(),
    };
    let (report, refusals) = scan(source, &mut filling, watch)?;
    if !refusals.is_empty() {
        return Err(Stopped::Refused(refusals));
    }
    names::complete(target)?;
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
    indexes: Vec<String>,
    messages: i64,
    /// By the smaller and the larger id of the two people.
    conversations: HashMap<(i64, i64), Conversation>,
    /// How many chats without a message a user has by now, for each second.
    opened: HashMap<(i64, i64), i64>,
}

#[derive(Clone, Copy)]
struct Conversation {
    id: i64,
    last_message_id: i64,
    /// The table has its row.
    is_made: bool,
}

impl Filling<'_> {
    fn conversation(&mut self, one: i64, other: i64) -> &mut Conversation {
        let pair = (one.min(other), one.max(other));
        let id = i64::try_from(self.conversations.len()).unwrap_or(i64::MAX - 1) + 1;
        let new = Conversation { id, last_message_id: 0, is_made: false };
        self.conversations.entry(pair).or_insert(new)
    }

    /// When a chat came to the top of the list, in milliseconds, of which the original knows the
    /// seconds. Of those of one second the last message decides; below them are the chats that were
    /// only opened, in the order of their rows.
    fn listed_at(&mut self, chat: &FlaskChat, last_message_id: i64) -> rusqlite::Result<i64> {
        let seconds = match chat.last_message_date {
            Some(seconds) => Some(seconds),
            None => self.time_of(last_message_id)?,
        };
        let seconds = seconds.unwrap_or(0);
        if last_message_id > 0 {
            return Ok(seconds * 1000 + 999);
        }
        let before = self.opened.entry((chat.user, seconds)).or_default();
        let place = (*before).min(998);
        *before += 1;
        Ok(seconds * 1000 + place)
    }

    fn time_of(&self, message_id: i64) -> rusqlite::Result<Option<i64>> {
        let mut query = self.target.prepare_cached(TIMESTAMP)?;
        let time = query.query_row([message_id], |row| Ok(values::seconds(row.get_ref(0)?)));
        Ok(time.optional()?.flatten())
    }
}

impl Taker for Filling<'_> {
    const IN_ORDER: bool = true;

    fn user(&mut self, id: i64, username: &str, hash: &str) -> rusqlite::Result<()> {
        self.add_user.execute(params![id, username, hash])?;
        Ok(())
    }

    fn message(&mut self, message: &FlaskMessage<'_>) -> rusqlite::Result<()> {
        self.messages += 1;
        let id = self.messages;
        let conversation = self.conversation(message.sender, message.receiver);
        conversation.last_message_id = id;
        let conversation_id = conversation.id;
        self.add_message.execute(params![
            id,
            conversation_id,
            message.sender,
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
        let conversation = self.conversation(user, partner);
        let Conversation { id, last_message_id, is_made } = *conversation;
        conversation.is_made = true;
        if !is_made {
            let pair = params![id, user.min(partner), user.max(partner), last_message_id];
            self.target.prepare_cached(ADD_CONVERSATION)?.execute(pair)?;
        }
        let listed_at = self.listed_at(chat, last_message_id)?;
        let last_read_id: Option<i64> = self
            .target
            .prepare_cached(READ_POSITION)?
            .query_row([id, partner, chat.new_message_count], |row| row.get(0))
            .optional()?;
        let set = if user <= partner { SET_LOW } else { SET_HIGH };
        let side = params![id, listed_at, chat.new_message_count, last_read_id.unwrap_or(0)];
        self.target.prepare_cached(set)?.execute(side)?;
        Ok(())
    }
}
