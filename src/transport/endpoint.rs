//! Checks every request under `/socket.io/` and hands it to the socket layer. One handler does it:
//! polls are frequent, and each layer of a router would copy everything within it for each of them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{Extensions, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::service::Service;
use socketioxide::layer::SocketIoLayer;
use socketioxide::service::SocketIoService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tower::Layer;

use super::conduct::Version;
use super::contexts::Contexts;
use super::handshake::{self, field};
use super::inspected::Inspected;
use super::meter::Written;
use super::socket_context::SocketContext;
use super::upgrade;
use super::web_socket::WebSocketRequest;
use crate::http::client::ClientAddress;
use crate::http::limits::end_connection;
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

/// What a request is for: the first one of a socket, or the next one of a socket that is known.
enum Asked {
    First { version: Version, over_web_socket: bool },
    Upgrade(Arc<SocketContext>),
    Post(Arc<SocketContext>),
    Poll(Arc<SocketContext>),
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
        let mut answer = match self.asked(address, &request) {
            Ok(Asked::First { version, over_web_socket }) => {
                let _turn = self.site.turns.take(address).await;
                self.begin(address, version, request, over_web_socket).await
            }
            Ok(Asked::Upgrade(context)) => self.upgrade(request, context),
            Ok(Asked::Post(context)) => {
                // A poll waits for packets as long as it takes; handing packets over takes no time.
                let answer = timeout(PACKETS_MAX, self.hand_over(request, &context)).await;
                answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
            }
            Ok(Asked::Poll(context)) => self.poll(request, &context).await,
            Err(answer) => answer,
        };
        if answer.status().is_client_error() {
            end_connection(&mut answer);
        }
        answer
    }

    /// What a request is for.
    ///
    /// # Errors
    /// The answer to one that is for nothing here.
    #[expect(clippy::result_large_err, reason = "the answer is moved once")]
    fn asked(&self, address: IpAddr, request: &Request) -> Result<Asked, Response> {
        if let Some(refusal) = origin::refuse_other_sites(&self.site, address, request.headers()) {
            return Err(refusal);
        }
        if let Some(answer) = methods::options(request.method(), "GET,POST") {
            return Err(answer);
        }
        let query = request.uri().query().unwrap_or_default();
        let over_web_socket = match field(query, "transport") {
            Some("websocket") => true,
            Some("polling") => false,
            _ => return Err(refuse(r#"{"code":"0","message":"Transport unknown"}"#)),
        };
        let Some(version) = handshake::version(query) else {
            return Err(refuse(r#"{"code":"5","message":"Unsupported protocol version"}"#));
        };
        let Some(id) = field(query, "sid") else {
            return Ok(Asked::First { version, over_web_socket });
        };
        // Sockets that began with a WebSocket have no further request.
        let context = self.contexts.of(id).filter(|context| context.version() == version);
        let Some(context) = context else {
            return Err(refuse(r#"{"code":"1","message":"Session ID unknown"}"#));
        };
        Ok(if over_web_socket {
            Asked::Upgrade(context)
        } else if request.method() == Method::POST {
            Asked::Post(context)
        } else {
            Asked::Poll(context)
        })
    }

    /// The first request of a socket.
    async fn begin(
        &self,
        address: IpAddr,
        version: Version,
        mut request: Request,
        over_web_socket: bool,
    ) -> Response {
        let context = match handshake::admit(&self.site, address, version, request.headers()).await
        {
            Ok(context) => context,
            Err(refusal) => return refusal,
        };
        if !over_web_socket {
            let Some(bare) = handshake::bare(request, Body::empty(), Arc::clone(&context)) else {
                return StatusCode::BAD_REQUEST.into_response();
            };
            return self.contexts.note(&context, pass_on(&self.layer, bare).await).await;
        }
        let asked = WebSocketRequest::of(&mut request);
        if let Some(connection) = request.extensions().get::<Written>() {
            context.meter.web_socket(connection.clone());
        }
        let bare = handshake::bare(request, (), Arc::clone(&context));
        let Some((asked, bare)) = asked.zip(bare) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let layer = self.layer.clone();
        asked.grant(context.address, async move |stream| {
            hand_over(&layer, context.address, Inspected::new(stream, context), bare);
        })
    }

    /// The request with which a socket that began by polling tries a WebSocket.
    fn upgrade(&self, mut request: Request, context: Arc<SocketContext>) -> Response {
        let connection = request.extensions().get::<Written>().cloned();
        let attempt = Arc::clone(&context.upgrade.attempts).try_acquire_owned().ok();
        let (uri, bare) = (poll_uri(request.uri()), bare_upgrade(request.uri()));
        let asked = WebSocketRequest::of(&mut request);
        let (Some(attempt), Some(asked), Some(uri), Some(bare)) = (attempt, asked, uri, bare)
        else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let layer = self.layer.clone();
        asked.grant(context.address, async move |stream| {
            let _attempt = attempt;
            match upgrade::upgraded(stream, &context).await {
                Ok(mut stream) => {
                    if let Some(connection) = connection {
                        context.meter.web_socket(connection);
                    }
                    context.upgraded();
                    let poll = || pass_on(&layer, bare_poll(&uri));
                    if let Err(error) = upgrade::send_rest(&mut stream, &context, poll).await {
                        tracing::debug!(address = %context.address, %error, "a socket ended in its upgrade: {error}");
                        return close(&layer, &uri, &context).await;
                    }
                    hand_over(&layer, context.address, Inspected::new(stream, context), bare);
                }
                Err(error) => {
                    tracing::debug!(address = %context.address, %error, "an upgrade failed, polling goes on: {error}");
                }
            }
        })
    }

    async fn poll(&self, request: Request, context: &SocketContext) -> Response {
        let connection = request.extensions().get::<Written>().cloned();
        let is_protocol_3 = context.version() == Version::Three;
        let answer = upgrade::poll(context, is_protocol_3, pass_on(&self.layer, request)).await;
        if let Some(connection) = connection {
            context.meter.poll(connection, answer.body().size_hint().lower());
        }
        answer
    }

    /// Packets by long-polling. They are judged before the layer gets them.
    async fn hand_over(&self, request: Request, context: &Arc<SocketContext>) -> Response {
        let (parts, body) = request.into_parts();
        let bytes_max = self.site.services.limits.sizes.packet_bytes;
        if body.size_hint().lower() > bytes_max as u64 {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        let body = match Limited::new(body, bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return StatusCode::PAYLOAD_TOO_LARGE.into_response();
            }
            // The client has gone.
            Err(_) => return StatusCode::BAD_REQUEST.into_response(),
        };
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let is_binary = kind.is_some_and(|kind| kind == "application/octet-stream");
        let uri = parts.uri.clone();
        match context.judge_body(is_binary, &body) {
            Ok(has_left) => {
                let answer =
                    pass_on(&self.layer, Request::from_parts(parts, Body::from(body))).await;
                if has_left {
                    close(&self.layer, &uri, context).await;
                }
                answer
            }
            Err(violation) => {
                context.log_violation(violation);
                context.meter.cut();
                close(&self.layer, &uri, context).await;
                refuse(r#"{"code":"3","message":"Bad request"}"#)
            }
        }
    }
}

/// Closes a socket of polling by the packet with which its client would.
async fn close(layer: &SocketIoService<Nothing>, uri: &Uri, context: &SocketContext) {
    let packet = match context.version() {
        Version::Three => "1:1",
        Version::Four => "1",
    };
    let mut request = Request::new(Body::from(packet));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    pass_on(layer, request).await;
}

async fn pass_on(layer: &SocketIoService<Nothing>, request: Request) -> Response {
    match layer.call(request).await {
        Ok(answer) => answer.map(Body::new),
    }
}

/// Gives the layer a WebSocket.
fn hand_over<S>(layer: &SocketIoService<Nothing>, address: IpAddr, stream: S, request: Request<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let taken = Service::call(layer, (stream, request)).into_inner();
    if let Err(error) = taken {
        tracing::error!(%address, %error, "a WebSocket was refused after it had opened: {error}");
    }
}

/// All that the layer reads of the request for an upgrade: the query.
fn bare_upgrade(uri: &Uri) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::try_from(uri.to_string()).ok()?;
    *request.extensions_mut() = Extensions::new();
    Some(request)
}

/// Where the socket polled that now asks for a WebSocket.
fn poll_uri(uri: &Uri) -> Option<Uri> {
    Uri::try_from(uri.to_string().replacen("transport=websocket", "transport=polling", 1)).ok()
}

fn bare_poll(uri: &Uri) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.clone();
    request
}

/// The layer's own refusal of a request that it cannot assign.
fn refuse(body: &'static str) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::BAD_REQUEST, kind, body).into_response()
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
