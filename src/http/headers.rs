//! The headers that every answer has.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use super::Site;
use crate::config::PublicUrl;

/// What our own pages may do: load what comes from this server, and nothing else. `'self'` covers
/// the WebSocket of the page's own host.
const CONTENT_POLICY: &str = "default-src 'self'; connect-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// What no page of ours needs, so that nothing that slips in may use it.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), \
     payment=(), usb=()";
/// For a year browsers ask for the chat by https only; longer than anybody stays away.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

/// Nothing is kept in caches but what says that it may be.
const UNCACHED: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
    (header::PRAGMA, "no-cache"),
    (header::EXPIRES, "0"),
];

/// The headers of the answers of `site`, beside those about caches.
pub fn of(site: &Site) -> Arc<HeaderMap> {
    // Below a path the host is others' as well, and not ours to decide about.
    let is_own_https = |url: &PublicUrl| url.is_https() && url.path().is_empty();
    let has_own_https = site.public_url.as_ref().is_some_and(is_own_https);
    let policy = site.content_policy.then_some(CONTENT_POLICY);
    let secure = has_own_https.then_some(TRANSPORT_SECURITY);
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::STRICT_TRANSPORT_SECURITY, secure),
        (HeaderName::from_static("permissions-policy"), Some(PERMISSIONS)),
        (header::X_CONTENT_TYPE_OPTIONS, Some("nosniff")),
        (header::REFERRER_POLICY, Some("same-origin")),
    ];
    let wanted = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Arc::new(wanted.map(|(name, value)| (name, HeaderValue::from_static(value))).collect())
}

pub async fn add(State(always): State<Arc<HeaderMap>>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.reserve(always.len() + UNCACHED.len());
    for (name, value) in &*always {
        headers.insert(name, value.clone());
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.extend(UNCACHED.map(|(name, value)| (name, HeaderValue::from_static(value))));
    }
    response
}
