//! Sessions, so that a restart logs nobody out.

use time::OffsetDateTime;

use super::Reply;
use crate::domain::{SessionKey, User, UserId};

/// A session as it is kept. Times are kept to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    pub key: SessionKey,
    /// The user who is logged in with it, if any.
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
    /// Keeps a new session.
    fn add_session(&self, session: StoredSession) -> Reply<()>;

    /// Keeps what a session is now; the time of its creation stays. Nothing happens when there is no
    /// such session: one that has ended does not come back.
    fn save_session(&self, session: StoredSession) -> Reply<()>;

    /// The session of that key, unless it has expired by `now`.
    fn session(&self, key: SessionKey, now: OffsetDateTime) -> Reply<Option<StoredSession>>;

    /// The user who is logged in with that session, unless it has expired by `now` or the user is disabled.
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

    /// The sessions of `user` that have not expired by `now`, those first that were used last; at
    /// most `limit`.
    fn sessions_of(
        &self,
        user: UserId,
        now: OffsetDateTime,
        limit: u32,
    ) -> Reply<Vec<StoredSession>>;

    /// Forgets a session of `user`; false when there is no such session of that user.
    fn delete_session_of(&self, user: UserId, key: SessionKey) -> Reply<bool>;

    /// Forgets the sessions of `user` but for `kept`, and says how many those were.
    fn delete_sessions_of(&self, user: UserId, kept: Option<SessionKey>) -> Reply<usize>;

    /// Those of `keys` that stand for nobody any more: the session was deleted, or its user is
    /// disabled. In no order.
    fn ended_sessions(&self, keys: Vec<SessionKey>) -> Reply<Vec<SessionKey>>;

    /// Forgets every session that has expired by `now`, and says how many those were.
    fn sweep_sessions(&self, now: OffsetDateTime) -> Reply<usize>;
}
