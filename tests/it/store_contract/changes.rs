//! What has changed since a version.

use super::*;

contract!(
    changes_are_each_message_once_by_version_and_the_state_of_the_same_moment,
    changes_come_in_pages_that_say_up_to_where_they_are_complete,
    a_page_is_bounded_in_bytes_and_has_at_least_one_message,
    history_comes_newest_first_in_pages_until_the_beginning,
    the_state_has_both_marks_and_only_ones_own_block,
    the_changes_of_others_are_not_read,
    each_change_is_what_both_people_read_after_it,
    each_change_of_notes_to_oneself_has_one_side,
    what_changes_nothing_is_no_change,
    the_client_id_of_a_message_is_seen_by_its_sender_alone,
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
        assert_eq!(found.partner.id, partner);
        let one = &found.messages[0];
        assert_eq!((one.sender_id, one.receiver_id, &*one.text), (ann, bob, "one"));
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
        texts.extend(page.messages.into_iter().map(|message| message.text));
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
        texts.extend(page.messages.into_iter().map(|message| message.text));
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

async fn the_changes_of_others_are_not_read(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    send(&store, ann, bob, "secret").await;
    let bounds = PageBounds { messages_max: 10, bytes_max: usize::MAX };
    assert_eq!(store.changes(eve, ann, Version(0), bounds).await.unwrap(), None);
    assert_eq!(store.history(eve, ann, None, bounds).await.unwrap(), None);
    // The other side of a chat that only one has opened.
    store.open_chat(eve, ann, NOW).await.unwrap();
    assert_eq!(store.changes(ann, eve, Version(0), bounds).await.unwrap(), None);
    assert_eq!(changes(&store, eve, ann, Version(0), 10).await.messages, []);
}

/// Holds a change against what each of the two reads in the store after it.
async fn is_read_after(store: &AnyStore, change: &Change) {
    let bounds = PageBounds { messages_max: 10, bytes_max: usize::MAX };
    for user in change.people.people() {
        let partner = change.people.partner_of(user);
        let found = store.changes(user, partner, change.after, bounds).await.unwrap();
        let state = found.as_ref().map(|found| found.state);
        assert_eq!(change.seen_by(user).copied(), state, "{user}: {change:?}");
        let Some(found) = found else { continue };
        assert_eq!(found.state.version, change.after.next());
        let message = change.message.clone().map(|message| message.seen_by(user));
        assert_eq!(found.messages, Vec::from_iter(message), "{user}");
    }
}

/// New messages; how far the user has read, and has what was delivered; the partner's two marks;
/// whether the user blocks.
type State = (i64, [MessageId; 4], bool);

fn state(state: &ConversationState) -> State {
    let own = [state.read.last_read_id, state.last_delivered_id];
    let marks = [own[0], own[1], state.partner_last_read_id, state.partner_last_delivered_id];
    (state.read.new_message_count, marks, state.blocked)
}

/// Changes of a conversation, as they come.
struct Told<'a> {
    store: &'a AnyStore,
    people: Pair,
    version: Version,
}

impl Told<'_> {
    /// The next one: what those of the two see who have the chat in the list.
    async fn next(&mut self, change: Option<Change>, expected: &[(UserId, State)]) -> Change {
        let change = change.expect("a change");
        assert_eq!((change.people, change.after), (self.people, self.version));
        self.version = self.version.next();
        let people = self.people.people();
        let seen = people.filter_map(|user| Some((user, state(change.seen_by(user)?))));
        assert_eq!(seen.collect::<Vec<_>>(), expected, "{change:?}");
        is_read_after(self.store, &change).await;
        change
    }
}

fn edit_to(text: &str, (user, partner): (UserId, UserId), id: MessageId) -> MessageEdit {
    let body = Body::parse(text.into(), 10).unwrap();
    MessageEdit { user, partner, id, body, at: NOW, oldest: NOW, client_id: client_id(1) }
}

