//! What every store promises: one function a promise, stamped as a test for each store there is.

use std::sync::Arc;

use time::Duration;
use visavis::domain::{
    Body, ClientId, LinkKey, Message, MessageId, ReadMark, SessionKey, Timestamp, UserId, Username,
};
use visavis::store::{Added, NewMessage, NotAdded, Older, Store, StoreError, StoredSession};

use super::support::NOW;

macro_rules! contract {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $promise() {
                    let (store, _dir) = crate::support::sqlite();
                    super::$promise(store).await;
                }
            )*
        }
    };
}

contract!(
    a_taken_name_is_a_conflict,
    a_name_is_found_whatever_the_case_of_its_letters,
    a_search_takes_every_character_literally,
    a_search_is_bounded_and_in_the_order_of_names,
    a_hash_is_replaced_only_when_it_is_still_the_old_one,
    every_scheme_of_hashes_in_use_is_known,
    a_chat_with_nobody_is_not_opened,
    opening_a_chat_again_changes_nothing,
    a_message_without_a_chat_is_not_kept,
    a_message_opens_the_receivers_chat_and_counts_there,
    a_note_to_oneself_is_kept_once_and_counts_nothing,
    writes_are_stored_in_the_order_of_calls,
    a_message_sent_again_is_kept_once,
    a_client_id_belongs_to_its_sender,
    a_failing_write_takes_no_other_with_it,
    joining_shows_the_newest_twenty_or_all_that_are_new,
    joining_shows_all_that_are_new_when_own_messages_stand_between_them,
    joining_is_bounded,
    older_messages_come_in_pages_until_the_end,
    nobody_reads_a_chat_that_they_do_not_have,
    a_count_falls_to_what_remains_and_never_rises,
    a_read_position_only_moves_forward,
    a_read_position_beyond_the_newest_swallows_nothing_to_come,
    reading_in_one_chat_leaves_others_alone,
    chats_are_listed_newest_first_even_within_a_second,
    a_chat_is_found_by_its_members,
    what_came_after_a_message_comes_in_pages_over_all_chats,
    what_others_say_to_each_other_does_not_come,
    blocking_twice_and_unblocking_twice_change_nothing,
    nobody_is_blocked_without_a_chat,
    nothing_is_kept_between_two_of_whom_one_has_blocked_the_other,
    each_side_of_a_block_is_told_its_own_reason,
    a_message_that_was_kept_before_a_block_keeps_its_answer,
    a_block_takes_its_place_among_the_messages,
    two_of_whom_one_has_blocked_the_other_do_not_find_each_other,
    a_block_opens_no_chat_and_closes_none,
    after_a_block_both_read_what_was_said_and_only_one_knows_of_it,
    a_session_lives_until_it_expires_or_is_deleted,
    a_renewed_session_lives_longer,
    only_expired_sessions_are_swept,
    the_sessions_of_a_user_come_in_the_order_of_their_last_use,
    a_session_is_ended_only_by_its_user,
    all_sessions_of_a_user_can_be_ended_but_one,
    a_disabled_user_has_no_sessions_and_gets_none,
    who_is_disabled_is_disabled_once,
    the_operator_sees_everybody_with_their_sessions,
    an_ended_session_is_told_from_a_living_one,
    a_link_sets_a_password_once_and_ends_what_was_open,
    a_newer_link_replaces_an_older_one,
    a_link_ends_with_its_time_its_user_and_a_new_password,
    an_invite_lets_one_person_in,
    a_name_that_is_taken_uses_no_invite,
    only_expired_links_are_swept,
    a_new_password_ends_the_other_sessions_only_where_the_old_one_was_right,
);

type AnyStore = Arc<dyn Store>;

async fn user(store: &AnyStore, name: &str) -> UserId {
    store.add_user(&Username::parse(name).unwrap(), "hash").await.unwrap()
}

fn now() -> Timestamp {
    NOW.into()
}

fn message(sender: UserId, receiver: UserId, text: &str) -> NewMessage {
    let body = Body::parse(text.to_owned(), 10_000).unwrap();
    NewMessage { sender, receiver, body, at: now(), client_id: None }
}

async fn send(store: &AnyStore, sender: UserId, receiver: UserId, text: &str) -> Added {
    store.add_message(message(sender, receiver, text)).await.unwrap().unwrap()
}

/// Two people, each with an open chat with the other.
async fn pair(store: &AnyStore) -> (UserId, UserId) {
    let (ann, bob) = (user(store, "ann").await, user(store, "bob").await);
    store.open_chat(ann, bob, now()).await.unwrap().unwrap();
    store.open_chat(bob, ann, now()).await.unwrap().unwrap();
    (ann, bob)
}

/// What `reader` sees of the chat: texts oldest first, and the count of what is new.
async fn view(store: &AnyStore, reader: UserId, partner: UserId) -> (Vec<String>, i64) {
    let newest = store.newest_messages(reader, partner, 20, usize::MAX).await.unwrap().unwrap();
    let texts = newest.messages.into_iter().rev().map(|message| message.message).collect();
    (texts, newest.read.new_message_count)
}

async fn count(store: &AnyStore, reader: UserId, partner: UserId) -> i64 {
    view(store, reader, partner).await.1
}

async fn mark(store: &AnyStore, reader: UserId, partner: UserId, mark: ReadMark) -> (i64, bool) {
    let marked = store.mark_read(reader, partner, mark).await.unwrap().unwrap();
    (marked.state.new_message_count, marked.moved)
}

