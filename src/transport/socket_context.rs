//! All that is known of one socket beside the socket layer, from its first request to its end.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::conduct::{Conduct, Version, Violation};
use super::frames::Frames;
use super::meter::Meter;
use super::packets::{self, Packet};
use super::upgrade::Upgrade;
use crate::domain::SessionKey;
use crate::service::{Limits, Place};

/// One socket. The socket layer keeps it with the request of the handshake, as its only extension that
/// is ours: a socket without one is not let in.
pub struct SocketContext {
    /// Where the socket comes from.
    pub address: IpAddr,
    /// The session that the handshake's cookie names.
    pub session: Option<SessionKey>,
    pub meter: Meter,
    pub(super) upgrade: Upgrade,
    /// The socket's share of what its address may have; none where limits are off.
    _permit: Option<Place>,
    conduct: Mutex<Conduct>,
    limits: Limits,
}

impl SocketContext {
    #[must_use]
    pub(super) fn new(
        address: IpAddr,
        session: Option<SessionKey>,
        permit: Option<Place>,
        version: Version,
        limits: Limits,
    ) -> Self {
        let conduct = Mutex::new(Conduct::new(version, limits.of_a_socket()));
        let (meter, upgrade) = (Meter::default(), Upgrade::default());
        Self { address, session, meter, upgrade, _permit: permit, conduct, limits }
    }

    /// The socket's WebSocket begins with the probe and the upgrade packet.
    pub(super) fn upgraded(&self) {
        self.conduct().upgrade();
    }

    /// Judges bytes of the socket's WebSocket. Tells whether the client has left its namespace.
    pub(super) fn judge_frames(
        &self,
        frames: &mut Frames,
        bytes: &[u8],
    ) -> Result<bool, Violation> {
        let now = self.limits.monotonic();
        let mut conduct = self.conduct();
        conduct.count_bytes(bytes.len(), now)?;
        frames.read(bytes, &mut conduct, now)?;
        Ok(conduct.has_left())
    }

    /// Judges the body of a poll. Tells whether the client has left its namespace.
    pub(super) fn judge_body(&self, is_binary: bool, body: &[u8]) -> Result<bool, Violation> {
        let now = self.limits.monotonic();
        let mut conduct = self.conduct();
        conduct.count_bytes(body.len(), now)?;
        let packets = packets::split(conduct.version(), is_binary, body);
        for packet in packets.ok_or(Violation::Malformed)? {
            conduct.count_packet(now)?;
            match packet {
                Packet::Text(text) => conduct.packet(text, now)?,
                Packet::Binary => return Err(Violation::Binary),
            }
        }
        Ok(conduct.has_left())
    }

    /// Cuts the connection that the socket uses, whether or not its peer reads.
    pub fn cut(&self) {
        self.meter.cut();
    }

    pub(super) fn version(&self) -> Version {
        self.conduct().version()
    }

    /// Logs why the socket is closed.
    pub(super) fn log_violation(&self, violation: Violation) {
        let address = self.address;
        tracing::warn!(%address, "closed a socket of {address}: {violation}");
    }

    fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.conduct.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
