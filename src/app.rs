//! Puts the parts together: services over the store, sockets and pages over the services.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::service::{Service, service_fn};
use socketioxide::SocketIo;
use tower::Layer;

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, Site, Unready};
use crate::realtime::Realtime;
use crate::service::{Limits, Live, Passwords, Services};
use crate::store::Store;
use crate::transport::{self, begin_web_socket};

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
        // They take every request for their path: none is left for what is within.
        let nothing =
            service_fn(async |_: Request| Ok::<Response, Infallible>(Response::default()));
        let sockets = sockets.layer(nothing);
        let endpoint = transport::route(&site, move |mut request| {
            let sockets = sockets.clone();
            async move {
                match begin_web_socket(&sockets, &mut request) {
                    Some(begun) => begun.map(|()| Body::empty()),
                    None => match sockets.call(request).await {
                        Ok(answer) => answer.map(Body::new),
                    },
                }
            }
        });
        let router = http::router(site, endpoint);
        Ok(Self { router, io, services, live: realtime })
    }
}
