//! What is queued for all peers together, and for each person: the largest debtor is cut first.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::Realtime;
use super::presence::Seat;
use crate::domain::UserId;

/// The most bytes that may wait for all sockets of one person: four answers of the largest size and what
/// comes behind them.
const PERSON_BYTES_MAX: u64 = 24_000_000;
/// It is added up anew whenever so much more was queued, in bytes: the bounds are exceeded by no more.
const STEP_BYTES: u64 = 4_000_000;

/// Counts what is queued between two sums.
#[derive(Debug, Default)]
pub struct Queued {
    since: AtomicU64,
    due: Notify,
}

impl Queued {
    /// Notes that `bytes` were queued for somebody.
    pub fn add(&self, bytes: usize) {
        let bytes = bytes as u64;
        if self.since.fetch_add(bytes, Ordering::Relaxed) + bytes > STEP_BYTES {
            self.due.notify_one();
        }
    }

    /// Awaits the moment at which it is to be added up.
    async fn step(&self) {
        self.due.notified().await;
        self.since.store(0, Ordering::Relaxed);
    }
}

/// Keeps what is queued below `bytes_max` until `realtime` has gone.
pub async fn bound(queued: Arc<Queued>, realtime: Weak<Realtime>, bytes_max: u64) {
    loop {
        queued.step().await;
        let Some(realtime) = realtime.upgrade() else { return };
        let owed = realtime.notifier.presence.all().into_iter().map(|seat| (seat.owed(), seat));
        for (bytes, seat, bound) in to_cut(owed.collect(), |seat| seat.user.id, bytes_max) {
            tracing::warn!(user.id = %seat.user.id, socket.id = %seat.socket.id, "{bytes} bytes wait for a socket of user {}; cutting it, because {bound}", seat.user.id);
            cut(&seat);
        }
    }
}

fn cut(seat: &Seat) {
    seat.cut_off();
    seat.cut();
}

/// The bound that was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    All,
    Person,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("more waits for all sockets than --max-queued-bytes"),
            Self::Person => write!(f, "more waits for this user than {PERSON_BYTES_MAX} bytes"),
        }
    }
}

/// Which debtors go, the largest first, until each person and all together are within bounds.
fn to_cut<T>(
    mut owed: Vec<(u64, T)>,
    person: impl Fn(&T) -> UserId,
    bytes_max: u64,
) -> Vec<(u64, T, Bound)> {
    let mut all: u64 = owed.iter().map(|(bytes, _)| bytes).sum();
    let mut of_person: HashMap<UserId, u64> = HashMap::new();
    for (bytes, debtor) in &owed {
        *of_person.entry(person(debtor)).or_default() += bytes;
    }
    owed.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let owing = owed.into_iter().filter(|(bytes, _)| *bytes > 0);
    let over = owing.filter_map(|(bytes, debtor)| {
        let of_person = of_person.entry(person(&debtor)).or_default();
        let bound = if all > bytes_max {
            Bound::All
        } else if *of_person > PERSON_BYTES_MAX {
            Bound::Person
        } else {
            return None;
        };
        all -= bytes;
        *of_person -= bytes;
        Some((bytes, debtor, bound))
    });
    over.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_of(owed: &[(u64, i64)], bytes_max: u64) -> Vec<(u64, i64, Bound)> {
        to_cut(owed.to_vec(), |user| UserId(*user), bytes_max)
    }

    #[test]
    fn the_largest_debtor_goes_first_and_no_more_than_needed() {
        assert_eq!(cut_of(&[(10, 1), (50, 2), (40, 3), (0, 4)], 100), []);
        assert_eq!(cut_of(&[(10, 1), (50, 2), (45, 3), (0, 4)], 100), [(50, 2, Bound::All)]);
        assert_eq!(
            cut_of(&[(10, 1), (50, 2), (45, 3)], 20),
            [(50, 2, Bound::All), (45, 3, Bound::All)]
        );
    }

    #[test]
    fn the_sockets_of_a_person_are_bounded_together() {
        let million = 1_000_000;
        let owed: Vec<_> =
            (1..=6).map(|number| (number * million, 1)).chain([(million, 2)]).collect();
        assert_eq!(cut_of(&owed, 1000 * million), []);
        let owed: Vec<_> = owed.into_iter().chain([(5 * million, 1)]).collect();
        assert_eq!(cut_of(&owed, 1000 * million), [(6 * million, 1, Bound::Person)]);
    }
}
