//! The end of a connection. Closing one while the peer still sends makes its machine throw away what
//! it was sent last, such as the refusal of a form whose body was not waited for. So the peer is told
//! that nothing more comes, and what it still sends is read for a moment.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long the peer may take to end its half.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// How much it may send meanwhile, in bytes: some times the largest packet, since a client that sends more
/// than it may is to read that it did. Nothing of it is kept.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How far a connection has ended.
#[derive(Default)]
pub struct Linger {
    begun: Option<Begun>,
}

struct Begun {
    ends: Pin<Box<Sleep>>,
    read: usize,
}

impl Linger {
    /// Ends our half of `stream`, then waits for the peer's end, but not for long.
    pub fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut stream = Pin::new(stream);
        if self.begun.is_none() {
            ready!(stream.as_mut().poll_shutdown(context))?;
        }
        let begun = self
            .begun
            .get_or_insert_with(|| Begun { ends: Box::pin(sleep(LINGER_TIMEOUT)), read: 0 });
        let mut space = [0; 4096];
        while begun.read < LINGER_BYTES_MAX && begun.ends.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            // An error ends the connection as well as it can be ended.
            let read = ready!(stream.as_mut().poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            begun.read += buffer.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_still_comes_is_read_until_the_peer_ends_or_has_sent_or_waited_enough() {
        let (mut ours, mut peers) = duplex(1024);
        let ending = tokio::spawn(async move {
            let mut linger = Linger::default();
            poll_fn(|context| linger.poll(&mut ours, context)).await
        });
        assert_eq!(peers.read(&mut [0; 8]).await.unwrap(), 0);
        peers.write_all(&[0; 10_000]).await.unwrap();
        assert!(!ending.is_finished());
        drop(peers);
        ending.await.unwrap().unwrap();

        for sends in [0, LINGER_BYTES_MAX] {
            let (mut ours, mut peers) = duplex(LINGER_BYTES_MAX);
            peers.write_all(&vec![0; sends]).await.unwrap();
            let mut linger = Linger::default();
            poll_fn(|context| linger.poll(&mut ours, context)).await.unwrap();
        }
    }
}
