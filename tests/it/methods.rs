//! What is answered to methods other than GET and POST, as Flask answers it: health checks of
//! proxies ask with `OPTIONS` and `HEAD`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use visavis::http::limited_routes;

use super::support::site::Site;

/// Every route, and what is allowed there beside `OPTIONS`.
const ROUTES: [(&str, &[&str]); 16] = [
    ("/", &["GET", "HEAD"]),
    ("/register", &["GET", "HEAD", "POST"]),
    ("/login", &["GET", "HEAD", "POST"]),
    ("/logout", &["GET", "HEAD", "POST"]),
    ("/reset/0123", &["GET", "HEAD", "POST"]),
    ("/find", &["GET", "HEAD", "POST"]),
    ("/add", &["POST"]),
    ("/chats", &["GET", "HEAD"]),
    ("/chats?show=40", &["GET", "HEAD"]),
    ("/account", &["GET", "HEAD"]),
    ("/account/password", &["POST"]),
    ("/account/sessions/end", &["POST"]),
    ("/account/sessions/end-others", &["POST"]),
    ("/static/favicon.svg", &["GET", "HEAD"]),
    ("/static/nothing.css", &["GET", "HEAD"]),
    ("/socket.io/", &["GET", "POST"]),
];

/// The status, the methods that `Allow` names, and the body.
fn asked(site: &Site, line: &str) -> (u16, BTreeSet<String>, String) {
    let mut stream = TcpStream::connect(site.address).unwrap();
    write!(stream, "{line}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let allow = head.lines().filter_map(|line| line.split_once(": "));
    let allow = allow.filter(|(name, _)| name.eq_ignore_ascii_case("allow"));
    let methods = allow.flat_map(|(_, value)| value.split(',')).map(|word| word.trim().to_owned());
    (head[9..12].parse().unwrap(), methods.collect(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_is_answered_everywhere_with_what_is_allowed() {
    let site = Site::start().await;
    for (path, allowed) in ROUTES {
        let allowed = allowed.iter().map(|method| (*method).to_owned()).collect();
        for line in [
            format!("OPTIONS {path} HTTP/1.0"),
            format!("OPTIONS {path} HTTP/1.1\r\nHost: h\r\nOrigin: http://h"),
        ] {
            let (status, found, body) = asked(&site, &line);
            assert_eq!((status, &found, body.as_str()), (200, &allowed, ""), "{line}");
        }
    }
    for path in ["/nowhere", "*", "/socket.io", "/account/nothing"] {
        let (status, ..) = asked(&site, &format!("OPTIONS {path} HTTP/1.1\r\nHost: h"));
        assert_eq!(status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_method_that_a_page_does_not_have_is_refused_with_those_that_it_has() {
    let site = Site::start().await;
    for (path, allowed) in ROUTES.iter().filter(|(path, _)| !path.starts_with("/socket.io/")) {
        let expected: BTreeSet<String> =
            allowed.iter().map(|method| (*method).to_owned()).collect();
        for method in ["PUT", "DELETE", "PATCH"] {
            let (status, found, _) = asked(&site, &format!("{method} {path} HTTP/1.1\r\nHost: h"));
            assert_eq!((status, &found), (405, &expected), "{method} {path}");
        }
        if !allowed.contains(&"GET") {
            let (status, ..) = asked(&site, &format!("HEAD {path} HTTP/1.1\r\nHost: h"));
            assert_eq!(status, 405, "HEAD {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_answered_as_get_is_without_the_body() {
    let site = Site::start().await;
    let own = ROUTES
        .iter()
        .filter(|(path, allowed)| allowed.contains(&"HEAD") && !path.starts_with("/reset/"));
    for (path, _) in own {
        let (status, _, body) = asked(&site, &format!("HEAD {path} HTTP/1.1\r\nHost: h"));
        let (of_get, ..) = asked(&site, &format!("GET {path} HTTP/1.1\r\nHost: h"));
        assert_eq!((status, body.as_str()), (of_get, ""), "{path}");
    }
    let (status, _, body) =
        asked(&site, "HEAD /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h");
    assert_eq!((status, body.as_str()), (400, ""), "a HEAD request begins no socket");
}

#[test]
fn every_page_of_the_table_of_routes_is_tried_here() {
    for (method, path, _) in limited_routes() {
        let path = path.replace("{secret}", "0123");
        let found = ROUTES.iter().find(|(tried, _)| *tried == path);
        let allowed = found.map(|(_, allowed)| *allowed).unwrap_or_default();
        assert!(allowed.contains(&method.as_str()), "{method} {path}");
    }
}
