//! `trash`: what was deleted, the way back, and purging.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Instant;

use clap::{Args, Subcommand};
use commonhold_acl::{Object, Operation, Permission, Permit, Scene};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::history::{Acting, denied, missing};
use super::output::{Answer, Failure};
use super::place::{Found, TreePath};
use super::{Context, moment};
use crate::clock::Moment;
use crate::db::{Portion, Reads, WriteTx};
use crate::grants;
use crate::guard::{self, Deleted};
use crate::history::trash::{self, Item, Measured, Period, Way};
use crate::ids::NodeId;
use crate::jobs::Pace;
use crate::locks;
use crate::path::Name;
use crate::shares::{self, Share, ShareKind};
use crate::site::Site;
use crate::tree::{self, Node};

/// Things that one transaction restores or purges.
const AT_ONCE: usize = 200;
/// Slices of purging that a command does itself; the server's job does the rest.
const SLICES_MAX: usize = 200;

#[derive(Subcommand)]
pub(super) enum TrashCommand {
    List(List),
    Restore(Restore),
    Purge(Purge),
}

/// List what was deleted, the newest first
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold trash list                                what was deleted anywhere
  commonhold trash list /Projects/plans --since 2d     what was deleted from that folder, and from any below it
  commonhold trash list ~ana --json
  commonhold trash list /Projects --as ben             as far as ben may see it

The number is what `trash restore` and `trash purge` want where two things of one name were deleted. A folder is one line with
the number of things in it. A user sees what he could list and delete where it was; what comes from a place that was
purged itself, only the owners of the share see.")]
pub(super) struct List {
    /// A share, a folder or a deleted thing, as users saw it; everything if left out
    #[arg(value_parser = TreePath::parse)]
    path: Option<TreePath>,
    #[command(flatten)]
    period: During,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

/// Bring back what was deleted
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold trash restore 4711                              by its number in `trash list`
  commonhold trash restore /Projects/plan.docx               by the path that it had
  commonhold trash restore /Projects/plans --all --since 2h  everything that was deleted from there and below in two hours
  commonhold trash restore 4711 --to /Projects/rescued       into that folder; a path that isn't there is its new name

A folder comes back with everything in it, a file with its revisions. Folders that it lay in are made again if they are gone,
where whoever asks may make them. If its name is taken, it comes back as `plan (restored).docx`.
Needs `list` and `delete` on it, and `create` where it comes to, where --as names a user, and nobody else may have that locked.")]
pub(super) struct Restore {
    #[command(flatten)]
    which: Which,
    /// Another place: a folder to put it in, or its new path
    #[arg(long, value_name = "PATH", value_parser = TreePath::parse, conflicts_with = "all")]
    to: Option<TreePath>,
}

/// Erase deleted things for good; nobody finds them any more, and their bytes no longer count
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold trash purge 4711
  commonhold trash purge /Projects --all --until 90d     what was deleted more than 90 days ago

There is no way back. The contents themselves go when nothing else names them and their time of grace is over.
Needs `purge` on it and on everything in it where --as names a user, and the policy `user_purge_deleted`.")]
pub(super) struct Purge {
    #[command(flatten)]
    which: Which,
}

/// Deleted things.
#[derive(Args)]
struct Which {
    /// The number of a deleted thing, or the path that it had; with --all, a folder
    #[arg(value_name = "NUMBER|PATH")]
    what: String,
    /// Everything that was deleted from that folder and from any below it
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    period: During,
}

#[derive(Args)]
struct During {
    /// Only what was deleted from then on
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    since: Option<Moment>,
    /// Only what was deleted until just before then
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    until: Option<Moment>,
}

impl During {
    fn period(&self) -> Period {
        Period { since: self.since, until: self.until }
    }
}

impl TrashCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::List(list) => list.run(context).await,
            Self::Restore(restore) => restore.run(context).await,
            Self::Purge(purge) => purge.run(context).await,
        }
    }
}

/// A share's deleted things, as far as they are there for whoever asks.
struct Bin {
    share: Share,
    /// The share as it is shown.
    top: String,
    items: Vec<Item>,
    sight: Option<Deleted>,
}

