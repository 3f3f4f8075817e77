//! `users`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use time::OffsetDateTime;

use super::sessions::{end_all_of, moment};
use super::{SqliteStore, links};
use crate::domain::{NamePrefix, SessionKey, TypedName, User, UserId, Username};
use crate::store::{Account, Listed, Reply, UserStore};

const ADD: &str = "
INSERT INTO users (username, hash, folded, skeleton)
VALUES (?1, ?2, ?3, ?4)
RETURNING id";

const TAKEN: &str = "
SELECT 1
FROM users
WHERE folded = ?1 OR skeleton = ?2";

const BY_ID: &str = "
SELECT id, username, hash, disabled_at IS NOT NULL
FROM users
WHERE id = ?1";

const BY_NAME: &str = "
SELECT id, username, hash, disabled_at IS NOT NULL
FROM users
WHERE folded = ?1";

// No character comes after U+10FFFF (which no script uses), so the range holds every name that
// starts with the prefix, and the index on folded names serves it; LIKE would take % and _ for wildcards.
const BY_PREFIX: &str = "
SELECT id, username
FROM users
WHERE folded >= ?1 AND folded <= ?1 || char(0x10ffff)
  AND NOT EXISTS (
    SELECT 1
    FROM conversations
    WHERE low_id = min(users.id, ?3) AND high_id = max(users.id, ?3) AND (low_blocks OR high_blocks)
  )
ORDER BY folded
LIMIT ?2";

const LIST: &str = "
SELECT
    id,
    username,
    disabled_at,
    (SELECT count(*) FROM sessions WHERE user_id = users.id AND expires_at > ?2),
    (SELECT max(last_seen_at) FROM sessions WHERE user_id = users.id AND expires_at > ?2)
FROM users
WHERE id > ?1
ORDER BY id
LIMIT ?3";

const DISABLE: &str = "
UPDATE users
SET disabled_at = ?2
WHERE id = ?1 AND disabled_at IS NULL";

const ENABLE: &str = "
UPDATE users
SET disabled_at = NULL
WHERE id = ?1 AND disabled_at IS NOT NULL";

// Bcrypt's are like $2b$12$SALT…, Werkzeug's like METHOD$SALT$….
const HASH_SCHEMES: &str = "
SELECT DISTINCT
    CASE WHEN hash GLOB '$2?$*' THEN substr(hash, 1, 7) ELSE substr(hash, 1, instr(hash, '$')) END
FROM users";

const REPLACE_HASH: &str = "
UPDATE users
SET hash = ?3
WHERE id = ?1 AND hash = ?2";

/// Every query of this file but the one that is made for each start only, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[ADD, TAKEN, BY_ID, BY_NAME, BY_PREFIX, LIST, DISABLE, ENABLE, REPLACE_HASH];

impl UserStore for SqliteStore {
    fn add_user(&self, username: &Username, hash: &str) -> Reply<UserId> {
        let (username, hash) = (username.clone(), hash.to_owned());
        self.writer.submit(move |connection| add(connection, &username, &hash))
    }

    fn is_taken(&self, username: &Username) -> Reply<bool> {
        let username = username.clone();
        self.read(move |connection| is_taken(connection, &username))
    }

    fn account(&self, id: UserId) -> Reply<Option<Account>> {
        self.read(move |connection| {
            connection.prepare_cached(BY_ID)?.query_row([id.0], account).optional()
        })
    }

    fn account_named(&self, name: &TypedName) -> Reply<Option<Account>> {
        let name = name.clone();
        self.read(move |connection| {
            let mut query = connection.prepare_cached(BY_NAME)?;
            let same: Vec<Account> =
                query.query_map([name.folded()], account)?.collect::<Result<_, _>>()?;
            Ok(name.choose(same, |account| &account.user.username))
        })
    }

    fn users_starting_with(
        &self,
        finder: UserId,
        prefix: &NamePrefix,
        limit: u32,
    ) -> Reply<Vec<User>> {
        let prefix = prefix.folded().to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached(BY_PREFIX)?
                .query_map(params![prefix, limit, finder.0], user)?
                .collect()
        })
    }

    fn users_after(&self, after: UserId, now: OffsetDateTime, limit: u32) -> Reply<Vec<Listed>> {
        self.read(move |connection| {
            connection
                .prepare_cached(LIST)?
                .query_map(params![after.0, now.unix_timestamp(), limit], listed)?
                .collect()
        })
    }

    fn set_disabled(&self, id: UserId, at: Option<OffsetDateTime>) -> Reply<bool> {
        self.writer.submit(move |connection| {
            let changed = match at {
                Some(at) => {
                    let disable = params![id.0, at.unix_timestamp()];
                    connection.prepare_cached(DISABLE)?.execute(disable)?
                }
                None => connection.prepare_cached(ENABLE)?.execute([id.0])?,
            };
            if changed == 0 {
                return Ok(false);
            }
            // Also when they are let in again: something under way may have opened one meanwhile.
            end_all_of(connection, id, None)?;
            connection.prepare_cached(links::DELETE_OF_USER)?.execute([id.0])?;
            Ok(true)
        })
    }

    fn hash_schemes(&self) -> Reply<Vec<String>> {
        self.read(|connection| {
            connection.prepare_cached(HASH_SCHEMES)?.query_map((), |row| row.get(0))?.collect()
        })
    }

    fn replace_hash(&self, id: UserId, old: &str, new: &str) -> Reply<bool> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.writer.submit(move |connection| {
            let replaced =
                connection.prepare_cached(REPLACE_HASH)?.execute(params![id.0, old, new])?;
            Ok(replaced == 1)
        })
    }

    fn change_password(&self, id: UserId, old: &str, new: &str, kept: SessionKey) -> Reply<bool> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.writer.submit(move |connection| {
            if connection.prepare_cached(REPLACE_HASH)?.execute(params![id.0, old, new])? == 0 {
                return Ok(false);
            }
            end_all_of(connection, id, Some(kept))?;
            connection.prepare_cached(links::DELETE_OF_USER)?.execute([id.0])?;
            Ok(true)
        })
    }
}

/// Keeps a new user. Looks for the name and adds it in the one transaction, so that two cannot take
/// it at once; old names may share a form, so no index could forbid that.
pub(super) fn add(
    connection: &Connection,
    username: &Username,
    hash: &str,
) -> rusqlite::Result<UserId> {
    if is_taken(connection, username)? {
        let conflict = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE);
        return Err(rusqlite::Error::SqliteFailure(conflict, None));
    }
    let key = username.key();
    connection
        .prepare_cached(ADD)?
        .query_row([username.as_str(), hash, &key.folded, &key.skeleton], |row| {
            row.get(0).map(UserId)
        })
}

fn is_taken(connection: &Connection, username: &Username) -> rusqlite::Result<bool> {
    let key = username.key();
    connection.prepare_cached(TAKEN)?.exists([&key.folded, &key.skeleton])
}

/// A user from a row that starts with `id, username`.
pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: UserId(row.get(0)?), username: row.get(1)? })
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        user: user(row)?,
        disabled_at: row.get::<_, Option<i64>>(2)?.map(moment),
        sessions: row.get(3)?,
        last_seen_at: row.get::<_, Option<i64>>(4)?.map(moment),
    })
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { user: user(row)?, hash: row.get(2)?, disabled: row.get(3)? })
}
