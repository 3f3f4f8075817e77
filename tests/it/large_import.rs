//! A chat of many years is converted in bounded time and memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::support::program::PROGRAM;

const MESSAGES: i64 = 5_000_000;
const TIME_MAX: Duration = Duration::from_mins(2);
const MEMORY_MAX_KIB: u64 = 200_000;

/// Its rows are not in the order of time.
fn large_flask_database(path: &Path) {
    fs::copy("tests/fixtures/flask-messenger.db", path).unwrap();
    Connection::open(path)
        .unwrap()
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF;
             PRAGMA journal_mode = OFF;
             BEGIN;
             DELETE FROM messages;
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {MESSAGES})
             INSERT INTO messages
             SELECT n % 9 + 1, n % 7 + 1, 'what was said as number ' || n, datetime(1500000000 + n * 50 - n % 5 * 500, 'unixepoch')
             FROM number;
             COMMIT;"
        ))
        .unwrap();
}

/// The most memory that a process has had resident so far; `None` when it has ended.
fn peak_memory_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse().unwrap())
}

#[test]
fn five_million_messages_are_imported_within_two_minutes_and_200_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("flask.db"), dir.path().join("new.db"));
    large_flask_database(&old);
    let start = Instant::now();
    let mut import = Command::new(PROGRAM)
        .args(["import", old.to_str().unwrap(), "--database", new.to_str().unwrap()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    let ended = loop {
        peak = peak_memory_kib(import.id()).unwrap_or_default().max(peak);
        if let Some(ended) = import.try_wait().unwrap() {
            break ended;
        }
        if start.elapsed() > TIME_MAX {
            import.kill().unwrap();
            panic!("it takes longer than {TIME_MAX:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    println!("{MESSAGES} messages in {:?} with {peak} KiB", start.elapsed());
    assert!(ended.success(), "{ended}");
    assert!((1..MEMORY_MAX_KIB).contains(&peak), "{peak} KiB");
    let messages: i64 = Connection::open(&new)
        .unwrap()
        .query_row("SELECT count(*) FROM messages", (), |row| row.get(0))
        .unwrap();
    assert_eq!(messages, MESSAGES);
}
