//! Conversations by their versions: catching up, opening one, noting what has arrived.

use std::sync::Arc;

use super::chats::no_such_chat;
use crate::domain::{Error, MessageId, UserId, Version};
use crate::store::{
    CatchUpBounds, CaughtUp, Changes, HistoryPage, Known, OwnChange, PageBounds, Store,
};

/// What a client that comes back is told at a time.
const CAUGHT_UP: CatchUpBounds =
    CatchUpBounds { conversations_max: 1000, messages_max: 100, bytes_max: 1_000_000 };
/// How many messages a page has unless a client asks for another number, and at most.
const PAGE_MESSAGES: u32 = 50;
const PAGE_MESSAGES_MAX: u32 = 1000;
/// How many bytes on the wire the messages of a page take at most.
const PAGE_BYTES_MAX: usize = 1_000_000;

#[derive(Clone)]
pub struct Conversations {
    store: Arc<dyn Store>,
}

impl Conversations {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// What has changed in all conversations of the user since what is `known`.
    pub async fn catch_up(&self, user: UserId, known: Known) -> Result<CaughtUp, Error> {
        Ok(self.store.catch_up(user, known, CAUGHT_UP).await?)
    }

    /// What has changed in one conversation since a version, oldest change first.
    ///
    /// # Errors
    /// `NotFound` when the user has no such conversation.
    pub async fn changes(
        &self,
        user: UserId,
        partner: UserId,
        since: Version,
        at_most: Option<u32>,
    ) -> Result<Changes, Error> {
        let changes = self.store.changes(user, partner, since, bounds(at_most)).await?;
        changes.ok_or_else(no_such_chat)
    }

    /// A page of messages, newest first: the newest, or the newest before one.
    ///
    /// # Errors
    /// `NotFound` when the user has no such conversation.
    pub async fn history(
        &self,
        user: UserId,
        partner: UserId,
        before: Option<MessageId>,
        at_most: Option<u32>,
    ) -> Result<HistoryPage, Error> {
        let page = self.store.history(user, partner, before, bounds(at_most)).await?;
        page.ok_or_else(no_such_chat)
    }

    /// Notes that messages have reached a device of the user. It takes its place among the writes
    /// of the two people when this is called; the future tells when it is on disk.
    ///
    /// # Errors
    /// `NotFound` when the user has no such conversation.
    pub fn mark_delivered(
        &self,
        user: UserId,
        partner: UserId,
        up_to: MessageId,
    ) -> impl Future<Output = Result<OwnChange, Error>> + Send + use<> {
        let marking = self.store.mark_delivered(user, partner, up_to);
        async move { marking.await?.ok_or_else(no_such_chat) }
    }
}

fn bounds(at_most: Option<u32>) -> PageBounds {
    let messages_max = at_most.unwrap_or(PAGE_MESSAGES).clamp(1, PAGE_MESSAGES_MAX);
    PageBounds { messages_max, bytes_max: PAGE_BYTES_MAX }
}
