//! Random schedules of opening, sending, sending again, editing, deleting, reading, blocking, leaving and
//! coming back, over several people with several devices, through the services: they agree with a model of
//! a few lines, and a client that lived through it all knows what a freshly loaded one does, also one of
//! versions, which hears late of some changes and never of others.

mod device;
mod expected;

use std::sync::Arc;

use clap::Parser;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use visavis::clock::Clock;
use visavis::config::Config;
use visavis::domain::{
    ConversationState, Error, Message, MessageId, Pair, ReadMark, UserId, Username,
};
use visavis::service::{EditMessage, Limits, Passwords, SendMessage, Services, Show};
use visavis::store::{CatchUpBounds, Change, Older, OwnChange, PageBounds, Store};

use self::device::{Device, Follower};
use self::expected::{Expected, Said};
use super::support::{StillClock, new_count, sqlite};

const PEOPLE: usize = 3;
const DEVICES: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Open { user: usize, partner: usize },
    Send { user: usize, partner: usize, again: Option<u8>, same: bool },
    Edit { user: usize, message: usize, number: u8, text: Text, aside: bool },
    Delete { user: usize, message: usize, aside: bool },
    CatchUp { user: usize, answers: usize },
    Scroll { user: usize, partner: usize },
    Deliver { user: usize, partner: usize, message: usize },
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
        6 => (0..PEOPLE, 0..300_usize, 0..20_u8, text(), aside()).prop_map(
            |(user, message, number, text, aside)| Step::Edit { user, message, number, text, aside }
        ),
        4 => (0..PEOPLE, 0..300_usize, aside())
            .prop_map(|(user, message, aside)| Step::Delete { user, message, aside }),
        3 => (0..PEOPLE, 1..4_usize).prop_map(|(user, answers)| Step::CatchUp { user, answers }),
        2 => both().prop_map(|(user, partner)| Step::Scroll { user, partner }),
        3 => (both(), 0..300_usize)
            .prop_map(|((user, partner), message)| Step::Deliver { user, partner, message }),
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

/// Whether a message is named with another partner than its own.
fn aside() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.1)
}

/// When somebody's client of versions hears of what a step changes.
#[derive(Debug, Clone, Copy)]
enum Hearing {
    Now,
    /// With the next change that it hears of.
    Later,
    Never,
}

fn hearing() -> impl Strategy<Value = [Hearing; PEOPLE]> {
    proptest::array::uniform3(prop_oneof![
        5 => Just(Hearing::Now),
        2 => Just(Hearing::Later),
        1 => Just(Hearing::Never),
    ])
}

/// More than most pages have, and less than some.
const PAGE: PageBounds = PageBounds { messages_max: 7, bytes_max: 1000 };
const CAUGHT_UP: CatchUpBounds =
    CatchUpBounds { conversations_max: 2, messages_max: 7, bytes_max: 1000 };

struct World {
    store: Arc<dyn Store>,
    services: Services,
    ids: Vec<UserId>,
    expected: Expected,
    devices: Vec<Vec<Device>>,
    /// One for each person.
    followers: Vec<Follower>,
    /// What each of them is yet to hear of.
    on_the_way: Vec<Vec<Change>>,
    hearing: [Hearing; PEOPLE],
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
            on_the_way: vec![Vec::new(); PEOPLE],
            hearing: [Hearing::Now; PEOPLE],
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

