//! Blocks, which each side of a conversation's row has.

use super::SqliteStore;
use super::conversations::Conversation;
use crate::domain::UserId;
use crate::store::{BlockStore, Reply};

impl BlockStore for SqliteStore {
    fn set_blocked(&self, user: UserId, partner: UserId, blocked: bool) -> Reply<Option<bool>> {
        self.writer.submit(move |connection| {
            let Some(mut conversation) = Conversation::find_listed(connection, user, partner)?
            else {
                return Ok(None);
            };
            let side = conversation.side_mut(user);
            if side.blocks == blocked {
                return Ok(Some(false));
            }
            side.blocks = blocked;
            conversation.save(connection)?;
            Ok(Some(true))
        })
    }
}
