//! Static files: a deployment's before ours, and nothing from outside the folder.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::Command;

use tempfile::TempDir;

use super::support::site::Site;

const SECRET: &str = "nobody may read this";

/// A folder beside a file that nobody may read, and a site that serves the folder.
async fn site() -> (Site, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("static");
    fs::create_dir_all(files.join("sub/.git")).unwrap();
    fs::write(dir.path().join("secret.txt"), SECRET).unwrap();
    for (name, text) in [
        ("chats.js", "own script"),
        ("styles.css", "own styles"),
        ("send_icon.png", "own icon"),
        ("no_ending", "bytes"),
        ("a b&ü.txt", "odd name"),
        ("sub/page.html", "page"),
        ("js/find.js", "own search"),
        ("digits.txt", "0123456789"),
        (".env", SECRET),
        ("sub/.git/config", SECRET),
    ] {
        fs::create_dir_all(files.join(name).parent().unwrap()).unwrap();
        fs::write(files.join(name), text).unwrap();
    }
    symlink("../secret.txt", files.join("out.txt")).unwrap();
    symlink("/etc/hostname", files.join("absolute.txt")).unwrap();
    symlink("..", files.join("up")).unwrap();
    symlink("chats.js", files.join("inside.js")).unwrap();
    symlink("nowhere", files.join("dangling.txt")).unwrap();
    assert!(Command::new("mkfifo").arg(files.join("pipe")).status().unwrap().success());
    let site = Site::with_flags(&["--static", files.to_str().unwrap()]).await;
    (site, dir)
}

/// A request as it stands here: clients tidy addresses up before they send them.
fn raw(site: &Site, method: &str, target: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(site.address).unwrap();
    let host = site.address;
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer to {target}: {answer}")), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_folder_is_reached() {
    let (site, dir) = site().await;
    let absolute = dir.path().join("secret.txt");
    let absolute = absolute.to_str().unwrap();
    let mut targets: Vec<String> = [
        "/static/../secret.txt",
        "/static/sub/../../secret.txt",
        "/static/./../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/%2E%2E/secret.txt",
        "/static/.%2e/secret.txt",
        "/static/%2e%2e%2fsecret.txt",
        "/static/..%2fsecret.txt",
        "/static/..%5csecret.txt",
        "/static/..\\secret.txt",
        "/static/sub%5c..%5c..%5csecret.txt",
        "/static/%252e%252e/secret.txt",
        "/static/%252e%252e%252fsecret.txt",
        "/static/..%252fsecret.txt",
        "/static/..%c0%afsecret.txt",
        "/static/%c0%ae%c0%ae/secret.txt",
        "/static/....//secret.txt",
        "/static/..;/secret.txt",
        "/static/chats.js%00.txt",
        "/static/%00",
        "/static/..%00/secret.txt",
        "/static/out.txt",
        "/static/absolute.txt",
        "/static/up/secret.txt",
        "/static/up/static/../secret.txt",
        "/static/.env",
        "/static/%2eenv",
        "/static/sub/.git/config",
        "/static/sub/%2egit/config",
        "/static/dangling.txt",
        "/static/pipe",
        "/static/",
        "/static/sub",
        "/static/sub/",
        "/static/%ff",
        "/static//etc/hostname",
        "/static/%2fetc%2fhostname",
        "/static/C:/secret.txt",
        "/static/~0/../../secret.txt",
        "/static/~0/%2e%2e/secret.txt",
        "/static/~0//etc/hostname",
        "/static/~0/~0/../secret.txt",
        "/static/~0",
    ]
    .map(str::to_owned)
    .to_vec();
    targets.push(format!("/static/{absolute}"));
    targets.push(format!("/static{}", absolute.replace('/', "%2f")));
    targets.push(format!("/static/{}", "a".repeat(5000)));
    targets.push(format!("/static/{}", "a/".repeat(3000)));
    for target in targets {
        for method in ["GET", "HEAD"] {
            let (status, answer) = raw(&site, method, &target, "");
            assert!(matches!(status, 400 | 404), "{method} {target}: {answer}");
            assert!(!answer.contains(SECRET), "{target}");
        }
    }
}

