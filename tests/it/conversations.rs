//! The row of two people in the file: one row whatever they do, whose version tells of each change.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use time::Duration;
use visavis::domain::{Body, ClientId, MessageId, Pair, ReadMark, UserId, Username};
use visavis::store::{MessageEdit, NewMessage, Store};

use super::support::{NOW, flask_database, open, sqlite};

const PROGRAM: &str = env!("CARGO_BIN_EXE_visavis");
const ANN: UserId = UserId(1);
const BOB: UserId = UserId(2);
const CYD: UserId = UserId(3);

async fn add_people(store: &dyn Store) {
    for name in ["ann", "bob", "cyd"] {
        store.add_user(&Username::parse(name).unwrap(), "hash").await.unwrap();
    }
}

fn message(sender: UserId, receiver: UserId, client_id: &str) -> NewMessage {
    let body = Body::parse("hello".into(), 10).unwrap();
    NewMessage { sender, receiver, body, at: NOW, client_id: ClientId::parse(client_id).ok() }
}

fn edit(user: UserId, id: MessageId, text: &str) -> MessageEdit {
    let body = Body::parse(text.into(), 10).unwrap();
    let client_id = ClientId::parse("0190f5a0-0000-7000-8000-000000000001").unwrap();
    let partner = Pair::of(ANN, BOB).partner_of(user);
    MessageEdit { user, partner, id, body, at: NOW, oldest: NOW, client_id }
}

/// The people and the version of each row, and the versions of the last changes of its messages.
fn versions(path: &Path) -> Vec<(i64, i64, i64, String)> {
    let database = Connection::open(path).unwrap();
    let mut query = database
        .prepare(
            "SELECT low_id, high_id, version, coalesce((
                SELECT group_concat(coalesce(changed_version, version), ' ' ORDER BY id)
                FROM messages WHERE conversation_id = conversations.id
            ), '')
            FROM conversations ORDER BY 1, 2",
        )
        .unwrap();
    let rows = query
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn each_change_raises_the_version_by_one_and_what_changes_nothing_leaves_it() {
    let (store, dir) = sqlite();
    let path = dir.path().join("messenger.db");
    add_people(&*store).await;
    let said = |version: i64, messages: &str| vec![(1, 2, version, messages.to_owned())];
    let send = async |sender, receiver, client_id| {
        store.add_message(message(sender, receiver, client_id)).await.unwrap()
    };
    let once = "0190f5a0-0000-7000-8000-000000000001";

    assert!(send(BOB, ANN, "").await.is_err());
    assert_eq!(versions(&path), []);
    store.open_chat(BOB, ANN, NOW).await.unwrap().unwrap();
    assert_eq!(versions(&path), said(1, ""));
    store.open_chat(BOB, ANN, NOW).await.unwrap().unwrap();
    assert_eq!(versions(&path), said(1, ""));
    assert!(send(BOB, ANN, once).await.unwrap().opened_chat);
    assert_eq!(versions(&path), said(2, "2"));
    let first = send(BOB, ANN, once).await.unwrap();
    assert!(first.duplicate);
    let first = first.id;
    assert_eq!(versions(&path), said(2, "2"));
    let newest = ReadMark::UpTo(MessageId(i64::MAX));
    for moved in [true, false] {
        let marked = store.mark_read(ANN, BOB, newest).await.unwrap().unwrap();
        assert_eq!(marked.change.is_some(), moved);
        assert_eq!(versions(&path), said(3, "2"));
    }
    for changed in [true, false] {
        let set = store.set_blocked(ANN, BOB, true).await.unwrap().unwrap();
        assert_eq!(set.change.is_some(), changed);
        assert_eq!(versions(&path), said(4, "2"));
    }
    assert!(send(BOB, ANN, "").await.is_err());
    assert_eq!(versions(&path), said(4, "2"));
    store.set_blocked(ANN, BOB, false).await.unwrap();
    let last = send(ANN, BOB, "").await.unwrap().id;
    assert_eq!(versions(&path), said(6, "2 6"));
    for _ in 0..2 {
        store.edit_message(edit(BOB, first, "edited")).await.unwrap().unwrap();
        assert_eq!(versions(&path), said(7, "7 6"));
    }
    store.edit_message(edit(ANN, last, "hello")).await.unwrap().unwrap();
    assert_eq!(versions(&path), said(7, "7 6"));
    for _ in 0..2 {
        store.delete_message(BOB, ANN, first, NOW).await.unwrap().unwrap();
        assert_eq!(versions(&path), said(8, "8 6"));
    }

    // Another conversation has versions of its own, and so have notes.
    store.open_chat(CYD, ANN, NOW).await.unwrap().unwrap();
    send(CYD, ANN, "").await.unwrap();
    store.open_chat(ANN, ANN, NOW).await.unwrap().unwrap();
    send(ANN, ANN, "").await.unwrap();
    let all = [(1, 1, 2, "2".into()), (1, 2, 8, "8 6".into()), (1, 3, 2, "2".into())];
    assert_eq!(versions(&path), all);
}

