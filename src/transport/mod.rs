//! Connections and the endpoint of sockets: everything between the network and the Socket.IO layer.
//!
//! | file | responsibility |
//! | --- | --- |
//! | `accept` | accepts connections, cuts stalled ones, ends gracefully |
//! | `endpoint` | answers every request under `/socket.io/` after its checks |
//! | `handshake` | admits a new socket and reduces its request to what the layer needs |
//! | `web_socket` | accepts the WebSocket with which a socket begins |
//! | `meter`, `meters` | count the bytes written to a socket, by its id |
//!
//! Pages (`http`) and events (`realtime`) know nothing of it but `meter`.

mod accept;
mod endpoint;
mod handshake;
pub mod meter;
mod meters;
mod web_socket;

pub use self::accept::serve;
pub use self::endpoint::route;
pub use self::web_socket::begin_web_socket;
