//! The pages, over real HTTP.

use serde_json::{Value, json};

use super::support::site::{Site, led_to};

#[tokio::test]
async fn who_is_not_logged_in_is_sent_to_the_login_page() {
    let site = Site::start().await;
    let browser = site.browser();
    for page in ["/", "/find", "/chats"] {
        assert_eq!(led_to(&browser.get(page).await), (302, Some("/login")), "{page}");
    }
    assert_eq!(led_to(&browser.post("/add", &[("id", "1")]).await), (302, Some("/login")));
    assert_eq!(led_to(&browser.post_json("/find", "{}").await), (302, Some("/login")));
    for page in ["/login", "/register"] {
        assert_eq!(browser.get(page).await.status(), 200, "{page}");
    }
}

#[tokio::test]
async fn nothing_is_kept_in_caches() {
    let site = Site::start().await;
    let browser = site.browser();
    for page in [
        "/",
        "/login",
        "/nowhere",
        "/static/css/visavis.css",
        "/socket.io/?EIO=4&transport=polling",
    ] {
        let response = browser.get(page).await;
        let header = |name| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("cache-control"), "no-cache, no-store, must-revalidate", "{page}");
        assert_eq!(
            (header("pragma"), header("expires")),
            ("no-cache".into(), "0".into()),
            "{page}"
        );
    }
}

#[tokio::test]
async fn what_does_not_exist_gets_an_apology() {
    let site = Site::start().await;
    let response = site.browser().get("/nowhere").await;
    assert_eq!(response.status(), 404);
    assert!(response.text().await.unwrap().contains("there is no such page"));
    let response = site.browser().get("/add").await;
    assert_eq!(response.status(), 405);
    assert_eq!(site.browser().get("/static/nothing.css").await.status(), 404);
}

#[tokio::test]
async fn people_are_found_by_the_beginning_of_their_name() {
    let site = Site::start().await;
    site.user("Ann").await;
    let browser = site.user("annette").await;
    site.user("Bob").await;
    let response = browser.post_json("/find", r#"{"username": "an"}"#).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let found: Value = response.json().await.unwrap();
    assert_eq!(found, json!([{"id": 1, "username": "Ann"}, {"id": 2, "username": "annette"}]));
}

#[tokio::test]
async fn a_search_that_is_no_json_is_told_so() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    for body in ["", "{", "[]", "{}", r#"{"username": 1}"#] {
        let response = browser.post_json("/find", body).await;
        assert_eq!(response.status(), 400, "{body}");
        let answer: Value = response.json().await.unwrap();
        assert!(answer["failure"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn a_chat_is_opened_once_with_others_or_oneself() {
    let site = Site::start().await;
    site.user("bob").await;
    let browser = site.user("ann").await;
    for id in ["1", "1", "2"] {
        assert_eq!(
            led_to(&browser.post("/add", &[("id", id)]).await),
            (302, Some("/chats")),
            "{id}"
        );
    }
    let page = browser.get("/chats").await.text().await.unwrap();
    for id in ["1", "2"] {
        let chat = format!("id=\"chat-{id}\"");
        assert_eq!(page.matches(&chat).count(), 1, "{id}: {page}");
    }
}

#[tokio::test]
async fn a_chat_with_nobody_gets_an_apology() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    for (id, status) in
        [("99", 404), ("", 400), ("x", 400), ("-1", 404), ("1; DROP TABLE users", 400)]
    {
        let response = browser.post("/add", &[("id", id)]).await;
        assert_eq!(response.status(), status, "{id:?}");
        assert!(response.text().await.unwrap().contains("Something went wrong :("), "{id:?}");
    }
    assert_eq!(browser.post("/add", &[]).await.status(), 400);
}

#[tokio::test]
async fn chats_are_links_before_a_script_runs() {
    let site = Site::start().await;
    site.user("o'brien <b>").await;
    let browser = site.user("ann").await;
    browser.post("/add", &[("id", "1")]).await;
    let page = browser.get("/chats").await.text().await.unwrap();
    for part in ["Messanger: Chats", "<a href=\"#chat-1\"", "id=\"chat-1\"", "class=\"dot-none\""] {
        assert!(page.contains(part), "{part} is not on the page {page}");
    }
    assert!(page.contains("&lt;b&gt;") && !page.contains("o'brien <b>"), "{page}");
}

#[tokio::test]
async fn no_page_loads_anything_from_another_host() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    for path in ["/", "/find", "/chats", "/nowhere", "/register", "/login"] {
        let page = browser.get(path).await.text().await.unwrap();
        for foreign in ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "url(http"] {
            assert!(!page.contains(foreign), "{path}: {foreign}");
        }
    }
}

#[tokio::test]
async fn static_files_have_their_types() {
    let site = Site::start().await;
    for (path, content_type) in [
        ("/static/js/chats.js", "text/javascript; charset=utf-8"),
        ("/static/css/visavis.css", "text/css; charset=utf-8"),
        ("/static/send_icon.png", "image/png"),
        ("/static/favicon.svg", "image/svg+xml"),
    ] {
        let response = site.browser().get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], content_type, "{path}");
    }
}
