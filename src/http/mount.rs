//! The path of the public URL, below which browsers see the chat. A proxy may pass it on or take it
//! away, so each page answers with and without it. Within, everything is written as if there were
//! none: handlers see and give paths without it, as in Flask behind a `SCRIPT_NAME`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower::Layer;

use super::redirect;

/// The most characters of a path that the log has.
const LOGGED_CHARS_MAX: usize = 100;

/// Serves `pages` below `path`, too, which begins with a slash and does not end with one.
pub fn below(path: &str, pages: Router) -> Router {
    let path: Arc<str> = path.into();
    // Around a router, because a route is chosen before its own layers run.
    Router::new().fallback_service(from_fn_with_state(path, mounted).layer(pages))
}

async fn mounted(State(mount): State<Arc<str>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == &*mount {
        return redirect(&format!("{mount}/"));
    }
    if path.strip_prefix(&*mount).is_some_and(|rest| rest.starts_with('/'))
        && let Some(uri) = without(&mount, request.uri())
    {
        *request.uri_mut() = uri;
    }
    let mut response = next.run(request).await;
    if let Some(location) = response.headers().get(header::LOCATION)
        && let Some(below) = moved(&mount, location)
    {
        response.headers_mut().insert(header::LOCATION, below);
    }
    response
}

fn without(mount: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(mount)?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

/// A redirect to a page of ours, as browsers see it. Nothing leads to another host.
fn moved(mount: &str, location: &HeaderValue) -> Option<HeaderValue> {
    let path = location.to_str().ok().filter(|to| to.starts_with('/') && !to.starts_with("//"))?;
    HeaderValue::try_from(format!("{mount}{path}")).ok()
}

/// Tells the operator what to do about a request for one of our pages below a path that is not ours.
pub fn tell_of_unknown(address: IpAddr, path: &str) {
    let Some(mount) = mount_of(path) else { return };
    let (path, mount) = (shortened(path), shortened(mount));
    tracing::info!(%address, "there is no page {path}, asked for from {address}; if a proxy leads {mount} here, start with --public-url https://HOST{mount}");
}

/// What stands before the path of a page in `path`.
fn mount_of(path: &str) -> Option<&str> {
    let pages = ["/login", "/register", "/chats", "/find", "/socket.io/"];
    let page = pages.iter().find_map(|page| path.strip_suffix(page));
    let home = path.strip_suffix('/').filter(|mount| mount.rfind('/') == Some(0));
    page.or(home).or_else(|| path.find("/static/").map(|at| &path[..at]))
}

/// A path for the log: what is odd in it is percent-encoded already.
fn shortened(path: &str) -> String {
    path.chars().take(LOGGED_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_taken_away_once_and_only_as_a_whole() {
        let within =
            |uri: &'static str| without("/chat", &Uri::from_static(uri)).unwrap().to_string();
        assert_eq!(within("/chat/login?a=/chat/b"), "/login?a=/chat/b");
        assert_eq!(within("/chat/chat/"), "/chat/");
        assert_eq!(within("http://h:1/chat/?x"), "http://h:1/?x");
        assert_eq!(within("/chat//evil.example/"), "//evil.example/");
    }

    #[test]
    fn redirects_to_our_pages_lead_below_the_path() {
        let to = |location| moved("/chat", &HeaderValue::from_static(location));
        assert_eq!(to("/login").unwrap(), "/chat/login");
        assert_eq!(to("/").unwrap(), "/chat/");
        for elsewhere in ["//evil.example/", "https://evil.example/", "login", ""] {
            assert_eq!(to(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_page_of_ours_below_an_unknown_path_is_known_by_its_end() {
        for (path, mount) in [
            ("/talk/login", Some("/talk")),
            ("/our/talk/socket.io/", Some("/our/talk")),
            ("/talk/", Some("/talk")),
            ("/talk/static/css/visavis.css", Some("/talk")),
            ("/nowhere", None),
            ("/a/b/", None),
        ] {
            assert_eq!(mount_of(path), mount, "{path}");
        }
    }
}
