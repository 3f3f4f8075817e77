//! What one socket has open, and so which event a message becomes for it.
//!
//! A message may be stored while a chat is being joined: read too late for the history, or
//! delivered before it. So what arrives for that chat is held until the history has been sent, and
//! then shown if the history does not have it: every message is seen exactly once.

use std::sync::Arc;

use crate::domain::{Message, MessageId, Timestamp, User, UserId};
use crate::protocol::flask::PageStart;
use crate::realtime::encoded::Once;
use crate::store::Older;

/// A stored message on its way to sockets.
#[derive(Debug)]
pub struct Delivery {
    pub id: MessageId,
    pub sender: Arc<User>,
    pub receiver: UserId,
    pub text: String,
    pub timestamp: Timestamp,
    pub opened_chat: bool,
    pub receiver_new_message_count: i64,
    /// As an event of the chat that is open.
    pub in_current_chat: Once,
    /// As an event for the sender's other sockets.
    pub elsewhere: Once,
}

/// What a socket has open.
#[derive(Debug, Default)]
pub enum View {
    #[default]
    Nothing,
    /// The history is being read; `held` arrived meanwhile.
    Joining { partner: UserId, attempt: u64, held: Vec<Arc<Delivery>> },
    /// The client has every message of this chat up to `through`.
    Open { partner: UserId, through: MessageId, shown: Shown },
}

/// What a client shows of the chat that is open: its `count` newest messages, back to `oldest`. So the
/// next older ones are found by their ids, however many are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    pub count: u32,
    pub oldest: Option<MessageId>,
}

impl Shown {
    /// Of a page of messages, newest first.
    #[must_use]
    pub fn page(messages: &[Message]) -> Self {
        let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        Self { count, oldest: messages.last().map(|message| message.id) }
    }

    fn add_newer(&mut self, id: MessageId) {
        self.count += 1;
        self.oldest.get_or_insert(id);
    }
}

/// The event that a message becomes for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    FromCurrentChat,
    FromAnotherChat,
    NewUser,
    SentElsewhere,
}

/// A message, and the event that it is to be sent as.
pub type Showing = (Event, Arc<Delivery>);

impl View {
    /// Leaves what was open and begins to join. What had been held for another chat is to be sent
    /// now, as being from there.
    #[must_use]
    pub fn join(&mut self, user: UserId, partner: UserId, attempt: u64) -> Vec<Showing> {
        let joining = Self::Joining { partner, attempt, held: Vec::new() };
        match std::mem::replace(self, joining) {
            Self::Joining { held, .. } => self.show_all(user, held),
            Self::Nothing | Self::Open { .. } => Vec::new(),
        }
    }

    /// Ends that attempt to join, once the history has been sent, newest first; `None` when the chat
    /// could not be joined. Gives what was held and is to be sent now.
    #[must_use]
    pub fn joined(
        &mut self,
        user: UserId,
        attempt: u64,
        history: Option<&[Message]>,
    ) -> Vec<Showing> {
        match self {
            // Otherwise the client has joined another chat, or the same one again, in the meantime.
            Self::Joining { partner, attempt: current, held } if *current == attempt => {
                let (partner, held) = (*partner, std::mem::take(held));
                *self = history.map_or(Self::Nothing, |history| Self::Open {
                    partner,
                    through: history.first().map(|message| message.id).unwrap_or_default(),
                    shown: Shown::page(history),
                });
                self.show_all(user, held)
            }
            _ => Vec::new(),
        }
    }

    /// What a message becomes for a socket of `user`; `None` when it is held, or known already.
    #[must_use]
    pub fn show(&mut self, user: UserId, delivery: Arc<Delivery>) -> Option<Showing> {
        let own = delivery.sender.id == user;
        let partner_of_message = if own { delivery.receiver } else { delivery.sender.id };
        match self {
            Self::Joining { partner, held, .. } if *partner == partner_of_message => {
                held.push(delivery);
                None
            }
            Self::Open { partner, through, shown } if *partner == partner_of_message => {
                // The history that the client was sent has it already.
                (delivery.id > *through).then(|| {
                    *through = delivery.id;
                    shown.add_newer(delivery.id);
                    (if own { Event::SentElsewhere } else { Event::FromCurrentChat }, delivery)
                })
            }
            _ if own => Some((Event::SentElsewhere, delivery)),
            _ if delivery.opened_chat => Some((Event::NewUser, delivery)),
            _ => Some((Event::FromAnotherChat, delivery)),
        }
    }

