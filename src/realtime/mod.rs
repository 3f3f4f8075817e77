//! The socket side: a request becomes a call of a service, its outcome an acknowledgement and what both
//! people are told ([`notifier`]). [`conversations`] handles the requests of protocol 2, [`flask`] those of
//! protocol 1.

mod backlog;
mod conversations;
mod encoded;
mod flask;
mod notifier;
mod order;
mod packet;
mod presence;
mod queued;
mod reply;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{Event, MaybeHttpExtension, SocketRef, TryData};
use socketioxide::handler::{ConnectHandler, FromMessageParts, MessageHandler, Value};
use socketioxide::layer::SocketIoLayer;
use socketioxide::socket::Socket;

use self::backlog::Backlog;
use self::notifier::{Kind, Notifier};
use self::packet::Packet;
use self::presence::Seat;
use self::queued::Queued;
use self::reply::Ack;
use crate::config::LimitedAction;
use crate::domain::{Error, Pair, SessionKey, User, UserId};
use crate::protocol::Request;
use crate::protocol::payload::{Auth, Protocol};
use crate::service::{Key, Live, Opening, Services};
use crate::store::Change;
use crate::transport::SocketContext;

/// What each WebSocket reads into, however long it waits: a message or two of usual length. A longer
/// one gets a buffer of its own while it arrives.
const READ_BUFFER_BYTES: usize = 256;
/// How many packets may wait for a socket before it counts as not keeping up: a client that sends
/// hundreds of messages at once is owed as many acknowledgements.
const OUTGOING_PACKETS_MAX: usize = 2048;
/// An answer counts as one more read for each of these.
const READ_BYTES: usize = 16 * 1024;
/// Catching up counts as one more read for each so many conversations.
const CONVERSATIONS_A_READ: u32 = 500;
/// A message counts as one more for each of these, as it is written to sockets.
const MESSAGE_BYTES: usize = 4096;
/// A shorter text cannot take so many: an escape has six bytes.
const SHORT_BYTES: usize = MESSAGE_BYTES / 6;
/// How long a connection may stay without joining the chat's namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that the handlers share.
pub struct Realtime {
    services: Services,
    notifier: Arc<Notifier>,
    queued: Arc<Queued>,
    /// Numbers the attempts to join a chat, so that a late one does not undo a newer.
    joins: AtomicU64,
}

impl Realtime {
    /// The layer that answers under `/socket.io/`, the handle that closes every socket, and the one
    /// by which pages reach them. Must run inside a tokio runtime.
    #[must_use]
    pub fn start(services: Services) -> (SocketIoLayer, SocketIo, Arc<Self>) {
        let packet_bytes = services.limits.sizes.packet_bytes;
        let queued_bytes = services.limits.sizes.queued_bytes;
        let realtime = Arc::new(Self {
            services,
            notifier: Arc::default(),
            joins: AtomicU64::new(0),
            queued: Arc::default(),
        });
        let (queued, weak) = (Arc::clone(&realtime.queued), Arc::downgrade(&realtime));
        tokio::spawn(queued::bound(queued, weak, queued_bytes as u64));
        let (layer, io) = SocketIo::builder()
            .max_payload(packet_bytes as u64)
            .ws_max_message_size(packet_bytes)
            .ws_max_frame_size(packet_bytes)
            .ws_read_buffer_size(READ_BUFFER_BYTES)
            .max_buffer_size(OUTGOING_PACKETS_MAX)
            .connect_timeout(CONNECT_TIMEOUT)
            .build_layer();
        let admitting = Arc::clone(&realtime);
        let admit = move |socket: SocketRef,
                          context: MaybeHttpExtension<Arc<SocketContext>>,
                          TryData(auth): TryData<Auth>| {
            let realtime = Arc::clone(&admitting);
            realtime.admit(socket, context.0, Protocol::asked_for(auth.ok()))
        };
        let checking = Arc::clone(&realtime);
        let check = move |socket: SocketRef| Arc::clone(&checking).check(socket);
        io.ns("/", check.with(admit));
        (layer, io, realtime)
    }

