//! Scheme, host and port of the chat, as browsers write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use idna::{AsciiDenyList, domain_to_ascii_cow};

/// How long a name in the DNS may be, and a part of it between two dots.
const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

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
///
/// # Errors
/// A host or a port that no browser connects to: pages would be refused as those of another site.
pub(super) fn parse_origin(url: &str) -> Result<Origin, String> {
    let wrong = || "give scheme and host, as in https://chat.example".to_owned();
    let (scheme, authority) = url.split_once("://").ok_or_else(wrong)?;
    let scheme = scheme.to_ascii_lowercase();
    let usual_port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return Err(wrong()),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.is_empty() || authority.contains(['/', '@', '?', '#']) {
        return Err(wrong());
    }
    // A colon within brackets is one of an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = parse_host(host).ok_or_else(|| {
        format!("no browser finds the host {host:?}; give its name or its address, as in https://chat.example")
    })?;
    let port = match port {
        Some(port) => Some(parse_port(port).ok_or_else(|| {
            format!("the port {port:?} is not from 1 to 65535, as in https://chat.example:8443")
        })?),
        None => None,
    };
    // Browsers leave the usual port out.
    Ok(Origin(match port.filter(|port| *port != usual_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }))
}

fn parse_port(port: &str) -> Option<u16> {
    // `u16` would take a plus sign.
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|port| is_number && *port > 0)
}

/// A host by the rules of browsers: `CHÄT.example` as `xn--cht-rla.example`. `None` for a name that the
/// DNS cannot have, and for an address that belongs to no machine.
fn parse_host(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return (!address.is_unspecified()).then(|| format!("[{address}]"));
    }
    let host = domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::URL).ok()?;
    let last = host.rsplit('.').next().unwrap_or_default();
    // Browsers read a host that ends in a number as an address.
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        let address: Ipv4Addr = host.parse().ok()?;
        return (!IpAddr::from(address).is_unspecified()).then(|| address.to_string());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= HOST_BYTES_MAX && host.split('.').all(is_label)).then(|| host.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_host_or_a_port_that_no_browser_connects_to_is_refused_with_an_example() {
        let (long, longest) = ("a".repeat(64), ["a".repeat(63).as_str(); 4].join("."));
        let long = [format!("https://{long}.example"), format!("https://{longest}")];
        for wrong in [
            "https://h.example:0",
            "https://h.example:65536",
            "https://h.example:99999",
            "https://h.example:",
            "https://h.example:+80",
            "https://h.example: 80",
            "https://a b.example",
            "https://a\tb.example",
            "https://a..example",
            "https://.example",
            "https://chat.example.",
            "https://.",
            "https://:5000",
            "https://-a.example",
            "https://a-.example",
            "https://*.example",
            "https://a%20b.example",
            "https://a'b.example",
            "https://a,b.example",
            "https://a:b:80",
            "https://1.2.3.4.5",
            "https://1.2.3",
            "https://256.1.1.1",
            "https://0x7f.0x1",
            "https://0.0.0.0:5000",
            "https://[::]",
            "https://[::1",
            "https://[::1]80",
            "https://[::1%25eth0]",
            "https://[nothing]",
            "https://xn--a",
        ]
        .into_iter()
        .chain(long.iter().map(String::as_str))
        {
            let error = parse_origin(wrong).unwrap_err();
            assert!(error.contains("as in https://chat.example"), "{wrong}: {error}");
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (url, origin) in [
            ("HTTPS://Chat.Example:0443", "https://chat.example"),
            ("http://localhost:05000", "http://localhost:5000"),
            ("http://my_chat:80", "http://my_chat"),
            ("http://192.0.2.7", "http://192.0.2.7"),
            ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]"),
            ("https://xn--cht-rla.example", "https://xn--cht-rla.example"),
            ("https://3com.example:65535", "https://3com.example:65535"),
        ] {
            assert_eq!(parse_origin(url).as_ref().map(Origin::as_str), Ok(origin), "{url}");
        }
    }
}
