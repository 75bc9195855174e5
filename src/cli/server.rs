//! `server`: which servers serve the site.

use clap::Subcommand;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use crate::clock::Moment;
use crate::servers::{self, Server};

#[derive(Subcommand)]
pub(super) enum ServerCommand {
    /// List the servers of a site that has several: name, version, address, since when, and when each was last seen
    #[command(after_help = "\
Examples:
  commonhold server list
  commonhold server list --json

A server says every 15 seconds that it runs. One that was stopped is gone from the list; one that was killed is `silent` after a minute, and stays
in the list for a week. Its name is `server.name` of the configuration, or its machine and process. Before an upgrade look here for servers of
older versions. A site whose rows lie in its own folder has one server, and none is listed.")]
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
}

impl ServerCommand {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let Self::List { json } = self;
        let site = context.site().await?;
        let now = Moment::now();
        let found = servers::all(&mut site.db.read().await?).await?;
        let rows: Vec<Row> = found.into_iter().map(|server| Row::new(server, now)).collect();
        Ok(Answer::list(&rows, json, &["name", "state", "version", "address", "started", "seen"], |row| {
            let [name, version, address] = [&row.name, &row.version, &row.address].map(String::clone);
            vec![name, row.state.to_owned(), version, address, row.started.clone(), row.seen.clone()]
        }))
    }
}

#[derive(Serialize)]
struct Row {
    name: String,
    state: &'static str,
    version: String,
    /// The newest change of the schema that it knows.
    schema: i64,
    address: String,
    started: String,
    seen: String,
}

impl Row {
    fn new(server: Server, now: Moment) -> Self {
        Self {
            state: if server.runs(now) { "running" } else { "silent" },
            name: server.name,
            version: server.version,
            schema: server.migration,
            address: server.address,
            started: server.started.rfc3339(),
            seen: server.seen.rfc3339(),
        }
    }
}
