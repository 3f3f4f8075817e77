//! Checks every request under `/socket.io/` and hands it to the socket layer. One handler does it:
//! polls are frequent, and each layer of a router would copy everything within it for each of them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{Extensions, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use hyper::service::Service;
use socketioxide::layer::SocketIoLayer;
use socketioxide::service::SocketIoService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tower::Layer;

use super::context::SocketContext;
use super::contexts::Contexts;
use super::handshake::{self, field};
use super::meter::Written;
use super::upgrade;
use super::web_socket::WebSocketRequest;
use crate::http::client::ClientAddress;
use crate::http::{Site, methods, origin};

/// How long a client may take to hand over packets by long-polling.
const PACKETS_MAX: Duration = Duration::from_secs(10);

/// What lets requests through to the sockets. No session is looked up here: a poll is known by its id,
/// and the person who opens a socket is looked up when it joins.
struct Endpoint {
    site: Site,
    contexts: Contexts,
    layer: SocketIoService<Nothing>,
}

/// The route of sockets.
pub fn route(site: &Site, layer: &SocketIoLayer) -> MethodRouter<Site> {
    let layer = layer.layer(Nothing);
    let endpoint = Arc::new(Endpoint { site: site.clone(), contexts: Contexts::default(), layer });
    any(async move |ClientAddress(address): ClientAddress, request: Request| {
        endpoint.answer(address, request).await
    })
}

impl Endpoint {
    async fn answer(&self, address: IpAddr, request: Request) -> Response {
        if let Some(refusal) = origin::refuse_other_sites(&self.site, address, request.headers()) {
            return refusal;
        }
        if let Some(answer) = methods::options(request.method(), "GET,POST") {
            return answer;
        }
        let query = request.uri().query().unwrap_or_default();
        let over_web_socket = field(query, "transport") == Some("websocket");
        let Some(socket) = field(query, "sid") else {
            return self.begin(address, request, over_web_socket).await;
        };
        let context = self.contexts.of(socket);
        match context {
            Some(context) if over_web_socket => self.upgrade(request, context),
            Some(context) if request.method() == Method::GET => self.poll(request, &context).await,
            _ if over_web_socket => unknown_socket(),
            // Handing packets over takes no time, unlike waiting for some.
            _ => {
                let answer = timeout(PACKETS_MAX, self.pass_on(request)).await;
                answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
            }
        }
    }

    /// The first request of a socket.
    async fn begin(
        &self,
        address: IpAddr,
        mut request: Request,
        over_web_socket: bool,
    ) -> Response {
        let context = match handshake::admit(&self.site, address, request.headers()).await {
            Ok(context) => context,
            Err(refusal) => return refusal,
        };
        if !over_web_socket {
            let Some(bare) = handshake::bare(request, Body::empty(), Arc::clone(&context)) else {
                return StatusCode::BAD_REQUEST.into_response();
            };
            return self.contexts.note(&context, self.pass_on(bare).await).await;
        }
        let is_known =
            matches!(field(request.uri().query().unwrap_or_default(), "EIO"), Some("3" | "4"));
        let asked = WebSocketRequest::of(&mut request).filter(|_| is_known);
        if let Some(connection) = request.extensions().get::<Written>() {
            context.meter.web_socket(connection.clone());
        }
        let bare = handshake::bare(request, (), context);
        let Some((asked, bare)) = asked.zip(bare) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let layer = self.layer.clone();
        asked.grant(async move |stream| hand_over(&layer, stream, bare))
    }

    /// The request with which a socket that began by polling tries a WebSocket.
    fn upgrade(&self, mut request: Request, context: Arc<SocketContext>) -> Response {
        let connection = request.extensions().get::<Written>().cloned();
        let attempt = Arc::clone(&context.upgrade.attempts).try_acquire_owned().ok();
        let bare = bare_upgrade(request.uri());
        let asked = WebSocketRequest::of(&mut request);
        let (Some(attempt), Some(asked), Some(bare)) = (attempt, asked, bare) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let layer = self.layer.clone();
        asked.grant(async move |stream| {
            let _attempt = attempt;
            match upgrade::upgraded(stream, &context).await {
                Ok(stream) => {
                    if let Some(connection) = connection {
                        context.meter.web_socket(connection);
                    }
                    hand_over(&layer, stream, bare);
                }
                Err(error) => {
                    tracing::debug!(%error, "an upgrade failed, polling goes on: {error}");
                }
            }
        })
    }

    async fn poll(&self, request: Request, context: &SocketContext) -> Response {
        let connection = request.extensions().get::<Written>().cloned();
        let query = request.uri().query().unwrap_or_default();
        let is_protocol_3 = field(query, "EIO") == Some("3");
        let answer = upgrade::poll(context, is_protocol_3, self.pass_on(request)).await;
        if let Some(connection) = connection {
            context.meter.poll(connection, answer.body().size_hint().lower());
        }
        answer
    }

    async fn pass_on(&self, request: Request) -> Response {
        match self.layer.call(request).await {
            Ok(answer) => answer.map(Body::new),
        }
    }
}

/// Gives the layer a WebSocket.
fn hand_over<S>(layer: &SocketIoService<Nothing>, stream: S, request: Request<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let taken = Service::call(layer, (stream, request)).into_inner();
    if let Err(error) = taken {
        tracing::error!(%error, "a WebSocket was refused after it had opened: {error}");
    }
}

/// All that the layer reads of the request for an upgrade: the query.
fn bare_upgrade(uri: &Uri) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::try_from(uri.to_string()).ok()?;
    *request.extensions_mut() = Extensions::new();
    Some(request)
}

/// What the layer says of an id that it does not know.
fn unknown_socket() -> Response {
    let sentence = "{\"code\":\"1\",\"message\":\"Session ID unknown\"}";
    let kind = [(axum::http::header::CONTENT_TYPE, "application/json")];
    (StatusCode::BAD_REQUEST, kind, sentence).into_response()
}

/// What is within the layer, which answers every request for its path itself.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Service<Request> for Nothing {
    type Response = Response;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response, Infallible>>;

    fn call(&self, _: Request) -> Self::Future {
        std::future::ready(Ok(StatusCode::NOT_FOUND.into_response()))
    }
}
