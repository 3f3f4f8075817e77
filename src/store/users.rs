//! People and their password hashes.

use time::OffsetDateTime;

use super::Reply;
use crate::domain::{NamePrefix, SessionKey, TypedName, User, UserId, Username};

/// A user together with the hash of the password, bcrypt's or one that Werkzeug made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub user: User,
    pub hash: String,
    /// The operator has shut this user out.
    pub disabled: bool,
}

/// A user as the operator sees one in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub user: User,
    pub disabled_at: Option<OffsetDateTime>,
    /// How many sessions have not expired.
    pub sessions: u32,
    /// When one of them was used last.
    pub last_seen_at: Option<OffsetDateTime>,
}

pub trait UserStore: Send + Sync {
    /// Keeps a new user and gives the id.
    /// Errors: `Conflict` when [`UserStore::is_taken`] says so at that moment.
    fn add_user(&self, username: &Username, hash: &str) -> Reply<UserId>;

    /// The account of that id.
    fn account(&self, id: UserId) -> Reply<Option<Account>>;

    /// Whether a user has that name already, also one of the same folded form or one that looks
    /// alike.
    fn is_taken(&self, username: &Username) -> Reply<bool>;

    /// The account that is meant by that name: of those with the same folded form the one that
    /// [`TypedName::choose`] chooses.
    fn account_named(&self, name: &TypedName) -> Reply<Option<Account>>;

    /// Users whose folded name starts with `prefix`, every character taken literally, in the order
    /// of folded names; at most `limit`. Without those whom `finder` has blocked, or who have blocked
    /// `finder`.
    fn users_starting_with(
        &self,
        finder: UserId,
        prefix: &NamePrefix,
        limit: u32,
    ) -> Reply<Vec<User>>;

    /// The users with ids greater than `after`, in the order of ids, with the sessions that have not
    /// expired by `now`; at most `limit`.
    fn users_after(&self, after: UserId, now: OffsetDateTime, limit: u32) -> Reply<Vec<Listed>>;

    /// Shuts a user out from that moment on or, with `None`, lets them in again; either ends their
    /// sessions and links. False, and nothing changes, when that was so already.
    fn set_disabled(&self, id: UserId, at: Option<OffsetDateTime>) -> Reply<bool>;

    /// What the stored hashes begin with, up to their salt, each once and in no order: tells which
    /// schemes are in use. Reads every account.
    fn hash_schemes(&self) -> Reply<Vec<String>>;

    /// Puts `new` in the place of the hash `old`; false, and nothing changes, when the account
    /// has another hash by now.
    fn replace_hash(&self, id: UserId, old: &str, new: &str) -> Reply<bool>;

    /// The same for a new password, which ends every session of that user but `kept`,
    /// and the links.
    fn change_password(&self, id: UserId, old: &str, new: &str, kept: SessionKey) -> Reply<bool>;
}
