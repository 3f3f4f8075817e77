//! `blocks`.

use rusqlite::Connection;

use super::SqliteStore;
use super::chats::read_state;
use crate::domain::UserId;
use crate::store::{BlockStore, Reply};

const BLOCK: &str = "
INSERT INTO blocks (user_id, blocked_id)
VALUES (?1, ?2)
ON CONFLICT (user_id, blocked_id) DO NOTHING";

const UNBLOCK: &str = "
DELETE FROM blocks
WHERE user_id = ?1 AND blocked_id = ?2";

const HAS_BLOCKED: &str = "
SELECT 1
FROM blocks
WHERE user_id = ?1 AND blocked_id = ?2";

/// Every query of this file, for the test that reads their plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[BLOCK, UNBLOCK, HAS_BLOCKED];

impl BlockStore for SqliteStore {
    fn set_blocked(&self, user: UserId, partner: UserId, blocked: bool) -> Reply<Option<bool>> {
        self.writer.submit(move |connection| {
            if read_state(connection, user, partner)?.is_none() {
                return Ok(None);
            }
            let set = if blocked { BLOCK } else { UNBLOCK };
            let changed = connection.prepare_cached(set)?.execute([user.0, partner.0])?;
            Ok(Some(changed == 1))
        })
    }
}

/// Whether `user` has blocked `partner`; not whether `partner` has blocked `user`.
pub(super) fn has_blocked(
    connection: &Connection,
    user: UserId,
    partner: UserId,
) -> rusqlite::Result<bool> {
    connection.prepare_cached(HAS_BLOCKED)?.exists([user.0, partner.0])
}
