//! The chat page, and opening a chat.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::form::Form;
use super::session::SignedIn;
use super::view::Visit;
use super::{Site, redirect};
use crate::domain::{Chat, Error, UserId};

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

#[derive(Serialize)]
struct Page {
    chats: Vec<Row>,
}

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
    visit: Visit,
) -> Result<Response, Refusal> {
    let chats = site.services.chats.list(user.id).await?;
    let chats: Vec<Row> = chats.into_iter().map(Row::from).collect();
    Ok(site.views.page("chats.html", &visit, Page { chats }))
}

pub async fn add(
    State(site): State<Site>,
    SignedIn(user): SignedIn,
    Form(form): Form<AddForm>,
) -> Result<Response, Refusal> {
    let malformed = || Error::Invalid("Something went wrong :(".into());
    let partner: i64 = form.id.parse().map_err(|_| malformed())?;
    let opened = site.services.chats.open(user.id, UserId(partner)).await?;
    if opened.new {
        site.live.chat_opened(user.id, &opened.partner);
    }
    Ok(redirect("/chats"))
}
