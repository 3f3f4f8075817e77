//! Links that the operator hands out: the key by which the database knows one.

/// The SHA-256 of the secret in a link. Who reads the database cannot make a link of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkKey(pub [u8; 32]);
