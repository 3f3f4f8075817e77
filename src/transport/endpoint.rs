//! Checks every request under `/socket.io/` and hands it to the socket layer. One handler does it:
//! polls are frequent, and each layer of a router would copy everything within it for each of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use tokio::time::timeout;

use super::handshake::{self, field};
use super::meter::{Meter, Written};
use super::meters::Meters;
use crate::http::client::ClientAddress;
use crate::http::{Site, origin};

/// How long a client may take to hand over packets by long-polling.
const PACKETS_MAX: Duration = Duration::from_secs(10);

/// What lets requests through to the sockets. No session is looked up here: a poll is known by its id,
/// and who opens a socket is asked when it joins.
struct Endpoint<S> {
    site: Site,
    meters: Meters,
    sockets: S,
}

/// The route of sockets: what is let through is answered by `sockets`.
pub fn route<S, F>(site: &Site, sockets: S) -> MethodRouter<Site>
where
    S: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let endpoint = Arc::new(Endpoint { site: site.clone(), meters: Meters::default(), sockets });
    any(async move |ClientAddress(address): ClientAddress, request: Request| {
        endpoint.answer(address, request).await
    })
}

impl<S, F> Endpoint<S>
where
    S: Fn(Request) -> F,
    F: Future<Output = Response>,
{
    async fn answer(&self, address: IpAddr, request: Request) -> Response {
        if let Some(refusal) = origin::refuse_other_sites(&self.site, address, request.headers()) {
            return refusal;
        }
        let query = request.uri().query().unwrap_or_default();
        let over_web_socket = field(query, "transport") == Some("websocket");
        let Some(socket) = field(query, "sid") else {
            return self.begin(address, request, over_web_socket).await;
        };
        let meter = self.meters.of(socket);
        let connection = request.extensions().get::<Written>().cloned();
        if over_web_socket {
            return self.upgrade(request, meter.zip(connection)).await;
        }
        // A poll waits for packets as long as it takes; handing packets over takes no time.
        if request.method() == Method::POST {
            let answer = timeout(PACKETS_MAX, (self.sockets)(request)).await;
            return answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response());
        }
        let answer = (self.sockets)(request).await;
        if let Some((meter, connection)) = meter.zip(connection) {
            meter.poll(connection, answer.body().size_hint().lower());
        }
        answer
    }

    /// The first request of a socket.
    async fn begin(
        &self,
        address: IpAddr,
        mut request: Request,
        over_web_socket: bool,
    ) -> Response {
        if let Some(refusal) = handshake::admit(&self.site, address, &mut request) {
            return refusal;
        }
        let meter = Arc::new(Meter::default());
        request.extensions_mut().insert(Arc::clone(&meter));
        if over_web_socket {
            let connection = request.extensions().get::<Written>().cloned();
            return self.upgrade(request, Some(meter).zip(connection)).await;
        }
        match handshake::bare(request) {
            Some(bare) => self.meters.note(&meter, (self.sockets)(bare).await).await,
            None => StatusCode::BAD_REQUEST.into_response(),
        }
    }

    /// The request with which a connection becomes a WebSocket, and what is metered then.
    async fn upgrade(&self, request: Request, metered: Option<(Arc<Meter>, Written)>) -> Response {
        if let Some((meter, connection)) = metered {
            meter.web_socket(connection);
        }
        match handshake::bare(request) {
            Some(bare) => (self.sockets)(bare).await,
            None => StatusCode::BAD_REQUEST.into_response(),
        }
    }
}
