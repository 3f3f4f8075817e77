//! Commands, where what they are given is not what they expect: locked, unreadable, empty, no file, or
//! interrupted.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;
use visavis::store::sqlite::SqliteStore;

use super::support::flask_database;

const PROGRAM: &str = env!("CARGO_BIN_EXE_visavis");
const START: &[&str] = &["--listen", "127.0.0.1:0"];
const CHECK: &[&str] = &["check", "--listen", "127.0.0.1:0"];

/// The program in that folder, which is ended after a while.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.current_dir(folder).args(["30", PROGRAM]).args(arguments);
    command
}

/// The exit code, and what was printed to either side.
fn said(output: Output) -> (Option<i32>, String) {
    let both = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    said(program(folder, arguments).output().unwrap())
}

/// Asserts that the program ended with code 1 and says `words`, in one line unless it was a check.
#[track_caller]
fn assert_refused(arguments: &[&str], (code, said): (Option<i32>, String), words: &str) {
    assert!(code == Some(1) && said.contains(words), "{arguments:?}, {words:?}: {said}");
    let lines = said.lines().filter(|line| !line.starts_with("ok "));
    assert_eq!(lines.count(), 1, "{arguments:?}: {said}");
}

/// The names and the content of every file in a folder.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// A database of visavis with one user, `ann`.
fn ours() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = run(dir.path(), &["user", "add", "--create", "ann"]);
    assert_eq!(code, Some(0), "{said}");
    dir
}

/// A connection of another program, which holds what `sql` gave it.
fn held(folder: &Path, sql: &str) -> Connection {
    let other = Connection::open(folder.join("messenger.db")).unwrap();
    other.execute_batch(sql).unwrap();
    other
}

#[test]
fn a_check_says_that_another_program_keeps_the_database_locked() {
    let dir = ours();
    let other = held(dir.path(), "BEGIN IMMEDIATE");
    assert_refused(CHECK, run(dir.path(), CHECK), "messenger.db is locked by another program");
    drop(other);
    assert_eq!(run(dir.path(), CHECK).0, Some(0));
}

#[test]
fn a_check_says_that_another_program_writes_a_flask_database() {
    let (_path, dir) = flask_database();
    let other = held(dir.path(), "BEGIN IMMEDIATE");
    assert_refused(CHECK, run(dir.path(), CHECK), "messenger.db is locked by another program");
    drop(other);
}

#[test]
fn a_check_says_that_another_program_goes_on_reading_a_flask_database() {
    let (_path, dir) = flask_database();
    // A reader is in the way of the change to another journal.
    let other = held(dir.path(), "BEGIN; SELECT count(*) FROM users;");
    assert_refused(CHECK, run(dir.path(), CHECK), "messenger.db is locked by another program");
    assert_refused(START, run(dir.path(), START), "messenger.db is locked by another program");
    drop(other);
}

