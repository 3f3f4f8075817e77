//! What one socket has sent so far, and whether a client of any supported version would send the next
//! packet. Looks at the first bytes of a packet only; the socket layer parses what passes.

use std::time::Duration;

use super::allowance::Allowance;
use crate::config::Rate;

/// How many of a packet's first bytes are looked at.
pub const HEAD_BYTES: usize = 4;
/// Heartbeats: a client sends one in 25 seconds.
const BEATS: Rate = Rate { count: 60, per: Duration::from_mins(1) };

/// Why a socket is closed. The words end the sentence "closed a socket of ADDRESS: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("it sent CONNECT again")]
    RepeatedConnect,
    #[error("it asked for another namespace")]
    OtherNamespace,
    #[error("it stayed after DISCONNECT")]
    Stayed,
    #[error("it sent binary data")]
    Binary,
    #[error("it sent an acknowledgement that nobody asked for")]
    Acknowledgement,
    #[error("it sent a packet out of place")]
    OutOfPlace,
    #[error("it sent a malformed packet")]
    Malformed,
    #[error("it sent a frame that breaks the WebSocket protocol")]
    Frame,
    #[error("it sent too many heartbeats")]
    Heartbeats,
    #[error("it sent too many packets (--limit-packets)")]
    Packets,
    #[error("it sent too many bytes (--limit-bytes)")]
    Bytes,
}

/// The version of Engine.IO that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Socket.IO clients 1 and 2: they are in the default namespace from the beginning.
    Three,
    /// Socket.IO clients 3 and 4: they ask for a namespace, once.
    Four,
}

/// How much a socket may send; `None` where rates are off.
#[derive(Debug)]
struct Rates {
    packets: Allowance,
    bytes: Allowance,
    heartbeats: Allowance,
}

/// The state of one socket.
#[derive(Debug)]
pub struct Conduct {
    version: Version,
    has_asked: bool,
    has_left: bool,
    /// The upgrade packet was read before, and comes once more.
    is_upgrading: bool,
    rates: Option<Rates>,
}

