//! What an operator sees when the program starts, or looks whether it would.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;

use super::support::flask_database;
use super::support::program::{PROGRAM, Running, address_when_it_listens, run, said, started};

#[test]
fn a_filter_for_something_else_does_not_silence_the_program() {
    let dir = tempfile::tempdir().unwrap();
    // If the line never comes, the end of the program does.
    let mut command = Command::new("timeout");
    command.current_dir(dir.path()).args(["60", PROGRAM, "--listen", "127.0.0.1:0"]);
    let child = command.args(["--log", "mistyped=debug"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    assert!(address_when_it_listens(&mut running.0).starts_with("127.0.0.1:"));
    // Handed on to the program.
    running.signal("-TERM");
    running.0.wait().unwrap();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .current_dir(dir.path())
        .args(["--listen", &address])
        .output()
        .unwrap();
    let (code, line) = said(output);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains(&address), "{line}");
}

#[test]
fn a_start_that_fails_for_its_port_converts_nothing() {
    let (path, _dir) = flask_database();
    let before = fs::read(&path).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(PROGRAM);
    let output = command.args(["--listen", &address, "--database"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_check_finds_nothing_wrong_where_nothing_is_and_touches_nothing() {
    let (path, dir) = flask_database();
    let before = fs::read(&path).unwrap();
    let (code, lines, _) = run(dir.path(), &["check", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(0), "{lines}");
    assert!(lines.contains("would be converted"), "{lines}");
    assert!(lines.lines().all(|line| line.starts_with("ok ")), "{lines}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_check_says_in_one_line_each_what_would_be_wrong() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("messenger.db"), "no database").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, lines, _) = run(dir.path(), &["check", "--listen", &address]);
    assert_eq!(code, Some(1), "{lines}");
    let wrong: Vec<&str> = lines.lines().filter(|line| line.starts_with("wrong")).collect();
    assert_eq!(wrong.len(), 2, "{lines}");
    assert!(wrong[0].contains(&address) && wrong[1].contains("no SQLite database"), "{lines}");
}

#[test]
fn the_start_says_where_it_listens_and_what_it_serves() {
    let (_path, dir) = flask_database();
    let lines = first_lines(dir.path());
    assert!(lines.iter().any(|line| line.contains("its own")), "{lines:?}");
    let kept = "messenger.db: 9 users, 70 messages";
    assert!(lines.iter().any(|line| line.contains(kept)), "{lines:?}");
}

#[test]
fn messages_that_were_deleted_by_hand_are_not_counted() {
    let (path, dir) = flask_database();
    drop(first_lines(dir.path()));
    let connection = Connection::open(&path).unwrap();
    let by_hand = "PRAGMA foreign_keys = OFF; DELETE FROM messages WHERE id IN (1, 2, 3, 50)";
    connection.execute_batch(by_hand).unwrap();
    drop(connection);
    let lines = first_lines(dir.path());
    let kept = "messenger.db: 9 users, 66 messages";
    assert!(lines.iter().any(|line| line.contains(kept)), "{lines:?}");
}

/// The three lines that a start logs from the one with its address on.
fn first_lines(dir: &Path) -> Vec<String> {
    let mut command = Command::new(PROGRAM);
    command.current_dir(dir).args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let lines = BufReader::new(running.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.skip_while(|line| !line.contains("visavis listens on")).take(3).collect()
}

#[test]
fn connections_beyond_the_limit_are_refused_until_one_ends() {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    let dir = tempfile::tempdir().unwrap();
    let (_running, address) = started(dir.path(), &["--max-connections", "2"]);
    let healthy = || {
        let output = Command::new(PROGRAM).args(["health", "--listen", &address]).output().unwrap();
        output.status.success()
    };
    assert!(healthy());
    let mut peers: Vec<TcpStream> = Vec::new();
    // A connection that is refused is closed at once; one that is served waits for a request.
    let served = |peer: &mut TcpStream| {
        peer.set_read_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
        !matches!(peer.read(&mut [0]), Ok(0)) && peer.take_error().unwrap().is_none()
    };
    for _ in 0..2 {
        let mut peer = TcpStream::connect(&address).unwrap();
        // A connection without a byte would make room for others.
        peer.write_all(b"G").unwrap();
        assert!(served(&mut peer));
        peers.push(peer);
    }
    assert!(!healthy());
    peers.pop();
    // The server hears of the end a moment later.
    assert!((0..100).any(|_| healthy()));
}

#[test]
fn a_start_that_fails_for_a_folder_converts_nothing_and_says_what_is_wrong_with_it() {
    let (path, dir) = flask_database();
    fs::write(dir.path().join("file"), "").unwrap();
    let before = fs::read(&path).unwrap();
    for flag in ["--templates", "--static"] {
        for (folder, reason) in
            [("nowhere", "there is no such folder"), ("file", "it is no folder")]
        {
            let arguments = [flag, folder, "--listen", "127.0.0.1:0"];
            let sentence = format!("{flag} {folder}: {reason}");
            let checking = [&["check"], &arguments[..]].concat();
            for arguments in [&arguments[..], &checking] {
                let (code, said, line) = run(dir.path(), arguments);
                let lines = said + &line;
                assert!(code == Some(1) && lines.contains(&sentence), "{lines}");
            }
            assert_eq!(fs::read(&path).unwrap(), before, "{sentence}: it was converted");
        }
    }
}
