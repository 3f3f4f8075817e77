//! How fast our page loads in Chromium over a slow link, and how smoothly a long conversation scrolls.
//! The scripts of `bench/client` measure; here the server is started and filled for them.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::Plan;
use crate::people::{self, Person};
use crate::report::Report;
use crate::servers::{Peer, Server, Workshop};
use crate::socket::{Socket, Transport};

/// How many chats the list shows.
const CHATS: usize = 40;
/// In the chat that is opened over the slow link.
const MESSAGES: usize = 100;
/// In the conversation that is scrolled.
const MESSAGES_LONG: usize = 10_000;

/// A line that a script prints: a figure of one run.
#[derive(Deserialize)]
struct Line {
    what: String,
    unit: String,
    value: f64,
}

pub async fn measure(workshop: &Workshop, plan: Plan, report: &mut Report) -> Result<()> {
    chromium()?;
    let server = Server::start(workshop, Peer::Visavis).await?;
    let address = &server.address;
    let people = people::pairs(address, CHATS / 2 + 1).await?;
    let (reader, partner, writer) = (&people[0], &people[1], &people[2]);
    for other in &people[2..=CHATS] {
        people::open_chat(address, reader, other.id).await?;
    }
    people::open_chat(address, writer, reader.id).await?;
    talk(address, reader, partner, MESSAGES).await?;
    let load = json!({
        "url": format!("http://{address}"),
        "rounds": plan.rounds,
        "cookie": reader.cookie,
        "partner": partner.name,
        "newest": beginning(MESSAGES - 1),
        "writer": { "name": writer.name, "cookie": writer.cookie },
        "readerId": reader.id,
    });
    run(workshop, "load.mjs", &load, report).await?;

    let (reader, partner, stranger) = (&people[2], &people[3], &people[4]);
    people::open_chat(address, reader, stranger.id).await?;
    talk(address, reader, partner, MESSAGES_LONG).await?;
    let scroll = json!({
        "url": format!("http://{address}"),
        "rounds": plan.rounds,
        "cookie": reader.cookie,
        "long": partner.name,
        "oldest": beginning(0),
        "newest": beginning(MESSAGES_LONG - 1),
        "empty": stranger.name,
    });
    run(workshop, "scroll.mjs", &scroll, report).await?;
    server.end().await
}

/// The Chromium that is used, as the tests choose it.
pub fn chromium() -> Result<PathBuf> {
    let path = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    let path = PathBuf::from(path);
    ensure!(
        path.exists(),
        "there is no Chromium at {}: run `make /usr/bin/chromium`, or name one in CHROMIUM",
        path.display()
    );
    Ok(path)
}

/// Lets two people write `count` messages to each other, three by three, and read them.
async fn talk(address: &str, one: &Person, other: &Person, count: usize) -> Result<()> {
    let mut sockets = [
        (Socket::open(address, one, Transport::WebSocket).await?, other.id),
        (Socket::open(address, other, Transport::WebSocket).await?, one.id),
    ];
    for number in 0..count {
        let (socket, partner) = &mut sockets[number / 3 % 2];
        let message = json!({ "chat_partner_id": partner.to_string(), "message": text(number) });
        let answer = socket.ask("message_sent", &message.to_string()).await?;
        ensure!(!answer.contains("\"failure\""), "a message was not sent: {answer}");
    }
    for (socket, partner) in &mut sockets {
        let read = json!({ "chat_partner_id": partner.to_string(), "new_message_count": 0 });
        socket.ask("new_message_count_updated", &read.to_string()).await?;
    }
    Ok(())
}

/// What the message of that number begins with; no other message has it.
fn beginning(number: usize) -> String {
    format!("Message {number}:")
}

/// From a few words to a few lines, as people write.
fn text(number: usize) -> String {
    let sentences = [1, 3, 1, 2, 9][number % 5];
    beginning(number) + &" there is this to say about it.".repeat(sentences)
}

/// Runs a script of `bench/client`, and adds the figures that it prints.
async fn run(
    workshop: &Workshop,
    script: &str,
    question: &Value,
    report: &mut Report,
) -> Result<()> {
    let script = workshop.root.join("bench/client").join(script);
    let mut child = Command::new("node")
        .arg(&script)
        .arg(question.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run node")?;
    let output = child.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        let Line { what, unit, value } =
            serde_json::from_str(&line).with_context(|| format!("not a figure: {line}"))?;
        report.add(&what, Peer::Visavis.name(), &unit, value);
    }
    let status = child.wait().await?;
    ensure!(status.success(), "{} ended with {status}", script.display());
    Ok(())
}
