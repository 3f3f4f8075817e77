//! The chat below a path of a host, as `--public-url https://host.example/chat` says it, whether the
//! proxy passes the path on or takes it away.

use clap::Parser;
use visavis::config::Config;
use visavis::http::limited_routes;

use super::support::log::lines_with;
use super::support::site::{Browser, Site, led_to};

const MOUNTED: [&str; 2] = ["--public-url", "http://host.example/chat"];
/// What stands before a path where the proxy passes it on, and where it takes it away.
const ARRIVALS: [&str; 2] = ["/chat", ""];

async fn site() -> Site {
    Site::with_flags(&MOUNTED).await
}

/// Registers and logs in by the paths that browsers know; the cookie is kept for these.
async fn user(site: &Site, name: &str) -> Browser {
    let browser = site.browser();
    let password = format!("password of {name}");
    let form = [("username", name), ("password", &password), ("confirmation", &password)];
    assert_eq!(led_to(&browser.post("/chat/register", &form).await), (302, Some("/chat/")));
    assert_eq!(led_to(&browser.post("/chat/login", &form[..2]).await), (302, Some("/chat/")));
    browser
}

/// What the attributes `href`, `src` and `action` of a page lead to.
fn links(page: &str) -> Vec<String> {
    let values = ["href=\"", "src=\"", "action=\""].into_iter().flat_map(|attribute| {
        page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next())
    });
    values.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_link_of_every_page_leads_below_the_path() {
    let site = site().await;
    let ann = user(&site, "ann").await;
    let link = site.services.accounts.find(visavis::domain::UserId(1), "ann").await.unwrap();
    let id = link[0].id.to_string();
    assert_eq!(led_to(&ann.post("/chat/add", &[("id", &id)]).await), (302, Some("/chat/chats")));
    let stranger = site.browser();
    let pages = [
        (&ann, "/"),
        (&ann, "/chats"),
        (&ann, "/find"),
        (&ann, "/account"),
        (&ann, "/nowhere/at/all"),
        (&stranger, "/login"),
        (&stranger, "/register"),
        (&stranger, "/reset/0123"),
    ];
    let mut found = std::collections::BTreeSet::new();
    for (browser, path) in pages {
        let page = browser.get(&format!("/chat{path}")).await.text().await.unwrap();
        let links = links(&page);
        assert!(links.len() > 5, "{path}: {page}");
        for link in links {
            let inside = link.starts_with("/chat/") || link.starts_with('#');
            assert!(inside, "{path} leads to {link}");
            found.insert(link);
        }
    }
    for link in found.iter().filter(|link| link.starts_with("/chat/") && *link != "/chat/logout") {
        let status = ann.get(link).await.status();
        assert_ne!(status, 404, "{link}");
    }
}

#[tokio::test]
async fn a_proxy_may_pass_the_path_on_or_take_it_away() {
    let site = site().await;
    let stranger = site.browser();
    for arrival in ARRIVALS {
        for (path, status, to) in [
            ("/", 302, Some("/chat/login")),
            ("/chats?show=5", 302, Some("/chat/login")),
            ("/login", 200, None),
            ("/static/favicon.svg", 200, None),
            ("/socket.io/?EIO=4&transport=polling", 200, None),
            ("/nowhere", 404, None),
        ] {
            let answer = stranger.get(&format!("{arrival}{path}")).await;
            assert_eq!(led_to(&answer), (status, to), "{arrival}{path}");
        }
    }
    assert_eq!(led_to(&stranger.get("/chat").await), (302, Some("/chat/")));
    for neighbour in ["/chatter/login", "/chat/chat/login", "/Chat/login"] {
        assert_eq!(stranger.get(neighbour).await.status(), 404, "{neighbour}");
    }
}

