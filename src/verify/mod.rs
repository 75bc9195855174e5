//! `verify`: the database against itself, the audit's chain, the database against the byte store and back, and every content against its size
//! and hash. It only reads; [`repair`] mends what can be mended without losing anything.
//!
//! Bytes that nothing names are no finding: an upload that was cut off leaves them, and they are collected. Nothing here holds more than a page of
//! rows, [`FINDINGS_MAX`] findings, and the ids of [`DAMAGED_IDS_MAX`] contents.

pub mod repair;
mod sql;

use std::collections::HashSet;
use std::fmt;

use futures_util::TryStreamExt;

use crate::audit;
use crate::blobs::BlobError;
use crate::contents::examine::{self, Examination, Step};
use crate::db::{DbError, Reads};
use crate::ids::{ContentId, NodeId};
use crate::path::Name;
use crate::site::Site;
use crate::tree::TreeError;
use crate::tree::check::{self, FINDINGS_MAX, Recorded};

/// Damaged contents that are kept in mind. Where there are more, no revision can be called whole.
const DAMAGED_IDS_MAX: usize = 100_000;
/// Blobs looked up in one question.
const BLOBS_AT_ONCE: usize = 500;
/// Names looked at in one question.
const NAMES_AT_ONCE: i64 = 2_000;

/// One thing that is wrong, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding(pub String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a run looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Contents compared with their hash.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that nothing names.
    pub unreferenced_blobs: u64,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Nothing, when all is well.
    pub findings: Vec<Finding>,
    /// Findings beyond [`FINDINGS_MAX`].
    pub more: u64,
    /// What was looked at.
    pub counts: Counts,
}

impl Report {
    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX as usize {
            self.findings.push(Finding(finding));
        } else {
            self.more += 1;
        }
    }
}

/// Why the check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The rows.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The byte store.
    #[error(transparent)]
    Store(#[from] BlobError),
}

impl From<DbError> for VerifyError {
    fn from(error: DbError) -> Self {
        Self::Tree(error.into())
    }
}

/// Checks the whole site, beside a running server if need be.
pub async fn run(site: &Site) -> Result<Report, VerifyError> {
    run_telling(site, |_| ()).await
}

/// The same; `progress` hears how far it is.
pub async fn run_telling(site: &Site, mut progress: impl FnMut(&Counts)) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    for finding in site.db.damage().await? {
        report.find(finding);
    }
    rows(site, &mut report).await?;
    let audit = audit::verify::verify(&mut site.db.read().await?, &[]).await?;
    for finding in &audit.findings {
        report.find(format!("the audit, {finding}"));
    }
    contents(site, &mut report, &mut progress).await?;
    report.counts.unreferenced_blobs = unreferenced(site).await?;
    Ok(report)
}

/// The rows against each other.
async fn rows(site: &Site, report: &mut Report) -> Result<(), VerifyError> {
    let mut tx = site.db.read().await?;
    sql::take_time(tx.conn()).await?;
    for finding in check::inconsistencies(&mut tx).await? {
        report.find(finding);
    }
    for finding in sql::inconsistencies(tx.conn(), FINDINGS_MAX).await? {
        report.find(finding);
    }
    for (table, above) in sql::dangling(tx.conn(), FINDINGS_MAX).await? {
        report.find(format!("a row of `{table}` names a row of `{above}` that is not there"));
    }
    drop(tx);
    let mut after = NodeId(0);
    loop {
        let page = sql::names(site.db.read().await?.conn(), after, NAMES_AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.node;
        for name in page {
            if let Some(wrong) = wrong_key(&name) {
                report.find(wrong);
            }
        }
    }
}

/// A node's name and the key under which it is found.
#[derive(Debug)]
struct Named {
    node: NodeId,
    name: String,
    key: String,
}

/// What is wrong with the key of a name.
fn wrong_key(Named { node, name, key }: &Named) -> Option<String> {
    match Name::parse(name) {
        Ok(parsed) if parsed.key().as_str() == key => None,
        Ok(_) => Some(format!("node {} (`{name}`) is found under `{key}`, which is not its name's key", node.0)),
        Err(error) => Some(format!("node {} has a name that can't be: {error}", node.0)),
    }
}

/// Every content against its hash.
async fn contents(site: &Site, report: &mut Report, progress: &mut impl FnMut(&Counts)) -> Result<(), VerifyError> {
    let mut after = None;
    let (mut damaged, mut ids, mut more) = (Vec::new(), HashSet::new(), 0);
    loop {
        let page = check::contents(&mut site.db.read().await?, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for content in &page {
            let damage = damage(site, content).await?;
            report.counts.contents += 1;
            report.counts.bytes += content.size;
            progress(&report.counts);
            let Some(damage) = damage else { continue };
            // A restored backup has rows of contents that were on their way out, without their bytes.
            let Some(user) = check::user_of(&mut site.db.read().await?, content.id).await? else { continue };
            if ids.len() < DAMAGED_IDS_MAX {
                ids.insert(content.id);
            }
            if damaged.len() < FINDINGS_MAX as usize {
                damaged.push((content.id, format!("content {} (of {user}): {damage}", content.id)));
            } else {
                more += 1;
            }
        }
    }
    for (content, mut told) in damaged {
        if ids.len() < DAMAGED_IDS_MAX
            && let Some(remedy) = remedy(&mut site.db.read().await?, content, &ids).await?
        {
            told.push_str(&format!("; {remedy}"));
        }
        report.find(told);
    }
    report.more += more;
    Ok(())
}

/// What is wrong with a content, if anything.
async fn damage(site: &Site, content: &Recorded) -> Result<Option<String>, VerifyError> {
    let mut examination = Examination::of(content);
    loop {
        match examination.step(&site.blobs).await? {
            Step::Read(_) => {}
            Step::Damaged(what) => return Ok(Some(what)),
            Step::Right(sums) => {
                let mut tx = site.db.read().await?;
                let contradicts = examine::contradicts(&mut tx, content, &sums).await?;
                return Ok(contradicts.then(|| "its bytes are right, and the hashes of its chunks are not".to_owned()));
            }
        }
    }
}

/// The newest revision before a damaged state that is whole.
async fn remedy(
    reads: &mut impl Reads,
    content: ContentId,
    damaged: &HashSet<ContentId>,
) -> Result<Option<String>, VerifyError> {
    let older = sql::older_states(reads.conn(), content).await?;
    let whole = older.into_iter().find(|state| !damaged.contains(&state.content));
    Ok(whole.map(|state| {
        format!("revision {} of file {} is whole: `commonhold revision restore`", state.number, state.file.0)
    }))
}

/// How many blobs no content names.
async fn unreferenced(site: &Site) -> Result<u64, VerifyError> {
    let mut count = 0;
    let ids = site.blobs.list().map_ok(|(id, _)| ContentId(uuid::Uuid::from_bytes(*id.as_bytes())));
    let mut pages = ids.try_chunks(BLOBS_AT_ONCE);
    while let Some(page) = pages.try_next().await.map_err(|error| error.1)? {
        let known = check::known(&mut site.db.read().await?, &page).await?;
        count += (page.len() - known.len()) as u64;
    }
    Ok(count)
}

/// A state of a file.
#[derive(Debug)]
struct State {
    file: NodeId,
    number: i64,
    content: ContentId,
}
