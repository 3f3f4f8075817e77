//! Counts lines of the log by call site and peer, and what was suppressed. It knows no time and no
//! `tracing` subscriber.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tracing::Level;

use crate::config::Rate;
use crate::service::Bucket;

const MINUTE: Duration = Duration::from_mins(1);
/// Lines of one peer from one call site.
const OF_PEER: Rate = Rate { count: 1, per: MINUTE };
/// Lines of all peers from one call site: peers may have any number of addresses.
const OF_PEERS: Rate = Rate { count: 30, per: MINUTE };
/// Lines of all peers from all call sites. One peer alone comes to less than a line a second, since there
/// are fewer than sixty call sites.
const OF_ALL: Rate = Rate { count: 120, per: MINUTE };
/// Lines of a call site that names no peer.
const OF_NOBODY: Rate = Rate { count: 30, per: Duration::from_mins(5) };

/// Decides which lines are written. `S` identifies a call site, of which a program has a fixed number.
pub struct Limiter<S> {
    of_peer: Bucket<(S, u64)>,
    of_peers: Bucket<S>,
    of_all: Bucket<()>,
    of_nobody: Bucket<S>,
    suppressed: Mutex<HashMap<S, Suppressed>>,
}

/// Lines of one call site that were not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    pub count: u64,
    pub level: Level,
    /// The first of them.
    pub quoted: String,
}

impl<S> Default for Limiter<S>
where
    S: Hash + Eq + Clone,
{
    fn default() -> Self {
        Self {
            of_peer: Bucket::new(OF_PEER),
            of_peers: Bucket::new(OF_PEERS),
            of_all: Bucket::new(OF_ALL),
            of_nobody: Bucket::new(OF_NOBODY),
            suppressed: Mutex::default(),
        }
    }
}

impl<S: Hash + Eq + Clone> Limiter<S> {
    /// Whether a line of `site` is written at `now`, a monotonic time. `peer` is a hash of the peer that
    /// caused it. `quote` gives the sentence of a suppressed line; it is called for the first one only.
    pub fn admits(
        &self,
        site: S,
        level: Level,
        peer: Option<u64>,
        now: Duration,
        quote: impl FnOnce() -> String,
    ) -> bool {
        let is_admitted = match peer {
            Some(peer) => self.admits_peer(&site, level, peer, now),
            None => self.of_nobody.take(site.clone(), now).is_ok(),
        };
        if !is_admitted {
            let mut suppressed = self.suppressed.lock().unwrap_or_else(PoisonError::into_inner);
            let first = || Suppressed { count: 0, level, quoted: quote() };
            suppressed.entry(site).or_insert_with(first).count += 1;
        }
        is_admitted
    }

    /// The bounds over all peers are looked at first, so that a peer is remembered only when its line
    /// is written: the number of remembered peers is bounded by the lines.
    fn admits_peer(&self, site: &S, level: Level, peer: u64, now: Duration) -> bool {
        // Errors are few, and somebody must look at them.
        let is_error = level == Level::ERROR;
        if self.of_peers.wait(site, now).is_some()
            || (!is_error && self.of_all.wait(&(), now).is_some())
        {
            return false;
        }
        self.of_peer.take((site.clone(), peer), now).is_ok()
            && self.of_peers.take(site.clone(), now).is_ok()
            && (is_error || self.of_all.take((), now).is_ok())
    }

    /// What was suppressed since the last call, the most first.
    pub fn take_suppressed(&self) -> Vec<Suppressed> {
        let mut suppressed = self.suppressed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<Suppressed> = suppressed.drain().map(|(_, site)| site).collect();
        taken.sort_by_key(|site| std::cmp::Reverse(site.count));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARN: Level = Level::WARN;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn writes(log: &Limiter<u32>, site: u32, peer: Option<u64>, now: Duration) -> bool {
        log.admits(site, WARN, peer, now, || format!("{site} {peer:?}"))
    }

    #[test]
    fn a_peer_has_one_line_a_minute_of_each_call_site() {
        let log = Limiter::default();
        assert!(writes(&log, 1, Some(1), s(1000)));
        assert!(!writes(&log, 1, Some(1), s(1059)));
        assert!(writes(&log, 2, Some(1), s(1059)));
        assert!(writes(&log, 1, Some(2), s(1059)));
        assert!(writes(&log, 1, Some(1), s(1060)));
    }

    #[test]
    fn suppressed_lines_are_counted_once_and_the_first_is_quoted() {
        let log = Limiter::default();
        for _ in 0..5 {
            writes(&log, 1, Some(1), s(1000));
        }
        for _ in 0..9 {
            writes(&log, 2, Some(1), s(1000));
        }
        let suppressed =
            |count, quoted: &str| Suppressed { count, level: WARN, quoted: quoted.to_owned() };
        assert_eq!(log.take_suppressed(), [suppressed(8, "2 Some(1)"), suppressed(4, "1 Some(1)")]);
        assert_eq!(log.take_suppressed(), []);
    }

    /// Whatever peers of any number of addresses do, at any times, and at all call sites.
    #[test]
    fn peers_of_any_number_make_bounded_lines_and_nothing_is_lost_uncounted() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        for peers in [1, 3, 50, 1_000_000] {
            let log = Limiter::default();
            let (mut now, mut written, mut suppressed, mut events) = (s(1000), 0, 0, 0);
            let mut of_site = HashMap::new();
            while now < s(1600) {
                now += Duration::from_millis(random(100));
                let (site, peer) = (u32::try_from(random(20)).unwrap(), random(peers));
                events += 1;
                if writes(&log, site, Some(peer), now) {
                    written += 1;
                    *of_site.entry(site).or_insert(0) += 1;
                }
                if random(1000) == 0 {
                    suppressed += log.take_suppressed().iter().map(|site| site.count).sum::<u64>();
                }
            }
            suppressed += log.take_suppressed().iter().map(|site| site.count).sum::<u64>();
            assert_eq!(written + suppressed, events);
            // Ten minutes, and the burst of the first.
            assert!(written <= 11 * 120, "{peers} peers wrote {written} lines");
            assert!(of_site.values().all(|lines| *lines <= 11 * 30), "{of_site:?}");
            assert!(written >= 10, "{peers} peers wrote {written} lines");
        }
    }

    #[test]
    fn a_flood_from_one_peer_leaves_room_for_the_others() {
        let log = Limiter::default();
        for second in 1000..1060 {
            for site in 0..30 {
                writes(&log, site, Some(1), s(second));
            }
        }
        assert!(writes(&log, 1, Some(2), s(1060)));
    }

    #[test]
    fn an_error_is_written_however_many_warnings_peers_cause() {
        let log = Limiter::default();
        for event in 0..1000 {
            writes(&log, event % 20, Some(event.into()), s(1000));
        }
        assert!(!writes(&log, 21, Some(1), s(1000)));
        assert!(log.admits(22, Level::ERROR, Some(1), s(1000), String::new));
    }

    #[test]
    fn call_sites_without_a_peer_have_a_burst_which_no_peer_uses_up() {
        let log = Limiter::default();
        for event in 0..10_000 {
            writes(&log, event % 20, Some(event.into()), s(1000));
        }
        assert!((0..30).all(|_| writes(&log, 1, None, s(1000))));
        assert!(!writes(&log, 1, None, s(1000)));
        assert!(writes(&log, 2, None, s(1000)));
        assert!(writes(&log, 1, None, s(1010)));
    }
}
