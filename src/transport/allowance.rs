//! One token bucket of one socket.

use std::time::Duration;

use crate::config::Rate;

/// Holds `count` tokens of a [`Rate`] and is full again after its time. All times are in nanoseconds.
#[derive(Debug)]
pub struct Allowance {
    /// How long one token takes to come back.
    interval: u64,
    burst: u64,
    /// When the bucket will be full, in the time of [`crate::clock::Clock::monotonic`].
    full_at: u64,
}

impl Allowance {
    pub fn new(Rate { count, per }: Rate) -> Self {
        let burst = nanoseconds(per);
        Self { interval: (burst / u64::from(count)).max(1), burst, full_at: 0 }
    }

    /// Takes so many tokens; false when there are fewer, and none is taken then.
    pub fn take(&mut self, tokens: u64, now: Duration) -> bool {
        let now = nanoseconds(now);
        let cost = self.interval.saturating_mul(tokens);
        let full_at = self.full_at.max(now).saturating_add(cost);
        let has_enough = full_at <= now.saturating_add(self.burst);
        if has_enough {
            self.full_at = full_at;
        }
        has_enough
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_then_one_at_a_time() {
        let mut allowance = Allowance::new(Rate { count: 60, per: Duration::from_mins(1) });
        let now = Duration::from_secs(1000);
        assert!(allowance.take(60, now));
        assert!(!allowance.take(1, now));
        assert!(allowance.take(1, now + Duration::from_secs(1)));
        assert!(!allowance.take(1, now + Duration::from_secs(1)));
        assert!(allowance.take(60, now + Duration::from_secs(100)));
    }
}
