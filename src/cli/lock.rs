//! `lock`: who holds what; giving, taking away, asking for.

use std::cmp::Reverse;
use std::time::Duration;

use clap::Subcommand;
use commonhold_acl::{Channel, Operation, Permission, Permit};
use serde::Serialize;

use super::history::permit_of;
use super::output::{Answer, Failure};
use super::place::{Found, TreePath};
use super::{Context, place, span};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::directory::user::{self, User};
use crate::locks::{self, Lock, LockKind};
use crate::tree::{self, Node};

#[derive(Subcommand)]
pub(super) enum LockCommand {
    /// List the locks that hold, the newest first
    #[command(after_help = "\
Examples:
  commonhold lock list
  commonhold lock list /Projects/plans       what lies on it and below it, and what covers it from above
  commonhold lock list --json

Kinds: dav, taken by a program with a token; user, of a person, who writes from any client; auto, of a person who has the
document open. What lies in the trash is left out.")]
    List {
        /// A share, a folder or a file, as users see it; everything if left out
        #[arg(value_parser = TreePath::parse)]
        path: Option<TreePath>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Take the locks on a file or folder away from their holders
    #[command(after_help = "\
Example:
  commonhold lock break /Projects/plan.docx

Only the locks on that very thing go, none above or below it. The next save of a holder who had it open is refused and kept
beside the file as `plan (collision 1 by ana).docx`, unless the share has --collision-copies off.
`lock request` gives the holder time first.")]
    Break {
        /// As users see it, /Share/folder/file
        #[arg(value_parser = TreePath::parse)]
        path: TreePath,
    },
    /// Lock a file, a folder or a whole share for a user, who can write there from any client
    #[command(after_help = "\
Examples:
  commonhold lock add /Projects/plan.docx --user ana --for 2h
  commonhold lock add /Projects/2027 --user ana        a folder with everything below it, until it is released
  commonhold lock add /Projects --user ana --for 1d    the whole share

Everybody else who reaches it can read it and is told who holds it. The user must be allowed to write there.")]
    Add {
        /// As users see it, /Share/folder/file
        #[arg(value_parser = TreePath::parse)]
        path: TreePath,
        /// Who gets the lock
        #[arg(long)]
        user: String,
        /// How long, such as 30m, 2h or 1d; until it is released if left out
        #[arg(long = "for", value_name = "TIME", value_parser = span::parse)]
        span: Option<Duration>,
    },
    /// Give back a lock that `lock add` made
    Release {
        /// The path that was locked
        #[arg(value_parser = TreePath::parse)]
        path: TreePath,
        /// Who holds the lock
        #[arg(long)]
        user: String,
    },
    /// Ask in a user's name for the release of whatever locks a file or folder
    #[command(after_help = "\
Example:
  commonhold lock request /Projects/plan.docx --user ben

The holder sees who wants it. If he doesn't release it, the lock ends after the hand-over time of the share
(`commonhold share set Projects --handover 10m`), and refreshing it doesn't put that off.
The user must be allowed to write there.")]
    Request {
        /// As users see it, /Share/folder/file
        #[arg(value_parser = TreePath::parse)]
        path: TreePath,
        /// Who asks
        #[arg(long)]
        user: String,
    },
}

impl LockCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self {
            Self::List { path, json } => list(context, path.as_ref(), json).await,
            Self::Break { path } => break_all(context, &path).await,
            Self::Add { path, user, span } => add(context, &path, &user, span).await,
            Self::Release { path, user } => release(context, &path, &user).await,
            Self::Request { path, user } => request(context, &path, &user).await,
        }
    }
}

async fn list(context: Context, path: Option<&TreePath>, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.read().await?, Moment::now());
    let found = match path.filter(|path| !path.is_root()) {
        None => locks::list(&mut tx, now).await?,
        Some(path) => {
            let chain = chain_to(&mut tx, path, None).await?;
            let mut found = locks::covering(&mut tx, &chain, now).await?;
            found.extend(locks::below(&mut tx, node_of(&chain), now).await?);
            found.sort_by_key(|lock| Reverse(lock.id));
            found
        }
    };
    let mut rows = Vec::with_capacity(found.len());
    for lock in found {
        rows.push(Row::new(path_of(&mut tx, &lock).await?, lock));
    }
    let headings = ["path", "kind", "scope", "depth", "holder", "since", "until", "wanted by", "lapses"];
    Ok(Answer::list(&rows, json, &headings, |row| {
        let until = row.until.clone().unwrap_or_else(|| "released".to_owned());
        let wanted = [&row.wanted_by, &row.lapses].map(|cell| cell.clone().unwrap_or_default());
        let facts = [&row.path, row.kind, row.scope, row.depth, &row.holder, &row.since].map(str::to_owned);
        facts.into_iter().chain([until]).chain(wanted).collect()
    }))
}

