//! A posted form. Whatever is no form counts as an empty one, as it does in Flask: the sentence
//! that comes back then names the field that is missing.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::error::Refusal;

pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Form<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        use axum::extract::rejection::FormRejection;
        match axum::Form::<T>::from_request(request, state).await {
            Ok(axum::Form(form)) => Ok(Self(form)),
            Err(FormRejection::BytesRejection(rejection)) => {
                Err(Refusal::form_not_read(rejection.status()))
            }
            Err(_) => Ok(Self(T::default())),
        }
    }
}
