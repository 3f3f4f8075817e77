//! Random schedules of opening, sending, sending again, editing, deleting, reading, blocking, leaving and
//! coming back, over several people with several devices, through the services: they agree with a model of
//! a few lines, a client that lived through it all knows what a freshly loaded one does, and one that has
//! synced by versions has what the store has.

mod device;
mod expected;

use std::sync::Arc;

use clap::Parser;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use visavis::clock::Clock;
use visavis::config::Config;
use visavis::domain::{Error, Message, MessageId, ReadMark, UserId, Username};
use visavis::service::{EditMessage, Limits, Passwords, SendMessage, Services, Show};
use visavis::store::{Marked, Older, PageBounds, Store};

use self::device::{Device, Follower};
use self::expected::{Expected, Said};
use super::support::{StillClock, sqlite};

const PEOPLE: usize = 3;
const DEVICES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Open { user: usize, partner: usize },
    Send { user: usize, partner: usize, again: Option<u8>, same: bool },
    Edit { user: usize, message: usize, number: u8, text: Text },
    Delete { user: usize, message: usize },
    Follow { user: usize, pages: usize },
    Burst { user: usize, partner: usize, messages: usize },
    ReadUpTo { user: usize, partner: usize, message: usize },
    Remaining { user: usize, partner: usize, count: i64 },
    Block { user: usize, partner: usize, blocked: bool },
    Leave { user: usize, device: usize },
    Return { user: usize, device: usize },
}

/// What an edit makes of a message.
#[derive(Debug, Clone, Copy)]
enum Text {
    New,
    /// The one that it has.
    Same,
    /// What was sent under the client id before, to the message of that time.
    Again,
}

