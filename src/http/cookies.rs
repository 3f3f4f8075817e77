//! The session's cookie: its name, how it is found among what a browser sends, and how it is hidden from
//! templates. Cookies know no ports, so other programs on the same host send theirs as well, in any bytes.

use std::collections::HashSet;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use axum_login::tower_sessions::session::Id;
use percent_encoding::percent_decode;

use super::Site;
use super::session::key;
use crate::config::{Config, PublicUrl};
use crate::domain::SessionKey;
use crate::service::Accounts;

/// The name of the cookie in earlier versions. Browsers that have such a cookie stay logged in.
const EARLIER_NAME: &[u8] = b"visavis_session";
/// How many cookies of our names are looked at.
const CANDIDATES_MAX: usize = 8;
/// How long the id of a session is in its cookie, in bytes.
const ID_BYTES: usize = 22;

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
            cookies.flat_map(|cookies| self::pairs(cookies.as_bytes()))
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

/// Hides what carries a session from templates: this server's cookie, and those of other instances on the
/// same host.
///
/// It hides more than [`SessionCookie`] finds. A proxy or a browser may spell a cookie so that no session
/// is found, and the token in it is valid all the same.
pub struct Hidden<'a> {
    /// The name of this server's cookie.
    own: &'a str,
    /// The ids in the cookies that are hidden. They are hidden in every other header as well.
    ids: HashSet<Vec<u8>>,
}

impl<'a> Hidden<'a> {
    pub fn new(headers: &HeaderMap, own: &'a str) -> Self {
        let with_cookies = headers.iter().filter(|(name, _)| has_cookies(name));
        let pairs = with_cookies.flat_map(|(_, value)| pairs(value.as_bytes()));
        let ids = pairs.filter(|pair| names_session(pair, own)).flat_map(ids).collect();
        Self { own, ids }
    }

    /// The value of a header without what is hidden; `None` where nothing is left.
    pub fn without(&self, name: &HeaderName, value: &[u8]) -> Option<Vec<u8>> {
        if !has_cookies(name) {
            return (!self.has_id(value)).then(|| value.to_vec());
        }
        let left = pairs(value).filter(|pair| !names_session(pair, self.own) && !self.has_id(pair));
        let left = left.collect::<Vec<_>>().join(&b';').trim_ascii().to_vec();
        (!left.is_empty()).then_some(left)
    }

    fn has_id(&self, value: &[u8]) -> bool {
        !self.ids.is_empty() && value.windows(ID_BYTES).any(|part| self.ids.contains(part))
    }
}

/// Whether a header has cookies: `Cookie`, or a proxy's copy of it, as in `X-Original-Cookie`.
fn has_cookies(name: &HeaderName) -> bool {
    name.as_str().contains("cookie")
}

/// The cookies of a header, each a name and a value.
fn pairs(cookies: &[u8]) -> impl Iterator<Item = &[u8]> {
    cookies.split(|byte| *byte == b';')
}

/// Whether the name of a session's cookie stands alone in `pair` or before any of its equals signs. Its
/// case, percent encoding, and what is around it (quotation marks, blanks, a comma and another cookie) do
/// not matter.
fn names_session(pair: &[u8], own: &str) -> bool {
    let pair: Vec<u8> = percent_decode(pair).collect();
    let mut parts: Vec<&[u8]> = pair.split(|byte| *byte == b'=').collect();
    if parts.len() > 1 {
        parts.pop();
    }
    parts.into_iter().filter_map(|part| words(part).last()).any(|name| {
        let mut starts = name.windows(EARLIER_NAME.len());
        name.eq_ignore_ascii_case(own.as_bytes())
            || starts.any(|start| start.eq_ignore_ascii_case(EARLIER_NAME))
    })
}

/// Everything in `pair` that could be the id of a session.
fn ids(pair: &[u8]) -> Vec<Vec<u8>> {
    let pair: Vec<u8> = percent_decode(pair).collect();
    words(&pair).filter(|word| id(word).is_some()).map(<[u8]>::to_vec).collect()
}

/// What stands together in the characters of names and ids.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = text.split(|byte| !(byte.is_ascii_alphanumeric() || b"-_".contains(byte)));
    words.filter(|word| !word.is_empty())
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
