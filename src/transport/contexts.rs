//! Finds a socket's context by the id that its requests carry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::socket_context::SocketContext;

/// A handshake is answered with an id and some numbers.
const HANDSHAKE_BYTES_MAX: usize = 4096;
/// The map is swept when it has grown to so many, or to twice what the last sweep left.
const SWEPT_FROM: usize = 256;

/// The contexts of the sockets that began by polling. A context lives as long as its socket, which
/// keeps the request of its handshake.
#[derive(Default)]
pub struct Contexts(Mutex<Known>);

#[derive(Default)]
struct Known {
    contexts: HashMap<String, Weak<SocketContext>>,
    left_by_sweep: usize,
}

impl Contexts {
    fn add(&self, id: String, context: &Arc<SocketContext>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contexts.len() >= SWEPT_FROM.max(2 * known.left_by_sweep) {
            known.contexts.retain(|_, context| context.strong_count() > 0);
            known.left_by_sweep = known.contexts.len();
        }
        known.contexts.insert(id, Arc::downgrade(context));
    }

    pub fn of(&self, id: &str) -> Option<Arc<SocketContext>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contexts.get(id)?.upgrade()
    }

    /// Learns the id that `answer`, a handshake's, gives to the socket of `context`. Later requests
    /// may come at once, before anything else knows the socket.
    pub async fn note(&self, context: &Arc<SocketContext>, answer: Response) -> Response {
        let (parts, body) = answer.into_parts();
        let Ok(bytes) = to_bytes(body, HANDSHAKE_BYTES_MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let text = String::from_utf8_lossy(&bytes);
        let id = text.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        match id {
            Some(id) => self.add(id.to_owned(), context),
            None if parts.status == StatusCode::OK => {
                tracing::error!(
                    address = %context.address,
                    "the socket layer began a socket without an id: its requests are refused"
                );
            }
            None => {}
        }
        Response::from_parts(parts, Body::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use clap::Parser;

    use super::super::conduct::Version;
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::config::Config;
    use crate::service::Limits;

    fn context() -> Arc<SocketContext> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let limits = Limits::new(&Config::parse_from(["visavis"]), &clock);
        let address = Ipv4Addr::LOCALHOST.into();
        Arc::new(SocketContext::new(address, None, None, Version::Four, limits))
    }

    #[test]
    fn contexts_of_sockets_that_have_gone_are_forgotten() {
        let contexts = Contexts::default();
        let kept = context();
        contexts.add("kept".to_owned(), &kept);
        for number in 0..10 * SWEPT_FROM {
            contexts.add(number.to_string(), &context());
        }
        assert!(contexts.of("kept").is_some());
        assert!(contexts.of("3").is_none());
        assert!(contexts.0.lock().unwrap().contexts.len() <= SWEPT_FROM + 1);
    }
}
