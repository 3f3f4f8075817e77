//! Who is connected, with which sockets, and what each socket has open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::socket::Sid;
use socketioxide::{SendError, SocketError};

use super::view::View;
use crate::domain::{SessionKey, User, UserId};

/// One connected socket and whose it is.
pub struct Seat {
    pub socket: SocketRef,
    pub user: Arc<User>,
    pub session: SessionKey,
    /// What the socket has open; locked while something is sent that depends on it.
    pub view: Mutex<View>,
    /// Its outgoing buffer overflowed: something was not sent, so nothing more is.
    behind: AtomicBool,
}

impl Seat {
    pub fn new(socket: SocketRef, user: Arc<User>, session: SessionKey) -> Self {
        Self { socket, user, session, view: Mutex::default(), behind: AtomicBool::new(false) }
    }

    /// Sends an event. A socket that does not keep up is cut off: a client that missed one event
    /// must not be shown the next, but come back and load anew.
    pub fn emit<T: Serialize>(&self, event: &str, payload: &T) {
        if self.behind.load(Ordering::Relaxed) {
            return;
        }
        self.keep_up(self.socket.emit(event, payload));
    }

    /// Acknowledges an event of this socket; a tuple becomes several arguments.
    pub fn acknowledge<T: Serialize>(&self, ack: AckSender, answer: &T) {
        self.keep_up(ack.send(answer));
    }

    fn keep_up(&self, sent: Result<(), SendError>) {
        match sent {
            Ok(()) => {}
            Err(SendError::Socket(SocketError::InternalChannelFull)) => self.cut_off(),
            // The client has gone: it learns the truth when it comes back.
            Err(error) => tracing::debug!(%error, "a packet was not sent: {error}"),
        }
    }

    fn cut_off(&self) {
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
            of_user.retain(|seat| seat.socket.id != socket);
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

    /// The sockets of a user but one.
    pub fn others(&self, user: UserId, but: Sid) -> impl Iterator<Item = Arc<Seat>> + use<> {
        self.of(user).into_iter().filter(move |seat| seat.socket.id != but)
    }
}
