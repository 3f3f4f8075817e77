//! The file of a running store: complete when nobody writes, one file when the store is closed, and
//! never trusted again once it was lost or damaged.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use visavis::domain::{Body, UserId, Username};
use visavis::store::sqlite::SqliteStore;
use visavis::store::{ChatStore, MessageStore, NewMessage, Store, StoreError, UserStore};

use super::support::program::{PROGRAM, names, run, said, started};
use super::support::site::Site;
use super::support::{NOW, extent};

const ME: UserId = UserId(1);

/// A store of one user, who writes to themselves, and its folder.
async fn store() -> (Arc<SqliteStore>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("messenger.db")).unwrap();
    let ann = store.add_user(&Username::parse("ann").unwrap(), "hash").await.unwrap();
    store.open_chat(ann, ann, NOW).await.unwrap();
    (Arc::new(store), dir)
}

async fn write(store: &dyn Store, text: &str) -> Result<(), StoreError> {
    let body = Body::parse(text.to_owned(), 10_000).unwrap();
    let note = NewMessage { sender: ME, receiver: ME, body, at: NOW, client_id: None };
    store.add_message(note).await.map(|added| assert!(added.is_ok()))
}

/// The messages in a file, opened without a log beside it.
fn messages_in(path: &Path) -> i64 {
    let dir = tempfile::tempdir().unwrap();
    let alone = dir.path().join("alone.db");
    fs::copy(path, &alone).unwrap();
    let connection = Connection::open(alone).unwrap();
    connection.query_row("SELECT count(*) FROM messages", (), |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_closed_store_is_one_complete_file_though_somebody_still_owns_it() {
    let (store, dir) = store().await;
    let still_owned: Arc<dyn Store> = store.clone();
    for number in 0..10 {
        write(&*store, &number.to_string()).await.unwrap();
    }
    let queued: Vec<_> = (0..100).map(|_| write(&*still_owned, "queued")).collect();
    store.close();
    assert_eq!(names(dir.path()), ["messenger.db"]);
    assert_eq!(messages_in(&dir.path().join("messenger.db")), 10);
    for refused in queued {
        assert!(matches!(refused.await, Err(StoreError::Unavailable(_))));
    }
    assert!(matches!(still_owned.totals().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_copy_of_the_one_file_of_an_idle_store_is_complete() {
    let (store, dir) = store().await;
    let path = dir.path().join("messenger.db");
    write(&*store, "one").await.unwrap();
    // The first look may come a moment after the write; the one after it finds the store idle.
    for _ in 0..2 {
        store.look().await.unwrap();
    }
    assert_eq!(messages_in(&path), 1);

    // What a command beside the server has written is folded in as well.
    let beside = Connection::open(&path).unwrap();
    let row = "INSERT INTO messages (conversation_id, sender_id, message, timestamp, version)
               VALUES (1, 1, 'two', '2026-01-01 00:00:00', 3)";
    beside.execute(row, ()).unwrap();
    for _ in 0..2 {
        store.look().await.unwrap();
    }
    assert_eq!(messages_in(&path), 2);
}

#[tokio::test]
async fn a_database_that_is_taken_away_acknowledges_nothing_from_the_next_write_on() {
    type Fault = fn(&Path);
    let faults: [(&str, Fault); 6] = [
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("moved", |path| fs::rename(path, path.with_extension("old")).unwrap()),
        ("replaced", |path| {
            fs::copy(path, path.with_extension("new")).unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }),
        ("linked", |path| fs::hard_link(path, path.with_extension("link")).unwrap()),
        ("without its log", |path| fs::remove_file(path.with_extension("db-wal")).unwrap()),
        ("without its folder", |path| {
            fs::rename(path.parent().unwrap(), path.parent().unwrap().with_extension("old"))
                .unwrap();
        }),
    ];
    for (what, take_away) in faults {
        let (store, dir) = store().await;
        let folder = dir.path().to_owned();
        write(&*store, "before").await.unwrap();
        assert!(!store.is_out_of_service());
        take_away(&folder.join("messenger.db"));
        for _ in 0..3 {
            let refused = write(&*store, "after").await;
            assert!(matches!(refused, Err(StoreError::OutOfService)), "{what}: {refused:?}");
        }
        assert!(store.is_out_of_service(), "{what}");
        assert!(matches!(store.totals().await, Err(StoreError::OutOfService)), "{what}");
        _ = fs::remove_dir_all(folder.with_extension("old"));
    }
}

#[tokio::test]
async fn an_idle_store_notices_at_the_next_look_that_its_file_is_gone() {
    let (store, dir) = store().await;
    fs::remove_file(dir.path().join("messenger.db")).unwrap();
    assert!(matches!(store.look().await, Err(StoreError::OutOfService)));
    assert!(store.is_out_of_service());
}

#[tokio::test]
async fn a_file_that_was_moved_away_has_all_that_was_acknowledged() {
    let (store, dir) = store().await;
    let (path, moved) = (dir.path().join("messenger.db"), dir.path().join("moved.db"));
    for number in 0..10 {
        write(&*store, &number.to_string()).await.unwrap();
    }
    fs::rename(&path, &moved).unwrap();
    assert!(write(&*store, "lost").await.is_err());
    assert_eq!(messages_in(&moved), 10);
}

#[tokio::test]
async fn a_backup_put_in_the_place_of_the_database_is_what_the_next_start_opens() {
    let (store, dir) = store().await;
    let (path, backup) = (dir.path().join("messenger.db"), dir.path().join("backup.db"));
    write(&*store, "one").await.unwrap();
    Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [backup.to_str()]).unwrap();
    for number in 0..10 {
        write(&*store, &number.to_string()).await.unwrap();
    }
    fs::rename(&backup, &path).unwrap();
    assert!(write(&*store, "lost").await.is_err());
    store.close();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.totals().await.unwrap().messages, 1);
    write(&store, "goes on").await.unwrap();
    let connection = Connection::open(&path).unwrap();
    let verdict: String =
        connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn a_backup_copied_over_the_running_database_is_noticed_and_stays_as_it_was_copied() {
    tokio::join!(
        is_noticed_when_copied_over(true, true),
        is_noticed_when_copied_over(false, true),
        is_noticed_when_copied_over(false, false)
    );
}

async fn is_noticed_when_copied_over(was_idle: bool, is_used_after: bool) {
    let (store, dir) = store().await;
    let (path, backup) = (dir.path().join("messenger.db"), dir.path().join("backup.db"));
    write(&*store, "one").await.unwrap();
    Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [backup.to_str()]).unwrap();
    // As large as the database: then only the time tells.
    let size = fs::metadata(&path).unwrap().len();
    fs::File::options().append(true).open(&backup).unwrap().set_len(size).unwrap();
    for number in 0..10 {
        write(&*store, &number.to_string()).await.unwrap();
    }
    if was_idle {
        for _ in 0..2 {
            store.look().await.unwrap();
        }
    }
    // The times of files are as coarse as the kernel's clock.
    tokio::time::sleep(Duration::from_millis(50)).await;
    fs::copy(&backup, &path).unwrap();
    if is_used_after {
        for _ in 0..3 {
            let refused = write(&*store, "after").await;
            assert!(matches!(refused, Err(StoreError::OutOfService)), "{refused:?}");
        }
        assert!(matches!(store.totals().await, Err(StoreError::OutOfService)));
    }
    store.close();
    drop(store);
    assert!(fs::read(&path).unwrap() == fs::read(&backup).unwrap(), "the copy was changed");
    // What the log had is kept, and no later start applies it to the copy.
    let names = names(dir.path());
    assert!(names.contains(&"messenger.db-wal.orphan".to_owned()), "{names:?}");
    assert!(!names.contains(&"messenger.db-wal".to_owned()), "{names:?}");
}

/// Another process writes to the file, and tells at the end only what it was: a checkpoint.
#[tokio::test]
async fn a_checkpoint_of_another_process_is_waited_for() {
    let (store, dir) = store().await;
    let path = dir.path().join("messenger.db");
    let other = Connection::open(&path).unwrap();
    for round in 0..5 {
        write(&*store, "before").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        age(&path, round);
        let checkpoint = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            other.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).unwrap();
        };
        let (written, ()) = tokio::join!(write(&*store, "meanwhile"), checkpoint);
        written.unwrap();
    }
}

/// Sets the time of the file to a later one.
fn age(path: &Path, hours: u64) {
    let file = fs::File::options().append(true).open(path).unwrap();
    let later = file.metadata().unwrap().modified().unwrap() + Duration::from_hours(hours + 1);
    file.set_modified(later).unwrap();
}

#[tokio::test]
async fn what_other_connections_of_sqlite_do_to_the_file_is_no_fault() {
    let (store, dir) = store().await;
    let path = dir.path().join("messenger.db");
    let other = Connection::open(&path).unwrap();
    other.execute("CREATE TABLE other (content)", ()).unwrap();
    let modes = ["NOOP", "PASSIVE", "TRUNCATE", "RESTART", "FULL"];
    for round in 0..60 {
        // The file grows at each checkpoint.
        if round % 3 != 0 {
            write(&*store, &"long ".repeat(1500)).await.unwrap();
        }
        if round % 4 != 0 {
            other.execute("INSERT INTO other VALUES (zeroblob(20000))", ()).unwrap();
        }
        let checkpoint = format!("PRAGMA wal_checkpoint({})", modes[round % modes.len()]);
        other.query_row(&checkpoint, (), |_| Ok(())).unwrap();
        if round % 7 == 0 {
            store.look().await.unwrap();
        }
    }
    write(&*store, "after").await.unwrap();
}

/// The running program must not write into the copy, whether or not it was stopped first.
#[tokio::test]
async fn a_backup_that_is_restored_as_the_readme_says_stays_what_it_is_beside_a_running_store() {
    let (store, dir) = store().await;
    write(&*store, "before").await.unwrap();
    assert_eq!(run(dir.path(), &["backup", "chat-backup.db"]).0, Some(0));
    for number in 0..1000 {
        write(&*store, &number.to_string()).await.unwrap();
    }
    let readme = fs::read_to_string("README.md").unwrap();
    let command = readme.lines().find(|line| line.contains("# restores it")).unwrap();
    let mut shell = Command::new("sh");
    assert!(shell.current_dir(dir.path()).args(["-c", command]).status().unwrap().success());
    assert!(matches!(write(&*store, "lost").await, Err(StoreError::OutOfService)));
    store.close();
    let [restored, backup] = ["messenger.db", "chat-backup.db"].map(|name| dir.path().join(name));
    assert!(fs::read(&restored).unwrap() == fs::read(backup).unwrap(), "it was written into");
    assert_eq!(messages_in(&restored), 1);
}

/// A database whose pages after the first few are garbage.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    assert!(bytes.len() > 200_000, "{}", bytes.len());
    bytes[40 * 4096..].fill(0x5a);
    fs::write(path, bytes).unwrap();
}

