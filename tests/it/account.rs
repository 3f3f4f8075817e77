//! One's own account, over real HTTP: the password, and where one is logged in.

use time::Duration;
use visavis::clock::Clock;
use visavis::domain::{SessionKey, TypedName, User, UserId};
use visavis::service::{Live, Opening, upkeep};

use super::support::site::{Browser, Site, led_to};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";
const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile Safari/604.1";

const OLD: &str = "password of ann";
const NEW: &str = "another password of hers";

async fn is_in(browser: &Browser) -> bool {
    browser.get("/chats").await.status() == 200
}

/// Types the three fields; gives the status, where it leads, and the page.
async fn changing(browser: &Browser, typed: [&str; 3]) -> (u16, Option<String>, String) {
    let form = ["current", "password", "confirmation"].into_iter().zip(typed).collect::<Vec<_>>();
    let response = browser.post("/account/password", &form).await;
    let (status, location) = led_to(&response);
    let location = location.map(str::to_owned);
    (status, location, response.text().await.unwrap())
}

/// The ids of the sessions that can be ended, in the order of the page.
async fn others(browser: &Browser) -> Vec<String> {
    let page = browser.get("/account").await.text().await.unwrap();
    let ids = page.split("name=\"session\" type=\"hidden\" value=\"").skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_changed_password_is_the_only_one_that_logs_in() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    let (status, location, _) = changing(&ann, [OLD, NEW, NEW]).await;
    assert_eq!((status, location.as_deref()), (302, Some("/account?done=password")));
    let page = ann.get("/account?done=password").await.text().await.unwrap();
    assert!(page.contains("Your password was changed."), "{page}");
    assert_eq!(site.browser().log_in("ann", OLD).await.status(), 401);
    assert_eq!(led_to(&site.browser().log_in("ann", NEW).await), (302, Some("/")));
}

#[tokio::test]
async fn a_changed_password_ends_every_session_but_ones_own() {
    let site = Site::start().await;
    let (ann, bob) = (site.user("ann").await, site.user("bob").await);
    let elsewhere = site.another(FIREFOX, "ann").await;
    assert!(is_in(&elsewhere).await);
    changing(&ann, [OLD, NEW, NEW]).await;
    assert!(is_in(&ann).await && is_in(&bob).await && !is_in(&elsewhere).await);
    assert_eq!(others(&ann).await, [""; 0]);
}

#[tokio::test]
async fn the_session_id_changes_with_the_password() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    let cookie = |response: reqwest::Response| {
        let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        cookie.split(';').next().unwrap().to_owned()
    };
    let before = cookie(ann.log_in("ann", OLD).await);
    let form = [("current", OLD), ("password", NEW), ("confirmation", NEW)];
    let after = cookie(ann.post("/account/password", &form).await);
    assert_ne!(before, after);
    let thief =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = thief.get(format!("http://{}/chats", site.address)).header("cookie", before);
    assert_eq!(request.send().await.unwrap().status(), 302);
    assert!(is_in(&ann).await);
}

#[tokio::test]
async fn a_password_that_cannot_be_changed_stays_and_it_is_told_why() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    let elsewhere = site.another(FIREFOX, "ann").await;
    let long = "x".repeat(73);
    for (typed, status, sentence) in [
        (["", NEW, NEW], 400, "Please provide your current password"),
        (["not hers at all", NEW, NEW], 401, "the current password is not right"),
        ([OLD, "", ""], 400, "Please provide a password and password confirmation"),
        ([OLD, NEW, "something else"], 400, "Password and password confirmation must match!"),
        ([OLD, "Password1", "Password1"], 400, "password is one of the commonest there are"),
        ([OLD, "short", "short"], 400, "password is shorter than 8 characters (it has 5)"),
        ([OLD, &long, &long], 400, "password is longer than 72 bytes (it has 73)"),
    ] {
        let (got, _, page) = changing(&ann, typed).await;
        assert_eq!(got, status, "{typed:?}");
        assert!(page.contains(sentence), "{typed:?}: {sentence:?} is not on the page {page}");
        // The visitor stays logged in, and sees the menu.
        assert!(page.contains("/logout"), "{page}");
    }
    assert!(is_in(&ann).await && is_in(&elsewhere).await);
    assert_eq!(led_to(&site.browser().log_in("ann", OLD).await), (302, Some("/")));
}

