//! Where sockets begin: how many may, from one address.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Site;
use super::client::ClientAddress;
use super::error::Refusal;

/// Lets a request begin a socket if its address may have one more, and gives it a place, which the
/// socket keeps with the request as long as it lives. Later requests of a socket pass: a poll that is
/// refused would be a message that comes late.
pub async fn admit(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if field(query, "sid").is_some() {
        return next.run(request).await;
    }
    match site.services.limits.handshake(address) {
        Ok(Some(place)) => _ = request.extensions_mut().insert(Arc::new(place)),
        Ok(None) => {}
        Err(over) => return Refusal::from(over).into_json(),
    }
    next.run(request).await
}

/// A field of the query, as the socket layer reads it: it decodes nothing. What is no id for it must
/// be none here, or sockets would begin unseen.
pub fn field<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(known, _)| *known == name).map(|(_, value)| value)
}
