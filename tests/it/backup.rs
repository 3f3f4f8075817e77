//! `visavis backup`, and the files that commands make: what they hold, who may read them, and what
//! stands in their way.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use visavis::domain::{Body, UserId, Username};
use visavis::store::sqlite::SqliteStore;
use visavis::store::{ChatStore, MessageStore, NewMessage, UserStore};

use super::support::program::{assert_refused, names, run};
use super::support::{NOW, flask_database, open};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn note(text: String) -> NewMessage {
    let body = Body::parse(text, 10_000).unwrap();
    NewMessage { sender: UserId(1), receiver: UserId(1), body, at: NOW, client_id: None }
}

async fn store_in(folder: &Path) -> Arc<SqliteStore> {
    let store = SqliteStore::open(&folder.join("messenger.db")).unwrap();
    let ann = store.add_user(&Username::parse("ann").unwrap(), "hash").await.unwrap();
    store.open_chat(ann, ann, NOW).await.unwrap();
    Arc::new(store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_store_under_writes_is_one_moment_of_it_and_can_be_started() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_in(dir.path()).await;
    for number in 0..500 {
        store.add_message(note(format!("{number} {}", "x".repeat(9_000)))).await.unwrap().unwrap();
    }
    let ended = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, ended) = (store.clone(), Arc::clone(&ended));
        async move {
            let mut written = 0;
            while !ended.load(Ordering::Relaxed) {
                store.add_message(note(format!("more {written}"))).await.unwrap().unwrap();
                written += 1;
            }
            written
        }
    });
    let folder = dir.path().to_owned();
    let (code, said, error) =
        tokio::task::spawn_blocking(move || run(&folder, &["backup", "copy.db"])).await.unwrap();
    ended.store(true, Ordering::Relaxed);
    let written: i64 = writing.await.unwrap();
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(written > 0, "nothing was written meanwhile");
    drop(store);

    let copy = dir.path().join("copy.db");
    assert_eq!(mode(&copy), 0o600);
    assert!(!names(dir.path()).iter().any(|name| name.contains("partial")));
    let alone = Connection::open(&copy).unwrap();
    let verdict: String = alone.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let messages: i64 =
        alone.query_row("SELECT count(*) FROM messages", (), |row| row.get(0)).unwrap();
    assert!((500..=500 + written).contains(&messages), "{messages} of 500 to {}", 500 + written);
    assert!(said.contains(&format!("messages: {messages}")), "{said}");
    drop(alone);
    assert_eq!(open(&copy).totals().await.unwrap().messages, messages);
}

#[tokio::test]
async fn a_backup_without_a_server_leaves_the_folder_as_it_was_and_writes_over_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(store_in(dir.path()).await);
    let before = fs::read(dir.path().join("messenger.db")).unwrap();
    let (code, said, error) = run(dir.path(), &["backup", "copy.db"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{said}");
    assert_eq!(names(dir.path()), ["copy.db", "messenger.db"]);
    assert_eq!(fs::read(dir.path().join("messenger.db")).unwrap(), before);

    assert_refused(dir.path(), &["backup", "copy.db"], &["copy.db exists already"]);
    assert_refused(dir.path(), &["backup", "messenger.db"], &["messenger.db exists already"]);
    assert_refused(dir.path(), &["backup", "no/copy.db"], &["there is no folder no"]);
    symlink("elsewhere", dir.path().join("link.db")).unwrap();
    assert_refused(dir.path(), &["backup", "link.db"], &["link.db exists already"]);
    assert_refused(
        dir.path(),
        &["backup", "x.db", "--database", "no.db"],
        &["there is no file no.db"],
    );
    assert_eq!(run(dir.path(), &["backup"]).0, Some(2));
    assert_eq!(names(dir.path()), ["copy.db", "link.db", "messenger.db"]);
}

#[tokio::test]
async fn a_backup_through_a_symbolic_link_has_what_is_still_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_in(dir.path()).await;
    store.add_message(note("in the log".into())).await.unwrap().unwrap();
    fs::create_dir(dir.path().join("links")).unwrap();
    symlink("../messenger.db", dir.path().join("links/chat.db")).unwrap();
    let (code, said, error) =
        run(dir.path(), &["backup", "copy.db", "--database", "links/chat.db"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("messages: 1"), "{said}");
    drop(store);
}

#[tokio::test]
async fn a_damaged_database_is_not_backed_up() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_in(dir.path()).await;
    for _ in 0..50 {
        store.add_message(note("x".repeat(10_000))).await.unwrap().unwrap();
    }
    drop(store);
    let path = dir.path().join("messenger.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[40 * 4096..50 * 4096].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    assert_refused(dir.path(), &["backup", "copy.db"], &["is damaged"]);
    assert_eq!(names(dir.path()), ["messenger.db"]);
}

#[test]
fn files_that_commands_make_are_readable_by_their_owner_alone() {
    let (path, dir) = flask_database();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(dir.path(), &["import", "messenger.db", "--database", "new.db"]).0, Some(0));
    let export = ["export", "--flask", "back.db", "--database", "new.db"];
    assert_eq!(run(dir.path(), &export).0, Some(0));
    // A database that anybody may read is closed to others when it is opened.
    let store = open(&path);
    for name in names(dir.path()) {
        assert_eq!(mode(&dir.path().join(&name)), 0o600, "{name}");
    }
    assert!(names(dir.path()).contains(&"messenger.db-wal".to_owned()));
    drop(store);
    // One that its owner has opened to a group only is left so.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    drop(open(&path));
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn a_database_with_several_names_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    drop(open(&path));
    fs::hard_link(&path, dir.path().join("other.db")).unwrap();
    let start = ["--listen", "127.0.0.1:0"];
    for arguments in [&start[..], &["user", "list"], &["backup", "copy.db"]] {
        assert_refused(dir.path(), arguments, &["messenger.db has 2 names (hard links)"]);
    }
    let (code, said, _) = run(dir.path(), &["check", "--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && said.contains("has 2 names (hard links)"), "{said}");
}

#[test]
fn links_and_pipes_beside_a_file_are_neither_followed_nor_waited_for() {
    let (path, dir) = flask_database();
    let precious = dir.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, dir.path().join("messenger.db.flask-backup")).unwrap();
    let pipe = |name: &str| {
        let made = Command::new("mkfifo").arg(dir.path().join(name)).status().unwrap();
        assert!(made.success());
    };
    pipe("messenger.db.flask-backup-2");
    pipe("messenger.db.flask-backup.partial-0123456789abcdef");
    drop(open(&path));
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    assert!(dir.path().join("messenger.db.flask-backup-3").is_file());

    pipe("messenger.db-journal");
    pipe("pipe.db");
    for arguments in [&["--listen", "127.0.0.1:0"][..], &["user", "list"], &["backup", "copy.db"]] {
        assert_refused(dir.path(), arguments, &["messenger.db-journal is no file"]);
        let arguments = [arguments, &["--database", "pipe.db"]].concat();
        assert_refused(dir.path(), &arguments, &["pipe.db"]);
    }
}

#[test]
fn a_version_that_never_was_is_told_in_a_sentence() {
    for (version, words) in [
        (0, "says that it has schema 0"),
        (-7, "says that it has schema -7"),
        (1, "does not have the tables"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("messenger.db");
        drop(open(&path));
        Connection::open(&path).unwrap().pragma_update(None, "user_version", version).unwrap();
        assert_refused(dir.path(), &["--listen", "127.0.0.1:0"], &[words]);
    }
}