impl Bin {
    /// `inside`: also reads what counts for things that lie in deleted folders.
    async fn open(
        acting: &Acting,
        tx: &mut impl Reads,
        share: Share,
        (period, only): (Period, Option<NodeId>),
        inside: bool,
    ) -> Result<Self, Failure> {
        let own = acting.user().is_some_and(|user| share.owner == Some(user.id));
        let top = match share.kind {
            ShareKind::Home if own => "/Home".to_owned(),
            ShareKind::Home => format!("~{}", share.name),
            ShareKind::Team | ShareKind::Public => format!("/{}", share.name),
        };
        let mut items = match only {
            Some(node) => trash::find(tx, &share, node).await?.into_iter().collect(),
            None => trash::list(tx, &share, period).await?,
        };
        let sight = match acting.caller() {
            None => None,
            Some(caller) => {
                let mut nodes = Vec::new();
                if inside {
                    for item in &items {
                        nodes.extend(trash::speaking_inside(tx, item).await?);
                    }
                }
                Some(guard::deleted(tx, caller, &share, &items, &nodes).await?)
            }
        };
        if let Some(sight) = &sight {
            items.retain(|item| sight.sees(item));
        }
        Ok(Self { share, top, items, sight })
    }

    fn shown(&self, item: &Item) -> String {
        item.names().fold(self.top.clone(), |path, name| path + "/" + name)
    }

    /// Whether whoever asks may do something with it where it was.
    fn permit(&self, operation: Operation, item: &Item) -> Result<Option<Permit>, Failure> {
        let Some(sight) = &self.sight else { return Ok(None) };
        sight.permit(operation, item).map(Some).map_err(|refused| denied(&refused, &self.shown(item)))
    }
}

impl List {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let acting = Acting::reading(&context, &site.db).await?;
        let mut tx = site.db.read().await?;
        let place = self.path.as_ref().filter(|path| !path.is_root());
        let (shares, names) = match place {
            Some(path) => {
                let (share, names) = path.share(&mut tx, acting.user()).await?;
                acting.reached(share.id, &path.to_string())?;
                (vec![share], names)
            }
            None => (all_shares(&acting, &mut tx).await?, Vec::new()),
        };
        let (mut rows, mut refusal) = (Vec::new(), None);
        for share in shares {
            let mut bin = Bin::open(&acting, &mut tx, share, (self.period.period(), None), false).await?;
            bin.items.retain(|item| item.lay_below(&names));
            if bin.items.is_empty() && place.is_some() {
                confirm_place(&acting, &mut tx, &bin, &names).await?;
            }
            let mut listed = Vec::new();
            for item in std::mem::take(&mut bin.items) {
                match bin.permit(Operation::ListTrash, &item) {
                    Ok(_) => listed.push(item),
                    Err(denied) => refusal = Some(denied),
                }
            }
            rows.extend(rows_of(&mut tx, &bin, listed).await?);
        }
        if let (true, true, Some(refusal)) = (rows.is_empty(), place.is_some(), refusal) {
            return Err(refusal);
        }
        // Each share's are in order already, also those of one moment.
        rows.sort_by_key(|row: &Row| Reverse(row.at));
        let headings = ["number", "path", "kind", "deleted", "by", "bytes", "items", "place"];
        Ok(Answer::list(&rows, self.json, &headings, Row::cells))
    }
}

/// Where nothing was deleted that whoever asks could see: whether he may ask at all.
async fn confirm_place(acting: &Acting, tx: &mut impl Reads, bin: &Bin, names: &[Name]) -> Result<(), Failure> {
    let Some(reached) = acting.reached(bin.share.id, &bin.top)? else { return Ok(()) };
    let located = tree::locate(tx, bin.share.root, names).await?;
    let shown = names.iter().fold(bin.top.clone(), |path, name| path + "/" + name.as_str());
    let Some(node) = located.node().filter(|_| reached.seen(located.chain()) == located.chain().len()) else {
        return Err(missing(&shown));
    };
    let scene = Scene::new().with(Object::Item, reached.at(located.chain()), guard::item(node));
    guard::permit(Operation::ListTrash, &scene).map(drop).map_err(|refused| denied(&refused, &shown))
}

/// The shares in which whoever asks may have deleted something.
async fn all_shares(acting: &Acting, tx: &mut impl Reads) -> Result<Vec<Share>, Failure> {
    Ok(match acting.access() {
        Some(access) => access.all().map(|reached| (*reached.share).clone()).collect(),
        None => {
            let shares = trash::shares(tx).await?;
            shares::by_ids(tx, &shares).await?
        }
    })
}

