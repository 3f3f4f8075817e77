//! `links`.

use rusqlite::{OptionalExtension, params};
use time::OffsetDateTime;

use super::SqliteStore;
use super::sessions::end_all_of;
use super::users::{self, user};
use crate::domain::{LinkKey, User, UserId, Username};
use crate::store::{LinkStore, Reply};

const ADD: &str = "
INSERT INTO links (key, kind, user_id, expires_at)
VALUES (?1, ?2, ?3, ?4)";

const RESET_USER: &str = "
SELECT users.id, users.username
FROM links
JOIN users ON users.id = links.user_id
WHERE links.key = ?1 AND links.kind = 'reset' AND links.expires_at > ?2
  AND users.disabled_at IS NULL";

const IS_INVITE: &str = "
SELECT 1
FROM links
WHERE key = ?1 AND kind = 'invite' AND expires_at > ?2";

const USE_INVITE: &str = "
DELETE FROM links
WHERE key = ?1 AND kind = 'invite' AND expires_at > ?2";

const SET_HASH: &str = "
UPDATE users
SET hash = ?2
WHERE id = ?1";

pub(super) const DELETE_OF_USER: &str = "
DELETE FROM links
WHERE user_id = ?1";

const SWEEP: &str = "
DELETE FROM links
WHERE expires_at <= ?1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[ADD, RESET_USER, IS_INVITE, USE_INVITE, SET_HASH, DELETE_OF_USER, SWEEP];

impl LinkStore for SqliteStore {
    fn add_reset(&self, key: LinkKey, user: UserId, expires_at: OffsetDateTime) -> Reply<()> {
        self.writer.submit(move |connection| {
            connection.prepare_cached(DELETE_OF_USER)?.execute([user.0])?;
            let link = params![key.0, "reset", user.0, expires_at.unix_timestamp()];
            connection.prepare_cached(ADD)?.execute(link).map(drop)
        })
    }

    fn add_invite(&self, key: LinkKey, expires_at: OffsetDateTime) -> Reply<()> {
        self.writer.submit(move |connection| {
            let link = params![key.0, "invite", None::<i64>, expires_at.unix_timestamp()];
            connection.prepare_cached(ADD)?.execute(link).map(drop)
        })
    }

    fn reset_user(&self, key: LinkKey, now: OffsetDateTime) -> Reply<Option<User>> {
        self.read(move |connection| {
            let link = params![key.0, now.unix_timestamp()];
            connection.prepare_cached(RESET_USER)?.query_row(link, user).optional()
        })
    }

    fn is_invite(&self, key: LinkKey, now: OffsetDateTime) -> Reply<bool> {
        self.read(move |connection| {
            let link = params![key.0, now.unix_timestamp()];
            connection.prepare_cached(IS_INVITE)?.exists(link)
        })
    }

    fn use_reset(&self, key: LinkKey, now: OffsetDateTime, hash: &str) -> Reply<Option<UserId>> {
        let hash = hash.to_owned();
        self.writer.submit(move |connection| {
            let link = params![key.0, now.unix_timestamp()];
            let owner = connection.prepare_cached(RESET_USER)?.query_row(link, user).optional()?;
            let Some(User { id, .. }) = owner else { return Ok(None) };
            connection.prepare_cached(SET_HASH)?.execute(params![id.0, hash])?;
            connection.prepare_cached(DELETE_OF_USER)?.execute([id.0])?;
            end_all_of(connection, id, None)?;
            Ok(Some(id))
        })
    }

    fn use_invite(
        &self,
        key: LinkKey,
        now: OffsetDateTime,
        username: &Username,
        hash: &str,
    ) -> Reply<Option<UserId>> {
        let (username, hash) = (username.clone(), hash.to_owned());
        self.writer.submit(move |connection| {
            let link = params![key.0, now.unix_timestamp()];
            if connection.prepare_cached(USE_INVITE)?.execute(link)? == 0 {
                return Ok(None);
            }
            // A name that is taken undoes the use of the link as well.
            users::add(connection, &username, &hash).map(Some)
        })
    }

    fn sweep_links(&self, now: OffsetDateTime) -> Reply<usize> {
        self.writer.submit(move |connection| {
            connection.prepare_cached(SWEEP)?.execute([now.unix_timestamp()])
        })
    }
}
