//! The counters of several servers, which are in a table of the database.
//!
//! A guess is charged in a short transaction of its own beside the writer of files, before its password is looked at: so guesses at the same time on
//! many servers are counted one after the other. Rows hold hashes, since people type passwords into the field of the name.

use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use quick_cache::unsync::Cache;

use super::{Guess, NotNow, Quota, Quotas, delay_of, seconds, sql};
use crate::clock::Moment;
use crate::db::{Aside, Db, DbError, Reads};
use crate::path::NameKey;

/// What is kept in memory of each kind.
const KEPT_MAX: usize = 10_000;
/// So long a refusal is repeated without a question to the database, so that a flood of guesses doesn't become one of questions.
const REFUSAL_HOLDS: Duration = Duration::from_secs(5);
/// So long a network is familiar after the database was told of a login there, which it is again when half of the time is over.
const FAMILIAR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A row: of what kind, and about whom.
type About = [u8; 32];

fn about(kind: &str, account: Option<&NameKey>, network: Option<IpAddr>) -> About {
    let account = account.map_or("", NameKey::as_str);
    let network = network.map(|network| network.to_string()).unwrap_or_default();
    // No part holds a line's end.
    *blake3::hash(format!("{kind}\n{network}\n{account}").as_bytes()).as_bytes()
}

/// The rows that are about one guess.
struct Rows {
    network: About,
    pair: About,
    account: About,
    familiar: About,
}

impl Rows {
    fn of(account: &NameKey, network: IpAddr) -> Self {
        Self {
            network: about("network", None, Some(network)),
            pair: about("pair", Some(account), Some(network)),
            account: about("account", Some(account), None),
            familiar: about("familiar", Some(account), Some(network)),
        }
    }

    /// What a guess is charged to. Always in this order, so that two guesses never wait for each other.
    fn charged(&self, familiar: bool, quotas: Quotas) -> impl Iterator<Item = (&About, Quota)> {
        let account = (!familiar).then_some((&self.account, quotas.account));
        [(&self.network, quotas.network), (&self.pair, quotas.account)].into_iter().chain(account)
    }
}

/// The counters in the database, and what this server remembers of them.
pub(super) struct Table {
    quotas: Quotas,
    /// By account and network: until when nothing of it is looked at.
    refused: Mutex<Cache<About, (Moment, Moment)>>,
    /// Where owners were seen, and when the database was told.
    familiar: Mutex<Cache<About, Moment>>,
}

impl Table {
    pub fn new(quotas: Quotas) -> Self {
        Self { quotas, refused: Mutex::new(Cache::new(KEPT_MAX)), familiar: Mutex::new(Cache::new(KEPT_MAX)) }
    }

    /// What is known without a question to the database: that nothing of it is looked at now. Seconds until another guess is.
    pub fn refusal(&self, account: &NameKey, network: IpAddr, now: Moment) -> Option<u32> {
        let pair = Rows::of(account, network).pair;
        let (until, known_until) = self.refused.lock().get(&pair).copied()?;
        (now < known_until).then(|| seconds(until.0 - now.0))
    }

    fn keep_refusal(&self, pair: About, until: Moment, now: Moment) {
        self.refused.lock().insert(pair, (until, until.min(now.plus(REFUSAL_HOLDS))));
    }

    fn told(&self, familiar: &About) -> Option<Moment> {
        self.familiar.lock().get(familiar).copied()
    }

    pub async fn admit(
        &self,
        mut aside: Aside,
        account: &NameKey,
        network: IpAddr,
        now: Moment,
    ) -> Result<Guess, NotNow> {
        let rows = Rows::of(account, network);
        let known = self.told(&rows.familiar).is_some_and(|told| now < told.plus(FAMILIAR));
        let conn = aside.conn();
        let familiar = known || sql::is_there(conn, &rows.familiar, now).await?;
        let (mut wait_ms, mut delay) = (0, Duration::ZERO);
        for (row, quota) in rows.charged(familiar, self.quotas) {
            let tat = sql::charge(conn, row, now, quota.refill_ms).await?;
            wait_ms = wait_ms.max(quota.excess_ms(tat, now));
            if *row == rows.pair {
                delay = delay_of(quota, tat, now);
            }
        }
        if wait_ms > 0 {
            // Not committed: what is refused isn't charged.
            let until = now.plus(Duration::from_millis(wait_ms.unsigned_abs()));
            self.keep_refusal(rows.pair, until, now);
            return Err(NotNow::Wait(seconds(wait_ms)));
        }
        aside.commit().await?;
        Ok(Guess { account: account.clone(), network, familiar, delay })
    }

