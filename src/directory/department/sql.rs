//! The statements of departments.

use super::Department;
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{DepartmentId, OrgId, UserId};
use crate::path::NameKey;

type Result<T> = std::result::Result<T, DbError>;

/// A `select` of the columns that [`department`] reads, with what follows.
macro_rules! select_department {
    ($rest:literal) => {
        concat!(
            "select department.id, department.org_id, department.parent_id, department.path, department.created_at
             from department ",
            $rest
        )
    };
}

fn department(row: &Row) -> Result<Department> {
    Ok(Department {
        id: DepartmentId(row.try_get(0)?),
        org: OrgId(row.try_get(1)?),
        parent: row.try_get::<Option<i64>>(2)?.map(DepartmentId),
        path: row.try_get(3)?,
        created: Moment(row.try_get(4)?),
    })
}

/// None: the name is taken there.
pub(super) async fn insert(
    conn: &mut Conn,
    org: OrgId,
    parent: Option<DepartmentId>,
    (name, key, path): (&str, &NameKey, &str),
    now: Moment,
) -> Result<Option<DepartmentId>> {
    let id = query_scalar(
        "insert into department (org_id, parent_id, name, name_key, path, created_at) values (?, ?, ?, ?, ?, ?)
         on conflict (org_id, coalesce(parent_id, 0), name_key) do nothing returning id",
    );
    let id = id.bind(org.0).bind(parent.map(|parent| parent.0)).bind(name).bind(key.as_str()).bind(path).bind(now.0);
    Ok(id.fetch_optional(conn).await?.map(DepartmentId))
}

pub(super) async fn child(
    conn: &mut Conn,
    org: OrgId,
    parent: Option<DepartmentId>,
    key: &NameKey,
) -> Result<Option<Department>> {
    let row = query(select_department!("where org_id = ? and coalesce(parent_id, 0) = ? and name_key = ?"));
    let row = row.bind(org.0).bind(parent.map_or(0, |parent| parent.0)).bind(key.as_str());
    row.fetch_optional(conn).await?.as_ref().map(department).transpose()
}

pub(super) async fn by_id(conn: &mut Conn, id: DepartmentId) -> Result<Option<Department>> {
    let row = query(select_department!("where id = ?")).bind(id.0);
    row.fetch_optional(conn).await?.as_ref().map(department).transpose()
}

pub(super) async fn list(conn: &mut Conn, org: OrgId) -> Result<Vec<Department>> {
    let rows = query(select_department!("where org_id = ? order by id")).bind(org.0).fetch_all(conn).await?;
    rows.iter().map(department).collect()
}

/// The members and administrators of every department of an organization: department, whether administrator, name.
pub(super) async fn people(conn: &mut Conn, org: OrgId) -> Result<Vec<(DepartmentId, bool, String)>> {
    let rows = query(
        "select department.id, 0, user.name, user.name_key
         from department join department_user on department_user.department_id = department.id
                         join user on user.id = department_user.user_id
         where department.org_id = ?1
         union all
         select user_group.department_id, 1, user.name, user.name_key
         from user_group join group_user on group_user.group_id = user_group.id
                         join user on user.id = group_user.user_id
         where user_group.org_id = ?1 and user_group.department_id is not null and user_group.builtin = 2
         order by 1, 2, 4",
    );
    let rows = rows.bind(org.0).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((DepartmentId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?))).collect()
}

pub(super) async fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<Department>> {
    let rows = query(select_department!(
        "join department_user on department_user.department_id = department.id
         where department_user.user_id = ? order by department.path"
    ));
    rows.bind(user.0).fetch_all(conn).await?.iter().map(department).collect()
}

pub(super) async fn insert_member(conn: &mut Conn, department: DepartmentId, user: UserId) -> Result<()> {
    let insert = query("insert into department_user (department_id, user_id) values (?, ?) on conflict do nothing");
    insert.bind(department.0).bind(user.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn delete_member(conn: &mut Conn, department: DepartmentId, user: UserId) -> Result<bool> {
    let delete = query("delete from department_user where department_id = ? and user_id = ?");
    Ok(delete.bind(department.0).bind(user.0).execute(conn).await?.rows_affected() == 1)
}

/// One thing that keeps a department from being empty, in words.
pub(super) async fn in_use(conn: &mut Conn, department: DepartmentId) -> Result<Option<String>> {
    let found = query_scalar(
        "select 'the department `' || path || '`' from department where parent_id = ?1
         union all
         select 'the member `' || user.name || '`'
         from department_user join user on user.id = department_user.user_id where department_id = ?1
         union all
         select 'the group `' || name || '`' from user_group where department_id = ?1 and builtin = 0
         union all
         select 'the share `' || name || '`' from share where department_id = ?1
         union all
         select 'a subscription of its group `' || user_group.name || '` to `' || share.name || '`'
         from user_group join subscription on subscription.group_id = user_group.id
                         join share on share.id = subscription.share_id where user_group.department_id = ?1
         limit 1",
    );
    found.bind(department.0).fetch_optional(conn).await
}

pub(super) async fn delete(conn: &mut Conn, department: DepartmentId) -> Result<()> {
    query("delete from department where id = ?").bind(department.0).execute(conn).await?;
    Ok(())
}
