//! A WebSocket's connection whose incoming bytes are judged before the socket layer reads them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::frames::Frames;
use super::socket_context::SocketContext;

/// How long a client may stay connected after DISCONNECT: it closes the connection next.
const LEAVING: Duration = Duration::from_secs(5);

/// Wraps any stream that carries frames of a client from their first byte.
pub struct Inspected<S> {
    stream: S,
    frames: Frames,
    socket: Arc<SocketContext>,
    leaving: Option<Pin<Box<Sleep>>>,
    is_closed: bool,
}

impl<S> Inspected<S> {
    pub fn new(stream: S, socket: Arc<SocketContext>) -> Self {
        Self { stream, frames: Frames::default(), socket, leaving: None, is_closed: false }
    }

    fn judge(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.socket.judge_frames(&mut self.frames, bytes) {
            Ok(has_left) => {
                if has_left && self.leaving.is_none() {
                    self.leaving = Some(Box::pin(sleep(LEAVING)));
                }
                Ok(())
            }
            Err(violation) => {
                self.is_closed = true;
                self.socket.log_violation(violation);
                // What is queued for the peer is not waited for.
                self.socket.meter.cut();
                Err(closed())
            }
        }
    }
}

fn closed() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Inspected<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_closed {
            return Poll::Ready(Err(closed()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(self.judge(&buffer.filled()[before..])),
            Poll::Pending => match &mut self.leaving {
                Some(leaving) => leaving.as_mut().poll(context).map(|()| Err(closed())),
                None => Poll::Pending,
            },
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Inspected<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
