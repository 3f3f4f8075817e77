//! The open connections: how many there are, of whom, and which may go when there is no room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

use super::meter::Written;
use crate::service::{Limits, Place, network};

/// Every open connection; a WebSocket is one, too.
pub struct Connections {
    max: usize,
    limits: Limits,
    /// Connections of these are not bounded by address: many people come through each.
    proxies: Vec<IpNet>,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
}

struct Open {
    network: IpAddr,
    written: Written,
}

/// The place of one connection, until this is dropped.
pub struct Held {
    id: u64,
    connections: Arc<Connections>,
    _permit: Option<Place>,
}

/// Why a connection is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The address has too many; the log has named it.
    Address,
    /// There are too many, and each has sent something.
    Full,
}

impl Connections {
    #[must_use]
    pub fn new(max: usize, limits: Limits, proxies: Vec<IpNet>) -> Arc<Self> {
        let (next, open) = (AtomicU64::new(0), Mutex::default());
        Arc::new(Self { max, limits, proxies, next, open })
    }

    /// Takes a connection in. Where there is no room, connections that have sent nothing make it,
    /// those of the network that has most of them.
    ///
    /// # Errors
    /// There is no room all the same.
    pub fn take(self: &Arc<Self>, peer: IpAddr, written: &Written) -> Result<Held, Refused> {
        let peer = peer.to_canonical();
        let is_proxy = self.proxies.iter().any(|network| network.contains(&peer));
        let permit =
            if is_proxy { None } else { self.limits.connection(peer).ok_or(Refused::Address)? };
        let mut open = self.open();
        if open.len() >= self.max && !make_room(&open) {
            return Err(Refused::Full);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        open.insert(id, Open { network: network(peer), written: written.clone() });
        Ok(Held { id, connections: Arc::clone(self), _permit: permit })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts a silent connection of the network that has most of them; false when none is silent.
fn make_room(open: &HashMap<u64, Open>) -> bool {
    let is_silent = |open: &&Open| open.written.is_silent() && !open.written.is_cut();
    let mut silent: HashMap<IpAddr, usize> = HashMap::new();
    for open in open.values().filter(is_silent) {
        *silent.entry(open.network).or_default() += 1;
    }
    let largest = silent.into_iter().max_by_key(|(_, count)| *count);
    let of_largest = |open: &&Open| largest.is_some_and(|(network, _)| open.network == network);
    let Some(one) = open.values().filter(is_silent).find(of_largest) else { return false };
    one.written.cut();
    true
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connections.open().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use clap::Parser;

    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::config::Config;

    fn connections(arguments: &[&str], proxies: &[&str]) -> Arc<Connections> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let config = Config::parse_from([&["visavis"], arguments].concat());
        let proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        Connections::new(4, Limits::new(&config, &clock), proxies)
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    #[test]
    fn an_address_has_so_many_connections_and_a_proxy_as_many_as_there_are() {
        let connections = connections(&["--max-connections-per-address", "2"], &["192.0.2.9/32"]);
        let take = |last| connections.take(address(last), &Written::default());
        let first = take(1).unwrap();
        let _second = take(1).unwrap();
        assert_eq!(take(1).err(), Some(Refused::Address));
        drop(first);
        let _third = take(1).unwrap();
        let _proxied = [take(9).unwrap(), take(9).unwrap()];
    }

    #[test]
    fn silent_connections_of_the_largest_holder_make_room() {
        let connections = connections(&[], &[]);
        let written: Vec<Written> = (0..4).map(|_| Written::default()).collect();
        let held: Vec<Held> = [1, 1, 1, 2]
            .iter()
            .zip(&written)
            .map(|(last, written)| connections.take(address(*last), written).unwrap())
            .collect();
        written[0].hear();
        let _new = connections.take(address(3), &Written::default()).unwrap();
        let cut: Vec<bool> = written.iter().map(Written::is_cut).collect();
        assert_eq!(cut.iter().filter(|cut| **cut).count(), 1, "{cut:?}");
        assert!(cut[1] || cut[2], "{cut:?}");
        // Nobody who has said something is cut for another.
        written.iter().for_each(Written::hear);
        connections.open().values().for_each(|open| open.written.hear());
        assert_eq!(connections.take(address(4), &Written::default()).err(), Some(Refused::Full));
        drop(held);
        assert_eq!(connections.open().len(), 1);
    }
}
