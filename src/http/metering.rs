//! Tells a socket's meter over which connections its bytes are written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::handshake::field;
use crate::meter::{Meter, Written};

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

    fn of(&self, socket: &str) -> Option<Arc<Meter>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.meters.get(socket)?.upgrade()
    }
}

pub async fn follow(
    State(meters): State<Arc<Meters>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(connection) = request.extensions().get::<Written>().cloned() else {
        return next.run(request).await;
    };
    let query = request.uri().query().unwrap_or_default();
    let over_web_socket = field(query, "transport") == Some("websocket");
    let Some(socket) = field(query, "sid").map(str::to_owned) else {
        let meter = Arc::new(Meter::default());
        request.extensions_mut().insert(Arc::clone(&meter));
        if over_web_socket {
            meter.web_socket(connection);
            return next.run(request).await;
        }
        return note_id(next.run(request).await, &meters, &meter).await;
    };
    let is_poll = request.method() == Method::GET;
    let meter = meters.of(&socket);
    if over_web_socket && let Some(meter) = &meter {
        meter.web_socket(connection);
        return next.run(request).await;
    }
    let response = next.run(request).await;
    if is_poll && let Some(meter) = meter {
        meter.poll(connection, response.body().size_hint().lower());
    }
    response
}

/// Learns the id that a handshake gives to a socket. Later requests may come at once, before
/// anything else knows the socket.
async fn note_id(response: Response, meters: &Meters, meter: &Arc<Meter>) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, HANDSHAKE_BYTES_MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let text = String::from_utf8_lossy(&bytes);
    let id = text.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
    if let Some(id) = id {
        meters.add(id.to_owned(), meter);
    }
    Response::from_parts(parts, Body::from(bytes))
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
