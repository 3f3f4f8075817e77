//! The upgrade of a socket from long-polling to a WebSocket.
//!
//! The socket layer answers every poll with a noop as soon as a WebSocket is opened for the socket, and
//! ends the socket when that WebSocket fails. Some networks let a WebSocket open and then break it, so
//! this endpoint keeps the layer out until the upgrade is certain: it answers the client's probe itself,
//! ends the poll that the client waits for, and hands the stream over when the client has sent its
//! upgrade packet. A WebSocket that fails before that costs nothing but itself.
//!
//! The layer also keeps a packet for the next poll when an answer has no room for it, and forgets it in
//! an upgrade. So what the next poll would answer goes out over the WebSocket first.

use std::io;
use std::io::Cursor;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::header;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

use super::conduct::Version;
use super::packets::{self, Packet};
use super::socket_context::SocketContext;

/// How long a client may take from the opened WebSocket to its upgrade packet, and then for each part of
/// what is left.
const UPGRADE_MAX: Duration = Duration::from_secs(10);
/// The client's probe and its upgrade packet are shorter than this, in bytes.
const PACKET_BYTES_MAX: u64 = 16;
/// What the layer answers the probe with, as it goes over the wire: one text frame that is not masked.
const PONG: &[u8] = b"\x81\x063probe";
const PART_BYTES: usize = 16 * 1024;
const NOOP: &[u8] = b"6";
/// How long the second poll waits that is ended for the sake of an upgrade. The answer to the client's
/// probe may be lost: then polls come again and again, and none may be answered at once.
const POLL_WAITS: Duration = Duration::from_millis(100);
const POLL_WAITS_MAX: Duration = Duration::from_secs(4);

/// The change of a socket from long-polling to a WebSocket, before the socket layer knows of it.
#[derive(Debug)]
pub struct Upgrade {
    /// One attempt at a time.
    pub attempts: Arc<Semaphore>,
    /// The client's probe was answered, so the client waits for the end of its poll.
    probed: watch::Sender<bool>,
    /// How many polls were ended for the sake of upgrades.
    ended: AtomicU32,
    /// How many polls the layer has not answered.
    waiting: AtomicUsize,
}

impl Default for Upgrade {
    fn default() -> Self {
        let attempts = Arc::new(Semaphore::new(1));
        let (ended, waiting) = (AtomicU32::new(0), AtomicUsize::new(0));
        Self { attempts, probed: watch::Sender::new(false), ended, waiting }
    }
}

impl Upgrade {
    /// How long the next poll waits for packets before it is ended: nothing for the first, and twice as
    /// long as the one before for each that follows.
    fn next_wait(&self) -> Duration {
        match self.ended.fetch_add(1, Ordering::Relaxed) {
            0 => Duration::ZERO,
            before => (POLL_WAITS * 2_u32.saturating_pow(before - 1)).min(POLL_WAITS_MAX),
        }
    }
}

/// Reads the probe, answers it, and waits for the upgrade packet. Gives the stream, which begins anew for
/// its reader, or an error when there is no upgrade.
pub async fn upgraded<S>(mut stream: S, context: &Arc<SocketContext>) -> io::Result<Replayed<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let probed = Probed(&context.upgrade.probed);
    let received = timeout(UPGRADE_MAX, async {
        let mut received = Vec::with_capacity(64);
        let end = read_packet(&mut stream, &mut received, 0, b"2probe").await?;
        stream.write_all(PONG).await?;
        stream.flush().await?;
        probed.0.send_replace(true);
        read_packet(&mut stream, &mut received, end, b"5").await?;
        io::Result::Ok(received)
    });
    let received = received.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(Replayed { stream, received, read: 0, unsent: PONG.len() })
}

/// Ends the wait of the polls when the attempt ends, in whichever way.
struct Probed<'a>(&'a watch::Sender<bool>);

impl Drop for Probed<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
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

/// The answer to a poll: `answer`, the layer's, or a noop when an upgrade needs the poll to end. The
/// layer's future may be dropped while it waits: it holds no packet then.
pub async fn poll(
    context: &SocketContext,
    is_protocol_3: bool,
    answer: impl Future<Output = Response>,
) -> Response {
    let _waiting = Waiting::new(&context.upgrade.waiting);
    tokio::select! {
        biased;
        answer = answer => answer,
        () = must_end(&context.upgrade) => noop(is_protocol_3),
    }
}

