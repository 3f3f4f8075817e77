//! The endpoints, by which `url_for` and `request.endpoint` name pages: the original's, and those of
//! the pages that it does not have.

use axum::http::Method;
use percent_encoding::percent_decode_str;

#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub name: &'static str,
    /// The path as Flask writes it: `/reset/<secret>`.
    pub rule: &'static str,
    /// As Flask has them, with `HEAD` and `OPTIONS`; in the order of the alphabet.
    pub methods: &'static [&'static str],
}

const READ: &[&str] = &["GET", "HEAD", "OPTIONS"];
const WRITE: &[&str] = &["OPTIONS", "POST"];
const BOTH: &[&str] = &["GET", "HEAD", "OPTIONS", "POST"];

pub const ENDPOINTS: [Endpoint; 12] = [
    Endpoint { name: "index", rule: "/", methods: READ },
    Endpoint { name: "register", rule: "/register", methods: BOTH },
    Endpoint { name: "login", rule: "/login", methods: BOTH },
    Endpoint { name: "logout", rule: "/logout", methods: BOTH },
    Endpoint { name: "find", rule: "/find", methods: BOTH },
    Endpoint { name: "add", rule: "/add", methods: WRITE },
    Endpoint { name: "chats", rule: "/chats", methods: READ },
    Endpoint { name: "reset", rule: "/reset/<secret>", methods: BOTH },
    Endpoint { name: "account", rule: "/account", methods: READ },
    Endpoint { name: "change_password", rule: "/account/password", methods: WRITE },
    Endpoint { name: "end_session", rule: "/account/sessions/end", methods: WRITE },
    Endpoint { name: "end_other_sessions", rule: "/account/sessions/end-others", methods: WRITE },
];

impl Endpoint {
    /// The endpoint that answers a request, if there is one.
    pub fn of(method: &Method, path: &str) -> Option<&'static Self> {
        let takes = |endpoint: &&Self| endpoint.methods.contains(&method.as_str());
        ENDPOINTS.iter().filter(takes).find(|endpoint| endpoint.arguments(path).is_some())
    }

    pub fn named(name: &str) -> Option<&'static Self> {
        ENDPOINTS.iter().find(|endpoint| endpoint.name == name)
    }

    /// The variables in the rule.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> {
        self.rule.split('/').filter_map(variable)
    }

    /// What stands for the variables in a path that the rule describes.
    pub fn arguments(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
        let mut found = Vec::new();
        let mut parts = path.split('/');
        for expected in self.rule.split('/') {
            let part = parts.next()?;
            match variable(expected) {
                Some(name) if !part.is_empty() => {
                    let value = percent_decode_str(part).decode_utf8_lossy().into_owned();
                    found.push((name, value));
                }
                None if part == expected => {}
                _ => return None,
            }
        }
        parts.next().is_none().then_some(found)
    }
}

fn variable(part: &str) -> Option<&str> {
    part.strip_prefix('<')?.strip_suffix('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::limited_routes;

    #[test]
    fn every_route_has_an_endpoint_with_its_methods() {
        for (method, path, _) in limited_routes() {
            let rule = path.replace('{', "<").replace('}', ">");
            let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.rule == rule);
            let endpoint = endpoint.unwrap_or_else(|| panic!("{path} has no endpoint"));
            assert!(endpoint.methods.contains(&method.as_str()), "{method} {path}");
        }
        for endpoint in &ENDPOINTS {
            for method in endpoint.methods.iter().filter(|method| ["GET", "POST"].contains(method))
            {
                let has = |(known, path, _): &(Method, &str, _)| {
                    known.as_str() == *method
                        && path.replace('{', "<").replace('}', ">") == endpoint.rule
                };
                assert!(limited_routes().iter().any(has), "{method} {}", endpoint.rule);
            }
        }
    }

    #[test]
    fn an_endpoint_is_found_by_method_and_path_with_its_arguments() {
        let found = |method, path| Endpoint::of(&method, path).map(|endpoint| endpoint.name);
        assert_eq!(found(Method::GET, "/chats"), Some("chats"));
        assert_eq!(found(Method::HEAD, "/"), Some("index"));
        assert_eq!(found(Method::PUT, "/chats"), None);
        assert_eq!(found(Method::GET, "/chats/"), None);
        assert_eq!(found(Method::GET, "/reset/"), None);
        assert_eq!(found(Method::GET, "/reset/a/b"), None);
        let reset = Endpoint::of(&Method::POST, "/reset/a%20b").unwrap();
        assert_eq!(reset.arguments("/reset/a%20b"), Some(vec![("secret", "a b".to_owned())]));
    }
}
