//! Chats: who has which, in which order, and what is read in them.

use super::*;

contract!(
    a_chat_with_nobody_is_not_opened,
    opening_a_chat_again_changes_nothing,
    nobody_reads_a_chat_that_they_do_not_have,
    a_count_falls_to_what_remains_and_never_rises,
    a_read_position_only_moves_forward,
    a_read_position_beyond_the_newest_swallows_nothing_to_come,
    a_mark_of_delivery_only_moves_forward_and_not_beyond_the_newest,
    what_was_read_was_delivered,
    a_mark_of_delivery_is_seen_by_both_and_raises_the_version_by_one,
    nobody_marks_what_was_delivered_in_a_chat_that_they_do_not_have,
    reading_in_one_chat_leaves_others_alone,
    chats_are_listed_newest_first_even_within_a_second,
    chats_are_listed_by_what_came_last_also_after_the_clock_was_put_back,
    a_chat_is_found_by_its_members,
);

async fn a_chat_with_nobody_is_not_opened(store: AnyStore) {
    let ann = user(&store, "ann").await;
    assert_eq!(store.open_chat(ann, UserId(999), NOW).await.unwrap(), None);
    assert_eq!(store.chats_of(ann, 10).await.unwrap(), []);
}

async fn opening_a_chat_again_changes_nothing(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, bob, ann, "hello").await;
    let later = NOW + Duration::days(1);
    assert_eq!(store.open_chat(ann, bob, later).await.unwrap().unwrap().change, None);
    assert_eq!(view(&store, ann, bob).await, (vec!["hello".into()], 1));
}

async fn nobody_reads_a_chat_that_they_do_not_have(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    send(&store, ann, bob, "secret").await;
    assert_eq!(store.newest_messages(eve, ann, extent(20, usize::MAX)).await.unwrap(), None);
    assert_eq!(store.older_messages(eve, ann, Older::skipping(0), 10).await.unwrap(), None);
    assert_eq!(store.mark_read(eve, ann, ReadMark::Remaining(0)).await.unwrap(), None);
    // With a chat of their own they read that one.
    store.open_chat(eve, ann, NOW).await.unwrap();
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
    let position =
        store.newest_messages(bob, ann, extent(20, usize::MAX)).await.unwrap().unwrap().read;
    assert_eq!(position.last_read_id, ids[2]);
}

async fn a_read_position_beyond_the_newest_swallows_nothing_to_come(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, ann, bob, "seen").await;
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(MessageId(i64::MAX))).await, (0, true));
    send(&store, ann, bob, "not seen").await;
    assert_eq!(count(&store, bob, ann).await, 1);
}

/// Up to where that person has everything after such a mark, and whether it has moved that.
async fn deliver(
    store: &AnyStore,
    user: UserId,
    partner: UserId,
    up_to: MessageId,
) -> (MessageId, bool) {
    let marked = store.mark_delivered(user, partner, up_to).await.unwrap().unwrap();
    (marked.state.last_delivered_id, marked.change.is_some())
}

async fn a_mark_of_delivery_only_moves_forward_and_not_beyond_the_newest(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    assert_eq!(deliver(&store, bob, ann, MessageId(i64::MAX)).await, (MessageId(0), false));
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(send(&store, ann, bob, "new").await.id);
    }
    assert_eq!(deliver(&store, bob, ann, ids[1]).await, (ids[1], true));
    for id in [ids[1], ids[0], MessageId(0), MessageId(-5)] {
        assert_eq!(deliver(&store, bob, ann, id).await, (ids[1], false));
    }
    assert_eq!(deliver(&store, bob, ann, ids[2]).await, (ids[2], true));
    assert_eq!(deliver(&store, bob, ann, MessageId(i64::MAX)).await, (ids[3], true));
    // What comes later has not been delivered, and messages count as new until they are read.
    let next = send(&store, bob, ann, "own").await.id;
    assert_eq!(changes(&store, bob, ann, Version(0), 1).await.state.last_delivered_id, ids[3]);
    assert_eq!(deliver(&store, bob, ann, next).await, (next, true));
    assert_eq!(count(&store, bob, ann).await, 4);
}

