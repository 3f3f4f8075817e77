//! How often somebody may do something, how many sockets they may have, and how large what they send
//! may be. Over a limit nothing is done, and the refusal says when to come back.

use std::fmt::Display;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::bucket::Bucket;
use super::places::{Place, Places};
use crate::clock::Clock;
use crate::config::{Config, Rate, Sizes};
use crate::domain::{Error, UserId};

/// How long a login waits whose account has had too many wrong passwords: whoever guesses from many
/// addresses is slowed, and the owner is not locked out.
const SLOWED: Duration = Duration::from_secs(2);
/// When an address that has all its sockets may ask again: those that nobody uses have gone then.
const FULL: Duration = Duration::from_secs(10);
/// However often somebody is refused the same thing, the log tells it once in this time.
const TOLD: Rate = Rate { count: 1, per: Duration::from_mins(1) };

/// Every limit. Those on how often and how many are off where the operator says so.
#[derive(Clone)]
pub struct Limits {
    pub sizes: Sizes,
    rates: Option<Arc<Rates>>,
}

struct Rates {
    clock: Arc<dyn Clock>,
    logins: Bucket<IpAddr>,
    /// By a digest of the name, which may be any text.
    failures: Bucket<[u8; 32]>,
    registrations: Bucket<IpAddr>,
    searches: Bucket<UserId>,
    messages: Bucket<UserId>,
    connects: Bucket<UserId>,
    handshakes: Bucket<IpAddr>,
    sockets_of_address: Arc<Places>,
    sockets_of_user_max: usize,
    /// Which refusals the log has told.
    told: Bucket<(&'static str, String)>,
}

impl Limits {
    pub fn new(config: &Config, clock: &Arc<dyn Clock>) -> Self {
        let rates = || Rates {
            clock: Arc::clone(clock),
            logins: Bucket::new(config.limit_logins),
            failures: Bucket::new(config.limit_failures),
            registrations: Bucket::new(config.limit_registrations),
            searches: Bucket::new(config.limit_searches),
            messages: Bucket::new(config.limit_messages),
            connects: Bucket::new(config.limit_connects),
            handshakes: Bucket::new(config.limit_handshakes),
            sockets_of_address: Places::new(config.max_sockets_per_address),
            sockets_of_user_max: config.max_sockets_per_user,
            told: Bucket::new(TOLD),
        };
        let rates = config.has_rate_limits().then(|| Arc::new(rates()));
        Self { sizes: config.sizes(), rates }
    }

    /// # Errors
    /// `TooOften`, as for the others.
    pub fn login(&self, from: IpAddr) -> Result<(), Error> {
        self.take_of_address(|rates| &rates.logins, "logins", from)
    }

    pub fn registration(&self, from: IpAddr) -> Result<(), Error> {
        self.take_of_address(|rates| &rates.registrations, "registrations", from)
    }

    pub fn search(&self, user: UserId, from: IpAddr) -> Result<(), Error> {
        self.take_of_user(|rates| &rates.searches, "searches", user, || from)
    }

    /// `from` is asked for only when there is something to tell of.
    pub fn message(&self, user: UserId, from: impl FnOnce() -> IpAddr) -> Result<(), Error> {
        self.take_of_user(|rates| &rates.messages, "messages", user, from)
    }

    pub fn connect(&self, user: UserId, from: IpAddr) -> Result<(), Error> {
        self.take_of_user(|rates| &rates.connects, "connects", user, || from)
    }

    /// The place of a socket that begins; none where limits are off. Later requests of the same
    /// socket, which are many where it polls, are not counted.
    pub fn handshake(&self, from: IpAddr) -> Result<Option<Place>, Error> {
        self.take_of_address(|rates| &rates.handshakes, "handshakes", from)?;
        let Some(rates) = &self.rates else { return Ok(None) };
        let place = rates.sockets_of_address.take(from);
        place.map(Some).ok_or_else(|| {
            if rates.is_news("sockets of", network(from)) {
                tracing::warn!(address = %from, "too many sockets from {from}; refused one more");
            }
            Error::TooOften { retry_after: FULL.as_secs() }
        })
    }

    /// Whether a user who has `open` sockets may have one more.
    #[must_use]
    pub fn has_room(&self, user: UserId, open: usize, from: IpAddr) -> bool {
        let Some(rates) = &self.rates else { return true };
        let room = open < rates.sockets_of_user_max;
        if !room && rates.is_news("sockets of", user) {
            tracing::warn!(user.id = %user, address = %from, "user {user} has {open} sockets; refused one more, from {from}");
        }
        room
    }

    /// Notes a wrong password for that name.
    pub fn failed(&self, username: &str) {
        if let Some(rates) = &self.rates {
            // Over the limit it is over the limit.
            _ = rates.failures.take(digest(username), rates.now());
        }
    }

    /// How long a login under that name has to wait.
    #[must_use]
    pub fn slowed(&self, username: &str, from: IpAddr) -> Duration {
        let Some(rates) = &self.rates else { return Duration::ZERO };
        let name = digest(username);
        if rates.failures.wait(&name, rates.now()).is_none() {
            return Duration::ZERO;
        }
        if rates.is_news("failures of", format_args!("{name:x?}")) {
            tracing::warn!(address = %from, "too many wrong passwords of one account; its logins are slowed, this one from {from}");
        }
        SLOWED
    }

    fn take_of_address(
        &self,
        limit: impl FnOnce(&Rates) -> &Bucket<IpAddr>,
        what: &'static str,
        from: IpAddr,
    ) -> Result<(), Error> {
        self.take(limit, network(from), what, |seconds| {
            tracing::warn!(address = %from, "too many {what} from {from}; refused for {seconds} s");
        })
    }

    fn take_of_user(
        &self,
        limit: impl FnOnce(&Rates) -> &Bucket<UserId>,
        what: &'static str,
        user: UserId,
        from: impl FnOnce() -> IpAddr,
    ) -> Result<(), Error> {
        self.take(limit, user, what, |seconds| {
            let from = from();
            tracing::warn!(user.id = %user, address = %from, "too many {what} of user {user}, from {from}; refused for {seconds} s");
        })
    }

    fn take<K: Hash + Eq + Copy + Display>(
        &self,
        limit: impl FnOnce(&Rates) -> &Bucket<K>,
        key: K,
        what: &'static str,
        tell: impl FnOnce(u64),
    ) -> Result<(), Error> {
        let Some(rates) = &self.rates else { return Ok(()) };
        limit(rates).take(key, rates.now()).map_err(|wait| {
            let retry_after = wait.as_secs() + 1;
            if rates.is_news(what, key) {
                tell(retry_after);
            }
            Error::TooOften { retry_after }
        })
    }
}

impl Rates {
    fn now(&self) -> Duration {
        let now = self.clock.now() - time::OffsetDateTime::UNIX_EPOCH;
        now.try_into().unwrap_or_default()
    }

    fn is_news(&self, what: &'static str, who: impl Display) -> bool {
        self.told.take((what, who.to_string()), self.now()).is_ok()
    }
}

fn digest(username: &str) -> [u8; 32] {
    Sha256::digest(username.to_lowercase()).into()
}

/// Whoever has one address of IPv6 has 2^64 of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
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
