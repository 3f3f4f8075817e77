//! Sessions: who is logged in where, and how that ends.

use time::{Duration, OffsetDateTime};

use super::Accounts;
use super::messages::OUTCOMES_KEPT;
use crate::domain::{Error, SessionKey, User, UserId, device};
use crate::store::{StoreError, StoredSession};

/// How long a session lives without being used.
const SESSION_LIFE: Duration = Duration::weeks(2);
/// How much of its life a session must have lost before a visit puts its end off: visits are
/// frequent, and each renewal is a write.
const SESSION_RENEWAL: Duration = Duration::hours(1);
/// How many sessions a person is shown at most.
const SHOWN_MAX: u32 = 100;

/// What the session layer keeps of a session.
pub struct SessionContent {
    pub key: SessionKey,
    /// The user who is logged in with it, if any.
    pub user: Option<UserId>,
    /// What the session layer wants back.
    pub data: String,
    /// What the browser called itself at the login.
    pub user_agent: Option<String>,
}

/// A session as the person sees it whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOfMine {
    pub key: SessionKey,
    /// As in "Firefox on Linux".
    pub device: String,
    pub created_at: OffsetDateTime,
    /// To the hour.
    pub last_seen_at: OffsetDateTime,
}

impl Accounts {
    /// The user who is logged in with that session at this moment.
    pub async fn session_user(&self, key: SessionKey) -> Result<Option<User>, Error> {
        Ok(self.store.session_user(key, self.clock.now()).await?)
    }

    /// Keeps a new session, from now on for its whole life.
    pub async fn add_session(&self, kept: SessionContent) -> Result<(), StoreError> {
        self.store.add_session(self.as_of_now(kept)).await
    }

    /// Keeps what a session holds, from now on for its whole life, unless it has ended meanwhile.
    pub async fn save_session(&self, kept: SessionContent) -> Result<(), StoreError> {
        self.store.save_session(self.as_of_now(kept)).await
    }

    fn as_of_now(&self, kept: SessionContent) -> StoredSession {
        let now = self.clock.now();
        let SessionContent { key, user, data, user_agent } = kept;
        let expires_at = now + SESSION_LIFE;
        StoredSession {
            key,
            user,
            data,
            created_at: now,
            last_seen_at: now,
            expires_at,
            user_agent,
        }
    }

    /// The session of that key; using it puts its end off.
    pub async fn session(&self, key: SessionKey) -> Result<Option<StoredSession>, StoreError> {
        let now = self.clock.now();
        let session = self.store.session(key, now).await?;
        if let Some(session) = &session
            && session.expires_at - now < SESSION_LIFE - SESSION_RENEWAL
        {
            self.store.renew_session(key, now, now + SESSION_LIFE).await?;
        }
        Ok(session)
    }

    /// The sessions of a user, those first that were used last.
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionOfMine>, Error> {
        let sessions = self.store.sessions_of(user, self.clock.now(), SHOWN_MAX).await?;
        let shown = sessions.into_iter().map(|session| SessionOfMine {
            key: session.key,
            device: device(session.user_agent.as_deref()),
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
        });
        Ok(shown.collect())
    }

    /// Forgets a session.
    pub async fn end_session(&self, key: SessionKey) -> Result<(), StoreError> {
        self.store.delete_session(key).await
    }

    /// Forgets a session if it is that user's.
    pub async fn end_session_of(&self, user: UserId, key: SessionKey) -> Result<(), Error> {
        if self.store.delete_session_of(user, key).await? {
            tracing::info!(user.id = %user, "user {user} ended one of their sessions");
        }
        Ok(())
    }

    /// Forgets the sessions of a user, but for `kept`.
    pub async fn end_other_sessions(&self, user: UserId, kept: SessionKey) -> Result<(), Error> {
        let ended = self.store.delete_sessions_of(user, Some(kept)).await?;
        tracing::info!(user.id = %user, ended, "user {user} ended {ended} other sessions");
        Ok(())
    }

    /// Notes that sessions are in use, which puts their end off.
    pub(super) async fn keep_sessions(&self, keys: Vec<SessionKey>) -> Result<(), StoreError> {
        let now = self.clock.now();
        // Called one after the other and awaited then, they share a transaction.
        let renewals: Vec<_> = keys
            .into_iter()
            .map(|key| self.store.renew_session(key, now, now + SESSION_LIFE))
            .collect();
        for renewal in renewals {
            renewal.await?;
        }
        Ok(())
    }

    /// Forgets the sessions and the links that have expired, and outcomes that are kept no longer.
    pub(super) async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (sessions, links) =
            (self.store.sweep_sessions(now).await?, self.store.sweep_links(now).await?);
        self.store.sweep_edits(now - OUTCOMES_KEPT).await?;
        if sessions + links > 0 {
            tracing::info!(
                sessions,
                links,
                "forgot {sessions} sessions and {links} links that have expired"
            );
        }
        Ok(())
    }
}
