//! Payloads as JSON: how many bytes they take, and one encoding for many sockets.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::OnceLock;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::protocol::Notification;

/// The payload of one event as JSON.
pub struct Encoded<'a, N>(&'a RawValue, PhantomData<fn() -> N>);

impl<N> Encoded<'_, N> {
    pub fn json(&self) -> &RawValue {
        self.0
    }
}

/// The encoding of one payload, made for the first socket and copied for the others.
#[derive(Debug, Default)]
pub struct Once(OnceLock<Box<RawValue>>);

impl Once {
    /// `payload` must be the same at every call.
    pub fn of<N: Notification>(&self, payload: &N) -> Encoded<'_, N> {
        // Payloads are structs of texts and numbers: they cannot fail.
        let encode = || to_raw_value(payload).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Encoded(self.0.get_or_init(encode), PhantomData)
    }
}

/// The length of `payload` as it is written to the peer, escapes included. Nothing is kept of it:
/// encoding twice costs less than another copy of a long answer.
pub fn bytes<T: Serialize + ?Sized>(payload: &T) -> usize {
    let mut counter = Counter(0);
    // As above; and the socket layer would say so.
    _ = serde_json::to_writer(&mut counter, payload);
    counter.0
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn escapes_count_as_they_are_written() {
        let text = "\u{1}\n\"\\😀";
        assert_eq!(bytes(&text), serde_json::to_string(text).unwrap().len());
        assert_eq!(bytes(&(1, "a")), 7);
    }
}
