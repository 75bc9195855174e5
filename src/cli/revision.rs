//! `revision`: what files were before.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use commonhold_acl::Operation;
use serde::Serialize;

use super::history::{Acting, confirm_file};
use super::output::{Answer, Failure, facts};
use super::place::TreePath;
use super::{Context, content, moment};
use crate::clock::Moment;
use crate::guard::Taking;
use crate::history::revision::{self, Mark, Revision, Which};
use crate::site::Site;

#[derive(Subcommand)]
pub(super) enum RevisionCommand {
    /// List the states of a file, the newest first
    #[command(after_help = "\
Examples:
  commonhold revision list /Projects/plan.docx
  commonhold revision list ~ana/notes.txt --json

Each state has a number that stays with it. `present` is what the file is now; all others were overwritten at the time that
the state above them was saved. A collision is a state that somebody else has overwritten without having seen it.
Needs `read` on the file where --as names a user.")]
    List {
        /// As users see it, /Share/folder/file
        #[arg(value_parser = TreePath::parse)]
        path: TreePath,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one state of a file
    Show {
        #[command(flatten)]
        of: One,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write the bytes of one state of a file to a file of this machine, or to standard output
    #[command(after_help = "\
Examples:
  commonhold revision get /Projects/plan.docx 3 --out plan-before.docx
  commonhold revision get /Projects/notes.txt 2 | less")]
    Get {
        #[command(flatten)]
        of: One,
        /// The file to make; standard output if left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Make an earlier state of a file its present one; that what it is now stays as a revision
    #[command(after_help = "\
Example:
  commonhold revision restore /Projects/plan.docx 3

The file gets a new state with the content of the old one, so this can be undone in the same way.
Needs `write` and `read` where --as names a user, and nobody else may have the file locked.")]
    Restore {
        #[command(flatten)]
        of: One,
    },
    /// Keep a state of a file: no rule trims it
    Pin {
        #[command(flatten)]
        of: One,
    },
    /// Let rules trim a state of a file again
    Unpin {
        #[command(flatten)]
        of: One,
    },
    /// Give a state of a file a name; one that has a name is kept like one that is pinned
    #[command(after_help = "\
Examples:
  commonhold revision name /Projects/offer.docx 7 \"as sent to Example Ltd\"
  commonhold revision name /Projects/offer.docx 7 \"\"        takes the name away")]
    Name {
        #[command(flatten)]
        of: One,
        /// The name; empty for none
        name: String,
    },
    Trim(Trim),
}

/// One state of a file.
#[derive(Args)]
pub(super) struct One {
    /// As users see it, /Share/folder/file
    #[arg(value_parser = TreePath::parse)]
    path: TreePath,
    /// The number of the revision, as `revision list` shows it
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    number: i64,
}

/// Erase revisions of a file, or of every file in a folder or share; the present state always stays
#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true))]
#[command(after_help = "\
Examples:
  commonhold revision trim /Projects/plan.docx --number 3
  commonhold revision trim /Projects/plan.docx --keep 5          all but the five newest
  commonhold revision trim /Projects --older-than 90d            in every file of the share

What is older than a time is what had been replaced before it: afterwards each file can still be taken back to any moment since.
Pinned and named revisions stay, unless --pinned is given. There is no way back.
Needs `trim` where --as names a user, and the policy `user_trim_revisions`.")]
pub(super) struct Trim {
    /// A file, a folder or a share, as users see it
    #[arg(value_parser = TreePath::parse)]
    path: TreePath,
    /// This one, of a file
    #[arg(long, group = "which", value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    number: Option<i64>,
    /// Those that had been replaced before then
    #[arg(long, group = "which", value_name = "TIME", value_parser = moment::parse)]
    older_than: Option<Moment>,
    /// All but so many of each file, the newest
    #[arg(long, group = "which", value_name = "COUNT")]
    keep: Option<u64>,
    /// Also those that are pinned or have a name
    #[arg(long)]
    pinned: bool,
}

impl RevisionCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let mark = |pinned, label| Mark { pinned, label };
        match self {
            Self::List { path, json } => list(context, &path, json).await,
            Self::Show { of, json } => show(context, &of, json).await,
            Self::Get { of, out } => get(context, &of, out).await,
            Self::Restore { of } => restore(context, &of).await,
            Self::Pin { of } => say(context, &of, mark(Some(true), None), "is pinned").await,
            Self::Unpin { of } => say(context, &of, mark(Some(false), None), "is no longer pinned").await,
            Self::Name { of, name } if name.is_empty() => {
                say(context, &of, mark(None, Some(name)), "has no name any more").await
            }
            Self::Name { of, name } => {
                let told = format!("is called `{name}`");
                say(context, &of, mark(None, Some(name)), &told).await
            }
            Self::Trim(trim) => trim.run(context).await,
        }
    }
}

async fn list(context: Context, path: &TreePath, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let acting = Acting::reading(&context, &site.db).await?;
    let mut tx = site.db.read().await?;
    let found = acting.find(&mut tx, path).await?;
    confirm_file(&found)?;
    acting.permit(Operation::GetFile, &found)?;
    let rows: Vec<Row> = revision::list(&mut tx, found.node().id).await?.into_iter().map(Row::new).collect();
    let headings = ["number", "saved", "by", "through", "bytes", "kept", "name"];
    Ok(Answer::list(&rows, json, &headings, Row::cells))
}

/// The state that a command is about, for whoever may read the file.
async fn read(context: &Context, site: &Site, of: &One) -> Result<Revision, Failure> {
    let acting = Acting::reading(context, &site.db).await?;
    let mut tx = site.db.read().await?;
    let found = acting.find(&mut tx, &of.path).await?;
    confirm_file(&found)?;
    acting.permit(Operation::GetFile, &found)?;
    Ok(revision::find(&mut tx, found.node().id, of.number).await?)
}

