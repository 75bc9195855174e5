//! Slows guessing down without ever locking anybody out.
//!
//! Every wrong password is charged to three counters: the network it came from, the account from that network, and the account
//! from all networks where its owner has not logged in before. So guesses from all over the world come to a halt together, while
//! the owner, from a network that is familiar, only has to do with what happens there. What was right is not charged, and what is
//! known to be right (a kept proof, an app password) doesn't come here at all.
//!
//! Each counter is a leaky bucket kept as one moment, the generic cell rate algorithm: `tat`, the theoretical arrival time at
//! which the bucket will be empty. The only server of a site keeps them in its memory ([`memory`]). Where the rows are on a database server the
//! counters are there as well ([`table`]), so that guesses which are spread over many servers come to a halt as on one.

mod memory;
mod sql;
mod table;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::clock::Moment;
use crate::config;
use crate::db::{Db, DbError};
use crate::path::NameKey;
use memory::Memory;
use table::Table;

pub use table::forget;

/// Wrong passwords of one network before more are slowed down: an office behind one address has many hands.
const NETWORK_BURST: u32 = 60;
/// Then one more in this time.
const NETWORK_REFILL: Duration = Duration::from_secs(5);
/// Wrong passwords that are answered at once; people mistype.
const PROMPT_MAX: i64 = 3;
/// Each further one waits this much longer for its answer,
const DELAY_STEP: Duration = Duration::from_millis(100);
/// at most so many times.
const DELAY_STEPS_MAX: i64 = 10;

/// How much is let through.
#[derive(Debug, Clone, Copy)]
struct Quota {
    burst: i64,
    refill_ms: i64,
}

impl Quota {
    fn new(burst: u32, refill: Duration) -> Self {
        Self { burst: i64::from(burst), refill_ms: i64::try_from(refill.as_millis()).unwrap_or(i64::MAX) }
    }

    /// The counter with one charge more.
    fn charged(self, tat: Option<Moment>, now: Moment) -> Moment {
        Moment(tat.map_or(now.0, |tat| tat.0.max(now.0)).saturating_add(self.refill_ms))
    }

    /// How long until such a counter is within bounds, milliseconds; 0 or less: it is.
    fn excess_ms(self, charged: Moment, now: Moment) -> i64 {
        charged.0.saturating_sub(now.0).saturating_sub(self.burst.saturating_mul(self.refill_ms))
    }
}

/// How much of each kind.
#[derive(Debug, Clone, Copy)]
struct Quotas {
    network: Quota,
    /// From one network, and from all that are not familiar.
    account: Quota,
}

impl Quotas {
    fn new(config: &config::Auth) -> Self {
        let account = Quota::new(config.throttle_burst, Duration::from_secs(config.throttle_refill_s));
        Self { network: Quota::new(NETWORK_BURST, NETWORK_REFILL), account }
    }
}

/// A guess that was let through, charged in advance.
#[derive(Debug)]
pub(super) struct Guess {
    account: NameKey,
    network: IpAddr,
    familiar: bool,
    /// How long to wait with the answer if it is wrong.
    pub delay: Duration,
}

/// Why a guess isn't looked at.
#[derive(Debug)]
pub(super) enum NotNow {
    /// There were too many; seconds until another one is looked at.
    Wait(u32),
    /// The counters can't be asked.
    Db(DbError),
}

impl From<DbError> for NotNow {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

/// The counters, wherever they are kept.
pub(super) struct Throttle {
    memory: Memory,
    table: Table,
}

impl Throttle {
    pub fn new(config: &config::Auth) -> Self {
        let quotas = Quotas::new(config);
        Self { memory: Memory::new(quotas), table: Table::new(quotas) }
    }

    /// Lets one guess through and charges it, or says in how many seconds to come back.
    pub async fn admit(&self, db: &Db, account: &NameKey, peer: IpAddr, now: Moment) -> Result<Guess, NotNow> {
        // Before a transaction is begun: a flood of guesses must not become one of questions.
        if let Some(wait_s) = self.table.refusal(account, network(peer), now) {
            return Err(NotNow::Wait(wait_s));
        }
        match db.aside().await? {
            Some(aside) => self.table.admit(aside, account, network(peer), now).await,
            None => self.memory.admit(account, peer, now).map_err(NotNow::Wait),
        }
    }

    /// The guess was right: it isn't charged, and its network is familiar from now on.
    pub async fn right(&self, db: &Db, guess: &Guess, now: Moment) -> Result<(), DbError> {
        match db.aside().await? {
            Some(aside) => self.table.right(aside, guess, now).await,
            None => {
                self.memory.right(guess);
                Ok(())
            }
        }
    }

    /// The account's owner was recognized there without a guess.
    pub async fn welcome(&self, db: &Db, account: &NameKey, peer: IpAddr, now: Moment) -> Result<(), DbError> {
        if !db.is_server() {
            self.memory.welcome(account, peer);
        } else if self.table.is_news(account, network(peer), now)
            && let Some(aside) = db.aside().await?
        {
            self.table.welcome(aside, account, network(peer), now).await?;
        }
        Ok(())
    }

    /// The guess was not looked at.
    pub async fn take_back(&self, db: &Db, guess: &Guess) -> Result<(), DbError> {
        match db.aside().await? {
            Some(aside) => self.table.take_back(aside, guess).await,
            None => {
                self.memory.take_back(guess);
                Ok(())
            }
        }
    }
}

/// How long a wrong password waits for its answer, when the counter of its account and network says this.
fn delay_of(quota: Quota, tat: Moment, now: Moment) -> Duration {
    let charges = (tat.0 - now.0) / quota.refill_ms;
    let steps = (charges - PROMPT_MAX).clamp(0, DELAY_STEPS_MAX);
    DELAY_STEP * u32::try_from(steps).expect("clamped to a small range")
}

/// What a client is told to wait.
fn seconds(wait_ms: i64) -> u32 {
    u32::try_from(wait_ms / 1000).unwrap_or(u32::MAX).saturating_add(1)
}

/// What one attacker usually has many addresses of: an IPv4 /24, an IPv6 /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (!0 << 8)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 64)).into(),
    }
}