    async fn run(&mut self, step: Step, hearing: [Hearing; PEOPLE]) {
        self.hearing = hearing;
        match step {
            Step::Open { user, partner } => self.open(user, partner).await,
            Step::Send { user, partner, again, same } => {
                self.send(user, partner, again, same).await;
            }
            Step::Edit { user, message, number, text, aside } => {
                self.edit(user, message, number, text, aside).await;
            }
            Step::Delete { user, message, aside } => self.delete(user, message, aside).await,
            Step::CatchUp { user, answers } => self.catch_up(user, answers).await,
            Step::Scroll { user, partner } => self.scroll(user, self.ids[partner]).await,
            Step::Deliver { user, partner, message } => {
                let id = self.id_of(message);
                self.deliver(user, partner, id).await;
            }
            Step::Burst { user, partner, messages } => {
                for _ in 0..messages {
                    self.send(user, partner, None, false).await;
                }
            }
            Step::ReadUpTo { user, partner, message } => {
                let id = self.id_of(message);
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

    /// The id of that message, or one that no message has yet.
    fn id_of(&self, message: usize) -> MessageId {
        self.expected.said.get(message).map_or(MessageId(9999), |said| said.id)
    }

    /// Something has changed: both are told how it is now, and of the message with that id.
    async fn tell(
        &mut self,
        change: Option<Change>,
        (user, partner): (usize, usize),
        message: Option<MessageId>,
    ) {
        let Some(change) = change else { return };
        let (user_id, partner_id) = (self.ids[user], self.ids[partner]);
        assert_eq!(change.people, Pair::of(user_id, partner_id));
        assert_eq!(change.after, self.expected.change(user, partner));
        assert_eq!(change.message.as_ref().map(|message| message.id), message);
        for id in change.people.people() {
            let (person, other) = (self.person(id), self.person(change.people.partner_of(id)));
            let expected = self.expected.state(person, other);
            assert_eq!(change.seen_by(id).copied().map(unlisted), expected);
            match self.hearing[person] {
                Hearing::Never => {}
                Hearing::Later => self.on_the_way[person].push(change.clone()),
                Hearing::Now => {
                    self.on_the_way[person].push(change.clone());
                    self.hear(person).await;
                }
            }
        }
    }

    /// Somebody has changed their own side of a chat, or tried to.
    async fn tell_own(&mut self, own: OwnChange, user: usize, partner: usize) {
        self.tell(own.change, (user, partner), None).await;
        assert_eq!(Some(unlisted(own.state)), self.expected.state(user, partner));
    }

    /// A client of versions hears of what is on the way, in its order, and fills the gaps.
    async fn hear(&mut self, user: usize) {
        let user_id = self.ids[user];
        for change in std::mem::take(&mut self.on_the_way[user]) {
            let partner = change.people.partner_of(user_id);
            let mut more = self.followers[user].hear(user_id, change);
            while more {
                let held = self.followers[user].held.get_mut(&partner).unwrap();
                let since = held.complete_to;
                let changes = self.store.changes(user_id, partner, since, PAGE).await;
                let changes = changes.unwrap().unwrap();
                more = changes.more;
                held.apply(changes);
            }
        }
    }

    async fn open(&mut self, user: usize, partner: usize) {
        let opened = self.services.chats.open(self.ids[user], self.ids[partner]).await;
        if self.expected.is_blocked(user, partner) && !self.expected.is_open(user, partner) {
            return assert!(matches!(opened, Err(Error::NotFound(_))), "{opened:?}");
        }
        let change = opened.unwrap().change;
        assert_eq!(change.is_some(), !self.expected.is_open(user, partner));
        self.expected.open(user, partner);
        self.connected(user).for_each(|device| device.chat_opened(partner));
        self.tell(change, (user, partner), None).await;
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
            return assert_eq!((added.id, added.change), (first, None));
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
            let count = new_count(added.change.as_ref(), self.ids[partner]);
            for device in self.connected(partner) {
                device.hear(said.clone());
                device.message_came(user, Some(count));
            }
        }
        self.tell(added.change, (user, partner), Some(added.id)).await;
    }

    /// Whom `user` names as the partner of a message, and whether the message is found there.
    fn named(user: usize, said: &Said, aside: bool) -> (usize, bool) {
        let partner = if user == said.sender { said.receiver } else { said.sender };
        let is_one_of_the_two = user == said.sender || user == said.receiver;
        if aside { ((partner + 1) % PEOPLE, false) } else { (partner, is_one_of_the_two) }
    }

    async fn edit(&mut self, user: usize, message: usize, number: u8, text: Text, aside: bool) {
        let Some(said) = self.expected.said.get(message).cloned() else { return };
        self.edits += 1;
        let before = self.expected.edited_before.get(&(user, number)).cloned();
        let (id, text) = match text {
            Text::New => (said.id, format!("edit {}", self.edits)),
            Text::Same => (said.id, said.text.clone()),
            Text::Again => before.clone().unwrap_or((said.id, format!("edit {}", self.edits))),
        };
        let said = self.expected.said.iter().find(|said| said.id == id).unwrap().clone();
        let (partner, is_there) = Self::named(user, &said, aside);
        let editing = self.services.messages.edit(EditMessage {
            user: self.ids[user],
            partner: self.ids[partner],
            id,
            text: text.clone(),
            client_id: format!("0190f5a0-0000-7000-8000-0000000001{number:02}"),
        });
        let outcome = editing.unwrap().await;
        if let Some((first, first_text)) = before {
            let is_known = first == id && (first_text == text || self.expected.is_deleted(id));
            return match outcome {
                Ok(changed) => {
                    assert!(is_known && is_there && changed.change.is_none());
                    assert_eq!(changed.message.deleted_at.is_some(), self.expected.is_deleted(id));
                }
                Err(Error::NotFound(_)) => assert!(is_known && !is_there),
                Err(error) => {
                    assert!(!is_known && matches!(error, Error::Conflict(_)), "{error:?}");
                }
            };
        }
        let (sender, receiver) = (said.sender, said.receiver);
        match outcome {
            Ok(changed) => {
                assert!(user == sender && is_there);
                assert!(!self.expected.is_deleted(id) && !self.expected.is_blocked(user, receiver));
                assert_eq!(changed.change.is_some(), said.text != text);
                assert_eq!(changed.message.text, text);
                self.expected.edited_before.insert((user, number), (id, text.clone()));
                if changed.change.is_some() {
                    self.expected.edit(id, &text);
                }
                self.tell(changed.change, (sender, receiver), Some(id)).await;
            }
            Err(Error::Forbidden(_)) => assert!(
                is_there
                    && (user != sender
                        || self.expected.is_deleted(id)
                        || self.expected.is_blocked(sender, receiver))
            ),
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                assert!(!is_there);
            }
        }
    }

    async fn delete(&mut self, user: usize, message: usize, aside: bool) {
        let Some(said) = self.expected.said.get(message).cloned() else { return };
        let (partner, is_there) = Self::named(user, &said, aside);
        let Said { id, sender, receiver, .. } = said;
        let deleting = self.services.messages.delete(self.ids[user], self.ids[partner], id);
        match deleting.await {
            Ok(changed) => {
                assert!(user == sender && is_there);
                assert_eq!(changed.change.is_some(), self.expected.delete(id));
                if changed.change.is_some() && receiver != sender {
                    let count = new_count(changed.change.as_ref(), self.ids[receiver]);
                    let devices = self.connected(receiver);
                    devices.for_each(|device| device.count_changed(sender, count));
                }
                self.tell(changed.change, (sender, receiver), Some(id)).await;
            }
            Err(Error::Forbidden(_)) => assert!(is_there && user != sender),
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                assert!(!is_there);
            }
        }
    }

