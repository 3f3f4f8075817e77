//! How many durable messages a second, and what one costs the processor.

use anyhow::Result;

use super::{Plan, percentile_ms};
use crate::load::{self, Load, Pace};
use crate::people;
use crate::report::Report;
use crate::servers::{Peer, Server, Workshop};
use crate::socket::Transport;

pub async fn measure(workshop: &Workshop, plan: Plan, report: &mut Report) -> Result<()> {
    for _ in 0..plan.rounds {
        for peer in Peer::UNDER_LOAD {
            let load = by(Transport::WebSocket, 8, plan);
            one(workshop, peer, 100, load, "100 pairs x 8", report).await?;
        }
        let load = by(Transport::Polling, 8, plan);
        one(workshop, Peer::Visavis, 100, load, "polling, 100 pairs x 8", report).await?;
        for peer in Peer::ALL {
            let load = by(Transport::WebSocket, 1, plan);
            one(workshop, peer, 20, load, "20 pairs x 1", report).await?;
        }
    }
    Ok(())
}

/// The loads by which builds are compared.
const COMPARED: [(&str, Transport, usize, usize); 3] = [
    ("100 pairs x 8", Transport::WebSocket, 100, 8),
    ("20 pairs x 1", Transport::WebSocket, 20, 1),
    ("polling, 100 pairs x 8", Transport::Polling, 100, 8),
];

/// One turn of a build among several, with its name, and of the ceiling, which is not asked to poll.
pub async fn compared(
    workshop: &Workshop,
    (peer, name): (Peer, String),
    plan: Plan,
    only: Option<&str>,
    report: &mut Report,
) -> Result<()> {
    for (what, transport, pairs, in_flight) in COMPARED {
        let is_wanted = only.is_none_or(|only| only == what);
        if !is_wanted || (peer == Peer::Ceiling && transport == Transport::Polling) {
            continue;
        }
        let server = Server::start(workshop, peer).await?;
        let people = people::pairs(&server.address, pairs).await?;
        let measured = load::run(&server, &people, by(transport, in_flight, plan)).await?;
        report.add(&format!("rate, {what}"), &name, "messages/s", measured.rate);
        report.add(&format!("cpu, {what}"), &name, "us/message", measured.cpu_us);
        report.add(&format!("writes, {what}"), &name, "bytes/message", measured.disk_bytes);
        server.end().await?;
    }
    Ok(())
}

fn by(transport: Transport, in_flight: usize, plan: Plan) -> Load {
    Load { transport, pace: Pace::InFlight(in_flight), lasts: plan.lasts }
}

async fn one(
    workshop: &Workshop,
    peer: Peer,
    pairs: usize,
    load: Load,
    name: &str,
    report: &mut Report,
) -> Result<()> {
    let server = Server::start(workshop, peer).await?;
    let people = people::pairs(&server.address, pairs).await?;
    let measured = load::run(&server, &people, load).await?;
    let mut add = |what: &str, unit, value| {
        report.add(&format!("{what}, {name}"), peer.name(), unit, value);
    };
    add("rate", "messages/s", measured.rate);
    add("cpu", "us/message", measured.cpu_us);
    add("acknowledged p50", "ms", percentile_ms(&measured.acknowledged, 0.5));
    add("acknowledged p99", "ms", percentile_ms(&measured.acknowledged, 0.99));
    server.end().await
}
