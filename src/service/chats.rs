//! Opening, listing and reading chats.

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::{Chat, Error, Message, MessageId, ReadMark, UserId};
use crate::store::{Marked, Newest, Older, Opened, Store, Synced};

/// How many messages a chat shows when it is opened, unless more are new.
pub const JOINED_MESSAGES: u32 = 20;
/// How much it shows at most, in bytes on the wire: thirty thousand short messages. Without a bound
/// one person could make another's page load without end.
const JOINED_BYTES_MAX: usize = 4_000_000;
/// How many more it shows when it is scrolled to the top.
const OLDER_MESSAGES: u32 = 10;
/// How many messages a client that comes back gets at a time: of the longest, 4 MB.
const SYNCED_MESSAGES: u32 = 100;
/// How many chats the list shows.
const CHATS_MAX: u32 = 1000;

#[derive(Clone)]
pub struct Chats {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Chats {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Opens a chat, with anybody or with oneself; one that is open already stays as it is.
    ///
    /// # Errors
    /// `NotFound` when there is no such user.
    pub async fn open(&self, user: UserId, partner: UserId) -> Result<Opened, Error> {
        let opened = self.store.open_chat(user, partner, self.clock.now().into()).await?;
        opened.ok_or(Error::NotFound("Something went wrong :("))
    }

    /// The chats of a user, newest first.
    pub async fn list(&self, user: UserId) -> Result<Vec<Chat>, Error> {
        Ok(self.store.chats_of(user, CHATS_MAX).await?)
    }

    /// What a chat shows when it is opened: the newest 20 messages, or all that are new (up to 4 MB).
    ///
    /// # Errors
    /// `NotFound` when the user has no such chat.
    pub async fn newest(&self, user: UserId, partner: UserId) -> Result<Newest, Error> {
        let newest =
            self.store.newest_messages(user, partner, JOINED_MESSAGES, JOINED_BYTES_MAX).await?;
        newest.ok_or_else(no_such_chat)
    }

    /// The next page of older messages, newest first; empty at the end.
    ///
    /// # Errors
    /// `NotFound` when the user has no such chat.
    pub async fn older(
        &self,
        user: UserId,
        partner: UserId,
        older: Older,
    ) -> Result<Vec<Message>, Error> {
        let page = self.store.older_messages(user, partner, older, OLDER_MESSAGES).await?;
        page.ok_or_else(no_such_chat)
    }

    /// What came after `since` in all chats of the user, a page at a time, and the chats.
    pub async fn sync(&self, user: UserId, since: MessageId) -> Result<Synced, Error> {
        Ok(self.store.sync(user, since, SYNCED_MESSAGES, CHATS_MAX).await?)
    }

    /// Moves the read position forward. It takes its place in the order of writes when this is
    /// called; the future tells when it is on disk.
    ///
    /// # Errors
    /// `NotFound` when the user has no such chat.
    pub fn mark_read(
        &self,
        user: UserId,
        partner: UserId,
        mark: ReadMark,
    ) -> impl Future<Output = Result<Marked, Error>> + Send + use<> {
        let marking = self.store.mark_read(user, partner, mark);
        async move { marking.await?.ok_or_else(no_such_chat) }
    }
}

/// The refusal for a chat that the user does not have.
pub(super) fn no_such_chat() -> Error {
    Error::NotFound("there is no such chat")
}