async fn a_taken_name_is_a_conflict(store: AnyStore) {
    user(&store, "Ann").await;
    let again = store.add_user(&Username::parse("aNN").unwrap(), "hash").await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
}

async fn a_name_is_found_whatever_the_case_of_its_letters(store: AnyStore) {
    let id = user(&store, "Zoë ☃").await;
    let found = store.account_named("zOë ☃").await.unwrap().unwrap();
    assert_eq!((found.user.id, found.user.username.as_str()), (id, "Zoë ☃"));
    assert_eq!(store.account(id).await.unwrap().unwrap(), found);
    assert_eq!(store.account_named("zoe").await.unwrap(), None);
}

async fn a_search_takes_every_character_literally(store: AnyStore) {
    for name in ["100%", "100x", "a_b", "acb", "Ann", "annette", "o'brien", "b ann"] {
        user(&store, name).await;
    }
    let finder = user(&store, "finder").await;
    let find = async |prefix| {
        let users = store.users_starting_with(finder, prefix, 100).await.unwrap();
        users.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    assert_eq!(find("100%").await, ["100%"]);
    assert_eq!(find("a_").await, ["a_b"]);
    assert_eq!(find("AN").await, ["Ann", "annette"]);
    assert_eq!(find("o'").await, ["o'brien"]);
    assert_eq!(find("nobody").await, [""; 0]);
    assert_eq!(find("").await.len(), 9);
}

async fn a_search_is_bounded_and_in_the_order_of_names(store: AnyStore) {
    for name in ["b", "C", "a"] {
        user(&store, name).await;
    }
    let finder = user(&store, "D").await;
    let users = store.users_starting_with(finder, "", 3).await.unwrap();
    assert_eq!(
        users.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(),
        ["a", "b", "C"]
    );
}

async fn a_hash_is_replaced_only_when_it_is_still_the_old_one(store: AnyStore) {
    let ann = user(&store, "ann").await;
    assert!(store.replace_hash(ann, "hash", "new").await.unwrap());
    assert!(!store.replace_hash(ann, "hash", "newer").await.unwrap());
    assert_eq!(store.account(ann).await.unwrap().unwrap().hash, "new");
}

async fn every_scheme_of_hashes_in_use_is_known(store: AnyStore) {
    assert_eq!(store.hash_schemes().await.unwrap(), [""; 0]);
    let hashes = [
        "$2b$12$abcdefghijklmnopqrstuv",
        "$2b$12$vutsrqponmlkjihgfedcba",
        "$2y$10$abcdefghijklmnopqrstuv",
        "scrypt:32768:8:1$salt$00",
        "pbkdf2:sha256:260000$salt$00",
        "pbkdf2:sha256:260000$other$11",
        "no hash",
    ];
    for (number, hash) in hashes.iter().enumerate() {
        let name = Username::parse(&format!("user {number}")).unwrap();
        store.add_user(&name, hash).await.unwrap();
    }
    let mut schemes = store.hash_schemes().await.unwrap();
    schemes.sort();
    let expected = ["", "$2b$12$", "$2y$10$", "pbkdf2:sha256:260000$", "scrypt:32768:8:1$"];
    assert_eq!(schemes, expected);
}

async fn a_chat_with_nobody_is_not_opened(store: AnyStore) {
    let ann = user(&store, "ann").await;
    assert_eq!(store.open_chat(ann, UserId(999), now()).await.unwrap(), None);
    assert_eq!(store.chats_of(ann, 10).await.unwrap(), []);
}

async fn opening_a_chat_again_changes_nothing(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, bob, ann, "hello").await;
    let later = Timestamp::from(NOW + Duration::days(1));
    assert!(!store.open_chat(ann, bob, later).await.unwrap().unwrap().new);
    assert_eq!(view(&store, ann, bob).await, (vec!["hello".into()], 1));
}

async fn a_message_without_a_chat_is_not_kept(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let added = store.add_message(message(ann, bob, "psst")).await.unwrap();
    assert_eq!(added, Err(NotAdded::NoChat));
    store.open_chat(ann, bob, now()).await.unwrap();
    assert_eq!(view(&store, ann, bob).await, (vec![], 0));
}

async fn a_message_opens_the_receivers_chat_and_counts_there(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.open_chat(ann, bob, now()).await.unwrap();
    let first = send(&store, ann, bob, "one").await;
    assert_eq!((first.opened_chat, first.receiver_new_message_count), (true, 1));
    let second = send(&store, ann, bob, "two").await;
    assert_eq!((second.opened_chat, second.receiver_new_message_count), (false, 2));
    assert_eq!(view(&store, bob, ann).await, (vec!["one".into(), "two".into()], 2));
    assert_eq!(count(&store, ann, bob).await, 0);
}

async fn a_note_to_oneself_is_kept_once_and_counts_nothing(store: AnyStore) {
    let ann = user(&store, "ann").await;
    store.open_chat(ann, ann, now()).await.unwrap().unwrap();
    let added = send(&store, ann, ann, "note").await;
    assert!(!added.opened_chat);
    assert_eq!(view(&store, ann, ann).await, (vec!["note".into()], 0));
    let (count, _) = mark(&store, ann, ann, ReadMark::UpTo(added.id)).await;
    assert_eq!(count, 0);
}

