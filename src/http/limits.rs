//! Applies the rate limits to pages and files: one middleware counts every request by its address before
//! anything else is done for it, a second one counts what the route's row in the table names.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Site;
use super::client::ClientAddress;
use super::error::Refusal;
use super::session::AuthSession;
use crate::config::{CountedBy, LimitedAction};
use crate::domain::Error;
use crate::service::{Key, network};

/// How many pages and files of one address are made at the same time; its others wait for their turn, so
/// that those of other addresses do not. Forms have none: their bodies may come slowly, and each kind has
/// a limit of its own.
const AT_ONCE: usize = 4;
/// A page counts as one more for each of these.
const PAGE_BYTES: u64 = 32 * 1024;

/// One row of the table of routes.
pub struct Route {
    pub path: &'static str,
    pub method: Method,
    /// What a request counts as, beside being a page.
    pub limit: LimitedAction,
    /// Whether a script asks, which a refusal must not answer with a page.
    is_for_scripts: bool,
    pub handler: MethodRouter<Site>,
}

impl Route {
    pub fn get<H: Handler<T, Site>, T: 'static>(
        path: &'static str,
        limit: LimitedAction,
        handler: H,
    ) -> Self {
        let handler = on(MethodFilter::GET, handler);
        Self { path, method: Method::GET, limit, is_for_scripts: false, handler }
    }

    pub fn post<H: Handler<T, Site>, T: 'static>(
        path: &'static str,
        limit: LimitedAction,
        handler: H,
    ) -> Self {
        let handler = on(MethodFilter::POST, handler);
        Self { path, method: Method::POST, limit, is_for_scripts: false, handler }
    }

    /// Its refusals are JSON.
    pub fn for_scripts(self) -> Self {
        Self { is_for_scripts: true, ..self }
    }
}

/// What each route counts as.
#[derive(Clone)]
pub struct RouteLimits {
    site: Site,
    routes: Arc<[(Method, &'static str, LimitedAction, bool)]>,
}

impl RouteLimits {
    pub fn new(site: &Site, routes: &[Route]) -> Self {
        let rows = routes
            .iter()
            .map(|route| (route.method.clone(), route.path, route.limit, route.is_for_scripts));
        Self { site: site.clone(), routes: rows.collect() }
    }

    fn of(&self, request: &Request) -> Option<(LimitedAction, bool)> {
        let path = request.extensions().get::<MatchedPath>()?.as_str();
        let row = self.routes.iter().find(|(method, known, ..)| {
            *known == path && (method == request.method() || request.method() == Method::HEAD)
        });
        row.map(|(_, _, limit, is_for_scripts)| (*limit, *is_for_scripts))
    }
}

/// Counts what the route names. Runs where the visitor is known and refusals become pages.
pub async fn of_route(
    State(limits): State<RouteLimits>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    let Some((action, is_for_scripts)) = limits.of(&request) else {
        return next.run(request).await;
    };
    let visitor = request.extensions().get::<AuthSession>().and_then(|auth| auth.user.as_ref());
    let key = match action.limit().counted_by {
        // A stranger is sent to the login by the route itself.
        CountedBy::Person => visitor.map(|member| Key::Person(member.0.user.id)),
        CountedBy::Address | CountedBy::Account | CountedBy::Socket => Some(Key::address(address)),
    };
    // A page was counted by its address before.
    let key = key.filter(|_| action != LimitedAction::LoadPage);
    let taken = key.map_or(Ok(()), |key| limits.site.services.limits.take(action, key, || address));
    match taken {
        Ok(()) => next.run(request).await,
        Err(over) if is_for_scripts => Refusal::from(over).into_json(),
        Err(over) => Refusal::from(over).into_response(),
    }
}

/// Counts every request for a page or a file by its address, before its session is looked up.
pub async fn of_address(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Response {
    let is_file = request.uri().path().starts_with("/static/");
    let action = if is_file { LimitedAction::LoadFile } else { LimitedAction::LoadPage };
    let (key, counted) = (Key::address(address), &site.services.limits);
    let is_safe = request.method().is_safe();
    let _turn = if is_safe { site.turns.take(address).await } else { None };
    if let Err(over) = counted.take(action, key, || address) {
        return refuse(&over);
    }
    let mut response = next.run(request).await;
    // Whatever refused it within.
    if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN) {
        end_connection(&mut response);
    }
    if is_file {
        return response;
    }
    counted.charge(action, key, response.body().size_hint().lower() / PAGE_BYTES);
    response
}

/// The answer to an address that asks for too much. It is cheap.
fn refuse(error: &Error) -> Response {
    let mut response = (StatusCode::TOO_MANY_REQUESTS, format!("{error}\n")).into_response();
    if let Error::TooOften { retry_after } = error {
        response.headers_mut().insert(header::RETRY_AFTER, (*retry_after).into());
    }
    end_connection(&mut response);
    response
}

/// Makes a refusal the last answer of its connection, so that asking again costs the peer more than the
/// server.
pub fn end_connection(refusal: &mut Response) {
    refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// How many requests of each address are being answered.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<IpAddr, Weak<Semaphore>>>);

/// The map is swept when it has grown to so many entries.
const SWEPT_FROM: usize = 1024;

impl Turns {
    /// Waits until fewer than [`AT_ONCE`] requests of the address are being answered.
    pub async fn take(&self, address: IpAddr) -> Option<OwnedSemaphorePermit> {
        // Never closed.
        self.of(network(address)).acquire_owned().await.ok()
    }

    fn of(&self, network: IpAddr) -> Arc<Semaphore> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = known.get(&network).and_then(Weak::upgrade) {
            return turns;
        }
        if known.len() >= SWEPT_FROM {
            known.retain(|_, turns| turns.strong_count() > 0);
        }
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        known.insert(network, Arc::downgrade(&turns));
        turns
    }
}