async fn large_store() -> (Arc<SqliteStore>, TempDir) {
    let (store, dir) = store().await;
    for _ in 0..50 {
        write(&*store, &"x".repeat(10_000)).await.unwrap();
    }
    (store, dir)
}

#[tokio::test]
async fn damage_that_is_met_ends_the_service() {
    let (store, dir) = large_store().await;
    store.close();
    drop(store);
    let path = dir.path().join("messenger.db");
    let store = SqliteStore::open(&path).unwrap();
    damage(&path);
    let read = store.newest_messages(ME, ME, extent(100, usize::MAX)).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "it was not met");
    let refused = write(&store, "after").await;
    assert!(matches!(refused, Err(StoreError::OutOfService)), "{refused:?}");
}

#[tokio::test]
async fn a_damaged_database_is_refused_at_the_start_and_told_by_a_check() {
    let (store, dir) = large_store().await;
    store.close();
    drop(store);
    damage(&dir.path().join("messenger.db"));
    let run = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.current_dir(dir.path()).args(["30", PROGRAM]).args(arguments);
        let output = command.args(["--listen", "127.0.0.1:0"]).output().unwrap();
        let words = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(words).unwrap())
    };
    for arguments in [&[][..], &["check"]] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("messenger.db is damaged"), "{said}");
        assert!(said.contains("restore it from a backup"), "{said}");
    }
}

