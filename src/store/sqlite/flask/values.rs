//! What stands in the cells of the Flask chat's rows. SQLite keeps any type in any column, so each
//! value is looked at before it is taken.

use rusqlite::types::ValueRef;

/// An id. SQLite's number columns turn digits into numbers; in a column without a type they stay
/// text, and mean the same.
pub(super) fn id(value: ValueRef<'_>) -> Result<i64, &'static str> {
    match value {
        ValueRef::Integer(id) => Ok(id),
        ValueRef::Text(digits) => whole_number(digits).ok_or("is not a whole number"),
        ValueRef::Null => Err("is missing (NULL)"),
        ValueRef::Real(_) | ValueRef::Blob(_) => Err("is not a whole number"),
    }
}

/// A name, a hash or a message. Numbers are read by the query as their text.
pub(super) fn text(value: ValueRef<'_>) -> Result<&str, &'static str> {
    match value {
        ValueRef::Text(bytes) if bytes.contains(&0) => Err("contains a NUL character"),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| "is not UTF-8"),
        ValueRef::Null => Err("is missing (NULL)"),
        ValueRef::Blob(_) => Err("is binary (a BLOB), not text"),
        ValueRef::Integer(_) | ValueRef::Real(_) => Err("is a number, not text"),
    }
}

/// A time as `YYYY-MM-DD HH:MM:SS`: clients cut the text apart, so no other spelling will do.
pub(super) fn timestamp(value: ValueRef<'_>) -> Result<&str, &'static str> {
    const SHAPE: &[u8] = b"0000-00-00 00:00:00";
    let fits = |bytes: &[u8]| {
        bytes.len() == SHAPE.len()
            && bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                _ => byte == shape,
            })
    };
    match text(value) {
        Ok(text) if fits(text.as_bytes()) => Ok(text),
        Ok(_) => Err("is not a time as 2026-01-31 23:59:59"),
        Err(reason) => Err(reason),
    }
}

/// A count of new messages, where it is a whole number of zero or more.
pub(super) fn count(value: ValueRef<'_>) -> Option<i64> {
    id(value).ok().filter(|count| *count >= 0)
}

fn whole_number(digits: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(digits).ok()?;
    let number: i64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// The kind of a password hash, by its outward form.
pub(super) fn hash_kind(hash: &str) -> &'static str {
    let method = hash.split('$').next().unwrap_or_default();
    let has_three_parts = hash.splitn(3, '$').count() == 3;
    let mut words = method.split(':');
    match (words.next(), words.next()) {
        (Some("scrypt"), Some(_)) if has_three_parts => "scrypt",
        (Some("pbkdf2"), Some("sha1")) if has_three_parts => "pbkdf2:sha1",
        (Some("pbkdf2"), Some("sha256")) if has_three_parts => "pbkdf2:sha256",
        (Some("pbkdf2"), Some("sha512")) if has_three_parts => "pbkdf2:sha512",
        (Some(""), _) if hash.starts_with("$2") && hash.len() == 60 => BCRYPT,
        _ => "unknown",
    }
}

/// The kind of hash that we make, and that Werkzeug cannot read.
pub(super) const BCRYPT: &str = "bcrypt";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_known_by_its_form() {
        let bcrypt = format!("$2b$12${}", "x".repeat(53));
        for (hash, kind) in [
            ("scrypt:32768:8:1$salt$00", "scrypt"),
            ("pbkdf2:sha256:600000$salt$00", "pbkdf2:sha256"),
            ("pbkdf2:sha1:1$salt$00", "pbkdf2:sha1"),
            (&bcrypt, BCRYPT),
            ("pbkdf2:md5:1$salt$00", "unknown"),
            ("scrypt:32768:8:1", "unknown"),
            ("$2b$12$short", "unknown"),
            ("!", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(hash_kind(hash), kind, "{hash}");
        }
    }

    #[test]
    fn a_time_has_exactly_one_spelling() {
        let read = |text: &str| timestamp(ValueRef::Text(text.as_bytes())).is_ok();
        assert!(read("2026-01-31 23:59:59"));
        for wrong in [
            "",
            "2026-01-31",
            "2026-01-31T23:59:59",
            "2026-01-31 23:59:59.5",
            "2026-01-31 23:59:5x",
        ] {
            assert!(!read(wrong), "{wrong}");
        }
    }

    #[test]
    fn digits_are_an_id_and_nothing_else_is() {
        assert_eq!(id(ValueRef::Text(b"17")), Ok(17));
        for wrong in ["", "x", "1.5", "017", " 1", "99999999999999999999"] {
            assert!(id(ValueRef::Text(wrong.as_bytes())).is_err(), "{wrong}");
        }
        assert!(id(ValueRef::Null).is_err());
        assert!(id(ValueRef::Real(1.5)).is_err());
    }
}
