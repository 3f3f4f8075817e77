//! How many sockets each address has at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::network;

/// The places of sockets, `max` for each network.
#[derive(Debug)]
pub struct Places {
    max: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// The place of one socket: free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    /// Where the socket comes from.
    pub address: IpAddr,
    places: Arc<Places>,
}

impl Places {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// A place for one more socket; `None` when there is none.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(network(address)).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Place { address, places: Arc::clone(self) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let network = network(self.address);
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_socket_has_gone() {
        let places = Places::new(2);
        let [one, same, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        let first = places.take(one).unwrap();
        let second = places.take(same).unwrap();
        assert!(places.take(one).is_none());
        let third = places.take(other).unwrap();
        drop(first);
        let fourth = places.take(same).unwrap();
        assert!(places.take(one).is_none());
        drop((second, third, fourth));
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
