//! How often something may be done, over real HTTP. The clock stands still, so nothing comes back.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, Response};
use visavis::http::limited_routes;

use super::support::site::{Browser, Site};

/// A form that a proxy passes on for somebody.
async fn passed_on(site: &Site, path: &str, from: &str, form: &[(&str, &str)]) -> Response {
    let request = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = request.post(format!("http://{}{path}", site.address));
    request.header("x-forwarded-for", from).form(form).send().await.unwrap()
}

const WRONG: [(&str, &str); 2] = [("username", "ann"), ("password", "not it")];

#[tokio::test]
async fn an_address_may_try_so_many_logins_and_others_are_not_its_victims() {
    let site = Site::with_flags(&["--limit-logins", "3/h", "--trusted-proxy", "127.0.0.1"]).await;
    for _ in 0..3 {
        assert_eq!(passed_on(&site, "/login", "198.51.100.1", &WRONG).await.status(), 401);
    }
    let refused = passed_on(&site, "/login", "198.51.100.1", &WRONG).await;
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    let page = refused.text().await.unwrap();
    assert!(page.contains("too often; try again in"), "{page}");
    assert_eq!(passed_on(&site, "/login", "198.51.100.2", &WRONG).await.status(), 401);
    // The proxy writes the header, not the browser: addresses that stood in it before do not count.
    let claimed = "203.0.113.5, 198.51.100.1";
    assert_eq!(passed_on(&site, "/login", claimed, &WRONG).await.status(), 429);
}

#[tokio::test]
async fn a_header_of_a_stranger_hides_nobody() {
    let site = Site::with_flags(&["--limit-logins", "3/h"]).await;
    for number in 1..=3 {
        let from = format!("198.51.100.{number}");
        assert_eq!(passed_on(&site, "/login", &from, &WRONG).await.status(), 401);
    }
    assert_eq!(passed_on(&site, "/login", "198.51.100.4", &WRONG).await.status(), 429);
}

