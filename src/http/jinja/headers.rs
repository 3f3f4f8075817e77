//! Werkzeug's `EnvironHeaders`: `request.headers`, without the cookies that carry sessions.

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use minijinja::value::{Enumerator, Object, ObjectExt, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use super::multi_dict::tuples;
use super::pay;
use super::python::{get, get_list, given};
use crate::http::cookies::Hidden;

#[derive(Debug, Default)]
pub struct Headers {
    /// Name and value; each name once.
    fields: Vec<(String, Value)>,
    /// How much there is to copy.
    bytes: usize,
}

impl Headers {
    /// The headers that a template may see. Those of the same name are joined, as WSGI servers do
    /// it; what carries a session, as the cookie called `session_cookie` does, is left out.
    pub fn visible(sent: &HeaderMap, session_cookie: &str) -> Self {
        let hidden = Hidden::new(sent, session_cookie);
        let mut new = Self::default();
        for name in sent.keys() {
            let values: Vec<&[u8]> = sent.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            let separator = if name == header::COOKIE { &b"; "[..] } else { b"," };
            let Some(value) = hidden.without(name, &values.join(separator)) else { continue };
            // WSGI has headers in Latin-1, whatever a browser meant.
            let value: String = value.iter().copied().map(char::from).collect();
            new.bytes += name.as_str().len() + value.len() + size_of::<(Value, Value)>();
            new.fields.push((titled(name), Value::from(value)));
        }
        new
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| same(known, name)).map(|(_, value)| value)
    }

    /// The text of a header.
    pub fn text(&self, name: &HeaderName) -> Option<&str> {
        self.get(name.as_str()).and_then(|value| value.as_str())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (Value, Value)> {
        self.fields.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone()))
    }
}

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key.as_str()?).cloned()
    }

    /// Pairs, where a dict gives its keys.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| {
            Box::new(this.fields.iter().map(|(name, value)| {
                Value::from(Tuple::from([Value::from(name.as_str()), value.clone()]))
            }))
        })
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.fields.len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        if method != "get" {
            pay(state, self.bytes)?;
        }
        Ok(match method {
            "get" => get(state, args, |name| self.get_value(name))?,
            "getlist" => get_list(state, args, "key", |name| self.get_value(name))?,
            "get_all" => get_list(state, args, "name", |name| self.get_value(name))?,
            "items" | "to_wsgi_list" => {
                let [_] = given(args, ["lower"])?;
                tuples(self.pairs())
            }
            "keys" => {
                let [] = given(args, [])?;
                self.pairs().map(|(name, _)| name).collect()
            }
            "values" => {
                let [] = given(args, [])?;
                self.pairs().map(|(_, value)| value).collect()
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            write!(f, "{name}: {value}\r\n")?;
        }
        f.write_str("\r\n")
    }
}

/// Whether both are one header: in any case, and with `_` for `-`, so that
/// `request.headers.user_agent` is one.
fn same(one: &str, other: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.bytes().zip(other.bytes()).all(|(a, b)| plain(a) == plain(b))
}

/// The name as Python's `title()` writes it: `Sec-Ch-Ua`.
fn titled(name: &HeaderName) -> String {
    let mut inside = false;
    let mut titled = String::new();
    for character in name.as_str().chars() {
        titled.push(if inside { character } else { character.to_ascii_uppercase() });
        inside = character.is_ascii_alphabetic();
    }
    titled
}
