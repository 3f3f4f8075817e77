//! What should be so, in a few lines.

use std::collections::{BTreeMap, BTreeSet};

use visavis::domain::{ConversationState, DELETED_TEXT, MessageId, ReadState, Version};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub id: MessageId,
    pub sender: usize,
    pub receiver: usize,
    pub text: String,
}

/// Everything that was said and read, by the numbers of people.
#[derive(Default)]
pub struct Expected {
    pub said: Vec<Said>,
    /// Which message each person has sent under a client id: to whom, and with which text.
    pub sent_before: BTreeMap<(usize, u8), (MessageId, usize, String)>,
    /// Which edit each person has sent under a client id.
    pub edited_before: BTreeMap<(usize, u8), (MessageId, String)>,
    edited: BTreeSet<MessageId>,
    deleted: BTreeSet<MessageId>,
    /// Read positions, by (user, partner); there is one for each open chat.
    chats: BTreeMap<(usize, usize), MessageId>,
    /// Marks of delivery, as read positions.
    delivered: BTreeMap<(usize, usize), MessageId>,
    /// How often something has changed between two people.
    changes: BTreeMap<(usize, usize), i64>,
    /// Who has blocked whom.
    blocks: BTreeSet<(usize, usize)>,
    /// The partners of each user, newest last.
    order: BTreeMap<usize, Vec<usize>>,
}

impl Expected {
    pub fn is_open(&self, user: usize, partner: usize) -> bool {
        self.chats.contains_key(&(user, partner))
    }

    pub fn open(&mut self, user: usize, partner: usize) {
        if !self.is_open(user, partner) {
            self.chats.insert((user, partner), MessageId(0));
            self.touch(user, partner);
        }
    }

    /// Whether that is another state than before.
    pub fn block(&mut self, user: usize, partner: usize, blocked: bool) -> bool {
        let pair = (user, partner);
        if blocked { self.blocks.insert(pair) } else { self.blocks.remove(&pair) }
    }

    pub fn has_blocked(&self, user: usize, partner: usize) -> bool {
        self.blocks.contains(&(user, partner))
    }

    /// Whether one of the two has blocked the other.
    pub fn is_blocked(&self, user: usize, partner: usize) -> bool {
        self.has_blocked(user, partner) || self.has_blocked(partner, user)
    }

    pub fn say(&mut self, said: Said) {
        let (sender, receiver) = (said.sender, said.receiver);
        self.said.push(said);
        self.chats.entry((receiver, sender)).or_insert(MessageId(0));
        self.touch(sender, receiver);
        self.touch(receiver, sender);
    }

    pub fn edit(&mut self, id: MessageId, text: &str) {
        self.edited.insert(id);
        self.set_text(id, text);
    }

    /// Whether it was not deleted before.
    pub fn delete(&mut self, id: MessageId) -> bool {
        self.set_text(id, DELETED_TEXT);
        self.deleted.insert(id)
    }

    fn set_text(&mut self, id: MessageId, text: &str) {
        let said = self.said.iter_mut().find(|said| said.id == id);
        text.clone_into(&mut said.expect("a message that nobody sent").text);
    }

    pub fn is_deleted(&self, id: MessageId) -> bool {
        self.deleted.contains(&id)
    }

    /// Whether its text is another than the one with which it was sent.
    pub fn has_changed(&self, id: MessageId) -> bool {
        self.is_deleted(id) || self.edited.contains(&id)
    }

    /// What somebody knows who was told of messages when they were sent, and not of what became of them.
    pub fn without_changed_texts(&self, said: &[Said]) -> Vec<Said> {
        let text = |said: &Said| {
            if self.has_changed(said.id) { String::new() } else { said.text.clone() }
        };
        said.iter().map(|said| Said { text: text(said), ..said.clone() }).collect()
    }

    fn touch(&mut self, user: usize, partner: usize) {
        let order = self.order.entry(user).or_default();
        order.retain(|other| *other != partner);
        order.push(partner);
    }

    pub fn between(&self, user: usize, partner: usize) -> impl DoubleEndedIterator<Item = &Said> {
        self.said.iter().filter(move |said| {
            (said.sender, said.receiver) == (user, partner)
                || (said.sender, said.receiver) == (partner, user)
        })
    }

    /// What `partner` has said to `user` after the read position, and not deleted.
    pub fn unread(&self, user: usize, partner: usize) -> Vec<MessageId> {
        let position = self.chats[&(user, partner)];
        let new =
            self.between(user, partner).filter(|said| said.sender == partner && user != partner);
        new.map(|said| said.id).filter(|id| *id > position && !self.is_deleted(*id)).collect()
    }

    pub fn count(&self, user: usize, partner: usize) -> i64 {
        i64::try_from(self.unread(user, partner).len()).unwrap()
    }

    pub fn read_up_to(&mut self, user: usize, partner: usize, id: MessageId) {
        let newest = self.between(user, partner).map(|said| said.id).next_back();
        let id = newest.map_or(MessageId(0), |newest| newest.min(id));
        if let Some(position) = self.chats.get_mut(&(user, partner)) {
            *position = id.max(*position);
        }
    }

    /// A device of the user's has everything up to that message.
    pub fn deliver_up_to(&mut self, user: usize, partner: usize, id: MessageId) {
        let newest = self.between(user, partner).map(|said| said.id).next_back();
        let id = newest.map_or(MessageId(0), |newest| newest.min(id));
        let mark = self.delivered.entry((user, partner)).or_default();
        *mark = id.max(*mark);
    }

    /// Something changes between the two: the version before.
    pub fn change(&mut self, user: usize, partner: usize) -> Version {
        let changes = self.changes.entry((user.min(partner), user.max(partner))).or_default();
        *changes += 1;
        Version(*changes - 1)
    }

    /// The conversation as `user` sees it, who may not have it, but for when it came to the top of the list.
    pub fn state(&self, user: usize, partner: usize) -> Option<ConversationState> {
        let read = |user, partner| self.chats.get(&(user, partner)).copied().unwrap_or_default();
        let delivered = |user, partner| {
            let mark = self.delivered.get(&(user, partner)).copied().unwrap_or_default();
            mark.max(read(user, partner))
        };
        self.is_open(user, partner).then(|| ConversationState {
            version: Version(self.changes[&(user.min(partner), user.max(partner))]),
            listed_at: 0,
            read: ReadState {
                new_message_count: self.count(user, partner),
                last_read_id: read(user, partner),
            },
            last_delivered_id: delivered(user, partner),
            partner_last_read_id: read(partner, user),
            partner_last_delivered_id: delivered(partner, user),
            blocked: self.has_blocked(user, partner),
        })
    }

    /// The chats of a user, newest first, with their counts.
    pub fn list(&self, user: usize) -> Vec<(usize, i64)> {
        let order = self.order.get(&user).cloned().unwrap_or_default();
        order.into_iter().rev().map(|partner| (partner, self.count(user, partner))).collect()
    }

    pub fn of(&self, user: usize) -> Vec<Said> {
        let own = self.said.iter().filter(|said| said.sender == user || said.receiver == user);
        own.cloned().collect()
    }
}
