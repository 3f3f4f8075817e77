//! The Flask chat's database: how to know it, and the way from it to ours and back.

mod backup;
mod export;
mod fill;
mod import;
mod in_place;
mod left_out;
mod refusals;
mod rows;
mod scan;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::Connection;

use super::costly_hashes::CostlyHashes;
use super::open::is_ours;

pub use self::export::{Exported, export};
pub use self::import::{Checked, check, import};
pub(super) use self::in_place::convert;
pub(super) use self::left_out::Views;

/// What a conversion found in the Flask chat's database, and what it put right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub users: u64,
    /// How many password hashes there are of each kind.
    pub hashes: BTreeMap<&'static str, u64>,
    /// Users whose hash is kept and never checked: no password fits it.
    pub costly_hashes: CostlyHashes,
    /// Users whom rows name and who are not there; each becomes a `deleted user`.
    pub users_gone: u64,
    pub messages: u64,
    pub chats: u64,
    /// Chat rows that the original never made, though there were messages for them.
    pub chats_added: u64,
    /// Counts of new messages below zero, above what there is, or no number at all.
    pub counts_put_right: u64,
    /// Chats whose date is none; the newest message's is taken.
    pub dates_put_right: u64,
}

/// A database that was converted when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    pub report: Report,
    /// The file as it was.
    pub backup: PathBuf,
}

/// How far a long piece of work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    pub done: u64,
    /// 0 where it is not known.
    pub total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading every page to see whether the file is sound.
    Checking,
    /// Copying a database page by page; counts pages.
    BackingUp,
    /// Copying messages, by far the most of all rows; counts them.
    Messages,
    /// Making the indexes of messages.
    Indexing,
    Chats,
}

/// Is told of progress, often.
pub type Watch<'a> = &'a mut dyn FnMut(Progress);

/// The tables that the original has, with the columns that ours are made from.
const TABLES: [(&str, &[&str]); 3] = [
    ("users", &["id", "username", "hash"]),
    ("chats", &["user_id", "chat_partner_id", "last_message_date", "new_message_count"]),
    ("messages", &["sender_id", "receiver_id", "message", "timestamp"]),
];

/// How much memory a connection may keep pages in, and sort in, while it moves a whole database.
const BOUNDED_MEMORY: &str = "PRAGMA cache_size = -32768; PRAGMA temp_store = FILE;";
/// SQLite's own default, which a server's connection goes back to.
const USUAL_MEMORY: &str = "PRAGMA cache_size = -2000; PRAGMA temp_store = DEFAULT;";

/// Tables of Flask-Migrate and Flask-Session: visavis needs neither, and the backup keeps them.
const TABLES_TO_DROP: [&str; 2] = ["alembic_version", "sessions"];

/// The tables that the original does not have, where this is a database of the original: its three
/// tables, with their columns and a rowid, which tells the order of rows. SQLite compares names
/// without regard to case. `None` for any other database.
pub(super) fn other_tables(connection: &Connection) -> rusqlite::Result<Option<Vec<String>>> {
    // Ours has these tables and columns as well.
    if is_ours(connection)? {
        return Ok(None);
    }
    let mut columns = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let mut rowids = connection.prepare(
        "SELECT 1
         FROM pragma_table_list
         WHERE schema = 'main' AND type = 'table' AND wr = 0 AND name = ?1 COLLATE NOCASE",
    )?;
    for (table, wanted) in TABLES {
        if !rowids.exists([table])? {
            return Ok(None);
        }
        let found: Vec<String> =
            columns.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if !wanted.iter().all(|column| found.iter().any(|name| name.eq_ignore_ascii_case(column))) {
            return Ok(None);
        }
    }
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let names: Vec<String> = names.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    let known = |name: &String| TABLES.iter().any(|(table, _)| name.eq_ignore_ascii_case(table));
    Ok(Some(names.into_iter().filter(|name| !known(name)).collect()))
}

/// Whether a conversion in place leaves the table out.
pub(super) fn may_be_dropped(table: &str) -> bool {
    TABLES_TO_DROP.iter().any(|name| name.eq_ignore_ascii_case(table))
}
