//! How a connection becomes a WebSocket. The socket layer could do that too, but would keep the
//! request's headers with each socket, and cannot survive an upgrade that fails.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use hyper::header::HeaderValue;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tungstenite::handshake::derive_accept_key;

/// A request for a WebSocket that can be granted.
pub struct WebSocketRequest {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

impl WebSocketRequest {
    /// `None` when the request asks for something else.
    pub fn of(request: &mut Request) -> Option<Self> {
        if request.method() != Method::GET {
            return None;
        }
        let key = request.headers().get(header::SEC_WEBSOCKET_KEY)?;
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
        let upgrade = request.extensions_mut().remove::<OnUpgrade>()?;
        Some(Self { accept, upgrade })
    }

    /// The answer after which the connection is a WebSocket, and `serve` gets it.
    pub fn grant<F>(
        self,
        address: IpAddr,
        serve: impl FnOnce(TokioIo<Upgraded>) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let upgrade = self.upgrade;
        tokio::spawn(async move {
            match upgrade.await {
                Ok(connection) => serve(TokioIo::new(connection)).await,
                // The client has gone.
                Err(error) => {
                    tracing::debug!(%address, %error, "a WebSocket did not open: {error}");
                }
            }
        });
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer.headers_mut().extend([
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, self.accept),
        ]);
        answer
    }
}
