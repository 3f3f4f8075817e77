//! Links that the operator hands out: with one a person sets a password or registers, once.

use std::fmt::Write;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::accounts::{must_match, or_taken};
use super::{Accounts, Registration};
use crate::domain::{Error, LinkKey, NewPassword, User, UserId};

/// How many random bytes make a link's secret.
const SECRET_BYTES: usize = 20;

const USELESS: Error = Error::NotFound(
    "this link was used already or is too old; ask whoever runs this chat for another",
);

/// What somebody typed to set a password.
pub struct PasswordSetting {
    pub password: String,
    pub confirmation: String,
    pub from: IpAddr,
}

/// A link on its way to the operator, the only one who sees its secret.
pub struct Link {
    /// As in `/reset/SECRET`.
    pub path: String,
    pub expires_at: OffsetDateTime,
}

/// A secret that nobody can guess, in hexadecimal digits.
pub(super) fn new_secret() -> Result<String, Error> {
    let mut random = [0; SECRET_BYTES];
    getrandom::fill(&mut random).map_err(Error::internal)?;
    Ok(random.iter().fold(String::with_capacity(2 * SECRET_BYTES), |mut secret, byte| {
        // Writing to a string cannot fail.
        _ = write!(secret, "{byte:02x}");
        secret
    }))
}

/// The key under which the store knows a link.
pub(super) fn key(secret: &str) -> LinkKey {
    LinkKey(Sha256::digest(secret).into())
}

impl Accounts {
    /// The user who may set a password with that link, which this does not use.
    ///
    /// # Errors
    /// `NotFound` when it is good for nothing any more, or never was.
    pub async fn reset_user(&self, secret: &str) -> Result<User, Error> {
        self.store.reset_user(key(secret), self.clock.now()).await?.ok_or(USELESS)
    }

    /// Gives the user of that link the password that was typed. It ends every session of theirs, and
    /// the link. What cannot be taken leaves the link as it was.
    ///
    /// # Errors
    /// `Invalid` as for a registration; `NotFound` as for [`Accounts::reset_user`].
    pub async fn reset_password(
        &self,
        secret: &str,
        typed: PasswordSetting,
    ) -> Result<UserId, Error> {
        // A stranger who knows no link is not worth a hash.
        self.reset_user(secret).await?;
        must_match(&typed.password, &typed.confirmation)?;
        let password = NewPassword::parse(&typed.password)?;
        let hash = self.passwords.asked_from(typed.from).hash(password).await?;
        self.store.use_reset(key(secret), self.clock.now(), &hash).await?.ok_or(USELESS)
    }

    /// Whether somebody may register with that link, which this does not use.
    pub async fn is_invite(&self, secret: &str) -> Result<bool, Error> {
        Ok(self.store.is_invite(key(secret), self.clock.now()).await?)
    }

    /// Keeps a new user and uses the link up; `None` when it is good for nothing any more. What
    /// cannot be kept leaves the link as it was.
    ///
    /// # Errors
    /// As for [`Accounts::register`].
    pub async fn register_invited(
        &self,
        secret: &str,
        typed: Registration,
    ) -> Result<Option<UserId>, Error> {
        let (username, hash) = self.newcomer(typed).await?;
        let used = self.store.use_invite(key(secret), self.clock.now(), &username, &hash).await;
        used.map_err(or_taken)
    }
}