#[test]
fn a_check_waits_for_a_lock_as_long_as_a_start_does() {
    let dir = ours();
    let other = held(dir.path(), "BEGIN IMMEDIATE");
    let checked = program(dir.path(), CHECK).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    drop(other);
    let (code, said) = said(checked.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_check_and_a_refused_command_leave_every_file_as_it_was() {
    let clean = ours();
    let logged = tempfile::tempdir().unwrap();
    let other = held(clean.path(), "UPDATE users SET hash = 'in the log'");
    for name in ["messenger.db", "messenger.db-wal"] {
        fs::copy(clean.path().join(name), logged.path().join(name)).unwrap();
    }
    drop(other);
    let (_path, flask) = flask_database();
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("messenger.db"), "").unwrap();
    let nothing = tempfile::tempdir().unwrap();
    for (dir, words) in [
        (&clean, "is a database of visavis"),
        (&logged, "is a database of visavis"),
        (&flask, "would be converted"),
        (&empty, "is empty, and the database would be made in it"),
        (&nothing, "would be made"),
    ] {
        let before = content(dir.path());
        let (code, said) = run(dir.path(), CHECK);
        assert!(code == Some(0) && said.contains(words), "{words:?}: {said}");
        assert!(content(dir.path()) == before, "{words:?}: a check has changed something");
        // The last connection of a command that writes folds the log into the file.
        let names = |files: Vec<(String, Vec<u8>)>| -> Vec<String> {
            files.into_iter().map(|(name, _)| name).collect()
        };
        let mut expected = names(before);
        expected.retain(|name| !name.ends_with("-wal"));
        for _ in 0..10 {
            assert_eq!(run(dir.path(), &["user", "enable", "nobody"]).0, Some(1));
            assert_eq!(names(content(dir.path())), expected, "{words:?}");
        }
    }
}

#[test]
fn what_is_only_in_the_log_is_read_without_its_index() {
    let dir = ours();
    let copy = tempfile::tempdir().unwrap();
    let other = held(dir.path(), "UPDATE users SET username = 'zoe', folded = 'zoe'");
    for name in ["messenger.db", "messenger.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(other);
    let before = content(copy.path());
    assert_eq!(run(copy.path(), &["backup", "backup.db"]).0, Some(0));
    let backup = Connection::open(copy.path().join("backup.db")).unwrap();
    let name: String =
        backup.query_row("SELECT username FROM users", (), |row| row.get(0)).unwrap();
    assert_eq!(name, "zoe");
    drop(backup);
    fs::remove_file(copy.path().join("backup.db")).unwrap();
    assert!(content(copy.path()) == before, "the backup has changed something");
}

#[test]
fn a_flask_database_that_was_left_in_the_middle_of_a_write_is_not_called_read_only() {
    let (path, dir) = flask_database();
    let left = tempfile::tempdir().unwrap();
    let other = Connection::open(&path).unwrap();
    // More than the cache has room for is written to the file before the end.
    other
        .execute_batch(
            "PRAGMA cache_size = 1;
             UPDATE messages SET message = hex(zeroblob(10000));
             BEGIN;
             UPDATE messages SET message = message || '!';",
        )
        .unwrap();
    for name in ["messenger.db", "messenger.db-journal"] {
        fs::copy(dir.path().join(name), left.path().join(name)).unwrap();
    }
    drop(other);
    let before = content(left.path());
    let (code, said) = run(left.path(), CHECK);
    assert!(code == Some(0) && said.contains("in the middle of a write"), "{said}");
    let list = &["user", "list"];
    assert_refused(list, run(left.path(), list), "was left in the middle of a write");
    assert!(content(left.path()) == before, "something has changed");
    let store = SqliteStore::open(&left.path().join("messenger.db")).unwrap();
    assert!(store.converted().is_some(), "a start does not go on");
}

#[test]
fn what_is_no_file_is_called_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/null", at("device")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    for (name, kind) in [
        ("folder", "folder is no file but a folder"),
        ("pipe", "pipe is no file but a pipe"),
        ("device", "device is no file but a device"),
        ("socket", "socket is no file but a socket"),
    ] {
        let database = ["--database", name];
        let import = ["import", name, "--database", "new.db"];
        let dry_run = ["import", name, "--check"];
        for arguments in [START, CHECK, &["user", "list"], &["user", "disable", "ann"]]
            .into_iter()
            .chain([&["backup", "new.db"][..], &["export", "--flask", "new.db"], &["invite"]])
            .map(|arguments| [arguments, &database].concat())
            .chain([import.to_vec(), dry_run.to_vec()])
        {
            assert_refused(&arguments, run(dir.path(), &arguments), kind);
        }
        let out = ["backup", name, "--database", "no.db"];
        assert_refused(&out, run(dir.path(), &out), &format!("{name} exists already"));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "something was made");
}

#[test]
fn an_empty_file_is_called_empty() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("messenger.db"), "").unwrap();
    for (arguments, words) in [
        (&["user", "list"][..], "messenger.db is empty"),
        (&["user", "disable", "ann"], "messenger.db is empty"),
        (&["user", "add", "ann"], "add --create to make the database in it"),
        (&["invite"], "add --create to make the database in it"),
    ] {
        assert_refused(arguments, run(dir.path(), arguments), words);
    }
    assert_eq!(content(dir.path()), [("messenger.db".to_owned(), Vec::new())]);
    assert_eq!(run(dir.path(), &["user", "add", "--create", "ann"]).0, Some(0));
}

