//! `user import` and `group import`: users and groups from a table, all or nothing.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Context;
use super::output::{Answer, Failure};
use super::principal::Inside;
use super::sheet::{self, Problems, Row};
use crate::auth::password;
use crate::clock::Moment;
use crate::db::WriteTx;
use crate::directory::department::{self, Department};
use crate::directory::group::{self, Group};
use crate::directory::secret::Secret;
use crate::directory::user::{self, NewUser};
use crate::directory::{Administrator, DirectoryError, DirectoryName, Principal};
use crate::ids::OrgId;

/// Add the users of a CSV file, all of them or, if anything is wrong, none
#[derive(Args)]
#[command(after_help = "\
Example:
  commonhold user import people.csv --dry-run
  commonhold user import people.csv > passwords.txt

The first line names the columns, in any order; only `name` must be there:

  name,display,email,guest,departments,groups
  ana,Ana Lopes,ana@example.com,,Sales/North,Editors; Sales/Team
  gus,,gus@example.net,yes,,

Departments and groups must be there; several are separated by semicolons. Each user gets a password that is made up and
printed once, which takes about 10 ms each. What is wrong is told with its line.")]
pub(super) struct UserImport {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    how: How,
    /// Make up no passwords: they log in by app passwords alone until one is set
    #[arg(long)]
    without_passwords: bool,
}

/// Make the groups of a CSV file, or add members to those that are there: all of it or, if anything is wrong, nothing
#[derive(Args)]
#[command(after_help = "\
Example:
  commonhold group import groups.csv --dry-run

The first line names the columns, in any order; only `name` must be there:

  name,users,groups
  Editors,ana; ben,Sales/Team
  Sales/Team,eva,

The groups of a row become members of its group. Members that are there already stay.")]
pub(super) struct GroupImport {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    #[command(flatten)]
    inside: Inside,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

const USER_COLUMNS: [&str; 6] = ["name", "display", "email", "guest", "departments", "groups"];
const GROUP_COLUMNS: [&str; 3] = ["name", "users", "groups"];

// Places in the two lists of columns.
const NAME: usize = 0;
const DISPLAY: usize = 1;
const EMAIL: usize = 2;
const GUEST: usize = 3;
const DEPARTMENTS: usize = 4;
const GROUPS: usize = 5;
const USERS_IN: usize = 1;
const GROUPS_IN: usize = 2;

impl UserImport {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let rows = sheet::read(&self.file, &USER_COLUMNS)?;
        let site = context.site().await?;
        // Before the transaction: hashing takes far longer than the rows, and a running server waits meanwhile.
        let mut passwords = match self.without_passwords || self.how.dry_run {
            true => Vec::new(),
            false => password::generate(rows.len(), &context.config.auth),
        };
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let org = context.organization(&mut tx, self.how.inside.name()).await?.id;
        let (mut places, mut problems, mut added) = (Places::new(org), Problems::default(), Vec::new());
        for row in &rows {
            let password = passwords.pop();
            let hash = password.as_ref().map(|(_, hash)| hash.as_str());
            match add_user(&mut tx, &by, &mut places, row, hash).await {
                Ok(name) => added.push(Added { name, password: password.map(|(secret, _)| secret) }),
                Err(problem) => problems.add(row.line, problem.to_string()),
            }
        }
        if !problems.is_empty() {
            return Err(problems.into_failure(&self.file));
        }
        if !self.how.dry_run {
            tx.commit().await?;
        }
        let rows: Vec<AddedRow<'_>> = added
            .iter()
            .map(|added| AddedRow { name: &added.name, password: added.password.as_ref().map(Secret::reveal) })
            .collect();
        let what = if rows.iter().any(|row| row.password.is_some()) {
            "users, with passwords that are shown only this once"
        } else {
            "users"
        };
        Ok(told(&self.how, what, &["name", "password"], &rows, |row| {
            vec![row.name.to_owned(), row.password.unwrap_or_default().to_owned()]
        }))
    }
}

impl GroupImport {
    pub async fn run(self, context: Context) -> Result<Answer, Failure> {
        let rows = sheet::read(&self.file, &GROUP_COLUMNS)?;
        let site = context.site().await?;
        let mut tx = site.db.write().await?;
        let by = context.administrator(&mut tx).await?;
        let org = context.organization(&mut tx, self.how.inside.name()).await?.id;
        let (mut places, mut problems, mut told_rows) = (Places::new(org), Problems::default(), Vec::new());
        // First all groups, then their members: a row may name a group of a later one.
        let mut groups = Vec::new();
        for row in &rows {
            match find_or_add_group(&mut tx, &by, &mut places, row.cell(NAME)).await {
                Ok((group, is_new)) => groups.push((row, group, is_new)),
                Err(problem) => problems.add(row.line, problem.to_string()),
            }
        }
        for (row, group, is_new) in groups {
            match add_members(&mut tx, &by, &mut places, row, &group).await {
                Ok(members) => told_rows.push(GroupRow { name: group.name, new: is_new, members }),
                Err(problem) => problems.add(row.line, problem.to_string()),
            }
        }
        if !problems.is_empty() {
            return Err(problems.into_failure(&self.file));
        }
        if !self.how.dry_run {
            tx.commit().await?;
        }
        Ok(told(&self.how, "groups", &["name", "", "members named"], &told_rows, |row| {
            let new = if row.new { "new" } else { "" }.to_owned();
            vec![row.name.clone(), new, row.members.to_string()]
        }))
    }
}

