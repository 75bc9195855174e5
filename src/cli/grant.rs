//! `grant`: who was given or refused what on a folder or file, and on everything of somebody.

use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use commonhold_acl::{
    Channel, DenialKind, Effect, Granted, Level, Object, Operation, Permission, Permissions, Permit, Scene,
};
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure, rfc3339};
use super::place::{Found, TreePath, path_of};
use super::principal::Who;
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::directory::{Administrator, Principal, group, roster, user};
use crate::grants::{self, Authority, Grant, GrantError, NewGrant, Whole};
use crate::guard::{self, Caller, Guard, Refused};
use crate::ids::OrgId;
use crate::locks;
use crate::shares::{self, Share, home, role};
use crate::tree::{self, Node};

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

  commonhold grant add /Projects --group Sales --deny share --dry-run

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
        #[command(flatten)]
        how: How,
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
        #[command(flatten)]
        how: How,
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
        #[command(flatten)]
        how: How,
    },
}

#[derive(Args, Clone, Copy)]
pub(super) struct How {
    /// Change nothing, and say who would gain and who would lose what, on how many files and folders, with which open locks
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
    #[command(flatten)]
    how: How,
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
            Self::Remove { path, who, how } => remove(context, &path, &who, how).await,
            Self::Inherit { path, on, how } => inherit(context, &path, on, how).await,
            Self::User { target, who, level, how } => whole(context, &target, &who, level, how).await,
        }
    }
}

impl Add {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let found = self.path.find(&mut tx, None).await?;
        let (principal, name) = self.who.find(&mut tx, found.share.org).await?;
        confirm_organization(&mut tx, principal, found.share.org).await?;
        let (effect, granted) = self.what.read(&mut tx).await?;
        let what = told(&granted);
        let said = match effect {
            Effect::Allow => format!("{name} has {what} on `{}`", found.shown),
            Effect::Deny => format!("{name} is denied {what} on `{}`", found.shown),
        };
        let deed = Deed::Set(NewGrant { principal, effect, granted });
        carry_out(&context, tx, &found, deed, self.how, said).await
    }
}

/// A change of what stands on one node.
enum Deed {
    Set(NewGrant),
    Remove(Principal),
    Inherit(bool),
}

impl Deed {
    /// Whether somebody may lose the right to set the access by it.
    fn may_disown(&self) -> bool {
        match self {
            Self::Set(new) => new.granted.permissions().contains(Permission::Owner) == (new.effect == Effect::Deny),
            Self::Remove(_) => true,
            Self::Inherit(on) => !on,
        }
    }

    async fn apply(&self, tx: &mut WriteTx, by: Authority<'_>, node: &Node, now: Moment) -> Result<(), GrantError> {
        match self {
            Self::Set(new) => grants::set(tx, by, node.id, new, now).await,
            Self::Remove(principal) => grants::remove(tx, by, node.id, *principal).await,
            Self::Inherit(on) => grants::set_inherits(tx, by, node, *on).await,
        }
    }
}

/// Does it, or says what it would do.
async fn carry_out(
    context: &Context,
    mut tx: WriteTx,
    found: &Found,
    deed: Deed,
    how: How,
    said: String,
) -> Result<Answer, Failure> {
    let (chain, now) = (found.located.chain(), Moment::now());
    let administrator = context.administrator(&mut tx).await?;
    let permit = permit(&mut tx, &administrator, found).await?;
    let by = permit.as_ref().map_or(Authority::Administrator(&administrator), Authority::Owner);
    tx.protect().await?;
    let before = match how.dry_run {
        true => Some(guard::look(&mut tx, &found.share, chain).await?),
        false => None,
    };
    // Below the root a system administrator can set right what was set wrong, and a share's co-owners hold its root.
    let owned = found.located.is_root() && deed.may_disown() && guard::is_owned(&mut tx, &found.share, chain).await?;
    deed.apply(&mut tx, by, found.node(), now).await?;
    if owned && !guard::is_owned(&mut tx, &found.share, chain).await? {
        return Err(GrantError::LastCoOwner(found.shown.clone()).into());
    }
    let Some(before) = before else {
        tx.commit().await?;
        return Ok(done(how, said));
    };
    let after = guard::look(&mut tx, &found.share, chain).await?;
    let effects = guard::compare(&mut tx, found.node(), &before, &after).await?;
    // The transaction is given up with its end.
    let mut outlook = Outlook::default();
    outlook.add(&mut tx, found.node(), effects, now).await?;
    Ok(outlook.told(how.json))
}

fn done(how: How, said: String) -> Answer {
    #[derive(Serialize)]
    struct Done {
        done: String,
    }
    if how.json { Answer::json(&Done { done: said }) } else { Answer::said(said) }
}

