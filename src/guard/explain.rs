//! Why somebody may or may not, in a sentence: the same facts and the same function as every decision.

use commonhold_acl::{Channel, Effective, Explanation, Permission};

use super::{Caller, HOME, OTHERS, load};
use crate::db::{DbError, Reads};
use crate::directory::{self, User};
use crate::path::{Name, RelPath};
use crate::shares::{self, Share, home};
use crate::tree::{self, Kind, Located, Node, TreeError};

/// What a user may do with the last node of a chain that begins with the root of `share`, whether he sees it or not.
pub async fn effective(
    tx: &mut impl Reads,
    user: &User,
    channel: Channel,
    share: &Share,
    chain: &[Node],
) -> Result<Effective, DbError> {
    let gathered = load::gather(tx, user, channel, Some((share, chain))).await?;
    Ok(gathered.first().expect("the share that was asked for").sight.at(chain).clone())
}

/// Says whether a user may do something to it, and the one reason; `path` is what the sentence calls it. About `list` or
/// `view` when no permission is asked for.
pub async fn explain(
    tx: &mut impl Reads,
    user: &User,
    channel: Channel,
    share: &Share,
    (chain, path): (&[Node], &str),
    permission: Option<Permission>,
) -> Result<Explanation, DbError> {
    let effective = effective(tx, user, channel, share, chain).await?;
    let is_file = chain.last().is_some_and(|node| node.kind == Kind::File);
    let asked = permission.unwrap_or(if is_file { Permission::View } else { Permission::List });
    Ok(effective.explain(asked, path))
}

/// Why a caller doesn't find what his path names, for the records; `None` if nothing is there, or he does.
pub async fn hidden(tx: &mut impl Reads, caller: &Caller, path: &RelPath) -> Result<Option<Explanation>, TreeError> {
    let Some((share, located)) = whatever_at(tx, &caller.user, path).await? else { return Ok(None) };
    if located.node().is_none() {
        return Ok(None);
    }
    let place = (located.chain(), path.to_string());
    let explained = explain(tx, &caller.user, caller.channel, &share, (place.0, &place.1), None).await?;
    Ok((!explained.allowed).then_some(explained))
}

/// Where a user's path leads, whether he reaches it or not; `None` for the fixed collections and where no share is.
async fn whatever_at(tx: &mut impl Reads, user: &User, path: &RelPath) -> Result<Option<(Share, Located)>, TreeError> {
    let is = |name: &Name, fixed: &str| name.key().as_str() == fixed.to_lowercase();
    let (share, below) = match path.segments() {
        [] => return Ok(None),
        [first, below @ ..] if is(first, HOME) => (home::of(tx, user.id).await?, below),
        [first, owner, below @ ..] if is(first, OTHERS) => match directory::find_user(tx, owner.as_str()).await? {
            Some(owner) => (home::of(tx, owner.id).await?, below),
            None => return Ok(None),
        },
        [first, below @ ..] => (shares::find(tx, first).await?, below),
    };
    let Some(share) = share else { return Ok(None) };
    match tree::locate(tx, share.root, below).await {
        Ok(located) => Ok(Some((share, located))),
        Err(TreeError::ShareGone) => Ok(None),
        Err(error) => Err(error),
    }
}
