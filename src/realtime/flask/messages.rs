//! `message_sent`, and how a message reaches a socket.

use std::sync::{Arc, PoisonError};

use super::view::{Delivery, Event, Showing};
use crate::domain::{Error, MessageState, User, UserId};
use crate::protocol::flask::{
    FromAnotherChat, FromCurrentChat, MessageSent, NewUser, Sent, SentElsewhere,
};
use crate::realtime::Realtime;
use crate::realtime::encoded::Once;
use crate::realtime::notifier::Kind;
use crate::realtime::presence::Seat;
use crate::realtime::reply::{Ack, refuse};
use crate::service::SendMessage;
use crate::store::Added;

/// How many messages may wait while a socket joins a chat: it waits for its turn if it reads too
/// slowly.
const HELD_MAX: usize = 1000;

/// Runs in the order of the socket's packets and does not wait: so messages of one socket are
/// stored in the order sent.
pub fn message_sent(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    payload: MessageSent,
    ack: Ack<MessageSent>,
) {
    realtime.charge_text(seat.user.id, &payload.message);
    let message = message(seat, payload);
    let receiver = message.receiver;
    realtime.write(
        seat,
        receiver,
        ack,
        |services, _| services.messages.send(message),
        move |seat, ack, added| {
            acknowledge(seat, ack, receiver, &added);
            let kind = Kind::Added { opened_chat: added.opened_chat };
            added.change.map(|change| (kind, change))
        },
    );
}

/// Answers a message that is over its limit: with the answer that it has had, if it was kept.
pub fn sent_before(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    payload: MessageSent,
    ack: Ack<MessageSent>,
    refusal: Error,
) {
    let message = message(seat, payload);
    let realtime = Arc::clone(realtime);
    seat.answer(async move |seat| match realtime.services.messages.sent_before(&message).await {
        Ok(Some(added)) => acknowledge(&seat, ack, message.receiver, &added),
        Ok(None) => refuse(&seat, ack, &refusal),
        Err(error) => refuse(&seat, ack, &error),
    });
}

fn message(seat: &Seat, payload: MessageSent) -> SendMessage {
    let MessageSent { chat_partner_id, message: text, client_id } = payload;
    SendMessage { sender: seat.user.id, receiver: chat_partner_id.into(), text, client_id }
}

fn acknowledge(seat: &Seat, ack: Ack<MessageSent>, receiver: UserId, added: &Added) {
    let answer = Sent { timestamp: &added.timestamp, id: added.id, duplicate: added.duplicate };
    let mut view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
    seat.acknowledge(ack, &answer);
    view.sent(receiver, added.id);
}

/// A message on its way to the sockets of both people.
pub fn delivery(
    sender: &Arc<User>,
    message: MessageState,
    opened_chat: bool,
    receiver_new_message_count: i64,
) -> Arc<Delivery> {
    let MessageState { id, receiver_id, text, timestamp, .. } = message;
    Arc::new(Delivery {
        id,
        sender: Arc::clone(sender),
        receiver: receiver_id,
        text,
        timestamp,
        opened_chat,
        receiver_new_message_count,
        in_current_chat: Once::default(),
        elsewhere: Once::default(),
    })
}

/// Shows a message to a socket.
pub fn deliver(seat: &Seat, delivery: &Arc<Delivery>) {
    // Locked until it is sent: what a join sends must not come in between.
    let mut view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
    let showing = view.show(seat.user.id, Arc::clone(delivery));
    if view.held() > HELD_MAX {
        seat.cut_off();
    }
    emit(seat, showing);
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
