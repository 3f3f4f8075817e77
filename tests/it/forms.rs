//! Forms and searches in whatever spelling they come are read as Flask reads them.

use reqwest::Method;

use super::support::site::{Site, led_to};

const URLENCODED: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const MULTIPART: (&str, &str) = ("content-type", "multipart/form-data; boundary=edge");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A multipart form of these fields.
fn multipart(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        form.extend([head.as_bytes(), value, b"\r\n"].concat());
    }
    form.extend(b"--edge--\r\n");
    form
}

#[tokio::test]
async fn a_multipart_form_is_read_as_any_other() {
    let site = Site::start().await;
    let browser = site.browser();
    let password: &[u8] = b"a password";
    let registration = multipart(&[
        ("username", "Jörg".as_bytes()),
        ("username", b"the second counts for nothing"),
        ("password", password),
        ("confirmation", password),
    ]);
    let answer = browser.send_bytes(Method::POST, "/register", &[MULTIPART], registration).await;
    assert_eq!(led_to(&answer), (302, Some("/")));
    let login = multipart(&[("username", "jörg".as_bytes()), ("password", password)]);
    let answer = browser.send_bytes(Method::POST, "/login", &[MULTIPART], login).await;
    assert_eq!(led_to(&answer), (302, Some("/")));
    let add = multipart(&[("id", b"1")]);
    let answer = browser.send_bytes(Method::POST, "/add", &[MULTIPART], add).await;
    assert_eq!(led_to(&answer), (302, Some("/chats")));
}

#[tokio::test]
async fn a_multipart_form_has_the_same_bound_as_any_other() {
    let site = Site::start().await;
    let long = multipart(&[("username", &*vec![b'x'; 70_000])]);
    let answer = site.browser().send_bytes(Method::POST, "/login", &[MULTIPART], long).await;
    assert_eq!(answer.status(), 413);
    assert!(answer.text().await.unwrap().contains("this is more than the server takes"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_read_as_replacement_characters() {
    let site = Site::start().await;
    let browser = site.browser();
    for name in ["J%f6rg", "%ED%A0%80", "%ff"] {
        let form = format!("username={name}&password=a%20password&confirmation=a+password");
        let form = form.into_bytes();
        let answer = browser.send_bytes(Method::POST, "/register", &[URLENCODED], form).await;
        assert_eq!(answer.status(), 400);
        let page = answer.text().await.unwrap();
        assert!(page.contains("names cannot have (\u{fffd}, U+FFFD)"), "{page}");
    }
}

#[tokio::test]
async fn no_answer_to_a_form_or_search_has_a_parsers_words() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let part: &[u8] = b"--edge\r\nContent-Disposition: x\r\n\r\n";
    let nothing = "must provide username";
    let no_search = "send JSON, as in";
    for (path, header, body, sentence) in [
        ("/login", MULTIPART, &b"--edge"[..], nothing),
        ("/login", MULTIPART, b"\xff\xff", nothing),
        ("/login", MULTIPART, part, nothing),
        ("/login", ("content-type", "multipart/form-data"), b"x", nothing),
        ("/login", ("content-type", "\u{e4}"), b"username=ann", nothing),
        ("/login", JSON, b"{\"username\":", nothing),
        ("/login", URLENCODED, b"%=%zz&&=;", nothing),
        ("/find", JSON, b"{\"username\": 1}", no_search),
        ("/find", JSON, b"{", no_search),
        ("/find", URLENCODED, b"username=ann", no_search),
    ] {
        let browser = if path == "/find" { &browser } else { &site.browser() };
        let answer = browser.send_bytes(Method::POST, path, &[header], body.to_vec()).await;
        assert_eq!(answer.status(), 400, "{path} {body:?}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(sentence), "{text}");
        for words in ["line 1", "column", "expected", "multipart", "boundary", "invalid type"] {
            assert!(!text.contains(words), "{words:?} in {text}");
        }
    }
}

#[tokio::test]
async fn a_search_with_half_an_emoji_is_a_search() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    for (typed, found) in [(&br"\ud83d"[..], 0), (b"\xff", 0), (br"an", 1), (br"\u0041N", 1)] {
        let body = [&b"{\"username\": \""[..], typed, b"\"}"].concat();
        let answer = browser.send_bytes(Method::POST, "/find", &[JSON], body).await;
        assert_eq!(answer.status(), 200, "{typed:?}");
        let users: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(users.as_array().unwrap().len(), found, "{typed:?}");
    }
}
