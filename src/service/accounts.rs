//! Registering, logging in, changing the password, finding people.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::passwords::{Passwords, Verdict};
use crate::clock::Clock;
use crate::domain::{
    Error, NamePrefix, NewPassword, SessionKey, TooCostly, TypedName, TypedPassword, User, UserId,
    Username,
};
use crate::store::{Account, Store, StoreError};

/// How many people one search shows at most.
const FOUND_MAX: u32 = 100;

const TAKEN: Error = Error::Conflict("Please choose a different username");

/// What a new user typed.
pub struct Registration {
    pub username: String,
    pub password: String,
    pub confirmation: String,
    pub from: IpAddr,
}

/// What somebody typed to log in.
pub struct Login {
    pub username: TypedName,
    pub password: TypedPassword,
    pub from: IpAddr,
}

/// What somebody typed to change their password.
pub struct PasswordChange {
    pub current: TypedPassword,
    pub password: String,
    pub confirmation: String,
    pub from: IpAddr,
}

#[derive(Clone)]
pub struct Accounts {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) passwords: Passwords,
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
        let (username, hash) = self.newcomer(typed).await?;
        self.store.add_user(&username, &hash).await.map_err(or_taken)
    }

    /// The name and the hash of somebody who may be kept, as far as is known before.
    pub(super) async fn newcomer(&self, typed: Registration) -> Result<(Username, String), Error> {
        if typed.username.trim().is_empty() {
            return Err(Error::Invalid("Please provide a username".into()));
        }
        must_match(&typed.password, &typed.confirmation)?;
        let username = Username::parse(&typed.username)?;
        let password = NewPassword::parse(&typed.password)?;
        // Spares the quarter of a second of a hash that would be thrown away; the store decides.
        if self.store.is_taken(&username).await? {
            return Err(TAKEN);
        }
        let hash = self.passwords.asked_from(typed.from).hash(password).await?;
        Ok((username, hash))
    }

    /// The account that name and password belong to. A hash of Werkzeug's becomes bcrypt's.
    ///
    /// # Errors
    /// `Invalid` when one of the two is missing, `Unauthenticated` when they do not fit.
    pub async fn log_in(&self, typed: Login) -> Result<Account, Error> {
        if typed.username.as_typed().is_empty() {
            return Err(Error::Invalid("must provide username".into()));
        }
        if typed.password.is_empty() {
            return Err(Error::Invalid("must provide password".into()));
        }
        let account = self.store.account_named(&typed.username).await?;
        // A user who is disabled has no password that fits, and learns it no sooner than others.
        let hash = account.as_ref().filter(|account| !account.disabled);
        let hash = hash.map(|account| account.hash.clone());
        let passwords = self.passwords.asked_from(typed.from);
        let verdict = passwords.verify(typed.password, hash).await?;
        let refused = Error::Unauthenticated("invalid username and/or password");
        match (account, verdict) {
            (Some(account), Verdict::Right) => Ok(account),
            (Some(account), Verdict::RightRehashed(hash)) => self.rehash(account, hash).await,
            (Some(account), Verdict::Wrong) => {
                tell_if_too_costly(&account);
                let (id, from) = (account.user.id, typed.from);
                let why = if account.disabled { "is disabled" } else { "typed a wrong password" };
                tracing::info!(user.id = %id, address = %from, "a login from {from} failed: user {id} {why}");
                Err(refused)
            }
            (None, _) => {
                let from = typed.from;
                tracing::info!(address = %from, "a login from {from} failed: nobody has that name");
                Err(refused)
            }
        }
    }

    /// Puts a new password in the place of the old one and ends every session of the user but
    /// `session`. Gives the account as it is now.
    ///
    /// # Errors
    /// `Invalid` when a field is missing or the new password breaks a limit, `Unauthenticated` when
    /// the current password is wrong.
    pub async fn change_password(
        &self,
        id: UserId,
        session: SessionKey,
        typed: PasswordChange,
    ) -> Result<Account, Error> {
        if typed.current.is_empty() {
            return Err(Error::Invalid("Please provide your current password".into()));
        }
        must_match(&typed.password, &typed.confirmation)?;
        let password = NewPassword::parse(&typed.password)?;
        let refused = Error::Unauthenticated("the current password is not right");
        let Some(account) = self.store.account(id).await? else {
            return Err(refused);
        };
        let passwords = self.passwords.asked_from(typed.from);
        let verdict = passwords.verify(typed.current, Some(account.hash.clone())).await?;
        if verdict == Verdict::Wrong {
            tell_if_too_costly(&account);
            return Err(refused);
        }
        let hash = passwords.hash(password).await?;
        if self.store.change_password(id, &account.hash, &hash, session).await? {
            return Ok(Account { hash, ..account });
        }
        // A login made the hash another, or the password was changed in another tab.
        Err(Error::Conflict("your password was changed elsewhere at this moment; try again"))
    }

    /// The account by its id.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        self.store.account(id).await
    }

    /// People whose name starts with `prefix`, in the order of names; those among whom and `finder`
    /// one has blocked the other are left out.
    pub async fn find(&self, finder: UserId, prefix: &str) -> Result<Vec<User>, Error> {
        Ok(self.store.users_starting_with(finder, &NamePrefix::new(prefix), FOUND_MAX).await?)
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

/// Logs why no password fits the hash of that user.
fn tell_if_too_costly(account: &Account) {
    let Some(why) = TooCostly::find(&account.hash) else { return };
    let id = account.user.id;
    tracing::warn!(user.id = %id, "the password hash of user {id} is not checked ({why}), so no password fits it; give them a new one with visavis user reset-password");
}

/// What a new user is told whom the store did not keep.
pub(super) fn or_taken(error: StoreError) -> Error {
    match error {
        StoreError::Conflict => TAKEN,
        error @ (StoreError::OutOfService | StoreError::Unavailable(_)) => error.into(),
    }
}

/// Refuses what is typed twice and differs, with the original's sentences.
pub(super) fn must_match(password: &str, confirmation: &str) -> Result<(), Error> {
    let sentence = if password.is_empty() || confirmation.is_empty() {
        "Please provide a password and password confirmation"
    } else if password != confirmation {
        "Password and password confirmation must match!"
    } else {
        return Ok(());
    };
    Err(Error::Invalid(sentence.into()))
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts")
    }
}
