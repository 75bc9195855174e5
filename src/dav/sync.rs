//! REPORT `sync-collection`: what has changed in a collection since a token was given (RFC 6578).
//!
//! Not here: what that is ([`crate::tree::sync`]).

use commonhold_acl::{Object, Operation, Scene};
use http::StatusCode;

use super::listing::{Asked, Listing};
use super::principals::search;
use super::propfind::answer;
use super::xml::QName;
use super::{Exchange, PREFIX, Spot, refused};
use crate::db::{DbError, ReadTx, Reads};
use crate::directory::policy;
use crate::error::{Condition, HttpError};
use crate::guard::{self, Reached};
use crate::path::encode_segment;
use crate::reply::Reply;
use crate::tree::sync::{self, Ask, Litter, Progress, Token, ViewId};

/// Answers of one page: a client that wants more asks again with the token that it was given.
const ANSWERS_MAX: u32 = 5_000;

/// What is asked for.
pub struct Wanted {
    /// How far the client is.
    pub token: Option<String>,
    /// Everything below, or only members.
    pub deep: bool,
    /// So many answers at most.
    pub limit: Option<u32>,
    /// What to tell of each.
    pub props: Option<Vec<QName>>,
}

/// What the log of this share tells of macOS' litter.
pub async fn litter(tx: &mut impl Reads, reached: &Reached) -> Result<Litter, DbError> {
    Ok(Litter { is_kept_out: reached.measures().hides_litter(), switches: policy::litter_switches(tx).await? })
}

/// Out: 207 with the members that are new or other than before, 404 for those that are gone, 507 for the collection itself when
/// there is more, and the token from which to go on.
///
/// Errors: 403 `supported-report` on a file, without `list` and `sync`, and `valid-sync-token` when the token was not given to
/// this person for this collection, or before `macos_litter` of the share was switched, or so long ago that the changes since are
/// not known any more.
pub async fn changes(x: &Exchange, mut tx: ReadTx, spot: &Spot, wanted: Wanted) -> Result<Reply, HttpError> {
    let node = spot.found()?.clone();
    if !node.is_collection() {
        return Err(search::unsupported());
    }
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    guard::permit(Operation::SyncCollection, &scene).map_err(|denial| refused(&denial, &x.path))?;
    let key = x.app.follow.key(&mut tx).await?;
    let view = spot.reached.view(&[]);
    let now = (&view, x.app.follow.remember(&x.app.db, &view, x.now).await?);
    let litter = litter(&mut tx, &spot.reached).await?;
    let progress = match &wanted.token {
        Some(text) => {
            let token = Token::open(key, text).ok_or_else(invalid)?;
            if (token.user, token.share, token.node) != (x.caller.user.id, node.share, node.id) {
                return Err(invalid());
            }
            // The log doesn't have what the policy kept out of it, and doesn't say that it does so now.
            if token.litter != litter {
                return Err(invalid());
            }
            token.progress
        }
        None => Progress::at(sync::sequence(&mut tx, node.share).await?, ViewId::NOTHING),
    };
    if !sync::reaches_back(&mut tx, node.share, progress.seq).await? {
        return Err(invalid());
    }
    let views = sync::views(&mut tx, &progress.views).await?.ok_or_else(invalid)?;
    let ask = Ask {
        share: node.share,
        way: spot.chain(),
        deep: wanted.deep,
        limit: wanted.limit.unwrap_or(ANSWERS_MAX).min(ANSWERS_MAX) as usize,
        progress: &progress,
        views: &views,
        now,
        sweeps_litter: litter.is_kept_out,
    };
    let page = sync::page(&mut tx, &ask).await?.ok_or_else(invalid)?;
    let (user, progress) = (x.caller.user.id, page.next);
    let token = Token { user, share: node.share, node: node.id, litter, progress };

    let here = x.path.to_href(PREFIX, true);
    let href = |names: &mut dyn Iterator<Item = &str>, is_collection: bool| {
        let mut href = here.clone();
        for name in names {
            href.extend(encode_segment(name));
            href.push('/');
        }
        if !is_collection {
            href.pop();
        }
        href
    };
    let top = spot.chain().len();
    let mut listing = Listing::of_changes(x, tx, Asked::of(wanted.props.unwrap_or_default()));
    for gone in &page.gone {
        listing.gone(&href(&mut gone.names.iter().map(String::as_str), gone.is_collection));
    }
    let changed = page.here.into_iter().map(|chain| {
        let is_collection = chain.last().is_some_and(crate::tree::Node::is_collection);
        (href(&mut chain[top..].iter().map(|node| node.name.as_str()), is_collection), chain)
    });
    listing.changed(&spot.reached, changed.collect()).await?;
    listing.end_of_changes(page.more.then_some(here.as_str()), &token.seal(key));
    answer(listing, false, "").await
}

fn invalid() -> HttpError {
    let text = "The token is not known here, or its changes are not known any more. Begin without one.";
    HttpError::new(StatusCode::FORBIDDEN, text).with(Condition::ValidSyncToken)
}
