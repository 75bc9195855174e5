//! `grant user`: everything of a user, or of each member of a group, for somebody.

use commonhold_acl::Level;

use super::{How, Outlook, confirm_organization, done, permit};
use crate::cli::Context;
use crate::cli::output::{Answer, Failure};
use crate::cli::place::Found;
use crate::cli::principal::Who;
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::directory::{Administrator, Principal, group, roster, user};
use crate::grants::{self, GrantError};
use crate::guard;
use crate::ids::OrgId;
use crate::shares::{Share, home};
use crate::tree::{self, Node};

/// Gives it or takes it away.
pub(super) async fn whole(
    context: Context,
    target: &str,
    who: &Who,
    level: Level,
    how: How,
) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.write().await?, Moment::now());
    let by = context.administrator(&mut tx).await?;
    let org = context.organization(&mut tx, None).await?.id;
    let (target, target_name) = target_of(&mut tx, org, target).await?;
    let (subject, name) = who.find(&mut tx, org).await?;
    let homes = homes_of(&mut tx, target).await?;
    confirm_whole(&mut tx, &by, target, &homes).await?;
    if level != Level::None {
        for (share, _) in &homes {
            // A group's members are of its organization, in which it was looked up.
            if matches!(subject, Principal::Group(_)) && share.org != org {
                return Err(Failure::new(format!("{name} belongs to another organization")));
            }
            confirm_organization(&mut tx, subject, share.org).await?;
        }
    }
    tx.protect().await?;
    let mut before = Vec::new();
    for (share, chain) in homes.iter().filter(|_| how.dry_run) {
        before.push(guard::look(&mut tx, share, chain).await?);
    }
    match grants::set_whole(&mut tx, &by, target, subject, level, now).await {
        Err(GrantError::NoSuchGrant) => {
            return Err(Failure::new(format!("{name} has no grant on everything of {target_name}")));
        }
        other => other?,
    }
    if how.dry_run {
        let mut outlook = Outlook::default();
        for ((share, chain), before) in homes.iter().zip(&before) {
            let after = guard::look(&mut tx, share, chain).await?;
            let root = chain.last().expect("a home has a root");
            let effects = guard::compare(&mut tx, root, before, &after).await?;
            outlook.add(&mut tx, root, effects, now).await?;
        }
        return Ok(outlook.told(how.json));
    }
    tx.commit().await?;
    Ok(done(
        how,
        match level {
            Level::None => format!("{name} has no grant on everything of {target_name} any more"),
            _ => format!("{name} has the level `{}` on everything of {target_name}", level.name()),
        },
    ))
}

/// The homes that a whole-user grant is about, each with the chain of its root.
async fn homes_of(tx: &mut impl Reads, target: Principal) -> Result<Vec<(Share, Vec<Node>)>, Failure> {
    let owners = match target {
        Principal::User(user) => vec![user],
        Principal::Group(group) => roster::users_in(tx, &[group]).await?.into_iter().map(|(_, user)| user).collect(),
    };
    let mut homes = Vec::new();
    for share in home::of_users(tx, &owners, &[]).await?.into_iter().filter(|share| share.active && share.org_active) {
        let located = tree::locate(tx, share.root, &[]).await?;
        homes.push((share, located.chain().to_vec()));
    }
    Ok(homes)
}

/// Everybody may give away what is his; of others, only who administers them.
async fn confirm_whole(
    tx: &mut WriteTx,
    by: &Administrator,
    target: Principal,
    homes: &[(Share, Vec<Node>)],
) -> Result<(), Failure> {
    let Some(actor) = by.actor() else { return Ok(()) };
    if target == Principal::User(actor.id) {
        let [(share, chain)] = homes else { return Err(Failure::new(format!("`{}` has no home", actor.name))) };
        let located = tree::locate(tx, share.root, &[]).await?;
        let shown = format!("~{}", share.name);
        let found = Found { share: share.clone(), located, top: shown.clone(), shown };
        debug_assert_eq!(chain.len(), 1);
        return permit(tx, by, &found).await.map(drop);
    }
    for (share, _) in homes {
        let owner = share.owner.expect("a home has an owner");
        if let Some(owner) = user::by_id(tx, owner).await? {
            by.confirm_user(tx, &owner).await?;
        }
    }
    Ok(())
}

/// A user or a group by name; `user:` or `group:` before it says which.
async fn target_of(tx: &mut impl Reads, org: OrgId, target: &str) -> Result<(Principal, String), Failure> {
    let as_user = async |tx: &mut _, name: &str| user::named(tx, name).await;
    let told_user = |user: &user::User| (Principal::User(user.id), format!("`{}`", user.name));
    let told_group = |group: &group::Group| (Principal::Group(group.id), format!("the members of `{}`", group.name));
    if let Some(name) = target.strip_prefix("user:") {
        return Ok(told_user(&as_user(tx, name).await?));
    }
    if let Some(name) = target.strip_prefix("group:") {
        return Ok(told_group(&group::named(tx, org, name).await?));
    }
    let user = user::named(tx, target).await;
    let group = group::named(tx, org, target).await;
    match (user, group) {
        (Ok(_), Ok(_)) => Err(Failure::new(format!(
            "there is a user and a group `{target}`; say `user:{target}` or `group:{target}`"
        ))),
        (Ok(user), Err(_)) => Ok(told_user(&user)),
        (Err(_), Ok(group)) => Ok(told_group(&group)),
        (Err(_), Err(_)) => Err(Failure::new(format!("there is no user or group `{target}`"))),
    }
}
