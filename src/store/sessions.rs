//! Sessions, so that a restart logs nobody out.

use time::OffsetDateTime;

use super::Reply;
use crate::domain::{SessionKey, User, UserId};

/// A session as it is kept. Times are kept to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    pub key: SessionKey,
    /// Who is logged in with it, if anybody.
    pub user: Option<UserId>,
    /// What the session layer wants back, as JSON; the store does not look into it.
    pub data: String,
    pub created_at: OffsetDateTime,
    /// When it was kept or renewed last.
    pub last_seen_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    /// What the browser called itself at the login.
    pub user_agent: Option<String>,
}

pub trait SessionStore: Send + Sync {
    /// Keeps a session, in the place of an older one with the same key, of which only the time of
    /// its creation stays.
    fn save_session(&self, session: StoredSession) -> Reply<()>;

    /// The session of that key, unless it has expired by `now`.
    fn session(&self, key: SessionKey, now: OffsetDateTime) -> Reply<Option<StoredSession>>;

    /// Who is logged in with that session, unless it has expired by `now`.
    fn session_user(&self, key: SessionKey, now: OffsetDateTime) -> Reply<Option<User>>;

    /// Notes that a session is used `now` and puts its end off; nothing happens when there is no
    /// such session.
    fn renew_session(
        &self,
        key: SessionKey,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Reply<()>;

    /// Forgets a session; nothing happens when there is no such session.
    fn delete_session(&self, key: SessionKey) -> Reply<()>;

    /// Forgets every session that has expired by `now`, and says how many those were.
    fn sweep_sessions(&self, now: OffsetDateTime) -> Reply<usize>;
}
