//! What of a collection has changed since somebody was last told (RFC 6578), in pages of any size.
//!
//! Here: which members are to be told of again and which are gone, from the change log and from what the caller saw then and
//! sees now ([`page`]); the token that says how far somebody is ([`token`]). Why the answer is exact though others write
//! meanwhile: docs/decisions/0018-following-changes.md. Knows no HTTP; who sees what, the guard says.
//!
//! A client that follows its tokens has been told, for every path, of a state that is no older than its token. So whatever
//! makes that state wrong is a row of the log behind the token, or a difference between what was seen and what is seen; and
//! each of these is told of.

mod eyes;
mod page;
mod sql;
#[cfg(test)]
mod tests;
pub mod token;

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

pub use eyes::Eyes;
pub use page::{Ask, Gone, Page, page};
pub use token::{Litter, Progress, Token, ViewId};

use super::view::View;
use super::{Node, TreeError};
use crate::clock::Moment;
use crate::db::{Db, DbError, Reads};
use crate::ids::ShareId;
use token::Key;

/// How old a row of the change log may become: whoever was told longer ago begins anew.
pub const LOG_KEPT_DAYS: u64 = 90;
/// Rows that one slice of forgetting removes.
const FORGOTTEN_AT_ONCE: i64 = 2_000;
/// A view that is used says so once in this time.
const USED_EVERY_MS: i64 = 24 * 60 * 60 * 1_000;
/// So many views a server keeps in mind as told to the database today.
const REMEMBERED_MAX: usize = 10_000;

/// What a server needs to give tokens and to take them.
#[derive(Debug, Default)]
pub struct Follow {
    key: OnceCell<Key>,
    /// Views that the database was told of, and when.
    remembered: Mutex<BTreeSet<(ViewId, i64)>>,
}

impl Follow {
    /// The site's key for tokens.
    pub async fn key(&self, tx: &mut impl Reads) -> Result<&Key, DbError> {
        self.key
            .get_or_try_init(|| async move {
                let text = sql::key(tx.conn()).await?;
                Key::parse(&text).ok_or_else(|| DbError::Lost("the site has no key for tokens".into()))
            })
            .await
    }

    /// The id of a view, which will be known by it as long as tokens are taken.
    pub async fn remember(&self, db: &Db, view: &View, now: Moment) -> Result<ViewId, DbError> {
        let (id, shown) = token::name(view);
        if id == ViewId::EVERYTHING {
            return Ok(id);
        }
        let today = now.0.div_euclid(USED_EVERY_MS);
        if self.remembered.lock().contains(&(id, today)) {
            return Ok(id);
        }
        let mut tx = db.write().await?;
        sql::remember(tx.conn(), id, &shown, now).await?;
        tx.commit().await?;
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert((id, today));
        Ok(id)
    }
}

/// What names a view: another one for another view.
pub fn view_id(view: &View) -> ViewId {
    token::name(view).0
}

/// The views of these ids, in their order. `None` when one is not known any more.
pub async fn views(tx: &mut impl Reads, ids: &[ViewId]) -> Result<Option<Vec<View>>, DbError> {
    let mut views = Vec::with_capacity(ids.len());
    for id in ids {
        let view = match *id {
            ViewId::NOTHING => Some(View::nothing()),
            ViewId::EVERYTHING => Some(View::default()),
            id => sql::view(tx.conn(), id).await?.and_then(|shown| token::view_of(&shown)),
        };
        match view {
            Some(view) => views.push(view),
            None => return Ok(None),
        }
    }
    Ok(Some(views))
}

/// The sequence of a share's last change.
pub async fn sequence(tx: &mut impl Reads, share: ShareId) -> Result<i64, TreeError> {
    sql::sequence(tx.conn(), share).await?.ok_or(TreeError::ShareGone)
}

/// Whether the log still has all that came after `seq`; not of a share that is gone.
pub async fn reaches_back(tx: &mut impl Reads, share: ShareId, seq: i64) -> Result<bool, DbError> {
    let Some(last) = sql::sequence(tx.conn(), share).await? else { return Ok(false) };
    Ok(seq <= last && (seq == last || sql::first(tx.conn(), share).await?.is_some_and(|first| first <= seq + 1)))
}

/// Whether nothing in the collection `node` has changed since the token was given to somebody who sees what `sees`
/// names, if the log [reaches back](reaches_back) to it. Others' changes elsewhere in the share make no difference.
pub fn is_present(token: &Token, node: &Node, sees: ViewId) -> bool {
    let Token { share, node: id, progress, .. } = token;
    // Whoever has pages left to fetch has not been told all.
    let all_told = *progress == Progress::at(progress.seq, sees);
    // The ancestors of whatever changes get its sequence. A token of a future that a backup has undone is beyond all numbers.
    (*share, *id) == (node.share, node.id) && all_told && node.seq <= progress.seq
}

/// Forgets some of what is older than [`LOG_KEPT_DAYS`] at `now`. Gives whether there is more.
pub async fn forget(db: &Db, now: Moment) -> Result<bool, DbError> {
    let before = Moment(now.0 - i64::try_from(LOG_KEPT_DAYS).unwrap_or(i64::MAX) * USED_EVERY_MS);
    let mut tx = db.write().await?;
    let Some(share) = sql::share_with_old_rows(tx.conn(), before).await? else {
        sql::forget_views(tx.conn(), before).await?;
        tx.commit().await?;
        return Ok(false);
    };
    sql::forget_rows(tx.conn(), share, before, FORGOTTEN_AT_ONCE).await?;
    tx.commit().await?;
    Ok(true)
}
