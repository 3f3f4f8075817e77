//! Fills the columns that names are compared by, which SQL cannot compute: after a migration or an
//! import, and for users whom somebody added with another program.

use rusqlite::{Connection, params};

use crate::domain::NameKey;

const WITHOUT_KEY: &str = "
SELECT id, username
FROM users
WHERE folded IS NULL";

const SET_KEY: &str = "
UPDATE users
SET folded = ?2, skeleton = ?3
WHERE id = ?1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[WITHOUT_KEY, SET_KEY];

/// Computes what is missing. It costs nothing where nothing is.
pub(super) fn complete(connection: &Connection) -> rusqlite::Result<()> {
    let mut query = connection.prepare(WITHOUT_KEY)?;
    let names: Vec<(i64, String)> =
        query.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut set = connection.prepare(SET_KEY)?;
    for (id, name) in names {
        let NameKey { folded, skeleton } = NameKey::of(&name);
        set.execute(params![id, folded, skeleton])?;
    }
    Ok(())
}
