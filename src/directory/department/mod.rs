//! Departments: parts of an organization, nested, with members. A member of a department is one of those above it, too.

mod sql;

use super::group::DEPARTMENT_NESTING_MAX;
use super::user::User;
use super::{Administrator, DirectoryError, DirectoryName, NameProblem, name, organization};
use crate::clock::Moment;
use crate::db::{DbError, Reads, WriteTx};
use crate::ids::{DepartmentId, OrgId, UserId};

/// A department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// Permanent.
    pub id: DepartmentId,
    /// The organization it belongs to.
    pub org: OrgId,
    /// The one that it is part of.
    pub parent: Option<DepartmentId>,
    /// The names from the top, such as `Sales/North`.
    pub path: String,
    /// When it was made.
    pub created: Moment,
}

impl Department {
    /// The department in a sentence.
    pub(crate) fn told(&self) -> String {
        format!("the department `{}`", self.path)
    }
}

/// A department, and who is directly in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staffed {
    /// The department.
    pub department: Department,
    /// The names of its members, those of the departments below not among them.
    pub members: Vec<String>,
    /// The names of its administrators.
    pub administrators: Vec<String>,
}

/// Makes a department with its two built-in groups; of `Sales/North`, `Sales` must be there.
///
/// Errors: [`DirectoryError::NoSuchDepartment`] for what it is part of, [`DirectoryError::NameTaken`],
/// [`DirectoryError::BadName`], [`DirectoryError::NestedTooDeep`], [`DirectoryError::OutOfReach`].
pub async fn create(
    tx: &mut WriteTx,
    by: &Administrator,
    org: OrgId,
    path: &str,
    now: Moment,
) -> Result<Department, DirectoryError> {
    let (above, name) = match path.rsplit_once('/') {
        Some((above, name)) => (Some(named(tx, org, above).await?), name),
        None => (None, path),
    };
    let name = DirectoryName::of_department(name)?;
    match &above {
        Some(above) => by.confirm_place(org, Some(above.id), || above.told())?,
        None => {
            let org_name = organization::by_id(tx, org).await?.map(|org| org.name).unwrap_or_default();
            by.confirm_place(org, None, || organization::told(&org_name))?;
        }
    }
    let path = match &above {
        Some(above) => format!("{}/{}", above.path, name.as_str()),
        None => name.as_str().to_owned(),
    };
    if i64::try_from(path.split('/').count()).is_ok_and(|levels| levels > DEPARTMENT_NESTING_MAX) {
        return Err(DirectoryError::NestedTooDeep { noun: "departments", max: DEPARTMENT_NESTING_MAX });
    }
    tx.touch_directory();
    let parent = above.map(|above| above.id);
    let made = sql::insert(tx.conn(), org, parent, (name.as_str(), &name.key(), &path), now).await?;
    let id = made.ok_or_else(|| DirectoryError::NameTaken(path.clone()))?;
    super::sql::insert_builtin_groups(tx.conn(), org, Some(id), now).await?;
    Ok(Department { id, org, parent, path, created: now })
}

/// The department of that path in an organization, in any letter case. Errors: [`DirectoryError::NoSuchDepartment`].
pub async fn named(reads: &mut impl Reads, org: OrgId, path: &str) -> Result<Department, DirectoryError> {
    let missing = || DirectoryError::NoSuchDepartment(path.escape_debug().to_string());
    if path.len() > PATH_BYTES_MAX {
        return Err(name::bad("department", path, NameProblem::TooLong(PATH_BYTES_MAX)));
    }
    let mut found: Option<Department> = None;
    for segment in path.split('/') {
        let key = name::key(segment).ok_or_else(missing)?;
        let parent = found.map(|department| department.id);
        found = Some(sql::child(reads.conn(), org, parent, &key).await?.ok_or_else(missing)?);
    }
    found.ok_or_else(missing)
}

/// The department of that id.
pub async fn by_id(reads: &mut impl Reads, id: DepartmentId) -> Result<Option<Department>, DbError> {
    sql::by_id(reads.conn(), id).await
}

/// All departments of an organization, each below the one that it is part of.
pub async fn list(reads: &mut impl Reads, org: OrgId) -> Result<Vec<Staffed>, DbError> {
    let mut staffed: Vec<Staffed> = sql::list(reads.conn(), org)
        .await?
        .into_iter()
        .map(|department| Staffed { department, members: Vec::new(), administrators: Vec::new() })
        .collect();
    // A slash sorts before every letter of a name, so that parts follow their whole.
    staffed.sort_by_cached_key(|staffed| staffed.department.path.to_lowercase().replace('/', "\u{1}"));
    for (department, is_administrator, user) in sql::people(reads.conn(), org).await? {
        if let Some(of) = staffed.iter_mut().find(|staffed| staffed.department.id == department) {
            if is_administrator { of.administrators.push(user) } else { of.members.push(user) }
        }
    }
    Ok(staffed)
}

/// The paths of the departments that a user is a member of, not those above them.
pub async fn of_user(reads: &mut impl Reads, user: UserId) -> Result<Vec<Department>, DbError> {
    sql::of_user(reads.conn(), user).await
}

/// Makes a user a member; no change if he is one already.
///
/// An administrator of a department brings in only people whom he administers already: whoever is in a department is in
/// the hands of its administrators. Errors: [`DirectoryError::GuestsStayOut`], [`DirectoryError::OtherOrganization`],
/// [`DirectoryError::OutOfReach`].
pub async fn add_member(
    tx: &mut WriteTx,
    by: &Administrator,
    department: &Department,
    user: &User,
) -> Result<(), DirectoryError> {
    by.confirm_place(department.org, Some(department.id), || department.told())?;
    by.confirm_user(tx, user).await?;
    put_in(tx, department, user).await
}

/// The same without asking, for who is being made.
pub(super) async fn put_in(tx: &mut WriteTx, department: &Department, user: &User) -> Result<(), DirectoryError> {
    user.confirm_same_organization(department.org)?;
    if user.guest {
        return Err(DirectoryError::GuestsStayOut(user.name.clone()));
    }
    tx.touch_directory();
    Ok(sql::insert_member(tx.conn(), department.id, user.id).await?)
}

/// Ends a membership. Errors: [`DirectoryError::NotInDepartment`], [`DirectoryError::OutOfReach`].
pub async fn remove_member(
    tx: &mut WriteTx,
    by: &Administrator,
    department: &Department,
    user: &User,
) -> Result<(), DirectoryError> {
    by.confirm_place(department.org, Some(department.id), || department.told())?;
    tx.touch_directory();
    if sql::delete_member(tx.conn(), department.id, user.id).await? {
        return Ok(());
    }
    Err(DirectoryError::NotInDepartment { user: user.name.clone(), department: department.path.clone() })
}

/// Removes an empty department. Errors: [`DirectoryError::DepartmentInUse`], [`DirectoryError::OutOfReach`].
pub async fn remove(tx: &mut WriteTx, by: &Administrator, department: &Department) -> Result<(), DirectoryError> {
    by.confirm_place(department.org, department.parent, || department.told())?;
    if let Some(use_) = sql::in_use(tx.conn(), department.id).await? {
        return Err(DirectoryError::DepartmentInUse { department: department.path.clone(), use_ });
    }
    tx.touch_directory();
    Ok(sql::delete(tx.conn(), department.id).await?)
}

/// Bytes in a path of departments that is looked up at all.
const PATH_BYTES_MAX: usize = 4096;
