//! Sending, editing and deleting a message.

use std::sync::Arc;

use time::Duration;

use crate::clock::Clock;
use crate::domain::{Body, ClientId, Error, MessageId, UserId};
use crate::store::{
    Added, Changed, MessageEdit, NewMessage, NotAdded, NotDeleted, NotEdited, Reply, Store,
};

use super::chats::no_such_chat;

/// How long after it was sent a message may be edited. Old words that others have answered stay what
/// they were; they may be deleted at any time.
const EDITED_WITHIN: Duration = Duration::hours(24);
/// How long the outcome of an edit is kept. It must be longer than messages may be edited: an edit that
/// is sent again after that is refused as too late, and not done twice.
pub(super) const OUTCOMES_KEPT: Duration = Duration::days(7);

/// A message as its sender's client gave it.
#[derive(Debug, Clone)]
pub struct SendMessage {
    pub sender: UserId,
    pub receiver: UserId,
    pub text: String,
    pub client_id: Option<String>,
}

/// A new text for a message, as its sender's client gave it.
#[derive(Debug, Clone)]
pub struct EditMessage {
    pub user: UserId,
    pub partner: UserId,
    pub id: MessageId,
    pub text: String,
    pub client_id: String,
}

#[derive(Clone)]
pub struct Messages {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    chars_max: usize,
}

impl Messages {
    /// `chars_max`: how long a message may be, in characters.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, chars_max: usize) -> Self {
        Self { store, clock, chars_max }
    }

    /// Keeps a message. It takes its place among the writes of the two people when this is called; the
    /// future tells when it is on disk. A message that was kept before gets its first answer again.
    ///
    /// # Errors
    /// `Invalid` for a text that is blank or too long, or a client id that is no UUID; `NotFound` when
    /// the sender has no chat with the receiver, `Forbidden` when one of the two has blocked the other,
    /// `Conflict` when the client id was sent before with another text or to somebody else. Nothing
    /// was kept then.
    pub fn send(
        &self,
        message: SendMessage,
    ) -> Result<impl Future<Output = Result<Added, Error>> + Send + use<>, Error> {
        let client_id = message.client_id.as_deref().map(ClientId::parse).transpose()?;
        let SendMessage { sender, receiver, text, .. } = message;
        let attempt = match (Body::parse_or_return(text, self.chars_max), client_id) {
            (Ok(body), _) => {
                let at = self.clock.now();
                let message = NewMessage { sender, receiver, body, at, client_id };
                Attempt::Made(self.store.add_message(message))
            }
            (Err((error, text)), Some(client_id)) => {
                let before = self.store.added_before(sender, receiver, text, client_id);
                Attempt::Refused(before, error)
            }
            (Err((error, _)), None) => return Err(error),
        };
        Ok(attempt.outcome(not_added))
    }

    /// The answer that a message has had, for a caller that would refuse to send it: one that was
    /// kept is never refused by what came later. `None` for one that was not kept.
    ///
    /// # Errors
    /// As for [`Messages::send`].
    pub async fn sent_before(&self, message: &SendMessage) -> Result<Option<Added>, Error> {
        let Some(client_id) = &message.client_id else { return Ok(None) };
        let client_id = ClientId::parse(client_id)?;
        let SendMessage { sender, receiver, ref text, .. } = *message;
        let before = self.store.added_before(sender, receiver, text.clone(), client_id).await?;
        before.transpose().map_err(not_added)
    }

    /// Gives a message of the user's own another text. It takes its place among the writes of the two people
    /// when this is called; the future tells when it is on disk. An edit that was done before gets its first
    /// outcome again.
    ///
    /// # Errors
    /// `Invalid` as for [`Messages::send`]; `NotFound` for a message that is not in that chat;
    /// `Forbidden` for the partner's message, one that was deleted or is older than 24 hours, and while
    /// one of the two has blocked the other; `Conflict` when the client id was sent before with
    /// another edit. Nothing has changed then.
    pub fn edit(
        &self,
        edit: EditMessage,
    ) -> Result<impl Future<Output = Result<Changed, Error>> + Send + use<>, Error> {
        let client_id = ClientId::parse(&edit.client_id)?;
        let EditMessage { user, partner, id, text, .. } = edit;
        let attempt = match Body::parse_or_return(text, self.chars_max) {
            Ok(body) => {
                let at = self.clock.now();
                let oldest = at - EDITED_WITHIN;
                let edit = MessageEdit { user, partner, id, body, at, oldest, client_id };
                Attempt::Made(self.store.edit_message(edit))
            }
            Err((error, text)) => {
                let before = self.store.edited_before(user, partner, id, text, client_id);
                Attempt::Refused(before, error)
            }
        };
        Ok(attempt.outcome(not_edited))
    }

    /// The outcome that an edit has had, for a caller that would refuse to try, as
    /// [`Messages::sent_before`].
    ///
    /// # Errors
    /// As for [`Messages::edit`].
    pub async fn edited_before(&self, edit: &EditMessage) -> Result<Option<Changed>, Error> {
        let client_id = ClientId::parse(&edit.client_id)?;
        let EditMessage { user, partner, id, ref text, .. } = *edit;
        let before = self.store.edited_before(user, partner, id, text.clone(), client_id).await?;
        before.transpose().map_err(not_edited)
    }

    /// Deletes a message of the user's own, for both; one that was deleted stays as it is. It takes its
    /// place among the changes of that message when this is called; the future tells when it is on disk.
    ///
    /// # Errors
    /// `NotFound` for a message that is not in that chat, `Forbidden` for the partner's.
    pub fn delete(
        &self,
        user: UserId,
        partner: UserId,
        id: MessageId,
    ) -> impl Future<Output = Result<Changed, Error>> + Send + use<> {
        let deleting = self.store.delete_message(user, partner, id, self.clock.now());
        async move { deleting.await?.map_err(not_deleted) }
    }
}

