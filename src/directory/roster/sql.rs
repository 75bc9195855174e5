//! The statements about who is in a group. SQLite's dialect.

use serde_json::json;

use crate::db::{Conn, DbError, query, query_scalar};
use crate::ids::{GroupId, OrgId, UserId};

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