#[tokio::test]
async fn a_deployments_files_come_first_file_by_file() {
    let (site, _dir) = site().await;
    for (path, text, kind) in [
        ("chats.js", "own script", "text/javascript; charset=utf-8"),
        ("styles.css", "own styles", "text/css; charset=utf-8"),
        ("send_icon.png", "own icon", "image/png"),
        ("no_ending", "bytes", "application/octet-stream"),
        ("a%20b&%C3%BC.txt", "odd name", "text/plain; charset=utf-8"),
        ("sub/page.html", "page", "text/html; charset=utf-8"),
        ("js/find.js", "own search", "text/javascript; charset=utf-8"),
        ("inside.js", "own script", "text/javascript; charset=utf-8"),
        ("chats.js?v=2", "own script", "text/javascript; charset=utf-8"),
    ] {
        let response = site.browser().get(&format!("/static/{path}")).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], kind, "{path}");
        assert_eq!(response.text().await.unwrap(), text, "{path}");
    }
    let embedded = site.browser().get("/static/css/visavis.css").await;
    assert_eq!(embedded.status(), 200);
    assert!(embedded.text().await.unwrap().contains("var(--"));
}

#[tokio::test]
async fn a_file_that_changes_is_served_as_it_is_now() {
    let (site, dir) = site().await;
    let path = dir.path().join("static/chats.js");
    fs::write(&path, "changed").unwrap();
    assert_eq!(site.browser().get("/static/chats.js").await.text().await.unwrap(), "changed");
    fs::remove_file(&path).unwrap();
    assert_eq!(site.browser().get("/static/chats.js").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_revalidated_and_asked_for_in_parts() {
    let (site, _dir) = site().await;
    for path in ["/static/digits.txt", "/static/css/visavis.css"] {
        let whole = site.browser().get(path).await;
        let header = |name| whole.headers()[name].to_str().unwrap().to_owned();
        let (tag, modified) = (header("etag"), header("last-modified"));
        assert_eq!(header("cache-control"), "no-cache, no-store, must-revalidate");
        assert_eq!(header("accept-ranges"), "bytes");
        let length: usize = header("content-length").parse().unwrap();
        let text = whole.text().await.unwrap();
        assert_eq!(text.len(), length);

        let asked = |headers: &str| raw(&site, "GET", path, headers);
        assert_eq!(asked(&format!("If-None-Match: {tag}\r\n")).0, 304, "{path}");
        assert_eq!(asked(&format!("If-None-Match: \"x\", W/{tag}\r\n")).0, 304, "{path}");
        assert_eq!(asked(&format!("If-Modified-Since: {modified}\r\n")).0, 304, "{path}");
        assert_eq!(asked("If-None-Match: \"x\"\r\n").0, 200, "{path}");

        let (status, part) = asked("Range: bytes=2-4\r\n");
        assert_eq!(status, 206, "{part}");
        assert!(part.contains(&format!("bytes 2-4/{length}")), "{part}");
        assert!(part.ends_with(&format!("\r\n\r\n{}", &text[2..5])), "{part}");
        let (status, last) = asked("Range: bytes=-3\r\n");
        assert_eq!(status, 206);
        assert!(last.ends_with(&text[length - 3..]), "{last}");
        let (status, beyond) = asked(&format!("Range: bytes={length}-\r\n"));
        assert_eq!(status, 416, "{beyond}");
        assert!(beyond.contains(&format!("bytes */{length}")), "{beyond}");

        let (status, head) = raw(&site, "HEAD", path, "");
        assert_eq!(status, 200);
        assert!(head.contains(&tag) && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {length}")), "{head}");
        assert_eq!(raw(&site, "POST", path, "").0, 405);
    }
}
