//! Connections and the endpoint of sockets: everything between the network and the Socket.IO layer.
//!
//! | file | responsibility |
//! | --- | --- |
//! | `accept` | accepts connections, cuts stalled ones, ends gracefully |
//! | `linger` | ends a connection so that what was sent last arrives |
//! | `connections` | bounds the open connections, of each address and together |
//! | `endpoint` | answers every request under `/socket.io/` after its checks |
//! | `handshake` | admits a new socket and reduces its request to what the layer needs |
//! | `socket_context` | what is known of one socket beside the layer |
//! | `contexts` | finds it by the id that later requests carry |
//! | `web_socket` | turns a connection into a WebSocket |
//! | `upgrade` | keeps an upgrade away from the layer until it is certain |
//! | `probe` | reads and answers what a WebSocket that takes the place of polling begins with |
//! | `inspected`, `frames`, `packets` | take apart what a socket sends, before the layer parses it |
//! | `conduct`, `allowance` | judge it: what no client sends, and rates |
//! | `meter` | counts the bytes written to a socket |
//! | `open_files` | raises the limit on open files |
//!
//! Pages (`http`) know nothing of it, and events (`realtime`) only the context of a socket.

mod accept;
mod allowance;
mod conduct;
mod connections;
mod contexts;
mod endpoint;
mod frames;
mod handshake;
mod inspected;
mod linger;
mod meter;
pub mod open_files;
mod packets;
mod probe;
mod socket_context;
mod upgrade;
mod web_socket;

pub use self::accept::serve;
pub use self::connections::Connections;
pub use self::endpoint::route;
pub use self::socket_context::SocketContext;
