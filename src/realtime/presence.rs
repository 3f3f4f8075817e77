//! Who is connected, with which sockets, and what each socket has open.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::socket::Sid;
use socketioxide::{SendError, SocketError};

use super::backlog::{self, Answers, Backlog};
use super::encoded::{self, Encoded};
use super::flask::View;
use super::reply::Ack;
use crate::domain::{SessionKey, User, UserId};
use crate::protocol::payload::{Failure, Protocol};
use crate::protocol::{Notification, Request};

/// One connected socket and whose it is.
pub struct Seat {
    pub socket: SocketRef,
    pub user: Arc<User>,
    session: Mutex<SessionKey>,
    /// What its client understands.
    pub protocol: Protocol,
    /// What the socket has open; locked while something is sent that depends on it.
    pub view: Mutex<View>,
    backlog: Backlog,
    /// It does not keep up: something was not sent, so nothing more is.
    behind: AtomicBool,
    /// Socket.IO's own word for it comes too late: a client may ask before a socket counts as
    /// connected there.
    has_left: AtomicBool,
}

/// How often it is looked whether a socket has caught up.
const CATCHING_UP: Duration = Duration::from_millis(10);
/// How often it is looked in a minute: longer than TCP and the heartbeat bear with a stalled peer.
const STALLED: u32 = 6000;

impl Seat {
    pub fn new(
        socket: SocketRef,
        user: Arc<User>,
        session: SessionKey,
        protocol: Protocol,
        backlog: Backlog,
    ) -> Self {
        Self {
            socket,
            user,
            session: Mutex::new(session),
            protocol,
            view: Mutex::default(),
            backlog,
            behind: AtomicBool::new(false),
            has_left: AtomicBool::new(false),
        }
    }

