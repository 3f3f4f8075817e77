//! The rows of a Flask database, each as it was read or as the reason why it cannot be taken.

use std::borrow::Cow;
use std::fmt;

use rusqlite::Row;

use super::values;

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub table: &'static str,
    pub rowid: i64,
    /// The reason, in words that fit every row with it.
    pub kind: Cow<'static, str>,
    /// The reason, for this row.
    pub reason: String,
    /// What to do about it.
    pub way_out: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "row {} of {} cannot be taken: {} (put it right in a SQLite shell: {})",
            self.rowid, self.table, self.reason, self.way_out
        )
    }
}

pub(super) struct FlaskMessage<'a> {
    pub sender: i64,
    pub receiver: i64,
    pub message: &'a str,
    pub timestamp: Cow<'a, str>,
}

/// A number in a column without a type means its digits.
pub(super) fn as_text(column: &str) -> String {
    format!("iif(typeof({column}) IN ('integer', 'real'), CAST({column} AS TEXT), {column})")
}

fn refusal(
    row: &Row<'_>,
    table: &'static str,
    column: &str,
    reason: &str,
) -> rusqlite::Result<Refused> {
    let rowid: i64 = row.get(0)?;
    let value = match column {
        "username" | "hash" | "message" | "timestamp" => "'…'",
        _ => "…",
    };
    Ok(Refused {
        table,
        rowid,
        kind: format!("the {column} {reason}").into(),
        reason: format!("its {column} {reason}"),
        way_out: format!("UPDATE {table} SET {column} = {value} WHERE rowid = {rowid}"),
    })
}

pub(super) type Read<T> = rusqlite::Result<Result<T, Refused>>;

pub(super) fn read_user<'a>(row: &'a Row<'_>) -> Read<(i64, &'a str, &'a str)> {
    let refuse = |column, reason| refusal(row, "users", column, reason).map(Err);
    let id = match values::id(row.get_ref(1)?) {
        Ok(id) => id,
        Err(reason) => return refuse("id", reason),
    };
    let username = match values::text(row.get_ref(2)?) {
        Ok(username) => username,
        Err(reason) => return refuse("username", reason),
    };
    match values::text(row.get_ref(3)?) {
        Ok(hash) => Ok(Ok((id, username, hash))),
        Err(reason) => refuse("hash", reason),
    }
}

pub(super) fn read_message<'a>(row: &'a Row<'_>) -> Read<FlaskMessage<'a>> {
    let refuse = |column, reason| refusal(row, "messages", column, reason).map(Err);
    let sender = match values::id(row.get_ref(1)?) {
        Ok(id) => id,
        Err(reason) => return refuse("sender_id", reason),
    };
    let receiver = match values::id(row.get_ref(2)?) {
        Ok(id) => id,
        Err(reason) => return refuse("receiver_id", reason),
    };
    let message = match values::text(row.get_ref(3)?) {
        Ok(text) => text,
        Err(reason) => return refuse("message", reason),
    };
    match values::timestamp(row.get_ref(4)?) {
        Ok(timestamp) => Ok(Ok(FlaskMessage { sender, receiver, message, timestamp })),
        Err(reason) => refuse("timestamp", reason),
    }
}

pub(super) fn read_chat_ids(row: &Row<'_>) -> Read<(i64, i64)> {
    let refuse = |column, reason| refusal(row, "chats", column, reason).map(Err);
    let user = match values::id(row.get_ref(1)?) {
        Ok(id) => id,
        Err(reason) => return refuse("user_id", reason),
    };
    match values::id(row.get_ref(2)?) {
        Ok(partner) => Ok(Ok((user, partner))),
        Err(reason) => refuse("chat_partner_id", reason),
    }
}
