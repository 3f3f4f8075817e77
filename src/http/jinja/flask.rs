//! What Flask puts into every template: `url_for`, `get_flashed_messages`, `request`, `config`, `g`.

use std::sync::Arc;

use axum::http::{Method, Uri, header, request};
use form_urlencoded::parse;
use minijinja::value::{Kwargs, Object, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::escape::text;
use crate::config::PublicUrl;

/// The original's endpoints, by which `url_for` names pages.
const ENDPOINTS: [(&str, &str); 7] = [
    ("index", "/"),
    ("register", "/register"),
    ("login", "/login"),
    ("logout", "/logout"),
    ("find", "/find"),
    ("add", "/add"),
    ("chats", "/chats"),
];

/// What Werkzeug writes as `%XX` in a path, in a query and behind `#`.
const IN_PATH: &AsciiSet = &except(NON_ALPHANUMERIC, b"-._~!$&'()*+,/:;=@");
const IN_QUERY: &AsciiSet = &except(NON_ALPHANUMERIC, b"-._~!$'()*,/:;?@ ");
const IN_ANCHOR: &AsciiSet = &except(NON_ALPHANUMERIC, b"-._~%!#$&'()*+,/:;=?@");

const fn except(set: &AsciiSet, plain: &[u8]) -> AsciiSet {
    let mut left = set.remove(plain[0]);
    let mut place = 1;
    while place < plain.len() {
        left = left.remove(plain[place]);
        place += 1;
    }
    left
}

pub fn add_to(environment: &mut Environment<'static>, root: &str) {
    let root = root.to_owned();
    let url_for = move |state: &State, endpoint: &str, arguments: Kwargs| {
        url_for(state, &root, endpoint, arguments)
    };
    environment.add_function("url_for", url_for);
    environment.add_function("get_flashed_messages", get_flashed_messages);
    environment.add_global("config", context! { DEBUG => false, TESTING => false });
    environment.add_global("g", context! {});
}

/// The endpoint that answers under `path`.
pub fn endpoint_of(path: &str) -> Option<&'static str> {
    ENDPOINTS.iter().find(|(_, page)| *page == path).map(|(endpoint, _)| *endpoint)
}

/// What a template sees as `request`.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    method: Method,
    uri: Uri,
    /// Scheme, host and port, as in `https://chat.example`.
    origin: String,
    /// The path below which the chat lies, as in `/chat`; empty where there is none.
    root: String,
}

impl Asked {
    pub fn of(parts: &request::Parts, public_url: Option<&PublicUrl>) -> Self {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let origin = match public_url {
            Some(url) => url.origin().as_str().to_owned(),
            None => format!("http://{}", host.unwrap_or("localhost")),
        };
        let root = public_url.map_or("", PublicUrl::path).to_owned();
        Self { method: parts.method.clone(), uri: parts.uri.clone(), origin, root }
    }

    fn path(&self) -> String {
        percent_decode_str(self.uri.path()).decode_utf8_lossy().into_owned()
    }

    /// The fields of the query, each with the first of its values.
    fn args(&self) -> Value {
        let mut args: Vec<(String, String)> = Vec::new();
        for (name, value) in parse(self.query().as_bytes()) {
            if args.iter().all(|(known, _)| *known != name) {
                args.push((name.into_owned(), value.into_owned()));
            }
        }
        Value::from_pairs(args)
    }

    fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }
}

