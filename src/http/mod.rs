//! The pages: a request becomes a call of a service, its outcome a page. Here stands the table of
//! routes.

mod account;
mod assets;
mod auth;
mod chats;
pub(crate) mod client;
pub(crate) mod cookies;
pub(crate) mod error;
mod form;
mod headers;
mod jinja;
pub(crate) mod limits;
pub(crate) mod methods;
mod mount;
mod navigation;
pub(crate) mod origin;
mod people;
mod reset;
pub(crate) mod session;
mod templates;
mod view;

use std::io::ErrorKind;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{
    from_fn_with_state, map_request, map_request_with_state, map_response_with_state,
};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use axum_login::AuthManagerLayerBuilder;
use axum_login::tower_sessions::cookie::SameSite;
use axum_login::tower_sessions::{Expiry, SessionManagerLayer};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

use self::client::{ClientAddress, Proxies};
use self::cookies::SessionCookie;
use self::error::Refusal;
use self::limits::{Route, RouteLimits, Turns};
use self::session::{Backend, Sessions};
pub use self::templates::check as check_templates;
pub use self::view::{Views, Visit};
use crate::config::{Config, LimitedAction, PublicUrl, Registration};
use crate::service::{Live, Services};

/// How long a client may pause within the body of a request.
const BODY_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a request to a page may take, its body included; a login may have to wait for its turn.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// What is heard of the libraries of sessions and logins. For them every worthless cookie is a warning
/// and every wrong password an error: strangers could fill the log. Of logins the program tells itself.
pub const LOG_FILTER: &str = "axum_login=off,tower_sessions=error,tower_sessions_core=error";

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    #[error("an embedded template is wrong: {0}")]
    Template(#[from] minijinja::Error),
    #[error("{flag} {path}: {reason}")]
    Folder { flag: &'static str, path: PathBuf, reason: String },
}

/// Fails where a folder of the settings, which `flag` names, cannot be read.
///
/// # Errors
/// One sentence for the operator.
pub fn must_be_folder(flag: &'static str, path: &Path) -> Result<(), Unready> {
    let Err(error) = std::fs::read_dir(path) else { return Ok(()) };
    let reason = match error.kind() {
        ErrorKind::NotFound => "there is no such folder".to_owned(),
        ErrorKind::NotADirectory => {
            "it is no folder; name the folder that the files are in".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "the folder cannot be read; give this user the right to read it".to_owned()
        }
        _ => format!("the folder cannot be read: {error}"),
    };
    Err(Unready::Folder { flag, path: path.into(), reason })
}

/// Fails where a folder of the settings cannot be read. Called before a database is converted, too.
///
/// # Errors
/// One sentence for the operator.
pub fn check_folders(config: &Config) -> Result<(), Unready> {
    let templates = config.templates.as_ref().map(|path| ("--templates", path));
    let static_files = config.static_files.as_ref().map(|path| ("--static", path));
    let mut folders = [templates, static_files].into_iter().flatten();
    folders.try_for_each(|(flag, path)| must_be_folder(flag, path))
}

/// Everything that the handlers share. It is cloned for each request, so it is one pointer.
#[derive(Clone)]
pub struct Site(Arc<Shared>);

impl Deref for Site {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What a [`Site`] points to.
pub struct Shared {
    pub services: Services,
    pub views: Arc<Views>,
    pub live: Arc<dyn Live>,
    /// The address that browsers use, where it is not the one that they ask this server for.
    pub public_url: Option<PublicUrl>,
    pub proxies: Arc<Proxies>,
    /// Whether the log has told that a proxy changes the `Host`.
    has_told_of_host: AtomicBool,
    pub turns: Turns,
    /// A deployment's own static files.
    pub static_files: Option<PathBuf>,
    pub registration: Registration,
    pub cookie: SessionCookie,
    /// Whether pages carry `headers::CONTENT_POLICY`.
    pub content_policy: bool,
}

impl Site {
    /// # Errors
    /// A folder that is not there, or an embedded template that cannot be parsed.
    pub fn new(config: &Config, services: Services, live: Arc<dyn Live>) -> Result<Self, Unready> {
        let static_files = config.static_files.clone();
        check_folders(config)?;
        Ok(Self(Arc::new(Shared {
            services,
            views: Arc::new(Views::new(config)?),
            live,
            public_url: config.public_url.clone(),
            has_told_of_host: AtomicBool::default(),
            turns: Turns::default(),
            proxies: Arc::new(Proxies::new(config.trusted_proxy.clone())),
            static_files,
            registration: config.registration,
            cookie: SessionCookie::new(config),
            content_policy: config.has_content_policy(),
        })))
    }

    /// What stands before each path that browsers are given: `/chat`, or nothing.
    fn root(&self) -> &str {
        self.public_url.as_ref().map_or("", PublicUrl::path)
    }
}

/// The whole site: pages, static files, and sockets, whose requests are answered by `sockets`.
pub fn router(site: Site, sockets: MethodRouter<Site>) -> Router {
    let root = site.root().to_owned();
    let identified = map_request_with_state(Arc::clone(&site.proxies), client::identify);
    let all = pages(&site)
        .nest_service("/static", assets::service(site.static_files.clone()))
        .layer(from_fn_with_state(site.clone(), limits::of_address))
        // A poll is small, and waited for.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .route("/socket.io/", sockets)
        // Outermost, so that every answer has its headers, whoever gave it.
        .layer((map_response_with_state(headers::of(&site), headers::add), identified))
        .with_state(site);
    if root.is_empty() { all } else { mount::below(&root, all) }
}

/// The table of routes: path, what a request counts as beside being a page, and what answers it.
fn routes() -> Vec<Route> {
    use LimitedAction::{ChangeAccount, LoadPage, LogIn, OpenChat, Register, Search};
    vec![
        Route::get("/", LoadPage, people::home),
        Route::get("/register", LoadPage, auth::register_page),
        Route::post("/register", Register, auth::register),
        Route::get("/login", LoadPage, auth::login_page),
        Route::post("/login", LogIn, auth::log_in),
        Route::get("/logout", LoadPage, auth::logout_page),
        Route::post("/logout", LoadPage, auth::log_out),
        Route::get("/reset/{secret}", LoadPage, reset::page),
        Route::post("/reset/{secret}", LogIn, reset::set_password),
        Route::get("/find", LoadPage, people::find_page),
        Route::post("/find", Search, people::find).for_scripts(),
        Route::post("/add", OpenChat, chats::add),
        Route::get("/chats", LoadPage, chats::list),
        Route::get("/account", LoadPage, account::page),
        Route::post("/account/password", LogIn, account::change_password),
        Route::post("/account/sessions/end", ChangeAccount, account::end_session),
        Route::post("/account/sessions/end-others", ChangeAccount, account::end_other_sessions),
    ]
}

/// What each route counts as, beside being a page: for the test that tries them all.
#[must_use]
pub fn limited_routes() -> Vec<(Method, &'static str, LimitedAction)> {
    routes().into_iter().map(|route| (route.method, route.path, route.limit)).collect()
}

fn pages(site: &Site) -> Router<Site> {
    let sessions = SessionManagerLayer::new(Sessions::new(site.services.accounts.clone()))
        .with_name(site.cookie.name.clone())
        // It has no `Max-Age`: it ends with the browser session.
        .with_expiry(Expiry::OnSessionEnd)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path(site.cookie.path.clone())
        .with_secure(site.cookie.secure);
    let backend = Backend::new(site.services.accounts.clone());

    let routes = routes();
    let limits = RouteLimits::new(site, &routes);
    let pages = routes
        .into_iter()
        .fold(Router::new(), |pages, Route { path, handler, .. }| pages.route(path, handler));
    pages
        .fallback(not_found)
        .method_not_allowed_fallback(methods::others)
        // As few layers as there can be, each of several, the outermost first: every one costs each
        // request a copy of all that is within.
        .layer((
            map_request(cookies::restore),
            from_fn_with_state(site.clone(), error::apologize),
            from_fn_with_state(site.clone(), origin::only_own_forms),
            from_fn_with_state(limits, limits::of_route),
        ))
        .layer((
            from_fn_with_state(site.clone(), error::out_of_service),
            from_fn_with_state(site.clone(), cookies::pick),
            TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_MAX),
            RequestBodyTimeoutLayer::new(BODY_PAUSE_MAX),
            DefaultBodyLimit::max(site.services.limits.sizes.body_bytes),
            AuthManagerLayerBuilder::new(backend, sessions).build(),
        ))
}

async fn not_found(ClientAddress(address): ClientAddress, uri: Uri) -> Refusal {
    mount::tell_of_unknown(address, uri.path());
    Refusal::page_not_found()
}

/// A redirect as Flask sends it: 302, where axum would say 303.
fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
}
