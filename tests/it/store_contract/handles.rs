//! Two handles on one database: a command beside a server, or two servers where a store allows it.

use super::*;

contract!(
    ;
    what_one_handle_has_stored_the_other_reads,
    what_was_sent_through_one_handle_is_known_to_the_other,
    the_versions_of_a_conversation_have_no_gap_though_two_handles_write_it,
    a_name_is_taken_once_though_two_handles_add_it,
);

fn beside(database: &DatabaseLocation) -> AnyStore {
    open_beside(database, Purpose::Write).unwrap()
}

async fn what_one_handle_has_stored_the_other_reads(store: AnyStore, database: DatabaseLocation) {
    let other = beside(&database);
    let (ann, bob) = pair(&store).await;
    let epoch = async |store: &AnyStore| {
        let bounds = CatchUpBounds { conversations_max: 1, messages_max: 1, bytes_max: 1 };
        store.catch_up(ann, Known::default(), bounds).await.unwrap().epoch
    };
    assert_eq!(epoch(&store).await, epoch(&other).await);
    for number in 0..50 {
        let (writing, reading) = if number % 2 == 0 { (&store, &other) } else { (&other, &store) };
        send(writing, ann, bob, "hello").await;
        assert_eq!(count(reading, bob, ann).await, number + 1);
    }
}

async fn what_was_sent_through_one_handle_is_known_to_the_other(
    store: AnyStore,
    database: DatabaseLocation,
) {
    let other = beside(&database);
    let (ann, bob) = pair(&store).await;
    let first_message = NewMessage { client_id: Some(client_id(1)), ..message(ann, bob, "once") };
    let first = store.add_message(first_message.clone()).await.unwrap().unwrap();
    let again = other.add_message(first_message.clone()).await.unwrap().unwrap();
    assert_eq!((again.id, again.duplicate), (first.id, true));
    // At the same time, as when a client is connected anew to another server.
    let next = NewMessage { client_id: Some(client_id(2)), ..first_message };
    let both = (store.add_message(next.clone()), other.add_message(next));
    let (here, there) = tokio::join!(both.0, both.1);
    let (here, there) = (here.unwrap().unwrap(), there.unwrap().unwrap());
    assert_eq!((here.id, here.duplicate), (there.id, !there.duplicate));
    assert_eq!(count(&store, bob, ann).await, 2);
}

async fn the_versions_of_a_conversation_have_no_gap_though_two_handles_write_it(
    store: AnyStore,
    database: DatabaseLocation,
) {
    let other = beside(&database);
    let (ann, bob) = pair(&store).await;
    let before = changes(&store, ann, bob, Version(0), 1).await.state.version;
    let writing = [(store.clone(), ann, bob), (other, bob, ann)].map(|(store, one, partner)| {
        tokio::spawn(async move {
            let mut versions = Vec::new();
            for _ in 0..100 {
                let sent = send(&store, one, partner, "hello").await;
                versions.push((sent.version, sent.id));
            }
            versions
        })
    });
    let mut versions = Vec::new();
    for written in writing {
        versions.extend(written.await.unwrap());
    }
    versions.sort_unstable();
    let expected: Vec<Version> = (1..=200).map(|number| Version(before.0 + number)).collect();
    assert_eq!(versions.iter().map(|(version, _)| *version).collect::<Vec<_>>(), expected);
    assert!(versions.is_sorted_by(|one, next| one.1 < next.1), "{versions:?}");
    assert_eq!((count(&store, ann, bob).await, count(&store, bob, ann).await), (100, 100));
}

async fn a_name_is_taken_once_though_two_handles_add_it(
    store: AnyStore,
    database: DatabaseLocation,
) {
    let other = beside(&database);
    for number in 0..20 {
        let (one, two) = [format!("ann {number}"), format!("ANN {number}")]
            .map(|name| Username::parse(&name).unwrap())
            .into();
        let adding = (store.add_user(&one, "hash"), other.add_user(&two, "hash"));
        let (one, two) = tokio::join!(adding.0, adding.1);
        assert!(one.is_ok() != two.is_ok(), "{one:?}, {two:?}");
        let refused = one.err().or(two.err());
        assert!(matches!(refused, Some(StoreError::Conflict)), "{refused:?}");
    }
}
