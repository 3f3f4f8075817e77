//! Puts the parts together: services over the store, sockets and pages over the services.

use std::sync::Arc;

use axum::Router;
use socketioxide::SocketIo;

use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, Site, Unready, Views};
use crate::realtime::Realtime;
use crate::service::{Limits, Live, Passwords, Services};
use crate::store::Store;
use crate::transport;

/// The running chat, without its listener.
pub struct App {
    pub router: Router,
    /// Closes every socket when the program ends.
    pub io: SocketIo,
    /// The pages, whose templates can be read again.
    pub views: Arc<Views>,
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
        let (layer, io, realtime) = Realtime::start(services.clone());
        let site = Site::new(config, services.clone(), realtime.clone())?;
        let views = Arc::clone(&site.views);
        let endpoint = transport::route(&site, &layer);
        let router = http::router(site, endpoint);
        Ok(Self { router, io, views, services, live: realtime })
    }
}
