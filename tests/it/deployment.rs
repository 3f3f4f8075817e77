//! A deployment's own templates: which file is drawn, and what happens when one is wrong.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use visavis::http::check_templates;

use super::support::site::Site;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

async fn site_over(folder: &Path, further: &[&str]) -> Site {
    let flags = [&["--templates", folder.to_str().unwrap()], further].concat();
    Site::with_flags(&flags).await
}

/// Status and text of a page for somebody who is not logged in.
async fn page(site: &Site, path: &str) -> (u16, String) {
    let response = site.browser().get(path).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_deployments_templates_come_first_file_by_file() {
    let dir = folder(&[("login.html", "own login, {{ session['user_id'] }}{{ request.path }}")]);
    let site = site_over(dir.path(), &[]).await;
    assert_eq!(page(&site, "/login").await, (200, "own login, /login".into()));
    let (status, register) = page(&site, "/register").await;
    assert!(status == 200 && register.contains("Messanger: Register"), "{register}");
}

#[tokio::test]
async fn an_embedded_page_stands_in_a_deployments_layout() {
    let layout = "<own>{% block title %}{% endblock %}{% block main %}{% endblock %}</own>";
    let dir = folder(&[("layout.html", layout)]);
    let site = site_over(dir.path(), &[]).await;
    let (_, login) = page(&site, "/login").await;
    assert!(login.starts_with("<own>Log In") && login.contains("name=\"password\""), "{login}");
}

#[tokio::test]
async fn a_deployments_page_may_extend_an_embedded_layout() {
    let own = "{% extends 'layout.html' %}{% block main %}own main{% endblock %}";
    let dir = folder(&[("login.html", own)]);
    let site = site_over(dir.path(), &[]).await;
    let (_, login) = page(&site, "/login").await;
    assert!(login.contains("own main") && login.contains("Messanger: "), "{login}");
}

#[tokio::test]
async fn a_page_without_an_end_or_a_bound_gets_the_apology() {
    for wrong in [
        "{% for x in range(99999) %}{% for y in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set ns = namespace(x='x') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{{ lipsum(n=99999999999) }}",
        "{{ 'x'|center(99999999999) }}",
        "{{ 'x'.ljust(99999999999) }}",
        "{{ 'x'.zfill(99999999999) }}",
        "{{ 'x\ny'|indent(99999999999, true) }}",
        "{{ [1]|tojson(indent=18446744073709551615) }}",
        "{{ ('x' * 99999)|replace('', 'x' * 99999) }}",
        "{{ ('x ' * 99999)|wordwrap(1, wrapstring='x' * 99999) }}",
    ] {
        let dir = folder(&[("login.html", wrong)]);
        let site = site_over(dir.path(), &[]).await;
        let (status, text) = page(&site, "/login").await;
        assert_eq!(status, 500, "{wrong}");
        assert!(text.contains("Something went wrong :("), "{wrong}: {text}");
        assert_eq!(page(&site, "/register").await.0, 200, "{wrong}");
    }
}

#[tokio::test]
async fn a_page_that_fails_gets_the_embedded_apology() {
    for wrong in [
        "a\n{% if %}",
        "{{ url_for('nowhere') }}",
        "{{ nothing.at.all }}",
        "{% include 'missing.html' %}",
        "{% extends 'missing.html' %}",
        "{{ 1 / 0 }}",
        "{{ 'a'|no_such_filter }}",
        "{{ [].no_such_method() }}",
    ] {
        let dir = folder(&[("login.html", wrong)]);
        let site = site_over(dir.path(), &[]).await;
        let (status, text) = page(&site, "/login").await;
        assert_eq!(status, 500, "{wrong}: {text}");
        assert!(text.contains("Something went wrong :(") && text.contains("Sorry"), "{text}");
        assert!(!text.contains("html:"), "the visitor reads of files: {text}");
        assert_eq!(page(&site, "/register").await.0, 200, "{wrong}");
    }
}

#[tokio::test]
async fn an_apology_that_fails_is_given_in_our_own_words() {
    let dir = folder(&[("apology.html", "{{ nothing.at.all }}")]);
    let site = site_over(dir.path(), &[]).await;
    let (status, text) = page(&site, "/nowhere").await;
    assert_eq!(status, 500, "{text}");
    assert!(text.contains("there is no such page") && text.contains("Sorry"), "{text}");
}

#[tokio::test]
async fn a_deployments_apology_keeps_the_status() {
    let dir = folder(&[("apology.html", "own: {{ message }}, {{ session.get('user_id') }}")]);
    let site = site_over(dir.path(), &[]).await;
    assert_eq!(page(&site, "/nowhere").await, (404, "own: there is no such page, None".into()));
    // The session ends before the password is looked at.
    let ann = site.user("ann").await;
    let refused = ann.log_in("ann", "not the password").await;
    assert_eq!(refused.status(), 401);
    let text = refused.text().await.unwrap();
    assert_eq!(text, "own: invalid username and/or password, None");
}

#[tokio::test]
async fn templates_are_read_again_only_where_that_is_asked_for() {
    for (further, expected) in [(&["--reload-templates"][..], "second"), (&[][..], "first")] {
        let dir = folder(&[("login.html", "first")]);
        let site = site_over(dir.path(), further).await;
        assert_eq!(page(&site, "/login").await.1, "first");
        fs::write(dir.path().join("login.html"), "second").unwrap();
        assert_eq!(page(&site, "/login").await.1, expected, "{further:?}");
    }
}

#[tokio::test]
async fn a_template_that_appears_and_goes_is_seen_while_templates_are_reloaded() {
    let dir = folder(&[]);
    let site = site_over(dir.path(), &["--reload-templates"]).await;
    assert!(page(&site, "/login").await.1.contains("Messanger: Log In"));
    fs::write(dir.path().join("login.html"), "{% if %}").unwrap();
    assert_eq!(page(&site, "/login").await.0, 500);
    fs::write(dir.path().join("login.html"), "own").unwrap();
    assert_eq!(page(&site, "/login").await, (200, "own".into()));
    fs::remove_file(dir.path().join("login.html")).unwrap();
    assert!(page(&site, "/login").await.1.contains("Messanger: Log In"));
}

#[test]
fn a_check_names_file_line_and_reason_of_each_problem() {
    let dir = folder(&[
        ("login.html", "fine"),
        ("broken.html", "a\nb\n{% if x %}\n"),
        ("find.html", "\n{{ 'a'|no_such_filter }}"),
        ("chats.html", "{% extends 'no_layout.html' %}"),
        ("part/row.html", "\n\n{{ chat.id.x.y }}"),
        ("index.html", "{% include 'part/row.html' %}"),
        (".hidden.html", "{% if %}"),
        ("notes.md", "{% if %}"),
    ]);
    fs::write(dir.path().join("latin1.html"), b"ok\n caf\xe9").unwrap();
    let problems = check_templates(dir.path());
    for (file, words) in [
        ("broken.html:3: ", "unexpected end of input"),
        ("find.html:2: ", "no_such_filter"),
        ("chats.html:1: ", "no_layout.html"),
        ("part/row.html:3: ", "undefined"),
        ("latin1.html:2: ", "not UTF-8"),
    ] {
        let path = format!("{}/{file}", dir.path().display());
        let found = problems.iter().filter(|line| line.contains(file) && line.contains(words));
        assert_eq!(found.count(), 1, "{path} {words}: {problems:#?}");
    }
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(problems.iter().all(|line| !line.contains('\n')), "{problems:#?}");
    assert_eq!(check_templates(folder(&[]).path()), [""; 0]);
    assert_eq!(check_templates(Path::new("/nowhere/at/all")).len(), 1);
}

#[test]
fn the_deployment_that_browsers_test_has_no_problems() {
    assert_eq!(check_templates(Path::new("tests/deployment/templates")), [""; 0]);
}

#[test]
fn a_wrong_template_is_logged_at_the_start_and_does_not_stop_it() {
    let dir = folder(&[("templates/chats.html", "a\n{% endfor %}")]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_visavis"))
        .current_dir(dir.path())
        .args(["--listen", "127.0.0.1:0", "--templates", "templates"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut logged = Vec::new();
    for line in lines {
        let listens = line.contains("visavis listens on");
        logged.push(line);
        if listens {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let errors: Vec<&String> = logged.iter().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{logged:#?}");
    assert!(errors[0].contains("templates/chats.html:2: "), "{logged:#?}");
    assert!(logged.last().unwrap().contains("visavis listens on"), "{logged:#?}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    for flag in ["--templates", "--static"] {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_visavis"))
            .current_dir(dir.path())
            .args(["--listen", "127.0.0.1:0", flag, "no/folder"])
            .output()
            .unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(line.contains(flag) && line.contains("no/folder"), "{line}");
    }
}

#[tokio::test]
async fn our_own_pages_carry_a_strict_policy_and_a_deployments_do_not() {
    let dir = folder(&[]);
    let path = dir.path().to_str().unwrap();
    let on = "--content-security-policy";
    for (flags, has_policy) in [
        (&[][..], true),
        (&["--templates", path], false),
        (&["--static", path], false),
        (&["--templates", path, on, "on"], true),
        (&["--static", path, on, "auto"], false),
        (&[on, "off"], false),
    ] {
        let site = Site::with_flags(flags).await;
        for path in ["/login", "/nowhere", "/", "/static/js/chats.js"] {
            let response = site.browser().get(path).await;
            let headers = response.headers();
            assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
            let policy = headers.get("content-security-policy");
            assert_eq!(policy.is_some(), has_policy, "{flags:?} {path}");
            let Some(policy) = policy.map(|policy| policy.to_str().unwrap()) else { continue };
            for part in [
                "default-src 'self'",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            ] {
                assert!(policy.split("; ").any(|found| found == part), "{part}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
        }
    }
}
