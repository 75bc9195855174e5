//! The audit: who did what, and who was denied what by which rule.
//!
//! Here: what a record holds ([`record`]), the chain that binds it to all before it ([`chain`](self::chain)), appending,
//! reading, proving that nothing was altered or removed ([`verify`]), removing what is too old ([`retain`]). Not here: which
//! requests leave a record (`trail`), how a log is shown (`cli/audit.rs`). Knows no HTTP.
//!
//! The record of a change is appended in the transaction of the change, as the last thing before its commit: neither can
//! be there without the other. The chain goes on at the last record that the transaction sees, and nobody else writes
//! while it is open, so it can't fork, whichever process appends.

mod chain;
pub mod record;
pub mod retain;
mod sql;
pub mod verify;

pub use chain::Head;
pub use record::{Actor, Entry, Line, Outcome, Record};

use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{NodeId, UserId};
use crate::path::RelPath;

/// Records that are read in one question.
const PAGE: i64 = 1000;

/// Records as they lie in the log, by their numbers; one that can't be read has been written by somebody else.
type Page = Vec<(i64, Option<Entry>)>;

/// Appends a record. It is there if and only if `tx` commits.
pub async fn append(tx: &mut WriteTx, record: &Record) -> Result<(), DbError> {
    append_all(tx, std::slice::from_ref(record)).await
}

/// Appends records in this order.
pub async fn append_all(tx: &mut WriteTx, records: &[Record]) -> Result<(), DbError> {
    let conn = tx.conn();
    let (mut head, mut latest) = match sql::last(conn).await? {
        Some(last) => last,
        // After everything was cut off there is only the stump; the chain goes on from it all the same.
        None => (sql::stump(conn).await?.unwrap_or(Head::GENESIS), Moment(i64::MIN)),
    };
    let mut linked = Vec::with_capacity(records.len());
    for record in records {
        latest = latest.max(record.at);
        let seq = head.seq + 1;
        head = Head { seq, hash: chain::hash(&head.hash, seq, latest, record) };
        linked.push((head, latest, record));
    }
    match linked.as_slice() {
        [(head, latest, record)] => sql::insert(conn, head.seq, *latest, record, &head.hash).await,
        several => sql::insert_all(conn, several).await,
    }
}

/// The end of the chain.
pub async fn head(reads: &mut impl Reads) -> Result<Head, DbError> {
    match sql::last(reads.conn()).await? {
        Some((head, _)) => Ok(head),
        None => Ok(sql::stump(reads.conn()).await?.unwrap_or(Head::GENESIS)),
    }
}

/// The latest moment of any record; none before the first.
pub async fn latest(reads: &mut impl Reads) -> Result<Option<Moment>, DbError> {
    Ok(sql::last(reads.conn()).await?.map(|(_, latest)| latest))
}

/// Whether the log still goes through this head. `None`: it lies before what was removed on purpose, and nobody can say.
pub async fn passes(reads: &mut impl Reads, head: &Head) -> Result<Option<bool>, DbError> {
    let conn = reads.conn();
    if head.seq == 0 {
        return Ok(Some(head.hash == Head::GENESIS.hash));
    }
    if let Some(hash) = sql::hash_of(conn, head.seq).await? {
        return Ok(Some(hash == head.hash));
    }
    match sql::stump(conn).await? {
        Some(stump) if stump.seq == head.seq => Ok(Some(stump.hash == head.hash)),
        Some(stump) if stump.seq > head.seq => Ok(None),
        _ => Ok(Some(false)),
    }
}

/// Which records are wanted. Everything in it must hold.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of this account, or whoever had exactly this name.
    pub user: Option<(Option<UserId>, String)>,
    /// About this path or what lies below it, whatever the letter case; or about the node that is there now, whatever its
    /// path was then.
    pub path: Option<(RelPath, Option<NodeId>)>,
    /// From then on.
    pub since: Option<Moment>,
    /// Until just before then.
    pub until: Option<Moment>,
    /// With this verb.
    pub verb: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
}

impl Filter {
    fn wants(&self, entry: &Entry) -> bool {
        let Some((path, node)) = &self.path else { return true };
        let record = &entry.record;
        let lies_there = |line: &Option<Line>| {
            let known = line.as_ref().and_then(|line| comparable(line.as_str()));
            known.is_some_and(|known| known.starts_with(path))
        };
        node.is_some() && record.node == *node || lies_there(&record.path) || lies_there(&record.target)
    }
}

/// A recorded path, so that it can be compared; that of a home, `~ana/Reports`, as if `~ana` were a share.
pub fn comparable(path: &str) -> Option<RelPath> {
    if path.starts_with('~') { RelPath::parse_human(&format!("/{path}")) } else { RelPath::parse_human(path) }.ok()
}

/// Reads a log of any length, a page at a time, the oldest record first.
#[derive(Debug)]
pub struct Reader {
    filter: Filter,
    /// Everything up to this number has been read.
    read: Option<i64>,
    /// Found from the end backwards already; the newest last.
    found: Option<Vec<Entry>>,
}

impl Reader {
    /// Everything that the filter lets through.
    pub fn new(filter: Filter) -> Self {
        Self { filter, read: None, found: None }
    }

    /// Only the newest `limit` of it.
    pub async fn newest(reads: &mut impl Reads, filter: Filter, limit: usize) -> Result<Self, DbError> {
        let mut found = Vec::new();
        let mut before = i64::MAX;
        while found.len() < limit {
            let page = sql::before(reads.conn(), before, &filter, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            before = *last;
            let entries = page.into_iter().filter_map(|(_, entry)| entry).filter(|entry| filter.wants(entry));
            found.extend(entries.take(limit - found.len()));
        }
        found.reverse();
        Ok(Self { filter, read: None, found: Some(found) })
    }

    /// The next entries; none at the end. Between two pages nothing is held open.
    pub async fn next(&mut self, reads: &mut impl Reads) -> Result<Vec<Entry>, DbError> {
        if let Some(found) = &mut self.found {
            return Ok(std::mem::take(found));
        }
        let mut read = match self.read {
            Some(read) => read,
            None => match self.filter.since {
                Some(since) => start(reads, since).await?,
                None => 0,
            },
        };
        loop {
            let page = sql::after(reads.conn(), read, &self.filter, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(Vec::new()) };
            read = *last;
            self.read = Some(read);
            let entries = page.into_iter().filter_map(|(_, entry)| entry).filter(|entry| self.filter.wants(entry));
            let entries: Vec<Entry> = entries.collect();
            if !entries.is_empty() {
                return Ok(entries);
            }
        }
    }
}

/// A number such that no record up to it is from `since` or later: by bisection, since `latest` never falls.
async fn start(reads: &mut impl Reads, since: Moment) -> Result<i64, DbError> {
    let conn = reads.conn();
    let Some((head, _)) = sql::last(conn).await? else { return Ok(0) };
    let (mut low, mut high) = (0, head.seq);
    while low < high {
        let middle = low + (high - low) / 2;
        match sql::from(conn, middle + 1).await? {
            Some((seq, latest)) if latest < since => low = seq,
            _ => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests;
