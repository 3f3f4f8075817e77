//! Opening, listing and reading chats.

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::{Chat, Error, Message, MessageId, ReadMark, UserId};
use crate::store::{Extent, Newest, Older, Opened, OwnChange, Store, Synced};

/// How many messages a chat shows when it is opened, unless more are new.
pub const JOINED_MESSAGES: u32 = 20;
/// How many it shows at most, and how many bytes on the wire. Without a bound one person could make
/// another's page load without end; older messages come as the reader scrolls up.
const JOINED_MESSAGES_MAX: u32 = 1000;
const JOINED_BYTES_MAX: usize = 4_000_000;
/// How many more it shows when it is scrolled to the top.
const OLDER_MESSAGES: u32 = 10;
/// How many messages a client that comes back gets at a time: of the longest, 4 MB.
const SYNCED_MESSAGES: u32 = 100;
/// How many chats a client that comes back is told of, and the list shows if it is asked to.
pub const CHATS_MAX: u32 = 1000;
/// How many chats the list shows at first.
const CHATS_SHOWN: u32 = 40;
/// Up to how many are counted: counting as many as somebody may have would take longer than the
/// rest of the page.
const CHATS_COUNTED: u32 = 500;

/// How much of a list of chats is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Show {
    /// How many chats, the newest: 40 if nothing is said, at most 1000.
    pub newest: Option<u32>,
    /// One that must be among them.
    pub with: Option<UserId>,
}

/// A list of chats, newest first.
#[derive(Debug, Clone)]
pub struct ChatList {
    pub chats: Vec<Chat>,
    pub more: More,
}

/// How many chats a list does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    Exactly(u32),
    MoreThan(u32),
}

#[derive(Clone)]
pub struct Chats {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Chats {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Opens a chat, with anybody or with oneself; one that is open already stays as it is. It takes its
    /// place among the writes of the two people when this is called; the future tells when it is on disk.
    ///
    /// # Errors
    /// `NotFound` when there is no such user, and for a chat that is not open yet between people of
    /// whom one has blocked the other: neither is to find the other.
    pub fn open(
        &self,
        user: UserId,
        partner: UserId,
    ) -> impl Future<Output = Result<Opened, Error>> + Send + use<> {
        let opening = self.store.open_chat(user, partner, self.clock.now());
        async move { opening.await?.ok_or(Error::NotFound("Something went wrong :(")) }
    }

    /// The chats of a user, newest first; one that had to be looked for stands last.
    pub async fn list(&self, user: UserId, show: Show) -> Result<ChatList, Error> {
        let newest = show.newest.unwrap_or(CHATS_SHOWN).clamp(1, CHATS_MAX);
        // One more than is shown tells whether there are more.
        let mut chats = self.store.chats_of(user, newest + 1).await?;
        let most = usize::try_from(newest).unwrap_or(usize::MAX);
        if chats.len() <= most {
            return Ok(ChatList { chats, more: More::Exactly(0) });
        }
        chats.truncate(most);
        if let Some(partner) = show.with
            && chats.iter().all(|chat| chat.partner.id != partner)
        {
            chats.extend(self.store.chat(user, partner).await?);
        }
        let shown = u32::try_from(chats.len()).unwrap_or(u32::MAX);
        let counted = shown.saturating_add(CHATS_COUNTED + 1);
        let hidden = self.store.chat_count(user, counted).await?.saturating_sub(shown);
        let more = match hidden {
            0..=CHATS_COUNTED => More::Exactly(hidden),
            _ => More::MoreThan(CHATS_COUNTED),
        };
        Ok(ChatList { chats, more })
    }

    /// Whether the list shows that chat without being asked for it.
    pub async fn is_listed(&self, user: UserId, partner: UserId) -> Result<bool, Error> {
        let chats = self.store.chats_of(user, CHATS_SHOWN).await?;
        Ok(chats.iter().any(|chat| chat.partner.id == partner))
    }

    /// What a chat shows when it is opened: the newest 20 messages, or all that are new (up to 1000
    /// messages and 4 MB). `at_most` asks for no more messages than that.
    ///
    /// # Errors
    /// `NotFound` when the user has no such chat.
    pub async fn newest(
        &self,
        user: UserId,
        partner: UserId,
        at_most: Option<u32>,
    ) -> Result<Newest, Error> {
        let at_most = at_most.unwrap_or(JOINED_MESSAGES_MAX).clamp(1, JOINED_MESSAGES_MAX);
        let at_least = JOINED_MESSAGES.min(at_most);
        let extent = Extent { at_least, at_most, bytes_max: JOINED_BYTES_MAX };
        let newest = self.store.newest_messages(user, partner, extent).await?;
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

    /// Moves the read position forward. It takes its place among the writes of the two people
    /// when this is called; the future tells when it is on disk.
    ///
    /// # Errors
    /// `NotFound` when the user has no such chat.
    pub fn mark_read(
        &self,
        user: UserId,
        partner: UserId,
        mark: ReadMark,
    ) -> impl Future<Output = Result<OwnChange, Error>> + Send + use<> {
        let marking = self.store.mark_read(user, partner, mark);
        async move { marking.await?.ok_or_else(no_such_chat) }
    }
}

/// The refusal for a chat that the user does not have.
pub(super) fn no_such_chat() -> Error {
    Error::NotFound("there is no such chat")
}
