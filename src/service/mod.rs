//! The verbs of the chat: parse, check, one store call. Transports turn what comes back into
//! pages, acknowledgements and events.

mod accounts;
mod blocks;
mod bucket;
mod chats;
mod conversations;
mod hash_schemes;
mod limits;
mod links;
mod live;
mod messages;
mod operator;
mod passwords;
mod places;
mod sessions;
pub mod upkeep;
mod turns;
mod werkzeug;

use std::sync::Arc;

pub use accounts::{Accounts, Login, PasswordChange, Registration};
pub use blocks::Blocks;
pub(crate) use bucket::Bucket;
pub use chats::{CHATS_MAX, ChatList, Chats, JOINED_MESSAGES, More, Show};
pub use conversations::Conversations;
pub(crate) use limits::network;
pub use limits::{Key, Limits};
pub use links::{Link, PasswordSetting};
pub use live::{Live, Opening};
pub use messages::{EditMessage, Messages, SendMessage};
pub use operator::Operator;
pub use passwords::Passwords;
pub use places::Place;
pub use sessions::{SessionContent, SessionOfMine};

use crate::clock::Clock;
use crate::store::Store;

/// Everything a person can do, for the transports to call.
#[derive(Clone)]
pub struct Services {
    pub accounts: Accounts,
    pub chats: Chats,
    pub blocks: Blocks,
    pub conversations: Conversations,
    pub messages: Messages,
    pub limits: Limits,
}

impl Services {
    /// Whether the database was lost or damaged, so that nothing can be done for anybody.
    #[must_use]
    pub fn is_out_of_service(&self) -> bool {
        self.accounts.store.is_out_of_service()
    }

    pub fn new(
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        passwords: Passwords,
        limits: Limits,
    ) -> Self {
        Self {
            accounts: Accounts::new(Arc::clone(store), Arc::clone(clock), passwords),
            chats: Chats::new(Arc::clone(store), Arc::clone(clock)),
            blocks: Blocks::new(Arc::clone(store)),
            conversations: Conversations::new(Arc::clone(store)),
            messages: Messages::new(
                Arc::clone(store),
                Arc::clone(clock),
                limits.sizes.message_chars,
            ),
            limits,
        }
    }
}
