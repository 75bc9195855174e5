//! The statements about who is in a group.

use serde_json::json;

use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{DepartmentId, GroupId, OrgId, UserId};

type Result<T> = std::result::Result<T, DbError>;

/// The users of each of these groups: members of it and of groups in it, and those of an organization or department whose
/// computed group is among them.
pub(super) async fn users_in(conn: &mut Conn, groups: &[GroupId], levels_max: i64) -> Result<Vec<(GroupId, UserId)>> {
    let rows = query(
        "with recursive down (top, id, level) as (
             select id, id, 1 from user_group where id in (select value from json_each(?1))
             union
             select down.top, group_group.member_id, down.level + 1
             from down join group_group on group_group.group_id = down.id
             where down.level < ?2
         ), inside (top, id) as (
             select down.top, user_group.department_id
             from down join user_group on user_group.id = down.id
             where user_group.builtin = 1 and user_group.department_id is not null
             union
             select inside.top, department.id
             from inside join department on department.parent_id = inside.id
         )
         select down.top, group_user.user_id from down join group_user on group_user.group_id = down.id
         union
         select down.top, user.id
         from down join user_group on user_group.id = down.id
                   join user on user.org_id = user_group.org_id and user.guest = 0 and user.removed = 0
         where user_group.builtin = 1 and user_group.department_id is null
         union
         select inside.top, department_user.user_id
         from inside join department_user on department_user.department_id = inside.id
                     join user on user.id = department_user.user_id and user.guest = 0 and user.removed = 0
         order by 1, 2",
    );
    let groups = json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string();
    let rows = rows.bind(groups).bind(levels_max).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((GroupId(row.try_get(0)?), UserId(row.try_get(1)?)))).collect()
}

pub(super) async fn organizations(conn: &mut Conn) -> Result<Vec<OrgId>> {
    let ids: Vec<i64> = query_scalar("select id from organization order by id").fetch_all(conn).await?;
    Ok(ids.into_iter().map(OrgId).collect())
}

/// A group in another one.
pub(super) struct Inside {
    /// The outermost.
    pub top: GroupId,
    pub group: GroupId,
    pub name: String,
    /// The one that it was found in; none for the outermost itself.
    pub above: Option<GroupId>,
}

/// Every step of every way from these groups downward, the nearest first. The group All Users of a department holds those
/// of the departments in it.
pub(super) async fn inside(conn: &mut Conn, groups: &[GroupId], levels_max: i64) -> Result<Vec<Inside>> {
    let rows = query(
        "with recursive edge (holder, member) as (
             select group_id, member_id from group_group
             union all
             select upper.id, lower.id
             from user_group upper
             join department on department.parent_id = upper.department_id
             join user_group lower on lower.department_id = department.id and lower.builtin = 1
             where upper.builtin = 1
         ), down (top, id, above, level) as (
             select id, id, cast(null as bigint), 1 from user_group where id in (select value from json_each(?1))
             union
             select down.top, edge.member, down.id, down.level + 1
             from down join edge on edge.holder = down.id
             where down.level < ?2
         )
         select down.top, down.id, coalesce(department.path || '/', '') || user_group.name, down.above
         from down join user_group on user_group.id = down.id
         left join department on department.id = user_group.department_id
         order by down.level, user_group.name_key, down.id, down.above",
    );
    let inside = |row: &Row| {
        Ok(Inside {
            top: GroupId(row.try_get(0)?),
            group: GroupId(row.try_get(1)?),
            name: row.try_get(2)?,
            above: row.try_get::<Option<i64>>(3)?.map(GroupId),
        })
    };
    let groups = json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string();
    rows.bind(groups).bind(levels_max).fetch_all(conn).await?.iter().map(inside).collect()
}

/// The users who are in these groups without any other in between.
pub(super) async fn direct_users(conn: &mut Conn, groups: &[GroupId]) -> Result<Vec<(GroupId, UserId)>> {
    let rows = query(
        "select group_id, user_id from group_user where group_id in (select value from json_each(?1))
         union all
         select user_group.id, user.id
         from user_group join user on user.org_id = user_group.org_id and user.guest = 0
         where user_group.builtin = 1 and user_group.department_id is null
           and user_group.id in (select value from json_each(?1))
         union all
         select user_group.id, user.id
         from user_group join department_user on department_user.department_id = user_group.department_id
                         join user on user.id = department_user.user_id and user.guest = 0
         where user_group.builtin = 1 and user_group.id in (select value from json_each(?1))",
    );
    let groups = json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string();
    let rows = rows.bind(groups).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((GroupId(row.try_get(0)?), UserId(row.try_get(1)?)))).collect()
}

/// The members of the groups Administrators of an organization and those above it, and of a department and those above it;
/// each with whether it is an organization's.
pub(super) async fn administrators(
    conn: &mut Conn,
    org: OrgId,
    department: Option<DepartmentId>,
) -> Result<Vec<(UserId, bool)>> {
    let rows = query(
        "with recursive orgs (id) as (
             select cast(?1 as bigint)
             union
             select organization.parent_id from orgs join organization on organization.id = orgs.id
             where organization.parent_id is not null
         ), departments (id) as (
             select cast(?2 as bigint)
             union
             select department.parent_id from departments join department on department.id = departments.id
             where department.parent_id is not null
         )
         select group_user.user_id, case when user_group.department_id is null then 1 else 0 end
         from user_group join group_user on group_user.group_id = user_group.id
         where user_group.builtin = 2
           and (user_group.department_id is null and user_group.org_id in (select id from orgs)
                or user_group.department_id in (select id from departments))
         order by 1, 2",
    );
    let rows = rows.bind(org.0).bind(department.map(|department| department.0)).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((UserId(row.try_get(0)?), row.try_get(1)?))).collect()
}
