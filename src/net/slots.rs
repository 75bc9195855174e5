//! How many connections there are, in all and from each address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use parking_lot::Mutex;

/// The places for connections.
pub(super) struct Slots {
    max: usize,
    per_address_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Slots {
    pub(super) fn new(max: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Self { max, per_address_max, taken: Mutex::default() })
    }

    /// A place for a connection from `peer`, or `None` when it has its share or all are taken.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Slot> {
        let mut slot = self.take_for_many()?;
        slot.is_of(peer).then_some(slot)
    }

    /// A place for a connection of a proxy, which stands for many; `None` when all are taken.
    pub(super) fn take_for_many(self: &Arc<Self>) -> Option<Slot> {
        let mut taken = self.taken.lock();
        if taken.total == self.max {
            return None;
        }
        taken.total += 1;
        Some(Slot { slots: Arc::clone(self), address: None })
    }
}

/// The place of one connection, free again when dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    /// To whose share it counts, if it does.
    address: Option<IpAddr>,
}

impl Slot {
    /// Counts it to the share of `peer`; whether there was room in it.
    pub(super) fn is_of(&mut self, peer: IpAddr) -> bool {
        let address = network_of(peer);
        let mut taken = self.slots.taken.lock();
        let from_there = taken.by_address.entry(address).or_default();
        if *from_there == self.slots.per_address_max {
            return false; // never an empty entry: the share is at least one
        }
        *from_there += 1;
        self.address = Some(address);
        true
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock();
        taken.total -= 1;
        if let Some(address) = self.address
            && let Some(from_there) = taken.by_address.get_mut(&address)
        {
            *from_there -= 1;
            if *from_there == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

/// What counts as one address: with IPv6 a /64, since each host has all of one (RFC 4291 section 2.5.4).
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_gets_its_share_and_all_get_the_whole() {
        let slots = Slots::new(3, 2);
        let held = [slots.take(ip("192.0.2.1")).unwrap(), slots.take(ip("192.0.2.1")).unwrap()];
        assert!(slots.take(ip("192.0.2.1")).is_none());
        assert!(slots.take(ip("::ffff:192.0.2.1")).is_none(), "the same address in another form");
        let other = slots.take(ip("192.0.2.2")).unwrap();
        assert!(slots.take(ip("192.0.2.3")).is_none(), "all are taken");

        drop((held, other));
        let taken = slots.taken.lock();
        assert_eq!((taken.total, taken.by_address.len()), (0, 0));
    }

    #[test]
    fn a_64_network_is_one_address() {
        assert_eq!(network_of(ip("2001:db8:1:2:3:4:5:6")), network_of(ip("2001:db8:1:2::9")));
        assert_ne!(network_of(ip("2001:db8:1:2::9")), network_of(ip("2001:db8:1:3::9")));
        assert_ne!(network_of(ip("192.0.2.1")), network_of(ip("192.0.2.2")));
    }
}
