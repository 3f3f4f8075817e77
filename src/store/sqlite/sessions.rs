//! `sessions`.

use rusqlite::{Connection, OptionalExtension, Row, params};
use time::OffsetDateTime;

use super::SqliteStore;
use super::users::user;
use crate::domain::{SessionKey, User, UserId};
use crate::store::{Reply, SessionStore, StoredSession};

const ADD: &str = "
INSERT INTO sessions (key, user_id, data, created_at, last_seen_at, expires_at, user_agent)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const SAVE: &str = "
UPDATE sessions
SET user_id = ?2, data = ?3, last_seen_at = ?4, expires_at = ?5, user_agent = ?6
WHERE key = ?1";

const BY_KEY: &str = "
SELECT key, user_id, data, created_at, last_seen_at, expires_at, user_agent
FROM sessions
WHERE key = ?1 AND expires_at > ?2";

const USER: &str = "
SELECT users.id, users.username
FROM sessions
JOIN users ON users.id = sessions.user_id
WHERE sessions.key = ?1 AND sessions.expires_at > ?2 AND users.disabled_at IS NULL";

const RENEW: &str = "
UPDATE sessions
SET last_seen_at = ?2, expires_at = ?3
WHERE key = ?1";

const DELETE: &str = "
DELETE FROM sessions
WHERE key = ?1";

const OF_USER: &str = "
SELECT key, user_id, data, created_at, last_seen_at, expires_at, user_agent
FROM sessions
WHERE user_id = ?1 AND expires_at > ?2
ORDER BY last_seen_at DESC, key
LIMIT ?3";

const IS_ALIVE: &str = "
SELECT 1
FROM sessions
JOIN users ON users.id = sessions.user_id
WHERE sessions.key = ?1 AND users.disabled_at IS NULL";

const DELETE_ONE_OF: &str = "
DELETE FROM sessions
WHERE key = ?2 AND user_id = ?1";

const DELETE_ALL_OF: &str = "
DELETE FROM sessions
WHERE user_id = ?1 AND key IS NOT ?2";

const SWEEP: &str = "
DELETE FROM sessions
WHERE expires_at <= ?1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[
    ADD,
    SAVE,
    IS_ALIVE,
    BY_KEY,
    USER,
    RENEW,
    DELETE,
    OF_USER,
    DELETE_ONE_OF,
    DELETE_ALL_OF,
    SWEEP,
];

impl SessionStore for SqliteStore {
    fn add_session(&self, session: StoredSession) -> Reply<()> {
        self.writer.submit(move |connection| {
            connection
                .prepare_cached(ADD)?
                .execute(params![
                    session.key.0,
                    session.user.map(|user| user.0),
                    session.data,
                    session.created_at.unix_timestamp(),
                    session.last_seen_at.unix_timestamp(),
                    session.expires_at.unix_timestamp(),
                    session.user_agent
                ])
                .map(drop)
        })
    }

    fn save_session(&self, session: StoredSession) -> Reply<()> {
        self.writer.submit(move |connection| {
            connection
                .prepare_cached(SAVE)?
                .execute(params![
                    session.key.0,
                    session.user.map(|user| user.0),
                    session.data,
                    session.last_seen_at.unix_timestamp(),
                    session.expires_at.unix_timestamp(),
                    session.user_agent
                ])
                .map(drop)
        })
    }

    fn session(&self, key: SessionKey, now: OffsetDateTime) -> Reply<Option<StoredSession>> {
        self.read(move |connection| {
            connection
                .prepare_cached(BY_KEY)?
                .query_row(params![key.0, now.unix_timestamp()], stored_session)
                .optional()
        })
    }

    fn session_user(&self, key: SessionKey, now: OffsetDateTime) -> Reply<Option<User>> {
        self.read(move |connection| {
            connection
                .prepare_cached(USER)?
                .query_row(params![key.0, now.unix_timestamp()], user)
                .optional()
        })
    }

    fn renew_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Reply<()> {
        self.writer.submit(move |connection| {
            connection
                .prepare_cached(RENEW)?
                .execute(params![key.0, now.unix_timestamp(), expires_at.unix_timestamp()])
                .map(drop)
        })
    }

    fn delete_session(&self, key: SessionKey) -> Reply<()> {
        self.writer
            .submit(move |connection| connection.prepare_cached(DELETE)?.execute([key.0]).map(drop))
    }

    fn sessions_of(
        &self,
        user: UserId,
        now: OffsetDateTime,
        limit: u32,
    ) -> Reply<Vec<StoredSession>> {
        self.read(move |connection| {
            connection
                .prepare_cached(OF_USER)?
                .query_map(params![user.0, now.unix_timestamp(), limit], stored_session)?
                .collect()
        })
    }

    fn delete_session_of(&self, user: UserId, key: SessionKey) -> Reply<bool> {
        self.writer.submit(move |connection| {
            let deleted =
                connection.prepare_cached(DELETE_ONE_OF)?.execute(params![user.0, key.0])?;
            Ok(deleted == 1)
        })
    }

    fn delete_sessions_of(&self, user: UserId, kept: Option<SessionKey>) -> Reply<usize> {
        self.writer.submit(move |connection| end_all_of(connection, user, kept))
    }

    fn ended_sessions(&self, keys: Vec<SessionKey>) -> Reply<Vec<SessionKey>> {
        self.read(move |connection| {
            let mut is_alive = connection.prepare_cached(IS_ALIVE)?;
            let mut ended = Vec::new();
            for key in keys {
                if !is_alive.exists([key.0])? {
                    ended.push(key);
                }
            }
            Ok(ended)
        })
    }

    fn sweep_sessions(&self, now: OffsetDateTime) -> Reply<usize> {
        self.writer.submit(move |connection| {
            connection.prepare_cached(SWEEP)?.execute([now.unix_timestamp()])
        })
    }
}

/// Forgets the sessions of `user` but for `kept`.
pub(super) fn end_all_of(
    connection: &Connection,
    user: UserId,
    kept: Option<SessionKey>,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(DELETE_ALL_OF)?.execute(params![user.0, kept.map(|key| key.0)])
}

fn stored_session(row: &Row<'_>) -> rusqlite::Result<StoredSession> {
    Ok(StoredSession {
        key: SessionKey(row.get(0)?),
        user: row.get::<_, Option<i64>>(1)?.map(UserId),
        data: row.get(2)?,
        created_at: moment(row.get(3)?),
        last_seen_at: moment(row.get(4)?),
        expires_at: moment(row.get(5)?),
        user_agent: row.get(6)?,
    })
}

/// A time that is kept as seconds since 1970.
pub(super) fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
