//! Messages that are edited and deleted after they were stored.

use super::*;

contract!(
    changes_of_a_message_are_done_in_the_order_of_calls,
    an_edit_is_seen_by_both_and_raises_the_version_by_one,
    an_edit_to_the_same_text_changes_nothing,
    only_ones_own_messages_in_ones_own_chats_are_edited_and_deleted,
    a_message_named_with_another_partner_is_no_message,
    no_edit_undoes_a_deletion,
    a_message_is_edited_until_its_time_is_over,
    nothing_is_edited_during_a_block_and_everything_may_be_deleted,
    an_edit_that_is_sent_again_keeps_its_outcome_whatever_came_since,
    an_edit_that_was_refused_is_judged_anew,
    an_edit_that_is_sent_again_does_not_undo_a_later_one,
    a_client_id_of_another_edit_is_refused,
    the_outcome_of_an_edit_is_found_without_doing_it,
    an_edit_that_was_forgotten_is_not_done_twice,
    a_deleted_message_is_a_tombstone_without_text,
    a_deletion_that_is_sent_again_changes_nothing,
    a_deleted_message_does_not_count_as_new,
    read_marks_pass_over_deleted_messages,
    edits_and_deletions_leave_the_lists_as_they_are,
    readers_of_before_see_the_new_text_and_a_sentence_for_a_deleted_one,
    a_change_moves_a_message_to_the_end_of_the_changes,
    notes_to_oneself_are_edited_and_deleted,
);

fn edit((user, partner): (UserId, UserId), id: MessageId, text: &str, number: u8) -> MessageEdit {
    let body = Body::parse(text.to_owned(), 10_000).unwrap();
    let oldest = NOW - Duration::DAY;
    MessageEdit { user, partner, id, body, at: NOW, oldest, client_id: client_id(number) }
}

async fn edited(store: &AnyStore, edit: MessageEdit) -> Changed {
    store.edit_message(edit).await.unwrap().unwrap()
}

async fn refused(store: &AnyStore, edit: MessageEdit) -> NotEdited {
    let (user, before) = (edit.user, versions(store, edit.user).await);
    let refusal = store.edit_message(edit).await.unwrap().unwrap_err();
    assert_eq!(versions(store, user).await, before, "{refusal:?}");
    refusal
}

/// The sum of the versions of somebody's conversations.
async fn versions(store: &AnyStore, user: UserId) -> i64 {
    let bounds = CatchUpBounds { conversations_max: 1, messages_max: 1, bytes_max: 0 };
    store.catch_up(user, Known::default(), bounds).await.unwrap().digest.versions
}

async fn deleted(store: &AnyStore, (user, partner): (UserId, UserId), id: MessageId) -> Changed {
    store.delete_message(user, partner, id, NOW).await.unwrap().unwrap()
}

async fn an_edit_is_seen_by_both_and_raises_the_version_by_one(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "tpyo").await;
    let changed = edited(&store, edit((ann, bob), sent.id, "typo", 1)).await;
    let change = changed.change.as_ref().unwrap();
    assert_eq!((change.after, changed.version), (Version(3), Version(4)));
    assert_eq!(new_count(Some(change), bob), 1);
    let message = &changed.message;
    assert_eq!((message.id, message.sender_id, message.receiver_id), (sent.id, ann, bob));
    assert_eq!((&*message.text, message.version), ("typo", Version(4)));
    assert_eq!((&message.timestamp, &message.deleted_at), (&sent.timestamp, &None));
    assert_eq!(message.edited_at, Some(NOW.into()));
    for (user, partner) in [(ann, bob), (bob, ann)] {
        let found = changes(&store, user, partner, Version(0), 10).await;
        assert_eq!(found.messages, std::slice::from_ref(message));
        assert_eq!(found.state.version, Version(4));
    }
    assert_eq!(view(&store, bob, ann).await, (vec!["typo".into()], 1));
}

async fn an_edit_to_the_same_text_changes_nothing(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "same").await;
    let changed = edited(&store, edit((ann, bob), sent.id, "same", 1)).await;
    assert!(changed.change.is_none());
    assert_eq!((changed.version, changed.message.version), (Version(3), Version(3)));
    assert_eq!(changed.message.edited_at, None);
    assert_eq!(changes(&store, ann, bob, Version(3), 10).await.messages, []);
}

