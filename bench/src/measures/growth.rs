//! Whether what is done every day costs more with years of history, or with many chats.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use rusqlite::Connection;
use tempfile::TempDir;

use super::Plan;
use crate::http::Http;
use crate::people::{self, Person};
use crate::report::Report;
use crate::servers::{Options, Peer, Server, Workshop};
use crate::socket::{Socket, Transport};

/// How often each action is done in a run; its median counts.
const REPETITIONS: usize = 200;
/// Half of all messages are in one chat: the worst there can be for it.
const MESSAGES_MIN: i64 = 10_000;

/// A database with much in it, and the two who are measured on it.
struct Filled {
    label: String,
    options: Options,
    people: Vec<Person>,
}

/// Gives the folder of the largest database, and where it is in it.
pub async fn measure(
    workshop: &Workshop,
    plan: Plan,
    report: &mut Report,
) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let mut sizes = vec![MESSAGES_MIN, plan.messages_max];
    if plan.messages_max > 1_000_000 {
        sizes.insert(1, 1_000_000);
    }
    let mut files = Vec::new();
    for messages in &sizes {
        let path = path(&format!("{messages}.db"));
        files.push(fill(workshop, path, *messages, 10, format!("{messages} messages")).await?);
    }
    for chats in [10, 10_000] {
        let path = path(&format!("chats-{chats}.db"));
        files.push(fill(workshop, path, MESSAGES_MIN, chats, format!("{chats} chats")).await?);
    }
    for _ in 0..plan.rounds {
        for filled in &files {
            actions(workshop, filled, report).await?;
        }
    }
    let largest = path(&format!("{}.db", plan.messages_max));
    Ok((folder, largest))
}

/// Makes a database with `messages`, whose first person has `chats`.
async fn fill(
    workshop: &Workshop,
    path: PathBuf,
    messages: i64,
    chats: i64,
    label: String,
) -> Result<Filled> {
    eprintln!("  making a database with {label}");
    let options = Options { database: Some(path.clone()), ..Options::default() };
    // The program makes its tables and the people who log in; the mass is put in beside them.
    let server = Server::start_with(workshop, Peer::Visavis, &options).await?;
    let mut people = people::pairs(&server.address, 1).await?;
    // They register at the same time, and either may be the first. The first has the lower id below.
    people.sort_by_key(|person| person.id);
    server.stop().await?;
    let (one, other) = (people[0].id, people[1].id);
    tokio::task::spawn_blocking(move || pour(&path, (one, other), messages, chats)).await??;
    Ok(Filled { label, options, people })
}

fn pour(path: &Path, (one, other): (i64, i64), messages: i64, chats: i64) -> Result<()> {
    let db = Connection::open(path)?;
    db.execute_batch(
        "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN;",
    )?;
    let users = (messages / 100).max(chats);
    db.execute(
        "INSERT INTO users(username, hash)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         SELECT printf('somebody %07d', i), '!' FROM n",
        [users],
    )?;
    db.execute(
        "INSERT INTO conversations(low_id, high_id, version, low_listed_at)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         SELECT ?1, id, 1, -id FROM users JOIN n ON users.id = ?3 + i
         WHERE i < ?2",
        rusqlite::params![one, chats, other],
    )?;
    db.execute(
        "INSERT INTO conversations(low_id, high_id, version)
         SELECT id, id + 1, 1 FROM users WHERE id > ?1",
        [other],
    )?;
    // Every second message is between the two; the others are between people nearby.
    let mut insert = db.prepare(
        "INSERT INTO messages(conversation_id, sender_id, message, timestamp, version)
         SELECT id, ?1, ?3, '2026-01-01 00:00:00', ?4
         FROM conversations WHERE low_id = min(?1, ?2) AND high_id = max(?1, ?2)",
    )?;
    let mut text = String::new();
    for number in 0..messages {
        let stranger = other + 1 + number / 2 % (users - 1);
        let (sender, receiver) = match number % 4 {
            0 => (one, other),
            2 => (other, one),
            1 => (stranger, stranger + 1),
            _ => (stranger + 1, stranger),
        };
        text.clear();
        write!(text, "message {number}, and what else there is to say about it today")?;
        insert.execute(rusqlite::params![sender, receiver, text, number])?;
    }
    drop(insert);
    // The two have read everything.
    db.execute(
        "UPDATE conversations
         SET version = ?3, last_message_id = ?3, low_last_read_id = ?3, high_last_read_id = ?3
         WHERE low_id = min(?1, ?2) AND high_id = max(?1, ?2)",
        rusqlite::params![one, other, messages],
    )?;
    db.execute_batch("COMMIT; PRAGMA optimize;")?;
    Ok(())
}

async fn actions(workshop: &Workshop, filled: &Filled, report: &mut Report) -> Result<()> {
    let server = Server::start_with(workshop, Peer::Visavis, &filled.options).await?;
    let address = &server.address;
    let (person, partner) =
        (people::log_in(address, &filled.people[0].name).await?, &filled.people[1]);
    let mut socket = Socket::open(address, &person, Transport::WebSocket).await?;
    let chat = format!(r#"{{"chat_partner_id":"{}""#, partner.id);
    for (action, event, rest) in [
        ("open a chat", "join_chat", "}"),
        ("the next 10", "message_history_is_scrolled_to_the_top", r#","message_count":20}"#),
        ("send", "message_sent", r#","message":"one more"}"#),
    ] {
        let payload = format!("{chat}{rest}");
        let mut took = Vec::with_capacity(REPETITIONS);
        for _ in 0..REPETITIONS {
            let asked = Instant::now();
            let answer = socket.ask(event, &payload).await?;
            took.push(asked.elapsed());
            anyhow::ensure!(!answer.contains("\"failure\""), "{action}: {answer}");
        }
        add(report, &filled.label, action, took)?;
    }
    let mut http = Http::new(address, &person.cookie);
    let (mut list, mut find) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let asked = Instant::now();
        http.get("/chats").await?.expected("/chats")?;
        list.push(asked.elapsed());
        let asked = Instant::now();
        let body = r#"{"username":"somebody 00000"}"#.to_owned();
        http.post("/find", "application/json", body).await?.expected("/find")?;
        find.push(asked.elapsed());
    }
    add(report, &filled.label, "the chat list", list)?;
    add(report, &filled.label, "find", find)?;
    server.stop().await
}

fn add(
    report: &mut Report,
    label: &str,
    action: &str,
    mut took: Vec<std::time::Duration>,
) -> Result<()> {
    took.sort_unstable();
    let median = took.get(took.len() / 2).context("nothing was measured")?.as_secs_f64() * 1e6;
    report.add(&format!("cost with {label}: {action}"), "visavis", "us", median);
    Ok(())
}
