//! `export`: a folder as plain files.

use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use commonhold_acl::Permission;

use super::Done;
use crate::cli::Context;
use crate::cli::content::{self, ContentError};
use crate::cli::history::Acting;
use crate::cli::output::{Answer, Failure};
use crate::cli::place::TreePath;
use crate::clock::Moment;
use crate::guard::{Reached, Zone};
use crate::site::Site;
use crate::tree::Node;
use crate::tree::list::{self, Cursor};

/// Names of files that are being written; a run that was cut off leaves one, which the next one replaces.
const PART: &str = ".commonhold-export-part";

/// Write a folder, or a whole share, as plain files with their times
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold export /Projects /mnt/copy/projects
  commonhold export ~ana/Reports /mnt/copy/ana --as ana       what she sees and may read

Works beside the running server. Again, it brings what has another size or time, over any plain file of that name, and leaves the rest; it removes nothing,
so what was deleted in the share stays in the copy. Names that the file system can't have and what may not be read are told, and the exit status is 1 then.
Earlier revisions, locks, properties and rights are no part of it: `backup` has them.")]
pub(in crate::cli) struct Export {
    /// The folder, such as /Projects/plans
    #[arg(value_parser = TreePath::parse)]
    path: TreePath,
    /// Where to; made when it is missing
    #[arg(value_name = "DIR")]
    into: PathBuf,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// A folder whose members are still to be written.
struct Todo {
    node: Node,
    zone: Zone,
    into: PathBuf,
    shown: String,
}

impl Export {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let acting = Acting::reading(&context, &site.db).await?;
        let found = acting.find(&mut site.db.read().await?, &self.path).await?;
        if !found.node().is_collection() {
            return Err(Failure::new(format!("`{}` is a file; name a folder", found.shown)));
        }
        let reached = acting.reached(found.share.id, &found.shown)?;
        let zone = reached.map(|reached| reached.zone(found.located.chain())).unwrap_or_default();
        DirBuilder::new().recursive(true).create(&self.into)?;
        let mut done = Done::default();
        let mut todo =
            vec![Todo { node: found.node().clone(), zone, into: self.into.clone(), shown: found.shown.clone() }];
        while let Some(folder) = todo.pop() {
            write_members(&site, reached, &folder, &mut todo, &mut done).await?;
        }
        // The audit tells what was taken along, and by whom.
        site.db.write().await?.commit().await?;
        let answer = if self.json { Answer::json(&done) } else { Answer::said(done.told("exported")) };
        Ok(answer.with_code(u8::from(done.left_out > 0)))
    }
}

async fn write_members(
    site: &Site,
    reached: Option<&Reached>,
    folder: &Todo,
    todo: &mut Vec<Todo>,
    done: &mut Done,
) -> Result<(), Failure> {
    let seen = reached.map(|reached| reached.filter(folder.zone, folder.node.id)).unwrap_or_default();
    let mut cursor = Some(Cursor::default());
    while let Some(after) = cursor {
        let (nodes, next) = list::members(&mut site.db.read().await?, &folder.node, &after, &seen).await?;
        cursor = next;
        for node in nodes {
            let zone = reached.map(|reached| reached.zone_below(folder.zone, node.id)).unwrap_or_default();
            let shown = format!("{}/{}", folder.shown, node.name);
            let into = folder.into.join(&node.name);
            if node.is_collection() {
                match make_folder(&into) {
                    Ok(()) => {
                        done.folders += 1;
                        todo.push(Todo { node, zone, into, shown });
                    }
                    Err(error) => done.leave_out(&shown, &error.to_string()),
                }
                continue;
            }
            let may_read = reached.is_none_or(|reached| reached.effective(zone, node.id).allows(Permission::Read));
            if !may_read {
                done.leave_out(&shown, "it may not be read");
            } else if is_same(&into, &node) {
                done.same += 1;
            } else {
                match write_file(site, &node, &into, &shown).await {
                    Ok(()) => (done.files, done.bytes) = (done.files + 1, done.bytes + node.size),
                    Err(Problem::OfTheFile(why)) => done.leave_out(&shown, &why),
                    Err(Problem::OfTheDisk(failure)) => return Err(failure),
                }
            }
        }
    }
    Ok(())
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(io::Error::other("something else is there")),
        Err(_) => DirBuilder::new().create(path),
    }
}

fn is_same(path: &Path, node: &Node) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| {
        let time = there.modified().ok().map(Moment::from);
        there.is_file() && there.len() == node.size && time == Some(node.modified)
    })
}

enum Problem {
    /// This one can't be had; others can.
    OfTheFile(String),
    /// Nothing more can be written.
    OfTheDisk(Failure),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::ReadOnlyFilesystem => Self::OfTheDisk(error.into()),
            _ => Self::OfTheFile(error.to_string()),
        }
    }
}

impl From<ContentError> for Problem {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Target(error) => error.into(),
            ContentError::Db(_) | ContentError::Row(_) | ContentError::Stored(_) | ContentError::Bytes(_) => {
                Self::OfTheFile(error.to_string())
            }
        }
    }
}

/// Writes beside the name and renames: a cut leaves the old file or the new one.
async fn write_file(site: &Site, node: &Node, path: &Path, shown: &str) -> Result<(), Problem> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(Problem::OfTheFile("something else is there".to_owned()));
    }
    let part = path.with_file_name(PART);
    let written = write_part(site, node, &part, shown).await.and_then(|()| Ok(fs::rename(&part, path)?));
    if written.is_err() {
        // The next file would replace it; after the last one of a folder nobody would.
        let _ = fs::remove_file(&part);
    }
    written
}

async fn write_part(site: &Site, node: &Node, part: &Path, shown: &str) -> Result<(), Problem> {
    let content = node.content.ok_or_else(|| Problem::OfTheFile("it has no content".to_owned()))?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(part)?;
    content::write(site, (content, node.size), shown.to_owned(), &mut file).await?;
    Ok(finish(&file, node)?)
}

fn finish(file: &File, node: &Node) -> io::Result<()> {
    file.set_times(FileTimes::new().set_modified(node.modified.system()))?;
    file.sync_all()
}
