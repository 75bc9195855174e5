//! The command line. A file for each noun; each command is read by clap, does its work through the rooms, and answers with a text.
//!
//! Whoever can write the site's files is its owner, so nothing here asks who may, unless `--as` names somebody in whose name
//! it is done. Commands work beside a running server, and
//! what they change holds from the next request on. Exit status: 0 done, 1 can't (one line on standard error), 2 wrong usage,
//! 3 "denied" from `explain`.

mod access;
mod audit;
mod backup;
mod completions;
mod connect;
mod content;
mod deed;
mod demo;
mod department;
mod device;
mod doctor;
mod door;
mod explain;
mod gc;
mod grant;
mod group;
mod help;
mod history;
mod import;
mod init;
mod job;
mod lock;
mod man;
mod migrate;
mod moment;
mod office_url;
mod org;
mod output;
mod password;
mod place;
mod plain;
mod policy;
mod principal;
mod revision;
mod role;
mod rollback;
mod self_made;
mod serve;
mod server;
mod share;
mod sheet;
mod snapshot;
mod span;
mod switch;
mod trash;
mod user;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{self, Config};
use crate::db::Reads;
use crate::directory::organization::Organization;
use crate::directory::{self, Administrator, DirectoryError, organization};
use crate::site::{Site, SiteError};
use deed::Deed;
use output::{Answer, Failure};

const EXAMPLES: &str = "\
Examples:
  commonhold try                                       a site with people and a share, to play with
  commonhold init --org Acme --admin root              a site of your own
  commonhold user add ana                              prints a password once
  commonhold department add Sales --admin ana          who may administer it: commonhold --as ana user add ben --department Sales
  commonhold user app-password ana --label notebook    prints an app password for a drive once
  commonhold share add Projects --owner ana
  commonhold serve
  commonhold grant add /Projects/plans --user ben --level read     on any folder or file
  commonhold explain ana /Projects delete              may she, and why
  commonhold access --path /Projects                   who may what there, and where it comes from

Everybody's shares are then at http://127.0.0.1:8080/dav/.";

/// A self-hosted team-share server: shared folders as mapped drives, and one law of who may do what.
#[derive(Parser)]
#[command(name = "commonhold", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Place {
    /// The folder of the site
    #[arg(
        long,
        global = true,
        help_heading = "Site",
        value_name = "DIR",
        env = "COMMONHOLD_DATA",
        default_value = "./data"
    )]
    data: PathBuf,
    /// Do it in the name of this user, as far as he reaches: administrators of the site, of an organization or of a
    /// department, co-owners of a share, everybody for himself. For the commands about organizations and people
    #[arg(long = "as", global = true, help_heading = "Site", value_name = "USER")]
    acting: Option<String>,
    /// A TOML file with settings; config/commonhold.toml shows all of them
    #[arg(long, global = true, help_heading = "Site", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    Try(demo::Try),
    Init(init::Init),
    Serve(serve::Serve),
    /// Organizations: their limits, their policies, whether they are active
    #[command(subcommand)]
    Org(org::OrgCommand),
    /// Departments of an organization and their members
    #[command(subcommand)]
    Department(department::DepartmentCommand),
    /// Users and their passwords
    #[command(subcommand)]
    User(user::UserCommand),
    /// Groups of users and groups
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Machines that are registered for a user, each with its own app password
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Team shares and public folders, who has them, and through which doors
    #[command(subcommand)]
    Share(share::ShareCommand),
    /// What people may be given: named sets of permissions
    #[command(subcommand)]
    Role(role::RoleCommand),
    /// What organizations and shares say about files, history and people
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Who has which file or folder for himself
    #[command(subcommand)]
    Lock(lock::LockCommand),
    /// What users and groups were given or refused on folders and files
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// What was deleted: who, when, from where; restore it, purge it
    #[command(subcommand)]
    Trash(trash::TrashCommand),
    /// What files were before: list, fetch, restore, keep and trim their revisions
    #[command(subcommand)]
    Revision(revision::RevisionCommand),
    Rollback(rollback::Rollback),
    Snapshot(snapshot::TakeSnapshot),
    Access(access::Access),
    /// The servers of a site that has several
    #[command(subcommand)]
    Server(server::ServerCommand),
    Explain(explain::Explain),
    Audit(audit::Audit),
    /// What the server does by itself: when it last did it, when it will again, and what it did
    #[command(subcommand)]
    Job(job::JobCommand),
    Doctor(doctor::Doctor),
    Gc(gc::Gc),
    Verify(verify::Verify),
    Migrate(migrate::Migrate),
    Backup(backup::Backing),
    Export(plain::Export),
    Import(plain::Import),
    Restore(backup::Restoring),
    Connect(connect::Connect),
    OfficeUrl(office_url::OfficeUrls),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Whether it asks how far somebody reaches in whose name it is done. The others are the site's owner's.
    fn takes_actor(&self) -> bool {
        matches!(
            self,
            Self::Org(_)
                | Self::Department(_)
                | Self::User(_)
                | Self::Group(_)
                | Self::Device(_)
                | Self::Share(_)
                | Self::Role(_)
                | Self::Policy(_)
                | Self::Trash(_)
                | Self::Revision(_)
                | Self::Rollback(_)
                | Self::Snapshot(_)
                | Self::Export(_)
                | Self::Import(_)
                | Self::OfficeUrl(_)
        )
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let matches = help::laid_out(Cli::command(), help::width()).get_matches();
    let deed = Deed::new(&matches, &config::command_line());
    // What clap's own commands can't give is told as clap tells it.
    let Cli { place, command } = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(place, command, deed).and_then(Answer::print) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(place: Place, command: Command, deed: Deed) -> Result<Answer, Failure> {
    if place.acting.is_some() && !command.takes_actor() {
        return Err(Failure::new(
            "`--as` is for the commands about organizations, departments, groups, users, devices, shares, roles, policies, \
             the trash, revisions, rolling back, snapshots, export, import and Office URLs",
        ));
    }
    let config = match (Config::load(place.config.as_deref()), &command) {
        (Err(error), Command::Doctor(doctor)) if doctor.is_of_site() => return doctor.about_configuration(&error),
        // What is asked of a server somewhere has nothing to do with a configuration here.
        (Err(_), Command::Doctor(_)) => Config::default(),
        (config, _) => config?,
    };
    let deed = Arc::new(deed);
    let (data, acting, config_file) = (place.data, place.acting, place.config);
    let context = Context { data, acting, config, config_file, deed: Arc::clone(&deed) };
    let (data, config) = (context.data.clone(), context.config.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let answered = match command {
            Command::Try(demo) => demo.run(context).await,
            Command::Init(init) => init.run(context).await,
            Command::Serve(serve) => serve.run(context).await,
            Command::Org(org) => org.run(context).await,
            Command::Department(department) => department.run(context).await,
            Command::User(user) => user.run(context).await,
            Command::Group(group) => group.run(context).await,
            Command::Device(device) => device.run(context).await,
            Command::Share(share) => share.run(context).await,
            Command::Role(role) => role.run(context).await,
            Command::Policy(policy) => policy.run(context).await,
            Command::Lock(lock) => lock.run(context).await,
            Command::Grant(grant) => grant.run(context).await,
            Command::Trash(trash) => trash.run(context).await,
            Command::Revision(revision) => revision.run(context).await,
            Command::Rollback(rollback) => rollback.run(context).await,
            Command::Snapshot(snapshot) => snapshot.run(context).await,
            Command::Access(access) => access.run(context).await,
            Command::Explain(explain) => explain.run(context).await,
            Command::Audit(audit) => audit.run(context).await,
            Command::Job(job) => job.run(context).await,
            Command::Doctor(doctor) => doctor.run(context).await,
            Command::Gc(gc) => gc.run(context).await,
            Command::Server(server) => server.run(context).await,
            Command::Export(export) => export.run(context).await,
            Command::Import(import) => import.run(context).await,
            Command::Backup(backup) => backup.run(context).await,
            Command::Restore(restore) => restore.run(context).await,
            Command::Verify(verify) => verify.run(context).await,
            Command::Migrate(migrate) => migrate.run(context).await,
            Command::Connect(connect) => connect.run(context).await,
            Command::OfficeUrl(office_url) => office_url.run(context).await,
            Command::Completions(completions) => Ok(completions.run()),
            Command::Man(man) => man.run(),
        };
        if let Err(failure) = &answered
            && failure.is_denial()
        {
            deed.deny(&Site::open(&data, &config).await?, failure).await?;
        }
        answered
    })
}

