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
use super::view::Visit;
use crate::domain::Error;

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
    search: Result<Json<Search>, JsonRejection>,
) -> Response {
    let found = match search {
        Ok(_) if let Err(over) = site.services.limits.search(user.id) => Err(over),
        Ok(Json(search)) => site.services.accounts.find(&search.username).await,
        Err(_) => Err(Error::Invalid("send JSON, as in {\"username\": \"an\"}".into())),
    };
    match found {
        Ok(users) => Json(users).into_response(),
        Err(error) => Refusal::from(error).into_json(),
    }
}
