//! What holds for every file that is taken for a database of the Flask chat: it is imported whole, as
//! the dry run said and with nothing lost on the way back, or refused in a sentence; and it stays as
//! it is.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use arbitrary::{Result, Unstructured};
use rusqlite::Connection;
use visavis::store::sqlite::{OpenError, Report, SqliteStore, check, export, import};

const SIDES: &str = include_str!("../../support/sides.sql");
const WRITTEN_BY_FLASK: &[u8] = include_bytes!("../../fixtures/flask-messenger.db");

/// Makes a file of `bytes`: one that the Flask chat wrote, with some bytes changed, or one with its
/// tables and values that it would not write.
pub fn hold(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flask.db");
    let edits = bytes.split_first().filter(|(first, _)| **first < 64).map(|(_, edits)| edits);
    if let Some(edits) = edits {
        fs::write(&path, edited(edits)).unwrap();
    } else {
        // Where the bytes end in the middle, what was made until then is the input.
        _ = write(&mut Unstructured::new(bytes), &path);
    }
    if !path.exists() {
        return;
    }
    let before = fs::read(&path).unwrap();
    let imported = is_imported_as_checked(&path, &dir.path().join("new.db"));
    assert!(fs::read(&path).unwrap() == before, "an import has changed the file");
    if let Some(report) = &imported {
        is_whole(&dir.path().join("new.db"), report);
        comes_back(dir.path(), report);
    }
    let left = is_converted_or_left(&dir.path().join("in_place.db"), &before, imported.as_ref());
    // What is read for an import may be sound where the rest of the file is not.
    assert!(!left || edits.is_some() || imported.is_none(), "an import could take it");
    let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    // A log may stay beside what was opened, if a reader is the last to close it.
    let expected = ["flask.db", "new.db", "back.db", "again.db"];
    let left: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("in_place.db") && !expected.contains(&name.as_str()))
        .collect();
    assert!(left.is_empty(), "{left:?} was left behind");
}

/// The report, if it could be imported.
fn is_imported_as_checked(flask: &Path, new: &Path) -> Option<Report> {
    let checked = check(flask, &mut |_| {});
    let imported = import(flask, new, &mut |_| {});
    assert_eq!(imported.is_ok(), new.exists());
    match (checked, imported) {
        (Ok(checked), Ok(report)) => {
            assert_eq!((checked.refused, &checked.report), (0, &report));
            Some(report)
        }
        (Ok(checked), Err(error)) => {
            assert!(matches!(error, OpenError::Row { .. }), "checked, and then: {error}");
            assert!(checked.refusals.len() as u64 <= checked.refused);
            assert!(!checked.refusals.is_empty(), "{error}");
            is_one_sentence(&error, flask);
            None
        }
        (Err(error), Err(same)) => {
            assert_eq!(error.to_string(), same.to_string());
            is_one_sentence(&error, flask);
            None
        }
        (Err(error), Ok(_)) => panic!("imported, though: {error}"),
    }
}

fn is_one_sentence(error: &OpenError, path: &Path) {
    let sentence = error.to_string();
    assert!(sentence.contains(path.to_str().unwrap()), "{sentence}");
    assert!(!sentence.contains('\n') && sentence.chars().count() < 500, "{sentence}");
}

/// What was imported is sound, and as much as was reported.
fn is_whole(new: &Path, report: &Report) {
    let connection = Connection::open(new).unwrap();
    connection.execute_batch(SIDES).unwrap();
    let one = |query: &str| -> u64 {
        connection.query_row(query, (), |row| row.get::<_, u32>(0)).unwrap().into()
    };
    let verdict: String =
        connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    assert!(!connection.prepare("PRAGMA foreign_key_check").unwrap().exists(()).unwrap());
    assert_eq!(one("SELECT count(*) FROM users"), report.users + report.users_gone);
    assert_eq!(one("SELECT count(*) FROM messages"), report.messages);
    assert_eq!(one("SELECT count(*) FROM sides"), report.chats + report.chats_added);
    assert_eq!(report.hashes.values().sum::<u64>(), report.users);
    assert_eq!(one("SELECT count(*) FROM miscounted"), 0, "chats whose count is not what is new");
}

/// An export of what was imported can be imported again, and nothing has to be put right in it.
fn comes_back(dir: &Path, report: &Report) {
    let (new, back, again) = (dir.join("new.db"), dir.join("back.db"), dir.join("again.db"));
    let exported = export(&new, &back, &mut |_| {}).unwrap();
    let (users, chats) = (report.users + report.users_gone, report.chats + report.chats_added);
    assert_eq!(
        (exported.users, exported.messages, exported.chats),
        (users, report.messages, chats)
    );
    assert_eq!(exported.users_with_bcrypt, report.hashes.get("bcrypt").copied().unwrap_or(0));
    assert_eq!((exported.users_disabled, exported.messages_out_of_order), (0, 0));
    let second = import(&back, &again, &mut |_| {}).unwrap();
    let expected = Report {
        users,
        messages: report.messages,
        chats,
        hashes: second.hashes.clone(),
        costly_hashes: report.costly_hashes.clone(),
        ..Report::default()
    };
    assert_eq!(second, expected);
}

/// A start on such a file converts it as an import would, and keeps it as it was beside it; or leaves
/// it alone, which it tells.
fn is_converted_or_left(path: &Path, before: &[u8], imported: Option<&Report>) -> bool {
    fs::write(path, before).unwrap();
    match SqliteStore::open(path) {
        Ok(store) => {
            let converted = store.converted().cloned();
            drop(store);
            if let Some(converted) = converted {
                assert_eq!(Some(&converted.report), imported);
                // SQLite counts the copy as a change in its header: it is the rows that are the same.
                let kept = check(&converted.backup, &mut |_| {}).unwrap();
                assert_eq!((kept.refused, Some(&kept.report)), (0, imported));
            }
            false
        }
        Err(error) => {
            is_one_sentence(&error, path);
            assert!(fs::read(path).unwrap() == before, "{error}, and the file has changed");
            true
        }
    }
}

