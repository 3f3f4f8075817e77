//! What is measured, each in a file of its own. Every figure has at least three runs, and the servers
//! take turns: a change of the machine's mood meets all of them.

pub mod client;
pub mod growth;
pub mod idle;
pub mod latency;
pub mod pages;
pub mod start;
pub mod storm;
pub mod throughput;

use std::time::Duration;

use crate::servers::Peer;

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    /// How long each load is measured.
    pub lasts: Duration,
    /// Idle sockets.
    pub sockets: usize,
    /// The servers that hold them, and how long a server rests before its memory is read. Ten seconds long
    /// visavis looks out for each socket that was let in just now; V8 collects its garbage after half a minute.
    pub holders: &'static [Peer],
    pub rests: Duration,
    /// The largest database, in messages.
    pub messages_max: i64,
}

impl Plan {
    pub fn quick() -> Self {
        Self {
            rounds: 3,
            lasts: Duration::from_millis(600),
            sockets: 1000,
            holders: &[Peer::Visavis, Peer::Ceiling],
            rests: Duration::from_secs(12),
            messages_max: 1_000_000,
        }
    }

    pub fn full() -> Self {
        Self {
            rounds: 5,
            lasts: Duration::from_secs(5),
            sockets: 4000,
            holders: &Peer::UNDER_LOAD,
            rests: Duration::from_secs(45),
            messages_max: 10_000_000,
        }
    }
}

/// In milliseconds.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn percentile_ms(of: &hdrhistogram::Histogram<u64>, quantile: f64) -> f64 {
    of.value_at_quantile(quantile) as f64 / 1000.0
}
