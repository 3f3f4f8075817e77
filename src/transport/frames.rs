//! Reads the heads of a client's WebSocket frames as the bytes arrive, however they are split, and
//! judges each message by its first bytes. Keeps no payload.

use std::time::Duration;

use super::conduct::{Conduct, HEAD_BYTES, Violation};

/// Opcode, length, eight more bytes of length, mask.
const FRAME_HEAD_BYTES_MAX: usize = 14;
const CONTROL_BYTES_MAX: u64 = 125;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A reader of one connection.
#[derive(Debug, Default)]
pub struct Frames {
    /// The head of the frame that is being read.
    head: [u8; FRAME_HEAD_BYTES_MAX],
    head_bytes: usize,
    frame: Option<Frame>,
    /// A text whose last frame has not come yet; its first bytes may have been judged already.
    message: Option<Message>,
    is_closing: bool,
}

#[derive(Debug)]
struct Frame {
    is_last: bool,
    is_control: bool,
    mask: [u8; 4],
    read: u64,
    left: u64,
}

#[derive(Debug, Default)]
struct Message {
    head: [u8; HEAD_BYTES],
    bytes: usize,
    is_judged: bool,
}

impl Frames {
    /// Reads on.
    ///
    /// # Errors
    /// The first violation: the connection is to be closed, and nothing more is to be read.
    pub fn read(
        &mut self,
        mut bytes: &[u8],
        conduct: &mut Conduct,
        now: Duration,
    ) -> Result<(), Violation> {
        // After its close frame a client may say what it likes: nobody reads it.
        while !bytes.is_empty() && !self.is_closing {
            bytes = match &mut self.frame {
                None => self.read_head(bytes, conduct, now)?,
                Some(_) => self.read_payload(bytes, conduct, now)?,
            };
        }
        Ok(())
    }

    fn read_head<'a>(
        &mut self,
        bytes: &'a [u8],
        conduct: &mut Conduct,
        now: Duration,
    ) -> Result<&'a [u8], Violation> {
        let (first, rest) = bytes.split_first().ok_or(Violation::Frame)?;
        self.head[self.head_bytes] = *first;
        self.head_bytes += 1;
        if self.head_bytes < 2 || self.head_bytes < head_length(self.head[1]) {
            return Ok(rest);
        }
        let opcode = self.head[0] & 0x0f;
        let frame = self.begun(opcode)?;
        self.head_bytes = 0;
        conduct.count_packet(now)?;
        match opcode {
            PING | PONG => conduct.heartbeat(now)?,
            CLOSE => {
                self.is_closing = true;
                return Ok(&[]);
            }
            _ => {}
        }
        let is_empty = frame.left == 0;
        self.frame = Some(frame);
        if is_empty {
            self.end_frame(conduct, now)?;
        }
        Ok(rest)
    }

    /// The frame whose head is complete, if it may come here.
    fn begun(&mut self, opcode: u8) -> Result<Frame, Violation> {
        let [flags, length, ..] = self.head;
        let (is_last, is_masked) = (flags & 0x80 != 0, length & 0x80 != 0);
        let (left, mask_at) = match length & 0x7f {
            126 => (u64::from(u16::from_be_bytes([self.head[2], self.head[3]])), 4),
            127 => {
                let mut wide = [0; 8];
                wide.copy_from_slice(&self.head[2..10]);
                (u64::from_be_bytes(wide), 10)
            }
            short => (u64::from(short), 2),
        };
        if flags & 0x70 != 0 || !is_masked || left > i64::MAX as u64 {
            return Err(Violation::Frame);
        }
        let is_control = opcode >= CLOSE;
        match opcode {
            CONTINUATION if self.message.is_some() => {}
            TEXT if self.message.is_none() => self.message = Some(Message::default()),
            BINARY if self.message.is_none() => return Err(Violation::Binary),
            CLOSE | PING | PONG if is_last && left <= CONTROL_BYTES_MAX => {}
            _ => return Err(Violation::Frame),
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.head[mask_at..mask_at + 4]);
        Ok(Frame { is_last, is_control, mask, read: 0, left })
    }

    fn read_payload<'a>(
        &mut self,
        bytes: &'a [u8],
        conduct: &mut Conduct,
        now: Duration,
    ) -> Result<&'a [u8], Violation> {
        let Some(frame) = &mut self.frame else { return Ok(bytes) };
        let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
        let (payload, rest) = bytes.split_at(here);
        if !frame.is_control
            && let Some(message) = self.message.as_mut().filter(|message| !message.is_judged)
        {
            for byte in payload.iter().take(HEAD_BYTES - message.bytes) {
                message.head[message.bytes] = byte ^ frame.mask[(frame.read & 3) as usize];
                message.bytes += 1;
                frame.read += 1;
            }
            if message.bytes == HEAD_BYTES {
                message.is_judged = true;
                conduct.packet(&message.head, now)?;
            }
        }
        frame.left -= here as u64;
        if frame.left == 0 {
            self.end_frame(conduct, now)?;
        }
        Ok(rest)
    }

    fn end_frame(&mut self, conduct: &mut Conduct, now: Duration) -> Result<(), Violation> {
        let Some(frame) = self.frame.take() else { return Ok(()) };
        if frame.is_control || !frame.is_last {
            return Ok(());
        }
        match self.message.take() {
            Some(message) if !message.is_judged => {
                conduct.packet(&message.head[..message.bytes], now)
            }
            _ => Ok(()),
        }
    }
}

