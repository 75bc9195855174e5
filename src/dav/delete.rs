//! DELETE: moves one resource, with everything below it, into the share's trash (RFC 4918 section 9.6).

use std::sync::Arc;

use commonhold_acl::{Object, Operation, Scene};
use http::StatusCode;

use super::conditions::{Conditions, View};
use super::headers::{Depth, Header};
use super::{Deed, Exchange, Spot, inside, lock, owner_file, refused, root_is_fixed};
use crate::error::HttpError;
use crate::guard::{self, Taking};
use crate::locks::{self, Keys};
use crate::reply::{self, Reply};

/// In: a path; Depth absent or infinity. Out: 204.
///
/// Errors: 403 for the root, a share, the folder of an Office URL by that URL, without `delete` (or `delete-child` on the parent), or when something below isn't
/// seen; 404; 412; 423; 207 when something below is locked or may not be deleted; 400 for another Depth on a collection.
pub async fn delete(x: Arc<Exchange>) -> Result<Reply, HttpError> {
    let conditions = Conditions::parse(&x.head.headers)?;
    let depth = Depth::parse(&x.head.headers)?;
    let mut tx = x.app.db.write().await?;
    let access = x.app.guard.access_in(&mut tx, &x.caller).await?;
    let spot = Spot::to_change(&mut tx, &access, &x.path).await?;
    let node = spot.found()?;
    if spot.located.is_root() {
        return Err(root_is_fixed());
    }
    spot.confirm_not_fence()?;
    let scene = spot.scene(Scene::new(), Object::Item, Object::Parent);
    let permit = guard::permit(Operation::Delete, &scene).map_err(|denial| refused(&denial, &x.path))?;
    inside::confirm(&mut tx, &spot, Taking::Away).await?;
    if node.is_collection() && !matches!(depth, None | Some(Depth::Infinity)) {
        return Err(HttpError::bad_request("A collection is deleted with Depth: infinity only."));
    }
    let view = View::of(&x, &access);
    conditions.confirm_change(&mut tx, &view, &spot).await?;
    let tokens = conditions.tokens();
    lock::confirm_taking(&mut tx, &spot, Keys { user: x.caller.user.id, tokens: &tokens }, &x).await?;
    let mut change = x.change(&mut tx, &spot);
    change.delete(&permit, node, spot.located.ancestors()).await?;
    // A file's lock stays with it in the trash: an editor that deletes and renames gets the file back with its lock.
    if node.is_collection() {
        locks::left_behind(&mut tx, node).await.map_err(lock::of_tree)?;
    }
    if let Some(document) = owner_file::document_of(&mut tx, &spot).await? {
        owner_file::closed(&mut tx, &document, &x).await?;
    }
    x.commit(tx, Deed::new(node, StatusCode::NO_CONTENT)).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}