async fn each_change_is_what_both_people_read_after_it(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    let mut told = Told { store: &store, people: Pair::of(bob, ann), version: Version(0) };
    let none = MessageId(0);
    let both = |anns, bobs| [(ann, anns), (bob, bobs)];

    let opened = store.open_chat(ann, bob, NOW).await.unwrap().unwrap();
    let change = told.next(opened.change, &[(ann, (0, [none; 4], false))]).await;
    assert_eq!(change.message, None);

    let message = NewMessage { client_id: Some(client_id(1)), ..message(ann, bob, "one") };
    let added = store.add_message(message).await.unwrap().unwrap();
    assert_eq!((added.opened_chat, added.version), (true, Version(2)));
    let one = added.id;
    let (anns, bobs) = ((0, [none; 4], false), (1, [none; 4], false));
    let change = told.next(added.change, &both(anns, bobs)).await;
    let message = change.message.unwrap();
    assert_eq!((message.id, &*message.text, message.version), (one, "one", Version(2)));
    assert_eq!((message.sender_id, message.receiver_id), (ann, bob));
    assert_eq!((message.client_id, message.timestamp), (Some(client_id(1)), added.timestamp));
    assert_eq!((message.edited_at, message.deleted_at), (None, None));

    let delivered = store.mark_delivered(bob, ann, one).await.unwrap().unwrap();
    let (anns, bobs) = ((0, [none, none, none, one], false), (1, [none, one, none, none], false));
    assert_eq!((state(&delivered.state), delivered.state.version), (bobs, Version(3)));
    told.next(delivered.change, &both(anns, bobs)).await;

    let read = store.mark_read(bob, ann, ReadMark::UpTo(one)).await.unwrap().unwrap();
    let (anns, bobs) = ((0, [none, none, one, one], false), (0, [one, one, none, none], false));
    assert_eq!((state(&read.state), read.state.version), (bobs, Version(4)));
    told.next(read.change, &both(anns, bobs)).await;

    let added = send(&store, bob, ann, "two").await;
    let two = added.id;
    let anns = (1, [none, none, one, one], false);
    told.next(added.change, &both(anns, bobs)).await;

    let edited = store.edit_message(edit_to("edited", (ann, bob), one)).await.unwrap().unwrap();
    assert_eq!((edited.version, edited.message.client_id), (Version(6), Some(client_id(1))));
    let change = told.next(edited.change, &both(anns, bobs)).await;
    assert_eq!(change.message, Some(edited.message));

    let deleted = store.delete_message(bob, ann, two, NOW).await.unwrap().unwrap();
    let anns = (0, [none, none, one, one], false);
    let change = told.next(deleted.change, &both(anns, bobs)).await;
    assert_eq!((deleted.version, change.message), (Version(7), Some(deleted.message)));

    for blocked in [true, false] {
        let set = store.set_blocked(ann, bob, blocked).await.unwrap().unwrap();
        let anns = (0, [none, none, one, one], blocked);
        assert_eq!((state(&set.state), set.state.version), (anns, told.version.next()));
        told.next(set.change, &both(anns, bobs)).await;
    }
}

async fn each_change_of_notes_to_oneself_has_one_side(store: AnyStore) {
    let ann = user(&store, "ann").await;
    let mut told = Told { store: &store, people: Pair::of(ann, ann), version: Version(0) };
    let none = MessageId(0);
    let opened = store.open_chat(ann, ann, NOW).await.unwrap().unwrap();
    told.next(opened.change, &[(ann, (0, [none; 4], false))]).await;
    let one = send(&store, ann, ann, "one").await;
    told.next(one.change, &[(ann, (0, [none; 4], false))]).await;
    let two = send(&store, ann, ann, "two").await;
    let change = told.next(two.change, &[(ann, (0, [none; 4], false))]).await;
    assert_eq!(change.states[1], None);
    // Both are the same side, and so are their marks.
    let delivered = store.mark_delivered(ann, ann, one.id).await.unwrap().unwrap();
    told.next(delivered.change, &[(ann, (0, [none, one.id, none, one.id], false))]).await;
    let read = store.mark_read(ann, ann, ReadMark::UpTo(two.id)).await.unwrap().unwrap();
    told.next(read.change, &[(ann, (0, [two.id; 4], false))]).await;
    let edited = store.edit_message(edit_to("edited", (ann, ann), one.id)).await.unwrap().unwrap();
    told.next(edited.change, &[(ann, (0, [two.id; 4], false))]).await;
    let deleted = store.delete_message(ann, ann, two.id, NOW).await.unwrap().unwrap();
    told.next(deleted.change, &[(ann, (0, [two.id; 4], false))]).await;
}

