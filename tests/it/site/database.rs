//! A database of a site's own on a PostgreSQL server, when the tests are to run on one.
//!
//! `COMMONHOLD_TEST_POSTGRES=postgres://postgres@127.0.0.1:5433 cargo test --test it` does every conversation over again there.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, Executor};

/// Names the server.
const SERVER: &str = "COMMONHOLD_TEST_POSTGRES";

/// What others do meanwhile takes no longer.
const PATIENCE: Duration = Duration::from_secs(30);

static MADE: AtomicU32 = AtomicU32::new(0);

/// Whether the sites of this run keep their rows on a server: then what is about the embedded database has nothing to look at.
pub fn is_elsewhere() -> bool {
    std::env::var(SERVER).is_ok_and(|server| !server.is_empty())
}

/// A database, which goes with it.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// A new, empty one; `None` when the tests run on the embedded database.
    pub fn wanted() -> Option<Self> {
        let server = std::env::var(SERVER).ok().filter(|server| !server.is_empty())?;
        let name = format!("it_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let database = Self { server, name };
        database.sql(&format!("create database {}", database.name));
        Some(database)
    }

    /// What names it in `storage.database`.
    pub fn url(&self) -> String {
        format!("{}/{}", self.server.trim_end_matches('/'), self.name)
    }

    /// Ends every connection to it, as a server that is restarted does.
    pub fn cut_connections(&self) {
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname";
        self.sql(&format!("{cut} = '{}'", self.name));
    }

    /// Lets new connections in, or none but the administrator's, as a server that is starting does.
    pub fn lets_in(&self, yes: bool) {
        self.sql(&format!("alter database {} with allow_connections {yes}", self.name));
    }

    /// What a question to it gives, as `psql` writes it.
    pub fn answer(&self, question: &str) -> String {
        let ran = Command::new("psql").args(["-qAtX", "-c", question, &self.url()]).output();
        let ran = ran.expect("`psql` is installed");
        assert!(ran.status.success(), "{question}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }

    /// Changes its rows.
    #[track_caller]
    pub fn change(&self, statements: &str) {
        run(&self.url(), statements);
    }

    /// Takes the writer's turn.
    #[track_caller]
    pub fn write(&self) -> Writing {
        let mut session = self.session();
        session.send("begin; select pg_advisory_xact_lock(7236825610); select 'the turn is taken';");
        let taken = "select count(*) from pg_stat_activity where datname = current_database()
                     and state = 'idle in transaction' and query like '%the turn is taken%' and pid <> pg_backend_pid()";
        let begun = Instant::now();
        while self.answer(taken) != "1" {
            assert!(begun.elapsed() < PATIENCE, "the server's own changes end");
        }
        Writing::There { _session: session }
    }

    /// A connection beside the server's, whose statements are sent one after the other and not waited for.
    pub fn session(&self) -> Session {
        let started = Command::new("psql")
            .args(["-qAtX", "-v", "ON_ERROR_STOP=1", &self.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        Session { psql: started.expect("`psql` is installed") }
    }

    fn sql(&self, statement: &str) {
        run(&format!("{}/postgres", self.server.trim_end_matches('/')), statement);
    }
}

/// Somebody else at the database.
pub struct Session {
    psql: Child,
}

impl Session {
    /// Sends statements.
    #[track_caller]
    pub fn send(&mut self, statements: &str) {
        let input = self.psql.stdin.as_mut().expect("it was made with one");
        writeln!(input, "{statements}").and_then(|()| input.flush()).expect("`psql` reads");
    }

    /// Waits until all that was sent is done. None of it may have failed.
    #[track_caller]
    pub fn ends(mut self) {
        drop(self.psql.stdin.take());
        let status = self.psql.wait().expect("it is the test's");
        assert!(status.success(), "a statement of the session failed");
    }
}

/// Changes the rows of an embedded database, whose own checks of what names what are off.
#[track_caller]
pub fn change_file(file: &Path, statements: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).foreign_keys(false);
    runtime.block_on(async {
        let mut database = sqlx::SqliteConnection::connect_with(&options).await.expect("the database opens");
        let done = database.execute(sqlx::AssertSqlSafe(statements)).await;
        let done = done.unwrap_or_else(|error| panic!("{statements}: {error}"));
        assert!(done.rows_affected() > 0, "{statements}: nothing is changed");
        database.close().await.expect("it closes");
    });
}

/// What a question to an embedded database gives, one number.
#[track_caller]
pub fn count_in_file(file: &Path, question: &str) -> i64 {
    let database = rusqlite::Connection::open(file).expect("the database opens");
    let found = database.busy_timeout(PATIENCE).and_then(|()| database.query_row(question, [], |row| row.get(0)));
    found.unwrap_or_else(|error| panic!("{question}: {error}"))
}

/// The one writer's turn, taken by somebody else: nothing of the site is changed until this is dropped.
pub enum Writing {
    /// An embedded database's.
    Here {
        /// Its own connection.
        _database: rusqlite::Connection,
    },
    /// A server's.
    There {
        /// Its own connection.
        _session: Session,
    },
}

/// Takes the writer's turn in an embedded database.
#[track_caller]
pub fn write_in_file(file: &Path) -> Writing {
    let database = rusqlite::Connection::open(file).expect("the database opens");
    let begun = database.busy_timeout(PATIENCE).and_then(|()| database.execute_batch("begin immediate"));
    begun.expect("the server's own changes end");
    Writing::Here { _database: database }
}

#[track_caller]
fn run(database: &str, statement: &str) {
    let ran = Command::new("psql")
        .args(["--quiet", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-c", statement, database])
        .output();
    let ran = ran.expect("`psql` is installed");
    assert!(ran.status.success(), "{statement}: {}", String::from_utf8_lossy(&ran.stderr));
}

impl Drop for Session {
    fn drop(&mut self) {
        // Its end undoes what it began.
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.sql(&format!("drop database {} with (force)", self.name));
    }
}
