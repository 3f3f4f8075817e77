//! Messages: what is kept, in which order, and who gets to see it.

use super::*;

contract!(
    a_message_without_a_chat_is_not_kept,
    a_message_opens_the_receivers_chat_and_counts_there,
    a_note_to_oneself_is_kept_once_and_counts_nothing,
    writes_of_two_people_are_stored_in_the_order_of_calls,
    a_message_sent_again_is_kept_once,
    a_client_id_belongs_to_its_sender,
    a_client_id_of_another_message_is_refused,
    a_message_that_has_changed_since_is_known_when_it_is_sent_again,
    the_answer_of_a_message_is_found_without_keeping_it,
    a_message_raises_the_version_by_one,
    a_failing_write_takes_no_other_with_it,
    joining_shows_the_newest_twenty_or_all_that_are_new,
    joining_shows_all_that_are_new_when_own_messages_stand_between_them,
    joining_is_bounded,
    older_messages_come_in_pages_until_the_end,
    what_came_after_a_message_comes_in_pages_over_all_chats,
    what_others_say_to_each_other_does_not_come,
    a_sync_misses_nothing_that_is_sent_meanwhile,
);

async fn a_message_without_a_chat_is_not_kept(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let added = store.add_message(message(ann, bob, "psst")).await.unwrap();
    assert_eq!(added, Err(NotAdded::NoChat));
    store.open_chat(ann, bob, NOW).await.unwrap();
    assert_eq!(view(&store, ann, bob).await, (vec![], 0));
}

async fn a_message_opens_the_receivers_chat_and_counts_there(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.open_chat(ann, bob, NOW).await.unwrap();
    let first = send(&store, ann, bob, "one").await;
    assert_eq!((first.opened_chat, new_count(first.change.as_ref(), bob)), (true, 1));
    let second = send(&store, ann, bob, "two").await;
    assert_eq!((second.opened_chat, new_count(second.change.as_ref(), bob)), (false, 2));
    assert_eq!(view(&store, bob, ann).await, (vec!["one".into(), "two".into()], 2));
    assert_eq!(count(&store, ann, bob).await, 0);
}

async fn a_note_to_oneself_is_kept_once_and_counts_nothing(store: AnyStore) {
    let ann = user(&store, "ann").await;
    store.open_chat(ann, ann, NOW).await.unwrap().unwrap();
    let added = send(&store, ann, ann, "note").await;
    assert!(!added.opened_chat);
    assert_eq!(view(&store, ann, ann).await, (vec!["note".into()], 0));
    let (count, _) = mark(&store, ann, ann, ReadMark::UpTo(added.id)).await;
    assert_eq!(count, 0);
}

async fn writes_of_two_people_are_stored_in_the_order_of_calls(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut texts = Vec::new();
    let (mut sending, mut others) = (Vec::new(), Vec::new());
    for number in 0..500 {
        let (one, other) = if number % 3 == 0 { (bob, ann) } else { (ann, bob) };
        texts.push(format!("message {number}"));
        sending.push(store.add_message(message(one, other, &texts[number])));
        // What is sent from here on is refused, or counts as new.
        let refused = store.set_blocked(other, one, true);
        let stopped = store.add_message(message(one, other, "stopped"));
        let taken_back = store.set_blocked(other, one, false);
        let read = store.mark_read(other, one, ReadMark::Remaining(0));
        others.push((refused, stopped, taken_back, read));
    }
    // Awaited in another order than called.
    for (refused, stopped, taken_back, read) in others.into_iter().rev() {
        assert_eq!(read.await.unwrap().unwrap().state.read.new_message_count, 0);
        assert!(taken_back.await.unwrap().unwrap().change.is_some());
        assert_eq!(stopped.await.unwrap(), Err(NotAdded::BlockedByReceiver));
        assert!(refused.await.unwrap().unwrap().change.is_some());
    }
    sending.reverse();
    let mut added = Vec::new();
    for sent in sending {
        let sent = sent.await.unwrap().unwrap();
        let message = sent.change.as_ref().and_then(|change| change.message.as_ref());
        let receiver = message.expect("a message").receiver_id;
        assert_eq!(new_count(sent.change.as_ref(), receiver), 1);
        added.push((sent.version, sent.id));
    }
    added.reverse();
    assert!(added.is_sorted_by(|one, next| one.0 < next.0 && one.1 < next.1), "{added:?}");
    let all = changes(&store, ann, bob, Version(0), 1000).await.messages;
    assert_eq!(all.into_iter().map(|message| message.text).collect::<Vec<_>>(), texts);
}

