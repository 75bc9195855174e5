//! `grant list`: what was given and refused, one line each.

use commonhold_acl::{Effect, Granted};
use serde::Serialize;

use crate::cli::Context;
use crate::cli::output::{Answer, Failure};
use crate::cli::place::{Found, TreePath, path_of};
use crate::db::Reads;
use crate::directory::Principal;
use crate::grants::{self, Grant, Whole};
use crate::shares;
use crate::tree;

/// All grants, or those that count at a path.
pub(super) async fn list(context: Context, path: Option<TreePath>, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.read().await?;
    let below = match &path {
        Some(path) => Some(path.find(&mut tx, None).await?),
        None => None,
    };
    let marked = grants::marked(&mut tx, below.as_ref().map(Found::node)).await?;
    let cut = grants::cut(&mut tx, &marked).await?;
    let mut rows = Vec::new();
    let mut on_nodes = grants::of_nodes(&mut tx, &marked).await?.into_iter().peekable();
    for node in marked {
        let chain = tree::chain_of(&mut tx, node).await?;
        // What lies in the trash has its grants still, for the day it comes back.
        let in_trash = !is_live(&mut tx, &chain).await?;
        let path = if in_trash { String::new() } else { path_of(&mut tx, &chain).await? };
        if cut.contains(&node) && !in_trash {
            rows.push(Row::cut(path.clone()));
        }
        while let Some(grant) = on_nodes.next_if(|grant| grant.node == node) {
            if !in_trash {
                rows.push(Row::of_grant(path.clone(), grant));
            }
        }
    }
    rows.sort_by(|a, b| a.path.cmp(&b.path));
    if below.as_ref().is_none_or(|found| found.located.is_root() && found.share.owner.is_some()) {
        let owner = below.as_ref().and_then(|found| found.share.owner);
        let wholes = grants::wholes(&mut tx).await?.into_iter();
        let about = |whole: &Whole| owner.is_none_or(|owner| whole.target == Principal::User(owner));
        rows.extend(wholes.filter(about).map(Row::of_whole));
    }
    let headings = ["path", "who", "effect", "what", "since"];
    Ok(Answer::list(&rows, json, &headings, |row| {
        let (kind, name) = (row.to.unwrap_or_default(), row.name.as_deref().unwrap_or_default());
        let who = if row.to.is_some() { format!("{kind} {name}") } else { String::new() };
        let since = row.since.clone().unwrap_or_default();
        vec![row.path.clone(), who, row.effect.to_owned(), row.what(), since]
    }))
}

/// Whether the way leads up to the root of a share, and not to its trash.
async fn is_live(tx: &mut impl Reads, chain: &[tree::Node]) -> Result<bool, Failure> {
    let Some(top) = chain.first() else { return Ok(false) };
    Ok(shares::by_id(tx, top.share).await?.is_some_and(|share| share.root == top.id))
}

#[derive(Serialize)]
struct Row {
    /// Of the folder or file; of a whole-user grant, whose things they are: `~ana`, or `members of Sales`.
    path: String,
    /// user or group
    to: Option<&'static str>,
    name: Option<String>,
    /// allow, deny, or of a folder that starts from its own entries: inherit off
    effect: &'static str,
    role: Option<String>,
    level: Option<&'static str>,
    permissions: Vec<&'static str>,
    since: Option<String>,
}

impl Row {
    fn cut(path: String) -> Self {
        let (role, level, permissions) = (None, None, Vec::new());
        Self { path, to: None, name: None, effect: "inherit off", role, level, permissions, since: None }
    }

    fn of_grant(path: String, grant: Grant) -> Self {
        let effect = match grant.effect {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        };
        let (role, level) = match &grant.granted {
            Granted::Role(role) => (Some(role.name.to_string()), None),
            Granted::Level(level) => (None, Some(level.name())),
            Granted::Custom(_) => (None, None),
        };
        let permissions = grant.granted.permissions().iter().map(|permission| permission.name()).collect();
        let (to, name) = (Some(kind(grant.principal)), Some(grant.name));
        Self { path, to, name, effect, role, level, permissions, since: Some(grant.since.rfc3339()) }
    }

    fn of_whole(whole: Whole) -> Self {
        let path = match whole.target {
            Principal::User(_) => format!("~{}", whole.target_name),
            Principal::Group(_) => format!("members of {}", whole.target_name),
        };
        let permissions = whole.level.permissions().iter().map(|permission| permission.name()).collect();
        let (to, name) = (Some(kind(whole.subject)), Some(whole.subject_name));
        let since = Some(whole.since.rfc3339());
        Self { path, to, name, effect: "allow", role: None, level: Some(whole.level.name()), permissions, since }
    }

    fn what(&self) -> String {
        match (&self.role, self.level) {
            (Some(role), _) => format!("role {role}"),
            (None, Some(level)) => format!("level {level}"),
            (None, None) => self.permissions.join(" "),
        }
    }
}

fn kind(principal: Principal) -> &'static str {
    match principal {
        Principal::User(_) => "user",
        Principal::Group(_) => "group",
    }
}