/// How much each is; a user is told that of a folder only where nothing in it is kept from anybody.
async fn rows_of(tx: &mut impl Reads, bin: &Bin, items: Vec<Item>) -> Result<Vec<Row>, Failure> {
    let nodes: Vec<NodeId> = items.iter().map(|item| item.node.id).collect();
    let measured = trash::measure(tx, &nodes).await?;
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        let kept_back = bin.sight.is_some() && item.node.is_collection() && grants::speaks(tx, &item.node).await?;
        let measured = measured.iter().find(|measured| measured.node == item.node.id).filter(|_| !kept_back);
        rows.push(Row {
            number: item.node.id.0,
            path: bin.shown(&item),
            kind: if item.node.is_collection() { "folder" } else { "file" },
            at: item.deleted,
            deleted: item.deleted.rfc3339(),
            deleted_by: item.deleted_by_name.clone(),
            bytes: measured.map(|measured| measured.bytes),
            items: measured.map(|measured| measured.items),
            place: match (item.is_at_home, item.is_lost) {
                (true, _) => "there",
                (false, false) => "deleted",
                (false, true) => "gone",
            },
        });
    }
    Ok(rows)
}

#[derive(Serialize)]
struct Row {
    number: i64,
    path: String,
    kind: &'static str,
    #[serde(skip)]
    at: Moment,
    deleted: String,
    deleted_by: Option<String>,
    /// With all revisions of all files in it.
    bytes: Option<u64>,
    items: Option<u64>,
    /// What has become of the folder that it lay in.
    place: &'static str,
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let count = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let (number, by) = (self.number.to_string(), self.deleted_by.clone().unwrap_or_default());
        let (path, deleted) = (self.path.clone(), self.deleted.clone());
        let (kind, place) = (self.kind.to_owned(), self.place.to_owned());
        vec![number, path, kind, deleted, by, count(self.bytes), count(self.items), place]
    }
}

/// What a command names, looked up.
enum Named {
    Number(NodeId),
    Path(TreePath),
}

impl Which {
    fn named(&self) -> Result<Named, Failure> {
        if let Ok(number) = self.what.parse() {
            return Ok(Named::Number(NodeId(number)));
        }
        TreePath::parse(&self.what).map(Named::Path).map_err(Failure::new)
    }

    /// The share's deleted things that are meant, the newest first.
    async fn find(&self, acting: &Acting, tx: &mut impl Reads, inside: bool) -> Result<Bin, Failure> {
        let unknown = || Failure::new(format!("there is nothing deleted of the number {}", self.what));
        let path = match self.named()? {
            Named::Number(number) => {
                let share = trash::share_of(tx, number).await?.ok_or_else(unknown)?;
                let share = shares::by_id(tx, share).await?.ok_or_else(unknown)?;
                acting.reached(share.id, &self.what).map_err(|_| unknown())?;
                let bin = Bin::open(acting, tx, share, (Period::default(), Some(number)), inside).await?;
                return if bin.items.is_empty() { Err(unknown()) } else { Ok(bin) };
            }
            Named::Path(path) => path,
        };
        let (share, names) = path.share(tx, acting.user()).await?;
        acting.reached(share.id, &self.what)?;
        let mut bin = Bin::open(acting, tx, share, (self.period.period(), None), false).await?;
        if self.all {
            bin.items.retain(|item| item.lay_below(&names));
        } else {
            bin.items.retain(|item| item.lay_at(&names));
            if bin.items.len() > 1 {
                let numbers: Vec<String> = bin.items.iter().map(|item| item.node.id.0.to_string()).collect();
                let text = "things of this name were deleted; say which by its number: ";
                return Err(Failure::new(format!("{} {text}{}", numbers.len(), numbers.join(", "))));
            }
        }
        if bin.items.is_empty() {
            return Err(Failure::new(format!("nothing deleted is known of `{}`", self.what)));
        }
        Ok(bin)
    }
}

/// What became of each thing: a line, and of those that could not be done which they are.
struct Told {
    /// The command is about many things.
    many: bool,
    lines: Vec<String>,
    left: HashSet<NodeId>,
    done: usize,
}

impl Told {
    fn of(many: bool) -> Self {
        Self { many, lines: Vec::new(), left: HashSet::new(), done: 0 }
    }

