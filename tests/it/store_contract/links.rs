//! Links that work once: a new password, an invite.

use super::*;

contract!(
    a_link_sets_a_password_once_and_ends_what_was_open,
    a_newer_link_replaces_an_older_one,
    a_link_ends_with_its_time_its_user_and_a_new_password,
    an_invite_lets_one_person_in,
    a_name_that_is_taken_uses_no_invite,
    only_expired_links_are_swept,
);

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
