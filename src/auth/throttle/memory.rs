//! The counters of the only server of a site, which are in its memory.
//!
//! All of it is bounded; the least used counters are forgotten first.

use std::hash::Hash;
use std::net::IpAddr;

use parking_lot::Mutex;
use quick_cache::unsync::Cache;

use super::{Guess, Quota, Quotas, delay_of, network, seconds};
use crate::clock::Moment;
use crate::path::NameKey;

/// Counters of one kind that are kept at the same time.
const COUNTERS_MAX: usize = 10_000;

/// Counters of one kind.
struct Counters<K> {
    quota: Quota,
    tats: Cache<K, Moment>,
}

impl<K: Hash + Eq + Clone> Counters<K> {
    fn new(quota: Quota) -> Self {
        Self { quota, tats: Cache::new(COUNTERS_MAX) }
    }

    fn charged(&self, key: &K, now: Moment) -> Moment {
        self.quota.charged(self.tats.get(key).copied(), now)
    }

    fn take_back(&mut self, key: &K) {
        if let Some(mut tat) = self.tats.get_mut(key) {
            tat.0 -= self.quota.refill_ms;
        }
    }
}

struct Tables {
    networks: Counters<IpAddr>,
    pairs: Counters<(NameKey, IpAddr)>,
    accounts: Counters<NameKey>,
    familiar: Cache<(NameKey, IpAddr), ()>,
}

/// The counters. The lock is held for a few look-ups, and every holder goes on to compute a slow hash.
pub(super) struct Memory(Mutex<Tables>);

impl Memory {
    pub fn new(quotas: Quotas) -> Self {
        Self(Mutex::new(Tables {
            networks: Counters::new(quotas.network),
            pairs: Counters::new(quotas.account),
            accounts: Counters::new(quotas.account),
            familiar: Cache::new(COUNTERS_MAX),
        }))
    }

    /// Lets one guess through and charges it, or says in how many seconds to come back.
    pub fn admit(&self, account: &NameKey, peer: IpAddr, now: Moment) -> Result<Guess, u32> {
        let network = network(peer);
        let pair = (account.clone(), network);
        let tables = &mut *self.0.lock();
        let familiar = tables.familiar.get(&pair).is_some();
        let network_tat = tables.networks.charged(&network, now);
        let pair_tat = tables.pairs.charged(&pair, now);
        let account_tat = tables.accounts.charged(account, now);
        let excess_ms = [
            tables.networks.quota.excess_ms(network_tat, now),
            tables.pairs.quota.excess_ms(pair_tat, now),
            if familiar { 0 } else { tables.accounts.quota.excess_ms(account_tat, now) },
        ];
        if let Some(wait_ms @ 1..) = excess_ms.into_iter().max() {
            return Err(seconds(wait_ms));
        }
        tables.networks.tats.insert(network, network_tat);
        tables.pairs.tats.insert(pair, pair_tat);
        if !familiar {
            tables.accounts.tats.insert(account.clone(), account_tat);
        }
        let delay = delay_of(tables.pairs.quota, pair_tat, now);
        Ok(Guess { account: account.clone(), network, familiar, delay })
    }

    /// The guess was right: it isn't charged, and its network is familiar from now on.
    pub fn right(&self, guess: &Guess) {
        self.take_back(guess);
        self.0.lock().familiar.insert((guess.account.clone(), guess.network), ());
    }

    /// The account's owner was recognized there without a guess.
    pub fn welcome(&self, account: &NameKey, peer: IpAddr) {
        self.0.lock().familiar.insert((account.clone(), network(peer)), ());
    }

