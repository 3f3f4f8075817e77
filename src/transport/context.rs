//! What the transport knows of one socket, from its handshake to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::meter::Meter;
use crate::domain::SessionKey;
use crate::service::Place;

/// How long the second poll waits that is ended for the sake of an upgrade. The answer to the client's
/// probe may be lost: then polls come again and again, and none may be answered at once.
const POLL_WAITS: Duration = Duration::from_millis(100);
const POLL_WAITS_MAX: Duration = Duration::from_secs(4);

/// The socket layer keeps this with the request of the socket's handshake, as long as the socket lives.
#[derive(Debug)]
pub struct SocketContext {
    /// Where the socket comes from.
    pub address: IpAddr,
    /// The session that the cookies of the handshake name.
    pub session: Option<SessionKey>,
    pub meter: Meter,
    pub(super) upgrade: Upgrade,
    /// Free again when the socket has gone.
    _permit: Option<Place>,
}

/// The change of a socket from long-polling to a WebSocket, before the socket layer knows of it.
#[derive(Debug)]
pub(super) struct Upgrade {
    /// One attempt at a time.
    pub attempts: Arc<Semaphore>,
    /// The client's probe was answered, so the client waits for the end of its poll.
    pub probed: watch::Sender<bool>,
    /// How many polls were ended for the sake of upgrades.
    ended: AtomicU32,
}

impl SocketContext {
    #[must_use]
    pub fn new(address: IpAddr, session: Option<SessionKey>, permit: Option<Place>) -> Self {
        let upgrade = Upgrade {
            attempts: Arc::new(Semaphore::new(1)),
            probed: watch::Sender::new(false),
            ended: AtomicU32::new(0),
        };
        Self { address, session, meter: Meter::default(), upgrade, _permit: permit }
    }
}

impl Upgrade {
    /// How long the next poll waits for packets before it is ended: nothing for the first, and twice as
    /// long as the one before for each that follows.
    pub fn next_wait(&self) -> Duration {
        match self.ended.fetch_add(1, Ordering::Relaxed) {
            0 => Duration::ZERO,
            before => (POLL_WAITS * 2_u32.saturating_pow(before - 1)).min(POLL_WAITS_MAX),
        }
    }
}
