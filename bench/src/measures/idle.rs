//! What a socket that only waits takes of the memory.

use std::time::Duration;

use anyhow::Result;

use super::Plan;
use crate::people;
use crate::report::Report;
use crate::servers::{Peer, Server, Workshop};
use crate::socket::{Socket, Transport};

/// How long a server may tidy up after the last socket has come; ten seconds long visavis looks out
/// for each that was let in just now.
const SETTLES: Duration = Duration::from_secs(12);

pub async fn measure(workshop: &Workshop, plan: Plan, report: &mut Report) -> Result<()> {
    for _ in 0..plan.rounds {
        for peer in [Peer::Visavis, Peer::Ceiling, Peer::Node] {
            let server = Server::start(workshop, peer).await?;
            let people = people::pairs(&server.address, 100).await?;
            // The first few bring what is made once.
            let mut sockets = Vec::new();
            for place in 0..people.len() {
                sockets.push(open(&server, &people, place).await?);
            }
            let before = server.resident_kib()?;
            for place in 0..plan.sockets {
                sockets.push(open(&server, &people, place % people.len()).await?);
            }
            tokio::time::sleep(SETTLES).await;
            let after = server.resident_kib()?;
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let each = after.saturating_sub(before) as f64 / plan.sockets as f64;
            report.add("idle socket", peer.name(), "KiB", each);
            server.end().await?;
        }
    }
    Ok(())
}

/// A socket with a chat open, as a tab in the background has it.
async fn open(server: &Server, people: &[people::Person], place: usize) -> Result<Socket> {
    let (person, partner) = (&people[place], &people[place ^ 1]);
    let mut socket = Socket::open(&server.address, person, Transport::WebSocket).await?;
    socket.join_chat(partner.id).await?;
    Ok(socket)
}
