//! Tells a socket's meter over which connections its bytes are written.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use form_urlencoded::parse;

use crate::meter::{Meter, Meters, Written};

pub async fn follow(
    State(meters): State<Arc<Meters>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(connection) = request.extensions().get::<Written>().cloned() else {
        return next.run(request).await;
    };
    let query = request.uri().query().unwrap_or_default();
    let field = |name: &str| {
        parse(query.as_bytes())
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.into_owned())
    };
    let over_web_socket = field("transport").is_some_and(|transport| transport == "websocket");
    let meter = if let Some(socket) = field("sid") {
        meters.of(&socket)
    } else {
        let meter = Arc::new(Meter::default());
        request.extensions_mut().insert(Arc::clone(&meter));
        Some(meter)
    };
    let Some(meter) = meter else { return next.run(request).await };
    if over_web_socket {
        meter.web_socket(connection);
        return next.run(request).await;
    }
    let is_poll = request.method() == Method::GET;
    let response = next.run(request).await;
    if is_poll {
        meter.poll(connection, response.body().size_hint().lower());
    }
    response
}
