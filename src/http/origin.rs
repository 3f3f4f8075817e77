//! Refuses what another site's page sends with the visitor's cookie: forms, and socket traffic. Both
//! are decided by [`sender`], so that a page whose forms are taken can open its sockets as well.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Site;
use super::client::ClientAddress;
use super::error::Refusal;
use crate::config::{Origin, PublicUrl};

/// The most characters of a header that the log has.
const LOGGED_CHARS_MAX: usize = 200;

/// The answer to a page of another site that sends something to sockets. A handshake is a GET, so
/// that all requests are looked at.
pub fn refuse_other_sites(site: &Site, address: IpAddr, headers: &HeaderMap) -> Option<Response> {
    if !is_refused("a socket", site, address, headers) {
        return None;
    }
    let sentence = "this chat's sockets can only be used from its own pages\n";
    Some((StatusCode::FORBIDDEN, sentence).into_response())
}

/// Lets a form or another unsafe request through only when a page of our own sent it, or a client
/// that is no browser.
pub async fn only_own_forms(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = request.method().is_safe();
    if !is_safe && is_refused("a form", &site, address, request.headers()) {
        return Refusal::from_another_site().into_response();
    }
    next.run(request).await
}

/// Whether a page of another site made the browser ask for this one, as an image, in a frame or by a
/// link. The visitor may not want what it does.
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    matches!(site, Some(b"cross-site" | b"same-site"))
}

/// Refuses `what`, a noun for the log, unless our own page sent it.
fn is_refused(what: &str, site: &Site, address: IpAddr, headers: &HeaderMap) -> bool {
    let public_url = site.public_url.as_ref().map(PublicUrl::origin);
    let sender = sender(headers, public_url);
    if sender == Sender::Own {
        if by_origin(headers, public_url) == Sender::Unclear {
            tell_of_changed_host(site, headers);
        }
        return false;
    }
    let page = headers.get(header::ORIGIN).map_or("another site".to_owned(), shortened);
    let cure = if sender == Sender::Unclear {
        format!(". If the page is this chat's own: {}", cure(headers))
    } else {
        String::new()
    };
    tracing::info!(%address, "refused {what} to a page of {page}, from {address}{cure}");
    true
}

/// Once: browsers of today say whose page it is, so that nobody may notice but those with an older
/// one.
fn tell_of_changed_host(site: &Site, headers: &HeaderMap) {
    if !site.has_told_of_host.swap(true, Ordering::Relaxed) {
        let cure = cure(headers);
        tracing::warn!("browsers before 2023 would be refused a socket and forms: {cure}");
    }
}

/// Whose page made the browser send a request.
#[derive(Debug, PartialEq, Eq)]
enum Sender {
    /// Our own, or no browser at all.
    Own,
    Another,
    /// The browser did not say, and `Host` is not what stands in its address bar: a proxy may have
    /// changed it, or the page is another's.
    Unclear,
}

/// Browsers say in `Sec-Fetch-Site` whether the page that asks is of the origin that is asked, and
/// pages cannot change it. Browsers before 2023, and all of them over http, send only `Origin`, which
/// is compared with the public URL and with `Host`. A client that is no browser sends neither.
fn sender(headers: &HeaderMap, public_url: Option<&Origin>) -> Sender {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => Sender::Own,
        Some(_) => Sender::Another,
        None => by_origin(headers, public_url),
    }
}

fn by_origin(headers: &HeaderMap, public_url: Option<&Origin>) -> Sender {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let Some(origin) = text("origin") else {
        return Sender::Own;
    };
    of_page(origin, headers, public_url)
}

/// Whether a page of `origin` is one of ours, as far as headers tell.
pub fn is_own(origin: &str, headers: &HeaderMap, public_url: Option<&Origin>) -> bool {
    of_page(origin, headers, public_url) == Sender::Own
}

fn of_page(origin: &str, headers: &HeaderMap, public_url: Option<&Origin>) -> Sender {
    let Some(page) = Authority::of_origin(origin) else {
        return Sender::Another;
    };
    if public_url.and_then(|url| Authority::of_origin(url.as_str())).as_ref() == Some(&page) {
        return Sender::Own;
    }
    // Whether a proxy speaks https with browsers cannot be known here, so the scheme is not compared.
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if own.is_some_and(|host| page.is_called(host)) {
        return Sender::Own;
    }
    Sender::Unclear
}

/// Scheme, host and port of a page, in lower case and without the usual port.
#[derive(Debug, PartialEq, Eq)]
struct Authority {
    scheme: &'static str,
    host: String,
}

