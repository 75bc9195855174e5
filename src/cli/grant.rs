//! `grant`: who was given or refused what on a folder or file, and on everything of somebody.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use commonhold_acl::{Effect, Granted, Level, Permissions};
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, rfc3339};
use super::place::{Found, TreePath, path_of};
use super::principal::Who;
use crate::clock::Moment;
use crate::db::Reads;
use crate::directory::{Administrator, Principal, group, organization, user};
use crate::grants::{self, Authority, Grant, GrantError, NewGrant, Whole};
use crate::ids::OrgId;
use crate::shares::{self, role};
use crate::tree;

#[derive(Subcommand)]
pub(super) enum GrantCommand {
    /// Give or refuse a user or a group something on a folder or file, and on everything in it
    #[command(after_help = "\
Examples:
  commonhold grant add /Projects/plans --user ben --role editor
  commonhold grant add /Projects/plans/2027.txt --group Sales --level read
  commonhold grant add ~ana/Reports --user ben --allow list,read     ben finds it at /Shared with me/ana/Reports
  commonhold grant add /Projects/salaries --group \"All Users\" --deny list,read,view,sync,print
  commonhold grant add /Projects --user gil --level read             guests don't subscribe, but can be granted to

It is inherited downward. At one folder a deny beats an allow; what is set nearer to a file beats what comes from farther up.
Again changes it. Who has nothing above a granted folder sees the way to it and nothing else.")]
    Add(Add),
    /// List what was granted: everywhere, or at and below a folder
    #[command(after_help = "\
Examples:
  commonhold grant list
  commonhold grant list /Projects --json")]
    List {
        /// /Share/folder or ~user/folder; everything if left out
        #[arg(value_parser = TreePath::parse)]
        path: Option<TreePath>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Take away what a user or a group was given or refused on a folder or file
    #[command(after_help = "\
Example:
  commonhold grant remove /Projects/plans --user ben")]
    Remove {
        /// /Share/folder/file or ~user/folder
        #[arg(value_parser = TreePath::parse)]
        path: TreePath,
        #[command(flatten)]
        who: Who,
    },
    /// Let a folder or file take over what is given above it, or start from its own entries alone
    #[command(after_help = "\
Examples:
  commonhold grant inherit /Projects/salaries off
  commonhold grant inherit /Projects/salaries on")]
    Inherit {
        /// /Share/folder/file or ~user/folder
        #[arg(value_parser = TreePath::parse)]
        path: TreePath,
        /// on or off
        #[arg(value_name = "on|off", action = clap::ArgAction::Set, value_parser = clap::builder::BoolishValueParser::new())]
        on: bool,
    },
    /// Give a user or a group everything of a user, or of each member of a group
    #[command(after_help = "\
Examples:
  commonhold grant user ana --user ben --level read
  commonhold grant user ana --group Assistants --level read-create-edit
  commonhold grant user Sales --group Managers --level read          the homes of all members of Sales
  commonhold grant user ana --user ben --level none                  ends it

Where a user and a group have the same name, say user:NAME or group:NAME.")]
    User {
        /// Whose things: a user, or a group for those of each member
        target: String,
        #[command(flatten)]
        who: Who,
        /// none, read, read-create, read-create-edit, read-create-edit-delete
        #[arg(long, value_parser = level(), hide_possible_values = true)]
        level: Level,
    },
}

#[derive(Args)]
pub(super) struct Add {
    /// /Share/folder/file or ~user/folder
    #[arg(value_parser = TreePath::parse)]
    path: TreePath,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    what: What,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A role; `commonhold role list` shows them
    #[arg(long)]
    role: Option<String>,
    /// A plain level: read, read-create, read-create-edit, read-create-edit-delete
    #[arg(long, value_parser = level(), hide_possible_values = true)]
    level: Option<Level>,
    /// Permissions to give, such as list,read; `commonhold role show co-owner` names all
    #[arg(long, value_name = "P,P", value_parser = permissions)]
    allow: Option<Permissions>,
    /// Permissions to refuse
    #[arg(long, value_name = "P,P", value_parser = permissions)]
    deny: Option<Permissions>,
}

fn level() -> impl TypedValueParser<Value = Level> {
    let names = PossibleValuesParser::new(Level::ALL.map(Level::name));
    names.map(|name| Level::parse(&name).expect("only names of levels come through"))
}

fn permissions(text: &str) -> Result<Permissions, String> {
    text.parse().map_err(|unknown: commonhold_acl::UnknownPermission| unknown.to_string())
}

impl GrantCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::Add(add) => add.run(context).await,
            Self::List { path, json } => list(context, path, json).await,
            Self::Remove { path, who } => remove(context, &path, &who).await,
            Self::Inherit { path, on } => inherit(context, &path, on).await,
            Self::User { target, who, level } => whole(context, &target, &who, level).await,
        }
    }
}

