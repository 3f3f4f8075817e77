//! What has changed since a version.

use super::*;

contract!(
    changes_are_each_message_once_by_version_and_the_state_of_the_same_moment,
    changes_come_in_pages_that_say_up_to_where_they_are_complete,
    a_page_is_bounded_in_bytes_and_has_at_least_one_message,
    history_comes_newest_first_in_pages_until_the_beginning,
    the_state_has_both_marks_and_only_ones_own_block,
    each_conversation_in_the_list_has_a_version_and_the_digest_is_their_sum,
    the_changes_of_others_are_not_read,
    an_epoch_stays,
);

async fn changes_are_each_message_once_by_version_and_the_state_of_the_same_moment(
    store: AnyStore,
) {
    let (ann, bob) = pair(&store).await;
    let fresh = changes(&store, ann, bob, Version(0), 100).await;
    assert_eq!((fresh.messages, fresh.more, fresh.complete_to), (vec![], false, Version(2)));
    let first = send(&store, ann, bob, "one").await;
    let second = send(&store, bob, ann, "two").await;
    for (user, partner, count) in [(ann, bob, 1), (bob, ann, 1)] {
        let found = changes(&store, user, partner, Version(0), 100).await;
        let messages = found.messages.iter().map(|message| (message.id, message.version));
        assert_eq!(messages.collect::<Vec<_>>(), [(first.id, Version(3)), (second.id, Version(4))]);
        assert_eq!((found.more, found.complete_to), (false, found.state.version));
        assert_eq!(found.state.version, Version(4));
        assert_eq!(found.state.read.new_message_count, count);
        assert_eq!(found.state.partner.id, partner);
        let one = &found.messages[0];
        assert_eq!((one.sender_id, one.receiver_id, &*one.message), (ann, bob, "one"));
        assert_eq!((&one.timestamp, &one.edited_at), (&first.timestamp, &None));
    }
    // What changes no message changes the state.
    mark(&store, ann, bob, ReadMark::UpTo(second.id)).await;
    let read = changes(&store, ann, bob, Version(4), 100).await;
    assert_eq!((read.messages, read.complete_to), (vec![], Version(5)));
    assert_eq!(read.state.read.new_message_count, 0);
    let ahead = changes(&store, ann, bob, Version(1000), 100).await;
    assert_eq!((ahead.messages, ahead.more, ahead.complete_to), (vec![], false, Version(5)));
}

async fn changes_come_in_pages_that_say_up_to_where_they_are_complete(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    for number in 0..7 {
        send(&store, ann, bob, &number.to_string()).await;
    }
    let (mut since, mut texts, mut pages) = (Version(0), Vec::new(), 0);
    loop {
        let page = changes(&store, bob, ann, since, 3).await;
        assert!(page.messages.len() <= 3 && page.complete_to > since, "{page:?}");
        texts.extend(page.messages.into_iter().map(|message| message.message));
        (since, pages) = (page.complete_to, pages + 1);
        if !page.more {
            assert_eq!(since, page.state.version);
            break;
        }
    }
    assert_eq!((pages, texts.concat().as_str()), (3, "0123456"));
}

async fn a_page_is_bounded_in_bytes_and_has_at_least_one_message(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    for text in ["a", "b", "c", "d"] {
        send(&store, ann, bob, &text.repeat(1000)).await;
    }
    let all = changes(&store, ann, bob, Version(0), 10).await.messages;
    let two = all[0].wire_bytes() + all[1].wire_bytes();
    for (bytes_max, expected) in [(0, 1), (two - 1, 1), (two, 2), (two * 2, 4)] {
        let bounds = PageBounds { messages_max: 10, bytes_max };
        let page = store.changes(ann, bob, Version(0), bounds).await.unwrap().unwrap();
        assert_eq!((page.messages.len(), page.more), (expected, expected < 4), "{bytes_max}");
        let page = store.history(ann, bob, None, bounds).await.unwrap().unwrap();
        assert_eq!((page.messages.len(), page.more), (expected, expected < 4), "{bytes_max}");
    }
}

async fn history_comes_newest_first_in_pages_until_the_beginning(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    for number in 0..7 {
        send(&store, ann, bob, &number.to_string()).await;
    }
    let (mut before, mut texts, mut more) = (None, Vec::new(), true);
    while more {
        let bounds = PageBounds { messages_max: 3, bytes_max: usize::MAX };
        let page = store.history(bob, ann, before, bounds).await.unwrap().unwrap();
        assert_eq!((page.state.version, page.state.read.new_message_count), (Version(9), 7));
        before = page.messages.last().map(|message| message.id);
        texts.extend(page.messages.into_iter().map(|message| message.message));
        more = page.more;
    }
    assert_eq!(texts.concat(), "6543210");
}

async fn the_state_has_both_marks_and_only_ones_own_block(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "hello").await;
    mark(&store, bob, ann, ReadMark::UpTo(sent.id)).await;
    store.set_blocked(bob, ann, true).await.unwrap();
    let anns = changes(&store, ann, bob, Version(0), 10).await.state;
    assert_eq!((anns.read.last_read_id, anns.partner_last_read_id), (MessageId(0), sent.id));
    assert!(!anns.blocked);
    let bobs = changes(&store, bob, ann, Version(0), 10).await.state;
    assert_eq!((bobs.read.last_read_id, bobs.partner_last_read_id), (sent.id, MessageId(0)));
    assert!(bobs.blocked);
}

async fn each_conversation_in_the_list_has_a_version_and_the_digest_is_their_sum(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    assert_eq!(store.digest_of(cyd).await.unwrap(), Digest { conversations: 0, versions: 0 });
    store.open_chat(cyd, ann, NOW).await.unwrap();
    store.open_chat(ann, ann, NOW).await.unwrap();
    send(&store, ann, bob, "hello").await;
    let versions = async |user, limit| {
        let versions = store.versions_of(user, limit).await.unwrap();
        versions.iter().map(|found| (found.partner, found.version.0)).collect::<Vec<_>>()
    };
    // Cyd has opened a chat with ann, who has none with cyd.
    assert_eq!(versions(ann, 10).await, [(bob, 3), (ann, 1)]);
    assert_eq!(versions(ann, 1).await, [(bob, 3)]);
    assert_eq!(versions(cyd, 10).await, [(ann, 1)]);
    assert_eq!(store.digest_of(ann).await.unwrap(), Digest { conversations: 2, versions: 4 });
    send(&store, cyd, ann, "hello").await;
    assert_eq!(versions(ann, 10).await, [(cyd, 2), (bob, 3), (ann, 1)]);
    assert_eq!(store.digest_of(ann).await.unwrap(), Digest { conversations: 3, versions: 6 });
}

async fn the_changes_of_others_are_not_read(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    send(&store, ann, bob, "secret").await;
    let bounds = PageBounds { messages_max: 10, bytes_max: usize::MAX };
    assert_eq!(store.changes(eve, ann, Version(0), bounds).await.unwrap(), None);
    assert_eq!(store.history(eve, ann, None, bounds).await.unwrap(), None);
    assert_eq!(store.versions_of(eve, 10).await.unwrap(), []);
    // The other side of a chat that only one has opened.
    store.open_chat(eve, ann, NOW).await.unwrap();
    assert_eq!(store.changes(ann, eve, Version(0), bounds).await.unwrap(), None);
    assert_eq!(changes(&store, eve, ann, Version(0), 10).await.messages, []);
}

async fn an_epoch_stays(store: AnyStore) {
    let epoch = store.epoch().await.unwrap();
    user(&store, "ann").await;
    assert_eq!(store.epoch().await.unwrap(), epoch);
}
