//! Whether a person asked for a page: by following a link of ours, or in the address bar. A page of
//! another origin can make a browser send the same request by itself.

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};

use super::origin::{is_foreign, is_own};
use crate::config::Origin;

/// The headers by which browsers say that they load a page before anybody asked for it.
const AHEAD: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// Whether this request may do what its address says. Browsers tell by `Sec-Fetch-*` what a request
/// is for, but not over plain http. There a page of ours must have led to it, which `Referer` says:
/// `Referrer-Policy` makes browsers send it to us. A program that is no browser shows no pages that
/// could deceive it.
pub fn is_a_persons(method: &Method, headers: &HeaderMap, public_url: Option<&Origin>) -> bool {
    if method != Method::GET || is_ahead(headers) || is_foreign(headers) {
        return false;
    }
    let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    if text("sec-fetch-site").is_none() && !is_browser(headers) {
        return true;
    }
    let is = |name: &str, wanted: &[u8]| text(name).is_none_or(|value| value == wanted);
    if !is("sec-fetch-mode", b"navigate") || !is("sec-fetch-dest", b"document") {
        return false;
    }
    if text("sec-fetch-site").is_some() {
        return true;
    }
    let referer = headers.get(header::REFERER);
    referer.is_some_and(|referer| leads_from_us(referer, headers, public_url))
        && wants_a_page(headers)
}

fn is_ahead(headers: &HeaderMap) -> bool {
    AHEAD.iter().filter_map(|name| headers.get(*name)).any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        let names = |word: &[u8]| value.windows(word.len()).any(|part| part == word);
        names(b"prefetch") || names(b"prerender") || names(b"preview")
    })
}

fn leads_from_us(referer: &HeaderValue, headers: &HeaderMap, public_url: Option<&Origin>) -> bool {
    let page = referer.to_str().ok().and_then(|referer| referer.parse::<Uri>().ok());
    let origin = page.as_ref().and_then(|page| Some((page.scheme_str()?, page.authority()?)));
    origin.is_some_and(|(scheme, host)| is_own(&format!("{scheme}://{host}"), headers, public_url))
}

/// Browsers ask for pages as HTML, for images and scripts as something else or anything.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    accept.windows(9).any(|part| part == b"text/html")
}

/// Every browser of the last decades calls itself so.
fn is_browser(headers: &HeaderMap) -> bool {
    let name = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    name.starts_with(b"Mozilla/")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const PAGE: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
    const BROWSER: (&str, &str) = ("user-agent", "Mozilla/5.0");

    fn may(method: &Method, headers: &[(&'static str, &'static str)]) -> bool {
        let own = [("host", "h:1")];
        let headers = own
            .iter()
            .chain(headers)
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_a_persons(method, &headers.collect(), Some(&Origin::of_test("https://chat.example")))
    }

    #[test]
    fn a_link_and_the_address_bar_are_a_persons() {
        let fetched = |site| {
            [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                BROWSER,
                PAGE,
            ]
        };
        for site in ["same-origin", "none"] {
            assert!(may(&Method::GET, &fetched(site)), "{site}");
        }
        for own in ["http://h:1/chats", "https://chat.example/chats?x"] {
            assert!(may(&Method::GET, &[("referer", own), BROWSER, PAGE]), "{own}");
        }
    }

    #[test]
    fn a_program_that_is_no_browser_is_taken_at_its_word() {
        assert!(may(&Method::GET, &[("accept", "*/*"), ("user-agent", "python-requests/2.32")]));
    }

    #[test]
    fn what_a_browser_does_by_itself_is_nobodys() {
        let link = [("sec-fetch-site", "same-origin"), ("referer", "http://h:1/"), BROWSER, PAGE];
        assert!(may(&Method::GET, &link));
        assert!(!may(&Method::HEAD, &link));
        for more in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("x-purpose", "preview"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-dest", "image"),
        ] {
            let headers: Vec<_> = link.into_iter().chain([more]).collect();
            assert!(!may(&Method::GET, &headers), "{more:?}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_nobody() {
        for site in ["cross-site", "same-site"] {
            assert!(!may(&Method::GET, &[("sec-fetch-site", site), BROWSER, PAGE]), "{site}");
        }
        // Over plain http browsers tell less; another port is another origin.
        for referer in ["http://h:2/", "http://h/", "http://evil.example/", "about:blank", "/chats"]
        {
            assert!(!may(&Method::GET, &[("referer", referer), BROWSER, PAGE]), "{referer}");
        }
        assert!(!may(&Method::GET, &[BROWSER, PAGE]), "a frame without a referrer");
        let image = [("referer", "http://h:1/"), ("accept", "image/avif,*/*"), BROWSER];
        assert!(!may(&Method::GET, &image), "an image in a page of ours");
    }
}
