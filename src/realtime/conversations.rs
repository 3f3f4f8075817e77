//! The requests of protocol 2: catching up, reading and changing conversations.

use std::sync::Arc;

use socketioxide::extract::AckSender;

use super::Realtime;
use super::notifier::Kind;
use super::presence::Seat;
use super::reply::{Ack, refuse};
use crate::domain::{ConversationState, Error, ReadMark, User, UserId};
use crate::protocol::Request;
pub use crate::protocol::ours::AnyRequest;
use crate::protocol::ours::{
    CatchUp, CaughtUp, ChangedConversation, Conversation, ConversationChanged, DeleteMessage,
    EditMessage, GetChanges, GetHistory, History, MarkDelivered, MarkRead, MessageChanged,
    SendMessage, SentMessage, SetBlocked,
};
use crate::protocol::payload::Object;
use crate::service;
use crate::store::{
    self, Added, Change, Changed, Changes, ConversationVersion, HistoryPage, Known, OwnChange,
};

/// Hands a request to what handles it, in the order of the socket's packets.
pub fn handle(realtime: &Arc<Realtime>, seat: &Arc<Seat>, request: AnyRequest, ack: AckSender) {
    let user = seat.user.id;
    match request {
        AnyRequest::CatchUp(request) => {
            read(realtime, seat, Ack::<CatchUp>::new(ack), async move |realtime| {
                let known = known(request);
                let caught_up = realtime.services.conversations.catch_up(user, known).await?;
                realtime.charge_conversations(user, caught_up.digest.conversations);
                Ok(self::caught_up(user, caught_up))
            });
        }
        AnyRequest::GetChanges(asked) => {
            read(realtime, seat, Ack::<GetChanges>::new(ack), async move |realtime| {
                let conversations = &realtime.services.conversations;
                let changes =
                    conversations.changes(user, asked.partner_id, asked.since, asked.at_most);
                Ok(changed(changes.await?))
            });
        }
        AnyRequest::GetHistory(asked) => {
            read(realtime, seat, Ack::<GetHistory>::new(ack), async move |realtime| {
                let conversations = &realtime.services.conversations;
                let (before, at_most) = (asked.before_id, asked.at_most);
                let page = conversations.history(user, asked.partner_id, before, at_most).await?;
                let HistoryPage { partner, state, messages, more } = page;
                Ok(History { conversation: named(partner, state), messages, more })
            });
        }
        AnyRequest::SendMessage(message) => send(realtime, seat, message, Ack::new(ack)),
        AnyRequest::EditMessage(edit) => self::edit(realtime, seat, edit, Ack::new(ack)),
        AnyRequest::DeleteMessage(deletion) => delete(realtime, seat, deletion, Ack::new(ack)),
        AnyRequest::MarkRead(mark) => {
            let partner = mark.partner_id;
            let mark = ReadMark::UpTo(mark.up_to_id);
            realtime.write(
                seat,
                partner,
                Ack::<MarkRead>::new(ack),
                |services, user| Ok(services.chats.mark_read(user, partner, mark)),
                own(partner, Kind::Read),
            );
        }
        AnyRequest::MarkDelivered(mark) => {
            let (partner, up_to) = (mark.partner_id, mark.up_to_id);
            realtime.write(
                seat,
                partner,
                Ack::<MarkDelivered>::new(ack),
                |services, user| Ok(services.conversations.mark_delivered(user, partner, up_to)),
                own(partner, Kind::Delivered),
            );
        }
        AnyRequest::SetBlocked(block) => {
            let (partner, blocked) = (block.partner_id, block.blocked);
            realtime.write(
                seat,
                partner,
                Ack::<SetBlocked>::new(ack),
                |services, user| Ok(services.blocks.set(user, partner, blocked)),
                own(partner, Kind::Blocked),
            );
        }
    }
}

/// Answers what only reads, in its turn.
fn read<R, F>(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    ack: Ack<R>,
    reading: impl FnOnce(Arc<Realtime>) -> F + Send + 'static,
) where
    R: Request,
    R::Answer<'static>: Send,
    F: Future<Output = Result<R::Answer<'static>, Error>> + Send,
{
    let realtime = Arc::clone(realtime);
    seat.answer(async move |seat| {
        let user = seat.user.id;
        match realtime.read(user, reading(Arc::clone(&realtime))).await {
            Ok(answer) => {
                let bytes = seat.acknowledge(ack, &answer);
                realtime.charge_read(user, bytes);
            }
            Err(error) => refuse(&seat, ack, &error),
        }
    });
}

fn send(realtime: &Arc<Realtime>, seat: &Arc<Seat>, request: SendMessage, ack: Ack<SendMessage>) {
    realtime.charge_text(seat.user.id, &request.text);
    let partner = request.partner_id;
    let message = message(seat, request);
    realtime.write(
        seat,
        partner,
        ack,
        |services, _| services.messages.send(message),
        |seat, ack, added| {
            acknowledge_sent(seat, ack, &added);
            let kind = Kind::Added { opened_chat: added.opened_chat };
            added.change.map(|change| (kind, change))
        },
    );
}