#[tokio::test]
async fn guesses_from_everywhere_slow_an_account_and_do_not_lock_it() {
    let flags = ["--limit-failures", "2/h", "--trusted-proxy", "127.0.0.1"];
    let site = Site::with_flags(&flags).await;
    let ann = site.user("ann").await;
    for number in 1..=3 {
        let from = format!("198.51.100.{number}");
        assert_eq!(passed_on(&site, "/login", &from, &WRONG).await.status(), 401);
    }
    let begun = Instant::now();
    assert_eq!(ann.log_in("ANN", "password of ann").await.status(), 302);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_address_may_register_so_many_people() {
    let site = Site::with_flags(&["--limit-registrations", "2/h"]).await;
    site.user("ann").await;
    site.user("bob").await;
    let form = [("username", "cyd"), ("password", "long enough"), ("confirmation", "long enough")];
    assert_eq!(site.browser().post("/register", &form).await.status(), 429);
    assert_eq!(site.browser().log_in("ann", "password of ann").await.status(), 302);
}

#[tokio::test]
async fn a_person_may_search_so_often_and_a_script_is_told_so() {
    let site = Site::with_flags(&["--limit-searches", "2/h"]).await;
    let (ann, bob) = (site.user("ann").await, site.user("bob").await);
    for _ in 0..2 {
        assert_eq!(ann.post_json("/find", r#"{"username": "a"}"#).await.status(), 200);
    }
    let refused = ann.post_json("/find", r#"{"username": "a"}"#).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let said: serde_json::Value = refused.json().await.unwrap();
    assert!(said["failure"].as_str().unwrap().starts_with("too often"), "{said}");
    assert_eq!(bob.post_json("/find", r#"{"username": "a"}"#).await.status(), 200);
}

#[tokio::test]
async fn guesses_at_the_current_password_count_as_logins() {
    let site = Site::with_flags(&["--limit-logins", "3/h"]).await;
    let ann = site.user("ann").await;
    let form =
        [("current", "not it"), ("password", "long enough"), ("confirmation", "long enough")];
    for _ in 0..2 {
        assert_eq!(ann.post("/account/password", &form).await.status(), 401);
    }
    let refused = ann.post("/account/password", &form).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn somebody_elses_failures_lock_nobody_out_of_an_address() {
    let flags = ["--limit-failures", "2/h", "--trusted-proxy", "127.0.0.1"];
    let site = Site::with_flags(&flags).await;
    site.user("ann").await;
    site.user("bob").await;
    for _ in 0..5 {
        passed_on(&site, "/login", "198.51.100.1", &WRONG).await;
    }
    let begun = Instant::now();
    let right = [("username", "bob"), ("password", "password of bob")];
    assert_eq!(passed_on(&site, "/login", "198.51.100.1", &right).await.status(), 302);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_form_may_be_so_large_and_a_page_says_so() {
    let site = Site::with_flags(&["--max-body-bytes", "1000"]).await;
    let (fitting, over) = ("x".repeat(900), "x".repeat(1001));
    let form = |name| [("username", name), ("password", "a")];
    assert_eq!(site.browser().post("/login", &form(&fitting)).await.status(), 401);
    let refused = site.browser().post("/login", &form(&over)).await;
    assert_eq!(refused.status(), 413);
    let page = refused.text().await.unwrap();
    assert!(page.contains("more than the server takes") && page.contains("</html>"), "{page}");
    // As it comes, a form may have 64 kB.
    let site = Site::start().await;
    assert_eq!(site.browser().post("/login", &form(&over)).await.status(), 401);
    assert_eq!(site.browser().post("/login", &form(&"x".repeat(65_536))).await.status(), 413);
}

#[tokio::test]
async fn a_search_may_be_so_large_and_so_deep_and_a_script_is_told_so() {
    // Off, the limits on rates; sizes are none.
    let flags = ["--max-body-bytes", "1000", "--max-json-depth", "2", "--rate-limits", "off"];
    let site = Site::with_flags(&flags).await;
    let ann = site.user("ann").await;
    let search = |more: &str| format!(r#"{{"username": "a", "more": {more}}}"#);
    assert_eq!(ann.post_json("/find", search(r#"["[[["]"#)).await.status(), 200);
    for (more, status) in [("[[]]", 400), (&*format!("\"{}\"", "x".repeat(1000)), 413)] {
        let refused = ann.post_json("/find", search(more)).await;
        assert_eq!(refused.status(), status, "{more}");
        let said: serde_json::Value = refused.json().await.unwrap();
        assert!(said["failure"].is_string(), "{said}");
    }
}

#[tokio::test]
async fn limits_can_be_turned_off() {
    let flags = ["--rate-limits", "off", "--limit-logins", "1/h", "--limit-searches", "1/h"];
    let site = Site::with_flags(&flags).await;
    let ann = site.user("ann").await;
    for _ in 0..3 {
        assert_eq!(ann.post_json("/find", r#"{"username": "a"}"#).await.status(), 200);
        assert_eq!(site.browser().post("/login", &WRONG).await.status(), 401);
    }
}

/// How often each action may be done where the limit is this.
const FEW: usize = 6;

async fn ask(browser: &Browser, method: &Method, path: &str) -> u16 {
    let path = path.replace("{secret}", "no-such-secret");
    let answer = if *method == Method::POST && path == "/find" {
        browser.post_json(&path, r#"{"username": "a"}"#).await
    } else if *method == Method::POST {
        // Nothing is filled in, and a redirect to the login or a sentence is the answer.
        browser.post(&path, &[("id", "1"), ("current", "not it")]).await
    } else {
        browser.get(&path).await
    };
    answer.status().as_u16()
}

#[tokio::test]
async fn every_route_has_a_limit_that_holds() {
    let mut tried = 0;
    for (method, path, action) in limited_routes() {
        let flag = format!("--{}", action.limit().flag);
        let site = Site::with_flags(&[&flag, &format!("{FEW}/h")]).await;
        // Registering and logging in are actions, too.
        let ann = site.user("ann").await;
        let mut answers = Vec::new();
        for _ in 0..=FEW {
            answers.push(ask(&ann, &method, path).await);
        }
        assert_ne!(answers[0], 429, "{method} {path} {action:?}: {answers:?}");
        assert_eq!(answers[FEW], 429, "{method} {path} {action:?}: {answers:?}");
        tried += 1;
    }
    assert!(tried > 10, "only {tried} routes");
}

#[tokio::test]
async fn every_request_counts_as_a_page_or_a_file_of_its_address() {
    for (flag, path) in [
        ("--limit-pages", "/"),
        ("--limit-pages", "/nothing/here"),
        ("--limit-pages", "/find"),
        ("--limit-files", "/static/js/chats.js"),
        ("--limit-files", "/static/nothing.js"),
    ] {
        let site = Site::with_flags(&[flag, "3/h", "--trusted-proxy", "127.0.0.1"]).await;
        for _ in 0..3 {
            assert_ne!(site.browser().get(path).await.status(), 429, "{path}");
        }
        let refused = site.browser().get(path).await;
        assert_eq!(refused.status(), 429, "{path}");
        assert!(refused.headers().contains_key("retry-after"), "{path}");
        assert_eq!(refused.headers()["connection"], "close", "{path}");
        assert_eq!(refused.text().await.unwrap(), "too often; try again in 1201 s\n", "{path}");
        let elsewhere = passed_on(&site, "/login", "198.51.100.9", &WRONG).await;
        assert_eq!(elsewhere.status(), 401);
    }
}
