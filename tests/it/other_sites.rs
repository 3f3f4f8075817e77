//! What other sites' pages cannot do with a visitor's cookie.

use reqwest::Method;

use super::support::site::{Site, led_to};

const EVIL: &str = "https://evil.example";

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let site = Site::start().await;
    site.user("bob").await;
    let browser = site.user("ann").await;
    for foreign in ["cross-site", "same-site"] {
        for path in ["/add", "/login", "/register", "/find"] {
            let answer = browser.asked_by(foreign, EVIL, Method::POST, path).await;
            assert_eq!(answer.status(), 403, "{path}, {foreign}");
            let page = answer.text().await.unwrap();
            assert!(page.contains("came from another site&#39;s page"), "{path}: {page}");
        }
    }
    assert_eq!(browser.get("/chats").await.status(), 200, "the session was ended");
}

#[tokio::test]
async fn a_browser_that_tells_only_the_origin_is_judged_by_it() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let old_browser = |origin: String| browser.form_from(origin, "/add", &[("id", "1")]);
    assert_eq!(old_browser(EVIL.to_owned()).await.status(), 403);
    assert_eq!(old_browser("null".to_owned()).await.status(), 403);
    assert_eq!(old_browser(format!("http://{}", site.address)).await.status(), 302);
}

#[tokio::test]
async fn the_public_url_counts_as_our_own() {
    let site = Site::with_flags(&["--public-url", "http://chat.example"]).await;
    let browser = site.user("ann").await;
    let form = [("id", "1")];
    let answer = browser.form_from("http://chat.example".to_owned(), "/add", &form).await;
    assert_eq!(answer.status(), 302);
    let answer =
        browser.form_from("http://chat.example.evil.example".to_owned(), "/add", &form).await;
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn an_image_or_a_frame_of_another_site_ends_no_session() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    for foreign in ["cross-site", "same-site"] {
        for path in ["/logout", "/login"] {
            browser.asked_by(foreign, EVIL, Method::GET, path).await;
            assert_eq!(browser.get("/chats").await.status(), 200, "{path}, {foreign}");
        }
    }
}

#[tokio::test]
async fn the_menus_link_and_the_address_bar_log_out() {
    let site = Site::start().await;
    for own in ["same-origin", "none"] {
        let browser = site.user(&format!("somebody from {own}")).await;
        let origin = format!("http://{}", site.address);
        let answer = browser.asked_by(own, &origin, Method::GET, "/logout").await;
        assert_eq!(led_to(&answer), (302, Some("/login")), "{own}");
        assert_eq!(led_to(&browser.get("/chats").await), (302, Some("/login")), "{own}");
    }
}