async fn only_ones_own_messages_in_ones_own_chats_are_edited_and_deleted(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    store.open_chat(eve, ann, NOW).await.unwrap();
    let sent = send(&store, ann, bob, "mine").await;
    for (people, expected) in [
        ((bob, ann), NotEdited::NotOwn),
        ((eve, ann), NotEdited::NoMessage),
        ((eve, bob), NotEdited::NoMessage),
    ] {
        assert_eq!(refused(&store, edit(people, sent.id, "other", 1)).await, expected);
    }
    let delete = async |(user, partner), id| {
        store.delete_message(user, partner, id, NOW).await.unwrap().unwrap_err()
    };
    assert_eq!(delete((bob, ann), sent.id).await, NotDeleted::NotOwn);
    assert_eq!(delete((eve, ann), sent.id).await, NotDeleted::NoMessage);
    assert_eq!(delete((eve, bob), sent.id).await, NotDeleted::NoMessage);
    let none = MessageId(sent.id.0 + 1);
    assert_eq!(refused(&store, edit((ann, bob), none, "other", 1)).await, NotEdited::NoMessage);
    assert_eq!(delete((ann, bob), none).await, NotDeleted::NoMessage);
    assert_eq!(view(&store, bob, ann).await, (vec!["mine".into()], 1));
}

async fn a_message_named_with_another_partner_is_no_message(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(ann, cyd, NOW).await.unwrap();
    store.open_chat(ann, ann, NOW).await.unwrap();
    let sent = send(&store, ann, bob, "mine").await.id;
    let done = edited(&store, edit((ann, bob), sent, "edited", 1)).await;
    let versions = versions(&store, ann).await;
    for partner in [cyd, ann, UserId(999)] {
        let elsewhere = edit((ann, partner), sent, "other", 2);
        assert_eq!(refused(&store, elsewhere).await, NotEdited::NoMessage);
        let deleted = store.delete_message(ann, partner, sent, NOW).await.unwrap();
        assert_eq!(deleted, Err(NotDeleted::NoMessage));
        // The outcome of an edit that was done.
        let again = edit((ann, partner), sent, "edited", 1);
        assert_eq!(refused(&store, again).await, NotEdited::NoMessage);
        let before = store.edited_before(ann, partner, sent, "edited".into(), client_id(1)).await;
        assert_eq!(before.unwrap(), Some(Err(NotEdited::NoMessage)));
    }
    assert_eq!(self::versions(&store, ann).await, versions);
    let bobs = changes(&store, bob, ann, Version(0), 10).await.messages;
    assert_eq!(bobs, [done.message.seen_by(bob)]);
    // Nothing was kept under the client id of the refused ones.
    let edited = edited(&store, edit((ann, bob), sent, "for cyd", 2)).await;
    assert_eq!((&*edited.message.text, edited.change.is_some()), ("for cyd", true));
}

async fn no_edit_undoes_a_deletion(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "gone").await;
    // Called one after the other, awaited in another order.
    let deleting = store.delete_message(ann, bob, sent.id, NOW);
    let editing = store.edit_message(edit((ann, bob), sent.id, "back", 1));
    assert_eq!(editing.await.unwrap().unwrap_err(), NotEdited::Deleted);
    assert!(deleting.await.unwrap().unwrap().change.is_some());
    let other = send(&store, ann, bob, "gone").await;
    edited(&store, edit((ann, bob), other.id, "edited", 2)).await;
    let gone = deleted(&store, (ann, bob), other.id).await.message;
    assert_eq!((&*gone.text, gone.deleted_at), ("", Some(NOW.into())));
    assert_eq!(refused(&store, edit((ann, bob), other.id, "back", 3)).await, NotEdited::Deleted);
}

async fn a_message_is_edited_until_its_time_is_over(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "old").await;
    let mut late = edit((ann, bob), sent.id, "new", 1);
    (late.at, late.oldest) = (NOW + Duration::HOUR, NOW + Duration::SECOND);
    assert_eq!(refused(&store, late.clone()).await, NotEdited::TooOld);
    late.oldest = NOW;
    assert!(edited(&store, late).await.change.is_some());
    // There is no such time for a deletion.
    let gone = store.delete_message(ann, bob, sent.id, NOW + Duration::weeks(100)).await;
    assert!(gone.unwrap().unwrap().change.is_some());
}

