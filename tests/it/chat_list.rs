//! The list of chats of somebody who has many.

use visavis::domain::{UserId, Username};

use super::support::NOW;
use super::support::site::{Browser, Site, led_to};

/// Somebody's browser who has chats with `count` people, the one with `p1` the oldest.
async fn with_chats(site: &Site, count: usize) -> Browser {
    let ann = site.user("ann").await;
    for number in 1..=count {
        let name = Username::parse(&format!("p{number}")).unwrap();
        let partner = site.store.add_user(&name, "hash").await.unwrap();
        site.store.open_chat(UserId(1), partner, NOW).await.unwrap().unwrap();
    }
    ann
}

/// The ids of the partners in the list, and what it says of more.
async fn listed(browser: &Browser, path: &str) -> (Vec<usize>, String) {
    let page = browser.get(path).await;
    assert_eq!(page.status(), 200, "{path}");
    let page = page.text().await.unwrap();
    let ids = page.split("class=\"chat\" id=\"chat-").skip(1);
    let ids = ids.map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect();
    let more = page.split("class=\"more-chats\">").nth(1).unwrap_or_default();
    let more = more.split("</p>").next().unwrap_or_default();
    let more = more.replace("<span class=\"more-chats-count\">", "").replace("</span>", "");
    (ids, more.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn the_newest_chats_are_listed_and_how_many_more_there_are() {
    let site = Site::start().await;
    let ann = with_chats(&site, 45).await;
    let (ids, more) = listed(&ann, "/chats").await;
    assert_eq!(ids, (7..=46).rev().collect::<Vec<_>>());
    assert_eq!(
        more,
        "And 5 more. <a class=\"more-chats-show\" href=\"/chats?show=140\">Show more</a>"
    );

    let (ids, more) = listed(&ann, "/chats?show=140").await;
    assert_eq!((ids.len(), more.as_str()), (45, ""));
    for odd in [
        "/chats?show=",
        "/chats?show=many",
        "/chats?show=-1",
        "/chats?show=1&show=2",
        "/chats?with=%ff",
    ] {
        assert_eq!(listed(&ann, odd).await.0.len(), 40, "{odd}");
    }
    assert_eq!(listed(&ann, "/chats?show=0").await.0, [46]);
}

#[tokio::test]
async fn a_long_list_is_counted_only_so_far() {
    let site = Site::start().await;
    let ann = with_chats(&site, 1100).await;
    let (ids, more) = listed(&ann, "/chats").await;
    assert_eq!(ids.len(), 40);
    assert!(more.starts_with("And more than 500 more."), "{more}");
    let (ids, more) = listed(&ann, "/chats?show=4000000000").await;
    assert_eq!(ids.len(), 1000);
    assert_eq!(more, "And 100 more. <a href=\"/find\">Find the person</a> to open one.");
}

#[tokio::test]
async fn a_chat_that_is_not_listed_is_opened_by_way_of_the_find_page() {
    let site = Site::start().await;
    let ann = with_chats(&site, 45).await;
    let far = ann.post("/add", &[("id", "2")]).await;
    assert_eq!(led_to(&far), (302, Some("/chats?with=2#chat-2")));
    let (ids, more) = listed(&ann, "/chats?with=2").await;
    assert_eq!((ids.len(), ids.last()), (41, Some(&2)));
    assert!(more.starts_with("And 4 more."), "{more}");

    let near = ann.post("/add", &[("id", "40")]).await;
    assert_eq!(led_to(&near), (302, Some("/chats")));
    // Neither a chat that is listed anyway nor one that does not exist is added.
    assert_eq!(listed(&ann, "/chats?with=40").await.0.len(), 40);
    assert_eq!(listed(&ann, "/chats?with=1").await.0.len(), 40);
}

#[tokio::test]
async fn a_deployments_page_gets_every_chat() {
    let dir = tempfile::tempdir().unwrap();
    let page = "{% for chat in chats %}{{ chat.id }} {% endfor %}";
    std::fs::write(dir.path().join("chats.html"), page).unwrap();
    let site = Site::with_flags(&["--templates", dir.path().to_str().unwrap()]).await;
    let ann = with_chats(&site, 45).await;
    let page = ann.get("/chats").await.text().await.unwrap();
    assert_eq!(page.split_whitespace().count(), 45);
}
