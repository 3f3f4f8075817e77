//! What holds for every page: whatever names, messages and numbers it is given, none becomes markup.

use std::path::Path;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use axum::body::to_bytes;
use axum::http::Request;
use axum::response::Response;
use clap::Parser;
use serde_json::{Value as Json, json};
use visavis::config::Config;
use visavis::domain::{User, UserId};
use visavis::http::{Views, Visit};

/// The pages that are embedded, and those of a deployment with the characters that make markup there:
/// it writes names into a script as well, where quotes are escaped in another way.
static SITES: LazyLock<[(Views, &str); 2]> = LazyLock::new(|| {
    // Built as a part of `fuzz`, this lies above the crate.
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let deployment = above.find_map(|folder| {
        Some(folder.join("tests/deployment/templates")).filter(|templates| templates.is_dir())
    });
    [(views(None), "<>\"'"), (views(Some(&deployment.unwrap())), "<>")]
});

fn views(templates: Option<&Path>) -> Views {
    let mut config = Config::parse_from(["visavis"]);
    config.templates = templates.map(Path::to_owned);
    Views::new(&config).unwrap()
}

/// Makes what pages see of `bytes`, and draws every page with it.
pub fn hold(bytes: &[u8]) {
    let Ok(seen) = Seen::arbitrary(&mut Unstructured::new(bytes)) else { return };
    // The same page with texts that are as long and say nothing: only what is escaped may differ.
    let bland = seen.clone().bland();
    for (views, markup) in &*SITES {
        for (page, known) in seen.pages() {
            let drawn = drawn(views, page, &seen, known);
            let (_, known) = bland.pages().into_iter().find(|(name, _)| *name == page).unwrap();
            let expected = self::drawn(views, page, &bland, known);
            let skeleton =
                |html: &str| html.chars().filter(|c| markup.contains(*c)).collect::<String>();
            assert_eq!(skeleton(&drawn), skeleton(&expected), "{page} of {seen:?}:\n{drawn}");
        }
        let chats = self::drawn(views, "chats.html", &seen, seen.chats());
        for (_, name, _) in &seen.partners {
            assert!(chats.contains(&escaped(name)), "{name:?} is not shown:\n{chats}");
        }
        let apology = views.apology(&seen.visit(), 404.try_into().unwrap(), &seen.text);
        let (status, apology) = read(apology);
        assert!(status == 404 && apology.contains(&escaped(&seen.text)), "{apology}");
    }
}

/// What pages can be given.
#[derive(Debug, Clone)]
struct Seen {
    user: User,
    path: String,
    text: String,
    /// Id, name, count.
    partners: Vec<(i64, String, i64)>,
}

impl<'a> Arbitrary<'a> for Seen {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let user = User { id: UserId(input.arbitrary()?), username: text(input)? };
        let path = input.choose(&["/", "/chats", "/account?q=%3Cb%3E", "/login?a='&b=%22"])?;
        let said = text(input)?;
        let mut partners = Vec::new();
        for _ in 0..input.int_in_range(0..=4)? {
            partners.push((input.arbitrary()?, text(input)?, input.arbitrary()?));
        }
        Ok(Self { user, path: (*path).to_owned(), text: said, partners })
    }
}

impl Seen {
    fn bland(mut self) -> Self {
        let texts = [&mut self.user.username, &mut self.text];
        for text in texts.into_iter().chain(self.partners.iter_mut().map(|(_, name, _)| name)) {
            *text = "x".repeat(text.chars().count());
        }
        self
    }

    fn visit(&self) -> Visit {
        let request = Request::builder().uri(&self.path).header("host", "x").body(()).unwrap();
        Visit::by(Some(&self.user), &request.into_parts().0, None, "visavis_session")
    }

    fn chats(&self) -> Json {
        let chats = self.partners.iter().map(|(id, username, new_message_count)| {
            json!({ "id": id, "username": username, "new_message_count": new_message_count })
        });
        json!({
            "chats": chats.collect::<Vec<_>>(),
            "more_chats": self.text,
            "show_next": self.partners.len(),
        })
    }

    /// Every page, with what its handler knows.
    fn pages(&self) -> [(&'static str, Json); 8] {
        let moment = json!({ "text": self.text, "machine": self.text });
        let sessions = self.partners.iter().map(|(id, device, count)| {
            json!({
                "id": device, "device": device, "since": moment, "last_seen": moment,
                "current": (id % 2 == 0) == (count % 2 == 0),
            })
        });
        [
            ("index.html", json!({})),
            ("find.html", json!({})),
            ("login.html", json!({})),
            ("register.html", json!({ "invite": self.text })),
            ("reset.html", json!({ "username": self.text, "secret": self.text })),
            (
                "account.html",
                json!({ "sessions": sessions.collect::<Vec<_>>(), "done": self.text }),
            ),
            ("apology.html", json!({ "message": self.text })),
            ("chats.html", self.chats()),
        ]
    }
}

fn drawn(views: &Views, page: &str, seen: &Seen, known: Json) -> String {
    let (status, html) = read(views.page(page, &seen.visit(), known));
    assert_eq!(status, 200, "{page} of {seen:?}:\n{html}");
    html
}

fn read(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(to_bytes(response.into_body(), usize::MAX)).unwrap();
    (status, String::from_utf8(bytes.into()).unwrap())
}

/// As Python's `markupsafe` writes it.
fn escaped(text: &str) -> String {
    let [amp, lt, gt] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")];
    [amp, lt, gt, ("\"", "&#34;"), ("'", "&#39;")]
        .into_iter()
        .fold(text.to_owned(), |text, (character, entity)| text.replace(character, entity))
}

/// Texts that are markup in one place or another, and any other.
fn text(input: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    for _ in 0..input.int_in_range(1..=3)? {
        if input.ratio(1, 2)? {
            text.push_str(input.choose(&MARKUP)?);
        } else {
            text.push_str(input.arbitrary()?);
        }
    }
    Ok(text)
}

const MARKUP: [&str; 14] = [
    "<script>alert(1)</script>",
    "</script><!--",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "&lt;b&gt;",
    "&#60;b>",
    "</title>",
    "]]>",
    "javascript:alert(1)",
    "\u{202e}<\u{2028}",
    "\\\"<\\'",
];
