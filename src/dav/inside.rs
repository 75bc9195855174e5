//! Whether a collection may go, be copied or be locked with everything inside it: all or nothing.
//!
//! What the caller sees and may not take is named in a 207 (RFC 4918 section 13). What he doesn't see keeps the whole from
//! being done and is never named: not its path, not its number, not its kind.

use http::StatusCode;

use super::{PREFIX, Spot};
use crate::db::Reads;
use crate::error::HttpError;
use crate::guard::{self, Taking};
use crate::tree::{self, Node};

/// Blockers named at the most.
const BLOCKERS_MAX: usize = 100;

/// Asks about everything below the resource at `spot`, if it is a collection.
///
/// Errors: 403 when something that isn't seen lies in it; 207 with the blockers.
pub async fn confirm(tx: &mut impl Reads, spot: &Spot, taking: Taking) -> Result<(), HttpError> {
    if !spot.visible().is_some_and(Node::is_collection) {
        return Ok(());
    }
    let chain = spot.chain();
    let inside = guard::inside(&spot.reached, chain, taking);
    let href = |(names, is_collection): (Vec<String>, bool)| {
        spot.reached.href_of(PREFIX, names.iter().map(String::as_str), is_collection)
    };
    let mut blockers: Vec<String> = inside.blockers.into_iter().take(BLOCKERS_MAX).map(href).collect();
    let mut hidden = inside.hidden;
    if !hidden && !inside.forbidden.is_nothing() {
        let root = chain.last().expect("the resource is seen").id;
        let seen = (taking == Taking::Copied).then(|| spot.reached.view(chain));
        for node in tree::view::forbidden(tx, root, seen.as_ref(), &inside.forbidden, BLOCKERS_MAX).await? {
            let chain = tree::chain_of(tx, node).await?;
            if spot.reached.seen(&chain) == chain.len() {
                blockers.push(spot.href_of(&chain));
            } else {
                hidden = true;
            }
        }
        blockers.truncate(BLOCKERS_MAX);
    }
    if hidden {
        let text = "Not everything in this collection is yours to take along or to lock.";
        return Err(HttpError::new(StatusCode::FORBIDDEN, text));
    }
    if blockers.is_empty() {
        return Ok(());
    }
    let text = match taking {
        Taking::Away | Taking::ToAnotherShare => "You may not take this away from its place.",
        Taking::Copied => "You may not read this.",
        Taking::Locked => "You may not lock this.",
        Taking::RolledBack | Taking::Trimmed | Taking::Snapshot => "You may not do this here.",
    };
    Err(HttpError::new(StatusCode::FORBIDDEN, text).blocked_by(blockers))
}
