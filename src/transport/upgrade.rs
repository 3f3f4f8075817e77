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
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::header;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::conduct::Version;
use super::packets::{self, Packet};
use super::probe::{Replayed, answered};
use super::socket_context::SocketContext;

/// How long a client may take from the opened WebSocket to its upgrade packet, and then for each part of
/// what is left.
const UPGRADE_MAX: Duration = Duration::from_secs(10);
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

/// The stream of the WebSocket when the client has sent its upgrade packet, or an error when there is no
/// upgrade.
pub async fn upgraded<S>(stream: S, context: &SocketContext) -> io::Result<Replayed<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let probed = Probed(&context.upgrade.probed);
    let answered = answered(stream, || _ = probed.0.send_replace(true));
    timeout(UPGRADE_MAX, answered).await?
}

/// Ends the wait of the polls when the attempt ends, in whichever way.
struct Probed<'a>(&'a watch::Sender<bool>);

impl Drop for Probed<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
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
            timeout(UPGRADE_MAX, stream.inner().write_all(part)).await??;
        }
    }
    timeout(UPGRADE_MAX, stream.inner().flush()).await?
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::super::probe::tests::frame;
    use super::*;

    fn context() -> Arc<SocketContext> {
        let clock: Arc<dyn crate::clock::Clock> = Arc::new(crate::clock::SystemClock);
        let config = <crate::config::Config as clap::Parser>::parse_from(["visavis"]);
        let limits = crate::service::Limits::new(&config, &clock);
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let version = super::super::conduct::Version::Four;
        Arc::new(SocketContext::new(address, None, None, version, limits))
    }

    #[tokio::test]
    async fn polls_end_from_the_answer_to_the_probe_until_the_attempt_has_ended() {
        for (last, is_upgrade) in [("5", true), ("4hello", false)] {
            let (mut client, server) = duplex(1024);
            let context = context();
            let polls = Arc::clone(&context);
            let mut probed = polls.upgrade.probed.subscribe();
            let upgrading = tokio::spawn(async move { upgraded(server, &context).await });
            client.write_all(&frame("2probe")).await.unwrap();
            assert!(*probed.wait_for(|probed| *probed).await.unwrap());
            client.read_exact(&mut [0; 8]).await.unwrap();
            client.write_all(&frame(last)).await.unwrap();
            assert_eq!(upgrading.await.unwrap().is_ok(), is_upgrade);
            assert!(!*polls.upgrade.probed.borrow());
        }
    }
}