#[tokio::test]
async fn the_cookie_is_sent_only_below_the_path() {
    let site = Site::with_flags(&["--public-url", "https://host.example/chat"]).await;
    let form =
        [("username", "ann"), ("password", "password of ann"), ("confirmation", "password of ann")];
    let browser = site.browser();
    for arrival in ARRIVALS {
        _ = browser.post(&format!("{arrival}/register"), &form).await;
        let answer = browser.post(&format!("{arrival}/login"), &form).await;
        assert_eq!(led_to(&answer), (302, Some("/chat/")));
        let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
        let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        assert!(attributes.contains(&"Path=/chat"), "{attributes:?}");
        assert!(attributes.contains(&"Secure"), "{attributes:?}");
        // The host has other pages, which may be asked for by http.
        assert_eq!(answer.headers().get("strict-transport-security"), None);
    }
    let own_host = Site::with_flags(&["--public-url", "http://chat.example"]).await;
    _ = own_host.user("ann").await;
    let answer = own_host.browser().log_in("ann", "password of ann").await;
    let cookie = answer.headers().get("set-cookie").unwrap().to_str().unwrap();
    assert!(cookie.contains("; Path=/"), "no path");
    assert!(!cookie.contains("Path=/chat"), "a path");
}

#[tokio::test]
async fn forms_and_sockets_come_from_pages_of_that_host() {
    let site = site().await;
    let browser = site.browser();
    for (origin, form, socket) in
        [("http://host.example", 401, 200), ("http://evil.example", 403, 403)]
    {
        let headers = [("origin", origin), ("host", "inner")];
        let wrong = [("username", "nobody"), ("password", "-")];
        assert_eq!(browser.form_with(&headers, "/chat/login", &wrong).await.status(), form);
        assert_eq!(browser.handshake_with(&headers).await.status(), socket);
    }
}

#[tokio::test]
async fn a_page_below_a_path_that_nobody_named_tells_the_operator_of_the_public_url() {
    let site = Site::start().await;
    let answer = site.browser().get("/unnamed/login").await;
    assert_eq!(answer.status(), 404);
    assert!(answer.text().await.unwrap().contains("there is no such page"));
    let lines = lines_with("/unnamed");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("--public-url https://HOST/unnamed"), "{}", lines[0]);
}

#[tokio::test]
async fn templates_of_a_deployment_see_the_path_as_flask_shows_its_script_name() {
    let templates = tempfile::tempdir().unwrap();
    let source = "{{ request.path }}|{{ request.full_path }}|{{ request.script_root }}|{{ request.root_path }}
{{ request.url }}|{{ request.base_url }}|{{ request.url_root }}|{{ request.root_url }}|{{ request.host_url }}
{{ url_for('chats') }}|{{ url_for('static', filename='chats.js') }}|{{ url_for('chats', tab=2) }}|{{ url_for('chats', _external=True) }}
{% macro link() %}{{ url_for('find') }}{% endmacro %}{{ link() }}";
    std::fs::write(templates.path().join("chats.html"), source).unwrap();
    let flags = [&MOUNTED[..], &["--templates", templates.path().to_str().unwrap()]].concat();
    let site = Site::with_flags(&flags).await;
    let ann = user(&site, "ann").await;
    let page = ann.get("/chat/chats?tab=2").await.text().await.unwrap();
    let of_flask = "/chats|/chats?tab=2|/chat|/chat
http://host.example/chat/chats?tab=2|http://host.example/chat/chats|http://host.example/chat/|http://host.example/chat/|http://host.example/
/chat/chats|/chat/static/chats.js|/chat/chats?tab=2|http://host.example/chat/chats
/chat/find";
    assert_eq!(page, of_flask);
}

#[test]
fn no_path_begins_as_a_page_does() {
    let parsed = |path: &str| {
        Config::try_parse_from(["visavis", "--public-url", &format!("https://h.example{path}")])
    };
    let routes = limited_routes();
    let names = routes.iter().filter_map(|(_, path, _)| path.split('/').nth(1));
    for name in names.filter(|name| !name.is_empty()).chain(["static", "socket.io"]) {
        for path in [format!("/{name}"), format!("/{name}/chat")] {
            let error = parsed(&path).unwrap_err().to_string();
            assert!(error.contains("begins as a page of the chat does"), "{path}: {error}");
        }
        assert!(parsed(&format!("/chat/{name}")).is_ok(), "{name}");
    }
}
