//! The beginning of a WebSocket that takes the place of polling: the client's probe, and its upgrade packet.
//! They are read, and the probe is answered, before the socket layer gets the stream.

use std::io;
use std::io::Cursor;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// The client's probe and its upgrade packet are shorter than this, in bytes.
const PACKET_BYTES_MAX: u64 = 16;
/// What the layer answers the probe with, as it goes over the wire: one text frame that is not masked.
const PONG: &[u8] = b"\x81\x063probe";

/// Reads the probe, answers it, and waits for the upgrade packet; `on_answer` is called when the answer has
/// been sent. Gives the stream, which begins anew for its reader, or an error when there is no upgrade.
pub async fn answered<S>(mut stream: S, on_answer: impl FnOnce()) -> io::Result<Replayed<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut received = Vec::with_capacity(64);
    let end = read_packet(&mut stream, &mut received, 0, b"2probe").await?;
    stream.write_all(PONG).await?;
    stream.flush().await?;
    on_answer();
    read_packet(&mut stream, &mut received, end, b"5").await?;
    Ok(Replayed { stream, received, read: 0, unsent: PONG.len() })
}

/// Reads until `received` has, from `start` on, the text frame `packet`; gives its end.
async fn read_packet<S: AsyncRead + Unpin>(
    stream: &mut S,
    received: &mut Vec<u8>,
    start: usize,
    packet: &[u8],
) -> io::Result<usize> {
    loop {
        if let Some((text, end)) = text_frame(received, start)? {
            if text != packet {
                return Err(io::Error::other("another packet than those of an upgrade"));
            }
            return Ok(end);
        }
        if stream.read_buf(received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The text of the frame at `start`, and where it ends; `None` when it is not complete.
fn text_frame(bytes: &[u8], start: usize) -> io::Result<Option<(Vec<u8>, usize)>> {
    let bytes = bytes.get(start..).unwrap_or_default();
    let mut cursor = Cursor::new(bytes);
    let header = FrameHeader::parse(&mut cursor).map_err(io::Error::other)?;
    let Some((header, length)) = header else { return Ok(None) };
    let is_text = header.is_final && header.opcode == OpCode::Data(Data::Text);
    let Some(mask) = header.mask.filter(|_| is_text && length <= PACKET_BYTES_MAX) else {
        return Err(io::Error::other("another frame than those of an upgrade"));
    };
    let (begin, length) = (cursor.position(), usize::try_from(length).unwrap_or(usize::MAX));
    let begin = usize::try_from(begin).unwrap_or(usize::MAX);
    let masked = bytes.get(begin..).and_then(|rest| rest.get(..length));
    let unmask =
        |masked: &[u8]| masked.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
    Ok(masked.map(|masked| (unmask(masked), start + begin + length)))
}

/// A stream whose first bytes were read, and whose first answer was sent, before its reader got it.
#[derive(Debug)]
pub struct Replayed<S> {
    stream: S,
    received: Vec<u8>,
    /// How much of `received` was read again.
    read: usize,
    /// How much of [`PONG`] is still to be swallowed.
    unsent: usize,
}

impl<S> Replayed<S> {
    /// The stream itself. What is written to it goes out also before the layer's answer was swallowed.
    pub fn inner(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.received.get(self.read..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        self.read += count;
        if self.read == self.received.len() {
            (self.received, self.read) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.unsent > 0 {
            let count = self.unsent.min(bytes.len());
            self.unsent -= count;
            return Poll::Ready(Ok(count));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
pub mod tests {
    use tokio::io::duplex;

    use super::*;

    /// A text frame of a client, masked.
    pub fn frame(text: &str) -> Vec<u8> {
        let mask = [7, 0, 255, 42];
        let length = u8::try_from(text.len()).unwrap();
        let masked = text.bytes().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        [0x81, 0x80 | length].into_iter().chain(mask).chain(masked).collect()
    }

    #[tokio::test]
    async fn the_reader_of_an_upgraded_stream_gets_every_byte_however_it_was_split() {
        let sent = [frame("2probe"), frame("5"), frame("4hello")].concat();
        for split in 1..sent.len() {
            let (mut client, server) = duplex(1024);
            let upgrading = tokio::spawn(answered(server, || {}));
            client.write_all(&sent[..split]).await.unwrap();
            tokio::task::yield_now().await;
            client.write_all(&sent[split..]).await.unwrap();
            let mut stream = upgrading.await.unwrap().unwrap();
            let mut pong = [0; PONG.len()];
            client.read_exact(&mut pong).await.unwrap();
            assert_eq!(pong, PONG);
            client.shutdown().await.unwrap();
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, sent, "split at {split}");
            // The second answer to the probe is swallowed, also when it comes in parts.
            for part in [&PONG[..3], &PONG[3..], b"more"] {
                stream.write_all(part).await.unwrap();
            }
            drop(stream);
            let mut answered = Vec::new();
            client.read_to_end(&mut answered).await.unwrap();
            assert_eq!(answered, b"more");
        }
    }

    #[tokio::test]
    async fn anything_but_a_probe_and_an_upgrade_ends_the_attempt() {
        let unmasked = b"\x81\x062probe".to_vec();
        let binary = [&[0x82][..], &frame("2probe")[1..]].concat();
        let endless = [&[0x81, 0x80 | 127, 0, 0, 0, 1, 0, 0, 0, 0][..], &[0; 4]].concat();
        for sent in [
            frame("4hello"),
            [frame("2probe"), frame("4hello")].concat(),
            frame("2probe"),
            unmasked,
            binary,
            endless,
            vec![0xff; 20],
            Vec::new(),
        ] {
            let (mut client, server) = duplex(1024);
            client.write_all(&sent).await.unwrap();
            client.shutdown().await.unwrap();
            assert!(answered(server, || {}).await.is_err(), "{sent:x?}");
        }
    }
}