    /// Lets a socket in when somebody is logged in with the session of its handshake, which its context
    /// holds. Everything is in place before the client is told that it is
    /// in: the handler that runs after that would be too late for what the client sends at once.
    async fn admit(
        self: Arc<Self>,
        socket: SocketRef,
        context: Option<Arc<SocketContext>>,
        protocol: Option<Protocol>,
    ) -> Result<(), Refused> {
        let protocol = protocol.ok_or(Refused::UnknownProtocol)?;
        let context = context.ok_or_else(|| {
            tracing::error!("a socket has no context; the endpoint of sockets must give it one");
            Refused::Unavailable
        })?;
        let session = context.session.ok_or(Refused::NotLoggedIn)?;
        let user = self.services.accounts.session_user(session).await.map_err(|error| {
            // Logged once, when it was found.
            if !matches!(error, Error::OutOfService) {
                tracing::error!(address = %context.address, error = ?error, "a socket could not be checked: {error:?}");
            }
            Refused::Unavailable
        })?;
        let user = Arc::new(user.ok_or(Refused::NotLoggedIn)?);
        let (limits, from) = (&self.services.limits, context.address);
        if !limits.has_room(user.id, self.notifier.presence.of(user.id).len(), from) {
            return Err(Refused::TooMany);
        }
        if limits.take(LimitedAction::Connect, Key::Person(user.id), || from).is_err() {
            return Err(Refused::TooOften);
        }
        let backlog = Backlog::new(
            context,
            self.notifier.presence.answers(user.id),
            Arc::clone(&self.queued),
        );
        let seat = Arc::new(Seat::new(socket.clone(), user, session, protocol, backlog));
        socket.extensions.insert(Arc::clone(&seat));
        self.listen(&socket);
        let user = seat.user.id;
        self.notifier.presence.enter(seat);
        // Nobody tells when the connection ends while it is being admitted.
        tokio::spawn(async move {
            tokio::time::sleep(CONNECT_TIMEOUT).await;
            if !socket.connected() {
                self.leave(user, &socket);
            }
        });
        Ok(())
    }

    /// Runs once a socket is in: a logout while it was being admitted found none to close.
    async fn check(self: Arc<Self>, socket: SocketRef) {
        let Some(seat) = socket.extensions.get::<Arc<Seat>>() else { return };
        let user = self.services.accounts.session_user(seat.session()).await;
        if !matches!(user, Ok(Some(user)) if user.id == seat.user.id) {
            close(socket);
        }
    }

    fn listen(self: &Arc<Self>, socket: &SocketRef) {
        socket.on_fallback(AtOnce(Arc::clone(self)));
        let realtime = Arc::clone(self);
        socket.on_disconnect(async move |socket: SocketRef| {
            if let Some(seat) = socket.extensions.get::<Arc<Seat>>() {
                realtime.leave(seat.user.id, &socket);
            }
        });
    }

    /// Closes the sockets of `user` whose session is one of those.
    fn close_where(&self, user: UserId, ended: impl Fn(SessionKey) -> bool) {
        for seat in self.notifier.presence.of(user) {
            if ended(seat.session()) {
                close(seat.socket.clone());
            }
        }
    }

    /// Reads for an answer, unless `user` owes what earlier answers have cost: those are charged when
    /// they have been made, and more questions may have been waiting then.
    async fn read<T>(
        &self,
        user: UserId,
        reading: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.services.limits.owes_nothing(LimitedAction::Read, Key::Person(user))?;
        reading.await
    }

