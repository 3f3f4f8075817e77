//! A guard that does not depend on the machine's speed: how many instructions the server takes for a
//! message, as callgrind counts them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::people;
use crate::servers::{Options, Peer, Server, Workshop};
use crate::socket::{Heard, Socket, Transport};

/// Messages of the shorter and of the longer run: what differs between them is the messages' own.
const FEW: usize = 500;
const MANY: usize = 2500;
/// What a person may have under way.
const IN_FLIGHT: usize = 8;
/// How much more than the baseline is still the same: threads meet differently in each run.
const TOLERANCE: f64 = 0.10;

/// Instructions, by the transport that the message is sent and delivered over.
#[derive(Serialize, Deserialize)]
struct Baseline {
    instructions_a_message: u64,
    instructions_a_polled_message: u64,
}

/// Compares with `bench/baseline.json`, or writes it.
///
/// # Errors
/// Also when a message takes more than before.
pub async fn check(workshop: &Workshop, keep: bool) -> Result<()> {
    let now = Baseline {
        instructions_a_message: each(workshop, Transport::WebSocket).await?,
        instructions_a_polled_message: each(workshop, Transport::Polling).await?,
    };
    let path = workshop.root.join("bench/baseline.json");
    if keep {
        return Ok(fs::write(path, serde_json::to_string_pretty(&now)? + "\n")?);
    }
    let before: Baseline = serde_json::from_str(&fs::read_to_string(&path)?)?;
    let messages = compare("message", now.instructions_a_message, before.instructions_a_message);
    let (now, before) = (now.instructions_a_polled_message, before.instructions_a_polled_message);
    let polled = compare("polled message", now, before);
    ensure!(
        messages && polled,
        "a message takes more instructions than before; if that is meant, keep it with `make bench-baseline`"
    );
    Ok(())
}

/// Says how much it changed, and whether that is within the tolerance.
fn compare(what: &str, now: u64, before: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let change = now as f64 / before as f64 - 1.0;
    println!("a {what} takes {now} instructions, {:+.1} % of {before}", change * 100.0);
    change <= TOLERANCE
}

async fn each(workshop: &Workshop, transport: Transport) -> Result<u64> {
    let few = count(workshop, transport, FEW).await?;
    let many = count(workshop, transport, MANY).await?;
    Ok(many.saturating_sub(few) / u64::try_from(MANY - FEW)?)
}

/// The instructions of a whole run of the server in which `messages` are sent.
async fn count(workshop: &Workshop, transport: Transport, messages: usize) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("callgrind.out");
    let runner = vec![
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        "--quiet".to_owned(),
        format!("--callgrind-out-file={}", out.display()),
    ];
    let options = Options { runner, ..Options::default() };
    let server = Server::start_with(workshop, Peer::Visavis, &options)
        .await
        .context("the server did not start under valgrind")?;
    let people = people::pairs(&server.address, 1).await?;
    let payload = |partner: i64| format!(r#"{{"chat_partner_id":"{partner}""#);
    let mut writer = Socket::open(&server.address, &people[0], transport).await?;
    let mut reader = Socket::open(&server.address, &people[1], transport).await?;
    writer.ask("join_chat", &(payload(people[1].id) + "}")).await?;
    reader.ask("join_chat", &(payload(people[0].id) + "}")).await?;
    let message = payload(people[1].id) + r#","message":"shall we meet at seven?"}"#;
    for _ in 0..messages / IN_FLIGHT {
        writer.emit_all("message_sent", vec![message.clone(); IN_FLIGHT]).await?;
        let (mut acknowledged, mut delivered) = (0, 0);
        while acknowledged < IN_FLIGHT {
            let Heard::Acknowledged(_, answer) = writer.hear().await? else { continue };
            ensure!(!answer.contains("\"failure\""), "{answer}");
            acknowledged += 1;
        }
        while delivered < IN_FLIGHT {
            if matches!(reader.hear().await?, Heard::Event(_)) {
                delivered += 1;
            }
        }
    }
    drop((writer, reader));
    server.stop().await?;
    total(&out)
}

fn total(out: &Path) -> Result<u64> {
    let text = fs::read_to_string(out)?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = line.context("callgrind wrote no totals")?;
    Ok(total.split_ascii_whitespace().next().context("no total")?.parse()?)
}