    /// Of many, what can't be done is left as it is. Errors: of one, that.
    fn take(&mut self, bin: &Bin, item: &Item, outcome: Result<String, Failure>) -> Result<(), Failure> {
        match outcome {
            Ok(line) => {
                self.done += 1;
                self.lines.push(line);
            }
            Err(failure) if self.many => {
                self.left.insert(item.node.id);
                self.lines.push(format!("left `{}`: {failure}", bin.shown(item)));
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }
}

impl Restore {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut told = Told::of(self.which.all);
        loop {
            let (mut tx, now) = (site.db.write().await?, Moment::now());
            let acting = Acting::writing(&context, &mut tx).await?;
            let found = self.which.find(&acting, &mut tx, false).await;
            let mut bin = match found {
                Ok(bin) => bin,
                // Everything has come back.
                Err(_) if !told.lines.is_empty() => break,
                Err(failure) => return Err(self.confirm_place(&acting, &mut tx).await.err().unwrap_or(failure)),
            };
            bin.items.retain(|item| !told.left.contains(&item.node.id));
            if bin.items.is_empty() {
                break;
            }
            tx.protect().await?;
            let done = told.done;
            for item in bin.items.iter().take(AT_ONCE) {
                let restored = self.restore(&acting, &mut tx, &bin, item, now).await;
                told.take(&bin, item, restored)?;
                // It came back with grants: who may what is read anew.
                if tx.directory_stamp().is_none() {
                    break;
                }
            }
            if told.done > done {
                tx.commit().await?;
            }
            if !self.which.all {
                break;
            }
        }
        Ok(Answer::said(told.lines.join("\n")))
    }

    /// Whoever could restore nothing in a folder is told so, whatever was deleted there. Errors: that.
    async fn confirm_place(&self, acting: &Acting, tx: &mut WriteTx) -> Result<(), Failure> {
        let Named::Path(path) = self.which.named()? else { return Ok(()) };
        let Some((parent, _)) = path.split_last() else { return Ok(()) };
        let Ok(found) = acting.find(tx, &parent).await else { return Ok(()) };
        let Some(reached) = acting.reached(found.share.id, &found.shown)? else { return Ok(()) };
        let effective = reached.at(found.located.chain());
        let explained = [Permission::List, Permission::Delete].map(|asked| effective.explain(asked, &found.shown));
        match explained.into_iter().find(|explained| !explained.allowed) {
            Some(explained) => Err(Failure::denied(explained.sentence)),
            None => Ok(()),
        }
    }

    async fn restore(
        &self,
        acting: &Acting,
        tx: &mut WriteTx,
        bin: &Bin,
        item: &Item,
        now: Moment,
    ) -> Result<String, Failure> {
        let shown = bin.shown(item);
        let reached = acting.reached(bin.share.id, &shown)?;
        bin.permit(Operation::ListTrash, item)?;
        let (way, name) = match &self.to {
            Some(to) => {
                let (chain, name) = target(acting, tx, bin, item, to).await?;
                // It has its size already; what is asked is whether the share takes such a name.
                if let Some(reached) = reached.filter(|_| name.as_str() != item.node.name) {
                    let extension = if item.node.is_collection() { Ok(()) } else { reached.takes(name.as_str(), 0) };
                    let taken = extension.and_then(|()| reached.takes_name(&name));
                    taken.map_err(|why| Failure::denied(why.to_string()))?;
                }
                (Way::to(&chain), name)
            }
            None => {
                let name = Name::parse(&item.node.name).map_err(|error| Failure::new(error.to_string()))?;
                (Way::back(tx, item).await?, name)
            }
        };
        let permit = match (&bin.sight, acting.caller().zip(reached)) {
            (Some(sight), Some(whose)) => {
                let permit = sight.permit_back(tx, whose, (item, &way)).await?;
                Some(permit.map_err(|refused| denied(&refused, &shown))?)
            }
            _ => None,
        };
        locks::confirm(tx, way.there(), acting.keys(), now).await?;
        let root = tree::locate(tx, bin.share.root, &[]).await?;
        let mut change = acting.change(tx, &root, now);
        let way = way.rebuild(&mut change).await?;
        let back = trash::restore(&mut change, acting.authority(&permit), item, &way, &name).await?;
        let place = way.iter().skip(1).chain([&back]).fold(bin.top.clone(), |path, node| path + "/" + &node.name);
        Ok(if place == shown { format!("restored `{shown}`") } else { format!("restored `{shown}` as `{place}`") })
    }
}

/// Where `--to` puts a thing: the way to the folder, and the name in it.
async fn target(
    acting: &Acting,
    tx: &mut WriteTx,
    bin: &Bin,
    item: &Item,
    to: &TreePath,
) -> Result<(Vec<Node>, Name), Failure> {
    let own = |found: &Found| {
        if found.share.id == bin.share.id {
            return Ok(());
        }
        Err(Failure::new(format!("it can only come back into its own share, `{}`; move it from there", bin.top)))
    };
    if let Ok(found) = acting.find(tx, to).await {
        own(&found)?;
        if found.node().is_collection() {
            let name = Name::parse(&item.node.name).map_err(|error| Failure::new(error.to_string()))?;
            return Ok((found.located.chain().to_vec(), name));
        }
    }
    let (parent, name) = to.split_last().ok_or_else(|| missing(&to.to_string()))?;
    let found = acting.find(tx, &parent).await?;
    own(&found)?;
    if !found.node().is_collection() {
        return Err(Failure::new(format!("`{parent}` is a file")));
    }
    Ok((found.located.chain().to_vec(), name))
}

impl Purge {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let (mut told, mut bytes) = (Told::of(self.which.all), 0);
        loop {
            let measured = self.measure(&context, &site, &told.left).await?;
            let Some(measured) = measured else { break };
            let (mut tx, now) = (site.db.write().await?, Moment::now());
            let acting = Acting::writing(&context, &mut tx).await?;
            let bin = self.which.find(&acting, &mut tx, true).await;
            let bin = match bin {
                Ok(bin) => bin,
                Err(_) if !told.lines.is_empty() => break,
                Err(failure) => return Err(failure),
            };
            let done = told.done;
            for measured in measured {
                let Some(item) = bin.items.iter().find(|item| item.node.id == measured.node) else { continue };
                let purged = purge(&acting, &mut tx, &bin, item, &measured, now).await.map(|gone| {
                    bytes += gone.bytes;
                    format!("purged `{}`: {} items, {} bytes", bin.shown(item), gone.items, gone.bytes)
                });
                told.take(&bin, item, purged)?;
            }
            if told.done > done {
                tx.commit().await?;
            }
            if !self.which.all {
                break;
            }
        }
        // What is left of it is of no interest to anybody, and the audit has the purge.
        let (db, pace) = (site.db.unsealed(), Pace::until(CancellationToken::new()));
        let mut portion = Portion::default();
        for _ in 0..SLICES_MAX {
            let begun = Instant::now();
            let mut tx = db.write().await?;
            let slice = trash::purge_slice(&mut tx, Moment::now(), portion).await?;
            tx.commit().await?;
            if !slice.more {
                break;
            }
            portion = slice.next(portion);
            // A server beside this command gets the database only while nobody else has it.
            pace.rest(begun.elapsed()).await?;
        }
        if self.which.all {
            told.lines.push(format!("{bytes} bytes are free again"));
        }
        Ok(Answer::said(told.lines.join("\n")))
    }

