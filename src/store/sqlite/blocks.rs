//! Blocks, which each side of a conversation's row has.

use super::SqliteStore;
use super::conversations::Conversation;
use crate::domain::UserId;
use crate::store::{BlockStore, OwnChange, Reply};

impl BlockStore for SqliteStore {
    fn set_blocked(
        &self,
        user: UserId,
        partner: UserId,
        blocked: bool,
    ) -> Reply<Option<OwnChange>> {
        self.writer.submit(move |connection| {
            let Some(mut conversation) = Conversation::find_listed(connection, user, partner)?
            else {
                return Ok(None);
            };
            let side = conversation.side_mut(user);
            let changes = side.blocks != blocked;
            side.blocks = blocked;
            conversation.own_change(connection, user, changes).map(Some)
        })
    }
}
