//! The session's cookie: its name, and how it is found among what a browser sends. Cookies know no
//! ports, so other programs on the same host send theirs as well, in any bytes.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use axum_login::tower_sessions::session::Id;

use super::Site;
use super::session::key;
use crate::config::{Config, PublicUrl};
use crate::domain::SessionKey;
use crate::service::Accounts;

/// The name of the cookie in earlier versions. Browsers that have such a cookie stay logged in.
const EARLIER_NAME: &[u8] = b"visavis_session";
/// How many cookies of our names are looked at.
const CANDIDATES_MAX: usize = 8;

/// A session that a browser names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    id: Id,
    by_earlier_name: bool,
}

/// How the session's cookie is called, and whether it is for https only.
#[derive(Debug, Clone)]
pub struct SessionCookie {
    pub name: String,
    /// Below which browsers send it.
    pub path: String,
    pub secure: bool,
}

impl SessionCookie {
    /// The name carries the port, so that several instances on one host have a cookie each.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let name = config.cookie_name.clone().unwrap_or_else(|| match config.listen.port() {
            0 => String::from_utf8_lossy(EARLIER_NAME).into_owned(),
            port => format!("{}_{port}", String::from_utf8_lossy(EARLIER_NAME)),
        });
        let secure = config.public_url.as_ref().is_some_and(PublicUrl::is_https);
        let path = config.public_url.as_ref().map(PublicUrl::path).filter(|path| !path.is_empty());
        Self { name, path: path.unwrap_or("/").to_owned(), secure }
    }

    /// The sessions that the cookies name, those of today's name first. What is no pair or names no
    /// session is passed over.
    fn named(&self, headers: &HeaderMap) -> Vec<Named> {
        let mut named: Vec<Named> = Vec::new();
        let pairs = || {
            let cookies = headers.get_all(header::COOKIE).iter();
            cookies.flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'))
        };
        for (name, by_earlier_name) in [(self.name.as_bytes(), false), (EARLIER_NAME, true)] {
            let ids = pairs().filter_map(|pair| value_of(pair, name)).filter_map(id);
            for id in ids {
                if named.len() < CANDIDATES_MAX && named.iter().all(|known| known.id != id) {
                    named.push(Named { id, by_earlier_name });
                }
            }
        }
        named
    }

    /// The first of the sessions named that there is. Where there is none, the first one named.
    async fn find(&self, accounts: &Accounts, headers: &HeaderMap) -> Option<Named> {
        let named = self.named(headers);
        if named.len() > 1 {
            for candidate in &named {
                if let Ok(Some(_)) = accounts.session_user(key(candidate.id)).await {
                    return Some(*candidate);
                }
            }
        }
        named.first().copied()
    }

    /// The key of the session that a request belongs to, whether or not there is one.
    pub async fn session(&self, accounts: &Accounts, headers: &HeaderMap) -> Option<SessionKey> {
        self.find(accounts, headers).await.map(|named| key(named.id))
    }

    fn header(&self, id: Id) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let (name, path) = (&self.name, &self.path);
        format!("{name}={id}; HttpOnly; SameSite=Lax{secure}; Path={path}").parse().ok()
    }
}

/// The `Cookie` header without the cookies that carry a session, this server's (called `own`) or that
/// of another instance on the same host. They are split as [`SessionCookie`] splits them, so that
/// nothing is left that could be found there.
pub fn without_sessions(headers: &HeaderMap, own: &str) -> Option<Vec<u8>> {
    let cookies: Vec<&[u8]> =
        headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let cookies = cookies.join(&b"; "[..]);
    let carries_session = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        name == own.as_bytes() || name.starts_with(EARLIER_NAME)
    };
    let pairs = cookies.split(|byte| *byte == b';').filter(|pair| !carries_session(pair));
    let left = pairs.collect::<Vec<_>>().join(&b';').trim_ascii().to_vec();
    (!left.is_empty()).then_some(left)
}

fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (found, value) = (pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii());
    (found == name).then_some(value)
}

fn id(value: &[u8]) -> Option<Id> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The cookies as the browser sent them.
#[derive(Debug, Clone)]
struct Sent(Vec<HeaderValue>);

/// Hands on only the cookie of the visitor's session: the session layer reads cookies in a way of its
/// own. A session that came by the earlier name gets a cookie of today's name.
pub async fn pick(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let found = site.cookie.find(&site.services.accounts, request.headers()).await;
    let sent = request.headers().get_all(header::COOKIE).iter().cloned().collect();
    request.extensions_mut().insert(Sent(sent));
    request.headers_mut().remove(header::COOKIE);
    if let Some(Named { id, .. }) = found
        && let Ok(cookie) = format!("{}={id}", site.cookie.name).parse()
    {
        request.headers_mut().insert(header::COOKIE, cookie);
    }
    let mut response = next.run(request).await;
    if let Some(Named { id, by_earlier_name: true }) = found
        && !response.headers().contains_key(header::SET_COOKIE)
        && let Ok(Some(_)) = site.services.accounts.session_user(key(id)).await
        && let Some(cookie) = site.cookie.header(id)
    {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Puts the cookies back that [`pick`] has taken away: templates see all of them.
pub async fn restore(mut request: Request) -> Request {
    if let Some(Sent(sent)) = request.extensions_mut().remove() {
        request.headers_mut().remove(header::COOKIE);
        for cookies in sent {
            request.headers_mut().append(header::COOKIE, cookies);
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAQ";
    const TWO: &str = "AAAAAAAAAAAAAAAAAAAAAg";

    fn named(cookies: &[&[u8]]) -> Vec<(String, bool)> {
        let cookie =
            SessionCookie { name: "visavis_session_5000".into(), path: "/".into(), secure: false };
        let headers = cookies
            .iter()
            .map(|cookies| (header::COOKIE, HeaderValue::from_bytes(cookies).unwrap()));
        let named = cookie.named(&headers.collect());
        named.iter().map(|named| (named.id.to_string(), named.by_earlier_name)).collect()
    }

    #[test]
    fn a_cookie_of_another_program_in_any_bytes_is_passed_over() {
        let ours = format!("visavis_session_5000={ONE}");
        for other in
            ["name=J\u{f6}rg", "session=\u{fffd}.x", "=", "", "a", "x=\"", "visavis_session_5001=x"]
        {
            for cookies in [format!("{other}; {ours}"), format!("{ours};{other}")] {
                assert_eq!(named(&[cookies.as_bytes()]), [(ONE.to_owned(), false)], "{cookies}");
            }
        }
        let latin_1 = [b"name=J\xf6rg; ", ours.as_bytes()].concat();
        assert_eq!(named(&[&latin_1]), [(ONE.to_owned(), false)]);
    }

    #[test]
    fn every_session_that_is_named_counts_once_and_todays_name_first() {
        let cookies = format!(
            "visavis_session={TWO}; visavis_session_5000={ONE}; visavis_session_5000={ONE}; \
             visavis_session_5000=rubbish"
        );
        let expected = [(ONE.to_owned(), false), (TWO.to_owned(), true)];
        assert_eq!(named(&[cookies.as_bytes()]), expected);
        let (one, two) = cookies.split_at(cookies.find("; ").unwrap());
        assert_eq!(named(&[one.as_bytes(), &two.as_bytes()[2..]]), expected);
    }
}