fn edit(realtime: &Arc<Realtime>, seat: &Arc<Seat>, request: EditMessage, ack: Ack<EditMessage>) {
    realtime.charge_text(seat.user.id, &request.text);
    let partner = request.partner_id;
    let edit = edit_of(seat, request);
    realtime.write(
        seat,
        partner,
        ack,
        |services, _| services.messages.edit(edit),
        |seat, ack, changed| acknowledge_changed(seat, ack, changed, Kind::Edited),
    );
}

fn delete(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    DeleteMessage { partner_id, message_id }: DeleteMessage,
    ack: Ack<DeleteMessage>,
) {
    realtime.write(
        seat,
        partner_id,
        ack,
        |services, user| Ok(services.messages.delete(user, partner_id, message_id)),
        |seat, ack, changed| acknowledge_changed(seat, ack, changed, Kind::Deleted),
    );
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
        AnyRequest::SendMessage(message) => {
            sent_before(realtime, seat, message, Ack::new(ack), refusal);
        }
        AnyRequest::EditMessage(edit) => {
            edited_before(realtime, seat, edit, Ack::new(ack), refusal);
        }
        _ => refuse(seat, ack, &refusal),
    }
}

fn sent_before(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    request: SendMessage,
    ack: Ack<SendMessage>,
    refusal: Error,
) {
    let message = message(seat, request);
    let realtime = Arc::clone(realtime);
    seat.answer(async move |seat| match realtime.services.messages.sent_before(&message).await {
        Ok(Some(added)) => acknowledge_sent(&seat, ack, &added),
        Ok(None) => refuse(&seat, ack, &refusal),
        Err(error) => refuse(&seat, ack, &error),
    });
}

fn edited_before(
    realtime: &Arc<Realtime>,
    seat: &Arc<Seat>,
    request: EditMessage,
    ack: Ack<EditMessage>,
    refusal: Error,
) {
    let edit = edit_of(seat, request);
    let realtime = Arc::clone(realtime);
    seat.answer(async move |seat| match realtime.services.messages.edited_before(&edit).await {
        Ok(Some(changed)) => _ = acknowledge_changed(&seat, ack, changed, Kind::Edited),
        Ok(None) => refuse(&seat, ack, &refusal),
        Err(error) => refuse(&seat, ack, &error),
    });
}

fn message(seat: &Seat, request: SendMessage) -> service::SendMessage {
    let SendMessage { partner_id, text, client_id } = request;
    let client_id = Some(client_id);
    service::SendMessage { sender: seat.user.id, receiver: partner_id, text, client_id }
}

fn edit_of(seat: &Seat, request: EditMessage) -> service::EditMessage {
    let EditMessage { partner_id: partner, message_id: id, text, client_id } = request;
    service::EditMessage { user: seat.user.id, partner, id, text, client_id }
}

fn acknowledge_sent(seat: &Seat, ack: Ack<SendMessage>, added: &Added) {
    let Added { id, ref timestamp, duplicate, version, .. } = *added;
    seat.acknowledge(ack, &SentMessage { id, timestamp, duplicate, version });
}

fn acknowledge_changed<R>(
    seat: &Seat,
    ack: Ack<R>,
    changed: Changed,
    kind: Kind,
) -> Option<(Kind, Change)>
where
    R: for<'a> Request<Answer<'a> = MessageChanged>,
{
    seat.acknowledge(ack, &MessageChanged { message: changed.message });
    changed.change.map(|change| (kind, change))
}

/// Acknowledges a change of one's own side of the conversation with `partner_id`.
fn own<R>(
    partner_id: UserId,
    kind: Kind,
) -> impl FnOnce(&Seat, Ack<R>, OwnChange) -> Option<(Kind, Change)> + Send
where
    R: for<'a> Request<Answer<'a> = ConversationChanged>,
{
    move |seat, ack, OwnChange { state, change }| {
        let conversation = Conversation { partner_id, username: None, state };
        seat.acknowledge(ack, &ConversationChanged { conversation });
        change.map(|change| (kind, change))
    }
}

/// What a client says that it has. An epoch that is no UUID is none of ours.
fn known(CatchUp { epoch, digest, known, messages_of }: CatchUp) -> Known {
    let version = |(partner, version)| ConversationVersion { partner, version };
    let epoch = epoch.and_then(|epoch| epoch.parse().ok());
    let digest = digest.map(|Object(digest)| digest);
    Known { epoch, digest, versions: known.into_iter().map(version).collect(), messages_of }
}

fn caught_up(user_id: UserId, caught_up: store::CaughtUp) -> CaughtUp {
    let store::CaughtUp { epoch, digest, conversations, more } = caught_up;
    let conversations = conversations.into_iter().map(changed).collect();
    CaughtUp { user_id, epoch: epoch.to_string(), digest, conversations, more }
}

fn changed(changes: Changes) -> ChangedConversation {
    let Changes { partner, state, messages, complete_to, more } = changes;
    ChangedConversation { conversation: named(partner, state), messages, complete_to, more }
}

fn named(partner: User, state: ConversationState) -> Conversation {
    Conversation { partner_id: partner.id, username: Some(partner.username), state }
}
