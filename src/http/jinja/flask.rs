//! What Flask puts into every template beside `request`: `url_for`, `get_flashed_messages`, `config`,
//! `g`.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::endpoints::{ENDPOINTS, Endpoint};
use super::escape::text;

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
            _ if takes(endpoint, name) => {}
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
    let known = Endpoint::named(endpoint).ok_or_else(|| {
        let names: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.name).collect();
        wrong(format!(
            "url_for knows no endpoint '{endpoint}'; there are static, {}",
            names.join(", ")
        ))
    })?;
    let mut path = known.rule.to_owned();
    for name in known.variables() {
        let value: Option<Value> = arguments.peek(name)?;
        let value = value.ok_or_else(|| {
            wrong(format!("url_for('{endpoint}') needs {name}, as in **request.view_args"))
        })?;
        let part = utf8_percent_encode(&text(&value), IN_PATH).to_string();
        path = path.replace(&format!("<{name}>"), &part);
    }
    Ok(path)
}

/// Whether the address of the endpoint has a place for an argument of that name.
fn takes(endpoint: &str, name: &str) -> bool {
    Endpoint::named(endpoint).is_some_and(|endpoint| endpoint.variables().any(|has| has == name))
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