/// Departments and groups, looked up once.
struct Places {
    org: OrgId,
    departments: HashMap<String, Department>,
    groups: HashMap<String, Group>,
}

impl Places {
    fn new(org: OrgId) -> Self {
        Self { org, departments: HashMap::new(), groups: HashMap::new() }
    }

    async fn department(&mut self, tx: &mut WriteTx, path: &str) -> Result<Department, DirectoryError> {
        if let Some(known) = self.departments.get(path) {
            return Ok(known.clone());
        }
        let found = department::named(tx, self.org, path).await?;
        self.departments.insert(path.to_owned(), found.clone());
        Ok(found)
    }

    async fn group(&mut self, tx: &mut WriteTx, name: &str) -> Result<Group, DirectoryError> {
        if let Some(known) = self.groups.get(name) {
            return Ok(known.clone());
        }
        let found = group::named(tx, self.org, name).await?;
        self.groups.insert(name.to_owned(), found.clone());
        Ok(found)
    }
}

async fn add_user(
    tx: &mut WriteTx,
    by: &Administrator,
    places: &mut Places,
    row: &Row,
    password_hash: Option<&str>,
) -> Result<String, Problem> {
    let name = DirectoryName::of_user(row.cell(NAME))?;
    let mut departments = Vec::new();
    for path in row.parts(DEPARTMENTS) {
        departments.push(places.department(tx, path).await?);
    }
    let new = NewUser {
        department: departments.first(),
        display: row.cell(DISPLAY),
        email: row.cell(EMAIL),
        guest: row.is_yes(GUEST).map_err(Problem::Cell)?,
        password_hash,
        ..NewUser::named(places.org, &name)
    };
    let id = user::create(tx, by, &new, Moment::now()).await?;
    if let [_, more @ ..] = departments.as_slice() {
        let user = user::named(tx, name.as_str()).await?;
        for department in more {
            department::add_member(tx, by, department, &user).await?;
        }
    }
    for group in row.parts(GROUPS) {
        let group = places.group(tx, group).await?;
        group::add_member(tx, by, &group, Principal::User(id)).await?;
    }
    Ok(name.as_str().to_owned())
}

async fn find_or_add_group(
    tx: &mut WriteTx,
    by: &Administrator,
    places: &mut Places,
    name: &str,
) -> Result<(Group, bool), Problem> {
    match places.group(tx, name).await {
        Ok(group) => return Ok((group, false)),
        Err(DirectoryError::NoSuchGroup(_)) => {}
        Err(other) => return Err(other.into()),
    }
    let (department, last) = match name.rsplit_once('/') {
        Some((path, last)) => (Some(places.department(tx, path).await?), last),
        None => (None, name),
    };
    let valid = DirectoryName::of_group(last)?;
    group::create(tx, by, places.org, department.as_ref(), &valid, Moment::now()).await?;
    Ok((places.group(tx, name).await?, true))
}

/// How many members the row names.
async fn add_members(
    tx: &mut WriteTx,
    by: &Administrator,
    places: &mut Places,
    row: &Row,
    group: &Group,
) -> Result<usize, Problem> {
    let mut members = Vec::new();
    for name in row.parts(USERS_IN) {
        members.push(Principal::User(user::named(tx, name).await?.id));
    }
    for name in row.parts(GROUPS_IN) {
        members.push(Principal::Group(places.group(tx, name).await?.id));
    }
    for member in &members {
        group::add_member(tx, by, group, *member).await?;
    }
    Ok(members.len())
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("{0}")]
    Cell(String),
}

/// A user on the way to the answer; the password leaves memory with it.
struct Added {
    name: String,
    password: Option<Secret>,
}

#[derive(Serialize)]
struct AddedRow<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

#[derive(Serialize)]
struct GroupRow {
    name: String,
    new: bool,
    members: usize,
}

fn told<T: Serialize>(
    how: &How,
    what: &str,
    headings: &[&str],
    rows: &[T],
    cells: impl Fn(&T) -> Vec<String>,
) -> Answer {
    if how.json {
        return Answer::json(&rows);
    }
    let head = match how.dry_run {
        true => format!("would import {} {what}; nothing was changed\n\n", rows.len()),
        false => format!("imported {} {what}\n\n", rows.len()),
    };
    Answer::list(rows, false, headings, cells).after(&head)
}