/// What a command works on.
struct Context {
    data: PathBuf,
    /// In whose name it is done; the site's owner's if nobody is named.
    acting: Option<String>,
    config: Config,
    /// Where it was read from.
    config_file: Option<PathBuf>,
    deed: Arc<Deed>,
}

impl Context {
    /// The site, which must be there. Each of its changes leaves a record of this command.
    async fn site(&self) -> Result<Site, Failure> {
        Ok(Site::open(&self.data, &self.config).await?.sealed_by(self.deed.clone()))
    }

    /// What proves that the command may change what it changes.
    async fn administrator(&self, reads: &mut impl Reads) -> Result<Administrator, Failure> {
        match &self.acting {
            None => Ok(Administrator::of_the_site()),
            Some(name) => {
                let user = directory::user::named(reads, name).await?;
                self.deed.acts_as(&user);
                Ok(Administrator::acting(reads, user).await?)
            }
        }
    }

    /// The organization that a command works in: the named one; else that of whoever acts, or the site's first.
    async fn organization(&self, reads: &mut impl Reads, name: Option<&str>) -> Result<Organization, Failure> {
        match (name, &self.acting) {
            (Some(name), _) => Ok(organization::named(reads, name).await?),
            (None, None) => Ok(organization::first(reads).await?),
            (None, Some(actor)) => {
                let of = directory::user::named(reads, actor).await?.org;
                Ok(organization::by_id(reads, of).await?.ok_or(DirectoryError::NoOrganization)?)
            }
        }
    }

    /// A site with nothing in it: a new one, or what is left of an `init` that was cut off.
    async fn empty_site(&self) -> Result<Site, Failure> {
        let site = if Site::exists(&self.data, &self.config) {
            let site = self.site().await?;
            let first = organization::first(&mut site.db.read().await?).await;
            match first {
                Err(DirectoryError::NoOrganization) => site,
                Err(other) => return Err(other.into()),
                Ok(_) => return Err(SiteError::Exists(self.data.clone()).into()),
            }
        } else {
            Site::create(&self.data, &self.config).await?.sealed_by(self.deed.clone())
        };
        site.blobs.found().await.map_err(SiteError::from)?;
        Ok(site)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_commands_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
