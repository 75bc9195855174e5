//! Proving that no record was altered, removed or put in.
//!
//! The chain shows by itself what was changed in its middle. It can't show that its end was cut off, nor that all of it
//! was written anew by somebody who knows how: for that it is compared with heads that were kept elsewhere.

use std::fmt;

use super::chain::{self, Head};
use super::{Entry, Filter, PAGE, retain, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads};

/// The verb of the record that a server leaves when it finds at its start that the log doesn't pass through a kept head.
pub const BROKEN_VERB: &str = "audit broken";

/// A head that was kept outside of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where, in words.
    pub place: String,
    /// The head.
    pub head: Head,
}

/// Something that is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A record isn't what was written, or its number or the record before it isn't.
    Altered(i64),
    /// Records are missing, the first and the last of them.
    Missing(i64, i64),
    /// The beginning is missing, and no record vouches for its removal.
    NoVoucher(i64),
    /// The log ends before a record that was there.
    Cut {
        /// Its last record.
        last: i64,
        /// What was there.
        kept: Kept,
    },
    /// A record is another one than was there.
    Replaced(Kept),
    /// A server has found the log broken when it started.
    FoundBroken {
        /// Its record.
        seq: i64,
        /// What it says.
        note: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(seq) => {
                write!(f, "record {seq}: it, its number or the record before it is not as it was written")
            }
            Self::Missing(from, to) if from == to => write!(f, "record {from}: it is missing"),
            Self::Missing(from, to) => write!(f, "record {from}: it and all up to record {to} are missing"),
            Self::NoVoucher(first) => {
                write!(f, "record {first}: all before it are missing, and no record of the retention vouches for that")
            }
            Self::Cut { last, kept: Kept { place, head } } => write!(
                f,
                "record {}: it and all up to record {} are missing; {place} has record {} as the last",
                last + 1,
                head.seq,
                head.seq
            ),
            Self::Replaced(Kept { place, head }) => {
                write!(
                    f,
                    "record {}: it is another one than {place} has; the log was written anew up to there",
                    head.seq
                )
            }
            Self::FoundBroken { seq, note } => write!(f, "record {seq}: a server said at its start that {note}"),
        }
    }
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The first broken record, and what else is known of the log's history; nothing when all is well.
    pub findings: Vec<Finding>,
    /// Records that hold together.
    pub checked: u64,
    /// The last record before the log's beginning that was removed on purpose.
    pub stump: Option<Head>,
    /// The end of what holds together.
    pub head: Head,
    /// Kept heads that lie before the beginning, so that nothing can be said about them.
    pub too_old: Vec<Kept>,
}

/// Walks the whole log and holds it against the heads that were kept.
pub async fn verify(reads: &mut impl Reads, kept: &[Kept]) -> Result<Verdict, DbError> {
    let stump = sql::stump(reads.conn()).await?;
    let mut walk = Walk::new(stump, kept);
    let everything = Filter::default();
    loop {
        let next = walk.head.seq;
        let page = match sql::after(reads.conn(), next, &everything, PAGE).await {
            // Among them is one with a value that no column of ours can hold: up to it, one by one.
            Err(DbError::Statement(_)) => match sql::after(reads.conn(), next, &everything, 1).await {
                Err(DbError::Statement(_)) => vec![(next + 1, None)],
                one => one?,
            },
            page => page?,
        };
        if page.is_empty() {
            break;
        }
        for (seq, entry) in page {
            if let Err(finding) = walk.step(seq, entry) {
                return Ok(walk.broken(finding));
            }
        }
    }
    Ok(walk.end())
}

struct Walk<'k> {
    kept: &'k [Kept],
    stump: Option<Head>,
    head: Head,
    latest: Option<Moment>,
    checked: u64,
    vouched: bool,
    findings: Vec<Finding>,
}

impl<'k> Walk<'k> {
    fn new(stump: Option<Head>, kept: &'k [Kept]) -> Self {
        let head = stump.unwrap_or(Head::GENESIS);
        Self { kept, stump, head, latest: None, checked: 0, vouched: stump.is_none(), findings: Vec::new() }
    }

    /// Takes the next record. Errors: the log is broken there.
    fn step(&mut self, seq: i64, entry: Option<Entry>) -> Result<(), Finding> {
        if seq != self.head.seq + 1 {
            return Err(Finding::Missing(self.head.seq + 1, seq - 1));
        }
        let entry = entry.ok_or(Finding::Altered(seq))?;
        let record = &entry.record;
        let goes_on = entry.latest >= record.at && self.latest.is_none_or(|latest| latest <= entry.latest);
        if !goes_on || chain::hash(&self.head.hash, seq, entry.latest, record) != entry.hash {
            return Err(Finding::Altered(seq));
        }
        self.head = Head { seq: entry.seq, hash: entry.hash };
        self.latest = Some(entry.latest);
        self.checked += 1;
        let note = record.note.as_ref().map(|note| note.as_str()).unwrap_or_default();
        if record.verb.as_str() == retain::VERB {
            self.vouched |= self.stump.is_some_and(|stump| note == retain::vouching(&stump));
        }
        if record.verb.as_str() == BROKEN_VERB {
            self.findings.push(Finding::FoundBroken { seq: entry.seq, note: note.to_owned() });
        }
        let here = self.kept.iter().filter(|kept| kept.head.seq == entry.seq && kept.head.hash != entry.hash);
        self.findings.extend(here.cloned().map(Finding::Replaced));
        Ok(())
    }

    fn broken(mut self, finding: Finding) -> Verdict {
        self.findings.push(finding);
        self.verdict()
    }

    fn end(mut self) -> Verdict {
        if !self.vouched {
            self.findings.insert(0, Finding::NoVoucher(self.stump.map_or(1, |stump| stump.seq + 1)));
        }
        for kept in self.kept.iter().filter(|kept| kept.head.seq > self.head.seq) {
            self.findings.push(Finding::Cut { last: self.head.seq, kept: kept.clone() });
        }
        self.verdict()
    }

    fn verdict(self) -> Verdict {
        let start = self.stump.unwrap_or(Head::GENESIS);
        let too_old = self.kept.iter().filter(|kept| kept.head.seq < start.seq);
        let mut findings = self.findings;
        let at_start = self.kept.iter().filter(|kept| kept.head.seq == start.seq && kept.head.hash != start.hash);
        findings.extend(at_start.cloned().map(Finding::Replaced));
        Verdict {
            findings,
            checked: self.checked,
            stump: self.stump,
            head: self.head,
            too_old: too_old.cloned().collect(),
        }
    }
}
