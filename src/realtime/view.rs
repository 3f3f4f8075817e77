//! What one socket has open, and so which event a message becomes for it.
//!
//! A message may be stored while a chat is being joined: read too late for the history, or
//! delivered before it. So what arrives for that chat is held until the history has been sent, and
//! then shown if the history does not have it: every message is seen exactly once.

use std::sync::Arc;

use crate::domain::{MessageId, Timestamp, User, UserId};

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
}

/// What a socket has open.
#[derive(Debug, Default)]
pub enum View {
    #[default]
    Nothing,
    /// The history is being read; `held` arrived meanwhile.
    Joining { partner: UserId, attempt: u64, held: Vec<Arc<Delivery>> },
    /// The client has every message of this chat up to `through`.
    Open { partner: UserId, through: MessageId },
}

/// The event that a message becomes for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    FromCurrentChat,
    FromAnotherChat,
    NewUser,
    SentElsewhere,
}

/// A message, and the event that it is to be sent as.
pub type Showing = (Shown, Arc<Delivery>);

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

    /// Ends that attempt to join, once the history has been sent, which goes up to `through`; `None`
    /// when the chat could not be joined. Gives what was held and is to be sent now.
    #[must_use]
    pub fn joined(
        &mut self,
        user: UserId,
        attempt: u64,
        through: Option<MessageId>,
    ) -> Vec<Showing> {
        match self {
            // Otherwise the client has joined another chat, or the same one again, in the meantime.
            Self::Joining { partner, attempt: current, held } if *current == attempt => {
                let (partner, held) = (*partner, std::mem::take(held));
                *self = through.map_or(Self::Nothing, |through| Self::Open { partner, through });
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
            Self::Open { partner, through } if *partner == partner_of_message => {
                // The history that the client was sent has it already.
                (delivery.id > *through).then(|| {
                    *through = delivery.id;
                    (if own { Shown::SentElsewhere } else { Shown::FromCurrentChat }, delivery)
                })
            }
            _ if own => Some((Shown::SentElsewhere, delivery)),
            _ if delivery.opened_chat => Some((Shown::NewUser, delivery)),
            _ => Some((Shown::FromAnotherChat, delivery)),
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
        })
    }

    fn ids(showings: Vec<Showing>) -> Vec<(Shown, i64)> {
        showings.into_iter().map(|(shown, delivery)| (shown, delivery.id.0)).collect()
    }

    fn shown(view: &mut View, delivery: Arc<Delivery>) -> Option<Shown> {
        view.show(ME, delivery).map(|(shown, _)| shown)
    }

    #[test]
    fn the_event_follows_from_what_is_open() {
        let mut view = View::Open { partner: ANN, through: MessageId(0) };
        assert_eq!(shown(&mut view, message(1, ANN, ME)), Some(Shown::FromCurrentChat));
        assert_eq!(shown(&mut view, message(2, BOB, ME)), Some(Shown::FromAnotherChat));
        assert_eq!(shown(&mut view, message(3, ME, ANN)), Some(Shown::SentElsewhere));
        assert_eq!(shown(&mut View::Nothing, message(4, ANN, ME)), Some(Shown::FromAnotherChat));
        let opening =
            Delivery { opened_chat: true, ..Arc::into_inner(message(5, BOB, ME)).unwrap() };
        assert_eq!(shown(&mut view, Arc::new(opening)), Some(Shown::NewUser));
    }

    #[test]
    fn what_arrives_while_the_history_is_read_is_shown_after_it_unless_it_is_in_it() {
        let mut view = View::Nothing;
        assert!(view.join(ME, ANN, 1).is_empty());
        assert_eq!(shown(&mut view, message(5, ANN, ME)), None);
        assert_eq!(shown(&mut view, message(6, BOB, ME)), Some(Shown::FromAnotherChat));
        assert_eq!(shown(&mut view, message(7, ME, ANN)), None);
        assert_eq!(shown(&mut view, message(8, ANN, ME)), None);
        let after = ids(view.joined(ME, 1, Some(MessageId(5))));
        assert_eq!(after, [(Shown::SentElsewhere, 7), (Shown::FromCurrentChat, 8)]);
        // Delivered late, but read in time.
        assert_eq!(shown(&mut view, message(4, ANN, ME)), None);
        assert_eq!(shown(&mut view, message(9, ANN, ME)), Some(Shown::FromCurrentChat));
    }

    #[test]
    fn joining_another_chat_meanwhile_shows_what_was_held_as_being_from_there() {
        let mut view = View::Nothing;
        assert!(view.join(ME, ANN, 1).is_empty());
        assert_eq!(shown(&mut view, message(1, ANN, ME)), None);
        assert_eq!(ids(view.join(ME, BOB, 2)), [(Shown::FromAnotherChat, 1)]);
        // The first attempt comes too late to open anything.
        assert!(view.joined(ME, 1, Some(MessageId(1))).is_empty());
        assert_eq!(shown(&mut view, message(2, ANN, ME)), Some(Shown::FromAnotherChat));
        assert!(view.joined(ME, 2, Some(MessageId(0))).is_empty());
        assert_eq!(shown(&mut view, message(3, BOB, ME)), Some(Shown::FromCurrentChat));
    }

    #[test]
    fn a_chat_that_cannot_be_joined_leaves_nothing_open_and_loses_nothing() {
        let mut view = View::Nothing;
        assert!(view.join(ME, ANN, 1).is_empty());
        assert_eq!(shown(&mut view, message(1, ANN, ME)), None);
        assert_eq!(ids(view.joined(ME, 1, None)), [(Shown::FromAnotherChat, 1)]);
    }
}
