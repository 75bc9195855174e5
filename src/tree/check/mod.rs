//! What must always hold of the tree, for `verify` and for the tests that change it at random.

mod sql;

use super::TreeError;
use crate::db::Reads;
use crate::ids::ContentId;

/// Findings told at the most; a site with more has one trouble, not thousands.
pub const FINDINGS_MAX: i64 = 1_000;
/// Contents in one page.
const PAGE_CONTENTS: i64 = 200;

/// A content as the database knows it.
#[derive(Debug)]
pub struct Recorded {
    /// Its id, which is its blob's name unless inline.
    pub id: ContentId,
    /// Bytes.
    pub size: u64,
    /// BLAKE3.
    pub hash: Vec<u8>,
    /// Whether its bytes should lie in the database.
    pub is_inline: bool,
    /// The bytes of a small one.
    pub inline: Option<Vec<u8>>,
}

/// Everything in the tree's rows that contradicts itself, a sentence each; empty is right.
pub async fn inconsistencies(tx: &mut impl Reads) -> Result<Vec<String>, TreeError> {
    Ok(sql::inconsistencies(tx.conn(), FINDINGS_MAX).await?)
}

/// A page of contents after `after`, in the order of their ids; empty at the end.
pub async fn contents(tx: &mut impl Reads, after: Option<ContentId>) -> Result<Vec<Recorded>, TreeError> {
    let rows = sql::contents(tx.conn(), after, PAGE_CONTENTS).await?;
    Ok(rows
        .into_iter()
        .map(|(id, size, hash, is_inline, inline)| Recorded { id, size, hash, is_inline, inline })
        .collect())
}

/// What names a content, for words; `None` when nothing does.
pub async fn user_of(tx: &mut impl Reads, content: ContentId) -> Result<Option<String>, TreeError> {
    Ok(sql::user_of_content(tx.conn(), content).await?)
}

/// Those of these contents that there are.
pub async fn known(tx: &mut impl Reads, contents: &[ContentId]) -> Result<Vec<ContentId>, TreeError> {
    Ok(sql::known_contents(tx.conn(), contents).await?)
}
