//! visavis: a chat for two on one's own server.
//!
//! The map, in reading order; ARCHITECTURE.md says who may know whom.

pub mod config; // what can be set, and in a file
pub mod command; // what can be done instead of serving
pub mod app; // puts the parts together
pub mod transport; // connections, and the endpoint of sockets
pub mod http; // pages
pub mod realtime; // socket events
pub mod protocol; // the events of the sockets, and their shapes
pub mod service; // what people can do
pub mod store; // what is kept, and where
pub mod domain; // what things are
pub mod json_depth;
mod lossy; // JSON that is not quite text
pub mod log; // how often the log writes the same
pub mod clock; // what time it is
