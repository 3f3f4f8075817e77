//! What every answer tells browsers to refuse, and what it does not tell anybody.

use std::fs;

use reqwest::{Method, Response};

use super::support::site::{Browser, Site};

/// One of each kind of answer: pages, a redirect, an apology, a refusal, files, a poll, and what is no
/// poll.
const PATHS: [&str; 12] = [
    "/login",
    "/chats",
    "/",
    "/nowhere",
    "/add",
    "/static/css/visavis.css",
    "/static/nothing.css",
    "/socket.io/?EIO=4&transport=polling",
    "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA",
    "/socket.io/?EIO=4&transport=telepathy",
    "/socket.io/",
    "/socket.io/nothing",
];

async fn header(browser: &Browser, path: &str, name: &str) -> Option<String> {
    let answer = browser.get(path).await;
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn our_pages_run_and_load_only_what_is_ours_and_stand_in_no_frame() {
    let site = Site::start().await;
    for path in PATHS {
        let policy = header(&site.browser(), path, "content-security-policy").await.unwrap();
        let rules: Vec<&str> = policy.split(';').map(str::trim).collect();
        for rule in ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(rules.contains(&rule), "{path}: {policy}");
        }
        for hole in ["unsafe-", "*", "http:", "https:", "data:", "script-src", "nonce"] {
            assert!(!policy.contains(hole), "{path}: {policy}");
        }
    }
}

#[tokio::test]
async fn no_page_of_ours_has_inline_code() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    for path in ["/", "/find", "/chats", "/account", "/nowhere", "/register", "/login"] {
        let page = ann.get(path).await.text().await.unwrap().to_lowercase();
        assert!(page.contains("</html>"), "{path}");
        assert_no_inline_code(path, &page);
    }
}

#[test]
fn no_template_of_ours_has_inline_code() {
    let templates: Vec<_> = fs::read_dir("templates").unwrap().map(Result::unwrap).collect();
    assert!(templates.len() > 8, "only {} templates found", templates.len());
    for template in templates {
        let text = fs::read_to_string(template.path()).unwrap().to_lowercase();
        assert_no_inline_code(&template.path().to_string_lossy(), &text);
    }
}

#[track_caller]
fn assert_no_inline_code(place: &str, html: &str) {
    for inline in ["<style", " style=", "javascript:", "srcdoc="] {
        assert!(!html.contains(inline), "{place}: {inline}");
    }
    // As in `onclick="…"`.
    for attribute in html.split([' ', '\n']).filter_map(|word| word.split_once('=')) {
        assert!(!attribute.0.starts_with("on"), "{place}: {attribute:?}");
    }
    for script in html.split("<script").skip(1) {
        let (tag, content) = script.split_once('>').unwrap();
        assert!(tag.contains("src=") && content.starts_with("</script>"), "{place}: {script}");
    }
}

#[tokio::test]
async fn every_answer_says_what_browsers_must_not_do_with_it() {
    let site = Site::start().await;
    for path in PATHS {
        let browser = site.browser();
        assert_eq!(header(&browser, path, "x-content-type-options").await.unwrap(), "nosniff");
        assert_eq!(header(&browser, path, "referrer-policy").await.unwrap(), "same-origin");
        let permissions = header(&browser, path, "permissions-policy").await.unwrap();
        for feature in ["camera", "microphone", "geolocation", "display-capture"] {
            assert!(permissions.contains(&format!("{feature}=()")), "{path}: {permissions}");
        }
    }
}

#[tokio::test]
async fn https_is_asked_for_only_where_the_chat_has_it() {
    for (url, expected) in
        [("https://chat.example", Some("max-age=31536000")), ("http://chat.example", None)]
    {
        let site = Site::with_flags(&["--public-url", url]).await;
        for path in PATHS {
            let found = header(&site.browser(), path, "strict-transport-security").await;
            assert_eq!(found.as_deref(), expected, "{url}{path}");
        }
    }
}

#[tokio::test]
async fn no_answer_names_the_program_or_opens_it_to_other_sites() {
    let site = Site::start().await;
    for path in PATHS {
        let browser = site.browser();
        for method in [Method::GET, Method::POST, Method::OPTIONS, Method::HEAD, Method::DELETE] {
            let answer = browser.asked_by("none", "https://evil.example", method, path).await;
            assert_says_nothing(path, &answer);
        }
    }
}

#[tokio::test]
async fn what_is_refused_for_its_size_or_its_number_is_guarded_as_every_answer_is() {
    let flags = ["--limit-logins", "2/h", "--limit-handshakes", "1/h", "--max-body-bytes", "1000"];
    let site = Site::with_flags(&flags).await;
    let browser = site.browser();
    let login = async |name: &str| browser.post("/login", &[("username", name)]).await;
    let handshake = async || browser.get("/socket.io/?EIO=4&transport=polling").await;
    let (first, large, late) = (login("a").await, login(&"x".repeat(1001)).await, login("a").await);
    let (socket, no_socket) = (handshake().await, handshake().await);
    for (answer, status) in
        [(first, 400), (large, 413), (late, 429), (socket, 200), (no_socket, 429)]
    {
        assert_eq!(answer.status(), status);
        assert_says_nothing("", &answer);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["cache-control"], "no-cache, no-store, must-revalidate");
        assert!(answer.headers().contains_key("content-security-policy"));
        assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
    }
}

#[track_caller]
fn assert_says_nothing(path: &str, answer: &Response) {
    for (name, value) in answer.headers() {
        let (name, value) = (name.as_str(), value.to_str().unwrap().to_lowercase());
        assert!(!name.starts_with("access-control-"), "{path}: {name}");
        assert!(!matches!(name, "server" | "x-powered-by" | "via"), "{path}: {name}");
        assert!(!value.contains("visavis/") && !value.contains("hyper"), "{path}: {value}");
    }
}
