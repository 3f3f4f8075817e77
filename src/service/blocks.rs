//! Blocking somebody.

use std::sync::Arc;

use super::chats::no_such_chat;
use crate::domain::{Error, UserId};
use crate::store::{OwnChange, Store};

#[derive(Clone)]
pub struct Blocks {
    store: Arc<dyn Store>,
}

impl Blocks {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Blocks `partner` for `user`, or takes that back. It takes its place among the writes of the two
    /// people when this is called; the future tells when it is on disk.
    ///
    /// # Errors
    /// `Invalid` for oneself, `NotFound` when the user has no chat with the partner.
    pub fn set(
        &self,
        user: UserId,
        partner: UserId,
        blocked: bool,
    ) -> impl Future<Output = Result<OwnChange, Error>> + Send + use<> {
        let setting = (user != partner).then(|| self.store.set_blocked(user, partner, blocked));
        async move {
            let setting =
                setting.ok_or_else(|| Error::Invalid("you cannot block yourself".into()))?;
            setting.await?.ok_or_else(no_such_chat)
        }
    }
}
