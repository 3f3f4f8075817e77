//! What an operator sees when the program starts, or does not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rusqlite::Connection;

use super::support::{flask_database, sqlite};

const PROGRAM: &str = env!("CARGO_BIN_EXE_visavis");

/// Runs the program over a database that it should refuse, and gives its exit code and words. A
/// program that starts all the same is ended after a while.
fn refused(database: &Path) -> (Option<i32>, String) {
    let mut command = Command::new("timeout");
    command.args(["30", PROGRAM, "--listen", "127.0.0.1:0", "--database"]).arg(database);
    said(command.output().unwrap())
}

fn said(output: Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Asserts that the program ends with code 1 and one line that has `words`, and that the file is as
/// it was.
#[track_caller]
fn assert_refused(database: &Path, words: &str) {
    let before = fs::read(database).unwrap();
    let (code, line) = refused(database);
    assert_eq!(code, Some(1), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(words) && line.contains(&*database.to_string_lossy()), "{line}");
    assert_eq!(fs::read(database).unwrap(), before, "the file was touched");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    fs::write(&path, "Dear diary, this is no database. ".repeat(100)).unwrap();
    assert_refused(&path, "is damaged or no SQLite database");
}

#[test]
fn a_damaged_flask_database_is_refused() {
    let (path, dir) = flask_database();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..8192].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    assert_refused(&path, "is damaged or no SQLite database");
    let (code, lines) = checked(dir.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{lines}");
    assert!(lines.contains("is damaged or no SQLite database"), "{lines}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was left beside it");
}

#[test]
fn a_damaged_schema_is_told_in_one_line() {
    let (path, _dir) = flask_database();
    let mut bytes = fs::read(&path).unwrap();
    let column = b"last_message_date NUMERIC NOT NULL,\n";
    let place = bytes.windows(column.len()).position(|window| window == column).unwrap();
    bytes[place] = b'\'';
    fs::write(&path, bytes).unwrap();
    assert_refused(&path, "ast_message_date NUMERIC NOT NULL, new_message_count INTEGER");
}

#[test]
fn a_truncated_database_is_refused() {
    let (path, _dir) = flask_database();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 4096]).unwrap();
    assert_refused(&path, "is damaged or no SQLite database");
}

#[test]
fn somebody_elses_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("messenger.db");
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE recipes (name TEXT); CREATE TABLE users (id, username, hash);")
        .unwrap();
    drop(other);
    assert_refused(&path, "is neither a database of visavis nor one of the Flask chat");
}

#[test]
fn a_database_with_more_tables_than_the_flask_chats_is_refused() {
    let (path, _dir) = flask_database();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    assert_refused(&path, "visavis import");
}

#[test]
fn a_newer_database_is_refused() {
    let (store, dir) = sqlite();
    drop(store);
    let path = dir.path().join("messenger.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    assert_refused(&path, "was written by a newer visavis (schema 999");
}

#[test]
fn a_locked_database_is_refused() {
    let (path, _dir) = flask_database();
    let before = fs::read(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Reading the file here would let go of this process's lock.
    let (code, line) = refused(&path);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("is locked by another program"), "{line}");
    drop(other);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_read_only_database_is_refused() {
    let (path, dir) = flask_database();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // A user for whom permissions count: for root they do not. The program is copied to where that
    // user can reach it.
    let program = dir.path().join("visavis");
    fs::copy(PROGRAM, &program).unwrap();
    let before = fs::read(&path).unwrap();
    let mut command = Command::new(&program);
    command.current_dir(dir.path()).args(["--listen", "127.0.0.1:0", "--database"]).arg(&path);
    if is_root() {
        command.uid(65534).gid(65534);
    }
    let (code, line) = said(command.output().unwrap());
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("is read-only"), "{line}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_missing_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (code, line) = refused(&dir.path().join("nowhere/messenger.db"));
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("there is no folder"), "{line}");
}

#[test]
fn a_wrong_setting_names_the_flag_and_an_example() {
    for (flag, value, words) in [
        ("listen", "chat.example:5000", "as in 127.0.0.1:5000"),
        ("public-url", "chat.example", "https://chat.example"),
        ("bcrypt-cost", "99", "from 4 to 15, as in 12"),
        ("registration", "perhaps", "open, invite, closed"),
        ("rate-limits", "no", "on, off"),
        ("trusted-proxy", "proxy", "as in 10.0.0.0/8"),
        ("max-connections", "0", "as in 16384"),
        ("limit-handshakes", "1200", "as in 60/m"),
        ("max-sockets-per-user", "0", "as in 64"),
        ("max-sockets-per-address", "many", "as in 1024"),
        ("max-body-bytes", "64k", "as in 65536"),
        ("max-packet-bytes", "1000", "from 121000 to 1000000000, as in 1000000"),
        ("max-message-chars", "10001", "from 1 to 10000, as in 2000"),
        ("max-json-depth", "-1", "as in 32"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let flagged = format!("--{flag}={value}");
        let variable = format!("VISAVIS_{}", flag.to_uppercase().replace('-', "_"));
        for command in [&[][..], &["check"]] {
            let program = || {
                let mut program = Command::new(PROGRAM);
                program.current_dir(dir.path()).args(command);
                program
            };
            let by_flag = program().arg(&flagged).output().unwrap();
            let by_variable = program().env(&variable, value).output().unwrap();
            for output in [by_flag, by_variable] {
                let (code, line) = said(output);
                assert_eq!(code, Some(2), "{line}");
                assert_eq!(line.lines().count(), 1, "{line}");
                for words in [&format!("--{flag}"), &variable, value, words] {
                    assert!(line.contains(words), "{words:?} is not in {line}");
                }
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
    }
}

#[test]
fn a_filter_of_the_log_that_is_wrong_is_told_with_an_example() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    let output = command.current_dir(dir.path()).args(["--log", "a=b=c"]).output().unwrap();
    let (code, line) = said(output);
    assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
    assert!(line.contains("visavis=debug"), "{line}");
}

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
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    running.0.wait().unwrap();
}

#[test]
fn a_file_with_settings_that_is_wrong_is_told_in_one_line() {
    for (text, words) in [
        ("max-json-depth = 0", "as in 32"),
        ("registration = \"perhaps\"", "open, invite, closed"),
        ("listen = \"127.0.0.1:0\"\nmax-body-bytes = ", "line 2"),
        ("colour = \"blue\"", "there is no setting"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("visavis.toml"), text).unwrap();
        let (code, line) = said(Command::new(PROGRAM).current_dir(dir.path()).output().unwrap());
        assert_eq!((code, line.lines().count()), (Some(2), 1), "{line}");
        assert!(line.contains("visavis.toml") && line.contains(words), "{line}");
    }
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
fn a_missing_database_is_made_and_a_signal_ends_the_program_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new(PROGRAM)
        .current_dir(dir.path())
        .args(["--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let child = &mut running.0;
    let address = address_when_it_listens(child);
    let health = || Command::new(PROGRAM).args(["health", "--listen", &address]).output().unwrap();
    assert_eq!(said(health()), (Some(0), String::new()));
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
    // The write-ahead log was folded into the file.
    assert!(dir.path().join("messenger.db").exists());
    assert!(!dir.path().join("messenger.db-wal").exists());
    let (code, line) = said(health());
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains(&address), "{line}");
}

/// A started program that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn address_when_it_listens(child: &mut Child) -> String {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut found = lines.filter_map(|line| {
        line.unwrap()
            .split_once("visavis listens on http://")
            .map(|(_, address)| address.to_owned())
    });
    found.next().unwrap()
}

/// The program, started in that folder on a free port, once it listens.
fn started(dir: &Path, arguments: &[&str]) -> (Running, String) {
    let mut command = Command::new(PROGRAM);
    command.current_dir(dir).args(["--listen", "127.0.0.1:0"]).args(arguments);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);
    let address = address_when_it_listens(&mut running.0);
    (running, address)
}