    /// The guess was not looked at.
    pub fn take_back(&self, guess: &Guess) {
        let tables = &mut *self.0.lock();
        tables.networks.take_back(&guess.network);
        tables.pairs.take_back(&(guess.account.clone(), guess.network));
        if !guess.familiar {
            tables.accounts.take_back(&guess.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::super::NETWORK_BURST;
    use super::*;
    use crate::config;
    use crate::path::Name;

    const START: Moment = Moment(1_700_000_000_000);
    const DAY_S: u64 = 24 * 60 * 60;

    fn throttle() -> Memory {
        Memory::new(Quotas::new(&config::Auth::default()))
    }

    fn key(name: &str) -> NameKey {
        Name::parse(name).unwrap().key()
    }

    fn peer(index: u32) -> IpAddr {
        // A network of its own for each index.
        Ipv4Addr::from_bits((10 << 24) + (index << 8) + 1).into()
    }

    #[test]
    fn a_wrong_password_now_and_then_is_never_slowed_down() {
        let throttle = throttle();
        for hour in 0..1000 {
            let now = START.plus(Duration::from_secs(hour * 3600));
            assert_eq!(throttle.admit(&key("ana"), peer(1), now).unwrap().delay, Duration::ZERO);
        }
    }

    #[test]
    fn guesses_are_delayed_then_refused_and_let_through_again_in_time() {
        let throttle = throttle();
        // The default burst is 10: three at once, then each a tenth of a second slower.
        let delays: Vec<_> =
            (0..10).map(|_| throttle.admit(&key("ana"), peer(1), START).unwrap().delay.as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 100, 200, 300, 400, 500, 600, 700]);
        let wait_s = throttle.admit(&key("ana"), peer(1), START).unwrap_err();
        // One is forgiven in 480 s.
        assert!((480..=481).contains(&wait_s), "{wait_s}");
        assert!(throttle.admit(&key("ana"), peer(1), START.plus(Duration::from_secs(479))).is_err());
        let then = START.plus(Duration::from_secs(wait_s.into()));
        assert!(throttle.admit(&key("ana"), peer(1), then).is_ok());
        assert!(throttle.admit(&key("ana"), peer(1), then).is_err());
    }

    #[test]
    fn a_thousand_networks_get_less_than_200_guesses_a_day_at_one_account() {
        let throttle = throttle();
        // 100,000 tries, spread over one day and 1,000 networks.
        let tries = 100_000_u64;
        let let_through = (0..tries)
            .filter(|index| {
                let now = START.plus(Duration::from_millis(index * DAY_S * 1000 / tries));
                throttle.admit(&key("ana"), peer((index % 1000) as u32), now).is_ok()
            })
            .count();
        // The burst of 10 and one each 480 s.
        assert!((189..200).contains(&let_through), "{let_through}");
    }

    #[test]
    fn the_owner_gets_in_from_a_familiar_network_while_the_world_is_guessing() {
        let throttle = throttle();
        let home = peer(5000);
        throttle.right(&throttle.admit(&key("ana"), home, START).unwrap());
        for index in 0..100 {
            let _ = throttle.admit(&key("ana"), peer(index), START);
        }
        assert!(throttle.admit(&key("ana"), peer(2000), START).is_err(), "the account is closed to strangers");
        for _ in 0..100 {
            let guess = throttle.admit(&key("ana"), home, START).unwrap();
            assert_eq!(guess.delay, Duration::ZERO);
            throttle.right(&guess);
        }
        assert!(throttle.admit(&key("ben"), peer(2000), START).is_ok(), "other accounts are not concerned");
    }

    #[test]
    fn one_network_can_not_try_every_account() {
        let throttle = throttle();
        let admitted = (0..1000).filter(|index| throttle.admit(&key(&format!("u{index}")), peer(1), START).is_ok());
        assert_eq!(admitted.count(), NETWORK_BURST as usize);
        // The same network by another address of it, also when written as IPv6.
        for address in ["10.0.1.200", "::ffff:10.0.1.7"] {
            assert!(throttle.admit(&key("new"), address.parse().unwrap(), START).is_err(), "{address}");
        }
    }

    #[test]
    fn a_guess_that_was_not_looked_at_costs_nothing() {
        let throttle = throttle();
        for _ in 0..100 {
            let guess = throttle.admit(&key("ana"), peer(1), START).unwrap();
            throttle.take_back(&guess);
        }
        assert_eq!(throttle.admit(&key("ana"), peer(1), START).unwrap().delay, Duration::ZERO);
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("::ffff:192.0.2.9", "192.0.2.1", true),
        ] {
            let [one_network, other_network] = [one, other].map(|address| network(address.parse().unwrap()));
            assert_eq!(one_network == other_network, same, "{one} {other}");
        }
    }
}
