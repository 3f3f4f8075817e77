//! The address that browsers use for the chat: an origin, and the path below which the chat lies.

use super::origin::{Origin, parse_origin};

const EXAMPLES: &str = "as in https://chat.example or https://example.org/chat";
const PATH_BYTES_MAX: usize = 200;

/// The beginnings of the chat's own paths. Below one of them it could not be known whether a proxy
/// has taken the path away.
const OWN_PATHS: [&str; 10] = [
    "account",
    "add",
    "chats",
    "find",
    "login",
    "logout",
    "register",
    "reset",
    "socket.io",
    "static",
];

/// An origin and a path, as in `https://example.org/chat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: Origin,
    /// Empty, or with a slash at the beginning and none at the end.
    path: String,
}

impl PublicUrl {
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What stands before the path of each page: `/chat`, or nothing where the chat has a host of
    /// its own.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.is_https()
    }
}

impl std::fmt::Display for PublicUrl {
    /// Without a slash at the end.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.origin.as_str(), self.path)
    }
}

/// A public URL; a slash at the end is forgiven.
pub(super) fn parse_public_url(url: &str) -> Result<PublicUrl, String> {
    let after_scheme = url.find("://").map_or(0, |place| place + "://".len());
    let end = url[after_scheme..].find(['/', '?', '#']).map_or(url.len(), |at| after_scheme + at);
    let (origin, path) = url.split_at(end);
    if let Some(mark) = path.find(['?', '#']) {
        let shorter = url[..end + mark].trim_end_matches('/');
        return Err(format!("leave out what begins with {:?}: {shorter}", &path[mark..]));
    }
    Ok(PublicUrl { origin: parse_origin(origin)?, path: parse_path(path)? })
}

/// Proxies may decode a path, or join it with another one, so it has plain characters and segments
/// only.
fn parse_path(path: &str) -> Result<String, String> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some(segments) = path.strip_prefix('/') else {
        return Ok(String::new());
    };
    let is_plain = |segment: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        !segment.is_empty() && segment.chars().all(plain) && !segment.chars().all(|c| c == '.')
    };
    if path.len() > PATH_BYTES_MAX || !segments.split('/').all(is_plain) {
        return Err(format!(
            "the path {path:?} may have letters, digits, and - . _ ~ between single slashes, {EXAMPLES}"
        ));
    }
    let first = segments.split('/').next().unwrap_or_default();
    if OWN_PATHS.contains(&first) {
        return Err(format!(
            "the path {path:?} begins as a page of the chat does; take another one, {EXAMPLES}"
        ));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<(String, String), String> {
        parse_public_url(url).map(|url| (url.origin.as_str().to_owned(), url.path))
    }

    #[test]
    fn a_public_url_is_an_origin_and_perhaps_a_path() {
        for (url, origin, path) in [
            ("https://chat.example", "https://chat.example", ""),
            ("https://Chat.example:443/", "https://chat.example", ""),
            ("https://host.example/chat", "https://host.example", "/chat"),
            (
                "http://host.example:8080/our/chat_1.0~b/",
                "http://host.example:8080",
                "/our/chat_1.0~b",
            ),
            ("https://host.example/chats.old", "https://host.example", "/chats.old"),
            ("http://[::1]:8080/Chat", "http://[::1]:8080", "/Chat"),
        ] {
            assert_eq!(parsed(url), Ok((origin.to_owned(), path.to_owned())), "{url}");
        }
    }

    #[test]
    fn whatever_else_is_refused_with_an_example() {
        for wrong in [
            "",
            "/chat",
            "chat.example/chat",
            "ftp://chat.example/chat",
            "https:///chat",
            "https://ann@chat.example/chat",
            "https://chat.example//chat",
            "https://chat.example/chat//",
            "https://chat.example/a/../b",
            "https://chat.example/./",
            "https://chat.example/%63hat",
            "https://chat.example/plauderei\u{eb}n",
            "https://chat.example/a b",
            "https://chat.example/chats",
            "https://chat.example/static/chat",
            "https://chat.example/socket.io",
        ] {
            let error = parsed(wrong).unwrap_err();
            assert!(error.contains("https://"), "{wrong}: {error}");
        }
        for wrong in ["https://h.example/chat?x=1", "https://h.example/chat/#top"] {
            assert!(parsed(wrong).unwrap_err().ends_with(": https://h.example/chat"), "{wrong}");
        }
        assert!(parsed("https://h.example?x").unwrap_err().ends_with(": https://h.example"));
        assert!(parsed(&format!("https://h.example/{}", "x".repeat(300))).is_err());
    }
}
