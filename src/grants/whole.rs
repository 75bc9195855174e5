//! Whole-user grants: everything of a user, or of each member of a group, for a user or a group, with a level.

use std::collections::HashMap;

use commonhold_acl::{self as acl, Granted, Level, Source, Whose};

use super::{GrantError, sql};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::directory::group::Membership;
use crate::directory::{Administrator, Principal, roster};
use crate::ids::{GroupId, UserId};

/// A whole-user grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Whose things: the user's, or those of each member.
    pub target: Principal,
    /// The name of the user or group.
    pub target_name: String,
    /// Who gets them.
    pub subject: Principal,
    /// The name of the user or group.
    pub subject_name: String,
    /// How much.
    pub level: Level,
    /// When it was made.
    pub since: Moment,
}

/// Grants everything of the target to the subject; again changes the level, and [`Level::None`] ends it.
///
/// Errors: [`GrantError::NoSuchGrant`] when there is none to end.
pub async fn set(
    tx: &mut WriteTx,
    _by: &Administrator,
    target: Principal,
    subject: Principal,
    level: Level,
    now: Moment,
) -> Result<(), GrantError> {
    tx.touch_directory();
    let there = sql::delete_whole(tx.conn(), target, subject).await?;
    match level {
        Level::None if there => Ok(()),
        Level::None => Err(GrantError::NoSuchGrant),
        Level::Read | Level::ReadCreate | Level::ReadCreateEdit | Level::ReadCreateEditDelete => {
            Ok(sql::insert_whole(tx.conn(), target, subject, level, now).await?)
        }
    }
}

/// All of them: by target, then by subject; users before groups, each by name.
pub async fn wholes(reads: &mut impl Reads) -> Result<Vec<Whole>, DbError> {
    sql::wholes(reads.conn()).await
}

/// The whole-user grants that reach a user, each with the owner of what it is about: an entry at the root of his home.
pub async fn reaching(
    reads: &mut impl Reads,
    user: UserId,
    memberships: &[Membership],
) -> Result<Vec<(UserId, acl::Entry)>, DbError> {
    let paths: HashMap<GroupId, &[String]> =
        memberships.iter().map(|membership| (membership.group, membership.path.as_slice())).collect();
    let groups: Vec<GroupId> = memberships.iter().map(|membership| membership.group).collect();
    let rows = sql::wholes_for(reads.conn(), user, &groups).await?;
    let targets: Vec<GroupId> = rows
        .iter()
        .filter_map(|row| match row.target {
            Principal::Group(group) => Some(group),
            Principal::User(_) => None,
        })
        .collect();
    let members = roster::users_in(reads, &targets).await?;
    let mut reaching = Vec::new();
    for row in rows {
        let via = row.group.and_then(|group| paths.get(&group)).map(|path| path.to_vec()).unwrap_or_default();
        let entry = |of| acl::Entry {
            source: Source::WholeUserGrant { of },
            granted: Granted::Level(row.level),
            via: via.clone(),
        };
        match row.target {
            Principal::User(owner) => reaching.push((owner, entry(Whose::User(row.target_name.clone())))),
            Principal::Group(group) => {
                let of = members.iter().filter(|(of, owner)| *of == group && *owner != user);
                let entry = |owner| (owner, entry(Whose::Members(row.target_name.clone())));
                reaching.extend(of.map(|(_, owner)| entry(*owner)));
            }
        }
    }
    Ok(reaching)
}
