//! What a setting may be, and how it is read from its text.

use std::ffi::OsStr;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error, ValueEnum};
use ipnet::IpNet;

use crate::store::DatabaseLocation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Registration {
    /// Anybody
    Open,
    /// People with a link of `visavis invite`
    Invite,
    /// Nobody
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

/// How large may be what people send: the most of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub body_bytes: usize,
    pub packet_bytes: usize,
    /// What is queued for all sockets together.
    pub queued_bytes: usize,
    pub message_chars: usize,
    pub json_depth: usize,
}

/// The length of messages for which an answer of a hundred of them, and what is owed to a socket, is
/// measured: it may be made less.
pub(super) const MESSAGE_CHARS_MAX: usize = 10_000;
/// Twelve bytes a character, however it is escaped, and what stands around it. A packet that is too
/// large costs the connection, so a message that may be sent must fit.
pub(super) const PACKET_BYTES_MIN: usize = 12 * MESSAGE_CHARS_MAX + 1000;

/// How often in a time: of seconds, minutes or hours, one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub count: u32,
    pub per: Duration,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            1 => "s",
            60 => "m",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// Reads a value without the blanks around it, which stay behind from env files and after the commas
/// of a list. Every setting but a path is read through it.
#[derive(Debug, Clone)]
pub(super) struct Trimmed<P>(pub P);

impl<P: TypedValueParser> TypedValueParser for Trimmed<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        let trimmed = value.to_str().map_or(value, |text| OsStr::new(text.trim()));
        parse_utf8(&self.0, command, argument, trimmed)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

/// Reads a value that must be UTF-8. Of other bytes, clap does not say whose value they are.
#[derive(Debug, Clone)]
pub(crate) struct InUtf8<P>(pub P);

impl<P: TypedValueParser> TypedValueParser for InUtf8<P> {
    type Value = P::Value;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        parse_utf8(&self.0, command, argument, value)
    }
}

fn parse_utf8<P: TypedValueParser>(
    parser: &P,
    command: &Command,
    argument: Option<&Arg>,
    value: &OsStr,
) -> Result<P::Value, Error> {
    let text = value.to_string_lossy();
    let text = OsStr::new(&*text);
    let parsed = parser.parse_ref(command, argument, text);
    if parsed.is_err() || text == value {
        // The parser's own sentence, which has an example.
        return parsed;
    }
    let refuse = |_: &str| -> Result<P::Value, &str> { Err("give text in UTF-8") };
    refuse.parse_ref(command, argument, text)
}

/// Reads the path of a file or a folder, without the blanks around it; the example is for the refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilePath(pub &'static str);

impl TypedValueParser for FilePath {
    type Value = PathBuf;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        let trimmed = value.to_str().map_or(value, |text| OsStr::new(text.trim()));
        if !trimmed.is_empty() && !trimmed.as_bytes().contains(&0) {
            return Ok(trimmed.into());
        }
        let Self(example) = *self;
        let what = if trimmed.is_empty() { "a path" } else { "a path without NUL characters" };
        let refuse = move |_: &str| -> Result<PathBuf, String> {
            Err(format!("give {what}, as in {example}"))
        };
        refuse.parse_ref(command, argument, OsStr::new(&*trimmed.to_string_lossy()))
    }
}

/// Reads where the database is, without the blanks around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Database;

impl TypedValueParser for Database {
    type Value = DatabaseLocation;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        let path = FilePath("messenger.db").parse_ref(command, argument, value)?;
        DatabaseLocation::parse(path.as_os_str()).or_else(|reason| {
            let refuse = move |_: &str| -> Result<DatabaseLocation, _> { Err(reason) };
            let shown = without_secrets(&path.to_string_lossy());
            refuse.parse_ref(command, argument, OsStr::new(&shown))
        })
    }
}

/// A text of the settings as a message may show it: a URL with a name and a password, or with parameters,
/// is cut off after its scheme.
pub(super) fn without_secrets(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if rest.contains(['@', '?', '#']) => format!("{scheme}://…"),
        _ => text.to_owned(),
    }
}

/// Takes a number of that range.
pub(super) fn within(
    range: RangeInclusive<usize>,
    example: usize,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("give a number from {least} to {most}, as in {example}"))
    }
}

/// What a variable for a flag without a value says, in the words of other programs, too.
pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err("give true or false, as in VISAVIS_RELOAD_TEMPLATES=true".to_owned()),
    }
}

/// A rate such as `60/m`.
pub(super) fn parse_rate(text: &str) -> Result<Rate, String> {
    let wrong = || "give a number and s, m or h, as in 60/m".to_owned();
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Ok(Rate { count, per: Duration::from_secs(seconds) })
}

/// A network such as `10.0.0.0/8`; an address alone is a network of one.
pub(super) fn parse_network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "give an address or a network, as in 10.0.0.0/8".into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ContentPolicy {
    /// On, unless there are --templates or --static
    Auto,
    On,
    Off,
}

/// A cookie's name as every program on the way takes it.
pub(super) fn parse_cookie_name(name: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err("give 1 to 64 letters, digits, _ or -, as in chat_session".to_owned());
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("__host-") || lower.starts_with("__secure-") {
        return Err(
            "browsers take cookies of such names by https alone, and some nowhere below a path; \
                    give another, as in chat_session"
                .to_owned(),
        );
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_may_have_a_password_is_cut_off() {
        for (text, shown) in [
            ("postgres://ann:secret@db.example/chat", "postgres://…"),
            ("postgres://ann:se@c/r?t@db.example/chat", "postgres://…"),
            ("postgres://db.example/chat?password=secret", "postgres://…"),
            ("[\"postgres://ann:secret@db.example\"]", "[\"postgres://…"),
            ("postgres://db.example/chat", "postgres://db.example/chat"),
            ("sqlite://chat.db", "sqlite://chat.db"),
            ("./who?@.db", "./who?@.db"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        assert_eq!(parse_rate("60/m"), Ok(Rate { count: 60, per: Duration::from_mins(1) }));
        assert_eq!(parse_rate("1/h"), Ok(Rate { count: 1, per: Duration::from_hours(1) }));
        for wrong in ["60", "60/", "/m", "0/m", "-1/m", "1.5/s", "60/d", "60/m "] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }
}
