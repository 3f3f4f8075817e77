//! Who has blocked whom.

use super::*;

contract!(
    blocking_twice_and_unblocking_twice_change_nothing,
    nobody_is_blocked_without_a_chat,
    nothing_is_kept_between_two_of_whom_one_has_blocked_the_other,
    each_side_of_a_block_is_told_its_own_reason,
    a_message_that_was_kept_before_a_block_keeps_its_answer,
    a_block_takes_its_place_among_the_messages,
    two_of_whom_one_has_blocked_the_other_do_not_find_each_other,
    a_block_opens_no_chat_and_closes_none,
    after_a_block_both_read_what_was_said_and_only_one_knows_of_it,
);

/// Whether that changed anything; `None` without a chat.
async fn block(store: &AnyStore, user: UserId, partner: UserId, blocked: bool) -> Option<bool> {
    let set = store.set_blocked(user, partner, blocked).await.unwrap()?;
    assert_eq!(set.state.blocked, blocked);
    Some(set.change.is_some())
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
    store.open_chat(bob, ann, NOW).await.unwrap().unwrap();
    assert_eq!(block(&store, ann, bob, true).await, None);
    assert_eq!(block(&store, ann, UserId(999), true).await, None);
    send(&store, bob, ann, "kept").await;
}

async fn nothing_is_kept_between_two_of_whom_one_has_blocked_the_other(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, ann, NOW).await.unwrap().unwrap();
    store.open_chat(cyd, bob, NOW).await.unwrap().unwrap();
    store.open_chat(bob, cyd, NOW).await.unwrap().unwrap();
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
    let changed = |set: Option<OwnChange>| set.unwrap().change.is_some();
    // Awaited in another order than called.
    assert!(after.await.unwrap().is_ok());
    assert!(changed(unblocking.await.unwrap()));
    assert_eq!(during.await.unwrap(), Err(NotAdded::BlockedByReceiver));
    assert!(changed(blocking.await.unwrap()));
    assert!(before.await.unwrap().is_ok());
    assert_eq!(view(&store, ann, bob).await, (vec!["before".into(), "after".into()], 2));
}

async fn two_of_whom_one_has_blocked_the_other_do_not_find_each_other(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    let found = async |finder| {
        let users = store.users_starting_with(finder, &NamePrefix::new(""), 2).await.unwrap();
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
    store.open_chat(ann, bob, NOW).await.unwrap().unwrap();
    block(&store, ann, bob, true).await;
    assert_eq!(store.open_chat(bob, ann, NOW).await.unwrap(), None);
    assert_eq!(store.chats_of(bob, 10).await.unwrap(), []);
    let again = store.open_chat(ann, bob, NOW).await.unwrap().unwrap();
    assert_eq!(again.change, None);
    assert_eq!(store.chats_of(ann, 10).await.unwrap().len(), 1);
    block(&store, ann, bob, false).await;
    assert!(store.open_chat(bob, ann, NOW).await.unwrap().unwrap().change.is_some());
}

async fn after_a_block_both_read_what_was_said_and_only_one_knows_of_it(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, bob, ann, "said").await;
    let joined = async |user, partner| {
        let newest =
            store.newest_messages(user, partner, extent(20, usize::MAX)).await.unwrap().unwrap();
        (newest.messages.len(), newest.blocked)
    };
    assert_eq!(joined(ann, bob).await, (1, false));
    block(&store, ann, bob, true).await;
    assert_eq!(joined(ann, bob).await, (1, true));
    assert_eq!(joined(bob, ann).await, (1, false));
    let older = store.older_messages(bob, ann, Older::skipping(0), 10).await.unwrap().unwrap();
    assert_eq!(older.len(), 1);
    assert_eq!(mark(&store, ann, bob, ReadMark::Remaining(0)).await, (0, true));
    block(&store, ann, bob, false).await;
    assert_eq!(joined(ann, bob).await, (1, false));
}