    /// The session that the socket was opened with.
    pub fn session(&self) -> SessionKey {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the socket along when its session gets another key.
    pub fn renew(&self, from: SessionKey, to: SessionKey) {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if *session == from {
            *session = to;
        }
    }

    fn owe(&self, bytes: usize) {
        self.backlog.owe(bytes, self.backlog.written());
    }

    /// About how many bytes have been queued for the peer and not been written yet.
    pub fn owed(&self) -> u64 {
        self.backlog.owed()
    }

    /// Ends the connection without waiting for the peer, so that what is queued for it is freed.
    pub fn cut(&self) {
        self.backlog.cut();
    }

    fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Relaxed)
    }

    /// Sends an event of the table. A socket that does not keep up is cut off: a client that missed one event
    /// must not be shown the next, but come back and load anew.
    pub fn emit<N: Notification>(&self, payload: &N) {
        self.emit_as(N::NAME, payload);
    }

    /// The same with a payload that was encoded for all sockets.
    pub fn emit_encoded<N: Notification>(&self, payload: &Encoded<'_, N>) {
        self.emit_as(N::NAME, payload.json());
    }

    fn emit_as<T: Serialize + ?Sized>(&self, event: &str, payload: &T) {
        if self.behind.load(Ordering::Relaxed) {
            return;
        }
        self.owe(encoded::bytes(payload));
        if self.backlog.is_too_much() {
            return self.cut_off();
        }
        self.keep_up(self.socket.emit(event, payload));
    }

    /// Answers a question whose answer may be long: after those before it, when what this socket
    /// was sent has left. `answer` acknowledges it.
    pub fn answer<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        answer: impl FnOnce(Arc<Self>) -> F + Send + 'static,
    ) {
        if !self.backlog.ask() {
            return self.cut_off();
        }
        let seat = Arc::clone(self);
        tokio::spawn(async move {
            let turn = seat.backlog.turn().await;
            if !seat.has_left() && !seat.behind.load(Ordering::Relaxed) {
                answer(Arc::clone(&seat)).await;
            }
            seat.catch_up().await;
            drop(turn);
            seat.backlog.answered();
        });
    }

    /// So many answers are under way that what can be refused is not looked up.
    pub fn is_busy(&self) -> bool {
        self.backlog.is_busy()
    }

    /// Resolves when most of what this socket was sent has left, or the socket has gone.
    async fn catch_up(&self) {
        let (mut seen, mut moved) = (self.backlog.written(), 0);
        for tick in 0_u32.. {
            if self.backlog.is_little() || self.has_left() {
                return;
            }
            tokio::time::sleep(CATCHING_UP).await;
            let written = self.backlog.written();
            if written != seen {
                (seen, moved) = (written, tick);
            } else if tick - moved > STALLED {
                // A peer that reads nothing would have been cut off by now: there is nothing to read.
                tracing::warn!(user.id = %self.user.id, socket.id = %self.socket.id, "a socket is owed what was never sent");
                return self.backlog.forgive();
            }
        }
    }

    /// Acknowledges an event of this socket; a tuple becomes several arguments.
    /// Gives the bytes that it takes.
    pub fn acknowledge<R: Request>(&self, ack: Ack<R>, answer: &R::Answer<'_>) -> usize {
        self.send(ack.into(), answer)
    }

    /// Acknowledges that an event was not done.
    pub fn fail(&self, ack: AckSender, failure: &Failure) {
        self.send(ack, failure);
    }

    fn send<T: Serialize>(&self, ack: AckSender, answer: &T) -> usize {
        if self.behind.load(Ordering::Relaxed) {
            return 0;
        }
        // A socket that does not read is cut before it is owed one more answer.
        if self.backlog.is_too_much() {
            self.cut_off();
            return 0;
        }
        let bytes = encoded::bytes(answer);
        self.owe(bytes);
        self.keep_up(ack.send(answer));
        bytes
    }

    fn keep_up(&self, sent: Result<(), SendError>) {
        match sent {
            Ok(()) => {}
            Err(SendError::Socket(SocketError::InternalChannelFull)) => self.cut_off(),
            // The client has gone: it learns the truth when it comes back.
            Err(error) => {
                tracing::debug!(user.id = %self.user.id, %error, "a packet was not sent: {error}");
            }
        }
    }

    pub fn cut_off(&self) {
        if self.behind.swap(true, Ordering::Relaxed) {
            return;
        }
        let (socket, user) = (self.socket.clone(), self.user.id);
        tracing::warn!(user.id = %user, socket.id = %socket.id, "a socket of user {user} does not keep up; closing it");
        tokio::spawn(async move {
            // The word that closes the socket needs a place in the full buffer too. A peer that
            // reads nothing at all is cut by the heartbeat or by TCP.
            while let Err(SocketError::InternalChannelFull) = socket.clone().disconnect() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
    }
}

/// The connected sockets of every user.
#[derive(Default)]
pub struct Presence {
    seats: RwLock<HashMap<UserId, Vec<Arc<Seat>>>>,
}

impl Presence {
    pub fn enter(&self, seat: Arc<Seat>) {
        let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
        seats.entry(seat.user.id).or_default().push(seat);
    }

    pub fn leave(&self, user: UserId, socket: Sid) {
        let mut seats = self.seats.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_user) = seats.get_mut(&user) {
            for seat in of_user.extract_if(.., |seat| seat.socket.id == socket) {
                seat.has_left.store(true, Ordering::Relaxed);
            }
            if of_user.is_empty() {
                seats.remove(&user);
            }
        }
    }

    /// The sockets of a user at this moment, all tabs and devices.
    pub fn of(&self, user: UserId) -> Vec<Arc<Seat>> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        seats.get(&user).cloned().unwrap_or_default()
    }

    /// Each session that has sockets at this moment, once, and whose it is.
    pub fn sessions(&self) -> Vec<(UserId, SessionKey)> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        let each = seats
            .iter()
            .flat_map(|(user, of_user)| of_user.iter().map(|seat| (*user, seat.session())));
        each.collect::<HashSet<_>>().into_iter().collect()
    }

    /// What bounds the answers to a user's sockets together.
    pub fn answers(&self, user: UserId) -> Answers {
        self.of(user)
            .first()
            .map_or_else(backlog::answers, |seat| Arc::clone(&seat.backlog.answers))
    }

    /// Every connected socket.
    pub fn all(&self) -> Vec<Arc<Seat>> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        seats.values().flatten().cloned().collect()
    }
}
