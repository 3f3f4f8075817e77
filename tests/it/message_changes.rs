//! Editing and deleting through the services: what people read, and what a retry may rely on.

use std::sync::Arc;

use clap::Parser;
use time::Duration;
use visavis::clock::Clock;
use visavis::config::Config;
use visavis::domain::{Error, MessageId, SessionKey, User, UserId, Username};
use visavis::service::{
    EditMessage, Limits, Live, Opening, Passwords, SendMessage, Services, upkeep,
};
use visavis::store::Store;

use super::support::{NOW, StillClock, sqlite};

const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);
const CYD: UserId = UserId(3);
const ID: &str = "0190f5a0-0000-7000-8000-000000000001";
const OTHER_ID: &str = "0190f5a0-0000-7000-8000-000000000002";

fn services(store: &Arc<dyn Store>, clock: &Arc<StillClock>, flags: &[&str]) -> Services {
    let clock: Arc<dyn Clock> = clock.clone();
    let config = Config::parse_from([&["visavis"], flags].concat());
    Services::new(store, &clock, Passwords::new(4, &[]), Limits::new(&config, &clock))
}

/// Ann and bob, who have chats with each other, and cyd.
async fn people(store: &dyn Store) {
    for name in ["ann", "bob", "cyd"] {
        store.add_user(&Username::parse(name).unwrap(), "hash").await.unwrap();
    }
    store.open_chat(ANN, BOB, NOW).await.unwrap().unwrap();
    store.open_chat(BOB, ANN, NOW).await.unwrap().unwrap();
}

fn message(text: &str) -> SendMessage {
    let client_id = Some(ID.to_owned());
    SendMessage { sender: ANN, receiver: BOB, text: text.to_owned(), client_id }
}

fn partner_of(user: UserId) -> UserId {
    if user == BOB { ANN } else { BOB }
}

/// An edit of somebody's in the chat with bob, or of bob's in the one with ann.
fn edit(user: UserId, id: MessageId, text: &str, client_id: &str) -> EditMessage {
    let (partner, text) = (partner_of(user), text.to_owned());
    EditMessage { user, partner, id, text, client_id: client_id.to_owned() }
}

async fn refusal(services: &Services, edit: EditMessage) -> String {
    let outcome = match services.messages.edit(edit) {
        Ok(editing) => editing.await,
        Err(error) => Err(error),
    };
    outcome.unwrap_err().to_string()
}

#[tokio::test]
async fn each_refusal_says_what_is_wrong_and_what_can_be_done() {
    let ((store, _dir), clock) = (sqlite(), StillClock::new());
    people(&*store).await;
    let services = services(&store, &clock, &[]);
    let id = services.messages.send(message("hello")).unwrap().await.unwrap().id;
    for (user, text, client_id, expected) in [
        (ANN, " ", ID, "the message is empty"),
        (ANN, "x", "x", "client_id is not a UUID"),
        (BOB, "x", ID, "somebody else wrote this message; you can edit your own"),
        (CYD, "x", ID, "there is no such message"),
    ] {
        assert_eq!(refusal(&services, edit(user, id, text, client_id)).await, expected);
    }
    let delete = async |user| {
        services.messages.delete(user, partner_of(user), id).await.unwrap_err().to_string()
    };
    assert_eq!(delete(BOB).await, "somebody else wrote this message; you can delete your own");
    assert_eq!(delete(CYD).await, "there is no such message");

    let blocked = async |user, partner, expected| {
        services.blocks.set(user, partner, true).await.unwrap();
        assert_eq!(refusal(&services, edit(ANN, id, "x", ID)).await, expected);
        services.blocks.set(user, partner, false).await.unwrap();
    };
    blocked(ANN, BOB, "you have blocked this person; unblock them to edit").await;
    blocked(BOB, ANN, "you cannot write to this person").await;

    services.messages.edit(edit(ANN, id, "edited", ID)).unwrap().await.unwrap();
    let reused = "client_id was sent before with another edit; make a new one";
    assert_eq!(refusal(&services, edit(ANN, id, "other", ID)).await, reused);
    let sent = services.messages.send(SendMessage { receiver: ANN, ..message("hello") });
    let reused = "client_id was sent before with another message; make a new one";
    assert_eq!(sent.unwrap().await.unwrap_err().to_string(), reused);

    services.messages.delete(ANN, BOB, id).await.unwrap();
    let gone = "this message was deleted; write a new one";
    assert_eq!(refusal(&services, edit(ANN, id, "x", OTHER_ID)).await, gone);
}

