//! Types and rules of the chat: pure, synchronous, without I/O or frameworks.

mod chat;
mod device;
mod error;
mod link;
mod message;
mod session;
mod user;

pub use chat::{Chat, ReadMark, ReadState};
pub use device::device;
pub use error::Error;
pub use link::LinkKey;
pub use message::{Body, ClientId, Message, MessageId, Timestamp};
pub use session::SessionKey;
pub use user::{NewPassword, User, UserId, Username, is_printable};
