//! What signals do to the program.

use std::fs;
use std::process::{Command, Stdio};

use rusqlite::Connection;

use super::support::flask_database;
use super::support::program::{PROGRAM, Running, said, started};

#[test]
fn a_missing_database_is_made_and_a_signal_ends_the_program_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let (mut running, address) = started(dir.path(), &[]);
    let health = || Command::new(PROGRAM).args(["health", "--listen", &address]).output().unwrap();
    assert_eq!(said(health()), (Some(0), String::new()));
    running.signal("-TERM");
    assert!(running.0.wait().unwrap().success());
    // The write-ahead log was folded into the file.
    assert!(dir.path().join("messenger.db").exists());
    assert!(!dir.path().join("messenger.db-wal").exists());
    let (code, line) = said(health());
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains(&address), "{line}");
}

#[test]
fn sigterm_ends_the_program_in_time_though_peers_stall() {
    ends_in_time("-TERM");
}

#[test]
fn ctrl_c_ends_the_program_in_time_though_peers_stall() {
    ends_in_time("-INT");
}

fn ends_in_time(signal: &str) {
    use std::io::{Read, Write};
    let dir = tempfile::tempdir().unwrap();
    let (mut running, address) = started(dir.path(), &[]);
    let mut peers = Vec::new();
    for words in [
        "GET / HTTP/1.1\r\n",
        "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nusername=",
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ] {
        let mut peer = std::net::TcpStream::connect(&address).unwrap();
        peer.write_all(words.as_bytes()).unwrap();
        peers.push(peer);
    }
    // The last one is in once it has its answer.
    let mut answer = [0; 12];
    peers[2].read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    let begun = std::time::Instant::now();
    running.signal(signal);
    assert!(running.0.wait().unwrap().success());
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn sighup_reads_the_templates_again_and_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let templates = dir.path().join("templates");
    fs::create_dir(&templates).unwrap();
    fs::write(templates.join("login.html"), "the old page").unwrap();
    let (mut running, address) = started(dir.path(), &["--templates", "templates"]);
    assert!(login_page(&address).contains("the old page"));
    fs::write(templates.join("login.html"), "the new page").unwrap();
    assert!(login_page(&address).contains("the old page"));
    running.signal("-HUP");
    let begun = std::time::Instant::now();
    while !login_page(&address).contains("the new page") {
        assert!(begun.elapsed().as_secs() < 30, "the templates are not read again");
    }
    assert!(running.0.try_wait().unwrap().is_none(), "SIGHUP ended it");
}

fn login_page(address: &str) -> String {
    use std::io::{Read, Write};
    let mut peer = std::net::TcpStream::connect(address).unwrap();
    write!(peer, "GET /login HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    peer.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn sigterm_during_a_conversion_ends_it_and_leaves_the_flask_database() {
    let (path, dir) = flask_database();
    let flask = Connection::open(&path).unwrap();
    flask
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
             INSERT INTO messages (sender_id, receiver_id, message, timestamp)
             SELECT sender_id, receiver_id, message, timestamp FROM n, (SELECT * FROM messages LIMIT 1)",
        )
        .unwrap();
    let count = |db: &Connection| -> i64 {
        db.query_row("SELECT count(receiver_id) FROM messages", (), |row| row.get(0)).unwrap()
    };
    let before = count(&flask);
    drop(flask);
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0", "--database"]).arg(&path).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    let backup = dir.path().join("messenger.db.flask-backup");
    while !backup.exists() {
        assert!(running.0.try_wait().unwrap().is_none(), "it ended before it converted");
        std::thread::yield_now();
    }
    running.signal("-TERM");
    // An exit code, not a death by the signal: process 1 does not die by signals.
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!(count(&Connection::open(&path).unwrap()), before);
}
