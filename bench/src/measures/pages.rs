//! How many pages a second.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::Plan;
use crate::http::Http;
use crate::people;
use crate::report::Report;
use crate::servers::{Peer, Server, Workshop};

/// How many ask at once.
const CONNECTIONS: usize = 16;
/// How many chats the list shows.
const CHATS: usize = 10;

pub async fn measure(workshop: &Workshop, plan: Plan, report: &mut Report) -> Result<()> {
    for _ in 0..plan.rounds {
        for peer in [Peer::Visavis, Peer::Flask] {
            let server = Server::start(workshop, peer).await?;
            let people = people::pairs(&server.address, CHATS).await?;
            for partner in &people[2..=CHATS] {
                people::open_chat(&server.address, &people[0], partner.id).await?;
            }
            for (path, cookie) in [("/login", ""), ("/chats", people[0].cookie.as_str())] {
                let rate = rate(&server, path, cookie, plan.lasts).await?;
                report.add(&format!("GET {path}"), peer.name(), "requests/s", rate);
            }
            server.end().await?;
        }
    }
    Ok(())
}

async fn rate(server: &Server, path: &str, cookie: &str, lasts: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut askers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut http = Http::new(&server.address, cookie);
        let path = path.to_owned();
        askers.spawn(async move {
            let mut pages = 0_u32;
            while began.elapsed() < lasts {
                http.get(&path).await?.expected(&path)?;
                pages += 1;
            }
            anyhow::Ok(pages)
        });
    }
    let mut pages = 0;
    while let Some(asked) = askers.join_next().await {
        pages += asked??;
    }
    Ok(f64::from(pages) / began.elapsed().as_secs_f64())
}
