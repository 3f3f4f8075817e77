//! Requests whose method a path does not have. `OPTIONS` is answered everywhere, as in Flask: health
//! checks of proxies ask with it.

use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::Refusal;

/// The answer of a page to a method that it does not have. The router adds `Allow`, which
/// names the methods beside `OPTIONS`.
pub async fn others(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::OK.into_response();
    }
    Refusal::method_not_allowed().into_response()
}

/// The answer to `OPTIONS` of what is no page but takes the methods `allowed`.
pub fn options(method: &Method, allowed: &'static str) -> Option<Response> {
    (method == Method::OPTIONS)
        .then(|| (StatusCode::OK, [(header::ALLOW, allowed)]).into_response())
}