#[tokio::test]
async fn of_two_changes_at_the_same_moment_one_is_made() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    let elsewhere = site.another(FIREFOX, "ann").await;
    let (one, two) = tokio::join!(
        changing(&ann, [OLD, "one new password", "one new password"]),
        changing(&elsewhere, [OLD, "two new password", "two new password"])
    );
    let mut made = 0;
    for (browser, (status, location, page)) in [(&ann, one), (&elsewhere, two)] {
        // The other's session may have ended before its form was looked at.
        assert!(matches!(status, 302 | 401 | 409), "{status}: {page}");
        let changed = location.is_some_and(|location| location.starts_with("/account"));
        assert_eq!(is_in(browser).await, changed, "{status}");
        made += usize::from(changed);
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn guesses_at_the_current_password_count_as_those_at_the_login_do() {
    let site = Site::with_flags(&["--limit-logins", "3/h"]).await;
    let ann = site.user("ann").await;
    for _ in 0..2 {
        assert_eq!(changing(&ann, ["a wrong guess", NEW, NEW]).await.0, 401);
    }
    assert_eq!(changing(&ann, ["a wrong guess", NEW, NEW]).await.0, 429);
    assert_eq!(site.browser().log_in("ann", OLD).await.status(), 429);
}

#[tokio::test]
async fn a_person_sees_where_they_are_logged_in() {
    let site = Site::start().await;
    site.user("bob").await;
    let phone = {
        site.user("ann").await.get("/logout").await;
        site.another(SAFARI, "ann").await
    };
    site.clock.pass(Duration::hours(26));
    let ann = site.another(FIREFOX, "ann").await;
    let page = ann.get("/account").await.text().await.unwrap();
    let sessions: Vec<&str> = page.split("<li class=\"session\">").skip(1).collect();
    assert_eq!(sessions.len(), 2, "{page}");
    for (session, device, since, current) in [
        (sessions[0], "Firefox on Linux", "5 March 2026, 07:06 UTC", true),
        (sessions[1], "Safari on an iPhone", "4 March 2026, 05:06 UTC", false),
    ] {
        assert!(session.contains(device) && session.contains(since), "{session}");
        assert_eq!(session.contains("this session"), current, "{session}");
        assert_eq!(session.contains("Sign out"), !current, "{session}");
    }
    // Being used shows.
    assert!(is_in(&phone).await);
    let page = ann.get("/account").await.text().await.unwrap();
    let session = page.split("Safari on an iPhone").nth(1).unwrap();
    let session = session.split("</li>").next().unwrap();
    assert!(session.contains("since <time datetime=\"2026-03-04T05:06:07Z\">"), "{session}");
    assert!(session.contains("last seen <time datetime=\"2026-03-05T07:06:07Z\">"), "{session}");
}

#[tokio::test]
async fn one_session_or_all_others_can_be_ended() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    let one = site.another(FIREFOX, "ann").await;
    let first = others(&ann).await;
    let (two, three) = (site.another(SAFARI, "ann").await, site.another("", "ann").await);
    assert_eq!(others(&ann).await.len(), 3);
    let ended = ann.post("/account/sessions/end", &[("session", &first[0])]).await;
    assert_eq!(led_to(&ended), (302, Some("/account?done=session")));
    assert!(!is_in(&one).await && is_in(&two).await && is_in(&three).await);
    // Once more changes nothing.
    let ended = ann.post("/account/sessions/end", &[("session", &first[0])]).await;
    assert_eq!(led_to(&ended), (302, Some("/account?done=session")));
    let ended = ann.post("/account/sessions/end-others", &[]).await;
    assert_eq!(led_to(&ended), (302, Some("/account?done=others")));
    assert!(!is_in(&two).await && !is_in(&three).await && is_in(&ann).await);
}