/// Runs the program as a user for whom permissions count: for root they do not. The program is copied to
/// where that user can reach it.
fn run_as_anybody(dir: &TempDir, folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let copy = dir.path().join("visavis");
    if !copy.exists() {
        fs::copy(PROGRAM, &copy).unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("timeout");
    command.current_dir(folder).arg("30").arg(copy).args(arguments);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    said(command.output().unwrap())
}

#[test]
fn a_right_that_is_missing_is_named_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let source = ours();
    let _wal = held(source.path(), "UPDATE users SET hash = 'x'");
    let list: &[&str] = &["user", "list"];
    let backup: &[&str] = &["backup", "/dev/shm/nowhere/copy.db"];
    let create: &[&str] = &["invite", "--create", "--database", "new.db"];
    let reading = "cannot be read; give this user the right to read it";
    let read_only = "messenger.db is read-only";
    // The modes of the folder, the database and its log; the command, and what it says.
    for (number, (modes, arguments, words)) in [
        ([0o777, 0o000, 0o666], START, &*format!("messenger.db {reading}")),
        ([0o777, 0o200, 0o666], START, &format!("messenger.db {reading}")),
        ([0o777, 0o000, 0o666], CHECK, &format!("messenger.db {reading}")),
        ([0o777, 0o000, 0o666], list, &format!("messenger.db {reading}")),
        ([0o777, 0o000, 0o666], backup, &format!("messenger.db {reading}")),
        ([0o777, 0o666, 0o000], START, &format!("messenger.db-wal {reading}")),
        ([0o777, 0o666, 0o000], CHECK, &format!("messenger.db-wal {reading}")),
        ([0o777, 0o444, 0o666], START, read_only),
        ([0o777, 0o444, 0o666], CHECK, read_only),
        ([0o777, 0o444, 0o666], &["user", "disable", "ann"], read_only),
        ([0o555, 0o666, 0o666], CHECK, "the folder of messenger.db cannot be written"),
        ([0o555, 0o666, 0o666], create, "the folder of new.db cannot be written"),
        ([0o555, 0o666, 0o666], &["backup", "new.db"], "the folder of new.db cannot be written"),
        ([0o666, 0o666, 0o666], &["user", "list", "--database", "../0/none.db"], "../0/none.db"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = dir.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        for (name, mode) in ["messenger.db", "messenger.db-wal"].into_iter().zip(&modes[1..]) {
            fs::copy(source.path().join(name), folder.join(name)).unwrap();
            fs::set_permissions(folder.join(name), Permissions::from_mode(*mode)).unwrap();
            give_to_anybody(&folder.join(name));
        }
        give_to_anybody(&folder);
        fs::set_permissions(&folder, Permissions::from_mode(modes[0] | 0o111)).unwrap();
        assert_refused(arguments, run_as_anybody(&dir, &folder, arguments), words);
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    }
}

/// Makes that user the owner, whose rights the mode says.
fn give_to_anybody(path: &Path) {
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
}

#[test]
fn a_file_in_a_folder_that_cannot_be_searched_is_not_called_missing() {
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    give_to_anybody(dir.path());
    fs::create_dir(&closed).unwrap();
    fs::copy("tests/fixtures/flask-messenger.db", closed.join("messenger.db")).unwrap();
    give_to_anybody(&closed);
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let database = ["--database", "closed/messenger.db"];
    let import = ["import", "closed/messenger.db", "--check"];
    for arguments in [START, CHECK, &["user", "list"], &["backup", "new.db"]]
        .map(|arguments| [arguments, &database].concat())
        .into_iter()
        .chain([import.to_vec()])
    {
        let said = run_as_anybody(&dir, dir.path(), &arguments);
        assert_refused(&arguments, said, "closed/messenger.db cannot be reached");
    }
    for flag in ["--templates", "--static"] {
        for arguments in [START, CHECK].map(|arguments| [arguments, &[flag, "closed"]].concat()) {
            let said = run_as_anybody(&dir, dir.path(), &arguments);
            assert_refused(&arguments, said, &format!("{flag} closed: the folder cannot be read"));
        }
    }
    fs::set_permissions(&closed, Permissions::from_mode(0o777)).unwrap();
}

#[test]
fn a_command_that_cannot_write_says_so_in_one_sentence_of_its_own() {
    let dir = ours();
    let other = held(dir.path(), "BEGIN IMMEDIATE");
    for arguments in [&["user", "disable", "ann"][..], &["invite"]] {
        let (code, line) = run(dir.path(), arguments);
        assert!(!line.contains("database is locked"), "{line}");
        assert_refused(arguments, (code, line), "messenger.db is locked by another program");
    }
    // Nothing is written by a list.
    let (code, said) = run(dir.path(), &["user", "list"]);
    assert!(code == Some(0) && said.contains("ann"), "{said}");
    drop(other);
}

#[test]
fn commands_that_run_at_once_all_do_their_work() {
    let dir = ours();
    let started: Vec<_> = (0..20)
        .map(|number| {
            let name = format!("person {number}");
            let mut command = program(dir.path(), &["user", "add", &name]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for command in started {
        let (code, said) = said(command.wait_with_output().unwrap());
        assert_eq!(code, Some(0), "{said}");
    }
    let (_, list) = run(dir.path(), &["user", "list"]);
    assert_eq!(list.lines().count(), 1 + 1 + 20, "{list}");
}

/// Runs the program where no file may become larger than so many blocks of 512 or 1024 bytes, as on a
/// full disk.
fn run_without_room(folder: &Path, blocks: u32, arguments: &[&str]) -> (Option<i32>, String) {
    let script = format!("ulimit -f {blocks} && exec timeout 30 \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(folder).args(["-c", &script, PROGRAM]).args(arguments);
    said(command.output().unwrap())
}

#[test]
fn a_database_that_cannot_be_made_leaves_no_file_behind() {
    let dir = tempfile::tempdir().unwrap();
    for blocks in [0, 8, 32] {
        for arguments in [&["user", "add", "--create", "ann"][..], &["invite", "--create"], START] {
            let said = run_without_room(dir.path(), blocks, arguments);
            assert_refused(arguments, said, "messenger.db could not be read or written");
            assert_eq!(content(dir.path()), [], "{arguments:?} with {blocks} blocks");
        }
    }
    // An empty file that was there before stays.
    fs::write(dir.path().join("messenger.db"), "").unwrap();
    run_without_room(dir.path(), 0, &["user", "add", "--create", "ann"]);
    assert_eq!(content(dir.path()), [("messenger.db".to_owned(), Vec::new())]);
}

#[test]
fn a_write_that_finds_no_room_is_told_without_a_drivers_words() {
    let dir = ours();
    // Enough for the index of the log, and not for the log.
    let arguments = &["user", "disable", "ann"];
    let (code, line) = run_without_room(dir.path(), 0, arguments);
    assert!(!line.contains("I/O error") && !line.contains("Something went wrong"), "{line}");
    assert_refused(arguments, (code, line), "messenger.db could not be read or written");
}

/// A started program that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn send(signal: &str, to: &Child) {
    let pid = to.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

fn has_partial(folder: &Path) -> bool {
    let mut names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.any(|name| name.to_str().unwrap().contains(".partial-"))
}

/// Sends the signal when the new file is begun; `None` where that came too late.
fn interrupted(folder: &Path, arguments: &[&str], signal: &str) -> Option<(Option<i32>, String)> {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    while !has_partial(folder) {
        if running.0.try_wait().unwrap().is_some() {
            return None;
        }
    }
    send(signal, &running.0);
    let code = running.0.wait().unwrap().code();
    let mut line = String::new();
    std::io::Read::read_to_string(running.0.stderr.as_mut().unwrap(), &mut line).unwrap();
    line.contains("interrupted").then_some((code, line))
}

#[test]
fn an_interrupted_command_says_so_and_leaves_nothing_behind() {
    let (flask, dir) = flask_database();
    Connection::open(&flask)
        .unwrap()
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
             INSERT INTO messages (sender_id, receiver_id, message, timestamp)
             SELECT sender_id, receiver_id, message, timestamp
             FROM n, (SELECT * FROM messages LIMIT 1)",
        )
        .unwrap();
    assert_eq!(run(dir.path(), &["import", "messenger.db", "--database", "ours.db"]).0, Some(0));
    let before = content(dir.path());
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        for arguments in [
            &["import", "messenger.db", "--database", "new.db"][..],
            &["backup", "new.db", "--database", "ours.db"],
            &["export", "--flask", "new.db", "--database", "ours.db"],
        ] {
            let outcome = (0..50).find_map(|_| {
                let outcome = interrupted(dir.path(), arguments, signal);
                if outcome.is_none() {
                    // It was complete before the signal came.
                    _ = fs::remove_file(dir.path().join("new.db"));
                }
                outcome
            });
            let (found, line) = outcome.expect("it was never interrupted");
            assert_eq!((found, line.lines().count()), (Some(code), 1), "{arguments:?}: {line}");
            assert!(line.contains("visavis: interrupted"), "{arguments:?}: {line}");
            if line.contains("removed") {
                assert!(content(dir.path()) == before, "{arguments:?}: something was left");
            }
            assert!(!has_partial(dir.path()), "{arguments:?}: a part was left");
            _ = fs::remove_file(dir.path().join("new.db"));
        }
    }
}

#[test]
fn signals_are_listened_to_before_the_settings_are_read() {
    const SETTINGS_BYTES: usize = 1_000_000;
    let dir = tempfile::tempdir().unwrap();
    let comment = format!("# {}\n", "x".repeat(97));
    fs::write(dir.path().join("visavis.toml"), comment.repeat(SETTINGS_BYTES / 100)).unwrap();
    let was_first = || {
        let mut command = Command::new(PROGRAM);
        command.current_dir(dir.path()).args(START).stderr(Stdio::null());
        let mut running = Running(command.spawn().unwrap());
        let of_process = |what: &str, field: &str| {
            let text = fs::read_to_string(format!("/proc/{}/{what}", running.0.id())).unwrap();
            text.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned()
        };
        let begun = Instant::now();
        // SIGHUP, SIGINT and SIGTERM are numbers 1, 2 and 15.
        let all = 1 | 1 << 1 | 1 << 14;
        while u64::from_str_radix(&of_process("status", "SigCgt:"), 16).unwrap() & all != all {
            assert!(begun.elapsed() < Duration::from_secs(30), "no signals are listened to");
        }
        let read: usize = of_process("io", "rchar:").parse().unwrap();
        send("-TERM", &running.0);
        // An exit code, not a death by the signal, and the one of a server.
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
        read < SETTINGS_BYTES
    };
    assert!((0..50).any(|_| was_first()), "the settings are read first");
}
