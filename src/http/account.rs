//! One's own account: the password, and where one is logged in.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::client::ClientAddress;
use super::error::Refusal;
use super::form::Form;
use super::session::{self, AuthSession, Member, SignedIn};
use super::view::Visit;
use super::{Site, redirect};
use crate::domain::{Error, SessionKey, TypedName, TypedPassword};
use crate::service::PasswordChange;

/// Scripts may be off, so the time is told in UTC.
const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct PasswordForm {
    current: String,
    password: String,
    confirmation: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct SessionForm {
    session: String,
}

pub async fn page(
    State(site): State<Site>,
    SignedIn(user): SignedIn,
    auth: AuthSession,
    visit: Visit,
    uri: Uri,
) -> Result<Response, Refusal> {
    let current = auth.session.id().map(session::key);
    let sessions = site.services.accounts.sessions_of(user.id).await?;
    let sessions: Vec<_> = sessions
        .into_iter()
        .map(|session| {
            json!({
                "id": session.key.to_hex(),
                "device": session.device,
                "since": moment(session.created_at),
                "last_seen": moment(session.last_seen_at),
                "current": Some(session.key) == current,
            })
        })
        .collect();
    // The redirect that follows a form tells what was done.
    let done = match uri.query().unwrap_or_default() {
        "done=password" => "Your password was changed. Every other session has ended.",
        "done=session" => "That session has ended.",
        "done=others" => "Every other session has ended.",
        _ => "",
    };
    Ok(site.views.page("account.html", &visit, json!({ "sessions": sessions, "done": done })))
}

/// Changes the password. The visitor stays logged in, under a new session id; every other session
/// and its sockets end.
pub async fn change_password(
    State(site): State<Site>,
    ClientAddress(address): ClientAddress,
    SignedIn(user): SignedIn,
    mut auth: AuthSession,
    Form(typed): Form<PasswordForm>,
) -> Result<Response, Refusal> {
    let Some(current) = auth.session.id().map(session::key) else {
        return Ok(redirect("/login"));
    };
    // Somebody at another's screen guesses no faster here than at the login.
    let limits = &site.services.limits;
    let name = TypedName::new(&user.username);
    tokio::time::sleep(limits.slowed(name.folded(), address)).await;
    let PasswordForm { current: old, password, confirmation } = typed;
    let current_password = TypedPassword::new(old);
    let change =
        PasswordChange { current: current_password, password, confirmation, from: address };
    let changed = site.services.accounts.change_password(user.id, current, change).await;
    let id = user.id;
    if let Err(Error::Unauthenticated(_)) = &changed {
        limits.failed(name.folded());
        tracing::info!(user.id = %id, %address, "user {id} typed a wrong current password, from {address}");
    }
    let account = changed?;
    auth.session.cycle_id().await.map_err(Error::internal)?;
    auth.login(&Member(account)).await?;
    auth.session.save().await.map_err(Error::internal)?;
    let renewed = auth.session.id().map(session::key);
    if let Some(renewed) = renewed {
        site.live.session_renewed(id, current, renewed);
    }
    site.live.sessions_ended(id, renewed);
    tracing::info!(user.id = %id, %address, "user {id} changed the password, from {address}");
    Ok(redirect("/account?done=password"))
}

/// Ends one of the visitor's sessions; the current one is left by logging out.
pub async fn end_session(
    State(site): State<Site>,
    SignedIn(user): SignedIn,
    auth: AuthSession,
    Form(typed): Form<SessionForm>,
) -> Result<Response, Refusal> {
    let Some(ended) = SessionKey::from_hex(&typed.session) else {
        return Err(Error::Invalid("no session was named".into()).into());
    };
    if auth.session.id().map(session::key) == Some(ended) {
        return Ok(redirect("/logout"));
    }
    site.services.accounts.end_session_of(user.id, ended).await?;
    site.live.session_ended(user.id, ended);
    Ok(redirect("/account?done=session"))
}

pub async fn end_other_sessions(
    State(site): State<Site>,
    SignedIn(user): SignedIn,
    auth: AuthSession,
) -> Result<Response, Refusal> {
    let Some(current) = auth.session.id().map(session::key) else {
        return Ok(redirect("/login"));
    };
    site.services.accounts.end_other_sessions(user.id, current).await?;
    site.live.sessions_ended(user.id, Some(current));
    Ok(redirect("/account?done=others"))
}

/// A moment for people and, as HTML wants it, for machines.
fn moment(at: OffsetDateTime) -> serde_json::Value {
    let text = at.format(MOMENT).unwrap_or_default();
    json!({ "text": text, "machine": at.format(&Rfc3339).unwrap_or_default() })
}
