//! A tab that keeps what it was told: it applies events while it is connected, and syncs when it
//! comes back, as a client must that wants to miss nothing. And a client that syncs by versions.

use std::collections::BTreeMap;

use visavis::domain::{MessageId, MessageState, UserId, Version};
use visavis::store::{Changes, ConversationState, Digest};

use super::expected::Said;

#[derive(Default, Clone)]
pub struct Device {
    /// Whether events reach it.
    pub connected: bool,
    /// Everything up to here it has been told.
    pub since: MessageId,
    pub said: Vec<Said>,
    /// Newest first, with their counts.
    pub chats: Vec<(usize, i64)>,
}

impl Device {
    /// An event or a page of a sync brought a message.
    pub fn hear(&mut self, said: Said) {
        self.since = said.id;
        self.said.push(said);
    }

    /// An event told what is new in a chat into which a message came: it goes to the top.
    pub fn message_came(&mut self, partner: usize, count: Option<i64>) {
        let at = self.chats.iter().position(|(other, _)| *other == partner);
        let (_, before) = at.map_or((partner, 0), |at| self.chats.remove(at));
        self.chats.insert(0, (partner, count.unwrap_or(before)));
    }

    /// An event told that another tab opened a chat.
    pub fn chat_opened(&mut self, partner: usize) {
        if self.chats.iter().all(|(other, _)| *other != partner) {
            self.chats.insert(0, (partner, 0));
        }
    }

    /// An event, or the answer to one's own, told what remains new in a chat.
    pub fn count_changed(&mut self, partner: usize, count: i64) {
        let known = self.chats.iter_mut().find(|(other, _)| *other == partner);
        known.expect("a count of a chat that it has not heard of").1 = count;
    }
}

/// A client that keeps, for each conversation, the version up to which it has everything.
#[derive(Default, Clone)]
pub struct Follower {
    pub held: BTreeMap<UserId, Held>,
}

#[derive(Default, Clone)]
pub struct Held {
    pub complete_to: Version,
    pub state: Option<ConversationState>,
    pub messages: BTreeMap<MessageId, MessageState>,
}

impl Follower {
    pub fn digest(&self) -> Digest {
        let versions = self.held.values().map(|held| held.complete_to.0).sum();
        Digest { conversations: u32::try_from(self.held.len()).unwrap(), versions }
    }
}

impl Held {
    /// Takes a page of what has changed; the newer state of a message replaces the older.
    pub fn apply(&mut self, changes: Changes) {
        assert!(changes.complete_to > self.complete_to, "a page without progress");
        for message in changes.messages {
            assert!(message.version > self.complete_to && message.version <= changes.complete_to);
            self.messages.insert(message.id, message);
        }
        self.complete_to = changes.complete_to;
        self.state = Some(changes.state);
    }
}
