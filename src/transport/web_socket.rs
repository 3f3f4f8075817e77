//! What answers under `/socket.io/`: the socket layer, but for the beginning of a WebSocket. The layer
//! could do that too, but would keep the request's headers with each socket.

use std::mem::take;

use hyper::header::{self, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socketioxide::service::SocketIoService;
use tower::Service;
use tungstenite::handshake::derive_accept_key;

/// Answers the request that begins a socket with a WebSocket, and lets `sockets` have the connection
/// when it is one. Any other request is left as it was, for `sockets` to answer: an upgrade from
/// polling belongs to a socket that there is already, which has to be told if it fails.
pub fn begin_web_socket<S: Clone + Send + 'static, B>(
    sockets: &SocketIoService<S>,
    request: &mut Request<B>,
) -> Option<Response<()>> {
    if request.method() != Method::GET || !begins_one(request.uri().query()?) {
        return None;
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY)?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok()?;
    let upgrade = request.extensions_mut().remove::<OnUpgrade>()?;
    let mut bare = Request::new(());
    *bare.uri_mut() = request.uri().clone();
    *bare.extensions_mut() = take(request.extensions_mut());
    let mut sockets = sockets.clone();
    tokio::spawn(async move {
        let connection = match upgrade.await {
            Ok(connection) => TokioIo::new(connection),
            // The client has gone.
            Err(error) => return tracing::debug!(%error, "no WebSocket came to be: {error}"),
        };
        if let Err(error) = Service::call(&mut sockets, (connection, bare)).await {
            tracing::error!(%error, "a WebSocket was refused after it had begun: {error}");
        }
    });
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    answer.headers_mut().extend([
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ]);
    Some(answer)
}

/// Whether the socket layer cannot but begin a socket with that query. It takes the first of several
/// fields of one name, and decodes nothing.
fn begins_one(query: &str) -> bool {
    let field = |name: &str| {
        let mut fields = query.split('&').filter_map(|field| field.split_once('='));
        fields.find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    matches!(field("EIO"), Some("3" | "4"))
        && field("transport") == Some("websocket")
        && field("sid").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_begins_a_web_socket_is_taken_from_the_layer() {
        assert!(begins_one("EIO=4&transport=websocket"));
        assert!(begins_one("transport=websocket&t=abc&EIO=3"));
        for query in [
            "",
            "EIO=4",
            "transport=websocket",
            "EIO=5&transport=websocket",
            "EIO=5&EIO=4&transport=websocket",
            "EIO=4&transport=polling&transport=websocket",
            "EIO=4&transport=polling",
            "EIO=4&transport=websocket&sid=",
            "EIO=4&transport=websocket&sid=abc",
        ] {
            assert!(!begins_one(query), "{query}");
        }
    }
}