async fn show(context: Context, of: &One, json: bool) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let row = Row::new(read(&context, &site, of).await?);
    if json {
        return Ok(Answer::json(&row));
    }
    Ok(Answer::said(facts(&[
        ("number", row.number.to_string()),
        ("state", if row.present { "present" } else { "earlier" }.to_owned()),
        ("saved", row.saved.clone()),
        ("modified", row.modified.clone()),
        ("by", row.author.clone().unwrap_or_default()),
        ("through", row.client.clone()),
        ("bytes", row.bytes.to_string()),
        ("BLAKE3", row.hash.clone()),
        ("kept", row.kept().to_owned()),
        ("name", row.name.clone()),
    ])))
}

async fn get(context: Context, of: &One, out: Option<PathBuf>) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let revision = read(&context, &site, of).await?;
    let mut target: Box<dyn Write> = match &out {
        Some(path) => Box::new(File::options().write(true).create_new(true).open(path)?),
        None => Box::new(std::io::stdout()),
    };
    let about = format!("revision {} of {}", of.number, of.path);
    let written = content::write(&site, (revision.content, revision.size), about.clone(), target.as_mut()).await;
    if let Err(error) = written {
        if let Some(path) = &out {
            // Half a file would be taken for the whole one.
            fs::remove_file(path)?;
        }
        return Err(Failure::new(format!("{about}: {error}")));
    }
    target.flush()?;
    // Nothing has changed; the audit has that somebody has read it.
    site.db.write().await?.commit().await?;
    Ok(Answer::said(match out {
        Some(path) => format!("wrote {} bytes to `{}`", revision.size, path.display()),
        None => String::new(),
    }))
}

async fn restore(context: Context, of: &One) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let (mut tx, now) = (site.db.write().await?, Moment::now());
    let acting = Acting::writing(&context, &mut tx).await?;
    let found = acting.find(&mut tx, &of.path).await?;
    confirm_file(&found)?;
    let permit = acting.permit(Operation::RestoreRevision, &found)?;
    let former = revision::find(&mut tx, found.node().id, of.number).await?;
    if former.present {
        return Err(Failure::new(format!("revision {} is what `{}` is already", of.number, found.shown)));
    }
    acting.confirm_lock(&mut tx, &found, now).await?;
    let ancestors = found.located.ancestors();
    let mut change = acting.change(&mut tx, &found.located, now);
    revision::restore(&mut change, acting.authority(&permit), found.node(), ancestors, &former).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("`{}` is what revision {} was", found.shown, of.number)))
}

async fn say(context: Context, of: &One, mark: Mark, told: &str) -> Result<Answer, Failure> {
    let site = context.site().await?;
    let mut tx = site.db.write().await?;
    let acting = Acting::writing(&context, &mut tx).await?;
    let found = acting.find(&mut tx, &of.path).await?;
    confirm_file(&found)?;
    let permit = acting.permit(Operation::RestoreRevision, &found)?;
    revision::mark(&mut tx, acting.authority(&permit), found.node(), of.number, &mark).await?;
    tx.commit().await?;
    Ok(Answer::said(format!("revision {} of `{}` {told}", of.number, found.shown)))
}

impl Trim {
    async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let acting = Acting::writing(&context, &mut tx).await?;
        let found = acting.find(&mut tx, &self.path).await?;
        let permit = acting.permit(Operation::Trim, &found)?;
        acting.confirm_inside(&mut tx, &found, Taking::Trimmed).await?;
        let which = match (self.number, self.older_than, self.keep) {
            (Some(number), _, _) => {
                confirm_file(&found)?;
                Which::Number(number)
            }
            (None, Some(moment), _) => Which::ReplacedBefore(moment),
            (None, None, keep) => Which::AllBut(keep.expect("clap wants one of them")),
        };
        let gone = revision::trim(&mut tx, acting.authority(&permit), found.node(), which, self.pinned).await?;
        tx.commit().await?;
        Ok(Answer::said(format!("trimmed {} revisions of `{}`, {} bytes", gone.revisions, found.shown, gone.bytes)))
    }
}

#[derive(Serialize)]
struct Row {
    number: i64,
    present: bool,
    saved: String,
    modified: String,
    author: Option<String>,
    client: String,
    bytes: u64,
    hash: String,
    pinned: bool,
    name: String,
    collision: bool,
}

impl Row {
    fn new(revision: Revision) -> Self {
        Self {
            number: revision.number,
            present: revision.present,
            saved: revision.written.rfc3339(),
            modified: revision.modified.rfc3339(),
            author: revision.author_name,
            client: revision.client,
            bytes: revision.size,
            hash: revision.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            pinned: revision.pinned,
            name: revision.label,
            collision: revision.overwritten_blindly,
        }
    }

    fn kept(&self) -> &'static str {
        match (self.present, self.pinned, self.collision) {
            (true, true, _) => "present, pinned",
            (true, false, _) => "present",
            (false, true, true) => "pinned, collision",
            (false, true, false) => "pinned",
            (false, false, true) => "collision",
            (false, false, false) => "",
        }
    }

    fn cells(&self) -> Vec<String> {
        let author = self.author.clone().unwrap_or_default();
        let kept = self.kept().to_owned();
        let number = self.number.to_string();
        let (client, name, saved) = (self.client.clone(), self.name.clone(), self.saved.clone());
        vec![number, saved, author, client, self.bytes.to_string(), kept, name]
    }
}
