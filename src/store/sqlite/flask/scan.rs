//! Reads a Flask database from its first row to its last, once, and hands every row that can be
//! taken to a [`Taker`]; finds what must be put right on the way. Both the conversion and its dry
//! run are this, with different takers.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Row};

use super::refusals::Refusals;
use super::rows::{FlaskMessage, Refused, as_text, read_chat_ids, read_message, read_user};
use super::{Progress, Report, Stage, Watch, values};

/// Between two reports of progress.
const ROWS_A_STEP: u64 = 4096;

/// Where a Flask database's tables are.
pub(super) struct Source<'a> {
    pub connection: &'a Connection,
    /// What stands before the names of its tables.
    pub prefix: &'static str,
}

pub(super) struct FlaskChat {
    pub user: i64,
    pub partner: i64,
    /// In seconds since 1970; `None` where the newest message has to tell.
    pub last_message_date: Option<i64>,
    pub new_message_count: i64,
}

/// Takes what was read. Users come first, then messages in the order of their times, then chats.
/// After the first row that cannot be taken nothing more comes.
pub(super) trait Taker {
    /// Whether messages have to come in their order, which costs a sort.
    const IN_ORDER: bool;

    /// Takes a user; it is told of the same way whether they are there or gone.
    fn user(&mut self, id: i64, username: &str, hash: &str) -> rusqlite::Result<()>;
    fn message(&mut self, message: &FlaskMessage<'_>) -> rusqlite::Result<()>;
    /// Every message has come.
    fn messages_end(&mut self, watch: Watch<'_>) -> rusqlite::Result<()>;
    fn chat(&mut self, chat: &FlaskChat) -> rusqlite::Result<()>;
}

/// Hands everything to `taker`, up to the first row that cannot be taken; reads on to find all of
/// those.
pub(super) fn scan<T: Taker>(
    source: &Source<'_>,
    taker: &mut T,
    watch: Watch<'_>,
) -> rusqlite::Result<(Report, Refusals)> {
    let mut scan = Scan {
        source,
        report: Report::default(),
        refusals: Refusals::default(),
        people: People::default(),
        sent: HashMap::new(),
    };
    scan.users(taker)?;
    scan.messages(taker, watch)?;
    if scan.refusals.is_empty() {
        taker.messages_end(watch)?;
    }
    watch(Progress { stage: Stage::Chats, done: 0, total: 0 });
    scan.chats(taker)?;
    scan.users_gone(taker)?;
    Ok((scan.report, scan.refusals))
}

struct Scan<'a> {
    source: &'a Source<'a>,
    report: Report,
    refusals: Refusals,
    people: People,
    /// How many messages there are from the first to the second.
    sent: HashMap<(i64, i64), i64>,
}

#[derive(Default)]
struct People {
    /// By the name as SQLite compares names.
    names: HashMap<String, i64>,
    ids: HashSet<i64>,
    gone: BTreeSet<i64>,
}

impl People {
    fn mention(&mut self, id: i64) {
        if !self.ids.contains(&id) {
            self.gone.insert(id);
        }
    }
}

impl Scan<'_> {
    fn users<T: Taker>(&mut self, taker: &mut T) -> rusqlite::Result<()> {
        let mut query = self.source.connection.prepare(&format!(
            "SELECT rowid, id, {}, {} FROM {}users ORDER BY rowid",
            as_text("username"),
            as_text("hash"),
            self.source.prefix
        ))?;
        let mut rows = query.query(())?;
        while let Some(row) = rows.next()? {
            match read_user(row)? {
                Ok((id, username, hash)) => {
                    if let Some(refused) = self.taken(row.get(0)?, id, username) {
                        self.refusals.add(refused);
                        continue;
                    }
                    self.report.users += 1;
                    *self.report.hashes.entry(values::hash_kind(hash)).or_default() += 1;
                    self.report.costly_hashes.look_at(id, hash);
                    if self.refusals.is_empty() {
                        taker.user(id, username, hash)?;
                    }
                }
                Err(refused) => self.refusals.add(refused),
            }
        }
        Ok(())
    }

