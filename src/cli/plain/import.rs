//! `import`: plain files into a folder.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use commonhold_acl::{Channel, Object, Operation, Scene};

use super::Done;
use crate::blobs::Sealed;
use crate::cli::Context;
use crate::cli::history::CLIENT;
use crate::cli::output::{Answer, Failure};
use crate::cli::place::{Found, TreePath};
use crate::clock::Moment;
use crate::db::{Reads, WriteTx};
use crate::directory::user::{self, User};
use crate::guard::{self, Access, Caller, Guard, NotTaken, Reached};
use crate::locks::{self, Keys};
use crate::path::Name;
use crate::site::Site;
use crate::tree::change::{Change, Fresh};
use crate::tree::{self, Located, Node};

/// Files that one transaction brings: other writers come in between.
const FILES_AT_ONCE: usize = 32;
/// Bytes read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Bring a folder of plain files into a share, with their times
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold import /srv/old-share /Projects/old --dry-run
  commonhold import /srv/old-share /Projects/old --as ana       as far as ana may; she is who wrote them

Works beside the running server. The folder in the share must be there. What is there already under a name stays: a file with the same size and time counts
as brought, so a run that was cut off is simply run again; any other is told. Symbolic links, special files, names that can't be in a share, and
names that are the same but for the case of letters or the form of accents are told and left out, and the exit status is 1 then. Without --as the files are those
of the home's owner, or of the site's first administrator. Quotas, the largest file and excluded extensions hold.")]
pub(in crate::cli) struct Import {
    /// The folder of plain files
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The folder in the share, such as /Projects/old
    #[arg(value_parser = TreePath::parse)]
    path: TreePath,
    /// Say what would be brought, and bring nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Import {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let who = author(&context, &site, &self.path).await?;
        let found = self.path.find(&mut site.db.read().await?, Some(&who)).await?;
        if !found.node().is_collection() {
            return Err(Failure::new(format!("`{}` is a file; name a folder", found.shown)));
        }
        let caller = Caller::new(Arc::new(who), Channel::WebDav);
        let names = names_of(&found)?;
        let mut bringing = Bringing {
            site: &site,
            caller,
            found,
            guard: Guard::default(),
            dry_run: self.dry_run,
            done: Done::default(),
        };
        let mut todo = vec![(self.from.clone(), names)];
        while let Some((folder, names)) = todo.pop() {
            bringing.folder(&folder, &names, &mut todo).await?;
        }
        let done = bringing.done;
        let verb = if self.dry_run { "would bring" } else { "brought" };
        let answer = if self.json { Answer::json(&done) } else { Answer::said(done.told(verb)) };
        Ok(answer.with_code(u8::from(done.left_out > 0)))
    }
}

/// Whose files they become.
async fn author(context: &Context, site: &Site, path: &TreePath) -> Result<User, Failure> {
    let mut reads = site.db.read().await?;
    if let Some(actor) = context.administrator(&mut reads).await?.actor() {
        return Ok(actor.clone());
    }
    let (share, _) = path.share(&mut reads, None).await?;
    if let Some(owner) = share.owner {
        let owner = user::by_id(&mut reads, owner).await?;
        return owner.ok_or_else(|| Failure::new("the owner of the home is gone"));
    }
    let all = user::list(&mut reads).await?;
    let first = all.into_iter().find(|user| user.admin && user.enabled);
    first.ok_or_else(|| Failure::new("the site has no administrator; name a user with --as"))
}

fn names_of(found: &Found) -> Result<Vec<Name>, Failure> {
    let names = found.located.chain().iter().skip(1).map(|node| Name::parse(&node.name));
    names.collect::<Result<_, _>>().map_err(|_| Failure::new(format!("`{}` can't be written to", found.shown)))
}

/// One import under way.
struct Bringing<'s> {
    site: &'s Site,
    caller: Caller,
    found: Found,
    guard: Guard,
    dry_run: bool,
    done: Done,
}

/// A plain file that may be brought.
struct Plain {
    path: PathBuf,
    name: Name,
    size: u64,
    modified: Moment,
}

/// What has a name already.
enum There {
    Folder,
    File,
    /// In this folder; none where a run that isn't a dry one would have made it.
    Nothing(Option<Located>),
}

