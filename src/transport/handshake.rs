//! Where sockets begin: how many may, from one address, and what the socket layer is told of them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, Uri};
use axum::response::Response;

use super::conduct::Version;
use super::socket_context::SocketContext;
use crate::http::Site;
use crate::http::error::Refusal;

/// The context of a socket that begins, if its address may have one more.
///
/// # Errors
/// The answer that refuses it.
pub async fn admit(
    site: &Site,
    address: IpAddr,
    version: Version,
    headers: &HeaderMap,
) -> Result<Arc<SocketContext>, Response> {
    let limits = &site.services.limits;
    let permit = limits.handshake(address).map_err(|over| Refusal::from(over).into_json())?;
    let session = site.cookie.session(&site.services.accounts, headers).await;
    Ok(Arc::new(SocketContext::new(address, session, permit, version, limits.clone())))
}

/// What the socket layer needs of the request with which a socket begins, which it keeps as long as the
/// socket lives. The address is copied: as it came, it is a part of the 8 kB that the request was read
/// into, and would hold them all. No header is needed.
pub fn bare<B>(request: Request, body: B, context: Arc<SocketContext>) -> Option<Request<B>> {
    let (mut parts, _) = request.into_parts();
    parts.uri = Uri::try_from(parts.uri.to_string()).ok()?;
    parts.headers = HeaderMap::new();
    parts.extensions = Extensions::new();
    parts.extensions.insert(context);
    Some(Request::from_parts(parts, body))
}

/// A field of the query, as the socket layer reads it: it decodes nothing. What is no id for it must
/// be none here, or sockets would begin unseen.
pub fn field<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
}

/// The version of Engine.IO that a query names, if the socket layer knows it. Written in another way
/// it is none, so that nobody reads it as something else.
pub fn version(query: &str) -> Option<Version> {
    match field(query, "EIO") {
        Some("3") => Some(Version::Three),
        Some("4") => Some(Version::Four),
        _ => None,
    }
}
