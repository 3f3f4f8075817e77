//! The pages, drawn by minijinja from the templates that are embedded in the program.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use rust_embed::RustEmbed;
use serde::Serialize;

use super::session::AuthSession;
use crate::domain::{User, UserId};

#[derive(RustEmbed)]
#[folder = "templates/"]
struct Templates;

/// What a template sees as `session`: empty when nobody is logged in.
#[derive(Debug, Default, Serialize)]
pub struct Visitor {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

impl Visitor {
    pub fn of(auth: Option<&AuthSession>) -> Self {
        let member = auth.and_then(|auth| auth.user.as_ref());
        member.map(|member| Self::from(&member.0.user)).unwrap_or_default()
    }
}

impl From<&User> for Visitor {
    fn from(user: &User) -> Self {
        Self { user_id: Some(user.id), username: Some(user.username.clone()) }
    }
}

/// The templates, parsed.
pub struct Views {
    environment: Environment<'static>,
}

impl Views {
    /// Parses every template.
    ///
    /// # Errors
    /// The first template that cannot be parsed, with its name and line.
    pub fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        for name in Templates::iter() {
            let file = Templates::get(&name).map(|file| file.data.into_owned()).unwrap_or_default();
            let source = String::from_utf8_lossy(&file).into_owned();
            environment.add_template_owned(name.into_owned(), source)?;
        }
        Ok(Self { environment })
    }

    /// The page `name`, for `visitor`, with what the handler knows.
    pub fn page(&self, name: &str, visitor: &Visitor, known: impl Serialize) -> Response {
        let known = Value::from(Serde(known));
        let session = Value::from(Serde(visitor));
        let drawn = self
            .environment
            .get_template(name)
            .and_then(|template| template.render(context! { session, ..known }));
        match drawn {
            Ok(html) => Html(html).into_response(),
            Err(error) => {
                tracing::error!(%error, "the page {name} cannot be drawn: {error:#}");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong :(\n").into_response()
            }
        }
    }
}