impl Bringing<'_> {
    /// Brings the files of one folder; its folders are made, and are to be done then.
    async fn folder(
        &mut self,
        folder: &Path,
        names: &[Name],
        todo: &mut Vec<(PathBuf, Vec<Name>)>,
    ) -> Result<(), Failure> {
        let mut files: Vec<Plain> = Vec::new();
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut keys = HashSet::new();
        for entry in entries {
            let path = entry.path();
            let told = path.display().to_string();
            let about = entry.metadata()?;
            if !about.is_file() && !about.is_dir() {
                self.done.leave_out(&told, if about.is_symlink() { "a symbolic link" } else { "no plain file" });
                continue;
            }
            let parsed = entry.file_name().to_str().map(Name::parse);
            let Some(Ok(name)) = parsed else {
                self.done.leave_out(&told, "its name can't be in a share");
                continue;
            };
            if !keys.insert(name.key()) {
                self.done.leave_out(&told, "another name is the same but for case or accents");
                continue;
            }
            if about.is_file() {
                files.push(Plain { path, name, size: about.len(), modified: Moment::from(about.modified()?) });
            } else if self.make_folder(names, &name, &told).await? {
                let below = names.iter().cloned().chain([name]).collect();
                todo.push((path, below));
            }
        }
        for some in files.chunks(FILES_AT_ONCE) {
            self.files(names, some).await?;
        }
        Ok(())
    }

    /// Makes a folder, unless it is there. False: something else is, or the share doesn't take its name.
    async fn make_folder(&mut self, names: &[Name], name: &Name, told: &str) -> Result<bool, Failure> {
        // Nobody waits for a folder that is there already, nor for a dry run.
        let mut there = self.look(&mut self.site.db.read().await?, names, name).await?;
        if matches!(there, There::Nothing(_)) && self.dry_run {
            let access = self.guard.access(&self.site.db, &self.caller).await?;
            let taken = self.reached(&access)?.takes_name(name);
            if let Err(why) = taken {
                self.done.leave_out(told, &why.to_string());
                return Ok(false);
            }
        }
        if matches!(there, There::Nothing(_)) && !self.dry_run {
            let mut tx = self.site.db.write().await?;
            there = self.look(&mut tx, names, name).await?;
            if let There::Nothing(Some(parent)) = &there {
                let (permit, reached) = self.permit(&mut tx, parent, Operation::Mkcol).await?;
                if let Err(why) = reached.takes_name(name) {
                    self.done.leave_out(told, &why.to_string());
                    return Ok(false);
                }
                let mut change = self.change(&mut tx, parent, &reached);
                change.create_collection(&permit, parent.chain(), name).await?;
                tx.commit().await?;
            }
        }
        match there {
            There::Folder => Ok(true),
            There::File => {
                self.done.leave_out(told, "a file of that name is there");
                Ok(false)
            }
            There::Nothing(_) => {
                self.done.folders += 1;
                Ok(true)
            }
        }
    }

    /// What has the name of a folder that is to be.
    async fn look(&self, tx: &mut impl Reads, names: &[Name], name: &Name) -> Result<There, Failure> {
        let Some(parent) = self.locate(tx, names).await? else { return Ok(There::Nothing(None)) };
        let found = tree::find_exact(tx, collection(&parent)?, name).await?;
        Ok(match found {
            Some(there) if there.is_collection() => There::Folder,
            Some(_) => There::File,
            None => There::Nothing(Some(parent)),
        })
    }

    /// The folder in the share; none where it would be made by a run that isn't a dry one.
    async fn locate(&self, tx: &mut impl Reads, names: &[Name]) -> Result<Option<Located>, Failure> {
        let located = tree::locate(tx, self.found.share.root, names).await?;
        if located.node().is_none() && !self.dry_run {
            return Err(Failure::new(format!("a folder of `{}` has gone meanwhile", self.found.shown)));
        }
        Ok(located.node().is_some().then_some(located))
    }

    /// What the law and the locks say about something new in the folder; with the share as it is reached.
    async fn permit(
        &self,
        tx: &mut WriteTx,
        parent: &Located,
        operation: Operation,
    ) -> Result<(commonhold_acl::Permit, Reached), Failure> {
        let access = self.guard.access_in(tx, &self.caller).await?;
        let reached = self.reached(&access)?;
        let chain = parent.chain();
        let scene = Scene::new().with(Object::Parent, reached.at(chain), guard::item(collection(parent)?));
        let permit = guard::permit(operation, &scene)
            .map_err(|refused| Failure::denied(refused.denial.explain(&self.found.shown).sentence))?;
        let keys = Keys { user: self.caller.user.id, tokens: &[] };
        locks::confirm(tx, chain, keys, Moment::now()).await?;
        Ok((permit, reached.clone()))
    }

    fn change<'t>(&self, tx: &'t mut WriteTx, parent: &Located, reached: &Reached) -> Change<'t> {
        let change = Change::begin(tx, parent, self.caller.user.id, Moment::now());
        change.through(CLIENT.to_owned()).sweeping_litter(reached.measures().hides_litter())
    }

    fn reached<'a>(&self, access: &'a Access) -> Result<&'a Reached, Failure> {
        let reached = access.by_id(self.found.share.id);
        reached.ok_or_else(|| Failure::new(format!("there is no `{}`", self.found.shown)))
    }

    async fn files(&mut self, names: &[Name], files: &[Plain]) -> Result<(), Failure> {
        let mut new = Vec::new();
        {
            let mut reads = self.site.db.read().await?;
            let parent = self.locate(&mut reads, names).await?;
            let access = self.guard.access(&self.site.db, &self.caller).await?;
            let reached = self.reached(&access)?;
            for file in files {
                let told = file.path.display().to_string();
                let there = match &parent {
                    Some(parent) => tree::find_exact(&mut reads, collection(parent)?, &file.name).await?,
                    None => None,
                };
                match there {
                    Some(there) if there.size == file.size && there.modified == file.modified => self.done.same += 1,
                    Some(_) => self.done.leave_out(&told, "something else of that name is there"),
                    // A courtesy: no bytes are read for nothing.
                    None => match taken(reached, file, file.size) {
                        Err(why) => self.done.leave_out(&told, &why.to_string()),
                        Ok(()) => new.push(file),
                    },
                }
            }
        }
        if self.dry_run || new.is_empty() {
            self.done.files += new.len() as u64;
            self.done.bytes += new.iter().map(|file| file.size).sum::<u64>();
            return Ok(());
        }
        // Bytes first: nothing waits for the disk while a transaction is open.
        let mut staged: Vec<(&Plain, Fresh)> = Vec::new();
        for file in new {
            match self.stage(&file.path).await {
                Ok(sealed) => staged.push((file, Fresh::from(sealed))),
                Err(Staging::Unreadable(error)) => self.done.leave_out(&file.path.display().to_string(), &error),
                Err(Staging::Store(failure)) => return Err(failure),
            }
        }
        let (mut files, mut bytes) = (0, 0);
        let mut tx = self.site.db.write().await?;
        for (file, content) in &staged {
            let Some(parent) = self.locate(&mut tx, names).await? else { continue };
            let (permit, reached) = self.permit(&mut tx, &parent, Operation::PutNew).await?;
            let told = file.path.display().to_string();
            if tree::find_exact(&mut tx, collection(&parent)?, &file.name).await?.is_some() {
                self.done.leave_out(&told, "the name was taken meanwhile");
                continue;
            }
            if let Err(why) = taken(&reached, file, content.size) {
                self.done.leave_out(&told, &why.to_string());
                continue;
            }
            let mut change = self.change(&mut tx, &parent, &reached);
            change.create_file(&permit, parent.chain(), &file.name, content, Some(file.modified)).await?;
            (files, bytes) = (files + 1, bytes + content.size);
        }
        tx.commit().await?;
        (self.done.files, self.done.bytes) = (self.done.files + files, self.done.bytes + bytes);
        Ok(())
    }

    async fn stage(&self, path: &Path) -> Result<Sealed, Staging> {
        let unreadable = |error: std::io::Error| Staging::Unreadable(error.to_string());
        let mut file = File::open(path).map_err(unreadable)?;
        let mut staged = self.site.blobs.stage();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut chunk).map_err(unreadable)? {
                0 => break,
                read => {
                    let bytes = Bytes::copy_from_slice(&chunk[..read]);
                    staged.write(bytes).await.map_err(|error| Staging::Store(error.into()))?;
                }
            }
        }
        staged.finish().await.map_err(|error| Staging::Store(error.into()))
    }
}

/// Whether the share takes a file of so many bytes. Errors: why not.
fn taken(reached: &Reached, file: &Plain, bytes: u64) -> Result<(), NotTaken> {
    reached.takes(file.name.as_str(), bytes)?;
    reached.takes_name(&file.name)
}

/// Why a file's bytes were not taken in.
enum Staging {
    Unreadable(String),
    Store(Failure),
}

fn collection(located: &Located) -> Result<&Node, Failure> {
    let node = located.node().filter(|node| node.is_collection());
    node.ok_or_else(|| Failure::new("a folder is not there any more"))
}
