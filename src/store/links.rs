//! Links that the operator hands out, each good for one use.

use time::OffsetDateTime;

use super::Reply;
use crate::domain::{LinkKey, User, UserId, Username};

pub trait LinkStore: Send + Sync {
    /// Keeps a link with which `user` may set a password, in the place of that user's older ones.
    fn add_reset(&self, key: LinkKey, user: UserId, expires_at: OffsetDateTime) -> Reply<()>;

    /// Keeps a link with which somebody may register.
    fn add_invite(&self, key: LinkKey, expires_at: OffsetDateTime) -> Reply<()>;

    /// The user who may set a password with that link; `None` when it has been used or replaced, has expired
    /// by `now`, or its user is disabled.
    fn reset_user(&self, key: LinkKey, now: OffsetDateTime) -> Reply<Option<User>>;

    /// Whether somebody may register with that link: it has not been used, nor expired by `now`.
    fn is_invite(&self, key: LinkKey, now: OffsetDateTime) -> Reply<bool>;

    /// Uses a link to give its user the password `hash`, which ends all sessions of that user and
    /// the link. `None`, and nothing changes, in the cases of [`LinkStore::reset_user`]: of several
    /// calls only one gets a user.
    fn use_reset(&self, key: LinkKey, now: OffsetDateTime, hash: &str) -> Reply<Option<UserId>>;

    /// Uses a link to keep a new user. `None`, and nothing changes, when the link is no invite any
    /// more: of several calls only one gets an id.
    /// Errors: `Conflict` when the name is taken; the link stays.
    fn use_invite(
        &self,
        key: LinkKey,
        now: OffsetDateTime,
        username: &Username,
        hash: &str,
    ) -> Reply<Option<UserId>>;

    /// Forgets every link that has expired by `now`, and says how many those were.
    fn sweep_links(&self, now: OffsetDateTime) -> Reply<usize>;
}
