//! How many bytes a payload takes as JSON.

use std::io::{self, Write};

use serde::Serialize;

/// The length of `payload` as it is written to the peer, escapes included. Nothing is kept of it:
/// encoding twice costs less than another copy of a long answer.
pub fn bytes<T: Serialize>(payload: &T) -> usize {
    let mut counter = Counter(0);
    // Payloads are structs of texts and numbers: they cannot fail, and the socket layer would say so.
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