#[tokio::test]
async fn a_message_is_edited_within_a_day_and_deleted_at_any_time() {
    let ((store, _dir), clock) = (sqlite(), StillClock::new());
    people(&*store).await;
    let services = services(&store, &clock, &[]);
    let id = services.messages.send(message("hello")).unwrap().await.unwrap().id;
    clock.pass(Duration::DAY);
    services.messages.edit(edit(ANN, id, "edited", ID)).unwrap().await.unwrap();
    clock.pass(Duration::SECOND);
    let late = "this message is older than 24 hours; delete it, or write a new one";
    assert_eq!(refusal(&services, edit(ANN, id, "late", OTHER_ID)).await, late);
    // The edit that was done in time stays done.
    let again = services.messages.edit(edit(ANN, id, "edited", ID)).unwrap().await.unwrap();
    assert!(again.change.is_none());
    clock.pass(Duration::weeks(100));
    assert!(services.messages.delete(ANN, BOB, id).await.unwrap().change.is_some());
}

#[tokio::test]
async fn what_was_done_is_known_also_where_a_rule_would_refuse_it_now() {
    let ((store, _dir), clock) = (sqlite(), StillClock::new());
    people(&*store).await;
    let before = services(&store, &clock, &[]);
    let sent = before.messages.send(message("a long message")).unwrap().await.unwrap();
    let edited = edit(ANN, sent.id, "a longer message", OTHER_ID);
    // Nothing is done by asking.
    assert!(before.messages.edited_before(&edited).await.unwrap().is_none());
    before.messages.edit(edited.clone()).unwrap().await.unwrap();

    // The operator has made messages shorter meanwhile.
    let now = services(&store, &clock, &["--max-message-chars", "5"]);
    let again = now.messages.send(message("a long message")).unwrap().await.unwrap();
    assert_eq!((again.id, again.duplicate), (sent.id, true));
    let again = now.messages.edit(edited.clone()).unwrap().await.unwrap();
    assert_eq!((again.change.is_some(), &*again.message.text), (false, "a longer message"));
    let other = SendMessage { client_id: Some(OTHER_ID.to_owned()), ..message("a new message") };
    let refused = now.messages.send(other.clone()).unwrap().await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    let too_long = "the message is longer than 5 characters (it has 13)";
    let refused = edit(ANN, sent.id, "a new message", "0190f5a0-0000-7000-8000-000000000003");
    assert_eq!(refusal(&now, refused).await, too_long);

    // As a transport asks that has counted too many.
    let found = now.messages.sent_before(&message("a long message")).await.unwrap();
    assert_eq!(found.map(|added| added.id), Some(sent.id));
    assert_eq!(now.messages.sent_before(&other).await.unwrap(), None);
    assert!(now.messages.edited_before(&edited).await.unwrap().is_some());
    let known = edit(ANN, sent.id, "other", OTHER_ID);
    assert!(matches!(now.messages.edited_before(&known).await, Err(Error::Conflict(_))));
}

/// No sockets.
struct Nobody;

impl Live for Nobody {
    fn sessions(&self) -> Vec<(UserId, SessionKey)> {
        Vec::new()
    }

    fn open_chat(&self, _: User, _: UserId) -> Opening {
        panic!("no page is loaded")
    }

    fn session_ended(&self, _: UserId, _: SessionKey) {}

    fn sessions_ended(&self, _: UserId, _: Option<SessionKey>) {}

    fn session_renewed(&self, _: UserId, _: SessionKey, _: SessionKey) {}
}

#[tokio::test]
async fn an_edit_is_known_for_a_week_and_never_done_twice() {
    let ((store, _dir), clock) = (sqlite(), StillClock::new());
    people(&*store).await;
    let services = services(&store, &clock, &[]);
    let id = services.messages.send(message("one")).unwrap().await.unwrap().id;
    services.messages.edit(edit(ANN, id, "two", ID)).unwrap().await.unwrap();
    services.messages.edit(edit(ANN, id, "three", OTHER_ID)).unwrap().await.unwrap();
    let again = async || {
        upkeep::sweep_once(&services.accounts, &Nobody).await.unwrap();
        let editing = services.messages.edit(edit(ANN, id, "two", ID)).unwrap().await;
        let newest = services.chats.newest(BOB, ANN, None).await.unwrap();
        assert_eq!(newest.messages[0].message, "three");
        editing
    };
    clock.pass(Duration::weeks(1));
    assert!(again().await.unwrap().change.is_none());
    clock.pass(Duration::SECOND);
    assert!(matches!(again().await, Err(Error::Forbidden(_))));
}
