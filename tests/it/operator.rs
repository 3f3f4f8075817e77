//! What the operator does about people, with commands beside a server and without one.

use std::path::Path;
use std::process::Command;

use time::Duration;
use visavis::service::{Link, Operator};

use super::support::program::PROGRAM;
use super::support::site::{Browser, Site, led_to};
use super::support::{flask_database, sqlite};

const NEW: &str = "a password of her own";

/// Runs `visavis user …` on a database; gives the exit code and what was printed to either side.
fn user(database: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["--database"]).arg(database).args(["--listen", "127.0.0.1:5999", "user"]);
    let output = command.args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (printed, log) = (text(output.stdout), text(output.stderr));
    for (_, secret) in printed.lines().filter_map(|line| line.split_once("/reset/")) {
        assert!(!log.contains(secret), "{log}");
    }
    (output.status.code().unwrap(), printed, log)
}

/// The path of the link that a command printed.
fn printed_link(printed: &str) -> String {
    let line = printed.lines().last().unwrap();
    line.strip_prefix("http://127.0.0.1:5999").expect(printed).to_owned()
}

fn operator(site: &Site) -> Operator {
    Operator::new(site.store.clone(), site.clock.clone())
}

async fn set_password(browser: &Browser, link: &str, password: &str) -> (u16, Option<String>) {
    let form = [("password", password), ("confirmation", password)];
    let response = browser.post(link, &form).await;
    let (status, location) = led_to(&response);
    (status, location.map(str::to_owned))
}

const DONE: u16 = 302;
const USELESS: u16 = 404;

async fn is_in(browser: &Browser) -> bool {
    browser.get("/chats").await.status() == 200
}

#[tokio::test]
async fn who_is_added_beside_a_server_sets_a_password_by_a_link_and_logs_in() {
    let (store, dir) = sqlite();
    drop(store);
    let path = dir.path().join("messenger.db");
    let site = Site::over_file(&path, &["--registration", "closed"]).await;
    let (code, printed, log) = user(&path, &["add", "Zoë"]);
    assert_eq!(code, 0, "{log}");
    let link = printed_link(&printed);
    assert!(printed.contains("Zoë") && link.len() >= "/reset/".len() + 32, "{printed}");
    let browser = site.browser();
    for _ in 0..2 {
        let page = browser.get(&link).await.text().await.unwrap();
        assert!(page.contains("value=\"Zoë\"") && page.contains(&link), "{page}");
    }
    assert_eq!(set_password(&browser, &link, NEW).await, (DONE, Some("/login".into())));
    assert_eq!(led_to(&browser.log_in("Zoë", NEW).await), (302, Some("/")));
}

#[tokio::test]
async fn who_was_added_cannot_log_in_before_there_is_a_password() {
    let site = Site::start().await;
    operator(&site).add("ann").await.unwrap();
    for password in ["!", "anything", " "] {
        assert_eq!(site.browser().log_in("ann", password).await.status(), 401, "{password}");
    }
}

#[tokio::test]
async fn a_link_is_used_once_also_by_many_at_the_same_moment() {
    let site = Site::start().await;
    let Link { path, .. } = operator(&site).add("ann").await.unwrap();
    let passwords: Vec<String> = (0..8).map(|number| format!("password number {number}")).collect();
    let tries = passwords.iter().map(|password| {
        let (browser, path, password) = (site.browser(), path.clone(), password.clone());
        tokio::spawn(async move { set_password(&browser, &path, &password).await.0 })
    });
    let mut statuses = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == DONE).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == USELESS).count(), 7, "{statuses:?}");
    for (password, status) in passwords.iter().zip(statuses) {
        let login = site.browser().log_in("ann", password).await.status().as_u16();
        assert_eq!(login == 302, status == DONE, "{password}");
    }
    assert_eq!(site.browser().get(&path).await.status(), USELESS);
}

#[tokio::test]
async fn what_cannot_be_taken_leaves_the_link_as_it_was() {
    let site = Site::start().await;
    let Link { path, .. } = operator(&site).add("ann").await.unwrap();
    let browser = site.browser();
    for (password, confirmation, sentence) in [
        ("", "", "Please provide a password and password confirmation"),
        (NEW, "another", "Password and password confirmation must match!"),
        ("short", "short", "password is shorter than 8 characters"),
        ("password1", "password1", "one of the commonest"),
    ] {
        let form = [("password", password), ("confirmation", confirmation)];
        let response = browser.post(&path, &form).await;
        assert_eq!(response.status(), 400, "{password}");
        let page = response.text().await.unwrap();
        assert!(page.contains(sentence), "{sentence:?} is not on the page {page}");
    }
    assert_eq!(set_password(&browser, &path, NEW).await.0, DONE);
}