async fn break_all(context: Context, path: &TreePath) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.write().await?, Moment::now());
    let chain = chain_to(&mut tx, path, None).await?;
    let node = node_of(&chain).id;
    let (own, above): (Vec<_>, Vec<_>) =
        locks::covering(&mut tx, &chain, now).await?.into_iter().partition(|lock| lock.node == node);
    if own.is_empty() {
        return Err(match above.first() {
            Some(lock) => {
                let root = path_of(&mut tx, lock).await?;
                Failure::new(format!("`{path}` is covered by the lock of `{}` on `{root}`", lock.holder_name))
            }
            None => Failure::new(format!("nobody holds a lock on `{path}`")),
        });
    }
    for lock in &own {
        locks::break_lock(&mut tx, lock, None, now).await?;
    }
    tx.commit().await?;
    let told = own.iter().map(|lock| format!("broke the lock of `{}` on `{path}`", lock.holder_name));
    Ok(Answer::said(told.collect::<Vec<_>>().join("\n")))
}

async fn add(context: Context, path: &TreePath, user: &str, span: Option<Duration>) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.write().await?, Moment::now());
    let user = user::named(&mut tx, user).await?;
    let found = path.find(&mut tx, Some(&user)).await?;
    let permit = permit(&mut tx, &user, &found).await?;
    let chain = found.located.chain();
    let until = span.map(|span| now.plus(span));
    locks::add_user_lock(&mut tx, &permit, chain, (user.id, &user.name), until, now).await?;
    tx.commit().await?;
    let until = until.map_or_else(|| "until it is released".to_owned(), |until| format!("until {}", until.rfc3339()));
    Ok(Answer::said(format!("locked `{path}` for `{}` {until}", user.name)))
}

async fn release(context: Context, path: &TreePath, user: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.write().await?, Moment::now());
    let user = user::named(&mut tx, user).await?;
    let chain = chain_to(&mut tx, path, Some(&user)).await?;
    let node = node_of(&chain).id;
    let given = |lock: &&Lock| lock.node == node && lock.holder == user.id && matches!(lock.kind, LockKind::User);
    let locks = locks::covering(&mut tx, &chain, now).await?;
    let Some(lock) = locks.iter().find(given) else {
        return Err(Failure::new(format!("`{}` holds no lock of `lock add` on `{path}`", user.name)));
    };
    locks::release(&mut tx, &chain, user.id, &lock.token, now).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("released the lock of `{}` on `{path}`", user.name)))
}

async fn request(context: Context, path: &TreePath, user: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.write().await?, Moment::now());
    let user = user::named(&mut tx, user).await?;
    let found = path.find(&mut tx, Some(&user)).await?;
    let permit = permit(&mut tx, &user, &found).await?;
    let chain = found.located.chain();
    let locks = locks::covering(&mut tx, chain, now).await?;
    let mut told = Vec::new();
    for lock in locks.iter().filter(|lock| lock.holder != user.id) {
        let lapses = locks::request(&mut tx, &permit, chain, lock, now).await?;
        let root = path_of(&mut tx, lock).await?;
        told.push(format!("the lock of `{}` on `{root}` ends at {} at the latest", lock.holder_name, lapses.rfc3339()));
    }
    if told.is_empty() {
        return Err(Failure::new(format!("nobody else holds a lock on `{path}`")));
    }
    tx.commit().await?;
    Ok(Answer::said(told.join("\n")))
}

/// The nodes from a share's root to what the path names; `/Home` is that of `whose`.
async fn chain_to(tx: &mut impl Reads, path: &TreePath, whose: Option<&User>) -> Result<Vec<Node>, Failure> {
    Ok(path.find(tx, whose).await?.located.chain().to_vec())
}

fn node_of(chain: &[Node]) -> &Node {
    chain.last().expect("a chain has a node")
}

/// Whether the law lets a user lock it. Fails with its reason in a sentence.
async fn permit(tx: &mut WriteTx, user: &User, found: &Found) -> Result<Permit, Failure> {
    let operation = if found.node().is_collection() { Operation::LockFolder } else { Operation::LockFile };
    let (permit, _) = permit_of(tx, (user, Channel::WebDav), (operation, Permission::Write), found).await?;
    Ok(permit)
}

/// The path of a lock's root as people see it.
async fn path_of(tx: &mut impl Reads, lock: &Lock) -> Result<String, Failure> {
    let chain = tree::chain_of(tx, lock.node).await?;
    place::path_of(tx, &chain).await
}

#[derive(Serialize)]
struct Row {
    path: String,
    kind: &'static str,
    scope: &'static str,
    depth: &'static str,
    holder: String,
    since: String,
    /// None: until it is released.
    until: Option<String>,
    wanted_by: Option<String>,
    /// When it ends because it is wanted.
    lapses: Option<String>,
}

impl Row {
    fn new(path: String, lock: Lock) -> Self {
        let (wanted_by, lapses) = lock.wanted.map(|wanted| (wanted.by_name, wanted.lapses.rfc3339())).unzip();
        Self {
            path,
            kind: lock.kind.name(),
            scope: if lock.exclusive { "exclusive" } else { "shared" },
            depth: if lock.deep { "infinity" } else { "0" },
            holder: lock.holder_name,
            since: lock.created.rfc3339(),
            until: lock.expires.map(Moment::rfc3339),
            wanted_by,
            lapses,
        }
    }
}