    /// Counts what is purged next without keeping anybody waiting; `None` when nothing is left.
    async fn measure(
        &self,
        context: &Context,
        site: &Site,
        left: &HashSet<NodeId>,
    ) -> Result<Option<Vec<Measured>>, Failure> {
        let acting = Acting::reading(context, &site.db).await?;
        let mut tx = site.db.read().await?;
        let bin = match self.which.find(&acting, &mut tx, false).await {
            Ok(bin) => bin,
            // The transaction that purges says why there is nothing, if nothing has been purged yet.
            Err(_) => return Ok(Some(Vec::new()).filter(|_| left.is_empty())),
        };
        let next: Vec<NodeId> = bin.items.iter().map(|item| item.node.id).filter(|node| !left.contains(node)).collect();
        let next: Vec<NodeId> = next.into_iter().take(AT_ONCE).collect();
        if next.is_empty() {
            return Ok(None);
        }
        Ok(Some(trash::measure(&mut tx, &next).await?))
    }
}

async fn purge(
    acting: &Acting,
    tx: &mut WriteTx,
    bin: &Bin,
    item: &Item,
    measured: &Measured,
    now: Moment,
) -> Result<Measured, Failure> {
    let permit = bin.permit(Operation::Purge, item)?;
    if bin.sight.as_ref().is_some_and(|sight| !sight.may_purge_inside(item)) {
        return Err(Failure::denied(format!("not everything in `{}` is yours to purge", bin.shown(item))));
    }
    Ok(trash::purge(tx, acting.authority(&permit), bin.share.id, measured, now).await?)
}
