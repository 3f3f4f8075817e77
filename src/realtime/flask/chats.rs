//! Joining a chat, scrolling up in it, reading in it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::messages::emit;
use crate::config::LimitedAction;
use crate::domain::{Error, UserId};
use crate::protocol::flask::{
    CountUpdated, HistoryScrolled, JoinAnswer, JoinChat, Joined, Sync, Synced, SyncedChat,
};
use crate::realtime::Realtime;
use crate::realtime::notifier::Kind;
use crate::realtime::presence::Seat;
use crate::realtime::reply::{Ack, refuse};
use crate::service::Key;
use crate::store::Older;

/// How many messages a page of history may skip: a client that is connected anew counts those that it
/// shows from the end of the conversation.
const SKIPPED_MAX: u32 = 10_000;
/// A page counts as one more read for each so many skipped messages.
const SKIPPED_A_READ: u32 = 100;

pub fn join_chat(realtime: &Arc<Realtime>, seat: &Arc<Seat>, join: JoinChat, ack: Ack<JoinChat>) {
    let (partner, at_most): (UserId, _) = (join.chat_partner_id.into(), join.at_most());
    let attempt = realtime.joins.fetch_add(1, Ordering::Relaxed);
    // At once, in the order of the socket's packets: what arrives from now on is held.
    let mut view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
    emit(seat, view.join(seat.user.id, partner, attempt));
    drop(view);
    let realtime = Arc::clone(realtime);
    seat.answer(async move |seat| {
        let newest = realtime.services.chats.newest(seat.user.id, partner, at_most);
        let newest = realtime.read(seat.user.id, newest).await;
        let mut view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
        let (messages, bytes) = match newest {
            Ok(newest) => {
                let last_read_id = newest.read.last_read_id;
                let joined = Joined { last_read_id, blocked: newest.blocked };
                let (messages, count) = (&newest.messages, newest.read.new_message_count);
                let answer = if join.with_state {
                    JoinAnswer::WithState(messages, count, joined)
                } else {
                    JoinAnswer::Plain(messages, count)
                };
                let bytes = seat.acknowledge(ack, &answer);
                (Some(newest.messages), bytes)
            }
            Err(error) => {
                refuse(&seat, ack, &error);
                (None, 0)
            }
        };
        emit(&seat, view.joined(seat.user.id, attempt, messages.as_deref()));
        drop(view);
        realtime.charge_read(seat.user.id, bytes);
    });
}

pub fn history_scrolled(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    scrolled: HistoryScrolled,
    ack: Ack<HistoryScrolled>,
) {
    let partner: UserId = scrolled.chat_partner_id.into();
    let view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
    let older = view.older(partner, scrolled.start());
    drop(view);
    let is_far = older.skip > SKIPPED_MAX;
    let older = Older { skip: older.skip.min(SKIPPED_MAX), ..older };
    let realtime = Arc::clone(realtime);
    seat.answer(async move |seat| {
        let user = seat.user.id;
        realtime.services.limits.charge(
            LimitedAction::Read,
            Key::Person(user),
            (older.skip / SKIPPED_A_READ).into(),
        );
        let page = realtime.services.chats.older(user, partner, older);
        match realtime.read(user, page).await {
            // Where the conversation has no more than can be skipped, this is its end all the same.
            Ok(messages) if is_far && !messages.is_empty() => {
                let sentence = format!("message_count is above {SKIPPED_MAX}; open the chat again");
                refuse(&seat, ack, &Error::Invalid(sentence));
            }
            Ok(messages) => {
                let mut view = seat.view.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = seat.acknowledge(ack, &messages.as_slice());
                view.went_back(partner, older, &messages);
                drop(view);
                realtime.charge_read(user, bytes);
            }
            Err(error) => refuse(&seat, ack, &error),
        }
    });
}

/// What a client missed while it was away.
pub fn sync(realtime: &Arc<Realtime>, seat: &Arc<Seat>, sync: Sync, ack: Ack<Sync>) {
    let since = sync.since();
    let realtime = Arc::clone(realtime);
    seat.answer(async move |seat| {
        let missed = realtime.services.chats.sync(seat.user.id, since);
        match realtime.read(seat.user.id, missed).await {
            Ok(missed) => {
                let chats = missed.chats.into_iter();
                let chats = chats.map(|chat| SyncedChat { partner: chat.partner, read: chat.read });
                let (messages, more) = (missed.messages, missed.more);
                let chats: Vec<_> = chats.collect();
                let synced = Synced { user_id: seat.user.id, messages, more, chats };
                let bytes = seat.acknowledge(ack, &synced);
                realtime.charge_read(seat.user.id, bytes);
            }
            Err(error) => refuse(&seat, ack, &error),
        }
    });
}

pub fn count_updated(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    updated: CountUpdated,
    ack: Ack<CountUpdated>,
) {
    let partner: UserId = updated.chat_partner_id.into();
    realtime.write(
        seat,
        partner,
        ack,
        |services, user| Ok(services.chats.mark_read(user, partner, updated.mark())),
        |seat, ack, marked| {
            seat.acknowledge(ack, &marked.state.read);
            marked.change.map(|change| (Kind::Read, change))
        },
    );
}