fn step() -> impl Strategy<Value = Step> {
    let both = || (0..PEOPLE, 0..PEOPLE);
    let device = || (0..PEOPLE, 0..DEVICES);
    prop_oneof![
        2 => both().prop_map(|(user, partner)| Step::Open { user, partner }),
        10 => (both(), proptest::option::of(0..6_u8), any::<bool>())
            .prop_map(|((user, partner), again, same)| Step::Send { user, partner, again, same }),
        6 => (0..PEOPLE, 0..300_usize, 0..20_u8, text())
            .prop_map(|(user, message, number, text)| Step::Edit { user, message, number, text }),
        4 => (0..PEOPLE, 0..300_usize).prop_map(|(user, message)| Step::Delete { user, message }),
        4 => (0..PEOPLE, 0..6_usize).prop_map(|(user, pages)| Step::Follow { user, pages }),
        // More than one page of a sync, and of a chat that is opened.
        1 => (both(), 20..130_usize)
            .prop_map(|((user, partner), messages)| Step::Burst { user, partner, messages }),
        4 => (both(), 0..90_usize)
            .prop_map(|((user, partner), message)| Step::ReadUpTo { user, partner, message }),
        4 => (both(), -2..40_i64)
            .prop_map(|((user, partner), count)| Step::Remaining { user, partner, count }),
        // Seldom, and taken back more often than not, so that most of what is sent arrives.
        2 => (both(), 0..3_u8)
            .prop_map(|((user, partner), of)| Step::Block { user, partner, blocked: of == 0 }),
        3 => device().prop_map(|(user, device)| Step::Leave { user, device }),
        3 => device().prop_map(|(user, device)| Step::Return { user, device }),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![4 => Just(Text::New), 1 => Just(Text::Same), 2 => Just(Text::Again)]
}

/// More than most syncs have, and less than some.
const FOLLOWED: PageBounds = PageBounds { messages_max: 7, bytes_max: 1000 };
const EVERYTHING: PageBounds = PageBounds { messages_max: u32::MAX, bytes_max: usize::MAX };

struct World {
    store: Arc<dyn Store>,
    services: Services,
    ids: Vec<UserId>,
    expected: Expected,
    devices: Vec<Vec<Device>>,
    /// One for each person.
    followers: Vec<Follower>,
    edits: usize,
}

impl World {
    async fn new(store: Arc<dyn Store>) -> Self {
        let mut ids = Vec::new();
        for name in ["ann", "bob", "cyd"] {
            ids.push(store.add_user(&Username::parse(name).unwrap(), "hash").await.unwrap());
        }
        let clock: Arc<dyn Clock> = StillClock::new();
        let config = Config::parse_from(["visavis", "--rate-limits", "off"]);
        let limits = Limits::new(&config, &clock);
        Self {
            services: Services::new(&store, &clock, Passwords::new(4, &[]), limits),
            ids,
            expected: Expected::default(),
            devices: vec![vec![Device::default(); DEVICES]; PEOPLE],
            followers: vec![Follower::default(); PEOPLE],
            edits: 0,
            store,
        }
    }

    fn person(&self, id: UserId) -> usize {
        self.ids.iter().position(|known| *known == id).unwrap()
    }

    /// The devices of somebody that hear of what happens now.
    fn connected(&mut self, user: usize) -> impl Iterator<Item = &mut Device> {
        self.devices[user].iter_mut().filter(|device| device.connected)
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Open { user, partner } => self.open(user, partner).await,
            Step::Send { user, partner, again, same } => {
                self.send(user, partner, again, same).await;
            }
            Step::Edit { user, message, number, text } => {
                self.edit(user, message, number, text).await;
            }
            Step::Delete { user, message } => self.delete(user, message).await,
            Step::Follow { user, pages } => self.follow(user, pages).await,
            Step::Burst { user, partner, messages } => {
                for _ in 0..messages {
                    self.send(user, partner, None, false).await;
                }
            }
            Step::ReadUpTo { user, partner, message } => {
                let id = self.expected.said.get(message).map_or(MessageId(9999), |said| said.id);
                self.mark(user, partner, ReadMark::UpTo(id)).await;
            }
            Step::Remaining { user, partner, count } => {
                self.mark(user, partner, ReadMark::Remaining(count)).await;
            }
            Step::Block { user, partner, blocked } => self.block(user, partner, blocked).await,
            Step::Leave { user, device } => self.devices[user][device].connected = false,
            Step::Return { user, device } => self.sync(user, device).await,
        }
    }

    async fn open(&mut self, user: usize, partner: usize) {
        let opened = self.services.chats.open(self.ids[user], self.ids[partner]).await;
        if self.expected.is_blocked(user, partner) && !self.expected.is_open(user, partner) {
            return assert!(matches!(opened, Err(Error::NotFound(_))), "{opened:?}");
        }
        assert_eq!(opened.unwrap().new, !self.expected.is_open(user, partner));
        self.expected.open(user, partner);
        self.connected(user).for_each(|device| device.chat_opened(partner));
    }

    async fn send(&mut self, user: usize, partner: usize, again: Option<u8>, same: bool) {
        let mut sent = (partner, format!("message {}", self.expected.said.len()));
        let before = again.and_then(|number| self.expected.sent_before.get(&(user, number)));
        let before = before.cloned();
        if let Some((_, partner, text)) = before.clone().filter(|_| same) {
            sent = (partner, text);
        }
        let (partner, text) = sent;
        let sending = self.services.messages.send(SendMessage {
            sender: self.ids[user],
            receiver: self.ids[partner],
            text: text.clone(),
            client_id: again.map(|number| format!("0190f5a0-0000-7000-8000-00000000000{number}")),
        });
        let is_known = |(id, to, first): &(MessageId, usize, String)| {
            *to == partner && (*first == text || self.expected.has_changed(*id))
        };
        let added = match sending.unwrap().await {
            Ok(added) => added,
            Err(Error::Conflict(_)) => return assert!(before.is_some_and(|sent| !is_known(&sent))),
            Err(Error::Forbidden(_)) => {
                assert_eq!(before, None);
                return assert!(self.expected.is_blocked(user, partner));
            }
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                assert_eq!(before, None);
                return assert!(!self.expected.is_open(user, partner));
            }
        };
        assert!(before.as_ref().is_none_or(is_known));
        assert_eq!(added.duplicate, before.is_some());
        if let Some((first, ..)) = before {
            return assert_eq!(added.id, first);
        }
        if let Some(number) = again {
            let sent = (added.id, partner, text.clone());
            self.expected.sent_before.insert((user, number), sent);
        }
        assert!(!self.expected.is_blocked(user, partner));
        assert!(self.expected.said.last().is_none_or(|last| last.id < added.id));
        assert_eq!(added.opened_chat, !self.expected.is_open(partner, user));
        let said = Said { id: added.id, sender: user, receiver: partner, text };
        self.expected.say(said.clone());

        for device in self.connected(user) {
            device.hear(said.clone());
            device.message_came(partner, None);
        }
        if user != partner {
            for device in self.connected(partner) {
                device.hear(said.clone());
                device.message_came(user, Some(added.receiver_new_message_count));
            }
        }
    }

    async fn edit(&mut self, user: usize, message: usize, number: u8, text: Text) {
        let Some(said) = self.expected.said.get(message).cloned() else { return };
        self.edits += 1;
        let before = self.expected.edited_before.get(&(user, number)).cloned();
        let (id, text) = match text {
            Text::New => (said.id, format!("edit {}", self.edits)),
            Text::Same => (said.id, said.text.clone()),
            Text::Again => before.clone().unwrap_or((said.id, format!("edit {}", self.edits))),
        };
        let said = self.expected.said.iter().find(|said| said.id == id).unwrap().clone();
        let editing = self.services.messages.edit(EditMessage {
            user: self.ids[user],
            id,
            text: text.clone(),
            client_id: format!("0190f5a0-0000-7000-8000-0000000001{number:02}"),
        });
        let outcome = editing.unwrap().await;
        if let Some((first, first_text)) = before {
            let is_known = first == id && (first_text == text || self.expected.is_deleted(id));
            return match outcome {
                Ok(changed) => {
                    assert!(is_known && !changed.is_news());
                    assert_eq!(changed.message.deleted_at.is_some(), self.expected.is_deleted(id));
                }
                Err(error) => {
                    assert!(!is_known && matches!(error, Error::Conflict(_)), "{error:?}");
                }
            };
        }
        let (sender, receiver) = (said.sender, said.receiver);
        match outcome {
            Ok(changed) => {
                assert_eq!(user, sender);
                assert!(!self.expected.is_deleted(id) && !self.expected.is_blocked(user, receiver));
                assert_eq!(changed.is_news(), said.text != text);
                assert_eq!(changed.message.message, text);
                self.expected.edited_before.insert((user, number), (id, text.clone()));
                if changed.is_news() {
                    self.expected.edit(id, &text);
                }
            }
            Err(Error::Forbidden(_)) => assert!(
                user == receiver && user != sender
                    || self.expected.is_deleted(id)
                    || self.expected.is_blocked(sender, receiver)
            ),
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                assert!(user != sender && user != receiver);
            }
        }
    }

    async fn delete(&mut self, user: usize, message: usize) {
        let Some(Said { id, sender, receiver, .. }) = self.expected.said.get(message).cloned()
        else {
            return;
        };
        match self.services.messages.delete(self.ids[user], id).await {
            Ok(changed) => {
                assert_eq!(user, sender);
                assert_eq!(changed.is_news(), self.expected.delete(id));
                let count = self.expected.count(receiver, sender);
                assert_eq!(changed.receiver_new_message_count, count);
                if changed.is_news() && receiver != sender {
                    let devices = self.connected(receiver);
                    devices.for_each(|device| device.count_changed(sender, count));
                }
            }
            Err(Error::Forbidden(_)) => assert!(user == receiver && user != sender),
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                assert!(user != sender && user != receiver);
            }
        }
    }

    /// A client asks for what has a version above those that it has, at most so many pages.
    async fn follow(&mut self, user: usize, pages: usize) {
        let (user_id, mut left) = (self.ids[user], pages);
        let follower = &mut self.followers[user];
        let current = self.store.digest_of(user_id).await.unwrap() == follower.digest();
        for found in self.store.versions_of(user_id, u32::MAX).await.unwrap() {
            let held = follower.held.entry(found.partner).or_default();
            assert!(!current || held.complete_to == found.version);
            while held.complete_to != found.version && left > 0 {
                left -= 1;
                let since = held.complete_to;
                let changes = self.store.changes(user_id, found.partner, since, FOLLOWED).await;
                held.apply(changes.unwrap().unwrap());
            }
        }
    }

    /// A client that has synced by versions has what the store has.
    async fn check_follower(&mut self, user: usize) {
        self.follow(user, usize::MAX).await;
        let (user_id, follower) = (self.ids[user], &self.followers[user]);
        assert_eq!(self.store.digest_of(user_id).await.unwrap(), follower.digest());
        for (partner, held) in &follower.held {
            let page = self.store.history(user_id, *partner, None, EVERYTHING).await;
            let mut page = page.unwrap().unwrap();
            page.messages.reverse();
            assert_eq!(held.messages.values().cloned().collect::<Vec<_>>(), page.messages);
            assert_eq!(held.state.as_ref(), Some(&page.state));
            let partner = self.person(*partner);
            assert_eq!(page.state.read.new_message_count, self.expected.count(user, partner));
            assert_eq!(page.state.blocked, self.expected.has_blocked(user, partner));
            let held = held
                .messages
                .values()
                .map(|message| (message.id, message.message.clone(), message.deleted_at.is_some()));
            let expected = self.expected.between(user, partner).map(|said| {
                let is_deleted = self.expected.is_deleted(said.id);
                let text = if is_deleted { String::new() } else { said.text.clone() };
                (said.id, text, is_deleted)
            });
            assert_eq!(held.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        }
    }

    async fn mark(&mut self, user: usize, partner: usize, mark: ReadMark) {
        let marking = self.services.chats.mark_read(self.ids[user], self.ids[partner], mark);
        let Marked { state, moved } = match marking.await {
            Ok(marked) => marked,
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                return assert!(!self.expected.is_open(user, partner));
            }
        };
        let new = self.expected.unread(user, partner);
        match mark {
            ReadMark::UpTo(id) => self.expected.read_up_to(user, partner, id),
            ReadMark::Remaining(count) => {
                let remain = usize::try_from(count.max(0)).unwrap();
                if let Some(read) = new.len().checked_sub(remain + 1) {
                    self.expected.read_up_to(user, partner, new[read]);
                }
            }
        }
        assert_eq!(state.new_message_count, self.expected.count(user, partner));
        // A device that is told nothing must have nothing to learn.
        if moved {
            let count = state.new_message_count;
            self.connected(user).for_each(|device| device.count_changed(partner, count));
        }
    }

    async fn block(&mut self, user: usize, partner: usize, blocked: bool) {
        let setting = self.services.blocks.set(self.ids[user], self.ids[partner], blocked);
        match setting.await {
            Ok(changed) => assert_eq!(changed, self.expected.block(user, partner, blocked)),
            Err(Error::Invalid(_)) => assert_eq!(user, partner),
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                assert!(!self.expected.is_open(user, partner));
            }
        }
    }

    /// A device comes back: it asks for what it missed, page by page, and hears events again.
    async fn sync(&mut self, user: usize, device: usize) {
        loop {
            let since = self.devices[user][device].since;
            let page = self.services.chats.sync(self.ids[user], since).await.unwrap();
            let missed: Vec<Said> =
                page.messages.into_iter().map(|message| self.said(message)).collect();
            let chats = page.chats.iter();
            let chats =
                chats.map(|chat| (self.person(chat.partner.id), chat.read.new_message_count));
            let chats = chats.collect();
            let device = &mut self.devices[user][device];
            for said in missed {
                device.hear(said);
            }
            device.chats = chats;
            device.connected = true;
            if !page.more {
                return;
            }
        }
    }

    fn said(&self, message: Message) -> Said {
        Said {
            id: message.id,
            sender: self.person(message.sender_id),
            receiver: self.person(message.receiver_id),
            text: message.message,
        }
    }

    /// Everybody who was away comes back, and everything is as expected: on each device that lived through
    /// it, and on one that is loaded now.
    async fn check(&mut self) {
        for user in 0..PEOPLE {
            for device in 0..DEVICES {
                if !self.devices[user][device].connected {
                    self.sync(user, device).await;
                }
                let device = &self.devices[user][device];
                let (told, expected) = (&device.said, self.expected.of(user));
                let known = |said: &[Said]| self.expected.without_changed_texts(said);
                assert_eq!(known(told), known(&expected));
                assert_eq!(device.chats, self.expected.list(user));
            }
            self.check_follower(user).await;
            let list = self.services.chats.list(self.ids[user], Show::default()).await.unwrap();
            let list: Vec<(usize, i64)> = list
                .chats
                .iter()
                .map(|chat| (self.person(chat.partner.id), chat.read.new_message_count))
                .collect();
            assert_eq!(list, self.expected.list(user));
            let found = self.services.accounts.find(self.ids[user], "").await.unwrap();
            let found: Vec<usize> = found.into_iter().map(|other| self.person(other.id)).collect();
            let others = (0..PEOPLE).filter(|other| !self.expected.is_blocked(user, *other));
            assert_eq!(found, others.collect::<Vec<_>>());
            for (partner, count) in list {
                self.check_chat(user, partner, count).await;
            }
        }
    }

    /// The chat as it is opened now, and read up to its beginning.
    async fn check_chat(&self, user: usize, partner: usize, count: i64) {
        let (user_id, partner_id) = (self.ids[user], self.ids[partner]);
        let chats = &self.services.chats;
        let newest = chats.newest(user_id, partner_id, None).await.unwrap();
        assert_eq!(newest.read.new_message_count, count);
        assert_eq!(newest.blocked, self.expected.has_blocked(user, partner));
        let mut shown = newest.messages;
        let unread = self.expected.unread(user, partner);
        let oldest_shown = shown.last().map_or(MessageId(0), |message| message.id);
        assert!(unread.first().is_none_or(|first| oldest_shown <= *first));
        while let Some(oldest) = shown.last() {
            let older = Older::than(oldest.id);
            let page = chats.older(user_id, partner_id, older).await.unwrap();
            if page.is_empty() {
                break;
            }
            shown.extend(page);
        }
        let shown: Vec<Said> = shown.into_iter().rev().map(|message| self.said(message)).collect();
        let expected: Vec<Said> = self.expected.between(user, partner).cloned().collect();
        assert_eq!(shown, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_lived_through_it_knows_what_a_fresh_client_does(
        steps in proptest::collection::vec(step(), 1..120)
    ) {
        Runtime::new().unwrap().block_on(async {
            let (store, _dir) = sqlite();
            let mut world = World::new(store).await;
            for step in steps {
                world.run(step).await;
            }
            world.check().await;
        });
    }
}