async fn writes_are_stored_in_the_order_of_calls(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let texts: Vec<String> = (0..500).map(|number| format!("message {number}")).collect();
    let mut pending: Vec<_> =
        texts.iter().map(|text| store.add_message(message(ann, bob, text))).collect();
    // Awaited in another order than called.
    pending.reverse();
    for added in pending {
        added.await.unwrap().unwrap();
    }
    assert_eq!(view(&store, bob, ann).await, (texts, 500));
}

async fn a_message_sent_again_is_kept_once(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let client_id = ClientId::parse("0190f5a0-0000-7000-8000-000000000001").unwrap();
    let mut once = message(ann, bob, "once");
    once.client_id = Some(client_id);
    let first = store.add_message(once.clone()).await.unwrap().unwrap();
    once.at = Timestamp::from(NOW + Duration::minutes(1));
    let second = store.add_message(once).await.unwrap().unwrap();
    assert!(!first.duplicate && second.duplicate);
    assert_eq!((second.id, &second.timestamp), (first.id, &first.timestamp));
    assert_eq!(view(&store, bob, ann).await, (vec!["once".into()], 1));
}

async fn a_client_id_belongs_to_its_sender(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let client_id = ClientId::parse("0190f5a0-0000-7000-8000-000000000001").unwrap();
    for (sender, receiver) in [(ann, bob), (bob, ann)] {
        let mut same_id = message(sender, receiver, "mine");
        same_id.client_id = Some(client_id);
        assert!(!store.add_message(same_id).await.unwrap().unwrap().duplicate);
    }
}

async fn a_failing_write_takes_no_other_with_it(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let before = store.add_message(message(ann, bob, "before"));
    let taken = store.add_user(&Username::parse("ann").unwrap(), "hash");
    let after = store.add_message(message(ann, bob, "after"));
    assert!(before.await.unwrap().is_ok());
    assert!(taken.await.is_err());
    assert!(after.await.unwrap().is_ok());
    assert_eq!(view(&store, bob, ann).await.0, ["before", "after"]);
}

async fn joining_shows_the_newest_twenty_or_all_that_are_new(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    for number in 1..=25 {
        send(&store, ann, bob, &number.to_string()).await;
    }
    assert_eq!(view(&store, bob, ann).await.0.len(), 25);
    mark(&store, bob, ann, ReadMark::Remaining(21)).await;
    assert_eq!(view(&store, bob, ann).await.0.len(), 21);
    mark(&store, bob, ann, ReadMark::Remaining(3)).await;
    let (texts, count) = view(&store, bob, ann).await;
    assert_eq!((texts.len(), texts[0].as_str(), count), (20, "6", 3));
    // The sender has nothing new there.
    assert_eq!(view(&store, ann, bob).await.0.len(), 20);
}

async fn joining_shows_all_that_are_new_when_own_messages_stand_between_them(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, bob, ann, "before").await;
    for _ in 0..21 {
        send(&store, ann, bob, "from ann").await;
        send(&store, bob, ann, "from bob").await;
    }
    let (texts, count) = view(&store, bob, ann).await;
    assert_eq!((texts.len(), count), (42, 21));
}

async fn joining_is_bounded(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    for number in 1..=30 {
        send(&store, ann, bob, &number.to_string()).await;
    }
    let all = store.newest_messages(bob, ann, 20, usize::MAX).await.unwrap().unwrap();
    assert_eq!(all.messages.len(), 30);
    let of_25: usize = all.messages.iter().take(25).map(Message::wire_bytes).sum();
    let newest = store.newest_messages(bob, ann, 20, of_25).await.unwrap().unwrap();
    assert_eq!(newest.messages, all.messages[..25]);
    assert_eq!(newest.read.new_message_count, 30);
    // However long they are, the newest few are shown.
    let newest = store.newest_messages(bob, ann, 20, 0).await.unwrap().unwrap();
    assert_eq!(newest.messages, all.messages[..20]);
}

async fn older_messages_come_in_pages_until_the_end(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut ids = Vec::new();
    for number in 1..=25 {
        ids.push(send(&store, ann, bob, &number.to_string()).await.id);
    }
    let page = async |older| {
        let messages = store.older_messages(bob, ann, older, 10).await.unwrap().unwrap();
        messages
            .into_iter()
            .map(|message| message.message.parse::<i32>().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(page(Older::Skip(0)).await, (16..=25).rev().collect::<Vec<_>>());
    assert_eq!(page(Older::Skip(20)).await, (1..=5).rev().collect::<Vec<_>>());
    assert_eq!(page(Older::Skip(25)).await, [0; 0]);
    assert_eq!(page(Older::Than(ids[15])).await, (6..=15).rev().collect::<Vec<_>>());
    assert_eq!(page(Older::Than(ids[0])).await, [0; 0]);
}

async fn nobody_reads_a_chat_that_they_do_not_have(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    send(&store, ann, bob, "secret").await;
    assert_eq!(store.newest_messages(eve, ann, 20, usize::MAX).await.unwrap(), None);
    assert_eq!(store.older_messages(eve, ann, Older::Skip(0), 10).await.unwrap(), None);
    assert_eq!(store.mark_read(eve, ann, ReadMark::Remaining(0)).await.unwrap(), None);
    // With a chat of their own they read that one.
    store.open_chat(eve, ann, now()).await.unwrap();
    assert_eq!(view(&store, eve, ann).await, (vec![], 0));
}

async fn a_count_falls_to_what_remains_and_never_rises(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    for _ in 0..10 {
        send(&store, ann, bob, "new").await;
        send(&store, bob, ann, "own").await;
    }
    assert_eq!(mark(&store, bob, ann, ReadMark::Remaining(4)).await, (4, true));
    assert_eq!(mark(&store, bob, ann, ReadMark::Remaining(7)).await, (4, false));
    assert_eq!(mark(&store, bob, ann, ReadMark::Remaining(4)).await, (4, false));
    send(&store, ann, bob, "one more").await;
    assert_eq!(count(&store, bob, ann).await, 5);
    assert_eq!(mark(&store, bob, ann, ReadMark::Remaining(-3)).await, (0, true));
    assert_eq!(mark(&store, bob, ann, ReadMark::Remaining(i64::MIN)).await, (0, false));
}

async fn a_read_position_only_moves_forward(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(send(&store, ann, bob, "new").await.id);
    }
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(ids[2])).await, (2, true));
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(ids[0])).await, (2, false));
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(MessageId(-5))).await, (2, false));
    let position = store.newest_messages(bob, ann, 20, usize::MAX).await.unwrap().unwrap().read;
    assert_eq!(position.last_read_id, ids[2]);
}

