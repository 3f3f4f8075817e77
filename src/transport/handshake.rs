//! Where sockets begin: how many may, from one address, and what the socket layer is told of them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;

use super::meter::Meter;
use crate::http::error::Refusal;
use crate::http::{Site, session};
use crate::service::Place;

/// Lets a request begin a socket if its address may have one more, and gives it a place, which the
/// socket keeps with the request as long as it lives. Otherwise gives the answer that refuses it.
pub fn admit(site: &Site, address: IpAddr, request: &mut Request) -> Option<Response> {
    match site.services.limits.handshake(address) {
        Ok(Some(place)) => _ = request.extensions_mut().insert(Arc::new(place)),
        Ok(None) => {}
        Err(over) => return Some(Refusal::from(over).into_json()),
    }
    None
}

/// What the socket layer needs of a request, and the session that it belongs to. The layer keeps the
/// request as long as the socket lives, but for a poll. Headers and address are copied: as they come,
/// each is a part of the 8 kB that the request was read into, and would hold them all.
pub fn bare(request: Request) -> Option<Request> {
    let (mut parts, body) = request.into_parts();
    parts.uri = Uri::try_from(parts.uri.to_string()).ok()?;
    let mut extensions = Extensions::new();
    keep::<OnUpgrade>(&mut parts.extensions, &mut extensions);
    keep::<Arc<Meter>>(&mut parts.extensions, &mut extensions);
    keep::<Arc<Place>>(&mut parts.extensions, &mut extensions);
    if let Some(session) = session::named_by(&parts.headers) {
        extensions.insert(session);
    }
    parts.extensions = extensions;
    parts.headers = needed(&parts.headers);
    Some(Request::from_parts(parts, body))
}

fn keep<T: Clone + Send + Sync + 'static>(from: &mut Extensions, to: &mut Extensions) {
    if let Some(kept) = from.remove::<T>() {
        to.insert(kept);
    }
}

/// All that the socket layer reads of a handshake's headers.
fn needed(headers: &HeaderMap) -> HeaderMap {
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let copy = key.and_then(|key| HeaderValue::from_bytes(key.as_bytes()).ok());
    copy.map(|key| (header::SEC_WEBSOCKET_KEY, key)).into_iter().collect()
}

/// A field of the query, as the socket layer reads it: it decodes nothing. What is no id for it must
/// be none here, or sockets would begin unseen.
pub fn field<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(known, _)| *known == name).map(|(_, value)| value)
}
