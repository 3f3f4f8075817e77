//! What the operator can do about people, also beside a running server: see them, let them in and
//! shut them out. Passwords are not among it: people set them by a link.

use std::sync::Arc;

use time::Duration;

use super::links::{self, Link};
use crate::clock::Clock;
use crate::domain::{Error, TypedName, UserId, Username};
use crate::store::{Account, Listed, Store, StoreError};

/// How long a link for a password is good.
const RESET_LIFE: Duration = Duration::hours(4);
/// What stands for the hash of somebody who has set no password: none fits it.
const NO_HASH: &str = "!";
/// How many people are read at once.
const PAGE: u32 = 1000;

#[derive(Clone)]
pub struct Operator {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Operator {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// People with ids after that one, in the order of ids; none at the end.
    pub async fn people_after(&self, after: UserId) -> Result<Vec<Listed>, Error> {
        Ok(self.store.users_after(after, self.clock.now(), PAGE).await?)
    }

    /// Keeps a new user, who cannot log in before a password is set by the link.
    ///
    /// # Errors
    /// `Invalid` when the name cannot be taken, `Conflict` when it is taken.
    pub async fn add(&self, name: &str) -> Result<Link, Error> {
        let username = Username::parse(name)?;
        let id = match self.store.add_user(&username, NO_HASH).await {
            Ok(id) => id,
            Err(StoreError::Conflict) => return Err(Error::Conflict("the name is taken")),
            Err(error) => return Err(error.into()),
        };
        tracing::info!(user.id = %id, "the operator added user {id}");
        self.reset_link(id).await
    }

    /// A link with which that person sets a password; an older one of theirs is good for nothing
    /// from now on.
    ///
    /// # Errors
    /// `Invalid` when there is nobody of that name, or they are disabled.
    pub async fn reset_password(&self, name: &str) -> Result<Link, Error> {
        let account = self.account(name).await?;
        if account.disabled {
            let sentence = format!("{name} is disabled; enable {name} first");
            return Err(Error::Invalid(sentence));
        }
        self.reset_link(account.user.id).await
    }

    /// Shuts a person out. Sessions and links end; false when they were shut out already.
    ///
    /// # Errors
    /// `Invalid` when there is nobody of that name.
    pub async fn disable(&self, name: &str) -> Result<bool, Error> {
        let id = self.account(name).await?.user.id;
        let changed = self.store.set_disabled(id, Some(self.clock.now())).await?;
        if changed {
            tracing::info!(user.id = %id, "the operator disabled user {id}");
        }
        Ok(changed)
    }

    /// Lets a person in again, with the password they had; false when they were not shut out.
    ///
    /// # Errors
    /// `Invalid` when there is nobody of that name.
    pub async fn enable(&self, name: &str) -> Result<bool, Error> {
        let id = self.account(name).await?.user.id;
        let changed = self.store.set_disabled(id, None).await?;
        if changed {
            tracing::info!(user.id = %id, "the operator enabled user {id}");
        }
        Ok(changed)
    }

    /// Ends every session of a person, and says how many those were.
    ///
    /// # Errors
    /// `Invalid` when there is nobody of that name.
    pub async fn sign_out(&self, name: &str) -> Result<usize, Error> {
        let id = self.account(name).await?.user.id;
        let ended = self.store.delete_sessions_of(id, None).await?;
        tracing::info!(user.id = %id, ended, "the operator ended {ended} sessions of user {id}");
        Ok(ended)
    }

    /// A link with which one person registers within `life`, where registration is by invitation.
    pub async fn invite(&self, life: Duration) -> Result<Link, Error> {
        let secret = links::new_secret()?;
        let expires_at = self.clock.now() + life;
        self.store.add_invite(links::key(&secret), expires_at).await?;
        tracing::info!("the operator made a link to register with");
        Ok(Link { path: format!("/register?invite={secret}"), expires_at })
    }

    async fn reset_link(&self, user: UserId) -> Result<Link, Error> {
        let secret = links::new_secret()?;
        let expires_at = self.clock.now() + RESET_LIFE;
        self.store.add_reset(links::key(&secret), user, expires_at).await?;
        tracing::info!(user.id = %user, "the operator made a link to set the password of user {user}");
        Ok(Link { path: format!("/reset/{secret}"), expires_at })
    }

    async fn account(&self, name: &str) -> Result<Account, Error> {
        let nobody = || Error::Invalid(format!("there is no user called {name:?}"));
        self.store.account_named(&TypedName::new(name)).await?.ok_or_else(nobody)
    }
}