#[tokio::test]
async fn a_link_is_good_for_four_hours() {
    let site = Site::start().await;
    let Link { path, .. } = operator(&site).add("ann").await.unwrap();
    site.clock.pass(Duration::hours(4) - Duration::SECOND);
    assert_eq!(site.browser().get(&path).await.status(), 200);
    site.clock.pass(Duration::SECOND);
    let response = site.browser().get(&path).await;
    assert_eq!(response.status(), USELESS);
    assert!(response.text().await.unwrap().contains("this link was used already or is too old"));
    assert_eq!(set_password(&site.browser(), &path, NEW).await.0, USELESS);
}

#[tokio::test]
async fn a_new_password_by_a_link_ends_every_session() {
    let site = Site::start().await;
    let (ann, bob) = (site.user("ann").await, site.user("bob").await);
    let Link { path, .. } = operator(&site).reset_password("ANN").await.unwrap();
    // Until it is used, everything stays as it was.
    assert!(is_in(&ann).await);
    assert_eq!(site.browser().log_in("ann", "password of ann").await.status(), 302);
    assert_eq!(set_password(&site.browser(), &path, NEW).await.0, DONE);
    assert!(!is_in(&ann).await && is_in(&bob).await);
    assert_eq!(site.browser().log_in("ann", "password of ann").await.status(), 401);
    assert_eq!(site.browser().log_in("ann", NEW).await.status(), 302);
}

#[tokio::test]
async fn links_that_were_never_made_lead_nowhere() {
    let site = Site::start().await;
    let Link { path, .. } = operator(&site).add("ann").await.unwrap();
    let longer = format!("{path}0");
    let shorter = &path[..path.len() - 1];
    let upper = path.to_uppercase().replace("/RESET/", "/reset/");
    for path in ["/reset/", "/reset/x", "/reset/%ff", "/reset/%00", &longer, shorter, &upper] {
        assert_eq!(site.browser().get(path).await.status(), 404, "{path}");
        assert_eq!(set_password(&site.browser(), path, NEW).await.0, 404, "{path}");
    }
    assert_eq!(set_password(&site.browser(), &path, NEW).await.0, DONE);
}

#[tokio::test]
async fn who_reads_the_database_cannot_make_a_link_of_it() {
    let (path, _dir) = {
        let (store, dir) = sqlite();
        drop(store);
        (dir.path().join("messenger.db"), dir)
    };
    let (_, printed, _) = user(&path, &["add", "--create", "ann"]);
    let secret = printed_link(&printed).replace("/reset/", "");
    let bytes = std::fs::read(&path).unwrap();
    let stands = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(stands(b"ann") && !stands(secret.as_bytes()));
    let raw: Vec<u8> = (0..secret.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&secret[place..place + 2], 16).unwrap())
        .collect();
    assert!(raw.len() >= 16 && !stands(&raw));
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_told_no_more_than_a_stranger() {
    let site = Site::start().await;
    let (ann, bob) = (site.user("ann").await, site.user("bob").await);
    assert!(operator(&site).disable("ann").await.unwrap());
    assert!(!is_in(&ann).await && is_in(&bob).await);
    let told = async |name, password| {
        let response = site.browser().log_in(name, password).await;
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let right = told("ann", "password of ann").await;
    assert_eq!(right.0, 401);
    assert_eq!(right, told("ann", "not her password").await);
    assert_eq!(right, told("nobody", "password of ann").await);
    assert!(!operator(&site).disable("ann").await.unwrap());
    assert!(operator(&site).enable("ann").await.unwrap());
    assert!(!is_in(&ann).await, "an old session came back");
    assert_eq!(site.browser().log_in("ann", "password of ann").await.status(), 302);
}

#[tokio::test]
async fn a_disabled_user_gets_in_by_no_link() {
    let site = Site::start().await;
    site.user("ann").await;
    let Link { path, .. } = operator(&site).reset_password("ann").await.unwrap();
    operator(&site).disable("ann").await.unwrap();
    assert_eq!(set_password(&site.browser(), &path, NEW).await.0, USELESS);
    let refused = operator(&site).reset_password("ann").await.err().unwrap().to_string();
    assert_eq!(refused, "ann is disabled; enable ann first");
    operator(&site).enable("ann").await.unwrap();
    assert_eq!(set_password(&site.browser(), &path, NEW).await.0, USELESS);
}

#[test]
fn without_a_server_the_commands_make_a_database_and_tell_what_they_did() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    assert_eq!(user(&path, &["add", "--create", "ann"]).0, 0);
    assert_eq!(user(&path, &["add", "bob"]).0, 0);
    let (_, printed, _) = user(&path, &["disable", "bob"]);
    assert_eq!(printed, "bob is disabled\n");
    let (_, printed, _) = user(&path, &["disable", "BOB"]);
    assert_eq!(printed, "BOB is disabled already\n");
    let (_, printed, _) = user(&path, &["list"]);
    let lines: Vec<Vec<&str>> =
        printed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["1", "enabled", "0", "-", "ann"]);
    assert_eq!(lines[2], ["2", "disabled", "0", "-", "bob"]);
    assert_eq!(user(&path, &["enable", "bob"]).1, "bob is enabled\n");
    assert_eq!(user(&path, &["sign-out", "bob"]).1, "bob is signed out; sessions ended: 0\n");
}

