//! Sessions: the key by which the database knows one.

/// The SHA-256 of a session's cookie value. Who reads the database cannot make a cookie of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey(pub [u8; 32]);
