//! `request.authorization`: who a browser says it is to a proxy, by a scheme of HTTP.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::Value;

use super::header_values::{in_quotes, list, options};
use super::python::Printed;

/// What the header says, or nothing where it is empty or no `Basic` credentials can be read.
pub fn authorization(header: &str) -> Option<Printed> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    let (scheme, rest) = (scheme.to_lowercase(), rest.trim());
    if scheme.is_empty() {
        return None;
    }
    let title = scheme[..1].to_uppercase() + &scheme[1..];
    let mut text = format!("{title} {rest}");
    let (mut parameters, mut token) = (Vec::new(), Value::from(()));
    if scheme == "basic" {
        let decoded = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        let (username, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
        let pairs = [("username", username), ("password", password)];
        parameters.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        text = format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")));
    } else if rest.trim_end_matches('=').contains('=') {
        for part in list(rest) {
            parameters.extend(options(&format!("x;{part}")).1);
        }
        let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", in_quotes(value)));
        text = format!("{title} {}", pairs.collect::<Vec<_>>().join(", "));
    } else {
        token = Value::from(rest);
    }
    let pairs =
        || parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let own = [
        ("type".to_owned(), Value::from(scheme)),
        ("token".to_owned(), token),
        ("parameters".to_owned(), Value::from_pairs(pairs())),
    ];
    Some(Printed { text, attributes: Value::from_pairs(pairs().chain(own)), is_true: true })
}