impl Authority {
    fn of_origin(origin: &str) -> Option<Self> {
        let (scheme, host) = origin.split_once("://")?;
        let (scheme, usual_port) = match scheme {
            "http" => ("http", ":80"),
            "https" => ("https", ":443"),
            _ => return None,
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(usual_port).unwrap_or(&host);
        (!host.is_empty()).then(|| Self { scheme, host: host.to_owned() })
    }

    /// Whether a `Host` header names it. A proxy may spell the usual port out.
    fn is_called(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let usual_port = if self.scheme == "https" { ":443" } else { ":80" };
        host == self.host || host.strip_suffix(usual_port) == Some(&self.host)
    }
}

/// What is wrong with the `Host` of a request of our own page, and what an operator can do about it.
fn cure(headers: &HeaderMap) -> String {
    let value = |name| headers.get(name).map_or("missing".to_owned(), shortened);
    let (host, page) = (value(header::HOST), value(header::ORIGIN));
    let url = page.trim_matches('"');
    format!(
        "the Host of a page of {page} arrives as {host}; start with --public-url {url}, or have the \
         proxy pass the Host on (nginx: proxy_set_header Host $http_host)"
    )
}

/// A header for the log, quoted.
fn shortened(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    format!("{:?}", text.chars().take(LOGGED_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&'static str, &'static str)]) -> Sender {
        let url = Origin::of_test("https://chat.example");
        sender(&named(headers), Some(&url))
    }

    fn named(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let named = |(name, value): &(&'static str, &'static str)| {
            (header::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        headers.iter().map(named).collect()
    }

    #[test]
    fn our_own_pages_may() {
        for headers in [
            [("host", "h:1"), ("origin", "http://h:1")],
            [("host", "H:1"), ("origin", "http://h:1")],
            [("host", "inner"), ("origin", "https://chat.example")],
            [("host", "inner"), ("origin", "https://chat.example:443")],
            [("host", "h:1"), ("sec-fetch-site", "same-origin")],
            [("host", "h:1"), ("sec-fetch-site", "none")],
        ] {
            assert_eq!(sent(&headers), Sender::Own, "{headers:?}");
        }
    }

    #[test]
    fn the_usual_port_may_be_spelled_out_or_left_out() {
        for (host, origin) in [
            ("h:443", "https://h"),
            ("h", "https://h:443"),
            ("h:80", "http://h"),
            ("h", "http://h:80"),
            ("[::1]:443", "https://[::1]"),
        ] {
            let headers = named(&[("host", host), ("origin", origin)]);
            assert_eq!(sender(&headers, None), Sender::Own, "{host}, {origin}");
        }
        for (host, origin) in
            [("h:443", "http://h"), ("h:80", "https://h"), ("h:4430", "https://h")]
        {
            let headers = named(&[("host", host), ("origin", origin)]);
            assert_eq!(sender(&headers, None), Sender::Unclear, "{host}, {origin}");
        }
    }

    #[test]
    fn what_a_browser_says_of_itself_comes_before_a_host_that_a_proxy_has_changed() {
        for host in ["inner", "h", "h:443"] {
            let page = [("host", host), ("origin", "https://h:8443")];
            let same = [page[0], page[1], ("sec-fetch-site", "same-origin")];
            assert_eq!(sender(&named(&same), None), Sender::Own, "{host}");
            let another = [page[0], page[1], ("sec-fetch-site", "cross-site")];
            assert_eq!(sender(&named(&another), None), Sender::Another, "{host}");
            assert_eq!(sender(&named(&page), None), Sender::Unclear, "{host}");
        }
    }

    #[test]
    fn what_is_no_browser_may() {
        assert_eq!(sent(&[("host", "h:1")]), Sender::Own);
    }

    #[test]
    fn other_pages_may_not() {
        for origin in [
            "http://evil.example",
            "http://h:2",
            "http://h",
            "null",
            "",
            "http://",
            "h:1",
            "https://chat.example.evil.example",
            "http://chat.example",
        ] {
            let from = sent(&[("host", "h:1"), ("origin", origin)]);
            assert_ne!(from, Sender::Own, "{origin} was let in");
        }
        for site in ["cross-site", "same-site", "", "Same-Origin", "same-origin, same-origin"] {
            let own = [("host", "h:1"), ("origin", "http://h:1"), ("sec-fetch-site", site)];
            assert_eq!(sent(&own), Sender::Another, "{site} was let in");
        }
    }

    #[test]
    fn the_cure_names_what_came_and_both_ways_out() {
        let page = named(&[("host", "inner:5000"), ("origin", "https://chat.example")]);
        let line = cure(&page);
        assert!(line.contains("--public-url https://chat.example,"), "{line}");
        assert!(line.contains("\"inner:5000\"") && line.contains("Host $http_host"), "{line}");
    }
}
