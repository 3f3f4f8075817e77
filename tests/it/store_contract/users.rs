//! Users: names, hashes, who is disabled.

use super::*;

contract!(
    a_taken_name_is_a_conflict,
    a_name_is_taken_in_every_spelling_and_by_what_looks_like_it,
    of_two_registrations_of_one_name_at_once_one_is_kept,
    people_are_found_in_every_spelling_of_their_names,
    a_name_is_found_whatever_the_case_of_its_letters,
    a_search_takes_every_character_literally,
    a_search_is_bounded_and_in_the_order_of_names,
    a_hash_is_replaced_only_when_it_is_still_the_old_one,
    every_scheme_of_hashes_in_use_is_known,
    a_disabled_user_has_no_sessions_and_gets_none,
    who_is_disabled_is_disabled_once,
    the_operator_sees_everybody_with_their_sessions,
);

async fn a_taken_name_is_a_conflict(store: AnyStore) {
    user(&store, "Ann").await;
    let again = store.add_user(&Username::parse("aNN").unwrap(), "hash").await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
}

async fn a_name_is_taken_in_every_spelling_and_by_what_looks_like_it(store: AnyStore) {
    user(&store, "Zo\u{eb}").await;
    user(&store, "Борис").await;
    user(&store, "scope").await;
    for taken in ["ZOE\u{308}", "ｚｏ\u{eb}", "борис", "БОРИС", "Scope", "ѕсоре"] {
        let name = Username::parse(taken).unwrap();
        assert!(store.is_taken(&name).await.unwrap(), "{taken}");
        let added = store.add_user(&name, "hash").await;
        assert!(matches!(added, Err(StoreError::Conflict)), "{taken}: {added:?}");
    }
    assert!(!store.is_taken(&Username::parse("Zoe").unwrap()).await.unwrap());
    assert_eq!(store.totals().await.unwrap().users, 3);
}

async fn of_two_registrations_of_one_name_at_once_one_is_kept(store: AnyStore) {
    let names = ["Änne", "änne", "ÄNNE", "A\u{308}nne"].map(|name| Username::parse(name).unwrap());
    let added: Vec<_> = names.iter().map(|name| store.add_user(name, "hash")).collect();
    let mut kept = 0;
    for added in added {
        match added.await {
            Ok(_) => kept += 1,
            Err(error) => assert!(matches!(error, StoreError::Conflict), "{error:?}"),
        }
    }
    assert_eq!(kept, 1);
}

async fn people_are_found_in_every_spelling_of_their_names(store: AnyStore) {
    for name in ["Ännette", "Борислав", "straße 7"] {
        user(&store, name).await;
    }
    let finder = user(&store, "finder").await;
    for (prefix, name) in [
        ("ännet", "Ännette"),
        ("A\u{308}NN", "Ännette"),
        ("борис", "Борислав"),
        ("STRASSE 7", "straße 7"),
        ("ｓｔｒ", "straße 7"),
    ] {
        let found = store.users_starting_with(finder, &NamePrefix::new(prefix), 9).await.unwrap();
        let found: Vec<_> = found.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(found, [name], "{prefix}");
    }
}

async fn a_name_is_found_whatever_the_case_of_its_letters(store: AnyStore) {
    let id = user(&store, "Zoë ☃").await;
    let found = store.account_named(&TypedName::new("zOë ☃")).await.unwrap().unwrap();
    assert_eq!((found.user.id, found.user.username.as_str()), (id, "Zoë ☃"));
    assert_eq!(store.account(id).await.unwrap().unwrap(), found);
    assert_eq!(store.account_named(&TypedName::new("zoe")).await.unwrap(), None);
}

