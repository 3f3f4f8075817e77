//! The chat page, and opening a chat.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::form::Form;
use super::session::SignedIn;
use super::view::Visit;
use super::{Site, redirect};
use crate::domain::{Chat, Error, UserId};
use crate::service::{CHATS_MAX, ChatList, More, Show};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct AddForm {
    id: String,
}

/// A chat as `chats.html` sees it.
#[derive(Serialize)]
struct Row {
    /// The partner's id and name.
    id: UserId,
    username: String,
    new_message_count: i64,
}

/// Which part of the list is asked for; whatever is no number counts as not given.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct ListQuery {
    show: String,
    with: String,
}

#[derive(Serialize)]
struct Page {
    chats: Vec<Row>,
    /// How many more there are, in words, or nothing.
    more_chats: String,
    /// How many chats to show next, where more can be shown.
    show_next: Option<u32>,
    /// How long a message may be, in characters.
    message_chars_max: usize,
}

/// How many more chats a page shows than the one before.
const SHOWN_MORE: u32 = 100;

impl From<Chat> for Row {
    fn from(chat: Chat) -> Self {
        Self {
            id: chat.partner.id,
            username: chat.partner.username,
            new_message_count: chat.read.new_message_count,
        }
    }
}

pub async fn list(
    State(site): State<Site>,
    SignedIn(user): SignedIn,
    query: Result<Query<ListQuery>, QueryRejection>,
    visit: Visit,
) -> Result<Response, Refusal> {
    let Query(query) = query.unwrap_or_default();
    let asked = query.show.parse().ok();
    // A page that was written for the original knows of no second part.
    let newest = if site.views.are_a_deployments() { Some(CHATS_MAX) } else { asked };
    let show = Show { newest, with: query.with.parse().ok().map(UserId) };
    let ChatList { chats, more } = site.services.chats.list(user.id, show).await?;
    let more_chats = match more {
        More::Exactly(0) => String::new(),
        More::Exactly(count) => format!("{count} more"),
        More::MoreThan(count) => format!("more than {count} more"),
    };
    let shown = u32::try_from(chats.len()).unwrap_or(u32::MAX);
    let can_show_more = !more_chats.is_empty() && shown < CHATS_MAX;
    let show_next = can_show_more.then(|| shown + SHOWN_MORE);
    let chats = chats.into_iter().map(Row::from).collect();
    let message_chars_max = site.services.limits.sizes.message_chars;
    let page = Page { chats, more_chats, show_next, message_chars_max };
    Ok(site.views.page("chats.html", &visit, page))
}

pub async fn add(
    State(site): State<Site>,
    SignedIn(user): SignedIn,
    Form(form): Form<AddForm>,
) -> Result<Response, Refusal> {
    let malformed = || Error::Invalid("Something went wrong :(".into());
    let partner: i64 = form.id.parse().map_err(|_| malformed())?;
    let user_id = user.id;
    let opened = site.live.open_chat(user, UserId(partner)).await?;
    let is_new = opened.change.is_some();
    if !is_new && !site.services.chats.is_listed(user_id, opened.partner.id).await? {
        return Ok(redirect(&format!("/chats?with={partner}#chat-{partner}")));
    }
    Ok(redirect("/chats"))
}