    /// The socket itself has sent a message, which its client shows without an event.
    pub fn sent(&mut self, receiver: UserId, id: MessageId) {
        if let Self::Open { partner, shown, .. } = self
            && *partner == receiver
        {
            shown.add_newer(id);
        }
    }

    /// Which messages follow those that the client shows.
    #[must_use]
    pub fn older(&self, of: UserId, start: PageStart) -> Older {
        match (start, self) {
            (PageStart::Before(id), _) => Older::than(id),
            (PageStart::AfterNewest(count), Self::Open { partner, shown, .. })
                if *partner == of && count >= shown.count =>
            {
                Older { before: shown.oldest, skip: count - shown.count }
            }
            // A client that has joined before its connection was lost, and not again.
            (PageStart::AfterNewest(count), _) => Older::skipping(count),
        }
    }

    /// A page of older messages has been sent.
    pub fn went_back(&mut self, of: UserId, older: Older, page: &[Message]) {
        if let Self::Open { partner, shown, .. } = self
            && *partner == of
            && older == (Older { before: shown.oldest, skip: 0 })
            && let Some(last) = page.last()
        {
            shown.count += Shown::page(page).count;
            shown.oldest = Some(last.id);
        }
    }

    /// How many messages are held.
    #[must_use]
    pub fn held(&self) -> usize {
        if let Self::Joining { held, .. } = self { held.len() } else { 0 }
    }

