//! An event of a socket, on its way to the function that handles it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, TryData};
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;

use super::payload::{self, Object, Payload};
use super::presence::Seat;
use super::reply::refuse;
use super::{Realtime, address};
use crate::config::LimitedAction;
use crate::domain::Error;
use crate::json_depth::is_deeper_than;
use crate::lossy;
use crate::service::Key;

/// The most characters of a parser's complaint that the log has.
const COMPLAINT_CHARS_MAX: usize = 200;

/// What handles an event.
pub type Handle<T> = fn(&Arc<Realtime>, &Arc<Seat>, T, AckSender);

pub struct Packet<'a> {
    pub realtime: &'a Arc<Realtime>,
    pub seat: Arc<Seat>,
    pub socket: Arc<Socket<LocalAdapter>>,
    /// The array of the event, as it came.
    pub value: Value,
    pub ack_id: Option<i64>,
    /// What the event counts as.
    pub limit: LimitedAction,
}

impl Packet<'_> {
    /// Events over their limit and malformed payloads are refused here.
    pub fn hand_to<T: Payload + DeserializeOwned + Send + Sync + 'static>(
        mut self,
        handle: Handle<T>,
    ) {
        let Ok(ack) = AckSender::from_message_parts(&self.socket, &mut self.value, &self.ack_id);
        let (limits, user) = (&self.realtime.services.limits, self.seat.user.id);
        let taken = limits.take(self.limit, Key::Person(user), || address(&self.seat.socket));
        match taken.and_then(|()| self.payload()) {
            Ok(payload) => handle(self.realtime, &self.seat, payload, ack),
            Err(error) => refuse(&self.seat, ack, &error),
        }
    }

    fn payload<T: Payload + DeserializeOwned>(&mut self) -> Result<T, Error> {
        if let Value::Str(text, _) = &mut self.value
            && let Cow::Owned(paired) = lossy::paired(text)
        {
            *text = paired.into();
        }
        let depth_max = self.realtime.services.limits.sizes.json_depth;
        // The payload stands in the array of the event.
        let is_too_deep = |text: &str| is_deeper_than(depth_max + 1, text.as_bytes());
        if self.value.as_str().is_some_and(|text| is_too_deep(text)) {
            let sentence = format!("malformed payload: it is nested deeper than {depth_max}");
            return Err(Error::Invalid(sentence));
        }
        let Ok(TryData(payload)) =
            TryData::<Object<T>>::from_message_parts(&self.socket, &mut self.value, &self.ack_id);
        payload.map(|Object(payload)| payload).map_err(|complaint| {
            let (user, complaint) = (self.seat.user.id, loggable(&complaint.to_string()));
            tracing::debug!(user.id = %user, "user {user} sent a malformed payload: {complaint}");
            payload::malformed::<T>()
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
