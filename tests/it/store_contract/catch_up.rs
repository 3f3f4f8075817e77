//! What a client is told that comes back: what it has missed in all its conversations.

use std::collections::BTreeMap;

use visavis::domain::{Epoch, MessageState};

use super::*;

contract!(
    nothing_is_told_while_epoch_and_digest_hold,
    under_another_epoch_everything_is_told_from_the_beginning,
    a_conversation_that_is_not_known_comes_without_messages,
    a_known_conversation_comes_with_exactly_its_changed_messages,
    a_known_conversation_whose_messages_are_not_held_comes_without_them,
    conversations_come_in_the_order_of_the_list_and_their_versions_make_the_digest,
    so_many_conversations_are_told_at_once,
    so_many_messages_of_a_conversation_are_told_at_once,
    so_many_bytes_are_told_at_once_and_at_least_one_message,
    asking_again_until_there_is_no_more_gives_everything_once,
    the_conversations_of_others_are_not_told,
    an_epoch_stays,
);

const ALL: CatchUpBounds =
    CatchUpBounds { conversations_max: u32::MAX, messages_max: u32::MAX, bytes_max: usize::MAX };

async fn caught_up(
    store: &AnyStore,
    user: UserId,
    known: &Known,
    bounds: CatchUpBounds,
) -> CaughtUp {
    store.catch_up(user, known.clone(), bounds).await.unwrap()
}

/// What a client has that had nothing before.
async fn known(store: &AnyStore, user: UserId) -> Known {
    let told = caught_up(store, user, &Known::default(), ALL).await;
    let versions = told
        .conversations
        .iter()
        .map(|found| ConversationVersion { partner: found.partner.id, version: found.complete_to });
    Known {
        epoch: Some(told.epoch),
        digest: Some(told.digest),
        versions: versions.collect(),
        messages_of: None,
    }
}

fn partners(told: &CaughtUp) -> Vec<UserId> {
    told.conversations.iter().map(|found| found.partner.id).collect()
}

fn texts(found: &Changes) -> Vec<&str> {
    found.messages.iter().map(|message| &*message.text).collect()
}

/// Ann, who has chats with bob, with cyd, and with dan, in this order.
async fn ann_with_three(store: &AnyStore) -> (UserId, [UserId; 3]) {
    let ann = user(store, "ann").await;
    let partners = [user(store, "bob").await, user(store, "cyd").await, user(store, "dan").await];
    for partner in partners.into_iter().rev() {
        store.open_chat(ann, partner, NOW).await.unwrap();
    }
    (ann, partners)
}

async fn nothing_is_told_while_epoch_and_digest_hold(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let sent = send(&store, bob, ann, "one").await;
    let known = known(&store, ann).await;
    let told = caught_up(&store, ann, &known, ALL).await;
    assert_eq!((Some(told.epoch), Some(told.digest)), (known.epoch, known.digest));
    assert_eq!((told.conversations, told.more), (vec![], false));
    // The digest is enough, and so are the versions.
    for known in
        [Known { versions: Vec::new(), ..known.clone() }, Known { digest: None, ..known.clone() }]
    {
        let told = caught_up(&store, ann, &known, ALL).await;
        assert_eq!((told.conversations, told.more), (vec![], false));
    }
    // What changes no message changes the digest, too.
    mark(&store, ann, bob, ReadMark::UpTo(sent.id)).await;
    let told = caught_up(&store, ann, &known, ALL).await;
    assert_ne!(Some(told.digest), known.digest);
    assert_eq!(told.conversations, [changes(&store, ann, bob, Version(3), 10).await]);
    assert_eq!(told.conversations[0].messages, []);
}

async fn under_another_epoch_everything_is_told_from_the_beginning(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    send(&store, bob, ann, "one").await;
    let fresh = caught_up(&store, ann, &Known::default(), ALL).await;
    assert_eq!(partners(&fresh), [bob]);
    let known = known(&store, ann).await;
    for epoch in [None, Some(Epoch([7; 16]))] {
        let told = caught_up(&store, ann, &Known { epoch, ..known.clone() }, ALL).await;
        assert_eq!(told, fresh, "{epoch:?}");
    }
}

async fn a_conversation_that_is_not_known_comes_without_messages(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let known = known(&store, ann).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, ann, NOW).await.unwrap();
    for _ in 0..3 {
        send(&store, cyd, ann, "hello").await;
    }
    let told = caught_up(&store, ann, &known, ALL).await;
    let [ref found] = told.conversations[..] else { panic!("{told:?}") };
    assert_eq!((found.partner.username.as_str(), &*found.messages), ("cyd", &[][..]));
    assert_eq!((found.complete_to, found.more, told.more), (Version(4), false, false));
    assert_eq!(found.state, changes(&store, ann, cyd, Version(0), 10).await.state);
    assert_eq!(found.state.read.new_message_count, 3);
    // Known from the beginning, it comes with all of them.
    let mut known = known;
    known.versions.push(ConversationVersion { partner: cyd, version: Version(0) });
    let told = caught_up(&store, ann, &known, ALL).await;
    assert_eq!(told.conversations, [changes(&store, ann, cyd, Version(0), 10).await]);
    assert_eq!(told.conversations[0].messages.len(), 3);
    assert!(!partners(&told).contains(&bob));
}

