//! What browsers keep, and what comes compressed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::{Client, Response};

use super::support::site::Site;

/// An answer to a browser that takes compressed files, as they are sent.
async fn compressed(site: &Site, path: &str) -> Response {
    let request = Client::new().get(format!("http://{}{path}", site.address));
    request.header("accept-encoding", "gzip, deflate, br").send().await.unwrap()
}

async fn unpacked(response: Response) -> String {
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.headers()["vary"], "accept-encoding");
    let bytes = response.bytes().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
    text
}

/// The addresses below `/static/` that stand in quotes in `page`.
fn static_files(page: &str) -> BTreeSet<&str> {
    page.split('"').filter(|text| text.starts_with("/static/")).collect()
}

#[tokio::test]
async fn browsers_keep_what_our_pages_load() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let mut pages = String::new();
    for path in ["/", "/find", "/chats", "/nowhere", "/register", "/login"] {
        pages += &browser.get(path).await.text().await.unwrap();
    }
    let files = static_files(&pages);
    for name in ["/favicon.svg", "/css/visavis.css", "/js/chats.js", "/js/find.js"] {
        assert!(files.iter().any(|path| path.ends_with(name)), "{name}: {files:?}");
    }
    let (mut bytes, mut sent) = (0, 0);
    for path in files {
        let whole = browser.get(path).await;
        assert_eq!(whole.status(), 200, "{path}");
        let policy = whole.headers()["cache-control"].to_str().unwrap();
        assert_eq!(policy, "public, max-age=31536000, immutable", "{path}");
        assert!(
            !whole.headers().contains_key("pragma") && !whole.headers().contains_key("expires")
        );
        let whole = whole.text().await.unwrap();
        let response = compressed(&site, path).await;
        bytes += whole.len();
        sent += usize::try_from(response.content_length().unwrap()).unwrap();
        assert_eq!(unpacked(response).await, whole, "{path}");
    }
    assert!(sent * 3 < bytes, "{sent} of {bytes} bytes");
}

#[tokio::test]
async fn a_page_of_an_earlier_program_gets_the_file_as_it_is_now() {
    let site = Site::start().await;
    let plain = site.browser().get("/static/css/visavis.css").await.text().await.unwrap();
    let earlier = site.browser().get("/static/~0123456789abcdef/css/visavis.css").await;
    assert_eq!(earlier.status(), 200);
    assert_eq!(earlier.headers()["cache-control"], "no-cache, no-store, must-revalidate");
    assert_eq!(earlier.text().await.unwrap(), plain);
}

#[tokio::test]
async fn a_deployments_files_are_not_kept_and_are_theirs_compressed_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("css")).unwrap();
    let own = "a { color: red } ".repeat(100);
    fs::write(dir.path().join("css/visavis.css"), &own).unwrap();
    let site = Site::with_flags(&["--static", dir.path().to_str().unwrap()]).await;
    let page = site.browser().get("/login").await.text().await.unwrap();
    let path = static_files(&page).into_iter().find(|path| path.ends_with("/css/visavis.css"));
    for path in [path.unwrap(), "/static/css/visavis.css"] {
        let response = compressed(&site, path).await;
        let policy = response.headers()["cache-control"].to_str().unwrap();
        assert_eq!(policy, "no-cache, no-store, must-revalidate", "{path}");
        assert_eq!(unpacked(response).await, own, "{path}");
    }
}

#[tokio::test]
async fn pages_come_compressed_and_polls_do_not() {
    let site = Site::start().await;
    let plain = site.browser().get("/login").await.text().await.unwrap();
    assert_eq!(unpacked(compressed(&site, "/login").await).await, plain);
    let poll = compressed(&site, "/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(poll.status(), 200);
    assert!(!poll.headers().contains_key("content-encoding"));
}
