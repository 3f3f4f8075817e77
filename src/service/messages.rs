//! Sending a message.

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::{Body, ClientId, Error, UserId};
use crate::store::{Added, NewMessage, NotAdded, Store};

use super::chats::no_such_chat;

/// A message as its sender's client gave it.
pub struct SendMessage {
    pub sender: UserId,
    pub receiver: UserId,
    pub text: String,
    pub client_id: Option<String>,
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

    /// Keeps a message. It takes its place in the order of writes when this is called; the future
    /// tells when it is on disk.
    ///
    /// # Errors
    /// `Invalid` at once for a text that is blank or too long, or a client id that is no UUID;
    /// later `NotFound` when the sender has no chat with the receiver, `Forbidden` when one of the
    /// two has blocked the other. Nothing was kept then.
    pub fn send(
        &self,
        message: SendMessage,
    ) -> Result<impl Future<Output = Result<Added, Error>> + Send + use<>, Error> {
        let body = Body::parse(message.text, self.chars_max)?;
        let client_id = message.client_id.as_deref().map(ClientId::parse).transpose()?;
        let added = self.store.add_message(NewMessage {
            sender: message.sender,
            receiver: message.receiver,
            body,
            at: self.clock.now(),
            client_id,
        });
        Ok(async move { added.await?.map_err(refusal) })
    }
}

/// What the sender is told. Whoever was blocked learns no more than that nothing can be sent.
fn refusal(why: NotAdded) -> Error {
    match why {
        NotAdded::NoChat => no_such_chat(),
        NotAdded::BlockedBySender => {
            Error::Forbidden("you have blocked this person; unblock them to write")
        }
        NotAdded::BlockedByReceiver => Error::Forbidden("you cannot write to this person"),
    }
}