async fn nothing_is_edited_during_a_block_and_everything_may_be_deleted(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let anns = send(&store, ann, bob, "from ann").await.id;
    let bobs = send(&store, bob, ann, "from bob").await.id;
    store.set_blocked(ann, bob, true).await.unwrap();
    assert_eq!(refused(&store, edit((ann, bob), anns, "x", 1)).await, NotEdited::BlockedByUser);
    assert_eq!(refused(&store, edit((bob, ann), bobs, "x", 1)).await, NotEdited::BlockedByPartner);
    store.set_blocked(bob, ann, true).await.unwrap();
    assert_eq!(refused(&store, edit((bob, ann), bobs, "x", 1)).await, NotEdited::BlockedByUser);
    assert!(deleted(&store, (ann, bob), anns).await.change.is_some());
    assert!(deleted(&store, (bob, ann), bobs).await.change.is_some());
}

async fn an_edit_that_is_sent_again_keeps_its_outcome_whatever_came_since(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "one").await;
    let mut first = edit((ann, bob), sent.id, "two", 1);
    edited(&store, first.clone()).await;
    let again = async |first: &MessageEdit, expected: &str| {
        let before = versions(&store, ann).await;
        let again = edited(&store, first.clone()).await;
        assert!(again.change.is_none());
        assert_eq!(again.message.text, expected);
        assert_eq!(versions(&store, ann).await, before);
    };
    again(&first, "two").await;
    store.set_blocked(bob, ann, true).await.unwrap();
    again(&first, "two").await;
    // The time for edits is over.
    first.oldest = NOW + Duration::DAY;
    again(&first, "two").await;
    deleted(&store, (ann, bob), sent.id).await;
    again(&first, "").await;
}

async fn an_edit_that_was_refused_is_judged_anew(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "one").await;
    store.set_blocked(bob, ann, true).await.unwrap();
    let wanted = edit((ann, bob), sent.id, "two", 1);
    assert_eq!(refused(&store, wanted.clone()).await, NotEdited::BlockedByPartner);
    store.set_blocked(bob, ann, false).await.unwrap();
    assert!(edited(&store, wanted).await.change.is_some());
}

async fn an_edit_that_is_sent_again_does_not_undo_a_later_one(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "one").await;
    // Also where the first changed nothing.
    for (number, text) in [(1, "one"), (3, "three")] {
        edited(&store, edit((ann, bob), sent.id, text, number)).await;
        edited(&store, edit((ann, bob), sent.id, "later", number + 1)).await;
        let again = edited(&store, edit((ann, bob), sent.id, text, number)).await;
        assert_eq!((again.change.is_some(), &*again.message.text), (false, "later"));
    }
}

async fn a_client_id_of_another_edit_is_refused(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "one").await;
    let other = send(&store, ann, bob, "other").await;
    let bobs = send(&store, bob, ann, "from bob").await;
    edited(&store, edit((ann, bob), sent.id, "two", 1)).await;
    let reused = [edit((ann, bob), sent.id, "three", 1), edit((ann, bob), other.id, "two", 1)];
    for reused in reused {
        assert_eq!(refused(&store, reused).await, NotEdited::OtherContent);
    }
    // It belongs to its user, and is another thing than the client id of a message.
    assert!(edited(&store, edit((bob, ann), bobs.id, "bob's", 1)).await.change.is_some());
    let mut message = message(ann, bob, "three");
    message.client_id = Some(client_id(1));
    assert!(!store.add_message(message).await.unwrap().unwrap().duplicate);
}

async fn the_outcome_of_an_edit_is_found_without_doing_it(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "one").await;
    let before = async |text: &str| {
        store.edited_before(ann, bob, sent.id, text.to_owned(), client_id(1)).await.unwrap()
    };
    assert_eq!(before("two").await, None);
    assert_eq!(view(&store, bob, ann).await.0, ["one"]);
    let first = edited(&store, edit((ann, bob), sent.id, "two", 1)).await;
    let found = before("two").await.unwrap().unwrap();
    assert_eq!((found.change.is_some(), found.message), (false, first.message));
    assert_eq!(before("three").await, Some(Err(NotEdited::OtherContent)));
}

