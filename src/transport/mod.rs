//! Connections and the endpoint of sockets: everything between the network and the Socket.IO layer.
//!
//! | file | responsibility |
//! | --- | --- |
//! | `accept` | accepts connections, cuts stalled ones, ends gracefully |
//! | `endpoint` | answers every request under `/socket.io/` after its checks |
//! | `handshake` | admits a new socket and reduces its request to what the layer needs |
//! | `context`, `contexts` | what is known of a socket, and of all that poll, by their ids |
//! | `web_socket` | turns a connection into a WebSocket |
//! | `upgrade` | keeps an upgrade away from the layer until it is certain |
//! | `meter` | counts the bytes written to a socket |
//!
//! Pages (`http`) know nothing of it, and events (`realtime`) only the context of a socket.

mod accept;
mod context;
mod contexts;
mod endpoint;
mod handshake;
mod meter;
mod upgrade;
mod web_socket;

pub use self::accept::serve;
pub use self::context::SocketContext;
pub use self::endpoint::route;
