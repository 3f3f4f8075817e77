//! A posted form, as Flask reads it: urlencoded or multipart, bytes that are no text replaced by
//! U+FFFD, of several fields of one name the first. Whatever is no form counts as an empty one: the
//! sentence that comes back then names the field that is missing.

use std::collections::HashMap;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde::de::value::{Error, MapDeserializer};

use super::error::Refusal;

pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Form<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let fields = match media_type(&request).as_str() {
            "application/x-www-form-urlencoded" => urlencoded(request).await?,
            "multipart/form-data" => multipart(request).await?,
            _ => Fields::default(),
        };
        Ok(Self(fields.into_form()))
    }
}

fn media_type(request: &Request) -> String {
    let named = request.headers().get(header::CONTENT_TYPE).and_then(|name| name.to_str().ok());
    let name = named.and_then(|named| named.split(';').next()).unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// The fields of a form by their names, each once.
#[derive(Default)]
struct Fields(HashMap<String, String>);

impl Fields {
    fn add(&mut self, name: String, value: String) {
        self.0.entry(name).or_insert(value);
    }

    fn into_form<T: DeserializeOwned + Default>(self) -> T {
        let fields: MapDeserializer<'_, _, Error> = MapDeserializer::new(self.0.into_iter());
        T::deserialize(fields).unwrap_or_default()
    }
}

async fn urlencoded(request: Request) -> Result<Fields, Refusal> {
    let body: Result<Bytes, _> = request.extract().await;
    let body = body.map_err(|rejection| Refusal::form_not_read(rejection.status()))?;
    let mut fields = Fields::default();
    for (name, value) in form_urlencoded::parse(&body) {
        fields.add(name.into_owned(), value.into_owned());
    }
    Ok(fields)
}

/// A form that cannot be taken apart has the fields before that place, as in Flask.
async fn multipart(request: Request) -> Result<Fields, Refusal> {
    let mut fields = Fields::default();
    let Ok(mut parts) = request.extract::<Multipart, _>().await else {
        return Ok(fields);
    };
    loop {
        let part = match parts.next_field().await {
            Ok(Some(part)) => part,
            Ok(None) => return Ok(fields),
            Err(error) => return broken_off(fields, &error),
        };
        // A part with a file name is a file, and no form here takes one.
        let name = part.name().filter(|_| part.file_name().is_none()).map(str::to_owned);
        match part.bytes().await {
            Ok(value) => {
                if let Some(name) = name {
                    fields.add(name, String::from_utf8_lossy(&value).into_owned());
                }
            }
            Err(error) => return broken_off(fields, &error),
        }
    }
}

fn broken_off(fields: Fields, error: &MultipartError) -> Result<Fields, Refusal> {
    match error.status() {
        StatusCode::BAD_REQUEST => Ok(fields),
        status => Err(Refusal::form_not_read(status)),
    }
}