impl Conduct {
    /// `rates` are those of packets and of bytes.
    pub fn new(version: Version, rates: Option<(Rate, Rate)>) -> Self {
        let rates = rates.map(|(packets, bytes)| Rates {
            packets: Allowance::new(packets),
            bytes: Allowance::new(bytes),
            heartbeats: Allowance::new(BEATS),
        });
        Self {
            version,
            has_asked: version == Version::Three,
            has_left: false,
            is_upgrading: false,
            rates,
        }
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether the client has sent DISCONNECT.
    pub fn has_left(&self) -> bool {
        self.has_left
    }

    /// The socket's WebSocket begins with the probe and the upgrade packet.
    pub fn upgrade(&mut self) {
        self.is_upgrading = true;
    }

    /// Counts bytes as they arrive.
    pub fn count_bytes(&mut self, bytes: usize, now: Duration) -> Result<(), Violation> {
        let Some(rates) = &mut self.rates else { return Ok(()) };
        if rates.bytes.take(bytes as u64, now) { Ok(()) } else { Err(Violation::Bytes) }
    }

    /// Counts a frame of a WebSocket or a packet of a poll.
    pub fn count_packet(&mut self, now: Duration) -> Result<(), Violation> {
        let Some(rates) = &mut self.rates else { return Ok(()) };
        if rates.packets.take(1, now) { Ok(()) } else { Err(Violation::Packets) }
    }

    /// Counts a ping or a pong, of Engine.IO or of the WebSocket.
    pub fn heartbeat(&mut self, now: Duration) -> Result<(), Violation> {
        let Some(rates) = &mut self.rates else { return Ok(()) };
        if rates.heartbeats.take(1, now) { Ok(()) } else { Err(Violation::Heartbeats) }
    }

    /// Judges a packet by its first bytes: [`HEAD_BYTES`] of them, or all when it has fewer.
    pub fn packet(&mut self, head: &[u8], now: Duration) -> Result<(), Violation> {
        match head.first() {
            Some(b'1') => Ok(()),
            Some(b'2' | b'3') => self.heartbeat(now),
            Some(b'4') => self.message(&head[1..]),
            Some(b'5') if self.is_upgrading => {
                self.is_upgrading = false;
                Ok(())
            }
            Some(b'0' | b'5' | b'6') => Err(Violation::OutOfPlace),
            // Binary data in a poll is base64 behind this letter.
            Some(b'b') => Err(Violation::Binary),
            _ => Err(Violation::Malformed),
        }
    }

    fn message(&mut self, head: &[u8]) -> Result<(), Violation> {
        let Some((kind, rest)) = head.split_first() else { return Err(Violation::Malformed) };
        if self.has_left {
            return Err(Violation::Stayed);
        }
        let is_elsewhere = rest.first() == Some(&b'/') && rest != b"/,";
        match kind {
            b'0' | b'1' | b'2' if is_elsewhere => Err(Violation::OtherNamespace),
            b'0' if self.has_asked => Err(Violation::RepeatedConnect),
            b'0' => {
                self.has_asked = true;
                Ok(())
            }
            b'1' => {
                self.has_left = true;
                Ok(())
            }
            // Clients keep events until the server has let them in, so CONNECT comes first.
            b'2' if self.has_asked => Ok(()),
            b'2' | b'4' => Err(Violation::OutOfPlace),
            b'3' => Err(Violation::Acknowledgement),
            b'5' | b'6' => Err(Violation::Binary),
            _ => Err(Violation::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn judge(version: Version, packets: &[&str]) -> Result<(), Violation> {
        let mut conduct = Conduct::new(version, None);
        packets.iter().try_for_each(|packet| {
            let head = &packet.as_bytes()[..packet.len().min(HEAD_BYTES)];
            conduct.packet(head, NOW)
        })
    }

    #[test]
    fn what_clients_send_passes() {
        let four = ["40", "42[\"x\"]", "3", "421[\"sync\",{}]", "41", "1"];
        assert_eq!(judge(Version::Four, &four), Ok(()));
        assert_eq!(judge(Version::Four, &["40{\"token\":1}", "42[\"x\"]"]), Ok(()));
        assert_eq!(judge(Version::Three, &["2", "420[\"x\"]", "2", "41", "1"]), Ok(()));
        // A client that is closed before it was let in.
        assert_eq!(judge(Version::Four, &["40", "1"]), Ok(()));
    }

    #[test]
    fn what_no_client_sends_does_not_pass() {
        for (packets, why) in [
            (&["40", "40"][..], Violation::RepeatedConnect),
            (&["40/other,"], Violation::OtherNamespace),
            (&["40", "42/other,[]"], Violation::OtherNamespace),
            (&["40", "41", "42[\"x\"]"], Violation::Stayed),
            (&["40", "41", "40"], Violation::Stayed),
            (&["40", "451-[\"x\"]"], Violation::Binary),
            (&["40", "461-[\"x\"]"], Violation::Binary),
            (&["40", "431[]"], Violation::Acknowledgement),
            (&["40", "44"], Violation::OutOfPlace),
            (&["42[\"x\"]"], Violation::OutOfPlace),
            (&["0{}"], Violation::OutOfPlace),
            (&["5"], Violation::OutOfPlace),
            (&["6"], Violation::OutOfPlace),
            (&[""], Violation::Malformed),
            (&["4"], Violation::Malformed),
            (&["4x"], Violation::Malformed),
            (&["x"], Violation::Malformed),
            (&["bAAAA"], Violation::Binary),
        ] {
            assert_eq!(judge(Version::Four, packets), Err(why), "{packets:?}");
        }
        assert_eq!(judge(Version::Three, &["40"]), Err(Violation::RepeatedConnect));
    }

    #[test]
    fn heartbeats_have_a_rate_of_their_own() {
        let rate = Rate { count: 1_000_000, per: Duration::from_secs(1) };
        let mut conduct = Conduct::new(Version::Four, Some((rate, rate)));
        for _ in 0..BEATS.count {
            assert_eq!(conduct.packet(b"3", NOW), Ok(()));
        }
        assert_eq!(conduct.packet(b"3", NOW), Err(Violation::Heartbeats));
        assert_eq!(conduct.packet(b"3", NOW + Duration::from_secs(1)), Ok(()));
    }
}
