//! Types and rules of the chat: pure, synchronous, without I/O or frameworks.

mod chat;
mod device;
mod error;
mod hash_cost;
mod link;
mod message;
mod name;
mod password;
mod session;
mod user;
mod version;
mod visible;

pub use chat::{Chat, ConversationState, Pair, ReadMark, ReadState};
pub use device::device;
pub use error::Error;
pub use hash_cost::{BCRYPT_COST_MAX, TooCostly, work as hash_work};
pub use link::LinkKey;
pub use message::{Body, ClientId, DELETED_TEXT, Message, MessageId, MessageState, Timestamp};
pub use name::{NameKey, NamePrefix, TypedName, Username};
pub use password::{NewPassword, TypedPassword};
pub use session::SessionKey;
pub use user::{User, UserId};
pub use version::{Digest, Epoch, Version};
pub use visible::{is_printable, shows};
