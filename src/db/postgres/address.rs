//! Where a database is: the hosts of a primary and its standbys, of which the one that takes writes is used.
//!
//! `postgres://user:password@first:5432,second:5432/name`: as libpq writes several hosts. A connection goes to the host that was right last, and else to
//! the others in turn; one that is a standby, or does not answer in time, is passed over. So a failover needs nothing between server and database.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tracing::log::LevelFilter;

use super::super::DbError;
use super::super::readers::READERS_MAX;
use super::super::source::Purpose;
use super::meaning;

/// How long one host may take to give a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a statement waits for rows, or a writer for its turn among all servers. Then the answer is "busy".
pub(super) const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
/// A reading statement that takes longer is given up by the database.
const READ_STATEMENT_MAX: Duration = Duration::from_secs(300);
/// A writer that says nothing for so long in the middle of a transaction is taken for dead, and the others go on. There is no limit on a writer's
/// statement: on a primary that waits for its standby it would turn "not safe yet" into "done".
const WRITER_SILENT_MAX: Duration = Duration::from_secs(30);
/// A peer that is gone without a word is noticed after about twice so long.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// What asks a host whether it takes writes.
const IS_STANDBY: &str = "select pg_is_in_recovery()";

/// Where a database is.
#[derive(Debug, Clone)]
pub struct Address {
    hosts: Vec<PgConnectOptions>,
    readers_max: usize,
    /// The one that was right last.
    current: Arc<AtomicUsize>,
}

impl FromStr for Address {
    type Err = String;

    /// Errors: what is wrong with the URL, without what it says.
    fn from_str(url: &str) -> Result<Self, String> {
        let hosts = split_hosts(url).iter().map(|url| options(url)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { hosts, readers_max: READERS_MAX, current: Arc::default() })
    }
}

/// A URL for each of the hosts that are named with commas between them.
fn split_hosts(url: &str) -> Vec<String> {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
    let hosts = url[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
    url[hosts..end].split(',').map(|host| format!("{}{host}{}", &url[..hosts], &url[end..])).collect()
}

fn options(url: &str) -> Result<PgConnectOptions, String> {
    let options = PgConnectOptions::from_str(url).map_err(|error| error.to_string())?;
    Ok(options.application_name("commonhold").log_statements(LevelFilter::Off))
}

/// What a connection asks of the database, by what it is for.
fn settings(purpose: Purpose) -> Vec<(&'static str, String)> {
    let ms = |span: Duration| span.as_millis().to_string();
    let s = |span: Duration| span.as_secs().to_string();
    let mut settings = vec![
        ("lock_timeout", ms(LOCK_WAIT_MAX)),
        ("client_min_messages", "warning".to_owned()),
        // Compiling the check of a small site takes 1.5 s and saves nothing.
        ("jit", "off".to_owned()),
        ("tcp_keepalives_idle", s(KEEPALIVE)),
        ("tcp_keepalives_interval", s(KEEPALIVE / 5)),
        ("tcp_keepalives_count", "5".to_owned()),
    ];
    settings.push(match purpose {
        Purpose::Read => ("statement_timeout", ms(READ_STATEMENT_MAX)),
        Purpose::WriteDurably | Purpose::WriteRelaxed => ("idle_in_transaction_session_timeout", ms(WRITER_SILENT_MAX)),
    });
    settings
}

impl Address {
    /// With so many connections that read at the same time.
    pub fn with_readers(self, readers_max: usize) -> Self {
        Self { readers_max, ..self }
    }

    /// How many read at the same time.
    pub(in super::super) fn readers_max(&self) -> usize {
        self.readers_max
    }

    /// Connects to the host that takes writes. Errors: [`DbError::Lost`] when none of them does.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<PgConnection, DbError> {
        let first = self.current.load(Ordering::Relaxed);
        let mut why = DbError::Lost("no host is named".into());
        for turn in 0..self.hosts.len() {
            let at = (first + turn) % self.hosts.len();
            match tokio::time::timeout(CONNECT_MAX, connect(&self.hosts[at], purpose)).await {
                Ok(Ok(conn)) => {
                    self.current.store(at, Ordering::Relaxed);
                    return Ok(conn);
                }
                Ok(Err(error)) => why = error,
                Err(_) => why = DbError::Lost("no connection came about in time".into()),
            }
        }
        Err(why)
    }
}

async fn connect(host: &PgConnectOptions, purpose: Purpose) -> Result<PgConnection, DbError> {
    let options = host.clone().options(settings(purpose));
    let mut conn = options.connect().await.map_err(|error| match meaning(&error) {
        // Whatever it says, a database that lets nobody in can't be reached: it may be starting, or closed for a while.
        DbError::Statement(why) => DbError::Lost(why),
        other => other,
    })?;
    let standby: bool = sqlx::query_scalar(IS_STANDBY).fetch_one(&mut conn).await.map_err(|error| meaning(&error))?;
    if standby {
        // It may lag behind: what it says of yesterday's rights must not count.
        let _ = conn.close().await;
        return Err(DbError::Lost("the host is a standby".into()));
    }
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_hosts_share_all_that_stands_around_them() {
        for (url, each) in [
            (
                "postgres://u:p@a:5432,b:5433/db?x=1",
                vec!["postgres://u:p@a:5432/db?x=1", "postgres://u:p@b:5433/db?x=1"],
            ),
            ("postgres://a/db", vec!["postgres://a/db"]),
            (
                "postgres://u:p%40,@%2Ftmp%2Fa,%2Ftmp%2Fb",
                vec!["postgres://u:p%40,@%2Ftmp%2Fa", "postgres://u:p%40,@%2Ftmp%2Fb"],
            ),
            (
                "postgres://a,b,c?sslmode=require",
                vec!["postgres://a?sslmode=require", "postgres://b?sslmode=require", "postgres://c?sslmode=require"],
            ),
        ] {
            assert_eq!(split_hosts(url), each, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        let why = "postgres://u:secret@a:port/db".parse::<Address>().unwrap_err();
        assert!(!why.contains("secret"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart(url in ".{0,80}") {
            let whole = url.split(',').count();
            let each = split_hosts(&url);
            proptest::prop_assert!(!each.is_empty() && each.len() <= whole);
            let _ = url.parse::<Address>();
        }
    }
}
