//! `rollback`: a file, a folder or a share as it was at a time.

use clap::Args;
use commonhold_acl::{Operation, Permission};
use serde::Serialize;

use super::history::Acting;
use super::output::{Answer, Failure};
use super::place::{Found, TreePath};
use super::{Context, moment};
use crate::clock::Moment;
use crate::db::WriteTx;
use crate::guard::{self, Taking};
use crate::history::past::rollback::{Fate, How, Report, TOLD_MAX, roll_back};
use crate::history::trash::{self, Period};
use crate::ids::NodeId;
use crate::locks::{self, Lock, LockKind};
use crate::tree;

/// Take a file, a folder or a whole share back to a time, for everybody at once and with nothing lost
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold rollback /Projects/plan.docx --to 2h               the file as it was two hours ago
  commonhold rollback /Projects/plans --to \"2026-11-26 10:00\" --dry-run     what would happen (UTC)
  commonhold rollback /Projects --to 2026-11-26T10:00:00+01:00 --whole       the share as it was at ten, in all respects

Every file gets the last content that was saved before that time, as a new revision; what it is now stays in its history. With
nothing more than --to, that is all: files that were deleted since stay deleted, new ones stay, and everything keeps its
present name and place.

  --deleted   what was deleted since comes back, to the folder that it lay in
  --new       what was made since goes to the trash
  --whole     both, and what was moved or renamed since goes back: the folder as it was. This is for the morning after
              somebody's machine has encrypted, renamed and deleted what it could reach

What somebody else has locked stays as it is, with every folder it lies in, and is named. A file whose former state was trimmed,
or that was written twice within the time that makes saves one revision, stays and is named too. What was purged, or
moved to another share, does not come back. If the time lies before the folder itself was made, nothing is done.
Can be undone by another roll back, to the moment before this one. --dry-run does all of it and takes it back.
Needs `write` on all of it and the policy `user_rollback` where --as names a user; for the further options also `create` and the
right to delete everything in it. Deleted things that the user could not restore by himself stay deleted.")]
pub(super) struct Rollback {
    /// A file, a folder or a share, as users see it
    #[arg(value_parser = TreePath::parse)]
    path: TreePath,
    /// As it was just before then: a date, a moment, or a span before now
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    to: Moment,
    /// Also bring back what was deleted since
    #[arg(long)]
    deleted: bool,
    /// Also put into the trash what was made since
    #[arg(long)]
    new: bool,
    /// Both, and move everything back to its place and name
    #[arg(long)]
    whole: bool,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Rollback {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let (mut tx, now) = (site.db.write().await?, Moment::now());
        let acting = Acting::writing(&context, &mut tx).await?;
        let found = acting.find(&mut tx, &self.path).await?;
        let permit = acting.permit(Operation::RollBack, &found)?;
        let how = self.how();
        acting.confirm_inside(&mut tx, &found, Taking::RolledBack).await?;
        if how != How::default() {
            confirm_more(&acting, &mut tx, &found).await?;
        }
        let kept_away = kept_away(&acting, &mut tx, &found, self.to).await?;
        let locks = locks_of_others(&acting, &mut tx, &found, now).await?;
        tx.protect().await?;
        let mut change = acting.change(&mut tx, &found.located, now);
        let by = acting.authority(&permit);
        let report = roll_back(&mut change, by, &found.located, self.to, how, (&locks, &kept_away)).await?;
        if !self.dry_run {
            tx.commit().await?;
        }
        let told = Told::new(&found, &self, report);
        Ok(if self.json { Answer::json(&told) } else { Answer::said(told.text(&self)) })
    }

    fn how(&self) -> How {
        if self.whole { How::WHOLE } else { How { deleted: self.deleted, new: self.new, moved: false } }
    }
}

/// What coming back and going away need besides writing.
async fn confirm_more(acting: &Acting, tx: &mut WriteTx, found: &Found) -> Result<(), Failure> {
    let Some(reached) = acting.reached(found.share.id, &found.shown)? else { return Ok(()) };
    let effective = reached.at(found.located.chain());
    for permission in [Permission::Create, Permission::DeleteChild] {
        let explained = effective.explain(permission, &found.shown);
        if !explained.allowed {
            return Err(Failure::denied(explained.sentence));
        }
    }
    acting.confirm_inside(tx, found, Taking::Away).await
}

