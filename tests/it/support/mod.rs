//! What the tests stand on: a fixed clock, a store in a folder of its own, a running site.

pub mod log;
pub mod program;
pub mod site;

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tempfile::TempDir;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use visavis::clock::Clock;
use visavis::domain::UserId;
use visavis::store::sqlite::SqliteStore;
use visavis::store::{Change, Extent, Store};

/// The moment at which tests happen.
pub const NOW: OffsetDateTime = datetime!(2026-03-04 05:06:07 UTC);

/// A clock that stands still until a test puts it forward.
pub struct StillClock(Mutex<OffsetDateTime>);

impl StillClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(NOW)))
    }

    pub fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for StillClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> std::time::Duration {
        (self.now() - OffsetDateTime::UNIX_EPOCH).try_into().unwrap()
    }
}

/// A new store; its folder goes when the second value is dropped.
pub fn sqlite() -> (Arc<dyn Store>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (open(&dir.path().join("messenger.db")), dir)
}

/// At least so many messages, and on to the first unread one while they fit into `bytes_max`.
pub fn extent(at_least: u32, bytes_max: usize) -> Extent {
    Extent { at_least, at_most: u32::MAX, bytes_max }
}

pub fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(path).unwrap())
}

/// How many messages are new for `user` after a change, as it says.
pub fn new_count(change: Option<&Change>, user: UserId) -> i64 {
    let change = change.expect("a change");
    change.seen_by(user).expect("a state of that person").read.new_message_count
}

/// Views over our tables as tests speak of them.
const SIDES: &str = include_str!("../../support/sides.sql");

/// Opens a database of ours as it is, with the views of `sides.sql`.
pub fn looked_into(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(SIDES).unwrap();
    connection
}

/// A copy of the database that the Flask chat wrote.
pub fn flask_database() -> (std::path::PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    std::fs::copy("tests/fixtures/flask-messenger.db", &path).unwrap();
    (path, dir)
}

/// Changes a database behind the program's back.
pub fn change(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// What a query for one number gives.
pub fn number(path: &Path, query: &str) -> i64 {
    Connection::open(path).unwrap().query_row(query, (), |row| row.get(0)).unwrap()
}
