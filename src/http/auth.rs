//! Registering, logging in and out.

use std::net::IpAddr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::client::ClientAddress;
use super::error::Refusal;
use super::form::Form;
use super::session::{self, AuthSession};
use super::view::Visit;
use super::{Site, navigation, redirect};
use crate::config::{self, PublicUrl};
use crate::domain::{Error, TypedName, TypedPassword, UserId};
use crate::service::{Login, Registration};

/// How long the login page may stay out of reach after a logout.
const LOGGED_OUT_SECONDS: u32 = 30 * 24 * 3600;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct RegistrationForm {
    username: String,
    password: String,
    confirmation: String,
    /// The secret of the link that led to the form.
    invite: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct LoginForm {
    username: String,
    password: String,
}

/// The query of a link that `visavis invite` printed.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Invited {
    invite: String,
}

pub async fn register_page(
    State(site): State<Site>,
    visit: Visit,
    invited: Result<Query<Invited>, QueryRejection>,
) -> Result<Response, Refusal> {
    let invite = invited.map(|Query(invited)| invited.invite).unwrap_or_default();
    may_register(&site, &invite).await?;
    Ok(site.views.page("register.html", &visit, json!({ "invite": invite })))
}

pub async fn register(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    Form(typed): Form<RegistrationForm>,
) -> Result<Response, Refusal> {
    let RegistrationForm { username, password, confirmation, invite } = typed;
    may_register(&site, &invite).await?;
    let typed = Registration { username, password, confirmation, from: address };
    let accounts = &site.services.accounts;
    if site.registration == config::Registration::Invite {
        let id = accounts.register_invited(&invite, typed).await?;
        let id = id.ok_or_else(Refusal::registration_by_invitation)?;
        tracing::info!(user.id = %id, %address, "user {id} registered by an invitation, from {address}");
    } else {
        let id = accounts.register(typed).await?;
        tracing::info!(user.id = %id, %address, "user {id} registered, from {address}");
    }
    Ok(redirect("/"))
}

/// A person who may not register learns nothing else, not even whether a name is taken.
async fn may_register(site: &Site, invite: &str) -> Result<(), Refusal> {
    match site.registration {
        config::Registration::Open => Ok(()),
        config::Registration::Closed => Err(Refusal::registration_closed()),
        config::Registration::Invite if site.services.accounts.is_invite(invite).await? => Ok(()),
        config::Registration::Invite => Err(Refusal::registration_by_invitation()),
    }
}

/// The form to log in. Looking at it ends nothing.
pub async fn login_page(
    State(site): State<Site>,
    visit: Visit,
    headers: HeaderMap,
    auth: AuthSession,
) -> Response {
    let known =
        json!({ "logged_in_as": name_of(&auth), "secure_url": secure_url(&site, &headers) });
    // The original has ended the session here, so a page that was written for it sees none.
    let visit = if site.views.are_a_deployments() { visit.without_session() } else { visit };
    site.views.page("login.html", &visit, known)
}

/// The name of who is logged in.
fn name_of(auth: &AuthSession) -> Option<&str> {
    auth.user.as_ref().map(|member| member.0.user.username.as_str())
}

/// The address to come by, where the session's cookie is for https and this page came by http, so that
/// the browser will throw the cookie away. Browsers send `Sec-Fetch-Site` over https only.
fn secure_url(site: &Site, headers: &HeaderMap) -> Option<String> {
    let says_https =
        headers.get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https");
    let came_by_https = says_https || headers.contains_key("sec-fetch-site");
    let url = site.public_url.as_ref().filter(|url| url.is_https() && !came_by_https);
    url.map(ToString::to_string)
}

pub async fn log_in(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    mut auth: AuthSession,
    Form(typed): Form<LoginForm>,
) -> Result<Response, Refusal> {
    end_session(&site, &mut auth, address).await?;
    let limits = &site.services.limits;
    let LoginForm { username, password } = typed;
    let (username, password) = (TypedName::new(&username), TypedPassword::new(password));
    tokio::time::sleep(limits.slowed(username.folded(), address)).await;
    let name = username.clone();
    let member = auth.authenticate(Login { username, password, from: address }).await;
    if let Err(axum_login::Error::Backend(Error::Unauthenticated(_))) = &member {
        limits.failed(name.folded());
    }
    let member = member?;
    if let Some(member) = member {
        // A fresh id, also where one was ended just now: nobody may know it from before.
        auth.session.cycle_id().await.map_err(Error::internal)?;
        session::note_browser(&auth, &headers).await?;
        auth.login(&member).await?;
        auth.session.save().await.map_err(Error::internal)?;
        let id = member.0.user.id;
        // A change of the password, or the operator, may have ended this user's sessions while the
        // password was checked; this one has come after that.
        let now = site.services.accounts.account(id).await.map_err(Error::from)?;
        if now != Some(member.0) {
            end_session(&site, &mut auth, address).await?;
            return Err(Error::Unauthenticated("invalid username and/or password").into());
        }
        tracing::info!(user.id = %id, %address, "user {id} logged in from {address}");
    }
    Ok(redirect("/"))
}

/// The link of the menu logs out. A request that a browser may have sent by itself ends nothing; the
/// page that answers it has a button.
pub async fn logout_page(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    visit: Visit,
    method: Method,
    headers: HeaderMap,
    mut auth: AuthSession,
) -> Result<Response, Refusal> {
    let public_url = site.public_url.as_ref().map(PublicUrl::origin);
    let is_a_persons = navigation::is_a_persons(&method, &headers, public_url);
    if let Some(name) = name_of(&auth).filter(|_| !is_a_persons) {
        let page = site.views.page("logout.html", &visit, json!({ "logged_in_as": name }));
        // No success, so that a browser keeps no such page for when the person does ask.
        return Ok((StatusCode::FORBIDDEN, page).into_response());
    }
    let left = if is_a_persons { end_session(&site, &mut auth, address).await? } else { None };
    Ok(to_login(&site, left))
}

pub async fn log_out(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    mut auth: AuthSession,
) -> Result<Response, Refusal> {
    let left = end_session(&site, &mut auth, address).await?;
    Ok(to_login(&site, left))
}

/// Leads to the login page, and tells our own one whose drafts and unsent messages the browser must forget:
/// `static/js/login.js` reads the cookie and removes it.
fn to_login(site: &Site, left: Option<UserId>) -> Response {
    let mut response = redirect("/login");
    if let Some(user_id) = left.filter(|_| !site.views.are_a_deployments()) {
        let path = site.public_url.as_ref().map(PublicUrl::path).unwrap_or_default();
        let secure =
            if site.public_url.as_ref().is_some_and(PublicUrl::is_https) { "; Secure" } else { "" };
        let name = site.views.logged_out_cookie();
        let cookie = format!(
            "{name}={user_id}; Path={path}/; Max-Age={LOGGED_OUT_SECONDS}; SameSite=Lax{secure}"
        );
        if let Ok(cookie) = cookie.parse() {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// Forgets the visitor's session, and closes its sockets once it is forgotten. Returns the user whose session
/// it was.
async fn end_session(
    site: &Site,
    auth: &mut AuthSession,
    from: IpAddr,
) -> Result<Option<UserId>, Refusal> {
    let Some(session) = auth.session.id() else {
        return Ok(None);
    };
    let Some(member) = auth.logout().await? else {
        return Ok(None);
    };
    let id = member.0.user.id;
    tracing::info!(user.id = %id, address = %from, "user {id} logged out, from {from}");
    site.live.session_ended(id, session::key(session));
    Ok(Some(id))
}
