//! `grant`: who was given or refused what on a folder or file, and on everything of somebody.

mod listing;
mod outlook;
mod whole;

use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use commonhold_acl::{
    Channel, DenialKind, Effect, Granted, Level, Object, Operation, Permission, Permissions, Permit, Scene,
};
use serde::Serialize;

use listing::list;
use outlook::Outlook;
use whole::whole;

use super::Context;
use super::output::{Answer, Failure};
use super::place::{Found, TreePath};
use super::principal::Who;
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::directory::{Administrator, Principal, user};
use crate::grants::{self, Authority, GrantError, NewGrant};
use crate::guard::{self, Caller, Guard, Refused};
use crate::ids::OrgId;
use crate::shares::role;
use crate::tree::Node;

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
    let caller = Caller::new(Arc::new(actor.clone()), Channel::Web);
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

/// What was granted, in words.
fn told(granted: &Granted) -> String {
    match granted {
        Granted::Role(role) => format!("the role `{}`", role.name),
        Granted::Level(level) => format!("the level `{}`", level.name()),
        Granted::Custom(permissions) => format!("`{permissions}`"),
    }
}
