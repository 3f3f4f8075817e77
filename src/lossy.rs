//! Makes JSON readable that is not quite text: a script that cuts a string in the middle of an emoji
//! sends half a surrogate pair, which no string can hold. Flask takes such JSON.

use std::borrow::Cow;

const ESCAPE_CHARS: usize = 6;
const REPLACEMENT: &str = "\\ufffd";

/// The same JSON with U+FFFD in the place of bytes that are not UTF-8 and of lone surrogates.
#[must_use]
pub fn json(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => paired(text),
        Cow::Owned(text) => Cow::Owned(paired(&text).into_owned()),
    }
}

/// The same JSON with U+FFFD in the place of lone surrogates.
#[must_use]
pub fn paired(json: &str) -> Cow<'_, str> {
    // Nearly every text ends here, at the search for one byte: browsers send other characters as they
    // are.
    if !json.contains('\\') || !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match surrogate(rest) {
            Some(Surrogate::High) if is_low(rest.get(ESCAPE_CHARS..)) => 2 * ESCAPE_CHARS,
            Some(_) => {
                text.push_str(REPLACEMENT);
                rest = &rest[ESCAPE_CHARS..];
                continue;
            }
            // The escape and what it escapes, which may be a backslash.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        text.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

#[derive(PartialEq, Eq)]
enum Surrogate {
    High,
    Low,
}

fn is_low(text: Option<&str>) -> bool {
    text.and_then(surrogate) == Some(Surrogate::Low)
}

/// The surrogate that `text` starts with, escaped.
fn surrogate(text: &str) -> Option<Surrogate> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match u16::from_str_radix(digits, 16).ok().filter(|_| all_digits)? {
        0xd800..=0xdbff => Some(Surrogate::High),
        0xdc00..=0xdfff => Some(Surrogate::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_text_becomes_a_replacement_character() {
        for (sent, read) in [
            (&br#""\ud83d""#[..], "\u{fffd}"),
            (br#""a\udc00\uD83Dz""#, "a\u{fffd}\u{fffd}z"),
            (br#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (br#""\ud83d\u00e4""#, "\u{fffd}ä"),
            (br#""\\ud83d \\\ud83d""#, "\\ud83d \\\u{fffd}"),
            (b"\"J\xf6rg\"", "J\u{fffd}rg"),
        ] {
            assert_eq!(serde_json::from_str::<String>(&json(sent)).unwrap(), read);
        }
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for sent in
            ["\\", "\"\\u", "\"\\ud8", "\"\\ud83d", "\\ud83d\\u", "\"\\u+d83", "\"\\uä000\""]
        {
            assert!(serde_json::from_str::<String>(&paired(sent)).is_err(), "{sent}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn json_that_can_be_read_stays_as_it_is(text in "(\\PC|[\\\\\"u😀]){0,40}") {
            let plain = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(&paired(&plain), &plain);
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            let escaped = format!("\"{}\"", units.collect::<String>());
            prop_assert_eq!(&paired(&escaped), &escaped);
        }
    }
}
