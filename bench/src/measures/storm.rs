//! Whether those who talk notice those who log in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tokio::task::JoinSet;

use super::{Plan, percentile_ms};
use crate::load::{self, Load, Pace};
use crate::people;
use crate::report::Report;
use crate::servers::{Options, Peer, Server, Workshop};
use crate::socket::Transport;

const LOGINS: usize = 50;
/// The default of the program.
const BCRYPT_COST: u32 = 12;

pub async fn measure(workshop: &Workshop, plan: Plan, report: &mut Report) -> Result<()> {
    for _ in 0..plan.rounds {
        let options = Options { bcrypt_cost: Some(BCRYPT_COST), ..Options::default() };
        let server = Server::start_with(workshop, Peer::Visavis, &options).await?;
        let people = people::pairs(&server.address, 2).await?;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut logins = JoinSet::new();
        for place in 0..LOGINS {
            let (is_over, address) = (Arc::clone(&is_over), server.address.clone());
            let name = people[place % people.len()].name.clone();
            logins.spawn(async move {
                // Each that is let in makes room for another: there are always as many waiting.
                while !is_over.load(Ordering::Relaxed) {
                    people::log_in(&address, &name).await?;
                }
                anyhow::Ok(())
            });
        }
        let pace = Pace::PerSecond(200);
        let load = Load { transport: Transport::WebSocket, pace, lasts: plan.lasts * 2 };
        let measured = load::run(&server, &people, load).await?;
        is_over.store(true, Ordering::Relaxed);
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            let value = percentile_ms(&measured.acknowledged, quantile);
            report.add(&format!("acknowledged {name}, 50 logins"), "visavis", "ms", value);
        }
        logins.abort_all();
        server.end().await?;
    }
    Ok(())
}
