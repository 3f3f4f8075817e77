//! Protocol 1: what a socket has open, and the events that changes of conversations become by it. The Flask
//! chat's own script speaks it, and everything here is as that expects it.

mod chats;
mod messages;
mod view;

use std::sync::Arc;

use socketioxide::extract::AckSender;

pub use self::view::View;
use super::Realtime;
use super::notifier::{Happened, Kind};
use super::presence::Seat;
use super::reply::{Ack, refuse};
use crate::domain::{Error, UserId};
pub use crate::protocol::flask::AnyRequest;
use crate::protocol::flask::{Block, BlockChanged, Blocked, ChatOpened, CountChanged};

/// Hands a request to what handles it, in the order of the socket's packets.
pub fn handle(realtime: &Arc<Realtime>, seat: &Arc<Seat>, request: AnyRequest, ack: AckSender) {
    match request {
        AnyRequest::JoinChat(join) => chats::join_chat(realtime, seat, join, Ack::new(ack)),
        AnyRequest::HistoryScrolled(scrolled) => {
            chats::history_scrolled(realtime, seat, scrolled, Ack::new(ack));
        }
        AnyRequest::MessageSent(message) => {
            messages::message_sent(realtime, seat, message, Ack::new(ack));
        }
        AnyRequest::CountUpdated(updated) => {
            chats::count_updated(realtime, seat, updated, Ack::new(ack));
        }
        AnyRequest::Block(block) => self::block(realtime, seat, block, Ack::new(ack)),
        AnyRequest::Sync(sync) => chats::sync(realtime, seat, sync, Ack::new(ack)),
    }
}

/// Answers a request that is over its limit: with the outcome that it has had, if it was done before.
pub fn answer_again(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    request: AnyRequest,
    ack: AckSender,
    refusal: Error,
) {
    match request {
        AnyRequest::MessageSent(message) => {
            messages::sent_before(realtime, seat, message, Ack::new(ack), refusal);
        }
        _ => refuse(seat, ack, &refusal),
    }
}

/// Tells the sockets of protocol 1 among `seats` what has happened. The one that did it knows.
pub fn tell(seats: &[Arc<Seat>], mut happened: Happened) {
    let actor = happened.by.id;
    let partner_id = happened.change.people.partner_of(actor);
    let from = happened.from;
    let others = || seats.iter().filter(move |seat| from != Some(seat.socket.id));
    let of = |user: UserId| others().filter(move |seat: &&Arc<Seat>| seat.user.id == user);
    let message = happened.change.message.take();
    let state = |user| happened.change.seen_by(user);
    match happened.kind {
        Kind::Added { opened_chat } => {
            let Some(message) = message else { return };
            let count = state(message.receiver_id).map_or(0, |state| state.read.new_message_count);
            let delivery = messages::delivery(&happened.by, message, opened_chat, count);
            others().for_each(|seat| messages::deliver(seat, &delivery));
        }
        // These clients know of no edit: they see it when they open the chat again.
        Kind::Edited | Kind::Delivered => {}
        // What was new is not any more.
        Kind::Deleted => {
            if let (Some(message), Some(state)) = (message, state(partner_id))
                && message.id > state.read.last_read_id
            {
                let payload = CountChanged::of(actor, state.read);
                of(partner_id).for_each(|seat| seat.emit(&payload));
            }
        }
        Kind::Read => {
            if let Some(state) = state(actor) {
                let payload = CountChanged::of(partner_id, state.read);
                of(actor).for_each(|seat| seat.emit(&payload));
            }
        }
        Kind::Blocked => {
            if let Some(state) = state(actor) {
                let payload = BlockChanged { chat_partner_id: partner_id, blocked: state.blocked };
                of(actor).for_each(|seat| seat.emit(&payload));
            }
        }
        Kind::Opened(ref partner) => {
            of(actor).for_each(|seat| seat.emit(&ChatOpened(partner)));
        }
    }
}

fn block(realtime: &Arc<Realtime>, seat: &Arc<Seat>, block: Block, ack: Ack<Block>) {
    let Block { chat_partner_id, blocked } = block;
    let partner: UserId = chat_partner_id.into();
    realtime.write(
        seat,
        partner,
        ack,
        |services, user| Ok(services.blocks.set(user, partner, blocked)),
        move |seat, ack, set| {
            seat.acknowledge(ack, &Blocked { blocked });
            set.change.map(|change| (Kind::Blocked, change))
        },
    );
}
