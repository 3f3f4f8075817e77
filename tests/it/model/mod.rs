//! Random schedules of opening, sending, sending again, reading, blocking, leaving and coming back, over
//! several people with several devices, through the services: they agree with a model of a few lines, and a
//! client that lived through it all knows what a freshly loaded one does.

mod device;
mod expected;

use std::sync::Arc;

use clap::Parser;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use visavis::clock::Clock;
use visavis::config::Config;
use visavis::domain::{Error, Message, MessageId, ReadMark, UserId, Username};
use visavis::service::{Limits, Passwords, SendMessage, Services, Show};
use visavis::store::{Marked, Older, Store};

use self::device::Device;
use self::expected::{Expected, Said};
use super::support::{StillClock, sqlite};

const PEOPLE: usize = 3;
const DEVICES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Open { user: usize, partner: usize },
    Send { user: usize, partner: usize, again: Option<u8> },
    Burst { user: usize, partner: usize, messages: usize },
    ReadUpTo { user: usize, partner: usize, message: usize },
    Remaining { user: usize, partner: usize, count: i64 },
    Block { user: usize, partner: usize, blocked: bool },
    Leave { user: usize, device: usize },
    Return { user: usize, device: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let both = || (0..PEOPLE, 0..PEOPLE);
    let device = || (0..PEOPLE, 0..DEVICES);
    prop_oneof![
        2 => both().prop_map(|(user, partner)| Step::Open { user, partner }),
        10 => (both(), proptest::option::of(0..6_u8))
            .prop_map(|((user, partner), again)| Step::Send { user, partner, again }),
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

struct World {
    services: Services,
    ids: Vec<UserId>,
    expected: Expected,
    devices: Vec<Vec<Device>>,
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
            Step::Send { user, partner, again } => self.send(user, partner, again).await,
            Step::Burst { user, partner, messages } => {
                for _ in 0..messages {
                    self.send(user, partner, None).await;
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

    async fn send(&mut self, user: usize, partner: usize, again: Option<u8>) {
        let text = format!("message {}", self.expected.said.len());
        let sending = self.services.messages.send(SendMessage {
            sender: self.ids[user],
            receiver: self.ids[partner],
            text: text.clone(),
            client_id: again.map(|number| format!("0190f5a0-0000-7000-8000-00000000000{number}")),
        });
        let before = again.map(|number| (user, number));
        let before = before.and_then(|sent| self.expected.sent_before.get(&sent).copied());
        let added = match sending.unwrap().await {
            Ok(added) => added,
            Err(Error::Forbidden(_)) => {
                assert_eq!(before, None);
                return assert!(self.expected.is_blocked(user, partner));
            }
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                return assert!(!self.expected.is_open(user, partner));
            }
        };
        assert_eq!(added.duplicate, before.is_some());
        if let Some(first) = before {
            return assert_eq!(added.id, first);
        }
        if let Some(number) = again {
            self.expected.sent_before.insert((user, number), added.id);
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
                assert_eq!(device.said, self.expected.of(user));
                assert_eq!(device.chats, self.expected.list(user));
            }
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
