//! In whose name the commands about what was are run, and whether he may: the site's owner may everything, a user what the
//! law lets him do over his drive.

use std::sync::Arc;

use commonhold_acl::{Channel, DenialKind, Object, Operation, Permission, Permit, Scene};

use super::Context;
use super::output::Failure;
use super::place::{Found, TreePath};
use crate::clock::Moment;
use crate::db::{Db, Reads, WriteTx};
use crate::directory::Administrator;
use crate::directory::user::User;
use crate::guard::{self, Access, Caller, Guard, Reached, Refused, Taking};
use crate::history::Authority;
use crate::ids::{ShareId, UserId};
use crate::locks::{self, Keys};
use crate::tree::change::Change;
use crate::tree::{self, Located};

/// Through what it comes, for the history.
pub(super) const CLIENT: &str = "command line";
/// Whose work it is when nobody is named: no account has this id.
const NOBODY: UserId = UserId(0);
/// What stands in the way is named up to this number.
const NAMED_MAX: usize = 5;

/// In whose name a command is run.
pub(super) struct Acting {
    by: Administrator,
    caller: Option<(Caller, Arc<Access>)>,
}

impl Acting {
    /// For a command that only reads.
    pub async fn reading(context: &Context, db: &Db) -> Result<Self, Failure> {
        let by = context.administrator(&mut db.read().await?).await?;
        let caller = match by.actor().map(caller) {
            Some(caller) => Some((caller.clone(), Guard::default().access(db, &caller).await?)),
            None => None,
        };
        Ok(Self { by, caller })
    }

    /// For a command that changes something: what counts is what its transaction sees.
    pub async fn writing(context: &Context, tx: &mut WriteTx) -> Result<Self, Failure> {
        let by = context.administrator(tx).await?;
        let caller = match by.actor().map(caller) {
            Some(caller) => Some((caller.clone(), Guard::default().access_in(tx, &caller).await?)),
            None => None,
        };
        Ok(Self { by, caller })
    }

    pub fn administrator(&self) -> &Administrator {
        &self.by
    }

    /// None: the site's owner.
    pub fn user(&self) -> Option<&User> {
        self.by.actor()
    }

    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref().map(|(caller, _)| caller)
    }

    pub fn access(&self) -> Option<&Access> {
        self.caller.as_ref().map(|(_, access)| access.as_ref())
    }

    pub fn id(&self) -> UserId {
        self.user().map_or(NOBODY, |user| user.id)
    }

    /// What opens locks for him: he has no tokens.
    pub fn keys(&self) -> Keys<'static> {
        Keys { user: self.id(), tokens: &[] }
    }

    /// What proves that he may.
    pub fn authority<'a>(&'a self, permit: &'a Option<Permit>) -> Authority<'a> {
        permit.as_ref().map_or(Authority::Site(&self.by), Authority::Permit)
    }

    pub fn change<'t>(&self, tx: &'t mut WriteTx, located: &Located, now: Moment) -> Change<'t> {
        Change::begin(tx, located, self.id(), now).through(CLIENT.to_owned())
    }

    /// What the user reaches of a share; the site's owner everything, and so nothing is asked of him. Errors: a share that
    /// does not exist for the user.
    pub fn reached(&self, share: ShareId, shown: &str) -> Result<Option<&Reached>, Failure> {
        match &self.caller {
            None => Ok(None),
            Some((_, access)) => access.by_id(share).map(Some).ok_or_else(|| missing(shown)),
        }
    }

    /// What a path leads to, if the user sees it.
    pub async fn find(&self, tx: &mut impl Reads, path: &TreePath) -> Result<Found, Failure> {
        let found = path.find(tx, self.user()).await?;
        let shown = path.to_string();
        if let Some(reached) = self.reached(found.share.id, &shown)? {
            let chain = found.located.chain();
            if reached.seen(chain) < chain.len() {
                return Err(missing(&shown));
            }
        }
        Ok(found)
    }

    /// Decides about an operation on it. `None`: the site's owner needs no permit.
    pub fn permit(&self, operation: Operation, found: &Found) -> Result<Option<Permit>, Failure> {
        let Some(reached) = self.reached(found.share.id, &found.shown)? else { return Ok(None) };
        let permit = guard::permit(operation, &scene(reached, found));
        permit.map(Some).map_err(|refused| denied(&refused, &found.shown))
    }

    /// Asks about everything below it: all or nothing.
    pub async fn confirm_inside(&self, tx: &mut impl Reads, found: &Found, taking: Taking) -> Result<(), Failure> {
        let Some(reached) = self.reached(found.share.id, &found.shown)? else { return Ok(()) };
        if !found.node().is_collection() {
            return Ok(());
        }
        let inside = guard::inside(reached, found.located.chain(), taking);
        let mut names: Vec<String> = inside.blockers.into_iter().map(|(names, _)| names.join("/")).collect();
        for node in tree::view::forbidden(tx, found.node().id, None, &inside.forbidden, NAMED_MAX).await? {
            let chain = tree::chain_of(tx, node).await?;
            names.push(tree::change::names_below(&chain));
        }
        if inside.hidden {
            return Err(Failure::denied(format!("not everything in `{}` is yours to do this with", found.shown)));
        }
        if names.is_empty() {
            return Ok(());
        }
        names.truncate(NAMED_MAX);
        let names: Vec<String> = names.iter().map(|name| format!("`{}/{name}`", found.top)).collect();
        Err(Failure::denied(format!("you may not do this with {}", names.join(", "))))
    }

    /// Whether nobody else has it locked.
    pub async fn confirm_lock(&self, tx: &mut impl Reads, found: &Found, now: Moment) -> Result<(), Failure> {
        Ok(locks::confirm(tx, found.located.chain(), self.keys(), now).await?)
    }
}

