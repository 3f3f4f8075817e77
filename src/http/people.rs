//! The home page, and finding people.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Site;
use super::error::Refusal;
use super::session::SignedIn;
use crate::domain::Error;

#[derive(Deserialize)]
pub struct Search {
    username: String,
}

pub async fn home(State(site): State<Site>, SignedIn(user): SignedIn) -> Response {
    site.views.page("index.html", &(&user).into(), json!({}))
}

pub async fn find_page(State(site): State<Site>, SignedIn(user): SignedIn) -> Response {
    site.views.page("find.html", &(&user).into(), json!({}))
}

/// Answers a script: a JSON array of users, or an object that says why not.
pub async fn find(
    State(site): State<Site>,
    _: SignedIn,
    search: Result<Json<Search>, JsonRejection>,
) -> Response {
    let found = match search {
        Ok(Json(search)) => site.services.accounts.find(&search.username).await,
        Err(_) => Err(Error::Invalid("send JSON, as in {\"username\": \"an\"}".into())),
    };
    match found {
        Ok(users) => Json(users).into_response(),
        Err(error) => Refusal::from(error).into_json(),
    }
}