/// The permit of somebody who acts in his own name and is no administrator of the place; none for administrators.
async fn permit(tx: &mut WriteTx, by: &Administrator, found: &Found) -> Result<Option<Permit>, Failure> {
    let Some(actor) = by.actor().filter(|_| !by.reaches(found.share.org, found.share.department)) else {
        return Ok(None);
    };
    let caller = Caller { user: Arc::new(actor.clone()), channel: Channel::Web };
    let access = Guard::default().access_in(tx, &caller).await?;
    let chain = found.located.chain();
    let missing = || Failure::new(format!("there is no `{}`", found.shown));
    let reached = access.by_id(found.share.id).ok_or_else(missing)?;
    let scene = Scene::new().with(Object::Item, reached.at(chain), guard::item(found.node()));
    match guard::permit(Operation::Acl, &scene) {
        Ok(permit) => Ok(Some(permit)),
        Err(Refused { denial, .. }) if denial.kind == DenialKind::Invisible => Err(missing()),
        Err(Refused { denial, .. }) => Err(Failure::new(denial.explain(&found.shown).sentence)),
    }
}

/// Who is granted to belongs to the organization of what is granted, as subscribers do. Guests are of one too.
async fn confirm_organization(tx: &mut WriteTx, principal: Principal, org: OrgId) -> Result<(), Failure> {
    if let Principal::User(id) = principal
        && let Some(user) = user::by_id(tx, id).await?
    {
        user.confirm_same_organization(org)?;
    }
    Ok(())
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

async fn remove(context: Context, path: &TreePath, who: &Who, how: How) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let found = path.find(&mut tx, None).await?;
    let (principal, name) = who.find(&mut tx, found.share.org).await?;
    let there = grants::of_node(&mut tx, found.node().id).await?;
    if !there.iter().any(|grant| grant.principal == principal) {
        return Err(Failure::new(format!("{name} has no grant on `{}`; `grant list` shows them", found.shown)));
    }
    let said = format!("{name} has no grant on `{}` any more", found.shown);
    carry_out(&context, tx, &found, Deed::Remove(principal), how, said).await
}

async fn inherit(context: Context, path: &TreePath, on: bool, how: How) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let found = path.find(&mut tx, None).await?;
    if found.located.is_root() {
        return Err(Failure::new(format!("there is nothing above `{}` to inherit from", found.shown)));
    }
    let does = if on { "inherits what is given above it" } else { "starts from its own grants alone" };
    let said = format!("`{}` {does}", found.shown);
    carry_out(&context, tx, &found, Deed::Inherit(on), how, said).await
}

async fn whole(context: Context, target: &str, who: &Who, level: Level, how: How) -> Result<Answer, Failure> {
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

/// What a change would do.
#[derive(Default, Serialize)]
struct Outlook {
    gains: Vec<Shift>,
    loses: Vec<Shift>,
}

/// What somebody would gain or lose.
#[derive(Serialize)]
struct Shift {
    user: String,
    permissions: Vec<&'static str>,
    /// Files and folders for which anything changes.
    items: u64,
    /// Open locks that he holds there.
    locks: Vec<Held>,
}

#[derive(Serialize)]
struct Held {
    path: String,
    kind: &'static str,
    until: Option<String>,
}

impl Outlook {
    async fn add(
        &mut self,
        tx: &mut impl Reads,
        node: &Node,
        effects: Vec<guard::Effect>,
        now: Moment,
    ) -> Result<(), Failure> {
        let chain = tree::chain_of(tx, node.id).await?;
        let mut locks = locks::covering(tx, &chain, now).await?;
        locks.retain(|lock| lock.node == node.id);
        locks.extend(locks::below(tx, node, now).await?);
        for effect in effects {
            let names = |permissions: Permissions| permissions.iter().map(|one| one.name()).collect();
            let shift = |permissions| Shift {
                user: effect.name.clone(),
                permissions: names(permissions),
                items: effect.items,
                locks: Vec::new(),
            };
            if !effect.gains.is_empty() {
                self.gains.push(shift(effect.gains));
            }
            if !effect.loses.is_empty() {
                let mut held = Vec::new();
                for lock in locks.iter().filter(|lock| lock.holder == effect.user) {
                    let chain = tree::chain_of(tx, lock.node).await?;
                    let until = lock.ends().map(rfc3339);
                    held.push(Held { path: path_of(tx, &chain).await?, kind: lock.kind.name(), until });
                }
                self.loses.push(Shift { locks: held, ..shift(effect.loses) });
            }
        }
        Ok(())
    }

    fn told(&self, json: bool) -> Answer {
        if json {
            return Answer::json(self);
        }
        if self.gains.is_empty() && self.loses.is_empty() {
            return Answer::said("nobody would gain or lose anything");
        }
        let line = |verb: &str, shift: &Shift| {
            let items = match shift.items {
                1 => "1 item".to_owned(),
                many => format!("{many} items"),
            };
            let mut line = format!("{} would {verb} {} on {items}", shift.user, shift.permissions.join(", "));
            for lock in &shift.locks {
                line += &format!("; holds a lock of kind {} on `{}`", lock.kind, lock.path);
                if let Some(until) = &lock.until {
                    line += &format!(" until {until}");
                }
            }
            line
        };
        let gains = self.gains.iter().map(|shift| line("gain", shift));
        let loses = self.loses.iter().map(|shift| line("lose", shift));
        Answer::said(gains.chain(loses).collect::<Vec<_>>().join("\n"))
    }
}