    /// Remembers a user; a refusal where the id or the name is another's.
    fn taken(&mut self, rowid: i64, id: i64, username: &str) -> Option<Refused> {
        let refused = |kind: &'static str, reason: String| {
            Some(Refused {
                table: "users",
                rowid,
                kind: kind.into(),
                reason,
                way_out: format!("UPDATE users SET … WHERE rowid = {rowid}"),
            })
        };
        if self.people.ids.contains(&id) {
            return refused(
                "another user has the same id",
                format!("another user has its id {id}"),
            );
        }
        if let Some(other) = self.people.names.get(&username.to_ascii_lowercase()) {
            return refused(
                "another user has the same name",
                format!("user {other} has the same name {username:?}"),
            );
        }
        self.people.names.insert(username.to_ascii_lowercase(), id);
        self.people.ids.insert(id);
        None
    }

    fn messages<T: Taker>(&mut self, taker: &mut T, watch: Watch<'_>) -> rusqlite::Result<()> {
        let Source { connection, prefix } = self.source;
        let total = count(connection, &format!("{prefix}messages"))?;
        let mut done = 0;
        watch(Progress { stage: Stage::Messages, done, total });
        let columns = format!(
            "SELECT rowid, sender_id, receiver_id, {}, timestamp FROM {prefix}messages",
            as_text("message")
        );
        let mut step = |scan: &mut Self, row: &Row<'_>| -> rusqlite::Result<()> {
            scan.message(row, taker)?;
            done += 1;
            if done % ROWS_A_STEP == 0 || done == total {
                watch(Progress { stage: Stage::Messages, done, total });
            }
            Ok(())
        };
        // The rowid is the order in which messages of one second were written. As a rule it is the
        // order of time as well, and a sort of the whole table is saved.
        if !T::IN_ORDER || is_in_order(connection, prefix)? {
            let mut query = connection.prepare(&format!("{columns} ORDER BY rowid"))?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                step(self, row)?;
            }
            return Ok(());
        }
        // Only the keys are sorted: the texts would be written to disk once more.
        register_sort_key(connection)?;
        let mut order = connection.prepare(&format!(
            "SELECT rowid FROM {prefix}messages ORDER BY {SORT_KEY}(timestamp), rowid"
        ))?;
        let mut one = connection.prepare(&format!("{columns} WHERE rowid = ?1"))?;
        let mut keys = order.query(())?;
        while let Some(key) = keys.next()? {
            let mut rows = one.query([key.get::<_, i64>(0)?])?;
            if let Some(row) = rows.next()? {
                step(self, row)?;
            }
        }
        Ok(())
    }

    fn message<T: Taker>(&mut self, row: &Row<'_>, taker: &mut T) -> rusqlite::Result<()> {
        let message = match read_message(row)? {
            Ok(message) => message,
            Err(refused) => {
                self.refusals.add(refused);
                return Ok(());
            }
        };
        self.people.mention(message.sender);
        self.people.mention(message.receiver);
        *self.sent.entry((message.sender, message.receiver)).or_default() += 1;
        self.report.messages += 1;
        if self.refusals.is_empty() { taker.message(&message) } else { Ok(()) }
    }

    fn chats<T: Taker>(&mut self, taker: &mut T) -> rusqlite::Result<()> {
        let mut query = self.source.connection.prepare(&format!(
            "SELECT rowid, user_id, chat_partner_id, last_message_date, new_message_count
             FROM {}chats ORDER BY rowid",
            self.source.prefix
        ))?;
        let mut seen = HashSet::new();
        let mut rows = query.query(())?;
        while let Some(row) = rows.next()? {
            let (user, partner) = match read_chat_ids(row)? {
                Ok(ids) => ids,
                Err(refused) => {
                    self.refusals.add(refused);
                    continue;
                }
            };
            if !seen.insert((user, partner)) {
                let rowid: i64 = row.get(0)?;
                self.refusals.add(Refused {
                    table: "chats",
                    rowid,
                    kind: "another row is the chat of the same user with the same partner already"
                        .into(),
                    reason: format!(
                        "another row is the chat of user {user} with user {partner} already"
                    ),
                    way_out: format!("DELETE FROM chats WHERE rowid = {rowid}"),
                });
                continue;
            }
            self.people.mention(user);
            self.people.mention(partner);
            let last_message_date = values::seconds(row.get_ref(3)?);
            let found = values::count(row.get_ref(4)?);
            // A count of more than there are messages would never fall to zero.
            let new_message_count = found.unwrap_or(0).min(self.received(user, partner));
            self.report.chats += 1;
            self.report.dates_put_right += u64::from(last_message_date.is_none());
            self.report.counts_put_right += u64::from(found != Some(new_message_count));
            if self.refusals.is_empty() {
                taker.chat(&FlaskChat { user, partner, last_message_date, new_message_count })?;
            }
        }
        self.chats_never_made(&seen, taker)
    }

    /// The sides of conversations that the original has no row for, in an order of their own.
    fn chats_never_made<T: Taker>(
        &mut self,
        seen: &HashSet<(i64, i64)>,
        taker: &mut T,
    ) -> rusqlite::Result<()> {
        let missing: BTreeSet<(i64, i64)> = self
            .sent
            .keys()
            .flat_map(|&(sender, receiver)| [(sender, receiver), (receiver, sender)])
            .filter(|side| !seen.contains(side))
            .collect();
        for (user, partner) in missing {
            self.report.chats_added += 1;
            let new_message_count = self.received(user, partner);
            let chat = FlaskChat { user, partner, last_message_date: None, new_message_count };
            if self.refusals.is_empty() {
                taker.chat(&chat)?;
            }
        }
        Ok(())
    }

    /// How many messages `user` has from `partner`; one's own are never new.
    fn received(&self, user: i64, partner: i64) -> i64 {
        if user == partner {
            return 0;
        }
        self.sent.get(&(partner, user)).copied().unwrap_or(0)
    }

    /// The original could delete nobody, but a person with a SQLite shell can. What such users
    /// wrote stays; no password fits the hash.
    fn users_gone<T: Taker>(&mut self, taker: &mut T) -> rusqlite::Result<()> {
        for id in std::mem::take(&mut self.people.gone) {
            let mut username = format!("deleted user {id}");
            while self.people.names.contains_key(&username) {
                username.push('\'');
            }
            self.people.names.insert(username.clone(), id);
            self.report.users_gone += 1;
            if self.refusals.is_empty() {
                taker.user(id, &username, "!")?;
            }
        }
        Ok(())
    }
}

/// How many rows a table has.
pub(super) fn count(connection: &Connection, table: &str) -> rusqlite::Result<u64> {
    let rows: i64 =
        connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0))?;
    Ok(u64::try_from(rows).unwrap_or(0))
}

/// The name under which SQL reaches [`values::sort_key`].
const SORT_KEY: &str = "visavis_sort_key";

fn register_sort_key(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(SORT_KEY, 1, flags, |context| {
        // A time that cannot be read is refused when its row is.
        Ok(values::sort_key(context.get_raw(0)).ok().map(Cow::into_owned))
    })
}

fn is_in_order(connection: &Connection, prefix: &str) -> rusqlite::Result<bool> {
    let mut query =
        connection.prepare(&format!("SELECT timestamp FROM {prefix}messages ORDER BY rowid"))?;
    let mut rows = query.query(())?;
    let mut newest = Vec::new();
    while let Some(row) = rows.next()? {
        // What is no time at all is refused when it is read for good.
        let Ok(timestamp) = values::sort_key(row.get_ref(0)?) else { continue };
        if timestamp.as_bytes() < newest.as_slice() {
            return Ok(false);
        }
        newest.clear();
        newest.extend_from_slice(timestamp.as_bytes());
    }
    Ok(true)
}
