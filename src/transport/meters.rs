//! Which meter counts what is written to a socket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::meter::Meter;

/// A handshake is answered with an id and some numbers.
const HANDSHAKE_BYTES_MAX: usize = 4096;
/// The map of meters is swept when it has grown to so many, or to twice what the last sweep left.
const SWEPT_FROM: usize = 256;

/// The meters of the sockets that began by polling, by the id that their requests carry. A meter
/// lives as long as its socket, which keeps the request of its handshake.
#[derive(Debug, Default)]
pub struct Meters(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    meters: HashMap<String, Weak<Meter>>,
    left_by_sweep: usize,
}

impl Meters {
    fn add(&self, socket: String, meter: &Arc<Meter>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.meters.len() >= SWEPT_FROM.max(2 * known.left_by_sweep) {
            known.meters.retain(|_, meter| meter.strong_count() > 0);
            known.left_by_sweep = known.meters.len();
        }
        known.meters.insert(socket, Arc::downgrade(meter));
    }

    pub fn of(&self, socket: &str) -> Option<Arc<Meter>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.meters.get(socket)?.upgrade()
    }

    /// Learns the id that `answer`, a handshake's, gives to the socket of `meter`. Later requests may
    /// come at once, before anything else knows the socket.
    pub async fn note(&self, meter: &Arc<Meter>, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        let Ok(bytes) = to_bytes(body, HANDSHAKE_BYTES_MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let text = String::from_utf8_lossy(&bytes);
        let id = text.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(id) = id {
            self.add(id.to_owned(), meter);
        }
        Response::from_parts(parts, Body::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meters_of_sockets_that_have_gone_are_forgotten() {
        let meters = Meters::default();
        let kept = Arc::new(Meter::default());
        meters.add("kept".to_owned(), &kept);
        for number in 0..10 * SWEPT_FROM {
            meters.add(number.to_string(), &Arc::new(Meter::default()));
        }
        assert!(meters.of("kept").is_some());
        assert!(meters.of("3").is_none());
        assert!(meters.0.lock().unwrap().meters.len() <= SWEPT_FROM + 1);
    }
}