impl Add {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let (mut tx, now) = (site.db.write().await?, Moment::now());
        let found = self.path.find(&mut tx, None).await?;
        let (principal, name) = self.who.find(&mut tx, found.share.org).await?;
        let (effect, granted) = self.what.read(&mut tx).await?;
        let new = NewGrant { principal, effect, granted };
        let by = Administrator::of_the_site();
        grants::set(&mut tx, Authority::Administrator(&by), found.node().id, &new, now).await?;
        tx.commit().await?;
        let what = told(&new.granted);
        Ok(Answer::said(match effect {
            Effect::Allow => format!("{name} has {what} on `{}`", found.shown),
            Effect::Deny => format!("{name} is denied {what} on `{}`", found.shown),
        }))
    }
}

impl What {
    async fn read(&self, tx: &mut impl Reads) -> Result<(Effect, Granted), Failure> {
        Ok(match (&self.role, self.level, self.allow, self.deny) {
            (Some(name), ..) => (Effect::Allow, Granted::Role(role::named(tx, name).await?)),
            (None, Some(level), ..) => (Effect::Allow, Granted::Level(level)),
            (None, None, Some(permissions), _) => (Effect::Allow, Granted::Custom(permissions)),
            (None, None, None, deny) => (Effect::Deny, Granted::Custom(deny.unwrap_or_default())),
        })
    }
}

async fn remove(context: Context, path: &TreePath, who: &Who) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let found = path.find(&mut tx, None).await?;
    let (principal, name) = who.find(&mut tx, found.share.org).await?;
    let by = Administrator::of_the_site();
    match grants::remove(&mut tx, Authority::Administrator(&by), found.node().id, principal).await {
        Err(GrantError::NoSuchGrant) => {
            return Err(Failure::new(format!("{name} has no grant on `{}`; `grant list` shows them", found.shown)));
        }
        other => other?,
    }
    tx.commit().await?;
    Ok(Answer::said(format!("{name} has no grant on `{}` any more", found.shown)))
}

async fn inherit(context: Context, path: &TreePath, on: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let found = path.find(&mut tx, None).await?;
    if found.located.is_root() {
        return Err(Failure::new(format!("there is nothing above `{}` to inherit from", found.shown)));
    }
    let by = Administrator::of_the_site();
    grants::set_inherits(&mut tx, Authority::Administrator(&by), found.node(), on).await?;
    tx.commit().await?;
    let does = if on { "inherits what is given above it" } else { "starts from its own grants alone" };
    Ok(Answer::said(format!("`{}` {does}", found.shown)))
}

async fn whole(context: Context, target: &str, who: &Who, level: Level) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.write().await?, Moment::now());
    let org = organization::first(&mut tx).await?.id;
    let (target, target_name) = target_of(&mut tx, org, target).await?;
    let (subject, name) = who.find(&mut tx, org).await?;
    let by = Administrator::of_the_site();
    match grants::set_whole(&mut tx, &by, target, subject, level, now).await {
        Err(GrantError::NoSuchGrant) => {
            return Err(Failure::new(format!("{name} has no grant on everything of {target_name}")));
        }
        other => other?,
    }
    tx.commit().await?;
    Ok(Answer::said(match level {
        Level::None => format!("{name} has no grant on everything of {target_name} any more"),
        _ => format!("{name} has the level `{}` on everything of {target_name}", level.name()),
    }))
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

/// What was granted, in words.
fn told(granted: &Granted) -> String {
    match granted {
        Granted::Role(role) => format!("the role `{}`", role.name),
        Granted::Level(level) => format!("the level `{}`", level.name()),
        Granted::Custom(permissions) => format!("`{permissions}`"),
    }
}

async fn list(context: Context, path: Option<TreePath>, json: bool) -> Result<Answer, Failure> {
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
        Self { path, to, name, effect, role, level, permissions, since: Some(rfc3339(grant.since)) }
    }

    fn of_whole(whole: Whole) -> Self {
        let path = match whole.target {
            Principal::User(_) => format!("~{}", whole.target_name),
            Principal::Group(_) => format!("members of {}", whole.target_name),
        };
        let permissions = whole.level.permissions().iter().map(|permission| permission.name()).collect();
        let (to, name) = (Some(kind(whole.subject)), Some(whole.subject_name));
        let since = Some(rfc3339(whole.since));
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