#[tokio::test]
async fn nobody_ends_or_sees_somebody_elses_session() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    let elsewhere = site.another(FIREFOX, "ann").await;
    let bob = site.user("bob").await;
    assert_eq!(others(&bob).await, [""; 0]);
    let of_ann = others(&ann).await;
    bob.post("/account/sessions/end", &[("session", &of_ann[0])]).await;
    bob.post("/account/sessions/end-others", &[]).await;
    assert!(is_in(&ann).await && is_in(&elsewhere).await);
    for wrong in ["", "no id", "ä"] {
        let refused = bob.post("/account/sessions/end", &[("session", wrong)]).await;
        assert_eq!(refused.status(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_stranger_has_no_account_page() {
    let site = Site::start().await;
    let browser = site.browser();
    assert_eq!(led_to(&browser.get("/account").await), (302, Some("/login")));
    for form in ["password", "sessions/end", "sessions/end-others"] {
        let response = browser.post(&format!("/account/{form}"), &[]).await;
        assert_eq!(led_to(&response), (302, Some("/login")), "{form}");
    }
}

#[tokio::test]
async fn another_sites_page_can_neither_change_the_password_nor_end_sessions() {
    let site = Site::start().await;
    let ann = site.user("ann").await;
    let elsewhere = site.another(FIREFOX, "ann").await;
    let form = [("current", OLD), ("password", NEW), ("confirmation", NEW)];
    for path in ["/account/password", "/account/sessions/end-others"] {
        let refused = ann.form_from("https://evil.example".into(), path, &form).await;
        assert_eq!(refused.status(), 403, "{path}");
    }
    assert!(is_in(&elsewhere).await);
    assert_eq!(led_to(&site.browser().log_in("ann", OLD).await), (302, Some("/")));
}

#[tokio::test]
async fn what_a_browser_calls_itself_is_shown_as_text_and_cut_short() {
    let site = Site::start().await;
    site.user("ann").await;
    let ann = site.another("<script>alert(1)</script> Linux", "ann").await;
    let page = ann.get("/account").await.text().await.unwrap();
    assert!(!page.contains("<script>alert"), "{page}");
    let long = site.another(&"x".repeat(5000), "ann").await;
    assert!(long.get("/account").await.text().await.unwrap().contains("an unknown device"));
    let ann = site.store.account_named(&TypedName::new("ann")).await.unwrap().unwrap().user.id;
    let sessions = site.store.sessions_of(ann, super::support::NOW, 10).await.unwrap();
    let longest =
        sessions.iter().filter_map(|session| session.user_agent.as_ref()).map(String::len);
    assert_eq!(longest.max(), Some(256));
}

#[tokio::test]
async fn a_session_ends_when_it_was_not_used_for_two_weeks() {
    let site = Site::start().await;
    let (used, unused) = (site.user("ann").await, site.another(FIREFOX, "ann").await);
    site.clock.pass(Duration::days(13));
    assert!(is_in(&used).await);
    site.clock.pass(Duration::days(2));
    assert!(is_in(&used).await && !is_in(&unused).await);
    site.clock.pass(Duration::weeks(2));
    assert!(!is_in(&used).await);
}

/// Sockets that are open, without a wire.
struct Open(Vec<(UserId, SessionKey)>);

impl Live for Open {
    fn sessions(&self) -> Vec<(UserId, SessionKey)> {
        self.0.clone()
    }

    fn open_chat(&self, _: User, _: UserId) -> Opening {
        panic!("no page is loaded")
    }

    fn session_ended(&self, _: UserId, _: SessionKey) {}

    fn sessions_ended(&self, _: UserId, _: Option<SessionKey>) {}

    fn session_renewed(&self, _: UserId, _: SessionKey, _: SessionKey) {}
}

#[tokio::test]
async fn a_session_whose_sockets_are_open_is_used_though_no_page_is_loaded() {
    let site = Site::start().await;
    site.user("ann").await.get("/logout").await;
    let open = site.another(FIREFOX, "ann").await;
    let ann = site.store.account_named(&TypedName::new("ann")).await.unwrap().unwrap().user.id;
    let [session] = &site.store.sessions_of(ann, site.clock.now(), 10).await.unwrap()[..] else {
        panic!("there is more than one session");
    };
    let closed = site.another(SAFARI, "ann").await;
    let sockets = Open(vec![(ann, session.key), (ann, SessionKey([9; 32]))]);
    for _ in 0..3 {
        site.clock.pass(Duration::days(10));
        upkeep::sweep_once(&site.services.accounts, &sockets).await.unwrap();
    }
    let [left] = &site.store.sessions_of(ann, site.clock.now(), 10).await.unwrap()[..] else {
        panic!("a session was not swept");
    };
    assert_eq!((left.key, left.last_seen_at), (session.key, site.clock.now()));
    assert!(is_in(&open).await && !is_in(&closed).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_the_old_password_does_not_outlive_its_change() {
    // Long enough hashes that logins are under way while the password is changed.
    let site = Site::with_flags(&["--limit-logins", "1000/m"]).await;
    let ann = site.user("ann").await;
    let id = site.store.account_named(&TypedName::new("ann")).await.unwrap().unwrap().user.id;
    let mut old = OLD.to_owned();
    for round in 0..10 {
        let new = format!("her password number {round}");
        let logins = (0..6).map(|_| {
            let (browser, old) = (site.browser(), old.clone());
            tokio::spawn(async move { browser.log_in("ann", &old).await.status().as_u16() })
        });
        let logins: Vec<_> = logins.collect();
        assert_eq!(changing(&ann, [&old, &new, &new]).await.0, 302, "round {round}");
        for login in logins {
            let status = login.await.unwrap();
            assert!(matches!(status, 302 | 401), "{status}");
        }
        let left = site.store.sessions_of(id, site.clock.now(), 100).await.unwrap();
        assert_eq!(left.len(), 1, "a session of the old password is left in round {round}");
        old = new;
    }
    assert!(is_in(&ann).await);
}

#[tokio::test]
async fn who_reads_the_database_cannot_make_a_cookie_of_it() {
    let site = Site::start().await;
    site.user("ann").await;
    let login = site.browser().log_in("ann", OLD).await;
    let cookie = login.headers()["set-cookie"].to_str().unwrap();
    let value = cookie.split_once('=').unwrap().1.split(';').next().unwrap();
    assert!(value.len() >= 20, "{value}");
    let ann = site.store.account_named(&TypedName::new("ann")).await.unwrap().unwrap().user.id;
    for session in site.store.sessions_of(ann, super::support::NOW, 10).await.unwrap() {
        assert!(!format!("{session:?}").contains(value), "{session:?}");
        let reused = session.key.to_hex();
        let thief =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = thief.get(format!("http://{}/chats", site.address));
        let request = request.header("cookie", format!("visavis_session={reused}"));
        assert_eq!(request.send().await.unwrap().status(), 302);
    }
}