async fn what_was_read_was_delivered(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(send(&store, ann, bob, "new").await.id);
    }
    deliver(&store, bob, ann, ids[0]).await;
    let read = store.mark_read(bob, ann, ReadMark::UpTo(ids[2])).await.unwrap().unwrap();
    assert_eq!(read.state.last_delivered_id, ids[2]);
    let anns = changes(&store, ann, bob, Version(0), 1).await.state;
    assert_eq!((anns.partner_last_read_id, anns.partner_last_delivered_id), (ids[2], ids[2]));
    assert_eq!(deliver(&store, bob, ann, ids[1]).await, (ids[2], false));
    assert_eq!(deliver(&store, bob, ann, ids[2]).await, (ids[2], false));
    assert_eq!(deliver(&store, bob, ann, ids[3]).await, (ids[3], true));
    let bobs = changes(&store, bob, ann, Version(0), 1).await.state;
    assert_eq!((bobs.read.last_read_id, bobs.last_delivered_id), (ids[2], ids[3]));
}

async fn a_mark_of_delivery_is_seen_by_both_and_raises_the_version_by_one(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "hello").await.id;
    // A block keeps it from nobody: what was said has arrived.
    store.set_blocked(ann, bob, true).await.unwrap();
    let marked = store.mark_delivered(bob, ann, sent).await.unwrap().unwrap();
    let change = marked.change.unwrap();
    assert_eq!((change.after, &change.message), (Version(4), &None));
    assert_eq!(change.seen_by(bob), Some(&marked.state));
    for (user, partner) in [(ann, bob), (bob, ann)] {
        let found = changes(&store, user, partner, Version(4), 10).await;
        assert_eq!(change.seen_by(user), Some(&found.state));
        assert_eq!((found.messages, found.complete_to), (vec![], Version(5)));
    }
    let anns = change.seen_by(ann).unwrap();
    assert_eq!((anns.last_delivered_id, anns.partner_last_delivered_id), (MessageId(0), sent));
    assert_eq!(
        (marked.state.last_delivered_id, marked.state.partner_last_delivered_id),
        (sent, MessageId(0))
    );
}

async fn nobody_marks_what_was_delivered_in_a_chat_that_they_do_not_have(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    let sent = send(&store, ann, bob, "secret").await.id;
    store.open_chat(eve, ann, NOW).await.unwrap();
    let before = changes(&store, ann, bob, Version(0), 10).await;
    for partner in [bob, eve, UserId(999)] {
        assert_eq!(store.mark_delivered(eve, partner, sent).await.unwrap(), None);
    }
    assert_eq!(store.mark_delivered(ann, eve, sent).await.unwrap(), None);
    // In a chat of their own there is no such message.
    assert_eq!(deliver(&store, eve, ann, sent).await, (MessageId(0), false));
    assert_eq!(changes(&store, ann, bob, Version(0), 10).await, before);
}

async fn reading_in_one_chat_leaves_others_alone(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, bob, NOW).await.unwrap();
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
        store.open_chat(ann, partner, NOW).await.unwrap();
        store.open_chat(partner, ann, NOW).await.unwrap();
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

async fn chats_are_listed_by_what_came_last_also_after_the_clock_was_put_back(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    send(&store, bob, ann, "hello").await;
    let earlier = NOW - Duration::hours(1);
    store.open_chat(ann, cyd, earlier).await.unwrap();
    let list = async || {
        let chats = store.chats_of(ann, 10).await.unwrap();
        chats.iter().map(|chat| chat.partner.id).collect::<Vec<_>>()
    };
    assert_eq!(list().await, [cyd, bob]);
    for (sender, receiver, expected) in [(bob, ann, [bob, cyd]), (ann, cyd, [cyd, bob])] {
        let mut message = message(sender, receiver, "hello");
        message.at = earlier;
        store.add_message(message).await.unwrap().unwrap();
        assert_eq!(list().await, expected);
    }
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
