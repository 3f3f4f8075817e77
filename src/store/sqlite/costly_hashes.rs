//! Users whose password hash costs too much to check: they are kept as they are, and told of.

use rusqlite::Connection;

use crate::domain::TooCostly;

/// How many of them are named.
const EXAMPLES_MAX: usize = 3;

const HASHES: &str = "
SELECT id, hash
FROM users
ORDER BY id";

/// How many there are, and for the first of them why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CostlyHashes {
    pub users: u64,
    pub examples: Vec<String>,
}

impl CostlyHashes {
    /// Those in a database of ours. Reads every account.
    pub(super) fn find(connection: &Connection) -> rusqlite::Result<Self> {
        let mut found = Self::default();
        let mut query = connection.prepare(HASHES)?;
        let mut rows = query.query(())?;
        while let Some(row) = rows.next()? {
            found.look_at(row.get(0)?, row.get_ref(1)?.as_str()?);
        }
        Ok(found)
    }

    /// Counts the user if the hash costs too much.
    pub(super) fn look_at(&mut self, user: i64, hash: &str) {
        let Some(why) = TooCostly::find(hash) else { return };
        self.users += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(format!("user {user}: {why}"));
        }
    }

    /// One sentence for the operator, if there are any.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        if self.users == 0 {
            return None;
        }
        let more = if self.users > self.examples.len() as u64 { "; …" } else { "" };
        Some(format!(
            "users who cannot log in, since their password hash costs too much to check: {} ({}{more}); give each a new password with visavis user reset-password",
            self.users,
            self.examples.join("; ")
        ))
    }
}