/// Of a masked frame, by its second byte. One without a mask is refused when its head is complete.
fn head_length(second: u8) -> usize {
    match second & 0x7f {
        126 => 8,
        127 => 14,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::conduct::Version;
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
            long => {
                bytes.push(0xfe);
                bytes.extend(u16::try_from(long).unwrap().to_be_bytes());
            }
        }
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    fn text(payload: &str) -> Vec<u8> {
        frame(0x81, payload.as_bytes(), [1, 2, 3, 4])
    }

    fn verdict(parts: &[&[u8]]) -> Result<(), Violation> {
        let (mut frames, mut conduct) = (Frames::default(), Conduct::new(Version::Four, None));
        parts.iter().try_for_each(|part| frames.read(part, &mut conduct, NOW))
    }

    #[test]
    fn a_client_passes_also_in_fragments_with_pings_between_them() {
        let long = format!("42[\"message_sent\",\"{}\"]", "x".repeat(5000));
        let session = [
            text("40"),
            frame(0x01, b"4", [9; 4]),
            frame(0x89, b"are you there", [7; 4]),
            frame(0x00, b"2[\"jo", [8; 4]),
            frame(0x80, b"in_chat\"]", [0; 4]),
            text(&long),
            text("3"),
            text("41"),
            text("1"),
            frame(0x88, &[0x03, 0xe8], [5; 4]),
            vec![0xff; 100],
        ];
        assert_eq!(verdict(&[&session.concat()]), Ok(()));
    }

    #[test]
    fn frames_that_break_the_protocol_do_not_pass() {
        for (what, bytes, why) in [
            ("reserved bits", frame(0xf1, b"40", [0; 4]), Violation::Frame),
            ("an unknown opcode", frame(0x83, b"40", [0; 4]), Violation::Frame),
            ("no mask", vec![0x81, 2, b'4', b'0', 0, 0], Violation::Frame),
            ("a continuation of nothing", frame(0x80, b"", [0; 4]), Violation::Frame),
            ("a ping in parts", frame(0x09, b"", [0; 4]), Violation::Frame),
            ("a long ping", frame(0x89, &[0; 126], [0; 4]), Violation::Frame),
            ("binary", frame(0x82, b"", [0; 4]), Violation::Binary),
            (
                "a text within a text",
                [frame(0x01, b"4", [0; 4]), frame(0x81, b"0", [0; 4])].concat(),
                Violation::Frame,
            ),
            ("a length of 2^63", [&[0x81, 0xff, 0x80][..], &[0; 11]].concat(), Violation::Frame),
            ("an empty packet", text(""), Violation::Malformed),
            ("CONNECT twice", [text("40"), text("40")].concat(), Violation::RepeatedConnect),
        ] {
            assert_eq!(verdict(&[&bytes]), Err(why), "{what}");
        }
    }

    fn packets() -> impl Strategy<Value = Vec<u8>> {
        let packet = prop::sample::select(vec![
            "40",
            "41",
            "1",
            "2",
            "3",
            "42[\"x\"]",
            "42",
            "4",
            "",
            "40/a,",
            "431[]",
            "451-[]",
            "5",
        ]);
        let first = prop::sample::select(vec![0x81_u8, 0x01, 0x80, 0x00, 0x89, 0x8a, 0x88, 0x82]);
        let frames = (first, packet, any::<[u8; 4]>())
            .prop_map(|(first, packet, mask)| frame(first, packet.as_bytes(), mask));
        // Texts are common, so that the first violation is not always at the beginning.
        let frames = prop_oneof![4 => any::<[u8; 4]>().prop_map(|mask| frame(0x81, b"42[\"x\"]", mask)), 1 => frames];
        prop::collection::vec(frames, 0..20)
            .prop_map(|frames| [text("40"), frames.concat()].concat())
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_verdict(
            bytes in packets(),
            cuts in prop::collection::vec(0..200_usize, 0..20),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(verdict(&parts), verdict(&[&bytes]));
            prop_assert_eq!(verdict(&single), verdict(&[&bytes]));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = verdict(&[&bytes]);
        }
    }
}
