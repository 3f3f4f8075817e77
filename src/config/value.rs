//! What a setting may be, and how it is read from its text.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error, ValueEnum};
use hyper::Uri;
use idna::{AsciiDenyList, domain_to_ascii_cow};
use ipnet::IpNet;

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
/// of a list. Every setting is read through it.
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
        self.0.parse_ref(command, argument, trimmed)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
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

/// Scheme, host and port: what a browser sends as `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of_test(origin: &str) -> Self {
        Self(origin.to_owned())
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

/// The origin of a URL such as `https://chat.example`; a slash at the end is forgiven. A host in other
/// letters becomes its ASCII form, which is what browsers send.
pub(super) fn parse_origin(url: &str) -> Result<Origin, String> {
    let wrong = "give scheme and host, as in https://chat.example";
    let url = with_ascii_host(url).ok_or_else(|| wrong.to_owned())?;
    let uri: Uri = url.parse().map_err(|_| wrong.to_owned())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong.to_owned());
    };
    let known = scheme == "http" || scheme == "https";
    if !known || uri.path() != "/" || uri.query().is_some() || authority.as_str().contains('@') {
        return Err(wrong.to_owned());
    }
    // Browsers leave the usual port out.
    let host = authority.as_str().to_ascii_lowercase();
    let usual_port = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(usual_port).unwrap_or(&host);
    Ok(Origin(format!("{scheme}://{host}")))
}

/// `https://chät.example:8443` as `https://xn--cht-rla.example:8443`, by the rules of browsers.
fn with_ascii_host(url: &str) -> Option<Cow<'_, str>> {
    if url.is_ascii() {
        return Some(url.into());
    }
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = authority.rfind(':').map_or((authority, ""), |at| authority.split_at(at));
    let host = domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL).ok()?;
    Some(format!("{scheme}://{host}{port}{path}").into())
}

/// A cookie's name as every program on the way takes it.
pub(super) fn parse_cookie_name(name: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err("give 1 to 64 letters, digits, _ or -, as in chat_session".to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_unit() {
        assert_eq!(parse_rate("60/m"), Ok(Rate { count: 60, per: Duration::from_mins(1) }));
        assert_eq!(parse_rate("1/h"), Ok(Rate { count: 1, per: Duration::from_hours(1) }));
        for wrong in ["60", "60/", "/m", "0/m", "-1/m", "1.5/s", "60/d", "60/m "] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_url_is_a_scheme_and_a_host() {
        let origin = |url| parse_origin(url).map(|origin| origin.0).ok();
        assert_eq!(origin("https://Chat.example/").as_deref(), Some("https://chat.example"));
        assert_eq!(origin("https://chat.example:443").as_deref(), Some("https://chat.example"));
        for international in
            ["https://chät.example", "https://CHÄT.example/", "https://cha\u{308}t.example:443"]
        {
            assert_eq!(origin(international).as_deref(), Some("https://xn--cht-rla.example"));
        }
        let with_port = origin("http://münchen.example:8080");
        assert_eq!(with_port.as_deref(), Some("http://xn--mnchen-3ya.example:8080"));
        assert_eq!(origin("http://[::1]:8080").as_deref(), Some("http://[::1]:8080"));
        for wrong in [
            "chat.example",
            "ftp://chat.example",
            "https://chat.example/chat",
            "https://",
            "",
            "https://änn@chat.example",
            "https://a b.ä",
            "https://\u{ad}",
            "chät.example",
        ] {
            assert_eq!(origin(wrong), None, "{wrong}");
        }
    }
}