async fn a_known_conversation_comes_with_exactly_its_changed_messages(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let one = send(&store, bob, ann, "one").await.id;
    send(&store, bob, ann, "two").await;
    let three = send(&store, ann, bob, "three").await.id;
    let known = known(&store, ann).await;
    let edit = MessageEdit {
        user: ann,
        partner: bob,
        id: three,
        body: Body::parse("edited".into(), 10).unwrap(),
        at: NOW,
        oldest: NOW,
        client_id: client_id(1),
    };
    send(&store, bob, ann, "four").await;
    store.edit_message(edit).await.unwrap().unwrap();
    store.delete_message(bob, ann, one, NOW).await.unwrap().unwrap();
    store.mark_delivered(ann, bob, three).await.unwrap();
    let told = caught_up(&store, ann, &known, ALL).await;
    let [ref found] = told.conversations[..] else { panic!("{told:?}") };
    // In the order of their changes.
    assert_eq!(texts(found), ["four", "edited", ""]);
    assert_eq!((found.complete_to, found.state.version), (Version(9), Version(9)));
    assert_eq!((found.state.read.new_message_count, found.more, told.more), (2, false, false));
    assert_eq!(*found, changes(&store, ann, bob, Version(5), 10).await);
}

async fn a_known_conversation_whose_messages_are_not_held_comes_without_them(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    store.open_chat(cyd, ann, NOW).await.unwrap();
    for partner in [bob, cyd] {
        send(&store, partner, ann, "one").await;
    }
    let known = Known { messages_of: Some(vec![cyd]), ..known(&store, ann).await };
    for partner in [bob, cyd] {
        send(&store, partner, ann, "two").await;
    }
    let told = caught_up(&store, ann, &known, ALL).await;
    let mut found: Vec<_> =
        told.conversations.iter().map(|found| (found.partner.id, texts(found))).collect();
    found.sort();
    assert_eq!(found, [(bob, vec![]), (cyd, vec!["two"])]);
    assert!(told.conversations.iter().all(|found| found.complete_to == found.state.version));
    assert!(told.conversations.iter().all(|found| found.state.read.new_message_count == 2));
    assert!(!told.more);
}

async fn conversations_come_in_the_order_of_the_list_and_their_versions_make_the_digest(
    store: AnyStore,
) {
    let (ann, bob) = pair(&store).await;
    let cyd = user(&store, "cyd").await;
    let told = async |user| {
        let told = caught_up(&store, user, &Known::default(), ALL).await;
        let versions = told.conversations.iter();
        let versions = versions.map(|found| (found.partner.id, found.complete_to.0)).collect();
        (versions, told.digest)
    };
    assert_eq!(told(cyd).await, (vec![], Digest { conversations: 0, versions: 0 }));
    store.open_chat(cyd, ann, NOW).await.unwrap();
    store.open_chat(ann, ann, NOW).await.unwrap();
    send(&store, ann, bob, "hello").await;
    // Cyd has opened a chat with ann, who has none with cyd.
    let of_ann = Digest { conversations: 2, versions: 4 };
    assert_eq!(told(ann).await, (vec![(bob, 3), (ann, 1)], of_ann));
    assert_eq!(told(cyd).await, (vec![(ann, 1)], Digest { conversations: 1, versions: 1 }));
    send(&store, cyd, ann, "hello").await;
    let of_ann = Digest { conversations: 3, versions: 6 };
    assert_eq!(told(ann).await, (vec![(cyd, 2), (bob, 3), (ann, 1)], of_ann));
}

async fn so_many_conversations_are_told_at_once(store: AnyStore) {
    let (ann, all) = ann_with_three(&store).await;
    for (conversations_max, expected) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        let bounds = CatchUpBounds { conversations_max, ..ALL };
        let told = caught_up(&store, ann, &Known::default(), bounds).await;
        assert_eq!((&*partners(&told), told.more), (&all[..expected], expected < 3));
        assert_eq!(told.digest, Digest { conversations: 3, versions: 3 });
    }
    // Those that have not changed do not count.
    let known = known(&store, ann).await;
    send(&store, ann, all[2], "hello").await;
    let bounds = CatchUpBounds { conversations_max: 1, ..ALL };
    let told = caught_up(&store, ann, &known, bounds).await;
    assert_eq!((partners(&told), told.more), (vec![all[2]], false));
}

async fn so_many_messages_of_a_conversation_are_told_at_once(store: AnyStore) {
    let (ann, [bob, cyd, _]) = ann_with_three(&store).await;
    let known = known(&store, ann).await;
    for text in ["1", "2", "3"] {
        send(&store, ann, cyd, text).await;
        send(&store, ann, bob, text).await;
    }
    let told = caught_up(&store, ann, &known, CatchUpBounds { messages_max: 2, ..ALL }).await;
    assert_eq!((partners(&told), told.more), (vec![bob, cyd], true));
    for found in &told.conversations {
        assert_eq!((texts(found), found.more), (vec!["1", "2"], true));
        assert_eq!((found.complete_to, found.state.version), (Version(3), Version(4)));
    }
    let told = caught_up(&store, ann, &known, CatchUpBounds { messages_max: 3, ..ALL }).await;
    assert!(!told.more && told.conversations.iter().all(|found| found.complete_to == Version(4)));
}

