//! How many connections one address has at once. Loopback is exempt.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by address. The map holds only addresses that are connected now, so it is as bounded as the
/// number of connections is.
#[derive(Clone, Debug)]
pub struct Caps {
    // A std mutex is enough: one lock for an insert or a remove, never across an await.
    open: Arc<Mutex<HashMap<IpAddr, u32>>>,
    max: Arc<AtomicU32>,
}

/// One counted connection; it is given back on drop.
#[derive(Debug)]
pub struct Permit {
    caps: Caps,
    address: Option<IpAddr>,
}

impl Caps {
    /// At most `max` connections for one address.
    pub fn new(max: u32) -> Self {
        Self { open: Arc::default(), max: Arc::new(AtomicU32::new(max)) }
    }

    /// From now on at most `max`; connections beyond it that are there go on.
    pub fn set(&self, max: u32) {
        self.max.store(max, Ordering::Relaxed);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection of `address`; `None` when it has its share already.
    pub fn take(&self, address: IpAddr) -> Option<Permit> {
        let address = counted(address);
        if address.is_loopback() {
            return Some(Permit { caps: self.clone(), address: None });
        }
        let mut open = self.open();
        let count = open.entry(address).or_insert(0);
        if *count >= self.max.load(Ordering::Relaxed) {
            return None;
        }
        *count += 1;
        Some(Permit { caps: self.clone(), address: Some(address) })
    }

    /// How many addresses hold a connection.
    pub fn addresses(&self) -> usize {
        self.open().len()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut open = self.caps.open();
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

/// What counts as one address: an IPv4 address however it is written, and the /64 of an IPv6 one, which one host owns.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let s = v6.segments();
            IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_its_share_and_no_more() {
        let caps = Caps::new(2);
        let a: IpAddr = "203.0.113.9".parse().unwrap();
        let first = caps.take(a).unwrap();
        let _second = caps.take("::ffff:203.0.113.9".parse().unwrap()).unwrap();
        assert!(caps.take(a).is_none());
        assert!(caps.take("203.0.113.10".parse().unwrap()).is_some());
        drop(first);
        let again = caps.take(a).unwrap();
        caps.set(3);
        let _third = caps.take(a).unwrap();
        caps.set(1);
        drop(again);
        assert!(caps.take(a).is_none(), "those that are there go on, no further one comes");
    }

    #[test]
    fn loopback_is_exempt_and_a_v6_network_is_one_address() {
        let caps = Caps::new(1);
        let local: Vec<_> = (0..50).map(|_| caps.take("127.0.0.1".parse().unwrap()).unwrap()).collect();
        let _kept = caps.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(caps.take("2001:db8::2".parse().unwrap()).is_none());
        assert!(caps.take("2001:db8:0:1::2".parse().unwrap()).is_some());
        drop(local);
        assert_eq!(caps.addresses(), 1);
    }
}
