//! Registering, logging in and out, over real HTTP.

use reqwest::Method;
use visavis::domain::Username;

use super::support::flask_database;
use super::support::site::{Site, led_to};

const FORM: [&str; 3] = ["username", "password", "confirmation"];

async fn registering(site: &Site, typed: [&str; 3]) -> (u16, String) {
    let form: Vec<(&str, &str)> = FORM.into_iter().zip(typed).collect();
    let response = site.browser().post("/register", &form).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_new_user_registers_and_logs_in() {
    let site = Site::start().await;
    let browser = site.browser();
    let form = [("username", " Zoë ☃ "), ("password", "snow man"), ("confirmation", "snow man")];
    assert_eq!(led_to(&browser.post("/register", &form).await), (302, Some("/")));
    assert_eq!(led_to(&browser.get("/").await), (302, Some("/login")));
    assert_eq!(led_to(&browser.log_in("zoë ☃", "snow man").await), (302, Some("/")));
    let home = browser.get("/").await;
    assert_eq!(home.status(), 200);
}

#[tokio::test]
async fn what_cannot_be_registered_is_told_why() {
    let site = Site::start().await;
    site.user("taken").await;
    site.user("cocoa").await;
    let long = "x".repeat(73);
    for (typed, status, sentence) in [
        (["", "", ""], 400, "Please provide a username"),
        (["  ", "a password", "a password"], 400, "Please provide a username"),
        (["ann", "", "x"], 400, "Please provide a password and password confirmation"),
        (["ann", "a password", ""], 400, "Please provide a password and password confirmation"),
        (["ann", "a password", "passwort"], 400, "Password and password confirmation must match!"),
        (["ann", "short", "short"], 400, "password is shorter than 8 characters (it has 5)"),
        (["ann", &long, &long], 400, "password is longer than 72 bytes (it has 73)"),
        (
            ["a\nb", "a password", "a password"],
            400,
            "username contains a character that names cannot have (U+000A); leave it out",
        ),
        (["taken\u{200b}", "a password", "a password"], 400, "(U+200B)"),
        (["t\u{430}ken", "a password", "a password"], 400, "letters of several scripts"),
        (["", "a password", "a password"], 400, "Please provide a username"),
        (["ann", "password1", "password1"], 400, "password is one of the commonest there are"),
        (["ann", "QWERTYUIOP", "QWERTYUIOP"], 400, "password is one of the commonest there are"),
        (["TAKEN", "a password", "a password"], 409, "Please choose a different username"),
        (["ｔａｋｅｎ", "a password", "a password"], 409, "Please choose a different username"),
        // A Cyrillic word that looks like `cocoa`.
        (["сосоа", "a password", "a password"], 409, "Please choose a different username"),
    ] {
        let (got, page) = registering(&site, typed).await;
        assert_eq!(got, status, "{typed:?}");
        assert!(page.contains(sentence), "{typed:?}: {sentence:?} is not on the page {page}");
    }
}

#[tokio::test]
async fn who_has_a_common_password_from_before_keeps_it() {
    let site = Site::start().await;
    let hash = bcrypt::hash("password1", 4).unwrap();
    site.store.add_user(&Username::parse("ann").unwrap(), &hash).await.unwrap();
    assert_eq!(led_to(&site.browser().log_in("ann", "password1").await), (302, Some("/")));
}

#[tokio::test]
async fn a_name_taken_at_the_same_moment_is_taken_once() {
    let site = Site::start().await;
    let typed = ["ann", "a password", "a password"];
    let (one, two) = tokio::join!(registering(&site, typed), registering(&site, typed));
    let mut statuses = [one.0, two.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [302, 409]);
}

#[tokio::test]
async fn who_cannot_log_in_is_told_why() {
    let site = Site::start().await;
    site.user("ann").await;
    for (name, password, status, sentence) in [
        ("", "x", 400, "must provide username"),
        ("ann", "", 400, "must provide password"),
        ("ann", "wrong", 401, "invalid username and/or password"),
        ("nobody", "password of ann", 401, "invalid username and/or password"),
        ("ann", "Password of ann", 401, "invalid username and/or password"),
    ] {
        let browser = site.browser();
        let response = browser.log_in(name, password).await;
        assert_eq!(response.status(), status, "{name:?} {password:?}");
        let page = response.text().await.unwrap().replace("&#x2f;", "/");
        assert!(page.contains(sentence), "{sentence:?} is not on the page {page}");
        assert_eq!(led_to(&browser.get("/").await), (302, Some("/login")), "{name:?} is in");
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_gets_an_apology() {
    let site = Site::start().await;
    let response = site.browser().log_in("ann", &"x".repeat(70_000)).await;
    assert_eq!(response.status(), 413);
    let text = response.text().await.unwrap();
    assert!(
        text.contains("this is more than the server takes") && text.contains("Sorry"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_no_form_counts_as_an_empty_one() {
    let site = Site::start().await;
    let response = site.browser().post_json("/login", "{}").await;
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("must provide username"));
}

#[tokio::test]
async fn the_session_is_a_guarded_cookie_that_ends_with_the_browser() {
    let site = Site::start().await;
    site.user("ann").await;
    let response = site.browser().log_in("ann", "password of ann").await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Max-Age") && !cookie.contains("Expires"), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure() {
    let site = Site::with_flags(&["--public-url", "https://chat.example"]).await;
    let browser = site.browser();
    let form = [("username", "ann"), ("password", "a password"), ("confirmation", "a password")];
    browser.post("/register", &form).await;
    let response = browser.log_in("ann", "a password").await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn logging_out_ends_the_session_for_good() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    assert_eq!(browser.get("/chats").await.status(), 200);
    assert_eq!(led_to(&browser.get("/logout").await), (302, Some("/login")));
    assert_eq!(led_to(&browser.get("/chats").await), (302, Some("/login")));
}

#[tokio::test]
async fn a_cookie_from_before_the_logout_is_worth_nothing() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let response = browser.log_in("ann", "password of ann").await;
    let cookie =
        response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    browser.get("/logout").await;
    let thief =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = thief.get(format!("http://{}/chats", site.address)).header("cookie", cookie);
    assert_eq!(led_to(&request.send().await.unwrap()), (302, Some("/login")));
}

#[tokio::test]
async fn the_login_page_shows_who_is_logged_in_and_ends_nothing() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let page = browser.get("/login").await.text().await.unwrap();
    assert!(
        page.contains(r#"You are logged in as <span class="name" dir="auto">ann</span>"#),
        "{page}"
    );
    for way_on in [r#"href="/chats""#, r#"action="/logout" method="post""#, r#"name="password""#] {
        assert!(page.contains(way_on), "{way_on}: {page}");
    }
    assert_eq!(browser.get("/chats").await.status(), 200);
    let page = site.browser().get("/login").await.text().await.unwrap();
    assert!(!page.contains("You are logged in as"), "{page}");
}

#[tokio::test]
async fn the_login_form_ends_the_session_before_whatever_comes_of_it() {
    let site = Site::start().await;
    let browser = site.user("bob").await;
    assert_eq!(browser.log_in("bob", "wrong").await.status(), 401);
    assert_eq!(led_to(&browser.get("/chats").await), (302, Some("/login")));
}

#[tokio::test]
async fn the_session_id_changes_at_login() {
    let site = Site::start().await;
    let browser = site.user("ann").await;
    let cookie = |response: &reqwest::Response| {
        response.headers()["set-cookie"].to_str().unwrap().to_owned()
    };
    let first = cookie(&browser.log_in("ann", "password of ann").await);
    let second = cookie(&browser.log_in("ann", "password of ann").await);
    assert_ne!(first.split(';').next(), second.split(';').next());
}

#[tokio::test]
async fn where_registration_is_closed_nobody_new_is_let_in_and_no_page_leads_there() {
    let (path, _dir) = flask_database();
    let site = Site::over_file(&path, &["--registration", "closed"]).await;
    let form = ["newcomer", "long enough", "long enough"];
    let (status, page) = registering(&site, form).await;
    assert_eq!(status, 403);
    assert!(page.contains("registration is closed here; ask whoever runs this chat"), "{page}");
    assert_eq!(site.browser().get("/register").await.status(), 403);
    assert_eq!(site.browser().log_in("newcomer", "long enough").await.status(), 401);
    let ann = site.browser();
    assert_eq!(led_to(&ann.log_in("ann", "ann's password").await), (302, Some("/")));
    for path in ["/login", "/nowhere", "/register"] {
        let page = site.browser().get(path).await.text().await.unwrap();
        assert!(page.contains("</html>") && !page.contains("\"/register\""), "{path}: {page}");
    }
}

#[tokio::test]
async fn who_comes_by_http_to_a_chat_behind_https_reads_where_to_go() {
    let site = Site::with_flags(&["--public-url", "https://chat.example"]).await;
    let browser = site.browser();
    let sentence = "a login would not hold";
    let page = browser.get("/login").await.text().await.unwrap();
    assert!(page.contains(sentence), "{page}");
    assert!(page.contains(r#"href="https://chat.example/login""#), "{page}");
    for by_https in [("x-forwarded-proto", "https"), ("sec-fetch-site", "none")] {
        let page = browser.ask(Method::GET, "/login", &[by_https]).await.text().await.unwrap();
        assert!(!page.contains(sentence), "{page}");
    }
    let page = Site::start().await.browser().get("/login").await.text().await.unwrap();
    assert!(!page.contains(sentence), "{page}");
}
