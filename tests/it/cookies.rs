//! The session's cookie among those of other programs on the same host.

use reqwest::Method;

use super::support::site::{Browser, Site, led_to};

const STALE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// The cookie of a new login, as `name=value`.
async fn logged_in(site: &Site, name: &str) -> String {
    let answer = site.another("a browser", name).await.log_in(name, &password(name)).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn password(name: &str) -> String {
    format!("password of {name}")
}

/// Whether pages and sockets know who sends those cookies.
async fn known(browser: &Browser, cookies: &str) -> (bool, bool) {
    let headers = [("cookie", cookies)];
    let page = browser.ask(Method::GET, "/chats", &headers).await;
    let path = "/socket.io/?EIO=4&transport=polling";
    let opened = browser.ask(Method::GET, path, &headers).await.text().await.unwrap();
    let (_, rest) = opened.split_once("\"sid\":\"").unwrap();
    let path = format!("{path}&sid={}", rest.split('"').next().unwrap());
    browser.post_text(&path, "40").await;
    // A ping may come before the answer.
    loop {
        let packets = browser.get(&path).await.text().await.unwrap();
        let answer = packets.split('\u{1e}').find(|packet| packet.starts_with('4'));
        if let Some(answer) = answer {
            return (page.status() == 200, answer.starts_with("40"));
        }
    }
}

#[tokio::test]
async fn pages_and_sockets_find_the_session_among_any_cookies() {
    let site = Site::start().await;
    site.user("ann").await;
    let ours = logged_in(&site, "ann").await;
    let (name, value) = ours.split_once('=').unwrap();
    let browser = site.browser();
    for cookies in [
        ours.clone(),
        format!("name=J\u{f6}rg; {ours}"),
        format!("{ours}; name=J\u{f6}rg"),
        format!("session=.eJw\u{fffd}; ;=; {ours};x"),
        format!("{name}={STALE}; {ours}"),
        format!("{ours}; {name}={STALE}"),
        format!("{name}=rubbish; {ours}"),
        // As an earlier version called it.
        format!("visavis_session={value}"),
        format!("visavis_session={STALE}; {ours}"),
        format!("{name}={STALE}; visavis_session={value}"),
    ] {
        assert_eq!(known(&browser, &cookies).await, (true, true), "{cookies}");
    }
    for cookies in [format!("{name}={STALE}"), format!("x{name}={value}"), String::new()] {
        assert_eq!(known(&browser, &cookies).await, (false, false), "{cookies}");
    }
}

#[tokio::test]
async fn instances_on_one_host_do_not_end_each_others_sessions() {
    let site =
        async |port: &str| Site::with_flags(&["--listen", &format!("127.0.0.1:{port}")]).await;
    let (one, other) = (site("5000").await, site("5001").await);
    one.user("ann").await;
    other.user("ann").await;
    let cookies = [logged_in(&one, "ann").await, logged_in(&other, "ann").await];
    let names = cookies.each_ref().map(|cookie| cookie.split('=').next().unwrap());
    assert_eq!(names, ["visavis_session_5000", "visavis_session_5001"]);
    let both = cookies.join("; ");
    for site in [&one, &other] {
        let answer = site.browser().ask(Method::GET, "/chats", &[("cookie", &both)]).await;
        assert_eq!(answer.status(), 200);
    }
    // What one removes is its own.
    let answer = one.browser().ask(Method::GET, "/logout", &[("cookie", &both)]).await;
    assert_eq!(led_to(&answer), (302, Some("/login")));
    let set = answer.headers().get_all("set-cookie").iter();
    let mut set: Vec<_> = set.map(|cookie| cookie.to_str().unwrap()).collect();
    set.sort_unstable();
    let [ended, removed] = set[..] else { panic!("{set:?}") };
    assert!(removed.starts_with("visavis_session_5000=;"), "{removed}");
    // For the scripts of its own pages, which forget what the browser keeps for that person.
    assert!(ended.starts_with("visavis_logged_out_5000=1; Path=/; "), "{ended}");
    let answer = other.browser().ask(Method::GET, "/chats", &[("cookie", &both)]).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_session_of_an_earlier_version_gets_a_cookie_of_todays_name() {
    let site = Site::start().await;
    site.user("ann").await;
    let ours = logged_in(&site, "ann").await;
    let (name, value) = ours.split_once('=').unwrap();
    let earlier = format!("visavis_session={value}");
    let answer = site.browser().ask(Method::GET, "/chats", &[("cookie", &earlier)]).await;
    let renamed = answer.headers()["set-cookie"].to_str().unwrap();
    assert_eq!(renamed, format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/"));
    let stale = format!("visavis_session={STALE}");
    let answer = site.browser().ask(Method::GET, "/chats", &[("cookie", &stale)]).await;
    // Another instance may know what this one does not.
    let touched = answer.headers().get_all("set-cookie").iter();
    let touched: Vec<_> = touched.map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(touched.iter().all(|cookie| !cookie.starts_with("visavis_session=")), "{touched:?}");
}

#[tokio::test]
async fn the_cookie_has_the_name_that_the_operator_gives_it() {
    let site = Site::with_flags(&["--cookie-name", "trial"]).await;
    site.user("ann").await;
    assert!(logged_in(&site, "ann").await.starts_with("trial="));
}