async fn a_read_position_beyond_the_newest_swallows_nothing_to_come(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, ann, bob, "seen").await;
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(MessageId(i64::MAX))).await, (0, true));
    send(&store, ann, bob, "not seen").await;
    assert_eq!(count(&store, bob, ann).await, 1);
}

async fn reading_in_one_chat_leaves_others_alone(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, bob, now()).await.unwrap();
    send(&store, cyd, bob, "from cyd").await;
    let last = send(&store, ann, bob, "from ann").await;
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(last.id)).await, (0, true));
    assert_eq!(count(&store, bob, cyd).await, 1);
    assert_eq!(mark(&store, bob, cyd, ReadMark::UpTo(last.id)).await, (0, true));
}

async fn chats_are_listed_newest_first_even_within_a_second(store: AnyStore) {
    let ann = user(&store, "ann").await;
    let mut partners = Vec::new();
    for name in ["b", "c", "d"] {
        let partner = user(&store, name).await;
        store.open_chat(ann, partner, now()).await.unwrap();
        store.open_chat(partner, ann, now()).await.unwrap();
        partners.push(partner);
    }
    let names = async || {
        let chats = store.chats_of(ann, 10).await.unwrap();
        chats.into_iter().map(|chat| chat.partner.username).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["d", "c", "b"]);
    for partner in [partners[1], partners[2], partners[0]] {
        send(&store, ann, partner, "hi").await;
    }
    assert_eq!(names().await, ["b", "d", "c"]);
    send(&store, partners[2], ann, "hello").await;
    send(&store, partners[2], ann, "hello?").await;
    assert_eq!(names().await, ["d", "b", "c"]);
    assert_eq!(store.chats_of(ann, 2).await.unwrap().len(), 2);
    assert_eq!(store.chat_count(ann, 10).await.unwrap(), 3);
    assert_eq!(store.chat_count(ann, 2).await.unwrap(), 2);
    assert_eq!(store.chat_count(partners[0], 2).await.unwrap(), 1);
}

async fn a_chat_is_found_by_its_members(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    send(&store, bob, ann, "hello").await;
    let chat = store.chat(ann, bob).await.unwrap().unwrap();
    assert_eq!((chat.partner.username.as_str(), chat.read.new_message_count), ("bob", 1));
    assert_eq!(store.chat(ann, cyd).await.unwrap(), None);
    assert_eq!(store.chat(cyd, ann).await.unwrap(), None);
}

async fn what_came_after_a_message_comes_in_pages_over_all_chats(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, ann, now()).await.unwrap();
    let seen = send(&store, ann, bob, "seen").await;
    send(&store, cyd, ann, "1").await;
    send(&store, ann, bob, "2").await;
    send(&store, bob, ann, "3").await;
    send(&store, ann, cyd, "4").await;
    send(&store, cyd, ann, "5").await;
    let (mut since, mut texts, mut more) = (seen.id, Vec::new(), true);
    while more {
        let page = store.sync(ann, since, 2, 10).await.unwrap();
        assert!(page.messages.len() <= 2, "{page:?}");
        since = page.messages.last().map_or(since, |message| message.id);
        texts.extend(page.messages.into_iter().map(|message| message.message));
        more = page.more;
        let counts: Vec<_> =
            page.chats.iter().map(|chat| (chat.partner.id, chat.read.new_message_count)).collect();
        assert_eq!(counts, [(cyd, 2), (bob, 1)]);
    }
    assert_eq!(texts, ["1", "2", "3", "4", "5"]);
    let nothing = store.sync(ann, since, 2, 1).await.unwrap();
    assert_eq!((nothing.messages, nothing.more, nothing.chats.len()), (vec![], false, 1));
}

async fn what_others_say_to_each_other_does_not_come(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    store.open_chat(eve, ann, now()).await.unwrap();
    send(&store, ann, bob, "secret").await;
    let note = send(&store, eve, ann, "mine").await;
    let page = store.sync(eve, MessageId(0), 10, 10).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [note.id]);
}

