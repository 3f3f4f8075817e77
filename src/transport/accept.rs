//! The accept loop: takes connections, cuts those that stall, and ends gracefully.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tower::Layer;

use super::connections::{Connections, Held, Refused};
use super::linger::Linger;
use super::meter::{Half, Written};

/// How long a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sent data may stay unacknowledged by the peer's machine before it is cut off.
const STALLED_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the end waits for requests that are under way, and how long for sockets to close.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait when the machine has no more file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `connections` until `stop` resolves; then awaits `close_sockets`, and what is under way, but
/// not for long.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    open: Arc<Connections>,
    close_sockets: impl Future<Output = ()>,
    stop: impl Future<Output = ()>,
) {
    // Every connection holds a receiver, so the sender knows when the last one has ended.
    let (stopping, connections) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let written = Written::default();
                    match open.take(peer.ip(), &written) {
                        Ok(held) => {
                            let linger = Linger::default();
                            let stream = Metered { stream, written, linger, _held: held };
                            answer(stream, peer, &router, connections.clone());
                        }
                        // Refused at once, without a task or an answer: a connection that waits would
                        // time out, and a peer that has too many is not worth the bytes.
                        Err(Refused::Full) => log_full(peer.ip()),
                        Err(Refused::Address) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop((listener, connections));
    // A peer that stalls must not keep the program: both waits are bounded.
    if timeout(GRACE, close_sockets).await.is_err() {
        tracing::warn!("some sockets did not close in time");
    }
    stopping.send_replace(());
    if timeout(GRACE, stopping.closed()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

fn log_full(peer: IpAddr) {
    tracing::warn!(address = %peer, "refused a connection from {peer}: no more are served at once (--max-connections)");
}

fn answer(metered: Metered, peer: SocketAddr, router: &Router, mut stopping: watch::Receiver<()>) {
    if let Err(error) = prepare(&metered.stream) {
        // The peer went away between its connect and our accept.
        tracing::debug!(address = %peer.ip(), %error, "a connection was lost before it began: {error}");
        return;
    }
    let known = (Extension(metered.written.clone()), Extension(ConnectInfo(peer)));
    let service = known.layer(router.clone());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(metered), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            _ = stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(address = %peer.ip(), %error, "a connection ended: {error}");
        }
    });
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Messages are small, and each is waited for.
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(STALLED_TIMEOUT))
}

/// A connection that counts what is written to it. Each request has the count as an extension.
struct Metered {
    stream: TcpStream,
    written: Written,
    linger: Linger,
    _held: Held,
}

impl Metered {
    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.written.add(*bytes);
        }
        written
    }

    /// What a half of the connection gives, or the end when it was cut.
    fn unless_cut<T>(
        &self,
        half: Half,
        context: &Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_pending() && self.written.wait(half, context) {
            return Poll::Ready(Err(cut()));
        }
        outcome
    }
}

fn cut() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.written.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.written.hear();
        }
        self.unless_cut(Half::Reading, context, read)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.written.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        let written = self.unless_cut(Half::Writing, context, written);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.written.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        let written = self.unless_cut(Half::Writing, context, written);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let metered = self.get_mut();
        metered.linger.poll(&mut metered.stream, context)
    }
}