async fn an_edit_that_was_forgotten_is_not_done_twice(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "one").await;
    let mut first = edit((ann, bob), sent.id, "two", 1);
    edited(&store, first.clone()).await;
    edited(&store, edit((ann, bob), sent.id, "three", 2)).await;
    assert_eq!(store.sweep_edits(NOW).await.unwrap(), 0);
    assert_eq!(store.sweep_edits(NOW + Duration::SECOND).await.unwrap(), 2);
    first.oldest = NOW + Duration::SECOND;
    assert_eq!(refused(&store, first).await, NotEdited::TooOld);
    assert_eq!(view(&store, bob, ann).await.0, ["three"]);
}

async fn a_deleted_message_is_a_tombstone_without_text(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut secret = message(ann, bob, "secret");
    secret.client_id = Some(client_id(1));
    let sent = store.add_message(secret.clone()).await.unwrap().unwrap();
    let gone = deleted(&store, (ann, bob), sent.id).await;
    assert_eq!(
        (gone.change.unwrap().after, gone.version, gone.message.version),
        (Version(3), Version(4), Version(4))
    );
    assert_eq!((gone.message.sender_id, gone.message.receiver_id), (ann, bob));
    assert_eq!((&*gone.message.text, &gone.message.timestamp), ("", &sent.timestamp));
    let bounds = PageBounds { messages_max: 10, bytes_max: usize::MAX };
    for (user, partner) in [(ann, bob), (bob, ann)] {
        let expected = [gone.message.clone().seen_by(user)];
        assert_eq!(changes(&store, user, partner, Version(3), 10).await.messages, expected);
        let page = store.history(user, partner, None, bounds).await.unwrap().unwrap();
        assert_eq!(page.messages, expected);
    }
    // Sent again, it stays deleted.
    let again = store.add_message(secret).await.unwrap().unwrap();
    assert_eq!((again.id, again.duplicate), (sent.id, true));
    assert_eq!(changes(&store, bob, ann, Version(4), 10).await.messages, []);
}

async fn a_deletion_that_is_sent_again_changes_nothing(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "gone").await;
    let first = deleted(&store, (ann, bob), sent.id).await;
    store.set_blocked(bob, ann, true).await.unwrap();
    let again =
        store.delete_message(ann, bob, sent.id, NOW + Duration::HOUR).await.unwrap().unwrap();
    assert_eq!((again.change.is_some(), again.version), (false, Version(5)));
    assert_eq!(again.message, first.message);
}

async fn a_deleted_message_does_not_count_as_new(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(send(&store, ann, bob, &number.to_string()).await.id);
    }
    mark(&store, bob, ann, ReadMark::UpTo(ids[1])).await;
    // One that was read, and one's own message, change no count.
    let told = |deleted: Changed, receiver| new_count(deleted.change.as_ref(), receiver);
    assert_eq!(told(deleted(&store, (ann, bob), ids[0]).await, bob), 2);
    let own = send(&store, bob, ann, "own").await.id;
    assert_eq!(told(deleted(&store, (bob, ann), own).await, ann), 0);
    assert_eq!(count(&store, bob, ann).await, 2);
    assert_eq!(told(deleted(&store, (ann, bob), ids[3]).await, bob), 1);
    assert_eq!(count(&store, bob, ann).await, 1);
    deleted(&store, (ann, bob), ids[3]).await;
    assert_eq!(count(&store, bob, ann).await, 1);
    assert_eq!(told(deleted(&store, (ann, bob), ids[2]).await, bob), 0);
    // What comes next counts again, and is the first that is new.
    send(&store, ann, bob, "next").await;
    let newest = store.newest_messages(bob, ann, extent(0, usize::MAX)).await.unwrap().unwrap();
    assert_eq!((newest.messages.len(), newest.read.new_message_count), (1, 1));
}

async fn read_marks_pass_over_deleted_messages(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(send(&store, ann, bob, &number.to_string()).await.id);
    }
    deleted(&store, (ann, bob), ids[1]).await;
    deleted(&store, (ann, bob), ids[4]).await;
    assert_eq!(count(&store, bob, ann).await, 4);
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(ids[1])).await, (3, true));
    assert_eq!(mark(&store, bob, ann, ReadMark::Remaining(2)).await, (2, true));
    let state = changes(&store, bob, ann, Version(0), 10).await.state;
    assert_eq!(state.read.last_read_id, ids[2]);
    // A deleted message is read up to as any other.
    assert_eq!(mark(&store, bob, ann, ReadMark::UpTo(ids[4])).await, (1, true));
    assert_eq!(mark(&store, bob, ann, ReadMark::Remaining(0)).await, (0, true));
}