    fn show_all(&mut self, user: UserId, held: Vec<Arc<Delivery>>) -> Vec<Showing> {
        held.into_iter().filter_map(|delivery| self.show(user, delivery)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: UserId = UserId(1);
    const ANN: UserId = UserId(2);
    const BOB: UserId = UserId(3);

    fn message(id: i64, sender: UserId, receiver: UserId) -> Arc<Delivery> {
        Arc::new(Delivery {
            id: MessageId(id),
            sender: Arc::new(User { id: sender, username: format!("user {sender}") }),
            receiver,
            text: format!("message {id}"),
            timestamp: Timestamp::from_stored("2026-03-04 05:06:07".into()),
            opened_chat: false,
            receiver_new_message_count: 1,
            in_current_chat: Once::default(),
            elsewhere: Once::default(),
        })
    }

    fn ids(showings: Vec<Showing>) -> Vec<(Event, i64)> {
        showings.into_iter().map(|(event, delivery)| (event, delivery.id.0)).collect()
    }

    fn shown(view: &mut View, delivery: Arc<Delivery>) -> Option<Event> {
        view.show(ME, delivery).map(|(event, _)| event)
    }

    /// The messages of ann from `newest` back to the first.
    fn history(newest: i64) -> Vec<Message> {
        let row = |id| Message {
            id: MessageId(id),
            sender_id: ANN,
            receiver_id: ME,
            message: format!("message {id}"),
            timestamp: Timestamp::from_stored("2026-03-04 05:06:07".into()),
        };
        (1..=newest).rev().map(row).collect()
    }

    #[test]
    fn older_messages_are_found_by_id_while_the_client_counts_what_it_shows() {
        let all = history(50);
        let mut view = View::Nothing;
        let after = |count| PageStart::AfterNewest(count);
        assert_eq!(view.older(ANN, after(7)), Older::skipping(7));
        assert!(view.join(ME, ANN, 1).is_empty());
        assert!(view.joined(ME, 1, Some(&all[..20])).is_empty());
        let next = view.older(ANN, after(20));
        assert_eq!(next, Older::than(MessageId(31)));
        view.went_back(ANN, next, &all[20..30]);
        // What comes and what is sent is shown, too.
        assert_eq!(shown(&mut view, message(51, ANN, ME)), Some(Event::FromCurrentChat));
        assert_eq!(shown(&mut view, message(52, ME, ANN)), Some(Event::SentElsewhere));
        view.sent(ANN, MessageId(53));
        view.sent(BOB, MessageId(54));
        assert_eq!(view.older(ANN, after(33)), Older::than(MessageId(21)));
        // The client counts more, or less, than it was sent.
        assert_eq!(view.older(ANN, after(35)), Older { before: Some(MessageId(21)), skip: 2 });
        assert_eq!(view.older(ANN, after(10)), Older::skipping(10));
        assert_eq!(view.older(BOB, after(33)), Older::skipping(33));
        assert_eq!(view.older(ANN, PageStart::Before(MessageId(5))), Older::than(MessageId(5)));
    }

    #[test]
    fn the_event_follows_from_what_is_open() {
        let mut view = View::Open { partner: ANN, through: MessageId(0), shown: Shown::default() };
        assert_eq!(shown(&mut view, message(1, ANN, ME)), Some(Event::FromCurrentChat));
        assert_eq!(shown(&mut view, message(2, BOB, ME)), Some(Event::FromAnotherChat));
        assert_eq!(shown(&mut view, message(3, ME, ANN)), Some(Event::SentElsewhere));
        assert_eq!(shown(&mut View::Nothing, message(4, ANN, ME)), Some(Event::FromAnotherChat));
        let opening =
            Delivery { opened_chat: true, ..Arc::into_inner(message(5, BOB, ME)).unwrap() };
        assert_eq!(shown(&mut view, Arc::new(opening)), Some(Event::NewUser));
    }

    #[test]
    fn what_arrives_while_the_history_is_read_is_shown_after_it_unless_it_is_in_it() {
        let mut view = View::Nothing;
        assert!(view.join(ME, ANN, 1).is_empty());
        assert_eq!(shown(&mut view, message(5, ANN, ME)), None);
        assert_eq!(shown(&mut view, message(6, BOB, ME)), Some(Event::FromAnotherChat));
        assert_eq!(shown(&mut view, message(7, ME, ANN)), None);
        assert_eq!(shown(&mut view, message(8, ANN, ME)), None);
        let after = ids(view.joined(ME, 1, Some(&history(5))));
        assert_eq!(after, [(Event::SentElsewhere, 7), (Event::FromCurrentChat, 8)]);
        // Delivered late, but read in time.
        assert_eq!(shown(&mut view, message(4, ANN, ME)), None);
        assert_eq!(shown(&mut view, message(9, ANN, ME)), Some(Event::FromCurrentChat));
    }

    #[test]
    fn joining_another_chat_meanwhile_shows_what_was_held_as_being_from_there() {
        let mut view = View::Nothing;
        assert!(view.join(ME, ANN, 1).is_empty());
        assert_eq!(shown(&mut view, message(1, ANN, ME)), None);
        assert_eq!(ids(view.join(ME, BOB, 2)), [(Event::FromAnotherChat, 1)]);
        // The first attempt comes too late to open anything.
        assert!(view.joined(ME, 1, Some(&history(1))).is_empty());
        assert_eq!(shown(&mut view, message(2, ANN, ME)), Some(Event::FromAnotherChat));
        assert!(view.joined(ME, 2, Some(&[])).is_empty());
        assert_eq!(shown(&mut view, message(3, BOB, ME)), Some(Event::FromCurrentChat));
    }

    #[test]
    fn a_chat_that_cannot_be_joined_leaves_nothing_open_and_loses_nothing() {
        let mut view = View::Nothing;
        assert!(view.join(ME, ANN, 1).is_empty());
        assert_eq!(shown(&mut view, message(1, ANN, ME)), None);
        assert_eq!(ids(view.joined(ME, 1, None)), [(Event::FromAnotherChat, 1)]);
    }
}
