//! The pages: which template is drawn for whom, and what the visitor gets where that fails.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

use super::jinja::Asked;
use super::session::AuthSession;
use super::templates::{self, Folder};
use super::{Site, Unready};
use crate::config::{Config, PublicUrl};
use crate::domain::{User, UserId};

/// What a template sees as `session`: empty when nobody is logged in.
#[derive(Debug, Clone, Default, Serialize)]
struct Visitor {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

impl From<&User> for Visitor {
    fn from(user: &User) -> Self {
        Self { user_id: Some(user.id), username: Some(user.username.clone()) }
    }
}

/// The visitor and the request of a page: what every template sees.
#[derive(Debug, Clone)]
pub struct Visit {
    visitor: Visitor,
    asked: Arc<Asked>,
}

impl Visit {
    fn new(parts: &Parts, site: &Site) -> Self {
        let auth = parts.extensions.get::<AuthSession>();
        let member = auth.and_then(|auth| auth.user.as_ref());
        let visitor = member.map(|member| Visitor::from(&member.0.user)).unwrap_or_default();
        let asked = parts.extensions.get::<Arc<Asked>>().cloned().unwrap_or_else(|| {
            Arc::new(Asked::of(parts, site.public_url.as_ref(), &site.cookie.name))
        });
        Self { visitor, asked }
    }

    /// The visit of `user`, or of somebody who is not logged in. Templates do not see the cookie
    /// called `session_cookie`.
    #[must_use]
    pub fn by(
        user: Option<&User>,
        parts: &Parts,
        public_url: Option<&PublicUrl>,
        session_cookie: &str,
    ) -> Self {
        let visitor = user.map(Visitor::from).unwrap_or_default();
        Self { visitor, asked: Arc::new(Asked::of(parts, public_url, session_cookie)) }
    }

    /// The visit that `request` is. The handler behind it shares what is kept of the request.
    pub fn of(request: Request, site: &Site) -> (Self, Request) {
        let (mut parts, body) = request.into_parts();
        let visit = Self::new(&parts, site);
        parts.extensions.insert(Arc::clone(&visit.asked));
        (visit, Request::from_parts(parts, body))
    }

    /// The same visit, of nobody who is logged in.
    #[must_use]
    pub fn without_session(self) -> Self {
        Self { visitor: Visitor::default(), ..self }
    }
}

impl FromRequestParts<Site> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        Ok(Self::new(parts, site))
    }
}

/// The templates, ready to be drawn.
pub struct Views {
    embedded: Environment<'static>,
    /// What templates see as that, so that they do not lead to a closed door.
    registration_closed: bool,
    /// The name of the cookie that holds the id of the user who has logged out, for the scripts of our pages.
    /// It has the port in it, so that instances on one host do not share it.
    logged_out_cookie: String,
    own: Option<Folder>,
}

impl Views {
    /// Parses every template. What is wrong with those of a deployment is logged: its pages
    /// apologize until they are put right, and the others work.
    ///
    /// # Errors
    /// An embedded template that cannot be parsed.
    pub fn new(config: &Config) -> Result<Self, Unready> {
        let root = config.public_url.as_ref().map_or("", PublicUrl::path);
        let embedded = templates::embedded(root)?;
        let registration_closed = !config.is_registration_open();
        let logged_out_cookie = format!("visavis_logged_out_{}", config.listen.port());
        let Some(path) = &config.templates else {
            return Ok(Self { embedded, registration_closed, logged_out_cookie, own: None });
        };
        let own = Folder::new(path, root, config.reload_templates);
        for problem in own.problems() {
            tracing::error!("a template is wrong: {problem}");
        }
        Ok(Self { embedded, registration_closed, logged_out_cookie, own: Some(own) })
    }

    /// The name of the cookie that holds the id of the user who has logged out.
    pub fn logged_out_cookie(&self) -> &str {
        &self.logged_out_cookie
    }

    /// Reads a deployment's templates again, and logs what is wrong with them. False where there are
    /// none.
    pub fn reload(&self) -> bool {
        let Some(own) = &self.own else { return false };
        own.reload();
        for problem in own.problems() {
            tracing::error!("a template is wrong: {problem}");
        }
        true
    }

    /// Whether pages are drawn from a deployment's templates.
    pub fn are_a_deployments(&self) -> bool {
        self.own.is_some()
    }

    /// The page `name` with what the handler knows, or an apology.
    pub fn page(&self, name: &str, visit: &Visit, known: impl Serialize) -> Response {
        self.draw(name, visit, Value::from(Serde(known)), "Something went wrong :(")
    }

    /// The page that says why something was not done.
    pub fn apology(&self, visit: &Visit, status: StatusCode, message: &str) -> Response {
        let page = self.draw("apology.html", visit, context! { message }, message);
        if page.status() == StatusCode::OK { (status, page).into_response() } else { page }
    }

    fn draw(&self, name: &str, visit: &Visit, known: Value, apology: &str) -> Response {
        let session = Value::from(Serde(&visit.visitor));
        let Self { registration_closed, logged_out_cookie, .. } = self;
        let context = |known: Value| {
            let known = context! { registration_closed, logged_out_cookie, ..known };
            templates::context_of(&session, Arc::clone(&visit.asked), known)
        };
        let (drawn, explain): (_, &dyn Fn(&minijinja::Error) -> String) = match &self.own {
            Some(own) => (own.draw(name, &context(known)), &|error| own.explain(error)),
            None => (templates::draw(&self.embedded, name, &context(known)), &ToString::to_string),
        };
        let error = match drawn {
            Ok(html) => return Html(html).into_response(),
            Err(error) => error,
        };
        let reason = explain(&error);
        let address = visit.asked.address().map(tracing::field::display);
        tracing::error!(page = name, address, "the page {name} cannot be drawn: {reason}");
        // A deployment's own apology may be what fails: the embedded one is known to work.
        let context = context(context! { message => apology });
        let page = match templates::draw(&self.embedded, "apology.html", &context) {
            Ok(html) => Html(html).into_response(),
            Err(_) => format!("{apology}\n").into_response(),
        };
        (StatusCode::INTERNAL_SERVER_ERROR, page).into_response()
    }
}
