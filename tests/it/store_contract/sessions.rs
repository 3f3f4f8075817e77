//! Sessions: how long they live, and who ends them.

use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

contract!(
    a_session_lives_until_it_expires_or_is_deleted,
    a_renewed_session_lives_longer,
    only_expired_sessions_are_swept,
    the_sessions_of_a_user_come_in_the_order_of_their_last_use,
    a_session_is_ended_only_by_its_user,
    all_sessions_of_a_user_can_be_ended_but_one,
    an_ended_session_is_told_from_a_living_one,
    a_new_password_ends_the_other_sessions_only_where_the_old_one_was_right;
    a_session_that_ends_elsewhere_is_notified,
);

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

async fn a_session_that_ends_elsewhere_is_notified(store: AnyStore, database: DatabaseLocation) {
    let ann = user(&store, "ann").await;
    store.add_session(session(1, Some(ann))).await.unwrap();
    let ended = Arc::new(Notify::new());
    let maintenance = tokio::spawn(store.maintain(Arc::clone(&ended)));
    let notified = async || {
        let is_in_time = timeout(std::time::Duration::from_secs(20), ended.notified()).await;
        is_in_time.expect("no notification came");
    };
    // As it begins: what ended before is looked for, too.
    notified().await;
    let beside = open_beside(&database, Purpose::Write).unwrap();
    for disabled_at in [Some(NOW), None] {
        beside.set_disabled(ann, disabled_at).await.unwrap();
        notified().await;
    }
    let key = session(1, None).key;
    assert_eq!(store.ended_sessions(vec![key]).await.unwrap(), [key]);
    beside.close();
    maintenance.abort();
}