/// What the Flask chat wrote, with some bytes changed.
fn edited(edits: &[u8]) -> Vec<u8> {
    let mut file = WRITTEN_BY_FLASK.to_vec();
    for edit in edits.chunks_exact(3).take(64) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % file.len();
        file[place] = edit[2];
    }
    file
}

const USERS: [&str; 3] = [
    "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL COLLATE NOCASE UNIQUE, hash TEXT NOT NULL)",
    "CREATE TABLE users (id INTEGER PRIMARY KEY, username, hash)",
    "CREATE TABLE users (id, username TEXT, hash TEXT)",
];
const CHATS: [&str; 4] = [
    "CREATE TABLE chats (user_id, chat_partner_id, last_message_date, new_message_count DEFAULT 0, UNIQUE (user_id, chat_partner_id))",
    "CREATE TABLE chats (user_id INTEGER, chat_partner_id INTEGER, last_message_date NUMERIC, new_message_count INTEGER)",
    "CREATE TABLE chats (user_id, chat_partner_id, last_message_date, new_message_count)",
    "CREATE TABLE chats (user_id, chat_partner_id, last_message_date, new_message_count, PRIMARY KEY (user_id, chat_partner_id)) WITHOUT ROWID",
];
const MESSAGES: [&str; 3] = [
    "CREATE TABLE messages (sender_id, receiver_id, message, timestamp)",
    "CREATE TABLE messages (sender_id INTEGER NOT NULL, receiver_id INTEGER NOT NULL, message TEXT NOT NULL, timestamp NUMERIC NOT NULL)",
    "CREATE TABLE messages (sender_id, receiver_id, message, timestamp, id INTEGER PRIMARY KEY)",
];

/// Writes tables of the Flask chat with odd rows, as far as SQLite takes them.
fn write(input: &mut Unstructured<'_>, path: &Path) -> Result<()> {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;").unwrap();
    for tables in [&USERS[..], &CHATS, &MESSAGES] {
        connection.execute_batch(input.choose(tables)?).unwrap();
    }
    if input.ratio(1, 8)? {
        connection.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    }
    while !input.is_empty() {
        let insert = match input.int_in_range(0..=2_u8)? {
            0 => {
                let hash = odd(input, "'scrypt:32768:8:1$salt$00'")?;
                let id = input.int_in_range(1..=9)?;
                let row = [odd(input, &id.to_string())?, text(input)?, hash];
                format!("users (id, username, hash) VALUES ({})", row.join(", "))
            }
            1 => {
                let count = input.int_in_range(-2..=5_i8)?;
                let row =
                    [person(input)?, person(input)?, time(input)?, odd(input, &count.to_string())?];
                format!(
                    "chats (user_id, chat_partner_id, last_message_date, new_message_count) VALUES ({})",
                    row.join(", ")
                )
            }
            _ => {
                let row = [person(input)?, person(input)?, text(input)?, time(input)?];
                format!(
                    "messages (sender_id, receiver_id, message, timestamp) VALUES ({})",
                    row.join(", ")
                )
            }
        };
        // A row that the table itself does not take is none.
        _ = connection.execute_batch(&format!("INSERT INTO {insert}"));
    }
    Ok(())
}

fn person(input: &mut Unstructured<'_>) -> Result<String> {
    let id = input.int_in_range(1..=9)?;
    odd(input, &id.to_string())
}

fn time(input: &mut Unstructured<'_>) -> Result<String> {
    let (minute, second) = (input.int_in_range(0..=3)?, input.int_in_range(0..=9)?);
    odd(input, &format!("'2026-01-02 03:0{minute}:0{second}'"))
}

fn text(input: &mut Unstructured<'_>) -> Result<String> {
    let text: String = input.arbitrary::<String>()?.chars().filter(|char| *char != '\0').collect();
    odd(input, &cell("CAST(x'", text.as_bytes(), "' AS TEXT)"))
}

/// As a rule the value that is right; sometimes one of any kind, as SQL.
fn odd(input: &mut Unstructured<'_>, right: &str) -> Result<String> {
    if !input.ratio(1, 24)? {
        return Ok(right.to_owned());
    }
    Ok(match input.int_in_range(0..=9_u8)? {
        0 => "NULL".to_owned(),
        1 => input.arbitrary::<i64>()?.to_string(),
        2 => format!("'{}'", input.arbitrary::<i64>()?),
        3 => format!("{:e}", input.arbitrary::<f32>()?.clamp(-1e30, 1e30)).replace("NaN", "0.5"),
        4 => cell("x'", input.arbitrary()?, "'"),
        5 => cell("CAST(x'", input.arbitrary()?, "' AS TEXT)"),
        6 => format!("'{}'", input.choose(&["deleted user 7", "DELETED USER 7'' ", "007", ""])?),
        7 => "'2026-01-02T03:04:05'".to_owned(),
        8 => format!("'{}:1$x$y'", input.choose(&["pbkdf2:sha1", "$2b", "scrypt", "!"])?),
        _ => "'pbkdf2:sha256:4294967295$x$00'".to_owned(),
    })
}

fn cell(before: &str, bytes: &[u8], after: &str) -> String {
    let mut cell = before.to_owned();
    for byte in bytes {
        _ = write!(cell, "{byte:02x}");
    }
    cell + after
}