fn epoch(path: &Path) -> Vec<u8> {
    let database = Connection::open(path).unwrap();
    database.query_row("SELECT epoch FROM meta", (), |row| row.get(0)).unwrap()
}

#[test]
fn a_database_keeps_its_epoch_and_each_restored_backup_gets_another() {
    let (store, dir) = sqlite();
    let path = dir.path().join("messenger.db");
    drop(store);
    let first = epoch(&path);
    assert_eq!(first.len(), 16);
    drop(open(&path));
    assert_eq!(epoch(&path), first);
    let back_up = |copy: &str| {
        let mut command = Command::new(PROGRAM);
        command.current_dir(dir.path()).args(["backup", copy]);
        assert!(command.output().unwrap().status.success());
    };
    back_up("backup.db");
    assert_eq!(epoch(&path), first);
    // The same backup is restored again and again: what clients saw meanwhile must not count.
    let mut seen = vec![first.clone()];
    for number in 0..2 {
        let restored = dir.path().join(format!("restored {number}.db"));
        fs::copy(dir.path().join("backup.db"), &restored).unwrap();
        drop(open(&restored));
        seen.push(epoch(&restored));
        drop(open(&restored));
        assert_eq!(Some(&epoch(&restored)), seen.last());
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), seen.contains(&vec![0; 16])), (3, false));
    let (flask, _dir) = flask_database();
    drop(open(&flask));
    assert_ne!(epoch(&flask), first);
}

#[test]
fn a_file_of_an_earlier_version_is_backed_up_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../fixtures/schema-3.sql")).unwrap();
    drop(old);
    let output =
        Command::new(PROGRAM).current_dir(dir.path()).args(["backup", "copy.db"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let copy = Connection::open(dir.path().join("copy.db")).unwrap();
    let version = copy.pragma_query_value(None, "user_version", |row| row.get(0));
    assert_eq!(version, Ok(3));
}

#[tokio::test]
async fn the_time_in_the_list_has_milliseconds_and_the_time_of_a_message_has_not() {
    let (store, dir) = sqlite();
    add_people(&*store).await;
    let at = NOW + Duration::milliseconds(250);
    store.open_chat(ANN, BOB, at).await.unwrap().unwrap();
    let added = store.add_message(NewMessage { at, ..message(ANN, BOB, "") }).await;
    assert_eq!(added.unwrap().unwrap().timestamp.as_str(), "2026-03-04 05:06:07");
    let database = Connection::open(dir.path().join("messenger.db")).unwrap();
    let listed: [i64; 2] = database
        .query_row("SELECT low_listed_at, high_listed_at FROM conversations", (), |row| {
            Ok([row.get(0)?, row.get(1)?])
        })
        .unwrap();
    assert_eq!(listed, [NOW.unix_timestamp() * 1000 + 250; 2]);
}