#[test]
fn what_cannot_be_done_is_told_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    user(&path, &["add", "--create", "ann"]);
    let (flask, _dir) = flask_database();
    let before = std::fs::read(&flask).unwrap();
    let missing = dir.path().join("mistyped.db");
    for (path, arguments, sentence) in [
        (&path, ["add", "ANN"], "the name is taken"),
        (&path, ["add", " "], "Please provide a username"),
        (&path, ["disable", "nobody"], "there is no user called \"nobody\""),
        (&path, ["enable", "nobody"], "there is no user called \"nobody\""),
        (&path, ["sign-out", "nobody"], "there is no user called \"nobody\""),
        (&path, ["reset-password", "nobody"], "there is no user called \"nobody\""),
        (&flask, ["add", "zoe"], "start visavis on it once"),
        (&missing, ["disable", "ann"], "there is no file"),
    ] {
        let (code, printed, said) = user(path, &arguments);
        assert_eq!((code, &*printed), (1, ""), "{arguments:?}: {said}");
        assert!(said.lines().count() == 1 && said.contains(sentence), "{arguments:?}: {said}");
    }
    assert_eq!(std::fs::read(&flask).unwrap(), before);
    assert!(!missing.exists());
}

#[test]
fn a_link_that_would_lead_nowhere_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    assert_eq!(user(&path, &["add", "--create", "ann"]).0, 0);
    let before = std::fs::read(&path).unwrap();
    for listen in ["0.0.0.0:5000", "[::]:5000"] {
        for arguments in
            [&["invite"][..], &["user", "add", "bob"], &["user", "reset-password", "ann"]]
        {
            let run = |more: &[&str]| {
                let mut command = Command::new(PROGRAM);
                command.arg("--database").arg(&path).args(["--listen", listen]).args(more);
                command.args(arguments).output().unwrap()
            };
            let output = run(&[]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
            assert!(said.contains("--public-url https://chat.example"), "{said}");
            assert_eq!(std::fs::read(&path).unwrap(), before, "{arguments:?} wrote something");
        }
    }
    let mut command = Command::new(PROGRAM);
    command.arg("--database").arg(&path).args(["--listen", "0.0.0.0:5000", "invite"]);
    let output = command.args(["--public-url", "https://chat.example"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\nhttps://chat.example/register"));
}

#[test]
fn a_database_is_made_only_where_create_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mesenger.db");
    for arguments in [&["user", "add", "ann"][..], &["invite"]] {
        let run = |more: &[&str]| {
            let mut command = Command::new(PROGRAM);
            command.arg("--database").arg(&path).args(arguments).args(more).output().unwrap()
        };
        let refused = run(&[]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("there is no database") && said.contains("--create"), "{said}");
        assert!(!path.exists(), "{arguments:?}");
        assert!(run(&["--create"]).status.success(), "{arguments:?}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_command_whose_output_nobody_reads_does_its_work() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    assert_eq!(user(&path, &["add", "--create", "ann"]).0, 0);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("--database").arg(&path).args(["user", "list"]).stdout(full);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("visavis: cannot print: ") && !said.contains("panicked"), "{said}");
}
