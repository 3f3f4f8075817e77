//! Setting a password by a link that the operator handed out. Looking at the page uses nothing up.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::client::ClientAddress;
use super::error::Refusal;
use super::form::Form;
use super::view::Visit;
use super::{Site, redirect};
use crate::service::PasswordSetting;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct ResetForm {
    password: String,
    confirmation: String,
}

/// The secret in the address.
pub struct Secret(String);

impl<S: Send + Sync> FromRequestParts<S> for Secret {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let secret = Path::<String>::from_request_parts(parts, state).await;
        secret.map(|Path(secret)| Self(secret)).map_err(|_| Refusal::page_not_found())
    }
}

pub async fn page(
    State(site): State<Site>,
    Secret(secret): Secret,
    visit: Visit,
) -> Result<Response, Refusal> {
    let user = site.services.accounts.reset_user(&secret).await?;
    let known = json!({ "username": user.username, "secret": secret });
    Ok(site.views.page("reset.html", &visit, known))
}

pub async fn set_password(
    State(site): State<Site>,
    Secret(secret): Secret,
    ClientAddress(address): ClientAddress,
    Form(typed): Form<ResetForm>,
) -> Result<Response, Refusal> {
    let ResetForm { password, confirmation } = typed;
    let setting = PasswordSetting { password, confirmation, from: address };
    let id = site.services.accounts.reset_password(&secret, setting).await?;
    site.live.sessions_ended(id, None);
    tracing::info!(user.id = %id, %address, "user {id} set a password by a link, from {address}");
    Ok(redirect("/login"))
}