/// What was deleted since and may not be restored by whoever asks.
async fn kept_away(acting: &Acting, tx: &mut WriteTx, found: &Found, to: Moment) -> Result<Vec<NodeId>, Failure> {
    let Some(caller) = acting.caller() else { return Ok(Vec::new()) };
    let period = Period { since: Some(to), until: None };
    let mut items = trash::list(tx, &found.share, period).await?;
    if items.len() as i64 >= trash::LISTED_MAX {
        let text = "more was deleted since than can be asked about for one user; let the site's owner do it";
        return Err(Failure::new(text));
    }
    let sight = guard::deleted(tx, caller, &found.share, &items, &[]).await?;
    items.retain(|item| !sight.sees(item) || sight.permit(Operation::Restore, item).is_err());
    Ok(items.into_iter().map(|item| item.node.id).collect())
}

/// The locks at, above and below it that are not his own.
async fn locks_of_others(acting: &Acting, tx: &mut WriteTx, found: &Found, now: Moment) -> Result<Vec<Lock>, Failure> {
    let mut locks = locks::covering(tx, found.located.chain(), now).await?;
    locks.extend(locks::below(tx, found.node(), now).await?);
    let own = |lock: &Lock| lock.holder == acting.id() && lock.kind != LockKind::Dav;
    locks.retain(|lock| !own(lock));
    Ok(locks)
}

#[derive(Serialize)]
struct Told {
    path: String,
    to: String,
    dry_run: bool,
    rewritten: u64,
    restored: u64,
    moved: u64,
    trashed: u64,
    locked: u64,
    unknown: u64,
    still_deleted: u64,
    still_new: u64,
    /// At most a thousand of each kind.
    items: Vec<ToldItem>,
}

#[derive(Serialize)]
struct ToldItem {
    what: &'static str,
    path: String,
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Rewritten => "rewritten",
        Fate::Restored => "restored",
        Fate::Moved => "moved",
        Fate::Trashed => "trashed",
        Fate::Locked => "locked",
        Fate::Unknown => "unknown",
    }
}

impl Told {
    fn new(found: &Found, asked: &Rollback, report: Report) -> Self {
        let path = |chain: &[tree::Node]| format!("{}/{}", found.top, tree::change::names_below(chain));
        let items = report.told.iter().map(|(fate, chain)| ToldItem { what: word(*fate), path: path(chain) });
        Self {
            path: found.shown.clone(),
            to: asked.to.rfc3339(),
            dry_run: asked.dry_run,
            items: items.collect(),
            rewritten: report.count(Fate::Rewritten),
            restored: report.count(Fate::Restored),
            moved: report.count(Fate::Moved),
            trashed: report.count(Fate::Trashed),
            locked: report.count(Fate::Locked),
            unknown: report.count(Fate::Unknown),
            still_deleted: report.still_deleted,
            still_new: report.still_new,
        }
    }

    fn text(&self, asked: &Rollback) -> String {
        let mut lines: Vec<String> = self.items.iter().map(|item| format!("{:<10} {}", item.what, item.path)).collect();
        if self.items.len() as i64 >= TOLD_MAX {
            lines.push("(more of a kind than are named)".to_owned());
        }
        let begin = if asked.dry_run { "would be back" } else { "is back" };
        lines.push(format!("`{}` {begin} at {}", self.path, self.to));
        let counts = [
            (self.rewritten, "rewritten"),
            (self.restored, "restored"),
            (self.moved, "moved back"),
            (self.trashed, "put into the trash"),
            (self.locked, "left alone because they are locked"),
            (self.unknown, "left alone because their former state is not known"),
        ];
        lines.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
        if self.still_deleted > 0 {
            lines.push(format!("{} deleted since and still in the trash (--deleted, --whole)", self.still_deleted));
        }
        if self.still_new > 0 {
            lines.push(format!("{} made since and still there (--new, --whole)", self.still_new));
        }
        lines.join("\n")
    }
}