#[test]
fn a_second_program_on_the_same_database_is_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let (running, _) = started(dir.path(), &[]);
    let (code, line) = refused(&dir.path().join("messenger.db"));
    assert_eq!(code, Some(1), "{line}");
    let holder = format!("is in use by process {}", running.0.id());
    assert!(line.contains(&holder), "{line}");
    // The lock ends with its holder, however that ends.
    drop(running);
    started(dir.path(), &[]);
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
            let mut command = Command::new("timeout");
            command.current_dir(dir.path()).args(["30", PROGRAM]).args(arguments);
            let (code, line) = said(command.output().unwrap());
            assert!(code == Some(1) && line.contains(&sentence), "{line}");
            let (code, lines) = checked(dir.path(), &arguments);
            assert!(code == Some(1) && lines.contains(&sentence), "{lines}");
            assert_eq!(fs::read(&path).unwrap(), before, "{sentence}: it was converted");
        }
    }
}

fn checked(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(PROGRAM).current_dir(dir).arg("check").args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_check_finds_nothing_wrong_where_nothing_is_and_touches_nothing() {
    let (path, dir) = flask_database();
    let before = fs::read(&path).unwrap();
    let (code, lines) = checked(dir.path(), &["--listen", "127.0.0.1:0"]);
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
    let (code, lines) = checked(dir.path(), &["--listen", &address]);
    assert_eq!(code, Some(1), "{lines}");
    let wrong: Vec<&str> = lines.lines().filter(|line| line.starts_with("wrong")).collect();
    assert_eq!(wrong.len(), 2, "{lines}");
    assert!(wrong[0].contains(&address) && wrong[1].contains("no SQLite database"), "{lines}");
}

#[test]
fn settings_come_from_the_flag_then_the_environment_then_the_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("visavis.toml"), "database = \"file.db\"\nlisten = \"127.0.0.1:0\"")
        .unwrap();
    let database = |environment: Option<&str>, flag: Option<&str>| {
        let mut command = Command::new(PROGRAM);
        command.current_dir(dir.path()).arg("check");
        environment.map(|value| command.env("VISAVIS_DATABASE", value));
        flag.map(|value| command.args(["--database", value]));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(database(None, None).contains("file.db would be made"));
    assert!(database(Some("environment.db"), None).contains("environment.db would be made"));
    assert!(database(Some("environment.db"), Some("flag.db")).contains("flag.db would be made"));
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
    let killed = Command::new("kill").args([signal, &running.0.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(running.0.wait().unwrap().success());
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
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
fn sighup_reads_the_templates_again_and_ends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let templates = dir.path().join("templates");
    fs::create_dir(&templates).unwrap();
    fs::write(templates.join("login.html"), "the old page").unwrap();
    let (mut running, address) = started(dir.path(), &["--templates", "templates"]);
    assert!(login_page(&address).contains("the old page"));
    fs::write(templates.join("login.html"), "the new page").unwrap();
    assert!(login_page(&address).contains("the old page"));
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
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
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    // An exit code, not a death by the signal: process 1 does not die by signals.
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!(count(&Connection::open(&path).unwrap()), before);
}
