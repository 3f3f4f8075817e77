//! The pages: a request becomes a call of a service, its outcome a page. Here stands the table of
//! routes.

mod account;
mod assets;
mod auth;
mod chats;
mod client;
mod error;
mod form;
mod handshake;
mod jinja;
mod metering;
mod origin;
mod people;
mod reset;
mod session;
mod templates;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum_login::AuthManagerLayerBuilder;
use axum_login::tower_sessions::cookie::SameSite;
use axum_login::tower_sessions::{Expiry, SessionManagerLayer};
use ipnet::IpNet;
use tower::util::option_layer;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

use self::error::Refusal;
use self::metering::Meters;
use self::session::{Backend, Sessions};
pub use self::templates::check as check_templates;
pub use self::view::{Views, Visit};
use crate::config::{Config, Origin, Registration};
use crate::service::{Live, Services};

/// The session's cookie. It has no `Max-Age`: it ends with the browser session.
const COOKIE: &str = "visavis_session";

/// How long a client may pause within the body of a request.
const BODY_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a request to a page may take, its body included; a login may have to wait for its turn.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// How long a client may take to hand over packets by long-polling.
const PACKETS_MAX: Duration = Duration::from_secs(10);
/// How long packets gather at the beginning of a poll. One that is answered with the first of them has
/// to be followed by another for each of the rest.
const GATHERING: Duration = Duration::from_millis(1);

/// What our own pages may do: load what comes from this server, and nothing else. `'self'` covers
/// the WebSocket of the page's own host.
const CONTENT_POLICY: &str = "default-src 'self'; connect-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What no page of ours needs, so that nothing that slips in may use it.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), \
     payment=(), usb=()";
/// For a year browsers ask for the chat by https only; longer than anybody stays away.
const TRANSPORT_SECURITY: &str = "max-age=31536000";

/// What is heard of the libraries of sessions and logins. For them every worthless cookie is a warning
/// and every wrong password an error: strangers could fill the log. Of logins the program tells itself.
pub const LOG_FILTER: &str = "axum_login=off,tower_sessions=error,tower_sessions_core=error";

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    #[error("an embedded template is wrong: {0}")]
    Template(#[from] minijinja::Error),
    #[error("{flag} {path}: there is no such folder")]
    Folder { flag: &'static str, path: PathBuf },
}

/// Everything that the handlers share.
#[derive(Clone)]
pub struct Site {
    pub services: Services,
    pub views: Arc<Views>,
    pub live: Arc<dyn Live>,
    /// The origin that browsers use, where it is not the one that they ask this server for.
    pub public_url: Option<Origin>,
    /// The proxies that are believed about whom they pass on.
    pub trusted_proxies: Arc<[IpNet]>,
    /// A deployment's own static files.
    pub static_files: Option<PathBuf>,
    pub registration: Registration,
    /// Whether pages carry [`CONTENT_POLICY`].
    pub content_policy: bool,
}

impl Site {
    /// # Errors
    /// A folder that is not there, or an embedded template that cannot be parsed.
    pub fn new(config: &Config, services: Services, live: Arc<dyn Live>) -> Result<Self, Unready> {
        let static_files = config.static_files.clone();
        if let Some(path) = static_files.as_ref().filter(|path| !path.is_dir()) {
            return Err(Unready::Folder { flag: "--static", path: path.clone() });
        }
        Ok(Self {
            services,
            views: Arc::new(Views::new(config)?),
            live,
            public_url: config.public_url.clone(),
            trusted_proxies: config.trusted_proxy.clone().into(),
            static_files,
            registration: config.registration,
            content_policy: config.has_content_policy(),
        })
    }
}

/// The whole site: pages, static files, and `sockets` (what answers under `/socket.io/`) behind its
/// checks.
pub fn router(site: Site, sockets: Router) -> Router {
    let policy =
        site.content_policy.then(|| always(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY));
    let is_https = site.public_url.as_ref().is_some_and(Origin::is_https);
    let secure = is_https.then(|| always(header::STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY));
    let permissions = header::HeaderName::from_static("permissions-policy");
    pages(&site)
        .nest_service("/static", assets::service(site.static_files.clone()))
        // A poll is small, and waited for.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .merge(checked(&site, sockets))
        .layer(from_fn_with_state(site.clone(), client::identify))
        // Outermost, so that every answer has them, whoever gave it.
        .layer(option_layer(policy))
        .layer(option_layer(secure))
        .layer(always(permissions, PERMISSIONS))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "same-origin"))
        .layer(map_response(keep_out_of_caches))
        .with_state(site)
}

/// The table of routes.
fn pages(site: &Site) -> Router<Site> {
    let sessions = SessionManagerLayer::new(Sessions::new(site.services.accounts.clone()))
        .with_name(COOKIE)
        .with_expiry(Expiry::OnSessionEnd)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(site.public_url.as_ref().is_some_and(Origin::is_https));
    let backend = Backend::new(site.services.accounts.clone());

    Router::new()
        .route("/", get(people::home))
        .route("/register", get(auth::register_page).post(auth::register))
        .route("/login", get(auth::login_page).post(auth::log_in))
        .route("/logout", get(auth::log_out))
        .route("/reset/{secret}", get(reset::page).post(reset::set_password))
        .route("/find", get(people::find_page).post(people::find))
        .route("/add", post(chats::add))
        .route("/chats", get(chats::list))
        .route("/account", get(account::page))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions/end", post(account::end_session))
        .route("/account/sessions/end-others", post(account::end_other_sessions))
        .fallback(async || Refusal::page_not_found())
        .method_not_allowed_fallback(async || Refusal::method_not_allowed())
        .layer(origin::only_own_forms(site.public_url.as_ref()))
        .layer(from_fn_with_state(site.clone(), error::apologize))
        .layer(AuthManagerLayerBuilder::new(backend, sessions).build())
        .layer(DefaultBodyLimit::max(site.services.limits.sizes.body_bytes))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_MAX))
}

/// The sockets keep away from the session layers: a poll is known by its id, and a socket's
/// session is looked up when it joins.
fn checked(site: &Site, sockets: Router) -> Router<Site> {
    sockets
        .layer(from_fn(handshake::hand_on))
        .layer(from_fn_with_state(Arc::<Meters>::default(), metering::follow))
        .layer(from_fn_with_state(site.clone(), handshake::admit))
        .layer(from_fn(hand_over_in_time))
        .layer(from_fn_with_state(site.clone(), origin::same_origin))
        .with_state(())
}

/// A poll waits for packets as long as it takes; handing packets over takes no time.
async fn hand_over_in_time(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        let query = request.uri().query().unwrap_or_default();
        if handshake::field(query, "sid").is_some() {
            tokio::time::sleep(GATHERING).await;
        }
        return next.run(request).await;
    }
    let answer = tokio::time::timeout(PACKETS_MAX, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// Nothing is kept in caches but what says that it may be.
async fn keep_out_of_caches(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if !headers.contains_key(header::CACHE_CONTROL) {
        for (name, value) in [
            (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
            (header::PRAGMA, "no-cache"),
            (header::EXPIRES, "0"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

fn always(name: header::HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// A redirect as Flask sends it: 302, where axum would say 303.
fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}
