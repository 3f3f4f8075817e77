//! How long until the first answer, and what the program takes when nobody is there.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Plan;
use crate::report::Report;
use crate::servers::{Options, Peer, Server, Workshop};

/// `database` is a large one.
pub async fn measure(
    workshop: &Workshop,
    plan: Plan,
    database: &Path,
    report: &mut Report,
) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let size = fs::metadata(&workshop.visavis)?.len();
    report.add("program", "visavis", "MB", megabytes(size));
    for _ in 0..plan.rounds {
        let options = Options { database: Some(database.to_owned()), ..Options::default() };
        let server = Server::start_with(workshop, Peer::Visavis, &options).await?;
        let first = server.first_answer.as_secs_f64() * 1000.0;
        report.add("first answer", "visavis", "ms", first);
        report.add("idle process", "visavis", "MB", megabytes(server.resident_kib()? * 1024));
        server.stop().await?;
    }
    Ok(())
}
