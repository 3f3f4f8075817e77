//! What a socket that only waits takes of the memory.

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::Plan;
use crate::people::{self, Person};
use crate::report::Report;
use crate::servers::{Peer, Server, Workshop};
use crate::socket::{Socket, Transport};

/// How many sockets may be open at once: each is a file handle here.
const SOCKETS_MAX: usize = 15_000;
/// The first few bring what is made once.
const FIRST: usize = 200;
/// This takes longer than any other measurement.
const ROUNDS: usize = 3;

pub async fn measure(workshop: &Workshop, plan: Plan, report: &mut Report) -> Result<()> {
    let mut turns: Vec<Peer> = plan.holders.repeat(ROUNDS);
    // Idle servers do not disturb each other: as many as can be rest together.
    let together = (SOCKETS_MAX / plan.sockets).max(1);
    while !turns.is_empty() {
        let mut all = Vec::new();
        for peer in turns.drain(..together.min(turns.len())) {
            all.push(Filled::start(workshop, peer).await?);
        }
        tokio::time::sleep(plan.rests).await;
        for filled in &mut all {
            filled.before = filled.server.resident_kib()?;
            filled.open(plan.sockets).await?;
        }
        tokio::time::sleep(plan.rests).await;
        for Filled { peer, server, before, mut sockets, .. } in all {
            let after = server.resident_kib()?;
            ensure!(sockets.try_join_next().is_none(), "a socket was closed");
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let each = after.saturating_sub(before) as f64 / plan.sockets as f64;
            report.add("idle socket", peer.name(), "KiB", each);
            server.end().await?;
        }
    }
    Ok(())
}

/// A server with sockets.
struct Filled {
    peer: Peer,
    server: Server,
    people: Vec<Person>,
    /// They answer pings, as a client does.
    sockets: JoinSet<()>,
    /// The memory that it takes with the first of them, in KiB.
    before: u64,
}

impl Filled {
    async fn start(workshop: &Workshop, peer: Peer) -> Result<Self> {
        let server = Server::start(workshop, peer).await?;
        let people = people::pairs(&server.address, 20).await?;
        let mut filled = Self { peer, server, people, sockets: JoinSet::new(), before: 0 };
        filled.open(FIRST).await?;
        Ok(filled)
    }

    /// Opens `count` more, each with a chat open, as a tab in the background has it.
    async fn open(&mut self, count: usize) -> Result<()> {
        for number in 0..count {
            let place = number % self.people.len();
            let (person, partner) = (&self.people[place], &self.people[place ^ 1]);
            let address = &self.server.address;
            let mut socket = Socket::open(address, person, Transport::WebSocket).await?;
            socket.join_chat(partner.id).await?;
            self.sockets.spawn(async move { while socket.hear().await.is_ok() {} });
        }
        Ok(())
    }
}
