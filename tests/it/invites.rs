//! Registration by invitation, over real HTTP.

use std::process::Command;

use time::Duration;
use visavis::service::{Link, Operator};

use super::support::program::PROGRAM;
use super::support::site::{Browser, Site, led_to};

const PASSWORD: &str = "a password of hers";
const SENTENCE: &str = "registration is by invitation here";

async fn by_invitation() -> Site {
    Site::with_flags(&["--registration", "invite"]).await
}

async fn invite(site: &Site) -> Link {
    Operator::new(site.store.clone(), site.clock.clone()).invite(Duration::DAY).await.unwrap()
}

/// What the form behind a link carries beside what is typed.
async fn carried(browser: &Browser, link: &Link) -> String {
    let page = browser.get(&link.path).await.text().await.unwrap();
    let field = page.split("name=\"invite\" type=\"hidden\" value=\"").nth(1).expect(&page);
    field.split('"').next().unwrap().to_owned()
}

async fn registering(browser: &Browser, name: &str, password: &str, invite: &str) -> (u16, String) {
    let form = [
        ("username", name),
        ("password", password),
        ("confirmation", password),
        ("invite", invite),
    ];
    let response = browser.post("/register", &form).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn who_has_a_link_registers_with_it_once() {
    let site = by_invitation().await;
    let link = invite(&site).await;
    let ann = site.browser();
    let secret = carried(&ann, &link).await;
    assert!(secret.len() >= 32, "{secret}");
    assert_eq!(registering(&ann, "ann", PASSWORD, &secret).await.0, 302);
    assert_eq!(led_to(&ann.log_in("ann", PASSWORD).await), (302, Some("/")));
    let (status, page) = registering(&site.browser(), "bob", PASSWORD, &secret).await;
    assert!(status == 403 && page.contains(SENTENCE), "{status}: {page}");
    assert_eq!(site.browser().get(&link.path).await.status(), 403);
}

#[tokio::test]
async fn looking_at_the_form_uses_nothing_up() {
    let site = by_invitation().await;
    let link = invite(&site).await;
    for _ in 0..3 {
        assert_eq!(site.browser().get(&link.path).await.status(), 200);
    }
    let secret = carried(&site.browser(), &link).await;
    assert_eq!(registering(&site.browser(), "ann", PASSWORD, &secret).await.0, 302);
}

#[tokio::test]
async fn who_has_no_link_gets_an_apology_and_learns_nothing_else() {
    let site = by_invitation().await;
    let link = invite(&site).await;
    let secret = carried(&site.browser(), &link).await;
    assert_eq!(registering(&site.browser(), "ann", PASSWORD, &secret).await.0, 302);
    for query in ["", "?", "?invite=", "?invite=%ff", "?invite=1&invite=2", "?invite=unknown"] {
        let response = site.browser().get(&format!("/register{query}")).await;
        assert_eq!(response.status(), 403, "{query}");
        assert!(response.text().await.unwrap().contains(SENTENCE), "{query}");
    }
    // A taken name, a new one, a wrong password: it is all the same.
    let mut pages = Vec::new();
    for (name, password) in [("ann", PASSWORD), ("bob", PASSWORD), ("", ""), ("bob", "short")] {
        let (status, page) = registering(&site.browser(), name, password, "unknown").await;
        assert_eq!(status, 403, "{name}");
        pages.push(page);
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
    assert_eq!(site.browser().log_in("bob", PASSWORD).await.status(), 401);
}

#[tokio::test]
async fn of_many_who_use_a_link_at_the_same_moment_one_is_let_in() {
    let site = by_invitation().await;
    let link = invite(&site).await;
    let secret = carried(&site.browser(), &link).await;
    let tries = (0..8).map(|number| {
        let (browser, secret) = (site.browser(), secret.clone());
        tokio::spawn(async move {
            registering(&browser, &format!("guest {number}"), PASSWORD, &secret).await.0
        })
    });
    let mut statuses = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [302, 403, 403, 403, 403, 403, 403, 403]);
    assert_eq!(site.store.totals().await.unwrap().users, 1);
}

#[tokio::test]
async fn a_registration_that_fails_leaves_the_link_as_it_was() {
    let site = by_invitation().await;
    let (first, link) = (invite(&site).await, invite(&site).await);
    let secret = carried(&site.browser(), &first).await;
    assert_eq!(registering(&site.browser(), "taken", PASSWORD, &secret).await.0, 302);
    let secret = carried(&site.browser(), &link).await;
    for (name, password, status) in [
        ("TAKEN", PASSWORD, 409),
        ("", PASSWORD, 400),
        ("ann", "short", 400),
        ("ann", "password1", 400),
        ("a\nb", PASSWORD, 400),
    ] {
        let (got, page) = registering(&site.browser(), name, password, &secret).await;
        assert_eq!(got, status, "{name:?}: {page}");
        assert_eq!(site.browser().get(&link.path).await.status(), 200, "{name:?} used it up");
    }
    assert_eq!(registering(&site.browser(), "ann", PASSWORD, &secret).await.0, 302);
}

#[tokio::test]
async fn a_link_is_good_for_as_long_as_it_was_made_for() {
    let site = by_invitation().await;
    let link = invite(&site).await;
    let secret = carried(&site.browser(), &link).await;
    site.clock.pass(Duration::DAY - Duration::SECOND);
    assert_eq!(site.browser().get(&link.path).await.status(), 200);
    site.clock.pass(Duration::SECOND);
    assert_eq!(site.browser().get(&link.path).await.status(), 403);
    assert_eq!(registering(&site.browser(), "ann", PASSWORD, &secret).await.0, 403);
}

#[tokio::test]
async fn no_page_leads_strangers_to_a_form_that_is_not_for_them() {
    let site = by_invitation().await;
    for path in ["/login", "/nowhere", "/register"] {
        let page = site.browser().get(path).await.text().await.unwrap();
        assert!(page.contains("</html>") && !page.contains("\"/register\""), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_link_opens_no_closed_door_and_an_open_one_needs_none() {
    for (mode, status) in [("closed", 403), ("open", 200)] {
        let site = Site::with_flags(&["--registration", mode]).await;
        let link = invite(&site).await;
        assert_eq!(site.browser().get(&link.path).await.status(), status, "{mode}");
        let secret = link.path.split('=').nth(1).unwrap();
        let (got, _) = registering(&site.browser(), "ann", PASSWORD, secret).await;
        assert_eq!(got, if status == 200 { 302 } else { status }, "{mode}");
    }
    let site = Site::start().await;
    assert_eq!(registering(&site.browser(), "ann", PASSWORD, "").await.0, 302);
}

#[tokio::test]
async fn a_link_for_a_password_is_no_invitation() {
    let site = by_invitation().await;
    let operator = Operator::new(site.store.clone(), site.clock.clone());
    let reset = operator.add("ann").await.unwrap();
    let secret = reset.path.rsplit('/').next().unwrap();
    let response = site.browser().get(&format!("/register?invite={secret}")).await;
    assert_eq!(response.status(), 403);
    let invitation = invite(&site).await;
    let secret = invitation.path.split('=').nth(1).unwrap();
    assert_eq!(site.browser().get(&format!("/reset/{secret}")).await.status(), 404);
}

#[tokio::test]
async fn the_command_prints_a_link_and_how_long_it_is_good() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.arg("--database").arg(&path).arg("invite").args(arguments);
        let output = command.args(["--public-url", "https://example.org/chat"]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, printed, log) =
        run(&["--create", "--registration", "invite", "--valid-for", "365d"]);
    assert_eq!(code, 0, "{log}");
    let (sentence, link) = printed.trim_end().split_once('\n').unwrap();
    assert!(sentence.contains("One person registers with this link, once, until 20"), "{printed}");
    let secret = link.strip_prefix("https://example.org/chat/register?invite=").unwrap();
    assert!(secret.len() >= 32 && !log.contains(secret), "{printed}{log}");
    assert!(!log.contains("--registration invite"), "{log}");
    assert!(run(&[]).2.contains("it works where the server runs with --registration invite"));
    assert_eq!(run(&["--valid-for", "366d"]).0, 2);
    let site = Site::over_file(&path, &["--registration", "invite"]).await;
    assert_eq!(registering(&site.browser(), "ann", PASSWORD, secret).await.0, 302);
}
