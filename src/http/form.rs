//! A posted form. Whatever is no form counts as an empty one, as it does in Flask: the sentence
//! that comes back then names the field that is missing.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::error::Refusal;

pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Form<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        use axum::extract::rejection::FormRejection;
        match axum::Form::<T>::from_request(request, state).await {
            Ok(axum::Form(form)) => Ok(Self(form)),
            Err(FormRejection::BytesRejection(rejection)) => Err(match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Refusal::too_large().into_response(),
                _ => rejection.into_response(),
            }),
            Err(_) => Ok(Self(T::default())),
        }
    }
}
