//! Sessions: the key by which the database knows one.

use std::fmt::Write;

/// The SHA-256 of a session's cookie value. Who reads the database cannot make a cookie of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey(pub [u8; 32]);

impl SessionKey {
    /// 64 hexadecimal digits, by which a form names the session.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// The key that [`SessionKey::to_hex`] wrote.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        let mut key = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (place, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[place * 2..place * 2 + 2], 16).ok()?;
        }
        Some(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling_in_a_form() {
        let key = SessionKey(std::array::from_fn(|place| u8::try_from(place * 8 % 256).unwrap()));
        assert_eq!(SessionKey::from_hex(&key.to_hex()), Some(key));
        let long = "0".repeat(65);
        for wrong in ["", "00", &"ä".repeat(32), &"+1".repeat(32), &long] {
            assert_eq!(SessionKey::from_hex(wrong), None, "{wrong}");
        }
    }
}
