//! The statements about who administers what.

use crate::db::{Conn, DbError, query};
use crate::ids::{DepartmentId, OrgId, UserId};

type Result<T> = std::result::Result<T, DbError>;

/// The organizations and departments in whose group Administrators a user is, and everything below them.
pub(super) async fn reach(conn: &mut Conn, user: UserId) -> Result<(Vec<OrgId>, Vec<DepartmentId>)> {
    let rows = query(
        "with recursive administered (org_id, department_id) as (
             select user_group.org_id, user_group.department_id
             from group_user join user_group on user_group.id = group_user.group_id
             where group_user.user_id = ? and user_group.builtin = 2
         ),
         orgs (id) as (
             select org_id from administered where department_id is null
             union
             select organization.id from orgs join organization on organization.parent_id = orgs.id
         ),
         departments (id) as (
             select department_id from administered where department_id is not null
             union
             select department.id from departments join department on department.parent_id = departments.id
         )
         select 0, id from orgs union all select 1, id from departments order by 1, 2",
    );
    let (mut orgs, mut departments) = (Vec::new(), Vec::new());
    for row in rows.bind(user.0).fetch_all(conn).await? {
        match row.try_get(0)? {
            false => orgs.push(OrgId(row.try_get(1)?)),
            true => departments.push(DepartmentId(row.try_get(1)?)),
        }
    }
    Ok((orgs, departments))
}

/// The departments that a user is a member of, not those above them.
pub(super) async fn departments_of(conn: &mut Conn, user: UserId) -> Result<Vec<DepartmentId>> {
    let ids = query("select department_id from department_user where user_id = ? order by department_id");
    let rows = ids.bind(user.0).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(DepartmentId(row.try_get(0)?))).collect()
}
