//! Registering, logging in, finding people.

use std::fmt;
use std::sync::Arc;

use time::Duration;

use super::passwords::{Passwords, Verdict};
use crate::clock::Clock;
use crate::domain::{Error, NewPassword, SessionKey, User, UserId, Username};
use crate::store::{Account, Store, StoreError, StoredSession};

/// How many people one search shows at most.
const FOUND_MAX: u32 = 100;

/// How long a session lives without being used.
const SESSION_LIFE: Duration = Duration::weeks(2);
/// How much of its life a session must have lost before a visit puts its end off: visits are
/// frequent, and each renewal is a write.
const SESSION_RENEWAL: Duration = Duration::hours(1);

/// What a new user typed.
pub struct Registration {
    pub username: String,
    pub password: String,
    pub confirmation: String,
}

/// What somebody typed to log in.
pub struct Login {
    pub username: String,
    pub password: String,
}

#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    passwords: Passwords,
}

impl Accounts {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, passwords: Passwords) -> Self {
        Self { store, clock, passwords }
    }

    /// Keeps a new user.
    ///
    /// # Errors
    /// `Invalid` with the original's sentences, or naming the limit that the name or the password
    /// breaks; `Conflict` when the name is taken.
    pub async fn register(&self, typed: Registration) -> Result<UserId, Error> {
        if typed.username.trim().is_empty() {
            return Err(Error::Invalid("Please provide a username".into()));
        }
        if typed.password.is_empty() || typed.confirmation.is_empty() {
            return Err(Error::Invalid(
                "Please provide a password and password confirmation".into(),
            ));
        }
        if typed.password != typed.confirmation {
            return Err(Error::Invalid("Password and password confirmation must match!".into()));
        }
        let username = Username::parse(&typed.username)?;
        let password = NewPassword::parse(&typed.password)?;
        let taken = Error::Conflict("Please choose a different username");
        // Spares the quarter of a second of a hash that would be thrown away; the store decides.
        if self.store.account_named(username.as_str()).await?.is_some() {
            return Err(taken);
        }
        let hash = self.passwords.hash(password).await?;
        match self.store.add_user(&username, &hash).await {
            Ok(id) => {
                tracing::info!(user.id = %id, "user {id} registered");
                Ok(id)
            }
            Err(StoreError::Conflict) => Err(taken),
            Err(error) => Err(error.into()),
        }
    }

    /// The account that name and password belong to. A hash of Werkzeug's becomes bcrypt's.
    ///
    /// # Errors
    /// `Invalid` when one of the two is missing, `Unauthenticated` when they do not fit.
    pub async fn log_in(&self, typed: Login) -> Result<Account, Error> {
        if typed.username.is_empty() {
            return Err(Error::Invalid("must provide username".into()));
        }
        if typed.password.is_empty() {
            return Err(Error::Invalid("must provide password".into()));
        }
        let account = self.account_typed(&typed.username).await?;
        let hash = account.as_ref().map(|account| account.hash.clone());
        let verdict = self.passwords.verify(typed.password, hash).await?;
        let refused = Error::Unauthenticated("invalid username and/or password");
        match (account, verdict) {
            (Some(account), Verdict::Right) => Ok(account),
            (Some(account), Verdict::RightRehashed(hash)) => self.rehash(account, hash).await,
            (Some(account), Verdict::Wrong) => {
                let id = account.user.id;
                tracing::info!(user.id = %id, "wrong password for user {id}");
                Err(refused)
            }
            (None, _) => Err(refused),
        }
    }

    /// The account by its id.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        self.store.account(id).await
    }

    /// People whose name starts with `prefix`, in the order of names.
    pub async fn find(&self, prefix: &str) -> Result<Vec<User>, Error> {
        Ok(self.store.users_starting_with(prefix, FOUND_MAX).await?)
    }

    /// Who is logged in with that session at this moment.
    pub async fn session_user(&self, key: SessionKey) -> Result<Option<User>, Error> {
        Ok(self.store.session_user(key, self.clock.now()).await?)
    }

    /// Keeps what a session holds, from now on for its whole life.
    pub async fn save_session(
        &self,
        key: SessionKey,
        user: Option<UserId>,
        data: String,
        user_agent: Option<String>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let session = StoredSession {
            key,
            user,
            data,
            created_at: now,
            last_seen_at: now,
            expires_at: now + SESSION_LIFE,
            user_agent,
        };
        self.store.save_session(session).await
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

    /// Forgets a session.
    pub async fn end_session(&self, key: SessionKey) -> Result<(), StoreError> {
        self.store.delete_session(key).await
    }

    /// Forgets the sessions that have expired.
    pub async fn sweep_sessions(&self) -> Result<(), StoreError> {
        let swept = self.store.sweep_sessions(self.clock.now()).await?;
        if swept > 0 {
            tracing::info!(swept, "forgot {swept} expired sessions");
        }
        Ok(())
    }

    /// New names are trimmed, so a blank typed around one is forgiven; an old name that has blanks
    /// around it is found first.
    async fn account_typed(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let account = self.store.account_named(username).await?;
        let trimmed = username.trim();
        if account.is_some() || trimmed == username {
            return Ok(account);
        }
        self.store.account_named(trimmed).await
    }

    async fn rehash(&self, mut account: Account, hash: String) -> Result<Account, Error> {
        let id = account.user.id;
        if self.store.replace_hash(id, &account.hash, &hash).await? {
            tracing::info!(user.id = %id, "the password hash of user {id} is bcrypt's now");
            account.hash = hash;
            return Ok(account);
        }
        // Another login of the same user was faster.
        self.store
            .account(id)
            .await?
            .ok_or(Error::Unauthenticated("invalid username and/or password"))
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts")
    }
}
