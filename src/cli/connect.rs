//! `connect`: what a person needs to connect a machine to a share.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args;
use reqwest::Url;

use super::Context;
use super::output::{Answer, Failure};
use crate::connect::{Client, Mount, Step, guide};
use crate::directory::user;
use crate::guard::HOME;
use crate::shares;
use crate::site::Site;

/// Print what to type, click or import to connect a machine to a share
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold connect Projects --for windows --user ana
  commonhold connect Projects --for windows --write commonhold-windows.reg     registry values, each explained
  commonhold connect Projects --for rclone --url https://files.example.org
  commonhold connect Home --for macos

People find the same at /connect of the server. Passwords are nowhere in it: an app password for each machine comes from
commonhold user app-password.")]
pub(super) struct Connect {
    /// The share, or Home
    share: String,
    /// With what
    #[arg(long = "for", value_name = "CLIENT")]
    client: Client,
    /// How people reach the server, such as https://files.example.org, instead of the first of server.public_origins
    #[arg(long, value_name = "ORIGIN")]
    url: Option<String>,
    /// Who connects
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Write the client's file there, which must not exist, instead of printing it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Print a JSON array
    #[arg(long, conflicts_with = "write")]
    json: bool,
}

impl Connect {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let site = context.site().await?;
        let mut reads = site.db.read().await?;
        // As it is written, which may be other than it was typed.
        let share = match self.share.as_str() {
            HOME => HOME.to_owned(),
            name => shares::named(&mut reads, name).await?.name,
        };
        let user = match &self.user {
            Some(name) => Some(user::named(&mut reads, name).await?.name),
            None => None,
        };
        drop(reads);
        let origin = origin(&context, self.url.as_deref())?;
        let steps = guide(self.client, &Mount::new(&origin, &share, user.as_deref()));
        match self.write {
            Some(path) => write(&path, &steps),
            None if self.json => Ok(Answer::json(&steps)),
            None => Ok(Answer::said(steps.iter().map(told).collect::<Vec<_>>().join("\n"))),
        }
    }
}

/// How people reach the server: as the command says, else the configuration, else where the server listens. Errors: that is everywhere, which is no address.
pub(super) fn origin(context: &Context, named: Option<&str>) -> Result<String, Failure> {
    let config = &context.config;
    if let Some(named) = named.or(config.server.public_origins.first().map(String::as_str)) {
        return Ok(named.to_owned());
    }
    let scheme = if config.tls.is_on() { "https" } else { "http" };
    let listening = Site::told_address(&context.data);
    let listening = listening.unwrap_or_else(|| format!("{scheme}://{}", config.server.listen));
    let addresses = Url::parse(&listening).ok().and_then(|url| url.socket_addrs(|| None).ok()).unwrap_or_default();
    if addresses.iter().any(|address| address.ip().is_unspecified()) {
        let text = "the server listens at all addresses; say by which one people reach it: --url https://files.example.org, or server.public_origins";
        return Err(Failure::new(text));
    }
    Ok(listening)
}

fn told(step: &Step) -> String {
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    match step {
        Step::Do(text) => format!("{text}\n"),
        Step::Run(text) => indented(text),
        Step::File { name, text } => format!("{name}:\n{}", indented(text)),
    }
}

fn write(path: &PathBuf, steps: &[Step]) -> Result<Answer, Failure> {
    let mut files = steps.iter().filter_map(|step| match step {
        Step::File { text, .. } => Some(text),
        Step::Do(_) | Step::Run(_) => None,
    });
    let text =
        files.next().ok_or_else(|| Failure::new("this client needs no file; without --write you see what it needs"))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(Answer::said(format!("wrote {}", path.display())))
}
