//! What every answer tells browsers to refuse, and what it does not tell anybody.

use super::support::site::{Browser, Site};

/// One of each kind of answer: pages, a redirect, an apology, a refusal, files, a poll.
const PATHS: [&str; 8] = [
    "/login",
    "/chats",
    "/",
    "/nowhere",
    "/add",
    "/static/css/base.css",
    "/static/nothing.css",
    "/socket.io/?EIO=4&transport=polling",
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
        for inline in ["<style", " style=", "javascript:", " onclick=", " onload=", " onerror="] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
        for script in page.split("<script").skip(1) {
            let (tag, content) = script.split_once('>').unwrap();
            assert!(tag.contains("src=") && content.starts_with("</script>"), "{path}: {script}");
        }
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
        [("https://chat.example", Some("max-age=15552000")), ("http://chat.example", None)]
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
        let answer = site
            .browser()
            .asked_by("none", "https://evil.example", reqwest::Method::GET, path)
            .await;
        for (name, value) in answer.headers() {
            let (name, value) = (name.as_str(), value.to_str().unwrap().to_lowercase());
            assert!(!name.starts_with("access-control-"), "{path}: {name}");
            assert!(!matches!(name, "server" | "x-powered-by" | "via"), "{path}: {name}");
            assert!(!value.contains("visavis/") && !value.contains("hyper"), "{path}: {value}");
        }
    }
}
