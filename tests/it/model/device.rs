//! A tab that keeps what it was told: it applies events while it is connected, and syncs when it
//! comes back, as a client must that wants to miss nothing. And a client that syncs by versions.

use std::collections::BTreeMap;

use visavis::domain::{ConversationState, Digest, Epoch, MessageId, MessageState, UserId, Version};
use visavis::store::{CaughtUp, Change, Changes, ConversationVersion, HistoryPage, Known};

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

/// A client of versions: it catches up, applies the changes that it hears of, asks for what it has
/// missed between two of them, and loads the messages of a conversation page by page.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Follower {
    epoch: Option<Epoch>,
    pub held: BTreeMap<UserId, Held>,
}

/// What it has of one conversation. A new one has everything, of which there is nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Held {
    /// Up to this version nothing is missing of the messages from `from` on.
    pub complete_to: Version,
    pub state: Option<ConversationState>,
    pub from: MessageId,
    pub messages: BTreeMap<MessageId, MessageState>,
}

/// Later than every message.
const NOTHING: MessageId = MessageId(i64::MAX);

impl Follower {
    pub fn digest(&self) -> Digest {
        let versions = self.held.values().map(|held| held.complete_to.0).sum();
        Digest { conversations: u32::try_from(self.held.len()).unwrap(), versions }
    }

    /// With what it asks to catch up.
    pub fn known(&self) -> Known {
        let version = |(&partner, held): (&UserId, &Held)| ConversationVersion {
            partner,
            version: held.complete_to,
        };
        let versions = self.held.iter().map(version).collect();
        Known { epoch: self.epoch, digest: Some(self.digest()), versions, messages_of: None }
    }

    pub fn catch_up(&mut self, told: CaughtUp) {
        if self.epoch != Some(told.epoch) {
            self.held.clear();
        }
        assert!(self.digest() != told.digest || told.conversations.is_empty());
        assert!(!told.more || !told.conversations.is_empty(), "an answer without progress");
        self.epoch = Some(told.epoch);
        for changes in told.conversations {
            if let Some(held) = self.held.get_mut(&changes.partner.id) {
                held.apply(changes);
            } else {
                assert!(changes.messages.is_empty() && !changes.more);
                let mut held = Held { from: NOTHING, ..Held::default() };
                let partner = changes.partner.id;
                held.apply(changes);
                self.held.insert(partner, held);
            }
        }
        assert_eq!(told.more, self.digest() != told.digest);
    }

    /// An event told of a change; whether others are missing before it.
    pub fn hear(&mut self, user: UserId, change: Change) -> bool {
        let Some(&state) = change.seen_by(user) else { return false };
        let held = self.held.entry(change.people.partner_of(user)).or_default();
        if held.complete_to >= state.version {
            return false;
        }
        if held.complete_to != change.after {
            return true;
        }
        if let Some(message) = change.message {
            held.keep(message.seen_by(user));
        }
        held.note(state);
        held.complete_to = state.version;
        false
    }
}

impl Held {
    /// Takes what has changed.
    pub fn apply(&mut self, changes: Changes) {
        assert!(changes.complete_to > self.complete_to, "a page without progress");
        for message in changes.messages {
            assert!(message.version > self.complete_to && message.version <= changes.complete_to);
            self.keep(message);
        }
        self.complete_to = changes.complete_to;
        self.note(changes.state);
    }

    pub fn has_all(&self) -> bool {
        self.from == MessageId(0)
    }

    /// Before which message to ask for older ones; `None` for the newest.
    pub fn before(&self) -> Option<MessageId> {
        Some(self.from).filter(|from| *from != NOTHING)
    }

    /// Takes a page of older messages. What in it is newer than `complete_to` comes again.
    pub fn scroll(&mut self, page: HistoryPage) {
        assert!(page.messages.first().is_none_or(|newest| newest.id < self.from));
        let oldest = page.messages.last().filter(|_| page.more);
        self.from = oldest.map_or(MessageId(0), |oldest| oldest.id);
        page.messages.into_iter().for_each(|message| self.keep(message));
        self.note(page.state);
    }

    fn keep(&mut self, message: MessageState) {
        let known = self.messages.get(&message.id).map(|known| known.version);
        if message.id >= self.from && known <= Some(message.version) {
            self.messages.insert(message.id, message);
        }
    }

    fn note(&mut self, state: ConversationState) {
        if self.state.map(|known| known.version) <= Some(state.version) {
            self.state = Some(state);
        }
    }
}
