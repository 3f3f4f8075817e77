//! What a visitor sees when something cannot be done: the apology page, with an honest status.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
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
    /// In seconds.
    retry_after: Option<u64>,
}

impl Refusal {
    pub fn page_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such page")
    }

    pub fn from_another_site() -> Self {
        let sentence = "this came from another site's page; open the chat itself and try again";
        Self::new(StatusCode::FORBIDDEN, sentence)
    }

    pub fn registration_closed() -> Self {
        let sentence = "registration is closed here; ask whoever runs this chat";
        Self::new(StatusCode::FORBIDDEN, sentence)
    }

    pub fn registration_by_invitation() -> Self {
        let sentence = "registration is by invitation here; ask whoever runs this chat for a link, \
                        which works once and for some days";
        Self::new(StatusCode::FORBIDDEN, sentence)
    }

    pub fn too_large() -> Self {
        let sentence = "this is more than the server takes at once; make it shorter";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, sentence)
    }

    /// Why a form was not read, by the status that says so.
    pub fn form_not_read(status: StatusCode) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            _ => Self::new(status, "this form did not come whole; send it again"),
        }
    }

    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "this page cannot be used that way")
    }

    fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into(), retry_after: None }
    }

    fn with_retry_after(&self, mut response: Response) -> Response {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    /// The same as a JSON object, for a script.
    pub fn into_json(self) -> Response {
        let failure = json!({ "failure": self.sentence });
        self.with_retry_after((self.status, Json(failure)).into_response())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::OutOfService => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(cause) => {
                tracing::error!(error = %cause, "a page failed: {cause}");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let retry_after = match &error {
            Error::TooOften { retry_after } => Some(*retry_after),
            _ => None,
        };
        Self { retry_after, ..Self::new(status, error.to_string()) }
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

/// Answers every page with the apology while the database is out of service: neither the visitor's
/// session nor anything else can be read.
pub async fn out_of_service(State(site): State<Site>, request: Request, next: Next) -> Response {
    if !site.services.is_out_of_service() {
        return next.run(request).await;
    }
    let refusal = Refusal::from(Error::OutOfService);
    let content = request.headers().get(header::CONTENT_TYPE);
    if content.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return refusal.into_json();
    }
    let (visit, _) = Visit::of(request, &site);
    site.views.apology(&visit, refusal.status, &refusal.sentence)
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
    refusal.with_retry_after(site.views.apology(&visit, refusal.status, &refusal.sentence))
}
