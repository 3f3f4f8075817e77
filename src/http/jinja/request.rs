//! `request`: what Flask lets a template ask of the request. Each value is made when a template asks
//! for it, and kept for the page. What belongs to WSGI or to the body of a form is not there.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::{HeaderMap, HeaderName, Method, Uri, header, request};
use form_urlencoded::parse;
use minijinja::value::{Object, ObjectRepr, Tuple};
use minijinja::{Error, ErrorKind, State, Value, context};
use percent_encoding::percent_decode_str;

use super::accept::{Accept, Of};
use super::authorization::authorization;
use super::endpoints::Endpoint;
use super::header_values;
use super::headers::Headers;
use super::multi_dict::{Class, MultiDict};
use super::python::{Bracketed, Printed, given};
use crate::config::PublicUrl;
use crate::http::client::ClientAddress;

/// Attributes with a header's text, or with nothing.
const OF_HEADERS: [(&str, HeaderName); 7] = [
    ("referrer", header::REFERER),
    ("origin", header::ORIGIN),
    ("content_type", header::CONTENT_TYPE),
    ("content_encoding", header::CONTENT_ENCODING),
    ("content_md5", HeaderName::from_static("content-md5")),
    ("access_control_request_method", header::ACCESS_CONTROL_REQUEST_METHOD),
    ("access_control_request_headers", header::ACCESS_CONTROL_REQUEST_HEADERS),
];
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request, as templates see it.
#[derive(Default)]
pub struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    address: Option<IpAddr>,
    /// Scheme, host and port, as in `https://chat.example`.
    origin: String,
    /// The path below which the chat lies, as in `/chat`; empty where there is none.
    root: String,
    /// The name of the cookie that no template sees.
    session_cookie: String,
    visible: OnceLock<Arc<Headers>>,
    /// The attributes that were asked for.
    known: Mutex<HashMap<Box<str>, Value>>,
}

