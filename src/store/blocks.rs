//! Blocks: somebody wants nothing to do with somebody else.

use super::{OwnChange, Reply};
use crate::domain::UserId;

pub trait BlockStore: Send + Sync {
    /// Blocks `partner` for `user`, or takes that back. While one of two people has blocked the
    /// other no message is kept from either to the other, neither finds the other, and neither opens
    /// a chat with the other. What was said stays, and so do chats that are open.
    /// `None`, and nothing changes, when `user` has no chat with `partner`. Nobody blocks themselves:
    /// the caller sees to that.
    fn set_blocked(&self, user: UserId, partner: UserId, blocked: bool)
    -> Reply<Option<OwnChange>>;
}
