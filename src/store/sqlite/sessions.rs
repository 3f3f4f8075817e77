//! `sessions`.

use rusqlite::{OptionalExtension, Row, params};
use time::OffsetDateTime;

use super::SqliteStore;
use super::users::user;
use crate::domain::{SessionKey, User, UserId};
use crate::store::{Reply, SessionStore, StoredSession};

const SAVE: &str = "
INSERT INTO sessions (key, user_id, data, expires_at)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (key) DO UPDATE
SET user_id = excluded.user_id, data = excluded.data, expires_at = excluded.expires_at";

const BY_KEY: &str = "
SELECT key, user_id, data, expires_at
FROM sessions
WHERE key = ?1 AND expires_at > ?2";

const USER: &str = "
SELECT users.id, users.username
FROM sessions
JOIN users ON users.id = sessions.user_id
WHERE sessions.key = ?1 AND sessions.expires_at > ?2";

const RENEW: &str = "
UPDATE sessions
SET expires_at = ?2
WHERE key = ?1";

const DELETE: &str = "
DELETE FROM sessions
WHERE key = ?1";

const SWEEP: &str = "
DELETE FROM sessions
WHERE expires_at <= ?1";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[SAVE, BY_KEY, USER, RENEW, DELETE, SWEEP];

impl SessionStore for SqliteStore {
    fn save_session(&self, session: StoredSession) -> Reply<()> {
        self.writer.submit(move |connection| {
            connection
                .prepare_cached(SAVE)?
                .execute(params![
                    session.key.0,
                    session.user.map(|user| user.0),
                    session.data,
                    session.expires_at.unix_timestamp()
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

    fn renew_session(&self, key: SessionKey, expires_at: OffsetDateTime) -> Reply<()> {
        self.writer.submit(move |connection| {
            connection
                .prepare_cached(RENEW)?
                .execute(params![key.0, expires_at.unix_timestamp()])
                .map(drop)
        })
    }

    fn delete_session(&self, key: SessionKey) -> Reply<()> {
        self.writer
            .submit(move |connection| connection.prepare_cached(DELETE)?.execute([key.0]).map(drop))
    }

    fn sweep_sessions(&self, now: OffsetDateTime) -> Reply<usize> {
        self.writer.submit(move |connection| {
            connection.prepare_cached(SWEEP)?.execute([now.unix_timestamp()])
        })
    }
}

fn stored_session(row: &Row<'_>) -> rusqlite::Result<StoredSession> {
    let expires_at: i64 = row.get(3)?;
    Ok(StoredSession {
        key: SessionKey(row.get(0)?),
        user: row.get::<_, Option<i64>>(1)?.map(UserId),
        data: row.get(2)?,
        expires_at: OffsetDateTime::from_unix_timestamp(expires_at)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH),
    })
}