impl Asked {
    pub fn of(
        parts: &request::Parts,
        public_url: Option<&PublicUrl>,
        session_cookie: &str,
    ) -> Self {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let origin = match public_url {
            Some(url) => url.origin().as_str().to_owned(),
            None => format!("http://{}", host.unwrap_or("localhost")),
        };
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            address: parts.extensions.get::<ClientAddress>().map(|address| address.0),
            origin,
            root: public_url.map_or("", PublicUrl::path).to_owned(),
            session_cookie: session_cookie.to_owned(),
            ..Self::default()
        }
    }

    fn headers(&self) -> &Arc<Headers> {
        self.visible.get_or_init(|| Arc::new(Headers::visible(&self.headers, &self.session_cookie)))
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers().text(name)
    }

    fn path(&self) -> String {
        percent_decode_str(self.uri.path()).decode_utf8_lossy().into_owned()
    }

    fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    fn url(&self) -> String {
        let (base, query) = (self.base_url(), self.query());
        if query.is_empty() { base } else { format!("{base}?{query}") }
    }

    fn base_url(&self) -> String {
        format!("{}{}{}", self.origin, self.root, self.uri.path())
    }

    fn scheme(&self) -> &str {
        self.origin.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }

    /// Host and port.
    fn server(&self) -> Value {
        let (host, port) = match self.host().rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (self.host(), None),
        };
        let usual = if self.scheme() == "https" { 443 } else { 80 };
        Tuple::from([Value::from(host), Value::from(port.unwrap_or(usual))]).into()
    }

    fn fields(&self, class: Class) -> Value {
        Value::from_object(MultiDict::new(class, parse(self.query().as_bytes())))
    }

    fn cookies(&self) -> Value {
        let cookies = header_values::cookies(self.header(&header::COOKIE).unwrap_or_default());
        Value::from_object(MultiDict::new(Class::Immutable, cookies))
    }

    fn endpoint(&self) -> Option<&'static Endpoint> {
        Endpoint::of(&self.method, self.uri.path())
    }

    /// What the address has for the variables of the rule; none where no page answers.
    fn view_args(&self) -> Value {
        let arguments = self.endpoint().and_then(|endpoint| endpoint.arguments(self.uri.path()));
        arguments.map_or(Value::from(()), Value::from_pairs)
    }

    /// Where the request came from, as far as it is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    fn remote_addr(&self) -> Value {
        self.address.map_or(Value::from(()), |address| Value::from(address.to_string()))
    }

    /// The addresses that `X-Forwarded-For` claims, or else the client's.
    fn access_route(&self) -> Value {
        let values = match self.header(&FORWARDED_FOR) {
            Some(route) => header_values::list(route).into_iter().map(Value::from).collect(),
            None => self.address.iter().map(|address| Value::from(address.to_string())).collect(),
        };
        Value::from_object(Bracketed { values, brackets: ["ImmutableList([", "])"] })
    }

    fn content_length(&self) -> Value {
        let length =
            self.header(&header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        length.filter(|_| self.header(&header::TRANSFER_ENCODING).is_none()).into()
    }

    fn mimetype(&self) -> (String, Vec<(String, String)>) {
        let (mimetype, parameters) =
            header_values::options(self.header(&header::CONTENT_TYPE).unwrap_or_default());
        (mimetype.to_lowercase(), parameters)
    }

    fn is_json(&self) -> bool {
        let mimetype = self.mimetype().0;
        mimetype == "application/json"
            || mimetype.starts_with("application/") && mimetype.ends_with("+json")
    }

    fn accept(&self, of: Of, name: &HeaderName) -> Value {
        Value::from_object(Accept::new(of, self.header(name)))
    }

    /// The part of WSGI's environment that is of HTTP.
    fn environ(&self) -> Value {
        let variable = |name: &str| {
            let name = name.to_uppercase().replace('-', "_");
            let is_bare = matches!(name.as_str(), "CONTENT_TYPE" | "CONTENT_LENGTH");
            if is_bare { name } else { format!("HTTP_{name}") }
        };
        let server = self.server();
        let part = |place| server.get_item_by_index(place).unwrap_or_default();
        let own = [
            ("REQUEST_METHOD", Value::from(self.method.as_str())),
            ("SCRIPT_NAME", Value::from(self.root.as_str())),
            ("PATH_INFO", Value::from(self.path())),
            ("QUERY_STRING", Value::from(self.query())),
            ("REMOTE_ADDR", self.remote_addr()),
            ("SERVER_NAME", part(0)),
            ("SERVER_PORT", Value::from(part(1).to_string())),
            ("wsgi.url_scheme", Value::from(self.scheme())),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let headers = self
            .headers()
            .pairs()
            .map(|(name, value)| (variable(name.as_str().unwrap_or_default()), value));
        Value::from_pairs(own.chain(headers))
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let (origin, root) = (&self.origin, &self.root);
        if let Some((_, header)) = OF_HEADERS.iter().find(|(known, _)| *known == name) {
            let value = self.headers().get(header.as_str()).cloned();
            return Some(value.unwrap_or(Value::from(())));
        }
        Some(match name {
            "path" => self.path().into(),
            // Flask's has the question mark also where no query follows.
            "full_path" => format!("{}?{}", self.path(), self.query()).into(),
            "method" => self.method.as_str().into(),
            "endpoint" => self.endpoint().map(|endpoint| endpoint.name).into(),
            "url_rule" => self.endpoint().map_or(Value::from(()), rule),
            "view_args" => self.view_args(),
            "routing_exception" => self.routing_exception(),
            "blueprint" | "remote_user" | "trusted_hosts" => Value::from(()),
            "blueprints" => Value::from(Vec::<Value>::new()),
            "query_string" => Value::from_bytes(self.query().as_bytes().to_vec()),
            "args" => self.fields(Class::Immutable),
            "values" => self.fields(Class::Combined { with_form: self.method != Method::GET }),
            "cookies" => self.cookies(),
            "headers" => Value::from_dyn_object(Arc::clone(self.headers())),
            "environ" => self.environ(),
            // No page of ours draws what was posted: there are passwords in it.
            "form" | "files" => {
                Value::from_object(MultiDict::new::<&str, &str>(Class::Immutable, []))
            }
            "data" => Value::from_bytes(Vec::new()),
            "is_json" => self.is_json().into(),
            "mimetype" => self.mimetype().0.into(),
            "mimetype_params" => Value::from_pairs(self.mimetype().1),
            "content_length" => self.content_length(),
            "user_agent" => user_agent(self.header(&header::USER_AGENT).unwrap_or_default()),
            "authorization" => self
                .header(&header::AUTHORIZATION)
                .and_then(authorization)
                .map_or(Value::from(()), Value::from_object),
            "accept_mimetypes" => self.accept(Of::Types, &header::ACCEPT),
            "accept_languages" => self.accept(Of::Languages, &header::ACCEPT_LANGUAGE),
            "accept_charsets" => self.accept(Of::Charsets, &header::ACCEPT_CHARSET),
            "accept_encodings" => self.accept(Of::Encodings, &header::ACCEPT_ENCODING),
            "remote_addr" => self.remote_addr(),
            "access_route" => self.access_route(),
            "server" => self.server(),
            "host" => self.host().into(),
            "scheme" => self.scheme().into(),
            "is_secure" => (self.scheme() == "https").into(),
            "host_url" => format!("{origin}/").into(),
            "url_root" | "root_url" => format!("{origin}{root}/").into(),
            "base_url" => self.base_url().into(),
            "url" => self.url().into(),
            "script_root" | "root_path" => root.as_str().into(),
            _ => return None,
        })
    }

    /// Why no page answers, on the page that says so.
    fn routing_exception(&self) -> Value {
        if self.endpoint().is_some() {
            return Value::from(());
        }
        let is_known = [Method::GET, Method::POST]
            .iter()
            .any(|method| Endpoint::of(method, self.uri.path()).is_some());
        let (code, name, description) = if is_known {
            (405, "Method Not Allowed", "The method is not allowed for the requested URL.")
        } else {
            let description = "The requested URL was not found on the server. If you entered the \
                               URL manually please check your spelling and try again.";
            (404, "Not Found", description)
        };
        Value::from_object(Printed {
            text: format!("{code} {name}: {description}"),
            attributes: context! { code, name, description },
            is_true: true,
        })
    }
}

impl fmt::Debug for Asked {
    /// Without what the headers carry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Request '{}' [{}]>", self.url(), self.method)
    }
}

