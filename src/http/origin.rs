//! Refuses what another site's page sends with the visitor's cookie: forms, and socket traffic. The
//! socket layer itself looks at neither header, and a handshake is a GET, which the protection of
//! forms lets through.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::Site;
use super::error::Refusal;
use crate::config::Origin;

/// The answer to a page of another site that sends something to sockets.
pub fn refuse_other_sites(site: &Site, address: IpAddr, headers: &HeaderMap) -> Option<Response> {
    if is_same_origin(headers, site.public_url.as_ref()) {
        return None;
    }
    let origin = headers.get(header::ORIGIN);
    let page = origin.map_or_else(|| "another site".to_owned(), |origin| format!("{origin:?}"));
    tracing::info!(%address, "refused a socket to a page of {page}, from {address}");
    let sentence = "this chat's sockets can only be used from its own pages\n";
    Some((StatusCode::FORBIDDEN, sentence).into_response())
}

/// Lets a form or another unsafe request through only when a page of our own sent it, or what is no
/// browser.
pub fn only_own_forms(
    public_url: Option<&Origin>,
) -> CsrfLayer<impl Fn(ProtectionError) -> Response + Clone + Send + Sync + 'static> {
    let mut layer = CsrfLayer::new();
    if let Some(url) = public_url {
        match CsrfLayer::new().add_trusted_origin(url.as_str()) {
            Ok(trusting) => layer = trusting,
            Err(error) => tracing::error!(%error, "{} is not trusted: {error}", url.as_str()),
        }
    }
    layer.with_rejection_response(|error: ProtectionError| {
        tracing::info!(%error, "refused a form from another site's page");
        Refusal::from_another_site().into_response()
    })
}

/// Whether a page of another site made the browser ask for this one, as an image, in a frame or by a
/// link. The visitor may not want what it does.
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    matches!(site, Some(b"cross-site" | b"same-site"))
}

/// Whether the page that asks is our own. What is no browser sends neither header.
fn is_same_origin(headers: &HeaderMap, public_url: Option<&Origin>) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if is_foreign(headers) {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    if public_url.is_some_and(|url| url.as_str().eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match (host, text(header::HOST)) {
        (Some(host), Some(own)) => !host.is_empty() && host.eq_ignore_ascii_case(own),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
            })
            .collect();
        is_same_origin(&headers, Some(&Origin::of_test("https://chat.example")))
    }

    #[test]
    fn our_own_pages_may() {
        assert!(asks(&[
            ("host", "h:1"),
            ("origin", "http://h:1"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(asks(&[("host", "inner"), ("origin", "https://chat.example")]));
        assert!(asks(&[("host", "h:1"), ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn what_is_no_browser_may() {
        assert!(asks(&[("host", "h:1")]));
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
            assert!(!asks(&[("host", "h:1"), ("origin", origin)]), "{origin} was let in");
        }
        assert!(!asks(&[("host", "h:1"), ("sec-fetch-site", "cross-site")]));
        assert!(!asks(&[
            ("host", "h:1"),
            ("origin", "http://h:1"),
            ("sec-fetch-site", "same-site")
        ]));
    }
}
