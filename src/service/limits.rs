//! How often somebody may do something. Over a limit nothing is done, and the refusal says when to
//! come back.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Config, Rate};
use crate::domain::{Error, UserId};

/// A limit forgets who has been quiet when it knows so many.
const KNOWN_MAX: usize = 10_000;
/// How long a login waits whose account has had too many wrong passwords: whoever guesses from many
/// addresses is slowed, and the owner is not locked out.
const SLOWED: Duration = Duration::from_secs(2);

/// Every limit; none where limits are off.
#[derive(Clone)]
pub struct Limits(Option<Arc<Each>>);

struct Each {
    clock: Arc<dyn Clock>,
    logins: Limit<IpAddr>,
    failures: Limit<String>,
    registrations: Limit<IpAddr>,
    searches: Limit<UserId>,
    messages: Limit<UserId>,
    connects: Limit<UserId>,
}

impl Limits {
    pub fn new(config: &Config, clock: &Arc<dyn Clock>) -> Self {
        Self(config.has_rate_limits().then(|| {
            Arc::new(Each {
                clock: Arc::clone(clock),
                logins: Limit::new(config.limit_logins),
                failures: Limit::new(config.limit_failures),
                registrations: Limit::new(config.limit_registrations),
                searches: Limit::new(config.limit_searches),
                messages: Limit::new(config.limit_messages),
                connects: Limit::new(config.limit_connects),
            })
        }))
    }

    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// # Errors
    /// `TooOften`, as for the others.
    pub fn login(&self, from: IpAddr) -> Result<(), Error> {
        self.take(|each| &each.logins, network(from), "logins from", from)
    }

    pub fn registration(&self, from: IpAddr) -> Result<(), Error> {
        self.take(|each| &each.registrations, network(from), "registrations from", from)
    }

    pub fn search(&self, user: UserId) -> Result<(), Error> {
        self.take(|each| &each.searches, user, "searches of user", user)
    }

    pub fn message(&self, user: UserId) -> Result<(), Error> {
        self.take(|each| &each.messages, user, "messages of user", user)
    }

    pub fn connect(&self, user: UserId) -> Result<(), Error> {
        self.take(|each| &each.connects, user, "connects of user", user)
    }

    /// Notes a wrong password for that name.
    pub fn failed(&self, username: &str) {
        if let Some(each) = &self.0 {
            // Over the limit it is over the limit.
            _ = each.failures.take(username.to_lowercase(), each.now());
        }
    }

    /// How long a login under that name has to wait.
    #[must_use]
    pub fn slowed(&self, username: &str) -> Duration {
        let over = self
            .0
            .as_ref()
            .is_some_and(|each| each.failures.wait(&username.to_lowercase(), each.now()).is_some());
        if over { SLOWED } else { Duration::ZERO }
    }

    fn take<K: Hash + Eq>(
        &self,
        limit: impl FnOnce(&Each) -> &Limit<K>,
        key: K,
        what: &str,
        who: impl std::fmt::Display,
    ) -> Result<(), Error> {
        let Some(each) = &self.0 else { return Ok(()) };
        limit(each).take(key, each.now()).map_err(|wait| {
            tracing::warn!("too many {what} {who}; refused for {} s", seconds(wait));
            Error::TooOften { retry_after: seconds(wait) }
        })
    }
}

impl Each {
    fn now(&self) -> Duration {
        let now = self.clock.now() - time::OffsetDateTime::UNIX_EPOCH;
        now.try_into().unwrap_or_default()
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}

/// Whoever has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

/// One limit, on whatever it is counted by: a bucket that holds `count` and is full again after
/// `per`.
#[derive(Debug)]
struct Limit<K> {
    interval: Duration,
    burst: Duration,
    /// When the bucket of each will be full, since 1970.
    known: Mutex<HashMap<K, Duration>>,
}

impl<K: Hash + Eq> Limit<K> {
    fn new(Rate { count, per }: Rate) -> Self {
        Self { interval: per / count, burst: per, known: Mutex::default() }
    }

    /// Takes one, or tells how long until there is one.
    fn take(&self, key: K, now: Duration) -> Result<(), Duration> {
        let mut full_at = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= KNOWN_MAX && !full_at.contains_key(&key) {
            full_at.retain(|_, full_at| *full_at > now);
        }
        let known = self.full_at(full_at.get(&key).copied(), now);
        let wait = self.wait_at(known, now);
        full_at.insert(key, if wait.is_zero() { known + self.interval } else { known });
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// How long until there is one; `None` when there is.
    fn wait(&self, key: &K, now: Duration) -> Option<Duration> {
        let full_at = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.wait_at(self.full_at(full_at.get(key).copied(), now), now);
        (!wait.is_zero()).then_some(wait)
    }

    /// The clock may have been put back: nobody waits longer than for a full bucket.
    fn full_at(&self, known: Option<Duration>, now: Duration) -> Duration {
        known.unwrap_or(now).clamp(now, now + self.burst)
    }

    /// Zero when one can be taken now.
    fn wait_at(&self, full_at: Duration, now: Duration) -> Duration {
        (full_at + self.interval).saturating_sub(now + self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn three_a_minute() -> Limit<u8> {
        Limit::new(Rate { count: 3, per: s(60) })
    }

    #[test]
    fn so_many_may_come_at_once_and_then_one_after_the_other() {
        let limit = three_a_minute();
        for _ in 0..3 {
            assert_eq!(limit.take(1, s(1000)), Ok(()));
        }
        assert_eq!(limit.take(1, s(1000)), Err(s(20)));
        assert_eq!(limit.take(1, s(1005)), Err(s(15)));
        assert_eq!(limit.take(1, s(1020)), Ok(()));
        assert_eq!(limit.take(1, s(1020)), Err(s(20)));
        // What one does is no other's.
        assert_eq!(limit.take(2, s(1020)), Ok(()));
    }

    #[test]
    fn asking_for_the_wait_takes_nothing() {
        let limit = three_a_minute();
        for _ in 0..3 {
            assert_eq!(limit.wait(&1, s(1000)), None);
            limit.take(1, s(1000)).unwrap();
        }
        assert_eq!(limit.wait(&1, s(1000)), Some(s(20)));
        assert_eq!(limit.wait(&1, s(1020)), None);
    }

    #[test]
    fn a_clock_that_is_put_back_locks_nobody_out() {
        let limit = three_a_minute();
        for _ in 0..3 {
            limit.take(1, s(100_000)).unwrap();
        }
        assert_eq!(limit.take(1, s(1000)), Err(s(20)));
        assert_eq!(limit.take(1, s(1020)), Ok(()));
    }

    #[test]
    fn who_has_been_quiet_is_forgotten() {
        let limit = Limit::new(Rate { count: 3, per: s(60) });
        for key in 0..KNOWN_MAX {
            limit.take(key, s(1000)).unwrap();
        }
        limit.take(KNOWN_MAX, s(1020)).unwrap();
        assert_eq!(limit.known.lock().unwrap().len(), 1);
    }

    #[test]
    fn an_address_of_ipv6_counts_with_its_network() {
        let one: IpAddr = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        let other: IpAddr = "2001:db8:1:2::9".parse().unwrap();
        let foreign: IpAddr = "2001:db8:1:3::9".parse().unwrap();
        assert_eq!(network(one), network(other));
        assert_ne!(network(one), network(foreign));
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(network(mapped).to_string(), "192.0.2.7");
    }
}