fn caller(user: &User) -> Caller {
    Caller::new(Arc::new(user.clone()), Channel::WebDav)
}

/// What a decision about it is about.
fn scene<'a>(reached: &'a Reached, found: &'a Found) -> Scene<'a> {
    let (chain, above) = (found.located.chain(), found.located.ancestors());
    let scene = Scene::new().with(Object::Item, reached.at(chain), guard::item(found.node()));
    match above.last() {
        Some(parent) => scene.with(Object::Parent, reached.at(above), guard::item(parent)),
        None => scene,
    }
}

/// What somebody of whom a command is about may do over his channel; with what he reaches. Fails in the law's words, which say why he doesn't see
/// it, too: `asked` is what he would need.
pub(super) async fn permit_of(
    tx: &mut WriteTx,
    (user, channel): (&User, Channel),
    (operation, asked): (Operation, Permission),
    found: &Found,
) -> Result<(Permit, Reached), Failure> {
    let chain = found.located.chain();
    let access = Guard::default().access_in(tx, &Caller::new(Arc::new(user.clone()), channel)).await?;
    let Some(reached) = access.by_id(found.share.id).filter(|reached| reached.seen(chain) == chain.len()) else {
        let why = guard::explain(tx, user, channel, &found.share, (chain, &found.shown), Some(asked)).await?;
        return Err(Failure::new(why.sentence));
    };
    let permit = guard::permit(operation, &scene(reached, found));
    let permit = permit.map_err(|refused| Failure::new(refused.denial.explain(&found.shown).sentence))?;
    Ok((permit, reached.clone()))
}

/// What isn't there, or is there for others only.
pub(super) fn missing(shown: &str) -> Failure {
    Failure::new(format!("there is no `{shown}`"))
}

/// The law's refusal in a sentence; of what the user doesn't see no more than that it isn't there.
pub(super) fn denied(refused: &Refused, shown: &str) -> Failure {
    match refused.denial.kind {
        DenialKind::Invisible => missing(shown),
        DenialKind::Forbidden | DenialKind::Barred(_) => Failure::denied(refused.denial.explain(shown).sentence),
    }
}

/// Errors: a folder has no revisions.
pub(super) fn confirm_file(found: &Found) -> Result<(), Failure> {
    if found.node().is_collection() {
        return Err(Failure::new(format!("`{}` is a folder; only files have revisions", found.shown)));
    }
    Ok(())
}
