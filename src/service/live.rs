//! What a page must tell the sockets: HTTP calls it, the realtime side implements it, and neither
//! knows the other.

use std::pin::Pin;

use crate::domain::{Error, SessionKey, User, UserId};
use crate::store::Opened;

/// What opening a chat comes to.
pub type Opening = Pin<Box<dyn Future<Output = Result<Opened, Error>> + Send>>;

pub trait Live: Send + Sync {
    /// Opens `user`'s chat with `partner`, as [`Chats::open`](super::Chats::open), in the order of what
    /// happens between the two, and tells their sockets. It is done also when nobody awaits it.
    fn open_chat(&self, user: User, partner: UserId) -> Opening;

    /// Each session that has sockets, and whose it is.
    fn sessions(&self) -> Vec<(UserId, SessionKey)>;

    /// That session of `user` has ended: its sockets are closed.
    fn session_ended(&self, user: UserId, session: SessionKey);

    /// Every session of `user` has ended but `kept`: their sockets are closed.
    fn sessions_ended(&self, user: UserId, kept: Option<SessionKey>);

    /// That session of `user` goes on under another key, and its sockets with it.
    fn session_renewed(&self, user: UserId, from: SessionKey, to: SessionKey);
}
