//! The people who talk: registered, logged in, and with their chats open, over the pages as a
//! browser would.

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::header;
use serde::Deserialize;

use crate::http::Http;

const PASSWORD: &str = "as good as any other";

/// How many come at the same time.
const AT_ONCE: usize = 4;

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    pub id: i64,
    pub cookie: String,
}

#[derive(Deserialize)]
struct Found {
    id: i64,
    username: String,
}

/// `pairs` times two people; the one at 2i and the one at 2i + 1 have a chat with each other.
pub async fn pairs(address: &str, pairs: usize) -> Result<Vec<Person>> {
    let joining =
        (0..2 * pairs).map(async |number| join(address, &format!("person {number:04}")).await);
    let people: Vec<Person> = stream::iter(joining).buffered(AT_ONCE).try_collect().await?;
    let opening =
        (0..people.len()).map(|place| open_chat(address, &people[place], people[place ^ 1].id));
    stream::iter(opening).buffered(AT_ONCE).try_collect::<()>().await?;
    Ok(people)
}

/// Registers somebody and logs them in; who is registered already is only logged in.
pub async fn join(address: &str, name: &str) -> Result<Person> {
    let form = [("username", name), ("password", PASSWORD), ("confirmation", PASSWORD)];
    Http::new(address, "").post_form("/register", &form).await?;
    log_in(address, name).await
}

pub async fn log_in(address: &str, name: &str) -> Result<Person> {
    let form = [("username", name), ("password", PASSWORD)];
    let answer = Http::new(address, "").post_form("/login", &form).await?.expected("/login")?;
    let cookie = answer.headers.get(header::SET_COOKIE).context("/login set no cookie")?;
    let cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
    let body = serde_json::json!({ "username": name }).to_string();
    let found = Http::new(address, &cookie).post("/find", "application/json", body).await?;
    let found: Vec<Found> = serde_json::from_slice(&found.expected("/find")?.body)?;
    let found = found.into_iter().find(|found| found.username == name);
    let id = found.with_context(|| format!("/find does not know {name}"))?.id;
    Ok(Person { name: name.to_owned(), id, cookie })
}

pub async fn open_chat(address: &str, person: &Person, partner: i64) -> Result<()> {
    let id = partner.to_string();
    Http::new(address, &person.cookie).post_form("/add", &[("id", &id)]).await?.expected("/add")?;
    Ok(())
}
