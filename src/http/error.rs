//! What a visitor sees when something cannot be done: the apology page, with an honest status.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Site;
use super::session::AuthSession;
use super::view::Visit;
use crate::domain::Error;

/// Something that was not done, as a status and a sentence.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    sentence: String,
}

impl Refusal {
    pub fn page_not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, sentence: "there is no such page".into() }
    }

    pub fn from_another_site() -> Self {
        let sentence = "this came from another site's page; open the chat itself and try again";
        Self { status: StatusCode::FORBIDDEN, sentence: sentence.into() }
    }

    pub fn method_not_allowed() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            sentence: "this page cannot be used that way".into(),
        }
    }

    /// The same as a JSON object, for a script.
    pub fn into_json(self) -> Response {
        (self.status, Json(json!({ "failure": self.sentence }))).into_response()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::Internal(cause) => {
                tracing::error!(error = %cause, "a page failed: {cause}");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self { status, sentence: error.to_string() }
    }
}

impl From<axum_login::Error<super::session::Backend>> for Refusal {
    fn from(error: axum_login::Error<super::session::Backend>) -> Self {
        match error {
            axum_login::Error::Backend(error) => error.into(),
            axum_login::Error::Session(error) => Error::internal(error).into(),
        }
    }
}

impl IntoResponse for Refusal {
    /// An empty answer that [`apologize`] turns into the page, which needs to know the visitor.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Draws the apology page for every [`Refusal`] that comes out of the handlers.
pub async fn apologize(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (visit, request) = Visit::of(request, &site);
    let auth = request.extensions().get::<AuthSession>().cloned();
    let response = next.run(request).await;
    let Some(refusal) = response.extensions().get::<Refusal>().cloned() else {
        return response;
    };
    // A wrong password was typed after the session had been ended.
    let ended = auth.is_none_or(|auth| auth.session.id().is_none());
    let visit = if ended { visit.without_session() } else { visit };
    site.views.apology(&visit, refusal.status, &refusal.sentence)
}
