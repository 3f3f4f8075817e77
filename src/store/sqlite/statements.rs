//! Statements that are prepared once. A connection finds one by hashing its text, and copies the text each
//! time; the connection that writes keeps those of a message, and finds them by their address.

use std::cell::RefCell;
use std::ops::Deref;

use rusqlite::{Connection, PrepFlags, Statement};

use super::unsaved::Unsaved;

/// A connection, which prepares statements or has them already.
pub(super) trait Prepared {
    /// Calls `run` with the statement for `sql`. `run` must not use another one in this way.
    fn with<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T>;
}

impl Prepared for Connection {
    fn with<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        run(&mut *self.prepare_cached(sql)?)
    }
}

/// A connection that keeps each statement of [`Prepared::with`] for good: there must be few, which are looked
/// through in turn.
pub(super) struct Keeping<'a> {
    connection: &'a Connection,
    kept: RefCell<Vec<(&'static str, Statement<'a>)>>,
    /// What the transaction under way has still to write.
    pub unsaved: Unsaved,
}

impl<'a> Keeping<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self { connection, kept: RefCell::default(), unsaved: Unsaved::default() }
    }
}

impl Deref for Keeping<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Prepared for Keeping<'_> {
    fn with<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut kept = self.kept.borrow_mut();
        // One text may have several addresses, each with a statement of its own.
        let found = kept.iter().position(|(text, _)| std::ptr::eq(*text, sql));
        let index = if let Some(index) = found {
            index
        } else {
            let flags = PrepFlags::SQLITE_PREPARE_PERSISTENT;
            kept.push((sql, self.connection.prepare_with_flags(sql, flags)?));
            kept.len() - 1
        };
        run(&mut kept[index].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_prepared_once_and_used_again() {
        const ADD: &str = "SELECT ?1 + 1";
        let connection = Connection::open_in_memory().unwrap();
        let keeping = Keeping::new(&connection);
        for number in 0..3_i64 {
            let sum: i64 =
                keeping.with(ADD, |add| add.query_row([number], |row| row.get(0))).unwrap();
            assert_eq!(sum, number + 1);
        }
        assert_eq!(keeping.kept.borrow().len(), 1);
    }
}