async fn what_changes_nothing_is_no_change(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let first = NewMessage { client_id: Some(client_id(1)), ..message(ann, bob, "one") };
    let one = store.add_message(first.clone()).await.unwrap().unwrap().id;
    store.edit_message(edit_to("edited", (ann, bob), one)).await.unwrap().unwrap();
    let two = send(&store, ann, bob, "two").await.id;
    store.delete_message(ann, bob, two, NOW).await.unwrap().unwrap();
    store.mark_delivered(bob, ann, two).await.unwrap();
    store.mark_read(bob, ann, ReadMark::UpTo(one)).await.unwrap();
    store.set_blocked(bob, ann, true).await.unwrap();
    let before = changes(&store, bob, ann, Version(0), 10).await;

    assert_eq!(store.open_chat(ann, bob, NOW).await.unwrap().unwrap().change, None);
    let added = store.add_message(first).await.unwrap().unwrap();
    assert_eq!((added.id, added.version, added.change), (one, before.state.version, None));
    let edited = store.edit_message(edit_to("edited", (ann, bob), one)).await.unwrap().unwrap();
    assert_eq!((edited.version, edited.change), (before.state.version, None));
    let deleted = store.delete_message(ann, bob, two, NOW).await.unwrap().unwrap();
    assert_eq!((deleted.version, deleted.change), (before.state.version, None));
    // Those who change only their own side learn how it is all the same.
    let so_already = Some(OwnChange { state: before.state, change: None });
    assert_eq!(store.mark_delivered(bob, ann, two).await.unwrap(), so_already);
    assert_eq!(store.mark_read(bob, ann, ReadMark::UpTo(one)).await.unwrap(), so_already);
    assert_eq!(store.set_blocked(bob, ann, true).await.unwrap(), so_already);
    assert_eq!(changes(&store, bob, ann, Version(0), 10).await, before);
}

async fn the_client_id_of_a_message_is_seen_by_its_sender_alone(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let id = Some(client_id(1));
    let first = NewMessage { client_id: id, ..message(ann, bob, "one") };
    let one = store.add_message(first).await.unwrap().unwrap().id;
    send(&store, ann, bob, "without").await;
    let epoch = {
        let bounds = CatchUpBounds { conversations_max: 1, messages_max: 1, bytes_max: 0 };
        store.catch_up(ann, Known::default(), bounds).await.unwrap().epoch
    };
    // Also after it has changed.
    let edited = store.edit_message(edit_to("edited", (ann, bob), one)).await.unwrap().unwrap();
    assert_eq!(edited.message.client_id, id);
    for (user, partner, expected) in [(ann, bob, [None, id]), (bob, ann, [None, None])] {
        let page = PageBounds { messages_max: 10, bytes_max: usize::MAX };
        let changed = changes(&store, user, partner, Version(0), 10).await.messages;
        let mut history = store.history(user, partner, None, page).await.unwrap().unwrap().messages;
        history.sort_by_key(|message| message.version);
        let versions = vec![ConversationVersion { partner, version: Version(0) }];
        let known = Known { epoch: Some(epoch), digest: None, versions, messages_of: None };
        let bounds =
            CatchUpBounds { conversations_max: 1, messages_max: 10, bytes_max: usize::MAX };
        let missed = store.catch_up(user, known, bounds).await.unwrap().conversations.remove(0);
        for messages in [changed, history, missed.messages] {
            let ids = messages.iter().map(|message| message.client_id);
            assert_eq!(ids.collect::<Vec<_>>(), expected, "{user}");
        }
    }
    // A change has it for the sender, and not as the receiver sees the message.
    let change = store.delete_message(ann, bob, one, NOW).await.unwrap().unwrap().change.unwrap();
    let message = change.message.unwrap();
    assert_eq!(message.client_id, id);
    assert_eq!(
        (message.clone().seen_by(ann).client_id, message.seen_by(bob).client_id),
        (id, None)
    );
}