    pub async fn right(&self, mut aside: Aside, guess: &Guess, now: Moment) -> Result<(), DbError> {
        let rows = Rows::of(&guess.account, guess.network);
        self.uncharge(&mut aside, &rows, guess.familiar).await?;
        sql::keep(aside.conn(), &rows.familiar, now.plus(FAMILIAR)).await?;
        aside.commit().await?;
        self.familiar.lock().insert(rows.familiar, now);
        Ok(())
    }

    /// Whether the database should be told that the account's owner was there: this server never did, or so long ago that the row will end.
    pub fn is_news(&self, account: &NameKey, network: IpAddr, now: Moment) -> bool {
        let told = self.told(&Rows::of(account, network).familiar);
        told.is_none_or(|told| now >= told.plus(FAMILIAR / 2))
    }

    pub async fn welcome(
        &self,
        mut aside: Aside,
        account: &NameKey,
        network: IpAddr,
        now: Moment,
    ) -> Result<(), DbError> {
        let rows = Rows::of(account, network);
        sql::keep(aside.conn(), &rows.familiar, now.plus(FAMILIAR)).await?;
        aside.commit().await?;
        self.familiar.lock().insert(rows.familiar, now);
        Ok(())
    }

    pub async fn take_back(&self, mut aside: Aside, guess: &Guess) -> Result<(), DbError> {
        let rows = Rows::of(&guess.account, guess.network);
        self.uncharge(&mut aside, &rows, guess.familiar).await?;
        aside.commit().await
    }

    async fn uncharge(&self, aside: &mut Aside, rows: &Rows, familiar: bool) -> Result<(), DbError> {
        for (row, quota) in rows.charged(familiar, self.quotas) {
            sql::take_back(aside.conn(), row, quota.refill_ms).await?;
        }
        Ok(())
    }
}

/// Removes the counters that are empty again, and the networks where nobody was seen for long.
pub async fn forget(db: &Db, now: Moment) -> Result<(), DbError> {
    if let Some(mut aside) = db.aside().await? {
        sql::forget(aside.conn(), now).await?;
        aside.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::path::Name;

    const START: Moment = Moment(1_700_000_000_000);

    fn table() -> (Table, NameKey, IpAddr) {
        let quotas = Quotas::new(&config::Auth::default());
        (Table::new(quotas), Name::parse("ana").unwrap().key(), [192, 0, 2, 0].into())
    }

    #[test]
    fn where_somebody_logs_in_every_day_stays_familiar_for_ever() {
        let (table, ana, network) = table();
        // As `welcome` does it, a day at a time.
        let (day, mut row_ends) = (Duration::from_secs(24 * 60 * 60), START);
        let mut told = 0;
        for n in 0..1000 {
            let now = START.plus(day * n);
            assert!(n == 0 || now < row_ends, "day {n}: the row has ended");
            if table.is_news(&ana, network, now) {
                table.familiar.lock().insert(Rows::of(&ana, network).familiar, now);
                row_ends = now.plus(FAMILIAR);
                told += 1;
            }
        }
        assert!(told < 30, "not each login is told: {told}");
    }

    #[test]
    fn a_refusal_is_repeated_for_a_few_seconds_and_of_that_network_only() {
        let (table, ana, network) = table();
        assert_eq!(table.refusal(&ana, network, START), None);
        table.keep_refusal(Rows::of(&ana, network).pair, START.plus(Duration::from_secs(60)), START);
        assert_eq!(table.refusal(&ana, network, START), Some(61));
        assert_eq!(table.refusal(&ana, network, START.plus(Duration::from_secs(4))), Some(57));
        assert_eq!(table.refusal(&ana, network, START.plus(REFUSAL_HOLDS)), None, "it is asked again");
        assert_eq!(table.refusal(&ana, [192, 0, 3, 0].into(), START), None);
    }
}