async fn a_search_takes_every_character_literally(store: AnyStore) {
    for name in ["100%", "100x", "a_b", "acb", "Ann", "annette", "o'brien", "b ann"] {
        user(&store, name).await;
    }
    let finder = user(&store, "finder").await;
    let find = async |prefix| {
        let users = store.users_starting_with(finder, &NamePrefix::new(prefix), 100).await.unwrap();
        users.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    assert_eq!(find("100%").await, ["100%"]);
    assert_eq!(find("a_").await, ["a_b"]);
    assert_eq!(find("AN").await, ["Ann", "annette"]);
    assert_eq!(find("o'").await, ["o'brien"]);
    assert_eq!(find("nobody").await, [""; 0]);
    assert_eq!(find("").await.len(), 9);
}

async fn a_search_is_bounded_and_in_the_order_of_names(store: AnyStore) {
    for name in ["b", "C", "a"] {
        user(&store, name).await;
    }
    let finder = user(&store, "D").await;
    let users = store.users_starting_with(finder, &NamePrefix::new(""), 3).await.unwrap();
    assert_eq!(
        users.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(),
        ["a", "b", "C"]
    );
}

async fn a_hash_is_replaced_only_when_it_is_still_the_old_one(store: AnyStore) {
    let ann = user(&store, "ann").await;
    assert!(store.replace_hash(ann, "hash", "new").await.unwrap());
    assert!(!store.replace_hash(ann, "hash", "newer").await.unwrap());
    assert_eq!(store.account(ann).await.unwrap().unwrap().hash, "new");
}

async fn every_scheme_of_hashes_in_use_is_known(store: AnyStore) {
    assert_eq!(store.hash_schemes().await.unwrap(), [""; 0]);
    let hashes = [
        "$2b$12$abcdefghijklmnopqrstuv",
        "$2b$12$vutsrqponmlkjihgfedcba",
        "$2y$10$abcdefghijklmnopqrstuv",
        "scrypt:32768:8:1$salt$00",
        "pbkdf2:sha256:260000$salt$00",
        "pbkdf2:sha256:260000$other$11",
        "no hash",
    ];
    for (number, hash) in hashes.iter().enumerate() {
        let name = Username::parse(&format!("user {number}")).unwrap();
        store.add_user(&name, hash).await.unwrap();
    }
    let mut schemes = store.hash_schemes().await.unwrap();
    schemes.sort();
    let expected = ["", "$2b$12$", "$2y$10$", "pbkdf2:sha256:260000$", "scrypt:32768:8:1$"];
    assert_eq!(schemes, expected);
}

async fn a_disabled_user_has_no_sessions_and_gets_none(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.add_session(session(1, Some(ann))).await.unwrap();
    store.add_session(session(2, Some(bob))).await.unwrap();
    store.set_disabled(ann, Some(NOW)).await.unwrap();
    assert!(store.account(ann).await.unwrap().unwrap().disabled);
    assert_eq!(keys_of(&store, ann).await, [0; 0]);
    assert_eq!(keys_of(&store, bob).await, [2]);
    // A login that was under way.
    let late = session(3, Some(ann));
    store.add_session(late.clone()).await.unwrap();
    assert_eq!(store.session_user(late.key, NOW).await.unwrap(), None);
    store.set_disabled(ann, None).await.unwrap();
    assert!(!store.account(ann).await.unwrap().unwrap().disabled);
    assert_eq!(store.session_user(late.key, NOW).await.unwrap(), None);
    store.add_session(late.clone()).await.unwrap();
    assert!(store.session_user(late.key, NOW).await.unwrap().is_some());
}

async fn who_is_disabled_is_disabled_once(store: AnyStore) {
    let ann = user(&store, "ann").await;
    assert!(!store.set_disabled(ann, None).await.unwrap());
    assert!(store.set_disabled(ann, Some(NOW)).await.unwrap());
    assert!(!store.set_disabled(ann, Some(NOW + Duration::DAY)).await.unwrap());
    let listed = store.users_after(UserId(0), NOW, 10).await.unwrap();
    assert_eq!(listed[0].disabled_at, Some(NOW));
    assert!(store.set_disabled(ann, None).await.unwrap());
    assert!(!store.set_disabled(UserId(99), Some(NOW)).await.unwrap());
}

async fn the_operator_sees_everybody_with_their_sessions(store: AnyStore) {
    let (ann, bob) = (user(&store, "ann").await, user(&store, "bob").await);
    store.add_session(session(1, Some(ann))).await.unwrap();
    let earlier = NOW - Duration::HOUR;
    let older = StoredSession { last_seen_at: earlier, ..session(2, Some(ann)) };
    store.add_session(older).await.unwrap();
    let expired = StoredSession { expires_at: NOW, ..session(3, Some(bob)) };
    store.add_session(expired).await.unwrap();
    let listed = store.users_after(UserId(0), NOW, 10).await.unwrap();
    let seen: Vec<_> = listed
        .iter()
        .map(|listed| (&*listed.user.username, listed.sessions, listed.last_seen_at))
        .collect();
    assert_eq!(seen, [("ann", 2, Some(NOW)), ("bob", 0, None)]);
    assert_eq!(store.users_after(UserId(0), NOW, 1).await.unwrap().len(), 1);
    assert_eq!(store.users_after(ann, NOW, 10).await.unwrap()[0].user.id, bob);
    assert_eq!(store.users_after(bob, NOW, 10).await.unwrap(), []);
}
