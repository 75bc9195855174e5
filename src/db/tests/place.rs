//! Where the database of a room's test is: a file in a folder of the test, or on the PostgreSQL server that `tests/postgres.sh` names.
//!
//! `tests/postgres.sh cargo test --lib` runs the tests of all rooms on such a server. What they leave there goes with it.

use std::path::Path;
use std::process::Command;

use crate::db::{Address, Db};

/// Names the server.
const SERVER: &str = "COMMONHOLD_TEST_POSTGRES";

/// The server of this run, if there is one.
pub(crate) fn server() -> Option<String> {
    std::env::var(SERVER).ok().filter(|server| !server.is_empty())
}

/// A new, empty database, which belongs to that folder.
pub(crate) async fn empty(folder: &Path) -> Db {
    match server() {
        None => Db::open(&folder.join("test.db"), true, false).await.expect("a new database opens"),
        Some(server) => {
            sql(&server, &format!("create database {}", name_of(folder)));
            Db::connect(&address(&server, folder)).await.expect("a new database is there")
        }
    }
}

/// The same database, as another process has it.
pub(crate) async fn opened_again(folder: &Path) -> Db {
    match server() {
        None => Db::open(&folder.join("test.db"), false, false).await.expect("it opens again"),
        Some(server) => Db::connect(&address(&server, folder)).await.expect("it is still there"),
    }
}

/// Runs a statement beside the tests' databases.
#[track_caller]
pub(crate) fn sql(server: &str, statement: &str) {
    let mut psql = Command::new("psql");
    psql.args(["--quiet", "--no-psqlrc", "-c", statement, &format!("{server}/postgres")]);
    assert!(psql.status().expect("`psql` is installed").success(), "{statement}");
}

fn address(server: &str, folder: &Path) -> Address {
    format!("{server}/{}", name_of(folder)).parse().expect("an address")
}

fn name_of(folder: &Path) -> String {
    format!("room_{}", &blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex()[..16])
}
