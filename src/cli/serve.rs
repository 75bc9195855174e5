//! `serve`: runs the server until it is told to stop.

use std::net::SocketAddr;

use clap::Args;

use super::Context;
use super::output::{self, Answer, Failure};
use crate::directory::{DirectoryError, organization};
use crate::doors::{Listening, Purpose};
use crate::reload::Hangup;
use crate::{app, telemetry};

/// Serve the site until SIGTERM or Ctrl-C; then finish what runs and end
#[derive(Args)]
#[command(after_help = "\
Examples:
  commonhold serve
  commonhold serve --listen 127.0.0.1:0               a free port, named in the line that is printed
  commonhold serve --config /etc/commonhold.toml

Plain HTTP shows passwords to the network, so only this machine is served as long as the configuration gives no certificate ([tls], or
[tls.acme] to have one fetched), names no proxy (net.trusted_proxies), and doesn't allow it (server.insecure_http).

SIGHUP: reads log.level and the certificate anew, and opens the access log again.")]
pub(super) struct Serve {
    /// Address and port, instead of `server.listen` of the configuration
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        telemetry::start(&context.config.log)?;
        let site = context.site().await?.unsealed();
        if let Err(error) = organization::first(&mut site.db.read().await?).await {
            return Err(match error {
                DirectoryError::NoOrganization => {
                    Failure::new("there is no site yet: neither `init` nor `migrate` has come to its end here")
                }
                other => other.into(),
            });
        }
        let listen = self.listen.unwrap_or(context.config.server.listen);
        let hangup = Hangup::ReadAnew(context.config_file);
        app::serve(site, (context.config, hangup), listen, |listening| announce("", listening)).await?;
        Ok(Answer::said(""))
    }
}

/// Prints a line for each address, after what else there is to say. A closed standard output stops no server.
pub(super) fn announce(before: &str, listening: &[Listening]) {
    let lines = listening.iter().map(|one| match one.purpose {
        Purpose::Files => format!("listening on {}\n", one.url()),
        Purpose::Redirect => format!("redirecting from {}\n", one.url()),
        Purpose::Counts => format!("metrics at {}/metrics\n", one.url()),
    });
    if let Err(error) = output::write(&(before.to_owned() + &lines.collect::<String>())) {
        tracing::warn!(%error, "standard output takes no words");
    }
}