fn session(number: u8, user: Option<UserId>) -> StoredSession {
    let data = format!("{{\"number\":{number}}}");
    StoredSession {
        key: SessionKey([number; 32]),
        user,
        data,
        created_at: NOW - Duration::DAY,
        last_seen_at: NOW,
        expires_at: NOW + Duration::HOUR,
        user_agent: Some("a browser".into()),
    }
}

async fn block(store: &AnyStore, user: UserId, partner: UserId, blocked: bool) -> Option<bool> {
    store.set_blocked(user, partner, blocked).await.unwrap()
}

async fn blocking_twice_and_unblocking_twice_change_nothing(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    assert_eq!(block(&store, ann, bob, false).await, Some(false));
    assert_eq!(block(&store, ann, bob, true).await, Some(true));
    assert_eq!(block(&store, ann, bob, true).await, Some(false));
    // What bob does about ann is another matter.
    assert_eq!(block(&store, bob, ann, false).await, Some(false));
    assert!(store.add_message(message(bob, ann, "refused")).await.unwrap().is_err());
    assert_eq!(block(&store, ann, bob, false).await, Some(true));
    assert_eq!(block(&store, ann, bob, false).await, Some(false));
    send(&store, bob, ann, "kept").await;
    assert_eq!(view(&store, ann, bob).await, (vec!["kept".into()], 1));
}

async fn nobody_is_blocked_without_a_chat(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.open_chat(bob, ann, now()).await.unwrap().unwrap();
    assert_eq!(block(&store, ann, bob, true).await, None);
    assert_eq!(block(&store, ann, UserId(999), true).await, None);
    send(&store, bob, ann, "kept").await;
}

async fn nothing_is_kept_between_two_of_whom_one_has_blocked_the_other(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, ann, now()).await.unwrap().unwrap();
    store.open_chat(cyd, bob, now()).await.unwrap().unwrap();
    store.open_chat(bob, cyd, now()).await.unwrap().unwrap();
    send(&store, bob, ann, "before").await;
    let before = store.sync(ann, MessageId(0), 100, 10).await.unwrap();
    block(&store, ann, bob, true).await;
    for (sender, receiver) in [(bob, ann), (ann, bob)] {
        let mut refused = message(sender, receiver, "refused");
        assert!(store.add_message(refused.clone()).await.unwrap().is_err());
        refused.client_id = ClientId::parse("0190f5a0-0000-7000-8000-000000000001").ok();
        assert!(store.add_message(refused).await.unwrap().is_err());
    }
    assert_eq!(store.sync(ann, MessageId(0), 100, 10).await.unwrap(), before);
    // Those who are not concerned go on.
    send(&store, cyd, ann, "to ann").await;
    send(&store, cyd, bob, "to bob").await;
    send(&store, ann, cyd, "from ann").await;
    send(&store, bob, cyd, "from bob").await;
}

async fn each_side_of_a_block_is_told_its_own_reason(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let refused = async |sender, receiver| {
        store.add_message(message(sender, receiver, "refused")).await.unwrap().unwrap_err()
    };
    block(&store, ann, bob, true).await;
    assert_eq!(refused(ann, bob).await, NotAdded::BlockedBySender);
    assert_eq!(refused(bob, ann).await, NotAdded::BlockedByReceiver);
    // Of two blocks one learns one's own first.
    block(&store, bob, ann, true).await;
    assert_eq!(refused(ann, bob).await, NotAdded::BlockedBySender);
    assert_eq!(refused(bob, ann).await, NotAdded::BlockedBySender);
    block(&store, ann, bob, false).await;
    assert_eq!(refused(ann, bob).await, NotAdded::BlockedByReceiver);
}

async fn a_message_that_was_kept_before_a_block_keeps_its_answer(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut once = message(bob, ann, "once");
    once.client_id = ClientId::parse("0190f5a0-0000-7000-8000-000000000001").ok();
    let first = store.add_message(once.clone()).await.unwrap().unwrap();
    block(&store, ann, bob, true).await;
    let again = store.add_message(once).await.unwrap().unwrap();
    assert_eq!((again.id, again.duplicate), (first.id, true));
    assert_eq!(view(&store, ann, bob).await, (vec!["once".into()], 1));
}

async fn a_block_takes_its_place_among_the_messages(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let before = store.add_message(message(bob, ann, "before"));
    let blocking = store.set_blocked(ann, bob, true);
    let during = store.add_message(message(bob, ann, "during"));
    let unblocking = store.set_blocked(ann, bob, false);
    let after = store.add_message(message(bob, ann, "after"));
    // Awaited in another order than called.
    assert!(after.await.unwrap().is_ok());
    assert_eq!(unblocking.await.unwrap(), Some(true));
    assert_eq!(during.await.unwrap(), Err(NotAdded::BlockedByReceiver));
    assert_eq!(blocking.await.unwrap(), Some(true));
    assert!(before.await.unwrap().is_ok());
    assert_eq!(view(&store, ann, bob).await, (vec!["before".into(), "after".into()], 2));
}

