//! `verify`: the database against itself, the audit's chain, and every content against its size and hash.
//!
//! Reads only. Bytes that nothing names are no finding: an upload that was cut off leaves them, and they are collected.

use std::fmt;

use futures_util::TryStreamExt;

use crate::audit;
use crate::blobs::{BlobError, BlobId};
use crate::db::DbError;
use crate::ids::ContentId;
use crate::site::Site;
use crate::tree::TreeError;
use crate::tree::check::{self, Recorded};

/// Blobs looked up in one question.
const BLOBS_AT_ONCE: usize = 500;

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
    /// What was looked at.
    pub counts: Counts,
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
    let mut report = Report::default();
    report.findings.extend(site.db.damage().await?.into_iter().map(Finding));
    let inconsistencies = check::inconsistencies(&mut site.db.read().await?).await?;
    report.findings.extend(inconsistencies.into_iter().map(Finding));
    let audit = audit::verify::verify(&mut site.db.read().await?, &[]).await?;
    report.findings.extend(audit.findings.iter().map(|finding| Finding(format!("the audit, {finding}"))));
    let mut after = None;
    loop {
        let page = check::contents(&mut site.db.read().await?, after).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for content in &page {
            report.counts.contents += 1;
            report.counts.bytes += content.size;
            if let Some(damage) = damage(site, content).await? {
                let user = check::user_of(&mut site.db.read().await?, content.id).await?;
                let user = user.unwrap_or_else(|| "nothing any more".to_owned());
                report.findings.push(Finding(format!("content {} (of {user}): {damage}", content.id)));
            }
        }
    }
    report.counts.unreferenced_blobs = unreferenced(site).await?;
    Ok(report)
}

/// What is wrong with a content, if anything.
async fn damage(site: &Site, content: &Recorded) -> Result<Option<String>, BlobError> {
    let Ok(hash) = <[u8; 32]>::try_from(content.hash.as_slice()) else {
        return Ok(Some("its hash is none".to_owned()));
    };
    Ok(match &content.inline {
        Some(bytes) if bytes.len() as u64 != content.size => {
            Some(format!("{} bytes instead of {}", bytes.len(), content.size))
        }
        Some(bytes) if *blake3::hash(bytes).as_bytes() != hash => {
            Some("the bytes are not those that were stored".to_owned())
        }
        Some(_) => None,
        None => {
            let id = BlobId::from_bytes(*content.id.0.as_bytes());
            site.blobs.verify(&id, content.size, hash).await?.map(|damage| damage.to_string())
        }
    })
}

/// How many blobs no content names.
async fn unreferenced(site: &Site) -> Result<u64, VerifyError> {
    let mut count = 0;
    let ids = site.blobs.list().map_ok(|(id, _)| ContentId(uuid::Uuid::from_bytes(*id.as_bytes())));
    let mut pages = ids.try_chunks(BLOBS_AT_ONCE);
    while let Some(page) = pages.try_next().await.map_err(|error| error.1)? {
        let known = check::known(&mut site.db.read().await?, &page).await?;
        count += page.len() as u64 - known;
    }
    Ok(count)
}
