//! Random schedules of opening, sending, sending again, reading and coming back, over several people
//! with several devices: the store agrees with a model of a few lines, and a client that lived
//! through it all knows what a freshly loaded one does.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use tokio::runtime::Runtime;
use visavis::domain::{Body, ClientId, MessageId, ReadMark, UserId, Username};
use visavis::store::{NewMessage, Store};

use super::support::{NOW, sqlite};

const PEOPLE: usize = 3;
const DEVICES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Open { user: usize, partner: usize },
    Send { user: usize, partner: usize, again: Option<u8> },
    ReadUpTo { user: usize, partner: usize, message: usize },
    Remaining { user: usize, partner: usize, count: i64 },
    Sync { user: usize, device: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (user, partner) = (0..PEOPLE, 0..PEOPLE);
    let both = (user, partner);
    prop_oneof![
        1 => both.clone().prop_map(|(user, partner)| Step::Open { user, partner }),
        5 => (both.clone(), proptest::option::of(0..6_u8))
            .prop_map(|((user, partner), again)| Step::Send { user, partner, again }),
        2 => (both.clone(), 0..60_usize)
            .prop_map(|((user, partner), message)| Step::ReadUpTo { user, partner, message }),
        2 => (both, -2..8_i64)
            .prop_map(|((user, partner), count)| Step::Remaining { user, partner, count }),
        2 => (0..PEOPLE, 0..DEVICES).prop_map(|(user, device)| Step::Sync { user, device }),
    ]
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    id: MessageId,
    sender: usize,
    receiver: usize,
    text: String,
}

/// What should be so.
#[derive(Default)]
struct Model {
    said: Vec<Said>,
    sent_before: BTreeMap<(usize, u8), MessageId>,
    /// Read positions, by (user, partner); there is one for each open chat.
    chats: BTreeMap<(usize, usize), MessageId>,
    /// The partners of each user, newest last.
    order: BTreeMap<usize, Vec<usize>>,
}

impl Model {
    fn open(&mut self, user: usize, partner: usize) {
        if self.chats.insert((user, partner), MessageId(0)).is_none() {
            self.touch(user, partner);
        }
    }

    fn touch(&mut self, user: usize, partner: usize) {
        let order = self.order.entry(user).or_default();
        order.retain(|other| *other != partner);
        order.push(partner);
    }

    fn between(&self, user: usize, partner: usize) -> impl DoubleEndedIterator<Item = &Said> {
        self.said.iter().filter(move |said| {
            (said.sender, said.receiver) == (user, partner)
                || (said.sender, said.receiver) == (partner, user)
        })
    }

    /// What `partner` has said to `user` after the read position.
    fn unread(&self, user: usize, partner: usize) -> Vec<MessageId> {
        let position = self.chats[&(user, partner)];
        let new =
            self.between(user, partner).filter(|said| said.sender == partner && user != partner);
        new.map(|said| said.id).filter(|id| *id > position).collect()
    }

    fn read_up_to(&mut self, user: usize, partner: usize, id: MessageId) {
        let newest = self.between(user, partner).map(|said| said.id).next_back();
        let id = newest.map_or(MessageId(0), |newest| newest.min(id));
        if let Some(position) = self.chats.get_mut(&(user, partner)) {
            *position = id.max(*position);
        }
    }

    /// The chats of a user, newest first, with their counts.
    fn list(&self, user: usize) -> Vec<(usize, i64)> {
        let order = self.order.get(&user).cloned().unwrap_or_default();
        let count = |partner| i64::try_from(self.unread(user, partner).len()).unwrap();
        order.into_iter().rev().map(|partner| (partner, count(partner))).collect()
    }

    fn of(&self, user: usize) -> Vec<Said> {
        let own = self.said.iter().filter(|said| said.sender == user || said.receiver == user);
        own.cloned().collect()
    }
}

/// A tab that keeps what it was told.
#[derive(Default, Clone)]
struct Device {
    since: MessageId,
    said: Vec<Said>,
    chats: Vec<(usize, i64)>,
}

struct World {
    store: Arc<dyn Store>,
    ids: Vec<UserId>,
    model: Model,
    devices: Vec<Vec<Device>>,
    client_ids: Vec<ClientId>,
}

impl World {
    async fn new(store: Arc<dyn Store>) -> Self {
        let mut ids = Vec::new();
        for name in ["ann", "bob", "cyd"] {
            ids.push(store.add_user(&Username::parse(name).unwrap(), "hash").await.unwrap());
        }
        let client_ids = (0..6).map(|number| {
            ClientId::parse(&format!("0190f5a0-0000-7000-8000-00000000000{number}")).unwrap()
        });
        Self {
            store,
            ids,
            model: Model::default(),
            devices: vec![vec![Device::default(); DEVICES]; PEOPLE],
            client_ids: client_ids.collect(),
        }
    }