async fn a_message_sent_again_is_kept_once(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let client_id = ClientId::parse("0190f5a0-0000-7000-8000-000000000001").unwrap();
    let mut once = message(ann, bob, "once");
    once.client_id = Some(client_id);
    let first = store.add_message(once.clone()).await.unwrap().unwrap();
    once.at = NOW + Duration::minutes(1);
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

async fn a_client_id_of_another_message_is_refused(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let (cyd, dan) = (user(&store, "cyd").await, user(&store, "dan").await);
    store.open_chat(ann, cyd, NOW).await.unwrap();
    let with_id = |receiver, text| {
        let client_id = Some(client_id(1));
        store.add_message(NewMessage { client_id, ..message(ann, receiver, text) })
    };
    with_id(bob, "once").await.unwrap().unwrap();
    // Also where it would be refused for another reason.
    for (receiver, text) in [(bob, "twice"), (cyd, "once"), (dan, "once")] {
        let refused = with_id(receiver, text).await.unwrap();
        assert_eq!(refused, Err(NotAdded::OtherContent), "{text}");
    }
    store.set_blocked(bob, ann, true).await.unwrap();
    assert_eq!(with_id(bob, "twice").await.unwrap(), Err(NotAdded::OtherContent));
    assert!(with_id(bob, "once").await.unwrap().unwrap().duplicate);
    assert_eq!(view(&store, bob, ann).await, (vec!["once".into()], 1));
    assert_eq!(view(&store, ann, cyd).await.0, [""; 0]);
}

async fn a_message_that_has_changed_since_is_known_when_it_is_sent_again(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let first = NewMessage { client_id: Some(client_id(1)), ..message(ann, bob, "one") };
    let id = store.add_message(first.clone()).await.unwrap().unwrap().id;
    let edit = MessageEdit {
        user: ann,
        partner: bob,
        id,
        body: Body::parse("two".into(), 10).unwrap(),
        at: NOW,
        oldest: NOW,
        client_id: client_id(1),
    };
    store.edit_message(edit).await.unwrap().unwrap();
    let again = store.add_message(first.clone()).await.unwrap().unwrap();
    assert_eq!((again.id, again.duplicate), (id, true));
    assert_eq!(view(&store, bob, ann).await.0, ["two"]);
    store.delete_message(ann, bob, id, NOW).await.unwrap().unwrap();
    let again = store.add_message(first).await.unwrap().unwrap();
    assert_eq!((again.id, again.duplicate), (id, true));
    assert_eq!(count(&store, bob, ann).await, 0);
}

async fn the_answer_of_a_message_is_found_without_keeping_it(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let before = async |text: &str| {
        store.added_before(ann, bob, text.to_owned(), client_id(1)).await.unwrap()
    };
    assert_eq!(before("once").await, None);
    let first = NewMessage { client_id: Some(client_id(1)), ..message(ann, bob, "once") };
    let added = store.add_message(first).await.unwrap().unwrap();
    let found = before("once").await.unwrap().unwrap();
    assert_eq!((found.id, found.timestamp, found.duplicate), (added.id, added.timestamp, true));
    assert_eq!(before("twice").await, Some(Err(NotAdded::OtherContent)));
    assert_eq!(view(&store, bob, ann).await.0, ["once"]);
}

async fn a_message_raises_the_version_by_one(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let after = |added: &Added| added.change.as_ref().map(|change| change.after);
    let once = NewMessage { client_id: Some(client_id(1)), ..message(ann, bob, "once") };
    let first = store.add_message(once.clone()).await.unwrap().unwrap();
    assert_eq!((after(&first), first.version), (Some(Version(2)), Version(3)));
    let next = send(&store, bob, ann, "next").await;
    assert_eq!((after(&next), next.version), (Some(Version(3)), Version(4)));
    let again = store.add_message(once).await.unwrap().unwrap();
    assert_eq!((after(&again), again.version), (None, Version(4)));
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
    let all = store.newest_messages(bob, ann, extent(20, usize::MAX)).await.unwrap().unwrap();
    assert_eq!(all.messages.len(), 30);
    let of_25: usize = all.messages.iter().take(25).map(Message::wire_bytes).sum();
    let newest = store.newest_messages(bob, ann, extent(20, of_25)).await.unwrap().unwrap();
    assert_eq!(newest.messages, all.messages[..25]);
    assert_eq!(newest.read.new_message_count, 30);
    // However long they are, the newest few are shown.
    let newest = store.newest_messages(bob, ann, extent(20, 0)).await.unwrap().unwrap();
    assert_eq!(newest.messages, all.messages[..20]);
    for (at_least, at_most) in [(20, 25), (5, 5), (1, 1)] {
        let extent = Extent { at_least, at_most, bytes_max: usize::MAX };
        let newest = store.newest_messages(bob, ann, extent).await.unwrap().unwrap();
        assert_eq!(newest.messages, all.messages[..at_most as usize]);
        assert_eq!(newest.read.new_message_count, 30);
    }
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
    assert_eq!(page(Older::skipping(0)).await, (16..=25).rev().collect::<Vec<_>>());
    assert_eq!(page(Older::skipping(20)).await, (1..=5).rev().collect::<Vec<_>>());
    assert_eq!(page(Older::skipping(25)).await, [0; 0]);
    assert_eq!(page(Older::than(ids[15])).await, (6..=15).rev().collect::<Vec<_>>());
    assert_eq!(page(Older::than(ids[0])).await, [0; 0]);
}

async fn what_came_after_a_message_comes_in_pages_over_all_chats(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, ann, NOW).await.unwrap();
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
    store.open_chat(eve, ann, NOW).await.unwrap();
    send(&store, ann, bob, "secret").await;
    let note = send(&store, eve, ann, "mine").await;
    let page = store.sync(eve, MessageId(0), 10, 10).await.unwrap();
    assert_eq!(page.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [note.id]);
}