async fn two_of_whom_one_has_blocked_the_other_do_not_find_each_other(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    let found = async |finder| {
        let users = store.users_starting_with(finder, "", 2).await.unwrap();
        users.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    block(&store, ann, bob, true).await;
    // What is left out takes no place of what is found.
    assert_eq!(found(ann).await, ["ann", "cyd"]);
    assert_eq!(found(bob).await, ["bob", "cyd"]);
    assert_eq!(found(cyd).await, ["ann", "bob"]);
    block(&store, ann, bob, false).await;
    assert_eq!(found(ann).await, ["ann", "bob"]);
    assert_eq!(found(bob).await, ["ann", "bob"]);
}

async fn a_block_opens_no_chat_and_closes_none(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.open_chat(ann, bob, now()).await.unwrap().unwrap();
    block(&store, ann, bob, true).await;
    assert_eq!(store.open_chat(bob, ann, now()).await.unwrap(), None);
    assert_eq!(store.chats_of(bob, 10).await.unwrap(), []);
    let again = store.open_chat(ann, bob, now()).await.unwrap().unwrap();
    assert!(!again.new);
    assert_eq!(store.chats_of(ann, 10).await.unwrap().len(), 1);
    block(&store, ann, bob, false).await;
    assert!(store.open_chat(bob, ann, now()).await.unwrap().unwrap().new);
}

async fn after_a_block_both_read_what_was_said_and_only_one_knows_of_it(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, bob, ann, "said").await;
    let joined = async |user, partner| {
        let newest = store.newest_messages(user, partner, 20, usize::MAX).await.unwrap().unwrap();
        (newest.messages.len(), newest.blocked)
    };
    assert_eq!(joined(ann, bob).await, (1, false));
    block(&store, ann, bob, true).await;
    assert_eq!(joined(ann, bob).await, (1, true));
    assert_eq!(joined(bob, ann).await, (1, false));
    let older = store.older_messages(bob, ann, Older::Skip(0), 10).await.unwrap().unwrap();
    assert_eq!(older.len(), 1);
    assert_eq!(mark(&store, ann, bob, ReadMark::Remaining(0)).await, (0, true));
    block(&store, ann, bob, false).await;
    assert_eq!(joined(ann, bob).await, (1, false));
}

async fn a_session_lives_until_it_expires_or_is_deleted(store: AnyStore) {
    let ann = user(&store, "ann").await;
    let saved = session(1, Some(ann));
    store.add_session(saved.clone()).await.unwrap();
    assert_eq!(store.session(saved.key, NOW).await.unwrap(), Some(saved.clone()));
    let visitor = store.session_user(saved.key, NOW).await.unwrap();
    assert_eq!(visitor.map(|user| user.id), Some(ann));
    assert_eq!(store.session(saved.key, saved.expires_at).await.unwrap(), None);
    assert_eq!(store.session_user(saved.key, saved.expires_at).await.unwrap(), None);

    let anonymous = StoredSession { user: None, user_agent: None, ..saved.clone() };
    let later = StoredSession { created_at: NOW, ..anonymous.clone() };
    store.save_session(later).await.unwrap();
    assert_eq!(store.session(saved.key, NOW).await.unwrap(), Some(anonymous));
    assert_eq!(store.session_user(saved.key, NOW).await.unwrap(), None);

    store.delete_session(saved.key).await.unwrap();
    assert_eq!(store.session(saved.key, NOW).await.unwrap(), None);
    store.delete_session(saved.key).await.unwrap();
    // A request that was under way when the session ended does not bring it back.
    store.save_session(saved.clone()).await.unwrap();
    assert_eq!(store.session(saved.key, NOW).await.unwrap(), None);
}

async fn a_renewed_session_lives_longer(store: AnyStore) {
    let saved = session(1, None);
    store.add_session(saved.clone()).await.unwrap();
    let (later, end) = (NOW + Duration::MINUTE, NOW + Duration::DAY);
    store.renew_session(saved.key, later, end).await.unwrap();
    let renewed = StoredSession { last_seen_at: later, expires_at: end, ..saved.clone() };
    assert_eq!(store.session(saved.key, saved.expires_at).await.unwrap(), Some(renewed));
    store.renew_session(SessionKey([9; 32]), later, end).await.unwrap();
    assert_eq!(store.session(SessionKey([9; 32]), NOW).await.unwrap(), None);
}

async fn only_expired_sessions_are_swept(store: AnyStore) {
    let (old, young) = (session(1, None), session(2, None));
    store.add_session(StoredSession { expires_at: NOW, ..old.clone() }).await.unwrap();
    store.add_session(young.clone()).await.unwrap();
    assert_eq!(store.sweep_sessions(NOW).await.unwrap(), 1);
    assert_eq!(store.sweep_sessions(NOW).await.unwrap(), 0);
    assert!(store.session(young.key, NOW).await.unwrap().is_some());
}

async fn keys_of(store: &AnyStore, user: UserId) -> Vec<u8> {
    let sessions = store.sessions_of(user, NOW, 10).await.unwrap();
    sessions.iter().map(|session| session.key.0[0]).collect()
}

async fn the_sessions_of_a_user_come_in_the_order_of_their_last_use(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    for (number, minutes) in [(1, 3), (2, 1), (3, 2)] {
        let last_seen_at = NOW - Duration::minutes(minutes);
        let session = StoredSession { last_seen_at, ..session(number, Some(ann)) };
        store.add_session(session).await.unwrap();
    }
    let expired = StoredSession { expires_at: NOW, ..session(4, Some(ann)) };
    store.add_session(expired).await.unwrap();
    store.add_session(session(5, Some(bob))).await.unwrap();
    store.add_session(session(6, None)).await.unwrap();
    assert_eq!(keys_of(&store, ann).await, [2, 3, 1]);
    assert_eq!(store.sessions_of(ann, NOW, 2).await.unwrap().len(), 2);
}