    /// Writes for a socket by a service, in the order of its conversation with `partner`, and tells both.
    fn write<R, T, F>(
        &self,
        seat: &Arc<Seat>,
        partner: UserId,
        ack: Ack<R>,
        begin: impl FnOnce(&Services, UserId) -> Result<F, Error>,
        acknowledge: impl FnOnce(&Seat, Ack<R>, T) -> Option<(Kind, Change)> + Send + 'static,
    ) where
        R: Request,
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let user = seat.user.id;
        let begin = || begin(&self.services, user);
        self.notifier.write(seat, Pair::of(user, partner), ack, begin, acknowledge);
    }

    /// A long answer counts as more than one read.
    fn charge_read(&self, user: UserId, bytes: usize) {
        let units = (bytes / READ_BYTES) as u64;
        self.services.limits.charge(LimitedAction::Read, Key::Person(user), units);
    }

    /// Catching up looks at each conversation of the user: many count as more than one read.
    fn charge_conversations(&self, user: UserId, conversations: u32) {
        let units = u64::from(conversations / CONVERSATIONS_A_READ);
        self.services.limits.charge(LimitedAction::Read, Key::Person(user), units);
    }

    /// A long text counts as more than one message.
    fn charge_text(&self, user: UserId, text: &str) {
        if text.len() > SHORT_BYTES {
            let units = (encoded::bytes(text) / MESSAGE_BYTES) as u64;
            self.services.limits.charge(LimitedAction::SendMessage, Key::Person(user), units);
        }
    }

    fn leave(&self, user: UserId, socket: &SocketRef) {
        self.notifier.presence.leave(user, socket.id);
        // The seat and its socket own each other until here.
        socket.extensions.remove::<Arc<Seat>>();
    }
}

impl Live for Realtime {
    fn open_chat(&self, user: User, partner: UserId) -> Opening {
        let user_id = user.id;
        let opening = || self.services.chats.open(user_id, partner);
        self.notifier.open_chat(user, partner, opening)
    }

    fn sessions(&self) -> Vec<(UserId, SessionKey)> {
        self.notifier.presence.sessions()
    }

    fn session_ended(&self, user: UserId, session: SessionKey) {
        self.close_where(user, |of_seat| of_seat == session);
    }

    fn sessions_ended(&self, user: UserId, kept: Option<SessionKey>) {
        self.close_where(user, |of_seat| Some(of_seat) != kept);
    }

    fn session_renewed(&self, user: UserId, from: SessionKey, to: SessionKey) {
        for seat in self.notifier.presence.of(user) {
            seat.renew(from, to);
        }
    }
}

/// Where a socket comes from, as far as it is known: limits want to know it.
fn address(socket: &SocketRef) -> IpAddr {
    let context = socket.req_parts().extensions.get::<Arc<SocketContext>>();
    context.map_or(Ipv4Addr::UNSPECIFIED.into(), |context| context.address)
}

fn close(socket: SocketRef) {
    let address = address(&socket);
    if let Err(error) = socket.disconnect() {
        tracing::debug!(%address, %error, "a socket was not closed: {error}");
    }
}

/// Why a socket is not let in; the words become the client's `connect_error`.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Refused {
    #[error("not logged in")]
    NotLoggedIn,
    #[error("there is no such protocol; ask for 1 or 2")]
    UnknownProtocol,
    #[error("too many open connections; close some tabs")]
    TooMany,
    #[error("too many connections in a short time; try again in a minute")]
    TooOften,
    #[error("Something went wrong :(")]
    Unavailable,
}

/// The handler of every event. It runs at once, in the order of the socket's packets: an async one
/// would be spawned as a task of its own, and two events of one socket could overtake each other.
/// There is one for all, as each socket keeps its handlers.
struct AtOnce(Arc<Realtime>);

impl MessageHandler<LocalAdapter, ()> for AtOnce {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut value: Value, ack_id: Option<i64>) {
        let Ok(Event(event)) = Event::from_message_parts(&socket, &mut value, &ack_id) else {
            return;
        };
        // A socket that is closing has lost its seat already.
        let Some(seat) = socket.extensions.get::<Arc<Seat>>() else { return };
        let (realtime, over_limit) = (&self.0, None);
        Packet { realtime, seat: &seat, socket: &socket, value, ack_id, over_limit }
            .dispatch(&event);
    }
}
