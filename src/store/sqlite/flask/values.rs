//! What stands in the cells of the Flask chat's rows. SQLite keeps any type in any column, so each
//! value is looked at before it is taken.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, PrimitiveDateTime};

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");

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

/// A time as `YYYY-MM-DD HH:MM:SS` in UTC: clients cut the text apart, so no other spelling will do.
/// A `T`, a fraction and a zone are taken, and a fraction is cut off.
pub(super) fn timestamp(value: ValueRef<'_>) -> Result<Cow<'_, str>, &'static str> {
    text(value).and_then(moment).map(|(seconds, _)| seconds)
}

/// A time in seconds since 1970, where it is one: the digits of [`timestamp`] may say the 99th of a month.
pub(super) fn seconds(value: ValueRef<'_>) -> Option<i64> {
    let spelled = timestamp(value).ok()?;
    let time = PrimitiveDateTime::parse(&spelled, SECONDS).ok()?;
    Some(time.assume_utc().unix_timestamp())
}

/// A text by which times sort: the fraction decides within a second.
pub(super) fn sort_key(value: ValueRef<'_>) -> Result<Cow<'_, str>, &'static str> {
    let (seconds, fraction) = text(value).and_then(moment)?;
    let fraction = fraction.trim_end_matches('0');
    Ok(if fraction.is_empty() { seconds } else { format!("{seconds}.{fraction}").into() })
}

/// The whole seconds in UTC, and the digits of the fraction.
fn moment(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    const WRONG: &str = "is not a time as 2026-01-31 23:59:59";
    const SHAPE: &[u8] = b"0000-00-00 00:00:00";
    let (seconds, rest) = text.split_at_checked(SHAPE.len()).ok_or(WRONG)?;
    let fits = seconds.bytes().zip(SHAPE).enumerate().all(|(at, (byte, shape))| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *shape || (at == 10 && matches!(byte, b'T' | b't')),
    });
    if !fits {
        return Err(WRONG);
    }
    let spelled = match seconds.as_bytes()[10] {
        b' ' => Cow::Borrowed(seconds),
        _ => Cow::Owned(format!("{} {}", &seconds[..10], &seconds[11..])),
    };
    let (fraction, zone) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if end == 0 {
                return Err(WRONG);
            }
            rest.split_at(end)
        }
        None => ("", rest),
    };
    let ahead = offset(zone.trim_start()).ok_or(WRONG)?;
    if ahead.is_zero() {
        return Ok((spelled, fraction));
    }
    let local = PrimitiveDateTime::parse(&spelled, SECONDS).map_err(|_| WRONG)?;
    let utc = local.checked_sub(ahead).ok_or(WRONG)?.format(SECONDS).map_err(|_| WRONG)?;
    Ok((utc.into(), fraction))
}

/// How far a zone such as `+02:00` is ahead of UTC.
fn offset(zone: &str) -> Option<Duration> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(Duration::ZERO);
    }
    let sign = match zone.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone[1..].replacen(':', "", 1);
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let (hours, minutes) = match digits.len() {
        2 if all_digits => (digits.as_str(), "0"),
        4 if all_digits => digits.split_at(2),
        _ => return None,
    };
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then(|| Duration::minutes(sign * (hours * 60 + minutes)))
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
    fn a_time_is_taken_in_the_spellings_of_iso_8601_and_kept_in_one() {
        let read = |text: &'static str| timestamp(ValueRef::Text(text.as_bytes()));
        for (spelled, kept) in [
            ("2026-01-31 23:59:59", "2026-01-31 23:59:59"),
            ("2026-01-31T23:59:59", "2026-01-31 23:59:59"),
            ("2026-01-31 23:59:59.5", "2026-01-31 23:59:59"),
            ("2026-01-31T23:59:59.123456Z", "2026-01-31 23:59:59"),
            ("2026-02-01 01:29:59+01:30", "2026-01-31 23:59:59"),
            ("2026-01-31 18:59:59.1-0500", "2026-01-31 23:59:59"),
            ("2026-01-31 23:59:59 +00", "2026-01-31 23:59:59"),
        ] {
            assert_eq!(read(spelled).as_deref(), Ok(kept), "{spelled}");
        }
        for wrong in [
            "",
            "2026-01-31",
            "2026-01-31 23:59:5x",
            "2026-01-31 23:59:59.",
            "2026-01-31 23:59:59 CET",
            "2026-01-31 23:59:59+1",
            "2026-01-31 23:59:59+24:00",
            "2026-99-31 23:59:59+01:00",
            "2026-01-31 23:59:5\u{e9}",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_that_no_calendar_has_is_none() {
        let read = |text: &'static str| seconds(ValueRef::Text(text.as_bytes()));
        assert_eq!(read("1970-01-01 00:00:01"), Some(1));
        assert_eq!(read("1970-01-01T01:59:59+02:00"), Some(-1));
        for none in ["2026-02-31 00:00:00", "2026-99-01 00:00:00", "2026-01-01 24:00:00"] {
            assert!(timestamp(ValueRef::Text(none.as_bytes())).is_ok(), "{none}");
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn times_sort_by_their_fraction_and_their_moment_in_utc() {
        let key = |text: &'static str| sort_key(ValueRef::Text(text.as_bytes())).unwrap();
        let rising = [
            "2026-01-31 23:59:59",
            "2026-01-31 23:59:59.05",
            "2026-02-01T00:59:59.45+01:00",
            "2026-01-31 23:59:59.5",
        ];
        assert!(rising.is_sorted_by_key(|text| key(text)));
        assert_eq!(key("2026-01-31 23:59:59.50"), key("2026-01-31 23:59:59.5"));
        assert_eq!(key("2026-01-31 23:59:59.0"), key("2026-01-31 23:59:59"));
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