impl Object for Asked {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (origin, root) = (&self.origin, &self.root);
        let (path, query) = (self.uri.path(), self.query());
        Some(match key.as_str()? {
            "path" => Value::from(self.path()),
            // Flask's has the question mark also where no query follows.
            "full_path" => Value::from(format!("{}?{query}", self.path())),
            "method" => Value::from(self.method.as_str()),
            "endpoint" => endpoint_of(path).map_or(Value::from(()), Value::from),
            "query_string" => Value::from(query),
            "args" => self.args(),
            // No page of ours draws what was posted.
            "form" => context! {},
            "host" => Value::from(origin.split_once("://").map_or("", |(_, host)| host)),
            "scheme" => Value::from(origin.split_once("://").map_or("", |(scheme, _)| scheme)),
            "host_url" => Value::from(format!("{origin}/")),
            "url_root" | "root_url" => Value::from(format!("{origin}{root}/")),
            "base_url" => Value::from(format!("{origin}{root}{path}")),
            "url" if query.is_empty() => Value::from(format!("{origin}{root}{path}")),
            "url" => Value::from(format!("{origin}{root}{path}?{query}")),
            "script_root" | "root_path" => Value::from(root.as_str()),
            "is_secure" => Value::from(origin.starts_with("https:")),
            _ => return None,
        })
    }
}

/// The address of an endpoint below `root`; arguments that it does not take become the query.
#[expect(clippy::needless_pass_by_value, reason = "the template engine passes it so")]
fn url_for(state: &State, root: &str, endpoint: &str, arguments: Kwargs) -> Result<String, Error> {
    // A dot in front means the blueprint of the page that is drawn, and the chat has no blueprints.
    let endpoint = endpoint.strip_prefix('.').unwrap_or(endpoint);
    let mut url = root.to_owned() + &address(endpoint, &arguments)?;
    let mut query = Vec::new();
    for name in arguments.args() {
        let value: Value = arguments.peek(name)?;
        match name {
            "filename" if endpoint == "static" => {}
            "_anchor" | "_external" | "_scheme" | "_method" => {}
            _ if matches!(value.kind(), ValueKind::None | ValueKind::Undefined) => {}
            _ if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) => {
                for value in value.try_iter()? {
                    query.push((name, text(&value).into_owned()));
                }
            }
            _ => query.push((name, text(&value).into_owned())),
        }
    }
    for (place, (name, value)) in query.iter().enumerate() {
        url.push(if place == 0 { '?' } else { '&' });
        url.push_str(&query_part(name));
        url.push('=');
        url.push_str(&query_part(value));
    }
    if let Some(anchor) = arguments.peek::<Option<String>>("_anchor")? {
        url.push('#');
        url.extend(utf8_percent_encode(&anchor, IN_ANCHOR));
    }
    let scheme = arguments.peek::<Option<String>>("_scheme")?;
    if arguments.peek::<Option<bool>>("_external")?.unwrap_or(scheme.is_some()) {
        let request = state.lookup("request").unwrap_or_default();
        let part = |name| request.get_attr(name).map(|part| text(&part).into_owned());
        let scheme = scheme.map_or_else(|| part("scheme"), Ok)?;
        url = format!("{scheme}://{}{url}", part("host")?);
    }
    Ok(url)
}

fn address(endpoint: &str, arguments: &Kwargs) -> Result<String, Error> {
    let wrong = |reason: String| Error::new(ErrorKind::InvalidOperation, reason);
    if endpoint == "static" {
        let filename: Option<String> = arguments.peek("filename")?;
        let filename = filename.ok_or_else(|| {
            wrong("url_for('static') needs a filename, as in filename='chats.js'".into())
        })?;
        return Ok(format!("/static/{}", utf8_percent_encode(&filename, IN_PATH)));
    }
    let known = ENDPOINTS.iter().find(|(name, _)| *name == endpoint);
    known.map(|(_, path)| (*path).to_owned()).ok_or_else(|| {
        let names: Vec<&str> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
        wrong(format!(
            "url_for knows no endpoint '{endpoint}'; there are static, {}",
            names.join(", ")
        ))
    })
}

fn query_part(text: &str) -> String {
    utf8_percent_encode(text, IN_QUERY).to_string().replace(' ', "+")
}

/// Nothing here flashes messages.
#[expect(clippy::needless_pass_by_value, reason = "the template engine passes it so")]
fn get_flashed_messages(_: Rest<Value>, named: Kwargs) -> Result<Vec<Value>, Error> {
    for known in ["with_categories", "category_filter"] {
        let _: Option<Value> = named.get(known)?;
    }
    named.assert_all_used()?;
    Ok(Vec::new())
}