    async fn deliver(&mut self, user: usize, partner: usize, up_to: MessageId) {
        let conversations = &self.services.conversations;
        match conversations.mark_delivered(self.ids[user], self.ids[partner], up_to).await {
            Ok(own) => {
                let before = self.expected.state(user, partner);
                self.expected.deliver_up_to(user, partner, up_to);
                assert_eq!(own.change.is_some(), before != self.expected.state(user, partner));
                self.tell_own(own, user, partner).await;
            }
            Err(error) => {
                assert!(matches!(error, Error::NotFound(_)), "{error:?}");
                assert!(!self.expected.is_open(user, partner));
            }
        }
    }

    /// A client of versions asks for what it has missed, until there is no more, or so many times.
    async fn catch_up(&mut self, user: usize, answers: usize) {
        let follower = &mut self.followers[user];
        for _ in 0..answers {
            let told = self.store.catch_up(self.ids[user], follower.known(), CAUGHT_UP).await;
            let told = told.unwrap();
            let more = told.more;
            follower.catch_up(told);
            if !more {
                return;
            }
        }
    }

    /// A client of versions asks for a page of older messages.
    async fn scroll(&mut self, user: usize, partner: UserId) {
        let Some(held) = self.followers[user].held.get_mut(&partner) else { return };
        if !held.has_all() {
            let page = self.store.history(self.ids[user], partner, held.before(), PAGE).await;
            held.scroll(page.unwrap().unwrap());
        }
    }

    /// A client of versions comes to have everything.
    async fn load(&mut self, user: usize) -> &Follower {
        self.catch_up(user, usize::MAX).await;
        let partners: Vec<_> = self.followers[user].held.keys().copied().collect();
        for partner in partners {
            while !self.followers[user].held[&partner].has_all() {
                self.scroll(user, partner).await;
            }
        }
        &self.followers[user]
    }

    /// A client that has followed the versions has what one has that is loaded now, and both have what is
    /// expected.
    async fn check_follower(&mut self, user: usize) {
        self.hear(user).await;
        let lived = self.load(user).await.clone();
        self.followers[user] = Follower::default();
        assert_eq!(lived, *self.load(user).await);
        let partners: Vec<_> = lived.held.keys().map(|partner| self.person(*partner)).collect();
        let mut expected: Vec<_> =
            self.expected.list(user).into_iter().map(|(partner, _)| partner).collect();
        let listed_at = |partner: &usize| {
            let held = &lived.held[&self.ids[*partner]];
            held.state.map(|state| state.listed_at)
        };
        assert!(expected.is_sorted_by(|one, next| listed_at(one) > listed_at(next)));
        expected.sort_unstable();
        assert_eq!(partners, expected);
        for (partner, held) in partners.into_iter().zip(lived.held.into_values()) {
            assert_eq!(held.state.map(unlisted), self.expected.state(user, partner));
            assert_eq!(Some(held.complete_to), held.state.map(|state| state.version));
            let held = held
                .messages
                .values()
                .map(|message| (message.id, message.text.clone(), message.deleted_at.is_some()));
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
        let own = match marking.await {
            Ok(own) => own,
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
        // A device that is told nothing must have nothing to learn.
        if own.change.is_some() {
            let count = own.state.read.new_message_count;
            self.connected(user).for_each(|device| device.count_changed(partner, count));
        }
        self.tell_own(own, user, partner).await;
    }

    async fn block(&mut self, user: usize, partner: usize, blocked: bool) {
        let setting = self.services.blocks.set(self.ids[user], self.ids[partner], blocked);
        match setting.await {
            Ok(own) => {
                assert_eq!(own.change.is_some(), self.expected.block(user, partner, blocked));
                self.tell_own(own, user, partner).await;
            }
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
        steps in proptest::collection::vec((step(), hearing()), 1..120)
    ) {
        Runtime::new().unwrap().block_on(async {
            let (store, _dir) = sqlite();
            let mut world = World::new(store).await;
            for (step, hearing) in steps {
                world.run(step, hearing).await;
            }
            world.check().await;
        });
    }
}

/// A state without the time at which it came to the top of the list.
fn unlisted(state: ConversationState) -> ConversationState {
    ConversationState { listed_at: 0, ..state }
}
