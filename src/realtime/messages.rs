//! `message_sent`, and how a message reaches the sockets of both people.

use std::sync::{Arc, PoisonError};

use super::encoded::Once;
use super::presence::Seat;
use super::reply::{Ack, refuse};
use super::view::{Delivery, Event, Showing};
use super::{Realtime, encoded};
use crate::config::LimitedAction;
use crate::domain::Pair;
use crate::protocol::payload::{
    FromAnotherChat, FromCurrentChat, MessageSent, NewUser, Sent, SentElsewhere,
};
use crate::service::{Key, SendMessage};

/// How many messages may wait while a socket joins a chat: it waits for its turn if it reads too
/// slowly.
const HELD_MAX: usize = 1000;

/// A message counts as one more for each of these, as it is written to sockets.
const MESSAGE_BYTES: usize = 4096;
/// A shorter text cannot take so many: an escape has six bytes.
const SHORT_BYTES: usize = MESSAGE_BYTES / 6;

/// Runs in the order of the socket's packets and does not wait: so messages of one socket are
/// stored in the order sent.
pub fn message_sent(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    payload: MessageSent,
    ack: Ack<MessageSent>,
) {
    let text = payload.message.clone();
    if text.len() > SHORT_BYTES {
        let units = (encoded::bytes(&text) / MESSAGE_BYTES) as u64;
        let key = Key::Person(seat.user.id);
        realtime.services.limits.charge(LimitedAction::SendMessage, key, units);
    }
    let message = SendMessage {
        sender: seat.user.id,
        receiver: payload.chat_partner_id.into(),
        text: payload.message,
        client_id: payload.client_id,
    };
    let receiver = message.receiver;
    let permit = match realtime.order.permit(seat.user.id) {
        Ok(permit) => permit,
        Err(error) => return refuse(seat, ack, &error),
    };
    let (realtime_then, seat) = (Arc::clone(realtime), Arc::clone(seat));
    realtime.order.begin(Pair::of(seat.user.id, receiver), permit, move || {
        let adding = realtime_then.services.messages.send(message);
        async move {
            // The commit comes before the acknowledgement, and that before the deliveries.
            let added = match adding {
                Ok(adding) => adding.await,
                Err(error) => Err(error),
            };
            let added = match added {
                Ok(added) => added,
                Err(error) => return refuse(&seat, ack, &error),
            };
            let answer =
                Sent { timestamp: &added.timestamp, id: added.id, duplicate: added.duplicate };
            let mut view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
            seat.acknowledge(ack, &answer);
            view.sent(receiver, added.id);
            drop(view);
            if !added.duplicate {
                let delivery = Delivery {
                    id: added.id,
                    sender: Arc::clone(&seat.user),
                    receiver,
                    text,
                    timestamp: added.timestamp,
                    opened_chat: added.opened_chat,
                    receiver_new_message_count: added.receiver_new_message_count,
                    in_current_chat: Once::default(),
                    elsewhere: Once::default(),
                };
                deliver(&realtime_then, &seat, &Arc::new(delivery));
            }
        }
    });
}

/// Shows a message to every socket of the receiver, and to the sender's others.
fn deliver(realtime: &Realtime, from: &Seat, delivery: &Arc<Delivery>) {
    // In a chat with oneself both are the same sockets: they are the sender's.
    let receivers = if delivery.receiver == from.user.id {
        Vec::new()
    } else {
        realtime.presence.of(delivery.receiver)
    };
    for seat in receivers.into_iter().chain(realtime.presence.others(from.user.id, from.socket.id))
    {
        // Locked until it is sent: what a join sends must not come in between.
        let mut view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
        let showing = view.show(seat.user.id, Arc::clone(delivery));
        if view.held() > HELD_MAX {
            seat.cut_off();
        }
        emit(&seat, showing);
    }
}

/// Sends messages to a socket, each as the event that was found for it.
pub fn emit(seat: &Seat, showings: impl IntoIterator<Item = Showing>) {
    for (event, delivery) in showings {
        let Delivery { id, sender, text, timestamp, .. } = &*delivery;
        let (id, new_message_count) = (*id, delivery.receiver_new_message_count);
        match event {
            Event::FromCurrentChat => {
                let payload = FromCurrentChat { message: text, timestamp, id, new_message_count };
                seat.emit_encoded(&delivery.in_current_chat.of(&payload));
            }
            Event::FromAnotherChat => {
                let chat_partner_id = sender.id;
                seat.emit(&FromAnotherChat { chat_partner_id, message_id: id, new_message_count });
            }
            Event::NewUser => {
                let username = &sender.username;
                let payload =
                    NewUser { username, id: sender.id, message_id: id, new_message_count };
                seat.emit(&payload);
            }
            Event::SentElsewhere => {
                let chat_partner_id = delivery.receiver;
                let payload = SentElsewhere { chat_partner_id, id, message: text, timestamp };
                seat.emit_encoded(&delivery.elsewhere.of(&payload));
            }
        }
    }
}
