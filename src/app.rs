//! Puts the parts together: services over the store, sockets and pages over the services.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, any};
use socketioxide::SocketIo;
use socketioxide::layer::SocketIoLayer;
use tower::{Layer, Service};

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, Site, Unready};
use crate::realtime::{Realtime, begin_web_socket};
use crate::service::{Limits, Live, Passwords, Services};
use crate::store::Store;

/// The running chat, without its listener.
pub struct App {
    pub router: Router,
    /// Closes every socket when the program ends.
    pub io: SocketIo,
    pub services: Services,
    /// Reaches the sockets of people.
    pub live: Arc<dyn Live>,
}

impl App {
    /// Must run inside a tokio runtime.
    ///
    /// # Errors
    /// A folder of templates or static files that is not there.
    pub fn new(
        config: &Config,
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        passwords: Passwords,
    ) -> Result<Self, Unready> {
        let services = Services::new(store, clock, passwords, Limits::new(config, clock));
        let (sockets, io, realtime) = Realtime::start(services.clone());
        let site = Site::new(config, services.clone(), realtime.clone())?;
        let sockets = Router::new().route("/socket.io/", route(&sockets));
        Ok(Self { router: http::router(site, sockets), io, services, live: realtime })
    }
}

/// The route of sockets, answered by the socket layer.
fn route(layer: &SocketIoLayer) -> MethodRouter {
    // It takes every request for its path: none is left for what is within.
    let sockets = layer.layer(any(async || StatusCode::NOT_FOUND));
    any(async move |mut request: Request| match begin_web_socket(&sockets, &mut request) {
        Some(answer) => answer.map(|()| Body::empty()),
        None => match sockets.clone().call(request).await {
            Ok(answer) => answer.map(Body::new),
        },
    })
}
