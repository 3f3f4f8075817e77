//! The home page, and finding people.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Site;
use super::error::Refusal;
use super::session::SignedIn;
use super::view::Visit;
use crate::domain::Error;
use crate::json_depth::is_deeper_than;
use crate::lossy;

#[derive(Deserialize)]
pub struct Search {
    username: String,
}

pub async fn home(State(site): State<Site>, _: SignedIn, visit: Visit) -> Response {
    site.views.page("index.html", &visit, json!({}))
}

pub async fn find_page(State(site): State<Site>, _: SignedIn, visit: Visit) -> Response {
    site.views.page("find.html", &visit, json!({}))
}

/// Answers a script: a JSON array of users, or an object that says why not.
pub async fn find(
    State(site): State<Site>,
    SignedIn(user): SignedIn,
    request: Request,
) -> Response {
    let Search { username } = match search(&site, request).await {
        Ok(search) => search,
        Err(refusal) => return refusal.into_json(),
    };
    match site.services.accounts.find(user.id, &username).await {
        Ok(users) => Json(users).into_response(),
        Err(error) => Refusal::from(error).into_json(),
    }
}

async fn search(site: &Site, request: Request) -> Result<Search, Refusal> {
    let wrong = || Error::Invalid("send JSON, as in {\"username\": \"an\"}".into());
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let bytes =
        Bytes::from_request(whole, site).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large(),
            _ => wrong().into(),
        })?;
    if is_deeper_than(site.services.limits.sizes.json_depth, &bytes) {
        return Err(wrong().into());
    }
    let text = lossy::json(&bytes).into_owned();
    let whole = Request::from_parts(parts, Body::from(text));
    let Json(search) = Json::from_request(whole, site).await.map_err(|_| wrong())?;
    Ok(search)
}
