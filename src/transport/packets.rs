//! Splits the body of a poll into packets, as the socket layer will, so that they are judged before it
//! parses them.

use super::conduct::Version;

/// What stands between two packets of Engine.IO 4.
const SEPARATOR: u8 = 0x1e;
/// In the binary form of Engine.IO 3: a text, as opposed to binary data.
const TEXT: u8 = 0;
/// In the binary form: the end of a length.
const LENGTH_END: u8 = 0xff;
const DIGITS_MAX: usize = 8;

/// A packet of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    Text(&'a [u8]),
    Binary,
}

/// The packets of `body`; `None` when it is no list of packets.
pub fn split(version: Version, is_binary: bool, body: &[u8]) -> Option<Vec<Packet<'_>>> {
    let text = std::str::from_utf8(body);
    match version {
        Version::Four => {
            text.ok()?;
            Some(body.split(|byte| *byte == SEPARATOR).map(Packet::Text).collect())
        }
        Version::Three if is_binary => split_binary(body),
        Version::Three => split_by_length(text.ok()?),
    }
}

/// `LENGTH:PACKET…`, the length in units of UTF-16.
fn split_by_length(mut rest: &str) -> Option<Vec<Packet<'_>>> {
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let (digits, text) = rest.split_once(':')?;
        let mut units: usize = digits.parse().ok().filter(|units| *units > 0)?;
        let mut end = 0;
        for char in text.chars() {
            if units == 0 {
                break;
            }
            units = units.checked_sub(char.len_utf16())?;
            end += char.len_utf8();
        }
        if units > 0 {
            return None;
        }
        packets.push(Packet::Text(&text.as_bytes()[..end]));
        rest = &text[end..];
    }
    Some(packets)
}

/// A kind, the digits of the length as bytes, their end, and so many bytes.
fn split_binary(mut rest: &[u8]) -> Option<Vec<Packet<'_>>> {
    let mut packets = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let digits = after.iter().position(|byte| *byte == LENGTH_END)?;
        let length = length_of(&after[..digits])?;
        let after = &after[digits + 1..];
        let packet = after.get(..length)?;
        packets.push(match *kind {
            TEXT => Packet::Text(packet),
            1 => Packet::Binary,
            _ => return None,
        });
        rest = &after[length..];
    }
    Some(packets)
}

fn length_of(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let number = digits
        .iter()
        .try_fold(0, |number, digit| (*digit < 10).then(|| number * 10 + usize::from(*digit)));
    number.filter(|length| *length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(version: Version, is_binary: bool, body: &[u8]) -> Option<Vec<String>> {
        let packets = split(version, is_binary, body)?;
        let text = |packet: Packet<'_>| match packet {
            Packet::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Packet::Binary => "binary".to_owned(),
        };
        Some(packets.into_iter().map(text).collect())
    }

    #[test]
    fn each_form_of_a_body_is_split() {
        let split = |version, is_binary, body: &[u8]| texts(version, is_binary, body).unwrap();
        assert_eq!(split(Version::Four, false, b"40\x1e42[\"x\"]"), ["40", "42[\"x\"]"]);
        assert_eq!(split(Version::Four, false, b""), [""]);
        assert_eq!(split(Version::Three, false, "6:42[\"😀1:2".as_bytes()), ["42[\"😀", "2"]);
        assert_eq!(
            split(Version::Three, true, b"\0\x02\xff40\x01\x01\x00\xff0123456789"),
            ["40", "binary"]
        );
    }

    #[test]
    fn what_is_no_list_of_packets_is_none() {
        for body in ["2", "3:40", "0:", ":", "x:40", "1:😀", "-1:4"] {
            assert_eq!(texts(Version::Three, false, body.as_bytes()), None, "{body}");
        }
        let binary: [&[u8]; 5] =
            [b"\0", b"\0\xff40", b"\0\x0a\xff4", b"\x02\x01\xff4", b"\0\x05\xff4"];
        for body in binary {
            assert_eq!(texts(Version::Three, true, body), None, "{body:?}");
        }
        assert_eq!(texts(Version::Four, false, &[0xff]), None);
    }
}
