//! What one socket has open, and so which event a message becomes for it.
//!
//! A message may be stored while a chat is being joined: read too late for the history, or
//! delivered before it. So what arrives for that chat is held until the history has been sent, and
//! then shown if the history does not have it: every message is seen exactly once.

use std::sync::Arc;

use super::events;
use super::payload::{FromAnotherChat, FromCurrentChat, NewUser, SentElsewhere};
use super::presence::Seat;
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

impl View {
    /// Leaves what was open and begins to join; what had been held for another chat is sent as
    /// being from there.
    pub fn join(&mut self, seat: &Seat, partner: UserId, attempt: u64) {
        let joining = Self::Joining { partner, attempt, held: Vec::new() };
        if let Self::Joining { held, .. } = std::mem::replace(self, joining) {
            for delivery in held {
                self.show(seat, delivery);
            }
        }
    }

    /// Ends that attempt to join. `send_history` runs before anything that was held is shown; it
    /// gives the newest message that the client has from now on, or `None` when the chat could not
    /// be joined.
    pub fn joined(
        &mut self,
        seat: &Seat,
        attempt: u64,
        send_history: impl FnOnce() -> Option<MessageId>,
    ) {
        let through = send_history();
        // The client may have joined another chat, or the same one again, in the meantime.
        let Self::Joining { partner, attempt: current, held } = self else {
            return;
        };
        if *current != attempt {
            return;
        }
        let (partner, held) = (*partner, std::mem::take(held));
        *self = through.map_or(Self::Nothing, |through| Self::Open { partner, through });
        for delivery in held {
            self.show(seat, delivery);
        }
    }

    /// Sends a message to this socket as the event that fits what it has open.
    pub fn show(&mut self, seat: &Seat, delivery: Arc<Delivery>) {
        let own = delivery.sender.id == seat.user.id;
        let partner_of_message = if own { delivery.receiver } else { delivery.sender.id };
        match self {
            Self::Joining { partner, held, .. } if *partner == partner_of_message => {
                held.push(delivery);
            }
            Self::Open { partner, through } if *partner == partner_of_message => {
                // The history that the client was sent has it already.
                if delivery.id > *through {
                    *through = delivery.id;
                    if own {
                        sent_elsewhere(seat, &delivery);
                    } else {
                        from_current_chat(seat, &delivery);
                    }
                }
            }
            _ if own => sent_elsewhere(seat, &delivery),
            _ if delivery.opened_chat => new_user(seat, &delivery),
            _ => from_another_chat(seat, &delivery),
        }
    }
}

fn from_current_chat(seat: &Seat, delivery: &Delivery) {
    let payload = FromCurrentChat {
        message: &delivery.text,
        timestamp: &delivery.timestamp,
        id: delivery.id,
        new_message_count: delivery.receiver_new_message_count,
    };
    seat.emit(events::MESSAGE_RECEIVED_FROM_CURRENT_CHAT, &payload);
}

fn from_another_chat(seat: &Seat, delivery: &Delivery) {
    let payload = FromAnotherChat {
        chat_partner_id: delivery.sender.id,
        message_id: delivery.id,
        new_message_count: delivery.receiver_new_message_count,
    };
    seat.emit(events::MESSAGE_RECEIVED_FROM_ANOTHER_CHAT, &payload);
}

fn new_user(seat: &Seat, delivery: &Delivery) {
    let payload = NewUser {
        username: &delivery.sender.username,
        id: delivery.sender.id,
        message_id: delivery.id,
        new_message_count: delivery.receiver_new_message_count,
    };
    seat.emit(events::NEW_USER_SENT_MESSAGE, &payload);
}

fn sent_elsewhere(seat: &Seat, delivery: &Delivery) {
    let payload = SentElsewhere {
        chat_partner_id: delivery.receiver,
        id: delivery.id,
        message: &delivery.text,
        timestamp: &delivery.timestamp,
    };
    seat.emit(events::MESSAGE_SENT_ELSEWHERE, &payload);
}
