//! `doctor`: is the site sound, and does a client's own conversation go through to it? Each thing that was looked at is a line, with the
//! remedy where it isn't right.
//!
//! Here: the command. What is looked at lies in `site.rs` for the site itself, and in a file for each client that is played
//! against a server, ours or any other. Nothing of a site is changed, but that its schema is brought up to date, as by every command; what a
//! visit makes lies in a folder of its own, which it removes.

mod client;
mod finder;
mod finding;
mod office;
mod proxy;
mod site;
mod visit;
mod windows;
mod wire;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Url;
use uuid::Uuid;

use super::Context;
use super::output::{Answer, Failure};
use super::password;
use crate::config::ConfigError;
use client::{Http, Login, Trust};
use finding::Finding;
use visit::Visit;

/// Examine the site, or a server as a client sees it; exit 1 if anything doesn't work
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  commonhold doctor                                             folder, disk, clock, database, contents, certificate, server
  commonhold doctor windows https://files.example.org/dav/Projects --user ana --password-stdin < pw
  commonhold doctor proxy https://files.example.org/dav/Projects --user ana --password-stdin < pw

With the name of a client it sends that client's own requests to the URL, which is best the one that people use, through all proxies; the
server may be any that speaks WebDAV. It works in a folder of its own, `.commonhold-doctor-...`, and removes it."
)]
pub(super) struct Doctor {
    #[command(subcommand)]
    client: Option<Client>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Client {
    /// As a mapped drive of Windows: walk down from the host's root, copy in, rename, list
    Windows(Server),
    /// As macOS does with a mounted folder: save in chunks, small files, accents
    Finder(Server),
    /// As Word does: discover, lock, save, save as
    Office(Server),
    /// What stands before the server and what it changes: paths, headers, large bodies
    Proxy(Server),
}

#[derive(Args)]
struct Server {
    /// A folder in which the person may create, change and delete
    url: Url,
    /// Log in with this name
    #[arg(long, value_name = "USER", requires = "password_stdin")]
    user: Option<String>,
    /// and the password, or better an app password, that is the first line of standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Trust certificates of the authorities in this PEM file too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Take any certificate; the password may then reach somebody else
    #[arg(long)]
    insecure: bool,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        match self.client {
            None => Ok(finding::answer(&site::examine(&context).await, self.json)),
            Some(client) => client.run().await,
        }
    }

    /// Whether it is about the site here, not about a server somewhere.
    pub fn is_of_site(&self) -> bool {
        self.client.is_none()
    }

    /// The examination where the configuration can't be read: it ends there.
    pub fn about_configuration(&self, error: &ConfigError) -> Result<Answer, Failure> {
        let remedy = "mend that line; config/commonhold.toml shows every key with its default";
        Ok(finding::answer(&[Finding::failure("configuration", error.to_string(), remedy)], self.json))
    }
}

impl Client {
    async fn run(self) -> Result<Answer, Failure> {
        let agent = match &self {
            Self::Windows(_) => windows::AGENT,
            Self::Finder(_) => finder::AGENT,
            Self::Office(_) => office::AGENT,
            Self::Proxy(_) => proxy::AGENT,
        };
        let (Self::Windows(server) | Self::Finder(server) | Self::Office(server) | Self::Proxy(server)) = &self;
        let mut visit = Visit::new(server.connect(agent)?, &Uuid::new_v4().simple().to_string()[..8]);
        match &self {
            Self::Windows(_) => windows::run(&mut visit).await,
            Self::Finder(_) => finder::run(&mut visit).await,
            Self::Office(_) => office::run(&mut visit).await,
            Self::Proxy(_) => proxy::run(&mut visit).await,
        }
        Ok(finding::answer(&visit.end().await, server.json))
    }
}

impl Server {
    fn connect(&self, agent: &str) -> Result<Http, Failure> {
        if !matches!(self.url.scheme(), "http" | "https") || !self.url.has_host() {
            return Err(Failure::new(format!("`{}` is no `http://` or `https://` URL", self.url)));
        }
        if self.url.password().is_some() || !self.url.username().is_empty() {
            return Err(Failure::new(
                "the URL names a person: use --user and --password-stdin, which nobody else sees",
            ));
        }
        let login = match &self.user {
            Some(name) => Some(Login { name: name.clone(), secret: password::typed()? }),
            None => None,
        };
        let authorities = self.ca.as_ref().map(std::fs::read).transpose()?;
        Http::new(self.url.clone(), login, &Trust { authorities, any: self.insecure }, agent)
    }
}
