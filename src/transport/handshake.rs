//! Where sockets begin: how many may, from one address, and what the socket layer is told of them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, Uri};
use axum::response::Response;

use super::context::SocketContext;
use crate::http::Site;
use crate::http::error::Refusal;

/// The context of a socket that begins, if its address may have one more.
///
/// # Errors
/// The answer that refuses it.
pub async fn admit(
    site: &Site,
    address: IpAddr,
    headers: &HeaderMap,
) -> Result<Arc<SocketContext>, Response> {
    let permit = site.services.limits.handshake(address);
    let permit = permit.map_err(|over| Refusal::from(over).into_json())?;
    let session = site.cookie.session(&site.services.accounts, headers).await;
    Ok(Arc::new(SocketContext::new(address, session, permit)))
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
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(known, _)| *known == name).map(|(_, value)| value)
}
