//! How much of what was handed over for a peer has left this program: so much is known only where
//! bytes are written to connections, and needed where more is about to be handed over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// One TCP connection: counts the bytes written to it, and can be cut from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Written(Arc<Connection>);

#[derive(Debug, Default)]
struct Connection {
    total: AtomicU64,
    is_cut: AtomicBool,
    has_heard: AtomicBool,
    /// What waits to read and what waits to write.
    waiting: Mutex<[Option<Waker>; 2]>,
}

/// Which of the two halves of a connection waits.
#[derive(Debug, Clone, Copy)]
pub enum Half {
    Reading,
    Writing,
}

impl Written {
    pub fn add(&self, bytes: usize) {
        self.0.total.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    /// Notes that the peer has sent something.
    pub fn hear(&self) {
        self.0.has_heard.store(true, Ordering::Relaxed);
    }

    /// Whether the peer has not sent a byte yet.
    pub fn is_silent(&self) -> bool {
        !self.0.has_heard.load(Ordering::Relaxed)
    }

    /// Ends the connection, whether or not its peer reads: from now on reading and writing fail.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut *self.waiting());
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    pub fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::SeqCst)
    }

    /// Has the task of `context` woken when the connection is cut; true when that has happened.
    pub fn wait(&self, half: Half, context: &Context<'_>) -> bool {
        let slot = &mut self.waiting()[half as usize];
        match slot {
            Some(waker) => waker.clone_from(context.waker()),
            None => *slot = Some(context.waker().clone()),
        }
        self.is_cut()
    }

    fn waiting(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes written to one socket, over a WebSocket or over the connections of its polls.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Readings>);

#[derive(Debug, Default)]
struct Readings {
    /// What was written over connections that the socket does not use any more.
    before: u64,
    now: Option<Use>,
}

/// A connection that the socket uses.
#[derive(Debug)]
struct Use {
    connection: Written,
    /// What had been written to it before.
    from: u64,
    /// How much of what is written to it is this socket's.
    at_most: u64,
}

impl Use {
    fn written(&self) -> u64 {
        (self.connection.total() - self.from).min(self.at_most)
    }
}

impl Meter {
    /// From now on, all that is written to `connection` is this socket's.
    pub fn web_socket(&self, connection: Written) {
        self.turn_to(connection, u64::MAX);
    }

    /// The next `bytes` that are written to `connection` answer a poll of this socket.
    pub fn poll(&self, connection: Written, bytes: u64) {
        self.turn_to(connection, bytes);
    }

    fn turn_to(&self, connection: Written, at_most: u64) {
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A poll may still be answered when a WebSocket has taken over.
        if readings.now.as_ref().is_some_and(|used| used.at_most == u64::MAX) {
            readings.before += if at_most == u64::MAX { 0 } else { at_most };
            return;
        }
        readings.before += readings.now.as_ref().map_or(0, Use::written);
        let from = connection.total();
        readings.now = Some(Use { connection, from, at_most });
    }

    /// Cuts the connection that the socket uses.
    pub fn cut(&self) {
        let readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = readings.now.as_ref().map(|used| used.connection.clone());
        drop(readings);
        if let Some(connection) = connection {
            connection.cut();
        }
    }

    /// In bytes, from the socket's first.
    pub fn written(&self) -> u64 {
        let readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readings.before + readings.now.as_ref().map_or(0, Use::written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_count_what_was_written_of_their_answers_and_a_web_socket_everything() {
        let (meter, one, other) = (Meter::default(), Written::default(), Written::default());
        one.add(500);
        assert_eq!(meter.written(), 0);
        meter.poll(one.clone(), 100);
        one.add(60);
        assert_eq!(meter.written(), 60);
        one.add(60);
        assert_eq!(meter.written(), 100);
        // What is left of a poll that was given up is never counted.
        meter.poll(one.clone(), 100);
        one.add(30);
        meter.web_socket(other.clone());
        one.add(30);
        other.add(1000);
        assert_eq!(meter.written(), 1130);
        meter.poll(one.clone(), 100);
        one.add(100);
        other.add(1000);
        assert_eq!(meter.written(), 2230);
    }
}