    fn person(&self, id: UserId) -> usize {
        self.ids.iter().position(|known| *known == id).unwrap()
    }

    async fn run(&mut self, step: Step) {
        match step {
            Step::Open { user, partner } => {
                let at = NOW.into();
                self.store.open_chat(self.ids[user], self.ids[partner], at).await.unwrap().unwrap();
                if !self.model.chats.contains_key(&(user, partner)) {
                    self.model.open(user, partner);
                }
            }
            Step::Send { user, partner, again } => self.send(user, partner, again).await,
            Step::ReadUpTo { user, partner, message } => {
                let id = self.model.said.get(message).map_or(MessageId(999), |said| said.id);
                let mark = ReadMark::UpTo(id);
                let marked = self.store.mark_read(self.ids[user], self.ids[partner], mark);
                assert_eq!(
                    marked.await.unwrap().is_some(),
                    self.model.chats.contains_key(&(user, partner))
                );
                self.model.read_up_to(user, partner, id);
            }
            Step::Remaining { user, partner, count } => {
                let mark = ReadMark::Remaining(count);
                let marked = self.store.mark_read(self.ids[user], self.ids[partner], mark);
                if marked.await.unwrap().is_some() {
                    let new = self.model.unread(user, partner);
                    let remain = usize::try_from(count.max(0)).unwrap();
                    if let Some(read) = new.len().checked_sub(remain + 1) {
                        self.model.read_up_to(user, partner, new[read]);
                    }
                }
            }
            Step::Sync { user, device } => self.sync(user, device).await,
        }
    }

    async fn send(&mut self, user: usize, partner: usize, again: Option<u8>) {
        let text = format!("message {}", self.model.said.len());
        let added = self.store.add_message(NewMessage {
            sender: self.ids[user],
            receiver: self.ids[partner],
            body: Body::parse(text.clone()).unwrap(),
            at: NOW.into(),
            client_id: again.map(|number| self.client_ids[usize::from(number)]),
        });
        let added = added.await.unwrap();
        assert_eq!(added.is_some(), self.model.chats.contains_key(&(user, partner)));
        let Some(added) = added else { return };
        let before = again.and_then(|number| self.model.sent_before.get(&(user, number)).copied());
        assert_eq!(added.duplicate, before.is_some());
        if let Some(first) = before {
            assert_eq!(added.id, first);
            return;
        }
        assert!(self.model.said.last().is_none_or(|last| last.id < added.id));
        self.model.said.push(Said { id: added.id, sender: user, receiver: partner, text });
        if let Some(number) = again {
            self.model.sent_before.insert((user, number), added.id);
        }
        assert_eq!(added.opened_chat, !self.model.chats.contains_key(&(partner, user)));
        self.model.chats.entry((partner, user)).or_insert(MessageId(0));
        self.model.touch(user, partner);
        self.model.touch(partner, user);
        if user != partner {
            let new = i64::try_from(self.model.unread(partner, user).len()).unwrap();
            assert_eq!(added.receiver_new_message_count, new);
        }
    }

    async fn sync(&mut self, user: usize, device: usize) {
        loop {
            let since = self.devices[user][device].since;
            let page = self.store.sync(self.ids[user], since, 3, 100).await.unwrap();
            let said: Vec<Said> = page
                .messages
                .into_iter()
                .map(|message| Said {
                    id: message.id,
                    sender: self.person(message.sender_id),
                    receiver: self.person(message.receiver_id),
                    text: message.message,
                })
                .collect();
            let chats = page.chats.iter();
            let chats =
                chats.map(|chat| (self.person(chat.partner.id), chat.read.new_message_count));
            let chats = chats.collect();
            let device = &mut self.devices[user][device];
            device.since = said.last().map_or(since, |said| said.id);
            device.said.extend(said);
            device.chats = chats;
            if !page.more {
                return;
            }
        }
    }

    /// Everybody comes back, and everything is as the model says.
    async fn check(&mut self) {
        for user in 0..PEOPLE {
            for device in 0..DEVICES {
                self.sync(user, device).await;
                let device = &self.devices[user][device];
                assert_eq!(device.said, self.model.of(user));
                assert_eq!(device.chats, self.model.list(user));
            }
            for (partner, count) in self.model.list(user) {
                let (owner, other) = (self.ids[user], self.ids[partner]);
                let fresh =
                    self.store.newest_messages(owner, other, 1000, 1000).await.unwrap().unwrap();
                assert_eq!(fresh.read.new_message_count, count);
                let ids: Vec<MessageId> =
                    fresh.messages.iter().rev().map(|message| message.id).collect();
                let expected: Vec<MessageId> =
                    self.model.between(user, partner).map(|said| said.id).collect();
                assert_eq!(ids, expected);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

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
