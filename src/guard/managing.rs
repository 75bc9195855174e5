//! Whether somebody may manage a share whom it is not his office to administer: its co-owners may, for the law says so.

use std::sync::Arc;

use commonhold_acl::{Channel, Item, Object, Operation, Scene};

use super::{Caller, Guard, permit};
use crate::db::{DbError, WriteTx};
use crate::directory::Administrator;
use crate::shares::Share;

/// The proof that whoever acts may manage the share, if the law lets him; else the proof of his office alone.
pub async fn managing(tx: &mut WriteTx, by: Administrator, share: &Share) -> Result<Administrator, DbError> {
    let Some(actor) = by.actor().filter(|_| !by.reaches(share.org, share.department)) else { return Ok(by) };
    let caller = Caller::new(Arc::new(actor.clone()), Channel::Web);
    let access = Guard::default().access_in(tx, &caller).await?;
    let Some(reached) = access.by_id(share.id) else { return Ok(by) };
    let scene = Scene::new().with(Object::Item, reached.at(&[]), Item::folder(share.root));
    Ok(if permit(Operation::ManageShare, &scene).is_ok() { by.owning(share.id) } else { by })
}
