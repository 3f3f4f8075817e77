//! What other sites' pages cannot do with a visitor's cookie.

use reqwest::Method;

use super::support::log::lines_with;
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

/// What a page of `origin` sends through a proxy that passes `host` on.
async fn statuses(site: &Site, headers: &[(&'static str, &str)]) -> (u16, u16) {
    let browser = site.browser();
    let form = browser.form_with(headers, "/login", &[("username", "nobody"), ("password", "-")]);
    let (form, socket) = (form.await.status(), browser.handshake_with(headers).await.status());
    (form.as_u16(), socket.as_u16())
}

/// A form that was read and a socket that was begun.
const TAKEN: (u16, u16) = (401, 200);
const REFUSED: (u16, u16) = (403, 403);

#[tokio::test]
async fn forms_and_sockets_of_our_own_pages_pass_proxies_that_change_the_host() {
    let site = Site::start().await;
    for (host, origin) in [
        ("chat.example:443", "https://chat.example"),
        ("chat.example:80", "http://chat.example"),
        ("Chat.Example", "https://chat.example"),
    ] {
        let old = [("host", host), ("origin", origin)];
        assert_eq!(statuses(&site, &old).await, TAKEN, "{old:?}");
    }
    for (host, origin) in
        [("chat.example", "https://chat.example:8443"), ("inner:5000", "https://chat.example")]
    {
        let own = [("host", host), ("origin", origin), ("sec-fetch-site", "same-origin")];
        assert_eq!(statuses(&site, &own).await, TAKEN, "{own:?}");
        let foreign = [own[0], own[1], ("sec-fetch-site", "cross-site")];
        assert_eq!(statuses(&site, &foreign).await, REFUSED, "{foreign:?}");
    }
}

#[tokio::test]
async fn where_nothing_tells_whose_page_it_is_the_log_says_what_to_do() {
    let site = Site::start().await;
    let unclear = [("host", "inner"), ("origin", "https://unclear.example:8443")];
    assert_eq!(statuses(&site, &unclear).await, REFUSED);
    let lines = lines_with("unclear.example");
    for told in [
        "--public-url https://unclear.example:8443,",
        "Host $http_host",
        "a form",
        "from 127.0.0.1",
    ] {
        assert!(lines[0].contains(told), "{told}: {}", lines[0]);
    }
}

#[tokio::test]
async fn a_host_that_a_proxy_changes_is_told_once_although_browsers_of_today_are_let_in() {
    let own = [
        ("host", "inner"),
        ("origin", "https://changed.example"),
        ("sec-fetch-site", "same-origin"),
    ];
    for (flags, lines) in [(&["--public-url", "https://changed.example"][..], 0), (&[][..], 1)] {
        let site = Site::with_flags(flags).await;
        for _ in 0..2 {
            assert_eq!(statuses(&site, &own).await, TAKEN);
        }
        let told = lines_with("--public-url https://changed.example");
        assert_eq!(told.len(), lines, "{flags:?}: {told:?}");
    }
}

/// A browser over plain http, where it says little.
const BROWSER: [(&str, &str); 2] =
    [("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"), ("accept", "text/html,*/*;q=0.8")];

#[tokio::test]
async fn what_a_browser_does_by_itself_ends_no_session() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let other_port = "http://127.0.0.1:1/";
    for (method, header) in [
        (Method::HEAD, ("sec-fetch-site", "same-origin")),
        (Method::GET, ("sec-purpose", "prefetch")),
        (Method::GET, ("sec-purpose", "prefetch;prerender")),
        (Method::GET, ("purpose", "prefetch")),
        (Method::GET, ("x-moz", "prefetch")),
        (Method::GET, ("referer", other_port)),
        (Method::GET, ("sec-fetch-dest", "image")),
        (Method::GET, ("sec-fetch-mode", "no-cors")),
    ] {
        for path in ["/logout", "/login", "/", "/chats", "/account", "/register"] {
            let headers = [&BROWSER[..], &[header]].concat();
            browser.ask(method.clone(), path, &headers).await;
            assert_eq!(browser.get("/chats").await.status(), 200, "{method} {path}, {header:?}");
        }
    }
}

#[tokio::test]
async fn who_is_not_logged_out_at_once_gets_a_button_that_does_it() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let answer = browser.ask(Method::GET, "/logout", &BROWSER).await;
    assert_eq!(answer.status(), 403);
    let page = answer.text().await.unwrap();
    assert!(page.contains(r#"<form action="/logout" method="post">"#), "{page}");
    assert_eq!(browser.get("/chats").await.status(), 200);
    let own = format!("http://{}", site.address);
    let refused = browser.form_from(EVIL.to_owned(), "/logout", &[]).await;
    assert_eq!(refused.status(), 403);
    let answer = browser.form_from(own, "/logout", &[]).await;
    assert_eq!(led_to(&answer), (302, Some("/login")));
    assert_eq!(led_to(&browser.get("/chats").await), (302, Some("/login")));
}

#[tokio::test]
async fn a_link_of_our_page_logs_out_over_plain_http() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let page = format!("http://{}/chats", site.address);
    let headers = [&BROWSER[..], &[("referer", &*page)]].concat();
    let answer = browser.ask(Method::GET, "/logout", &headers).await;
    assert_eq!(led_to(&answer), (302, Some("/login")));
    assert_eq!(led_to(&browser.get("/chats").await), (302, Some("/login")));
}