async fn a_sync_misses_nothing_that_is_sent_meanwhile(store: AnyStore) {
    const EACH: usize = 100;
    let ann = user(&store, "ann").await;
    let mut sending = Vec::new();
    for name in ["b", "c", "d", "e", "f", "g", "h", "i"] {
        let partner = user(&store, name).await;
        store.open_chat(partner, ann, NOW).await.unwrap();
        let store = Arc::clone(&store);
        sending.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            for number in 0..EACH {
                ids.push(send(&store, partner, ann, &number.to_string()).await.id);
            }
            ids
        }));
    }
    let mut sent = 8 * EACH;
    let (mut since, mut found) = (MessageId(0), Vec::new());
    while sent > 0 {
        let is_over = sending.iter().all(tokio::task::JoinHandle::is_finished);
        let page = store.sync(ann, since, 7, 1).await.unwrap();
        // All had been sent, so what is missing now is missed.
        assert!(!is_over || !page.messages.is_empty(), "{sent} messages are missing");
        for message in page.messages {
            assert!(message.id > since, "{message:?} comes after {since:?}");
            since = message.id;
            found.push(message.id);
            sent -= 1;
        }
    }
    let mut expected = Vec::new();
    for sent in sending {
        expected.extend(sent.await.unwrap());
    }
    expected.sort_unstable();
    assert_eq!(found, expected);
}
