//! The only place that reads the time.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// Tells the time. Tests put a fixed one in its place.
pub trait Clock: Send + Sync {
    /// The present moment, in UTC. The operator may put it forward or back.
    fn now(&self) -> OffsetDateTime;

    /// The time since some moment before, which only grows: for waits and rates.
    fn monotonic(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn monotonic(&self) -> Duration {
        static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
        STARTED.elapsed()
    }
}
