//! What a page must tell the sockets: HTTP calls it, the realtime side implements it, and neither
//! knows the other.

use crate::domain::{SessionKey, User, UserId};
use crate::store::Change;

pub trait Live: Send + Sync {
    /// `user` opened a chat with `partner` on a page: the open tabs show it.
    fn chat_opened(&self, user: User, partner: User, change: Change);

    /// Each session that has sockets, and whose it is.
    fn sessions(&self) -> Vec<(UserId, SessionKey)>;

    /// That session of `user` has ended: its sockets are closed.
    fn session_ended(&self, user: UserId, session: SessionKey);

    /// Every session of `user` has ended but `kept`: their sockets are closed.
    fn sessions_ended(&self, user: UserId, kept: Option<SessionKey>);

    /// That session of `user` goes on under another key, and its sockets with it.
    fn session_renewed(&self, user: UserId, from: SessionKey, to: SessionKey);
}