/// One more poll while it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends over the WebSocket what polls would still be answered. `ask` makes a poll of the layer, as for
/// [`poll`]; a poll that waits for packets tells that there are no more.
pub async fn send_rest<S, F>(
    stream: &mut Replayed<S>,
    context: &SocketContext,
    ask: impl Fn() -> F,
) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
    F: Future<Output = Response>,
{
    // A poll that is under way has taken what was left, and a second one would end the socket.
    while context.upgrade.waiting.load(Ordering::Relaxed) == 0 {
        // With no time to wait, the poll is tried once.
        let Ok(answer) = timeout(Duration::ZERO, ask()).await else { break };
        let frames = frames(context.version(), answer).await?;
        if frames.is_empty() {
            break;
        }
        for part in frames.chunks(PART_BYTES) {
            timeout(UPGRADE_MAX, stream.stream.write_all(part)).await??;
        }
    }
    timeout(UPGRADE_MAX, stream.stream.flush()).await?
}

/// The packets of an answer to a poll as frames of a WebSocket.
async fn frames(version: Version, answer: Response) -> io::Result<Vec<u8>> {
    let is_ok = answer.status().is_success();
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let is_binary = kind.is_some_and(|kind| kind == "application/octet-stream");
    let body = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let packets = packets::split(version, is_binary, &body).filter(|_| is_ok);
    let mut frames = Vec::with_capacity(body.len());
    for packet in packets.ok_or_else(|| io::Error::other("the socket has ended"))? {
        if let Packet::Text(text) = packet
            && !text.is_empty()
            && text != NOOP
        {
            let text = Bytes::copy_from_slice(text);
            let frame = Frame::message(text, OpCode::Data(Data::Text), true);
            frame.format(&mut frames).map_err(io::Error::other)?;
        }
    }
    Ok(frames)
}

/// Resolves when a poll has to be answered for the sake of an upgrade.
async fn must_end(upgrade: &Upgrade) {
    let mut probed = upgrade.probed.subscribe();
    loop {
        // The sender lives as long as the socket.
        _ = probed.wait_for(|probed| *probed).await;
        let wait = upgrade.next_wait();
        tokio::select! {
            () = sleep(wait) => return,
            _ = probed.wait_for(|probed| !*probed) => {}
        }
    }
}

fn noop(is_protocol_3: bool) -> Response {
    let packet = if is_protocol_3 { "1:6" } else { "6" };
    ([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], packet).into_response()
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
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// A text frame of a client, masked.
    fn frame(text: &str) -> Vec<u8> {
        let mask = [7, 0, 255, 42];
        let length = u8::try_from(text.len()).unwrap();
        let masked = text.bytes().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        [0x81, 0x80 | length].into_iter().chain(mask).chain(masked).collect()
    }

    fn context() -> Arc<SocketContext> {
        let clock: Arc<dyn crate::clock::Clock> = Arc::new(crate::clock::SystemClock);
        let config = <crate::config::Config as clap::Parser>::parse_from(["visavis"]);
        let limits = crate::service::Limits::new(&config, &clock);
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let version = super::super::conduct::Version::Four;
        Arc::new(SocketContext::new(address, None, None, version, limits))
    }

    #[tokio::test]
    async fn the_reader_of_an_upgraded_stream_gets_every_byte_however_it_was_split() {
        let sent = [frame("2probe"), frame("5"), frame("4hello")].concat();
        for split in 1..sent.len() {
            let (mut client, server) = duplex(1024);
            let context = context();
            let polls = Arc::clone(&context);
            let upgrading = tokio::spawn(async move { upgraded(server, &context).await });
            client.write_all(&sent[..split]).await.unwrap();
            tokio::task::yield_now().await;
            client.write_all(&sent[split..]).await.unwrap();
            let mut stream = upgrading.await.unwrap().unwrap();
            let mut pong = [0; PONG.len()];
            client.read_exact(&mut pong).await.unwrap();
            assert_eq!(pong, PONG);
            assert!(!*polls.upgrade.probed.borrow());
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
            assert!(upgraded(server, &context()).await.is_err(), "{sent:x?}");
        }
    }
}