async fn a_session_is_ended_only_by_its_user(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let of_ann = session(1, Some(ann));
    store.add_session(of_ann.clone()).await.unwrap();
    assert!(!store.delete_session_of(bob, of_ann.key).await.unwrap());
    assert_eq!(keys_of(&store, ann).await, [1]);
    assert!(store.delete_session_of(ann, of_ann.key).await.unwrap());
    assert!(!store.delete_session_of(ann, of_ann.key).await.unwrap());
}

async fn all_sessions_of_a_user_can_be_ended_but_one(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    for number in 1..=3 {
        store.add_session(session(number, Some(ann))).await.unwrap();
    }
    store.add_session(session(4, Some(bob))).await.unwrap();
    assert_eq!(store.delete_sessions_of(ann, Some(SessionKey([2; 32]))).await.unwrap(), 2);
    assert_eq!(keys_of(&store, ann).await, [2]);
    assert_eq!(store.delete_sessions_of(ann, None).await.unwrap(), 1);
    assert_eq!(keys_of(&store, bob).await, [4]);
}

async fn a_new_password_ends_the_other_sessions_only_where_the_old_one_was_right(store: AnyStore) {
    let ann = user(&store, "ann").await;
    let mine = session(1, Some(ann));
    store.add_session(mine.clone()).await.unwrap();
    store.add_session(session(2, Some(ann))).await.unwrap();
    assert!(!store.change_password(ann, "another hash", "new", mine.key).await.unwrap());
    assert_eq!(keys_of(&store, ann).await, [1, 2]);
    assert!(store.change_password(ann, "hash", "new", mine.key).await.unwrap());
    assert_eq!(keys_of(&store, ann).await, [1]);
    assert_eq!(store.account(ann).await.unwrap().unwrap().hash, "new");
}

async fn a_disabled_user_has_no_sessions_and_gets_none(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.add_session(session(1, Some(ann))).await.unwrap();
    store.add_session(session(2, Some(bob))).await.unwrap();
    store.set_disabled(ann, Some(NOW)).await.unwrap();
    assert!(store.account(ann).await.unwrap().unwrap().disabled);
    assert_eq!(keys_of(&store, ann).await, [0; 0]);
    assert_eq!(keys_of(&store, bob).await, [2]);
    // A login that was under way.
    let late = session(3, Some(ann));
    store.add_session(late.clone()).await.unwrap();
    assert_eq!(store.session_user(late.key, NOW).await.unwrap(), None);
    store.set_disabled(ann, None).await.unwrap();
    assert!(!store.account(ann).await.unwrap().unwrap().disabled);
    assert_eq!(store.session_user(late.key, NOW).await.unwrap(), None);
    store.add_session(late.clone()).await.unwrap();
    assert!(store.session_user(late.key, NOW).await.unwrap().is_some());
}

async fn who_is_disabled_is_disabled_once(store: AnyStore) {
    let ann = user(&store, "ann").await;
    assert!(!store.set_disabled(ann, None).await.unwrap());
    assert!(store.set_disabled(ann, Some(NOW)).await.unwrap());
    assert!(!store.set_disabled(ann, Some(NOW + Duration::DAY)).await.unwrap());
    let listed = store.users_after(UserId(0), NOW, 10).await.unwrap();
    assert_eq!(listed[0].disabled_at, Some(NOW));
    assert!(store.set_disabled(ann, None).await.unwrap());
    assert!(!store.set_disabled(UserId(99), Some(NOW)).await.unwrap());
}

async fn the_operator_sees_everybody_with_their_sessions(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.add_session(session(1, Some(ann))).await.unwrap();
    let earlier = NOW - Duration::HOUR;
    let older = StoredSession { last_seen_at: earlier, ..session(2, Some(ann)) };
    store.add_session(older).await.unwrap();
    let expired = StoredSession { expires_at: NOW, ..session(3, Some(bob)) };
    store.add_session(expired).await.unwrap();
    let listed = store.users_after(UserId(0), NOW, 10).await.unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|listed| (&*listed.user.username, listed.sessions, listed.last_seen_at))
        .collect();
    assert_eq!(seen, [("ann", 2, Some(NOW)), ("bob", 0, None)]);
    assert_eq!(store.users_after(UserId(0), NOW, 1).await.unwrap().len(), 1);
    assert_eq!(store.users_after(ann, NOW, 10).await.unwrap()[0].user.id, bob);
    assert_eq!(store.users_after(bob, NOW, 10).await.unwrap(), []);
}

async fn an_ended_session_is_told_from_a_living_one(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    for (number, owner) in [(1, ann), (2, ann), (3, bob)] {
        store.add_session(session(number, Some(owner))).await.unwrap();
    }
    store.delete_session(SessionKey([2; 32])).await.unwrap();
    let keys: Vec<SessionKey> = (1..=4).map(|number| SessionKey([number; 32])).collect();
    let ended = async || {
        let ended = store.ended_sessions(keys.clone()).await.unwrap();
        let mut ended: Vec<u8> = ended.iter().map(|key| key.0[0]).collect();
        ended.sort_unstable();
        ended
    };
    assert_eq!(ended().await, [2, 4]);
    store.set_disabled(bob, Some(NOW)).await.unwrap();
    assert_eq!(ended().await, [2, 3, 4]);
}