async fn edits_and_deletions_leave_the_lists_as_they_are(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(ann, cyd, NOW).await.unwrap();
    let first = send(&store, ann, bob, "to bob").await.id;
    let newest = send(&store, ann, bob, "to bob").await.id;
    send(&store, ann, cyd, "to cyd").await;
    let list = async || {
        let chats = store.chats_of(ann, 10).await.unwrap();
        chats.iter().map(|chat| chat.partner.id).collect::<Vec<_>>()
    };
    edited(&store, edit((ann, bob), first, "edited", 1)).await;
    deleted(&store, (ann, bob), newest).await;
    assert_eq!(list().await, [cyd, bob]);
    // The id of the conversation's last message is not used again.
    assert!(send(&store, ann, bob, "next").await.id > newest);
    assert_eq!(list().await, [bob, cyd]);
}

async fn readers_of_before_see_the_new_text_and_a_sentence_for_a_deleted_one(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let first = send(&store, ann, bob, "one").await.id;
    let second = send(&store, ann, bob, "two").await.id;
    edited(&store, edit((ann, bob), first, "edited", 1)).await;
    deleted(&store, (ann, bob), second).await;
    let expected = ["This message was deleted", "edited"];
    let newest = store.newest_messages(bob, ann, extent(20, usize::MAX)).await.unwrap().unwrap();
    let older = store.older_messages(bob, ann, Older::skipping(0), 10).await.unwrap().unwrap();
    let mut synced = store.sync(bob, MessageId(0), 10, 10).await.unwrap().messages;
    synced.reverse();
    for messages in [newest.messages, older, synced] {
        let texts = messages.into_iter().map(|message| message.message).collect::<Vec<_>>();
        assert_eq!(texts, expected);
    }
}

async fn a_change_moves_a_message_to_the_end_of_the_changes(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(send(&store, ann, bob, &number.to_string()).await.id);
    }
    let page = changes(&store, bob, ann, Version(0), 2).await;
    assert_eq!(page.messages.iter().map(|message| message.id).collect::<Vec<_>>(), ids[..2]);
    // One that was read comes again, and one that was not comes once.
    edited(&store, edit((ann, bob), ids[0], "edited", 1)).await;
    deleted(&store, (ann, bob), ids[2]).await;
    let rest = changes(&store, bob, ann, page.complete_to, 10).await;
    let rest: Vec<_> = rest.messages.iter().map(|message| (message.id, &*message.text)).collect();
    assert_eq!(rest, [(ids[3], "3"), (ids[0], "edited"), (ids[2], "")]);
}

async fn notes_to_oneself_are_edited_and_deleted(store: AnyStore) {
    let ann = user(&store, "ann").await;
    store.open_chat(ann, ann, NOW).await.unwrap().unwrap();
    let note = send(&store, ann, ann, "note").await.id;
    let changed = edited(&store, edit((ann, ann), note, "edited", 1)).await;
    assert_eq!((changed.message.sender_id, changed.message.receiver_id), (ann, ann));
    let gone = deleted(&store, (ann, ann), note).await;
    assert_eq!(new_count(gone.change.as_ref(), ann), 0);
    assert_eq!(view(&store, ann, ann).await.1, 0);
}

async fn changes_of_a_message_are_done_in_the_order_of_calls(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, ann, bob, "first").await;
    let edits = (0..100).map(|number| edit((ann, bob), sent.id, &format!("edit {number}"), number));
    let mut editing: Vec<_> = edits.map(|edit| store.edit_message(edit)).collect();
    // Awaited in another order than called.
    editing.reverse();
    let mut versions = Vec::new();
    for editing in editing {
        versions.push(editing.await.unwrap().unwrap().version);
    }
    assert!(versions.is_sorted_by(|later, earlier| later > earlier), "{versions:?}");
    assert_eq!(view(&store, bob, ann).await.0, ["edit 99"]);
    let deleting = store.delete_message(ann, bob, sent.id, NOW);
    let too_late = store.edit_message(edit((ann, bob), sent.id, "back", 100));
    assert_eq!(too_late.await.unwrap(), Err(NotEdited::Deleted));
    assert!(deleting.await.unwrap().unwrap().change.is_some());
}
