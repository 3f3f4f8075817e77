//! How both people hear of what has changed between them: in the order of each conversation, after the
//! commit, whatever protocol their sockets speak.

use std::borrow::Cow;
use std::sync::Arc;

use socketioxide::socket::Sid;
use tokio::sync::oneshot;

use super::encoded::Once;
use super::flask;
use super::order::Order;
use super::presence::{Presence, Seat};
use super::reply::{Ack, refuse};
use crate::domain::{Error, Pair, User, UserId};
use crate::protocol::Request;
use crate::protocol::ours::{Changed, Conversation};
use crate::protocol::payload::Protocol;
use crate::service::Opening;
use crate::store::{Change, Opened};

/// What kind of change it is: protocol 1 has an event of its own for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A message was sent; it may have opened the chat on the receiver's side.
    Added {
        opened_chat: bool,
    },
    Edited,
    Deleted,
    Read,
    Delivered,
    Blocked,
    /// Somebody has opened a chat with that person.
    Opened(User),
}

/// Something that has changed in a conversation.
pub struct Happened {
    pub kind: Kind,
    pub change: Change,
    pub by: Arc<User>,
    /// The socket that did it, which was told by its acknowledgement.
    pub from: Option<Sid>,
}

/// Tells sockets of changes. Conversations do not wait for each other.
#[derive(Default)]
pub struct Notifier {
    pub presence: Presence,
    order: Order,
}

impl Notifier {
    /// Writes for a socket, in the order of the conversation of `people`. `begin` calls the store, which
    /// gives the write its place; after the commit `acknowledge` answers and gives what has changed, if
    /// anything has, and that is published.
    pub fn write<R, T, F>(
        self: &Arc<Self>,
        seat: &Arc<Seat>,
        people: Pair,
        ack: Ack<R>,
        begin: impl FnOnce() -> Result<F, Error>,
        acknowledge: impl FnOnce(&Seat, Ack<R>, T) -> Option<(Kind, Change)> + Send + 'static,
    ) where
        R: Request,
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let permit = match self.order.permit(seat.user.id) {
            Ok(permit) => permit,
            Err(error) => return refuse(seat, ack, &error),
        };
        let (notifier, seat) = (Arc::clone(self), Arc::clone(seat));
        self.order.begin(people, permit, move || {
            let writing = begin();
            async move {
                let written = match writing {
                    Ok(writing) => writing.await,
                    Err(error) => Err(error),
                };
                match written {
                    Ok(written) => {
                        if let Some((kind, change)) = acknowledge(&seat, ack, written) {
                            let (by, from) = (Arc::clone(&seat.user), Some(seat.socket.id));
                            notifier.publish(Happened { kind, change, by, from });
                        }
                    }
                    Err(error) => refuse(&seat, ack, &error),
                }
            }
        });
    }

    /// Opens a chat in the order of its conversation, and publishes that.
    pub fn open_chat<F>(
        self: &Arc<Self>,
        user: User,
        partner: UserId,
        begin: impl FnOnce() -> F,
    ) -> Opening
    where
        F: Future<Output = Result<Opened, Error>> + Send + 'static,
    {
        let permit = match self.order.permit(user.id) {
            Ok(permit) => permit,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let (answer, answered) = oneshot::channel();
        let notifier = Arc::clone(self);
        self.order.begin(Pair::of(user.id, partner), permit, || {
            let opening = begin();
            async move {
                let opened = opening.await;
                if let Ok(Opened { partner, change: Some(change) }) = &opened {
                    let (kind, change) = (Kind::Opened(partner.clone()), change.clone());
                    notifier.publish(Happened { kind, change, by: Arc::new(user), from: None });
                }
                // A page that nobody waits for any more is not told.
                _ = answer.send(opened);
            }
        });
        Box::pin(async { answered.await.unwrap_or(Err(Error::OutOfService)) })
    }

    /// Tells the sockets of both people what has changed.
    fn publish(&self, happened: Happened) {
        let (people, actor) = (happened.change.people, happened.by.id);
        let partner = people.partner_of(actor);
        let mut of_flask = Vec::new();
        // The other first: what was done is known where it was done.
        for person in std::iter::once(partner).chain((partner != actor).then_some(actor)) {
            let (ours, flask): (Vec<_>, Vec<_>) = self
                .presence
                .of(person)
                .into_iter()
                .partition(|seat| seat.protocol == Protocol::Ours);
            of_flask.extend(flask);
            if !ours.is_empty()
                && let Some(changed) = happened.seen_by(person)
            {
                let once = Once::default();
                let encoded = once.of(&changed);
                for seat in ours {
                    seat.emit_encoded(&encoded);
                }
            }
        }
        if !of_flask.is_empty() {
            flask::tell(&of_flask, happened);
        }
    }
}

impl Happened {
    /// What `user`, one of the two, is told; `None` where the conversation is not in that person's list.
    fn seen_by(&self, user: UserId) -> Option<Changed<'_>> {
        let Change { people, after, ref message, .. } = self.change;
        let conversation = Conversation {
            partner_id: people.partner_of(user),
            username: self.new_partner(user).map(|partner| partner.username.clone()),
            state: *self.change.seen_by(user)?,
        };
        // Only its sender knows a message by the id that the client gave it.
        let message = message.as_ref().map(|message| {
            if message.sender_id == user || message.client_id.is_none() {
                Cow::Borrowed(message)
            } else {
                Cow::Owned(message.clone().seen_by(user))
            }
        });
        Some(Changed { after, conversation, message })
    }

    /// The partner, where the change has brought the conversation into `user`'s list.
    fn new_partner(&self, user: UserId) -> Option<&User> {
        match &self.kind {
            Kind::Added { opened_chat: true } if user != self.by.id => Some(&self.by),
            Kind::Opened(partner) if user == self.by.id => Some(partner),
            _ => None,
        }
    }
}