const LINK: LinkKey = LinkKey([7; 32]);
const OTHER_LINK: LinkKey = LinkKey([8; 32]);
const TOMORROW: time::OffsetDateTime = NOW.saturating_add(Duration::DAY);

async fn a_link_sets_a_password_once_and_ends_what_was_open(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.add_session(session(1, Some(ann))).await.unwrap();
    store.add_session(session(2, Some(bob))).await.unwrap();
    store.add_reset(LINK, ann, TOMORROW).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.reset_user(LINK, NOW).await.unwrap().map(|user| user.id), Some(ann));
    }
    let uses = [
        store.use_reset(LINK, NOW, "one"),
        store.use_reset(LINK, NOW, "two"),
        store.use_reset(OTHER_LINK, NOW, "three"),
    ];
    let [one, two, three] = uses;
    assert_eq!(one.await.unwrap(), Some(ann));
    assert_eq!((two.await.unwrap(), three.await.unwrap()), (None, None));
    assert_eq!(store.reset_user(LINK, NOW).await.unwrap(), None);
    assert_eq!(store.account(ann).await.unwrap().unwrap().hash, "one");
    assert_eq!((keys_of(&store, ann).await, keys_of(&store, bob).await), (vec![], vec![2]));
}

async fn a_newer_link_replaces_an_older_one(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let of_bob = LinkKey([9; 32]);
    store.add_reset(of_bob, bob, TOMORROW).await.unwrap();
    store.add_reset(LINK, ann, TOMORROW).await.unwrap();
    store.add_reset(OTHER_LINK, ann, TOMORROW).await.unwrap();
    assert_eq!(store.use_reset(LINK, NOW, "new").await.unwrap(), None);
    assert_eq!(store.use_reset(OTHER_LINK, NOW, "new").await.unwrap(), Some(ann));
    assert_eq!(store.use_reset(of_bob, NOW, "new").await.unwrap(), Some(bob));
}

async fn a_link_ends_with_its_time_its_user_and_a_new_password(store: AnyStore) {
    let ann = user(&store, "ann").await;
    let useless = async |now| {
        let user = store.reset_user(LINK, now).await.unwrap();
        user.is_none() && store.use_reset(LINK, now, "new").await.unwrap().is_none()
    };
    store.add_reset(LINK, ann, TOMORROW).await.unwrap();
    assert!(useless(TOMORROW).await);
    store.set_disabled(ann, Some(NOW)).await.unwrap();
    assert!(useless(NOW).await);
    store.set_disabled(ann, None).await.unwrap();
    assert!(useless(NOW).await);
    store.add_reset(LINK, ann, TOMORROW).await.unwrap();
    assert!(store.change_password(ann, "hash", "changed", SessionKey([1; 32])).await.unwrap());
    assert!(useless(NOW).await);
    // An invite sets no password.
    store.add_invite(LINK, TOMORROW).await.unwrap();
    assert!(useless(NOW).await);
    assert_eq!(store.account(ann).await.unwrap().unwrap().hash, "changed");
}

async fn an_invite_lets_one_person_in(store: AnyStore) {
    let name = |name| Username::parse(name).unwrap();
    store.add_invite(LINK, TOMORROW).await.unwrap();
    assert!(store.is_invite(LINK, NOW).await.unwrap());
    assert!(!store.is_invite(LINK, TOMORROW).await.unwrap());
    assert_eq!(store.use_invite(LINK, TOMORROW, &name("ann"), "hash").await.unwrap(), None);
    assert_eq!(store.use_invite(OTHER_LINK, NOW, &name("ann"), "hash").await.unwrap(), None);
    let (one, two) = (
        store.use_invite(LINK, NOW, &name("bob"), "hash"),
        store.use_invite(LINK, NOW, &name("eve"), "hash"),
    );
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    assert!(one.is_some() && two.is_none(), "{one:?} {two:?}");
    assert!(!store.is_invite(LINK, NOW).await.unwrap());
    let everybody = store.users_after(UserId(0), NOW, 10).await.unwrap();
    assert_eq!(everybody.iter().map(|one| &*one.user.username).collect::<Vec<_>>(), ["bob"]);
    // Nor does the link for a password let anybody in.
    store.add_reset(OTHER_LINK, one.unwrap(), TOMORROW).await.unwrap();
    assert!(!store.is_invite(OTHER_LINK, NOW).await.unwrap());
    assert_eq!(store.use_invite(OTHER_LINK, NOW, &name("eve"), "hash").await.unwrap(), None);
}

async fn a_name_that_is_taken_uses_no_invite(store: AnyStore) {
    user(&store, "ann").await;
    store.add_invite(LINK, TOMORROW).await.unwrap();
    let taken = store.use_invite(LINK, NOW, &Username::parse("ANN").unwrap(), "hash").await;
    assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
    assert!(store.is_invite(LINK, NOW).await.unwrap());
    let other = store.use_invite(LINK, NOW, &Username::parse("bob").unwrap(), "hash").await;
    assert!(other.unwrap().is_some());
}

async fn only_expired_links_are_swept(store: AnyStore) {
    store.add_invite(LINK, NOW).await.unwrap();
    store.add_invite(OTHER_LINK, TOMORROW).await.unwrap();
    assert_eq!(store.sweep_links(NOW).await.unwrap(), 1);
    assert_eq!(store.sweep_links(NOW).await.unwrap(), 0);
    assert!(store.is_invite(OTHER_LINK, NOW).await.unwrap());
}