#[tokio::test]
async fn pages_and_the_health_command_tell_that_the_database_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let site = Site::over_file(&path, &[]).await;
    let ann = site.user("ann").await;
    fs::remove_file(&path).unwrap();
    assert!(site.store.sweep_links(NOW).await.is_err());
    for page in ["/login", "/chats", "/nowhere"] {
        let response = ann.get(page).await;
        assert_eq!(response.status(), 503, "{page}");
        let html = response.text().await.unwrap();
        assert!(html.contains("The chat is out of service"), "{page}: {html}");
    }
    let found = ann.post_json("/find", r#"{"username": "a"}"#).await;
    assert_eq!(found.status(), 503);
    let found: serde_json::Value = found.json().await.unwrap();
    assert!(found["failure"].as_str().unwrap().contains("out of service"), "{found}");

    let mut health = tokio::task::spawn_blocking(move || {
        let address = site.address.to_string();
        let output = Command::new(PROGRAM).args(["health", "--listen", &address]).output();
        (site, output.unwrap())
    });
    let (_site, output) = (&mut health).await.unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
    assert!(line.contains("out of service"), "{line}");
}

#[tokio::test]
async fn a_server_whose_shm_file_is_cut_goes_out_of_service_and_starts_again_with_all_there_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let (mut running, address) = started(dir.path(), &[]);
    let add = [PROGRAM, "user", "add", "ann"];
    let mut add = Command::new(add[0]).current_dir(dir.path()).args(&add[1..]).spawn().unwrap();
    assert!(add.wait().unwrap().success());
    let index = fs::File::options().write(true).open(dir.path().join("messenger.db-shm")).unwrap();
    let size = index.metadata().unwrap().len();
    index.set_len(0).unwrap();
    let client = reqwest::Client::new();
    loop {
        // A read of the database, which finds it out or comes after the server's own look has.
        let form = [("username", "ann"), ("password", "wrong")];
        client.post(format!("http://{address}/login")).form(&form).send().await.unwrap();
        let health = Command::new(PROGRAM).args(["health", "--listen", &address]).output().unwrap();
        if said(health).1.contains("out of service") {
            break;
        }
    }
    assert_eq!(running.0.try_wait().unwrap(), None);
    assert_eq!(index.metadata().unwrap().len(), size);
    running.signal("-TERM");
    assert!(running.0.wait().unwrap().success());
    let (_running, _) = started(dir.path(), &[]);
    let connection = Connection::open(&path).unwrap();
    let users = connection.query_row("SELECT count(*) FROM users", (), |row| row.get(0));
    assert_eq!(users, Ok(1));
}
