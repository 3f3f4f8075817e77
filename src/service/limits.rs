//! Token buckets for every limited action, and how many sockets somebody has. Over a limit nothing is
//! done, and the refusal says when to come back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::bucket::Bucket;
use super::places::{Place, Places};
use crate::clock::Clock;
use crate::config::{Config, LIMITS, LIMITS_COUNT, LimitedAction, Rate, Sizes};
use crate::domain::{Error, UserId};

/// How long a login waits whose account has had too many wrong passwords: guesses from many addresses
/// are slowed, and the owner is not locked out.
const SLOWED: Duration = Duration::from_secs(2);
/// When an address that has all its sockets may ask again: unused ones are closed by then.
const FULL: Duration = Duration::from_secs(10);

/// Every limit. Those on how often and how many are off where the operator says so.
#[derive(Clone)]
pub struct Limits {
    pub sizes: Sizes,
    rates: Option<Arc<Rates>>,
    /// Of the packets and of the bytes that one socket sends.
    of_a_socket: Option<(Rate, Rate)>,
    clock: Arc<dyn Clock>,
    connections_of_address: Option<Arc<Places>>,
}

struct Rates {
    clock: Arc<dyn Clock>,
    /// In the order of [`LimitedAction`].
    buckets: [Bucket<Key>; LIMITS_COUNT],
    sockets_of_address: Arc<Places>,
    sockets_of_user_max: usize,
}

/// Whose actions a bucket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    Address(IpAddr),
    Person(UserId),
    /// A digest of the name, which may be any text.
    Account([u8; 32]),
}

impl Key {
    /// The client's network.
    #[must_use]
    pub fn address(from: IpAddr) -> Self {
        Self::Address(network(from))
    }

    fn account(username: &str) -> Self {
        Self::Account(digest(username))
    }
}

impl Limits {
    pub fn new(config: &Config, clock: &Arc<dyn Clock>) -> Self {
        let rates = || Rates {
            clock: Arc::clone(clock),
            buckets: LIMITS.each_ref().map(|limit| Bucket::new(config.limits.of(limit.action))),
            sockets_of_address: Places::new(config.max_sockets_per_address),
            sockets_of_user_max: config.max_sockets_per_user,
        };
        let rates = config.has_rate_limits().then(|| Arc::new(rates()));
        let of_a_socket = rates.is_some().then(|| {
            let rate = |action| config.limits.of(action);
            let mut bytes = rate(LimitedAction::SendByte);
            // One packet of the largest size is always possible.
            bytes.count = bytes.count.max(config.max_packet_bytes.try_into().unwrap_or(u32::MAX));
            (rate(LimitedAction::SendPacket), bytes)
        });
        let clock = Arc::clone(clock);
        let connections_of_address =
            rates.is_some().then(|| Places::new(config.max_connections_per_address));
        Self { sizes: config.sizes(), rates, of_a_socket, clock, connections_of_address }
    }

    /// The rates of the packets and of the bytes that one socket sends; `None` where limits are off.
    #[must_use]
    pub fn of_a_socket(&self) -> Option<(Rate, Rate)> {
        self.of_a_socket
    }

    /// The time by which sockets are judged.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The place of a connection from `peer`, `Some(None)` where limits are off; `None` when the address
    /// has as many as it may have.
    #[must_use]
    pub fn connection(&self, peer: IpAddr) -> Option<Option<Place>> {
        let Some(places) = &self.connections_of_address else { return Some(None) };
        let place = places.take(peer);
        if place.is_none() {
            tracing::warn!(address = %peer, "refused a connection from {peer}, which has too many (--max-connections-per-address)");
        }
        place.map(Some)
    }

    /// Counts one action of `key`. `from` is called only for the log.
    ///
    /// # Errors
    /// `TooOften`, with the seconds to wait: the action must not be done.
    pub fn take(
        &self,
        action: LimitedAction,
        key: Key,
        from: impl FnOnce() -> IpAddr,
    ) -> Result<(), Error> {
        let Some(rates) = &self.rates else { return Ok(()) };
        rates.buckets[action as usize].take(key, rates.now()).map_err(|wait| {
            let retry_after = wait.as_secs() + 1;
            let noun = action.limit().noun;
            let from = from();
            match key {
                Key::Person(user) => {
                    tracing::warn!(user.id = %user, address = %from, "too many {noun} of user {user}, from {from}; refused for {retry_after} s");
                }
                Key::Address(_) | Key::Account(_) => {
                    tracing::warn!(address = %from, "too many {noun} from {from}; refused for {retry_after} s");
                }
            }
            Error::TooOften { retry_after }
        })
    }

    /// Counts what an action has cost beside the one that was taken: it is done, so the next ones pay.
    pub fn charge(&self, action: LimitedAction, key: Key, units: u64) {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        if let Some(rates) = self.rates.as_ref().filter(|_| units > 0) {
            rates.buckets[action as usize].charge(key, units, rates.now());
        }
    }

    /// Whether an action that was taken may still be done: not while `key` owes what earlier ones have
    /// cost.
    ///
    /// # Errors
    /// `TooOften`, with the seconds to wait: the action must not be done.
    pub fn owes_nothing(&self, action: LimitedAction, key: Key) -> Result<(), Error> {
        let Some(rates) = &self.rates else { return Ok(()) };
        match rates.buckets[action as usize].debt(&key, rates.now()) {
            None => Ok(()),
            Some(wait) => Err(Error::TooOften { retry_after: wait.as_secs() + 1 }),
        }
    }

    /// The place of a socket that begins; none where limits are off. Later requests of the same
    /// socket, which are many where it polls, are not counted.
    pub fn handshake(&self, from: IpAddr) -> Result<Option<Place>, Error> {
        self.take(LimitedAction::Handshake, Key::address(from), || from)?;
        let Some(rates) = &self.rates else { return Ok(None) };
        let place = rates.sockets_of_address.take(from);
        place.map(Some).ok_or_else(|| {
            tracing::warn!(address = %from, "too many sockets from {from}; refused one more");
            Error::TooOften { retry_after: FULL.as_secs() }
        })
    }

    /// Whether a user who has `open` sockets may have one more.
    #[must_use]
    pub fn has_room(&self, user: UserId, open: usize, from: IpAddr) -> bool {
        let Some(rates) = &self.rates else { return true };
        let room = open < rates.sockets_of_user_max;
        if !room {
            tracing::warn!(user.id = %user, address = %from, "user {user} has {open} sockets; refused one more, from {from}");
        }
        room
    }

    /// Notes a wrong password for that name.
    pub fn failed(&self, username: &str) {
        if let Some(rates) = &self.rates {
            let bucket = &rates.buckets[LimitedAction::FailToLogIn as usize];
            // An empty bucket stays empty: `slowed` looks at it.
            _ = bucket.take(Key::account(username), rates.now());
        }
    }

    /// How long a login under that name has to wait.
    #[must_use]
    pub fn slowed(&self, username: &str, from: IpAddr) -> Duration {
        let Some(rates) = &self.rates else { return Duration::ZERO };
        let account = Key::account(username);
        let bucket = &rates.buckets[LimitedAction::FailToLogIn as usize];
        if bucket.wait(&account, rates.now()).is_none() {
            return Duration::ZERO;
        }
        tracing::warn!(address = %from, "too many wrong passwords of one account; its logins are slowed, this one from {from}");
        SLOWED
    }
}

impl Rates {
    fn now(&self) -> Duration {
        self.clock.monotonic()
    }
}

fn digest(username: &str) -> [u8; 32] {
    Sha256::digest(username.to_lowercase()).into()
}

/// A client that has one address of IPv6 has 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