/// What was asked for under a client id.
enum Attempt<T, R> {
    Made(Reply<Result<T, R>>),
    /// It breaks a rule, which refuses it unless it was done before: rules change.
    Refused(Reply<Option<Result<T, R>>>, Error),
}

impl<T, R> Attempt<T, R> {
    async fn outcome(self, refusal: fn(R) -> Error) -> Result<T, Error> {
        match self {
            Self::Made(outcome) => outcome.await?.map_err(refusal),
            Self::Refused(before, error) => match before.await? {
                Some(before) => before.map_err(refusal),
                None => Err(error),
            },
        }
    }
}

const NO_MESSAGE: Error = Error::NotFound("there is no such message");
/// All that somebody learns who was blocked.
const BLOCKED: Error = Error::Forbidden("you cannot write to this person");

/// What the sender reads.
fn not_added(why: NotAdded) -> Error {
    match why {
        NotAdded::NoChat => no_such_chat(),
        NotAdded::BlockedBySender => {
            Error::Forbidden("you have blocked this person; unblock them to write")
        }
        NotAdded::BlockedByReceiver => BLOCKED,
        NotAdded::OtherContent => {
            Error::Conflict("client_id was sent before with another message; make a new one")
        }
    }
}

fn not_edited(why: NotEdited) -> Error {
    match why {
        NotEdited::NoMessage => NO_MESSAGE,
        NotEdited::NotOwn => {
            Error::Forbidden("somebody else wrote this message; you can edit your own")
        }
        NotEdited::Deleted => Error::Forbidden("this message was deleted; write a new one"),
        NotEdited::TooOld => {
            Error::Forbidden("this message is older than 24 hours; delete it, or write a new one")
        }
        NotEdited::BlockedByUser => {
            Error::Forbidden("you have blocked this person; unblock them to edit")
        }
        NotEdited::BlockedByPartner => BLOCKED,
        NotEdited::OtherContent => {
            Error::Conflict("client_id was sent before with another edit; make a new one")
        }
    }
}

fn not_deleted(why: NotDeleted) -> Error {
    match why {
        NotDeleted::NoMessage => NO_MESSAGE,
        NotDeleted::NotOwn => {
            Error::Forbidden("somebody else wrote this message; you can delete your own")
        }
    }
}
