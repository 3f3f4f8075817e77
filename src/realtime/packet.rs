//! An event of a socket, on its way to the function that handles it.

use std::borrow::Cow;
use std::sync::Arc;

use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, TryData};
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;

use super::presence::Seat;
use super::reply::refuse;
use super::{Realtime, address, conversations, flask};
use crate::config::LimitedAction;
use crate::domain::Error;
use crate::json_depth::is_deeper_than;
use crate::lossy;
use crate::protocol::payload::{Object, Protocol};
use crate::protocol::{Reader, Request};
use crate::service::Key;

/// The most characters of a parser's complaint that the log has.
const COMPLAINT_CHARS_MAX: usize = 200;

/// How much of the name of an event that there is not a refusal quotes.
const NAME_CHARS_MAX: usize = 40;

/// An event as it came, from a socket that has joined.
pub struct Packet<'a> {
    pub realtime: &'a Arc<Realtime>,
    pub seat: &'a Arc<Seat>,
    pub socket: &'a Arc<Socket<LocalAdapter>>,
    /// The array of the event.
    pub value: Value,
    pub ack_id: Option<i64>,
    /// Why the request is over its limit. It may have been done before, which only its answer needs.
    pub over_limit: Option<Error>,
}

impl Packet<'_> {
    /// Hands the request with that name to what handles it. It is refused here when it is over its limit
    /// or malformed.
    pub fn dispatch(mut self, name: &str) {
        let Ok(ack) = AckSender::from_message_parts(self.socket, &mut self.value, &self.ack_id);
        let (realtime, seat) = (self.realtime, self.seat);
        match seat.protocol {
            Protocol::Flask => match flask::AnyRequest::read(name, &mut self) {
                Some(Ok(request)) => match self.over_limit {
                    None => flask::handle(realtime, seat, request, ack),
                    Some(refusal) if seat.is_busy() => refuse(seat, ack, &refusal),
                    Some(refusal) => flask::answer_again(realtime, seat, request, ack, refusal),
                },
                Some(Err(error)) => refuse(seat, ack, &error),
                // As in the Flask chat.
                None => {}
            },
            Protocol::Ours => match conversations::AnyRequest::read(name, &mut self) {
                Some(Ok(request)) => match self.over_limit {
                    None => conversations::handle(realtime, seat, request, ack),
                    Some(refusal) if seat.is_busy() => refuse(seat, ack, &refusal),
                    Some(refusal) => {
                        conversations::answer_again(realtime, seat, request, ack, refusal);
                    }
                },
                Some(Err(error)) => refuse(seat, ack, &error),
                None => refuse(seat, ack, &self.unknown(name)),
            },
        }
    }

    /// The refusal of a request that there is not.
    fn unknown(&self, name: &str) -> Error {
        if let Err(error) = self.take(LimitedAction::Read) {
            return error;
        }
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        Error::Invalid(format!("there is no event {name:?} in protocol 2"))
    }

    fn take(&self, action: LimitedAction) -> Result<(), Error> {
        let limits = &self.realtime.services.limits;
        limits.take(action, Key::Person(self.seat.user.id), || address(&self.seat.socket))
    }
}

impl Reader for &mut Packet<'_> {
    type Error = Error;

    fn read<R: Request>(self) -> Result<R, Error> {
        match self.take(R::LIMIT) {
            Err(error) if R::IS_DONE_ONCE => self.over_limit = Some(error),
            taken => taken?,
        }
        let (sizes, user) = (&self.realtime.services.limits.sizes, self.seat.user.id);
        if let Value::Str(text, _) = &mut self.value
            && let Cow::Owned(paired) = lossy::paired(text)
        {
            *text = paired.into();
        }
        let depth_max = sizes.json_depth;
        // The payload stands in the array of the event.
        let is_too_deep = |text: &str| is_deeper_than(depth_max + 1, text.as_bytes());
        if self.value.as_str().is_some_and(|text| is_too_deep(text)) {
            let sentence = format!("malformed payload: it is nested deeper than {depth_max}");
            return Err(Error::Invalid(sentence));
        }
        let Ok(TryData(payload)) =
            TryData::<Object<R>>::from_message_parts(self.socket, &mut self.value, &self.ack_id);
        payload.map(|Object(payload)| payload).map_err(|complaint| {
            let complaint = loggable(&complaint.to_string());
            tracing::debug!(user.id = %user, "user {user} sent a malformed payload: {complaint}");
            R::malformed()
        })
    }
}

/// A parser's complaint for the log. It quotes what the client sent, which may be a message: texts are
/// left out.
fn loggable(complaint: &str) -> String {
    let unquoted = match (complaint.find('"'), complaint.rfind('"')) {
        (Some(start), Some(end)) => {
            format!("{}\"…\"{}", &complaint[..start], &complaint[end + 1..])
        }
        _ => complaint.to_owned(),
    };
    unquoted.chars().take(COMPLAINT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_a_malformed_payload_has_no_text_that_was_sent() {
        let complaint = r#"invalid type: string "a \"secret\" text", expected an object at line 1"#;
        let expected = r#"invalid type: string "…", expected an object at line 1"#;
        assert_eq!(loggable(complaint), expected);
        assert_eq!(loggable("missing field `message`"), "missing field `message`");
        assert_eq!(loggable(r#"EOF after a ""#), r#"EOF after a "…""#);
        assert_eq!(loggable(&"ä".repeat(1000)).chars().count(), COMPLAINT_CHARS_MAX);
    }
}
