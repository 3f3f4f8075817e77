//! How long a message takes while others come by the clock: an answer that is late delays nobody's
//! next message, so what queues is seen.

use anyhow::Result;

use super::{Plan, percentile_ms};
use crate::load::{self, Load, Pace};
use crate::people;
use crate::report::Report;
use crate::servers::{Peer, Server, Workshop};
use crate::socket::Transport;

/// Messages a second, all people together.
const RATE: u32 = 1000;
pub const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

pub async fn measure(workshop: &Workshop, plan: Plan, report: &mut Report) -> Result<()> {
    for _ in 0..plan.rounds {
        for peer in Peer::UNDER_LOAD {
            let server = Server::start(workshop, peer).await?;
            let people = people::pairs(&server.address, 20).await?;
            let transport = Transport::WebSocket;
            let load = Load { transport, pace: Pace::PerSecond(RATE), lasts: plan.lasts * 2 };
            let measured = load::run(&server, &people, load).await?;
            for (name, quantile) in QUANTILES {
                for (what, histogram) in
                    [("acknowledged", &measured.acknowledged), ("delivered", &measured.delivered)]
                {
                    let value = percentile_ms(histogram, quantile);
                    report.add(&format!("{what} {name}, open loop"), peer.name(), "ms", value);
                }
            }
            server.end().await?;
        }
    }
    Ok(())
}