async fn so_many_bytes_are_told_at_once_and_at_least_one_message(store: AnyStore) {
    let (ann, [bob, cyd, dan]) = ann_with_three(&store).await;
    let known = known(&store, ann).await;
    for partner in [dan, cyd, bob] {
        send(&store, ann, partner, &"1".repeat(1000)).await;
        send(&store, ann, partner, &"2".repeat(1000)).await;
    }
    let all = caught_up(&store, ann, &known, ALL).await.conversations;
    let one = all[0].messages[0].wire_bytes();
    // By the messages of each conversation.
    let expected: [(usize, &[usize]); 7] = [
        (0, &[1]),
        (1, &[1]),
        // The first message of a conversation comes whatever its length, and may be the last.
        (2 * one - 1, &[1, 1]),
        (2 * one, &[2]),
        (2 * one + 1, &[2, 1]),
        (4 * one, &[2, 2]),
        (6 * one, &[2, 2, 2]),
    ];
    for (bytes_max, expected) in expected {
        let told = caught_up(&store, ann, &known, CatchUpBounds { bytes_max, ..ALL }).await;
        let messages = told.conversations.iter().map(|found| found.messages.len());
        assert_eq!(messages.collect::<Vec<_>>(), expected, "{bytes_max}");
        assert_eq!(told.more, expected != [2, 2, 2], "{bytes_max}");
    }
}

async fn asking_again_until_there_is_no_more_gives_everything_once(store: AnyStore) {
    let (ann, partners) = ann_with_three(&store).await;
    let eve = user(&store, "eve").await;
    store.open_chat(ann, eve, NOW).await.unwrap();
    let mut known = known(&store, ann).await;
    let mut sent = Vec::new();
    for number in 0..20_usize {
        let partner = partners[number % 3];
        sent.push(send(&store, ann, partner, &number.to_string()).await.id);
    }
    store.delete_message(ann, partners[0], sent[0], NOW).await.unwrap().unwrap();
    store.set_blocked(ann, eve, true).await.unwrap();

    let bounds = CatchUpBounds { conversations_max: 2, messages_max: 3, bytes_max: 500 };
    let mut held: BTreeMap<_, _> =
        known.versions.iter().map(|held| (held.partner, held.version)).collect();
    let (mut told, mut answers, mut more) = (Vec::new(), 0, true);
    while more {
        let answer = caught_up(&store, ann, &known, bounds).await;
        assert!(!answer.conversations.is_empty() && answer.conversations.len() <= 2);
        for found in answer.conversations {
            assert!(found.messages.len() <= 3);
            let before = held.insert(found.partner.id, found.complete_to);
            assert!(before < Some(found.complete_to));
            assert_eq!(found.more, found.complete_to < found.state.version);
            told.extend(found.messages.iter().map(|message| message.id));
        }
        let version = |(&partner, &version)| ConversationVersion { partner, version };
        known.versions = held.iter().map(version).collect();
        let versions = held.values().map(|version| version.0).sum();
        known.digest = Some(Digest { conversations: 4, versions });
        (answers, more) = (answers + 1, answer.more);
        assert_eq!(more, known.digest != Some(answer.digest));
    }
    assert!(answers > 3, "{answers}");
    told.sort_unstable();
    assert_eq!(told, sent);
    assert_eq!(caught_up(&store, ann, &known, bounds).await.conversations, []);
}

async fn the_conversations_of_others_are_not_told(store: AnyStore) {
    let (ann, bob) = pair(&store).await;
    let eve = user(&store, "eve").await;
    send(&store, ann, bob, "secret").await;
    let epoch = known(&store, ann).await.epoch;
    let version = |partner| ConversationVersion { partner, version: Version(0) };
    let versions = vec![version(ann), version(bob)];
    let curious = Known { epoch, versions, ..Known::default() };
    let told = caught_up(&store, eve, &curious, ALL).await;
    assert_eq!(told.digest, Digest { conversations: 0, versions: 0 });
    assert_eq!((told.conversations, told.more), (vec![], false));
    // The other side of a chat that only one has opened.
    store.open_chat(eve, ann, NOW).await.unwrap();
    assert_eq!(partners(&caught_up(&store, ann, &Known::default(), ALL).await), [bob]);
    let told = caught_up(&store, eve, &curious, ALL).await;
    assert_eq!(
        (partners(&told), &*told.conversations[0].messages),
        (vec![ann], &[][..] as &[MessageState])
    );
}

async fn an_epoch_stays(store: AnyStore) {
    let ann = user(&store, "ann").await;
    let epoch = async || caught_up(&store, ann, &Known::default(), ALL).await.epoch;
    let first = epoch().await;
    user(&store, "bob").await;
    assert_eq!(epoch().await, first);
}
