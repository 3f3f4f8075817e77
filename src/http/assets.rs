//! The static files that are embedded in the program: ours, and what came from npm.

use std::borrow::Cow;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Own;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/vendor/"]
#[prefix = "vendor/"]
struct Vendor;

/// Answers for the paths below `/static/`.
pub fn service() -> Router {
    Router::new().route("/{*path}", get(file)).fallback(async || StatusCode::NOT_FOUND)
}

async fn file(Path(path): Path<String>) -> Response {
    let Some(file) = Own::get(&path).or_else(|| Vendor::get(&path)) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let data = match file.data {
        Cow::Borrowed(bytes) => bytes.into_response(),
        Cow::Owned(bytes) => bytes.into_response(),
    };
    ([(header::CONTENT_TYPE, content_type(&path))], data).into_response()
}

/// The type by the name's ending; text is UTF-8.
fn content_type(path: &str) -> String {
    let guessed = mime_guess::from_path(path).first_or_octet_stream();
    match guessed.type_().as_str() {
        "text" => format!("{guessed}; charset=utf-8"),
        _ => guessed.to_string(),
    }
}