impl Object for Asked {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known().get(name) {
            return Some(value.clone());
        }
        let value = self.attribute(name)?;
        known().insert(name.into(), value.clone());
        Some(value)
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "get_data" => {
                let [_, as_text, _] = given(args, ["cache", "as_text", "parse_form_data"])?;
                let as_text = as_text.is_some_and(|as_text| as_text.is_true());
                Ok(if as_text { Value::from("") } else { Value::from_bytes(Vec::new()) })
            }
            "get_json" => {
                let [_, silent, _] = given(args, ["force", "silent", "cache"])?;
                if silent.is_some_and(|silent| silent.is_true()) {
                    return Ok(Value::from(()));
                }
                let reason = "no page is given the body of a request; use get_json(silent=true)";
                Err(Error::new(ErrorKind::InvalidOperation, reason))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

fn rule(endpoint: &'static Endpoint) -> Value {
    let set = |values: Vec<Value>| {
        let brackets = if values.is_empty() { ["set(", ")"] } else { ["{", "}"] };
        Value::from_object(Bracketed { values, brackets })
    };
    let methods = set(endpoint.methods.iter().copied().map(Value::from).collect());
    let arguments = set(endpoint.variables().map(Value::from).collect());
    let attributes = context! {
        endpoint => endpoint.name,
        rule => endpoint.rule,
        methods,
        arguments,
        defaults => (),
    };
    Value::from_object(Printed { text: endpoint.rule.to_owned(), attributes, is_true: true })
}

/// Werkzeug does not look into the name, and takes every one for false.
fn user_agent(string: &str) -> Value {
    let attributes = context! {
        string,
        browser => (),
        platform => (),
        version => (),
        language => (),
    };
    Value::from_object(Printed { text: string.to_owned(), attributes, is_true: false })
}
