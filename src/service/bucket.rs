//! One limit on how often something may be done, on whatever it is counted by.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::config::Rate;

/// Keys that have been quiet are forgotten when so many are known, or twice as many as the last time left.
const SWEPT_FROM: usize = 10_000;

/// A bucket for each key, which holds `count` and is full again after `per`.
#[derive(Debug)]
pub struct Bucket<K> {
    interval: Duration,
    burst: Duration,
    known: Mutex<Known<K>>,
}

#[derive(Debug)]
struct Known<K> {
    /// When the bucket of each will be full, in the time of [`crate::clock::Clock::monotonic`].
    full_at: HashMap<K, Duration>,
    left_by_sweep: usize,
}

impl<K: Hash + Eq> Bucket<K> {
    pub fn new(Rate { count, per }: Rate) -> Self {
        let known = Known { full_at: HashMap::new(), left_by_sweep: 0 };
        Self { interval: per / count, burst: per, known: Mutex::new(known) }
    }

    /// Takes one, or tells how long until there is one.
    pub fn take(&self, key: K, now: Duration) -> Result<(), Duration> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.full_at.len() >= SWEPT_FROM.max(2 * known.left_by_sweep) {
            known.full_at.retain(|_, full_at| *full_at > now);
            known.left_by_sweep = known.full_at.len();
        }
        let full_at = full_at(known.full_at.get(&key).copied(), now);
        let wait = self.wait_at(full_at, now);
        known.full_at.insert(key, if wait.is_zero() { full_at + self.interval } else { full_at });
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// Takes `units` that were used already, whether or not they are there. They are owed then, though
    /// never more than one full bucket.
    pub fn charge(&self, key: K, units: u32, now: Duration) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = full_at(known.full_at.get(&key).copied(), now);
        let owed = full_at + self.interval.saturating_mul(units);
        known.full_at.insert(key, owed.min(now + 2 * self.burst));
    }

    /// How long until there is one; `None` when there is.
    pub fn wait(&self, key: &K, now: Duration) -> Option<Duration> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.wait_at(full_at(known.full_at.get(key).copied(), now), now);
        (!wait.is_zero()).then_some(wait)
    }

    /// How long until there is one, when more was charged than there was; `None` when nothing is owed.
    pub fn debt(&self, key: &K, now: Duration) -> Option<Duration> {
        let wait = self.wait(key, now)?;
        (wait > self.interval).then_some(wait)
    }

    /// Zero when one can be taken now.
    fn wait_at(&self, full_at: Duration, now: Duration) -> Duration {
        (full_at + self.interval).saturating_sub(now + self.burst)
    }
}

/// A bucket that has been full for a while is no fuller than full.
fn full_at(known: Option<Duration>, now: Duration) -> Duration {
    known.unwrap_or(now).max(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn three_a_minute() -> Bucket<u8> {
        Bucket::new(Rate { count: 3, per: s(60) })
    }

    #[test]
    fn so_many_may_come_at_once_and_then_one_after_the_other() {
        let bucket = three_a_minute();
        for _ in 0..3 {
            assert_eq!(bucket.take(1, s(1000)), Ok(()));
        }
        assert_eq!(bucket.take(1, s(1000)), Err(s(20)));
        assert_eq!(bucket.take(1, s(1005)), Err(s(15)));
        assert_eq!(bucket.take(1, s(1020)), Ok(()));
        assert_eq!(bucket.take(1, s(1020)), Err(s(20)));
        // What one does is no other's.
        assert_eq!(bucket.take(2, s(1020)), Ok(()));
    }

    #[test]
    fn asking_for_the_wait_takes_nothing() {
        let bucket = three_a_minute();
        for _ in 0..3 {
            assert_eq!(bucket.wait(&1, s(1000)), None);
            bucket.take(1, s(1000)).unwrap();
        }
        assert_eq!(bucket.wait(&1, s(1000)), Some(s(20)));
        assert_eq!(bucket.wait(&1, s(1020)), None);
    }

    #[test]
    fn what_was_used_already_is_waited_for_but_not_for_ever() {
        let bucket = three_a_minute();
        bucket.charge(1, 2, s(1000));
        assert_eq!(bucket.take(1, s(1000)), Ok(()));
        bucket.charge(1, 2, s(1000));
        assert_eq!(bucket.take(1, s(1000)), Err(s(60)));
        bucket.charge(1, u32::MAX, s(1000));
        assert_eq!(bucket.take(1, s(1000)), Err(s(80)));
        assert_eq!(bucket.take(1, s(1080)), Ok(()));
    }

    #[test]
    fn who_has_taken_all_owes_nothing_until_something_is_charged() {
        let bucket = three_a_minute();
        for _ in 0..3 {
            bucket.take(1, s(1000)).unwrap();
            assert_eq!(bucket.debt(&1, s(1000)), None);
        }
        bucket.charge(1, 1, s(1000));
        assert_eq!(bucket.debt(&1, s(1000)), Some(s(40)));
        assert_eq!(bucket.debt(&1, s(1020)), None);
    }

    #[test]
    fn who_has_been_quiet_is_forgotten() {
        let bucket = Bucket::new(Rate { count: 3, per: s(60) });
        for key in 0..SWEPT_FROM {
            bucket.take(key, s(1000)).unwrap();
        }
        bucket.take(SWEPT_FROM, s(1020)).unwrap();
        assert_eq!(bucket.known.lock().unwrap().full_at.len(), 1);
    }
}
