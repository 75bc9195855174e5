//! The statements of the directory.

use super::Principal;
use super::app_password::AppPassword;
use super::group::{Builtin, Group, Member};
use super::user::{NewUser, User};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{DepartmentId, DeviceId, GroupId, OrgId, UserId};
use crate::path::NameKey;

type Result<T> = std::result::Result<T, DbError>;

/// A `select` of the columns that [`user`] reads, with what follows.
macro_rules! select_user {
    ($columns:literal, $($rest:literal),+) => {
        concat!(
            "select user.id, user.org_id, organization.open, user.name, user.name_key, display, email, guest, admin,
                    enabled, generation, user.created_at, removed",
            $columns,
            " from user join organization on organization.id = user.org_id ",
            $($rest),+
        )
    };
}
pub(super) use select_user;

pub(super) fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: UserId(row.try_get(0)?),
        org: OrgId(row.try_get(1)?),
        org_active: row.try_get(2)?,
        name: row.try_get(3)?,
        key: row.try_get(4)?,
        display: row.try_get(5)?,
        email: row.try_get(6)?,
        guest: row.try_get(7)?,
        admin: row.try_get(8)?,
        enabled: row.try_get(9)?,
        generation: row.try_get(10)?,
        created: Moment(row.try_get(11)?),
        removed: row.try_get(12)?,
    })
}

/// A `select` of the columns that [`group`] reads, with what follows.
macro_rules! select_group {
    ($rest:literal) => {
        concat!(
            "select user_group.id, user_group.org_id, coalesce(department.path || '/', '') || user_group.name,
                    user_group.created_at, user_group.department_id, user_group.builtin
             from user_group left join department on department.id = user_group.department_id ",
            $rest
        )
    };
}

fn group(row: &Row) -> Result<Group> {
    Ok(Group {
        id: GroupId(row.try_get(0)?),
        org: OrgId(row.try_get(1)?),
        name: row.try_get(2)?,
        created: Moment(row.try_get(3)?),
        department: row.try_get::<Option<i64>>(4)?.map(DepartmentId),
        builtin: Builtin::of_stored(row.try_get(5)?),
    })
}

/// None: the name is taken.
pub(super) async fn insert_user(
    conn: &mut Conn,
    new: &NewUser<'_>,
    key: &NameKey,
    now: Moment,
) -> Result<Option<UserId>> {
    let id = query_scalar(
        "insert into user (org_id, name, name_key, display, email, guest, admin, password_hash, created_at)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (name_key) do nothing returning id",
    );
    let id = id.bind(new.org.0).bind(new.name.as_str()).bind(key.as_str()).bind(new.display).bind(new.email);
    let id = id.bind(new.guest).bind(new.admin).bind(new.password_hash).bind(now.0);
    Ok(id.fetch_optional(conn).await?.map(UserId))
}

pub(super) async fn user_by_key(conn: &mut Conn, key: &NameKey) -> Result<Option<(User, Option<String>)>> {
    let row = query(select_user!(", password_hash", "where user.name_key = ?")).bind(key.as_str());
    match row.fetch_optional(conn).await? {
        Some(row) => Ok(Some((user(&row)?, row.try_get(13)?))),
        None => Ok(None),
    }
}

pub(super) async fn user_by_id(conn: &mut Conn, id: UserId) -> Result<Option<User>> {
    let row = query(select_user!("", "where user.id = ?")).bind(id.0);
    row.fetch_optional(conn).await?.as_ref().map(user).transpose()
}

pub(super) async fn users(conn: &mut Conn) -> Result<Vec<User>> {
    let rows = query(select_user!("", "where user.name_key not like '/removed/%' order by user.name_key"))
        .fetch_all(conn)
        .await?;
    rows.iter().map(user).collect()
}

/// Enabling brings a removed user back, too.
pub(super) async fn set_enabled(conn: &mut Conn, user: UserId, enabled: bool) -> Result<()> {
    let set = query("update user set enabled = ?1, removed = case when ?1 then 0 else removed end where id = ?2");
    set.bind(enabled).bind(user.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_admin(conn: &mut Conn, user: UserId, admin: bool) -> Result<()> {
    query("update user set admin = ? where id = ?").bind(admin).bind(user.0).execute(conn).await?;
    Ok(())
}

/// System administrators who can log in, but this one.
pub(super) async fn count_administrators_but(conn: &mut Conn, user: UserId) -> Result<i64> {
    let count = query_scalar(
        "select count(*) from user join organization on organization.id = user.org_id
         where admin = 1 and enabled = 1 and removed = 0 and organization.open = 1 and user.id <> ?",
    );
    count.bind(user.0).fetch_one(conn).await
}

/// System administrators who can log in, but those of this organization and of the ones below it.
pub(super) async fn count_administrators_outside(conn: &mut Conn, org: OrgId) -> Result<i64> {
    let count = query_scalar(
        "with recursive down (id) as (
             select cast(? as bigint)
             union all
             select organization.id from down join organization on organization.parent_id = down.id
         )
         select count(*) from user join organization on organization.id = user.org_id
         where admin = 1 and enabled = 1 and removed = 0 and organization.open = 1
           and user.org_id not in (select id from down)",
    );
    count.bind(org.0).fetch_one(conn).await
}

/// Ends what a removed user could log in with and belonged to.
pub(super) async fn strip(conn: &mut Conn, user: UserId) -> Result<()> {
    let strip = query(
        "update user set removed = 1, enabled = 0, admin = 0, password_hash = null, generation = generation + 1 where id = ?1;
         delete from app_password where user_id = ?1;
         update office_url set device_id = null where user_id = ?1;
         delete from device where user_id = ?1;
         delete from group_user where user_id = ?1;
         delete from department_user where user_id = ?1",
    );
    strip.bind(user.0).execute(conn).await?;
    Ok(())
}

/// Lets somebody else have the name; the key has slashes, as that of no name.
pub(super) async fn free_name(conn: &mut Conn, user: UserId) -> Result<()> {
    let free = query("update user set name_key = '/removed/' || id where id = ?");
    free.bind(user.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_password(conn: &mut Conn, user: UserId, hash: &str) -> Result<()> {
    let set = query("update user set password_hash = ?, generation = generation + 1 where id = ?");
    set.bind(hash).bind(user.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_profile(
    conn: &mut Conn,
    user: UserId,
    display: Option<&str>,
    email: Option<&str>,
) -> Result<()> {
    let set = query("update user set display = coalesce(?, display), email = coalesce(?, email) where id = ?");
    set.bind(display).bind(email).bind(user.0).execute(conn).await?;
    Ok(())
}

/// Whether it was made; not if the user has one of that label.
pub(super) async fn insert_app_password(conn: &mut Conn, new: &AppPassword, secret_hash: &[u8]) -> Result<bool> {
    let insert = query(
        "insert into app_password (id, user_id, label, secret_hash, created_at, device_id) values (?, ?, ?, ?, ?, ?)
         on conflict (user_id, label) do nothing",
    );
    let insert = insert.bind(&new.id).bind(new.user.0).bind(&new.label).bind(secret_hash).bind(new.created.0);
    let insert = insert.bind(new.device.map(|device| device.0));
    Ok(insert.execute(conn).await?.rows_affected() == 1)
}

pub(super) async fn app_passwords(conn: &mut Conn, user: UserId) -> Result<Vec<AppPassword>> {
    let rows = query("select id, label, created_at, device_id from app_password where user_id = ? order by label, id");
    let rows = rows.bind(user.0).fetch_all(conn).await?;
    let app_password = |row: &Row| {
        let created = Moment(row.try_get(2)?);
        let device = row.try_get::<Option<i64>>(3)?.map(DeviceId);
        Ok(AppPassword { id: row.try_get(0)?, user, label: row.try_get(1)?, device, created })
    };
    rows.iter().map(app_password).collect()
}

pub(super) async fn app_password_by_id(conn: &mut Conn, id: &str) -> Result<Option<(AppPassword, Vec<u8>, User)>> {
    let row = query(select_user!(
        ", app_password.id, label, secret_hash, app_password.created_at, device_id",
        "join app_password on app_password.user_id = user.id where app_password.id = ?"
    ));
    let Some(row) = row.bind(id).fetch_optional(conn).await? else { return Ok(None) };
    let user = user(&row)?;
    let created = Moment(row.try_get(16)?);
    let device = row.try_get::<Option<i64>>(17)?.map(DeviceId);
    let found = AppPassword { id: row.try_get(13)?, user: user.id, label: row.try_get(14)?, device, created };
    Ok(Some((found, row.try_get(15)?, user)))
}

pub(super) async fn delete_app_password(conn: &mut Conn, user: UserId, label: &str) -> Result<bool> {
    let delete = query("delete from app_password where user_id = ? and label = ?").bind(user.0).bind(label);
    Ok(delete.execute(conn).await?.rows_affected() == 1)
}

/// None: the name is taken.
pub(super) async fn insert_group(
    conn: &mut Conn,
    org: OrgId,
    department: Option<DepartmentId>,
    name: &str,
    key: &str,
    now: Moment,
) -> Result<Option<GroupId>> {
    let id = query_scalar(
        "insert into user_group (org_id, department_id, name, name_key, created_at) values (?, ?, ?, ?, ?)
         on conflict (org_id, name_key) do nothing returning id",
    );
    let id = id.bind(org.0).bind(department.map(|id| id.0)).bind(name).bind(key).bind(now.0);
    Ok(id.fetch_optional(conn).await?.map(GroupId))
}

/// The groups All Users and Administrators of an organization or of one of its departments.
pub(super) async fn insert_builtin_groups(
    conn: &mut Conn,
    org: OrgId,
    department: Option<DepartmentId>,
    now: Moment,
) -> Result<()> {
    let place = department.map(|department| format!("{}/", department.0)).unwrap_or_default();
    let insert = query(
        "insert into user_group (org_id, department_id, name, name_key, builtin, created_at)
         values (?1, ?2, 'All Users', ?3 || 'all users', 1, ?4), (?1, ?2, 'Administrators', ?3 || 'administrators', 2, ?4)",
    );
    insert.bind(org.0).bind(department.map(|id| id.0)).bind(place).bind(now.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn group_by_key(conn: &mut Conn, org: OrgId, key: &str) -> Result<Option<Group>> {
    let row = query(select_group!("where user_group.org_id = ? and user_group.name_key = ?"));
    row.bind(org.0).bind(key).fetch_optional(conn).await?.as_ref().map(group).transpose()
}

pub(super) async fn group_by_id(conn: &mut Conn, id: GroupId) -> Result<Option<Group>> {
    let row = query(select_group!("where user_group.id = ?")).bind(id.0);
    row.fetch_optional(conn).await?.as_ref().map(group).transpose()
}

pub(super) async fn groups(conn: &mut Conn, org: OrgId) -> Result<Vec<Group>> {
    let rows = query(select_group!(
        "where user_group.org_id = ?
         order by user_group.department_id is not null, department.path, user_group.builtin = 0, user_group.name_key"
    ));
    rows.bind(org.0).fetch_all(conn).await?.iter().map(group).collect()
}

pub(super) async fn delete_group(conn: &mut Conn, group: GroupId) -> Result<()> {
    query("delete from user_group where id = ?").bind(group.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn members(conn: &mut Conn, org: OrgId) -> Result<Vec<Member>> {
    let rows = query(
        "select group_id, 0 as nested, user.id, user.name, user.name_key as key
         from group_user join user on user.id = user_id
         where group_id in (select id from user_group where org_id = ?1)
         union all
         select group_id, 1, user_group.id, coalesce(department.path || '/', '') || user_group.name, user_group.name_key
         from group_group join user_group on user_group.id = member_id
                          left join department on department.id = user_group.department_id
         where group_id in (select id from user_group where org_id = ?1)
         order by group_id, nested, key",
    );
    let member = |row: &Row| {
        let id = row.try_get(2)?;
        let principal = if row.try_get(1)? { Principal::Group(GroupId(id)) } else { Principal::User(UserId(id)) };
        Ok(Member { group: GroupId(row.try_get(0)?), principal, name: row.try_get(3)? })
    };
    rows.bind(org.0).fetch_all(conn).await?.iter().map(member).collect()
}

pub(super) async fn insert_user_member(conn: &mut Conn, group: GroupId, user: UserId) -> Result<()> {
    let insert = query("insert into group_user (group_id, user_id) values (?, ?) on conflict do nothing");
    insert.bind(group.0).bind(user.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn insert_group_member(conn: &mut Conn, group: GroupId, member: GroupId) -> Result<()> {
    let insert = query("insert into group_group (group_id, member_id) values (?, ?) on conflict do nothing");
    insert.bind(group.0).bind(member.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn delete_user_member(conn: &mut Conn, group: GroupId, user: UserId) -> Result<bool> {
    let delete = query("delete from group_user where group_id = ? and user_id = ?").bind(group.0).bind(user.0);
    Ok(delete.execute(conn).await?.rows_affected() == 1)
}

pub(super) async fn delete_group_member(conn: &mut Conn, group: GroupId, member: GroupId) -> Result<bool> {
    let delete = query("delete from group_group where group_id = ? and member_id = ?").bind(group.0).bind(member.0);
    Ok(delete.execute(conn).await?.rows_affected() == 1)
}

/// A group and every group that holds it, each with how many levels it and those below it on the way are.
pub(super) async fn groups_above(conn: &mut Conn, group: GroupId, levels_max: i64) -> Result<Vec<(GroupId, i64)>> {
    let rows = query(
        "with recursive above (id, level) as (
             select cast(?1 as bigint), 1
             union
             select group_group.group_id, above.level + 1
             from above join group_group on group_group.member_id = above.id
             where above.level < ?2
         )
         select id, max(level) from above group by id order by id",
    );
    let rows = rows.bind(group.0).bind(levels_max).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((GroupId(row.try_get(0)?), row.try_get(1)?))).collect()
}

/// How many levels a group and the groups in it are, itself included.
pub(super) async fn levels_below(conn: &mut Conn, group: GroupId, levels_max: i64) -> Result<i64> {
    let level = query_scalar(
        "with recursive below (id, level) as (
             select cast(?1 as bigint), 1
             union
             select group_group.member_id, below.level + 1
             from below join group_group on group_group.group_id = below.id
             where below.level < ?2
         )
         select max(level) from below",
    );
    level.bind(group.0).bind(levels_max).fetch_one(conn).await
}

/// One step of a way from a user to a group.
pub(super) struct Step {
    pub group: GroupId,
    pub name: String,
    /// The member group it was reached through; none for a group that the user is in.
    pub through: Option<GroupId>,
}

/// Every step of every way from a user upward, each once, however many ways it is on; by the groups' names.
///
/// The groups All Users have no stored members: a full user is in that of the organization and in those of his departments,
/// and that of a department is in that of the one above.
pub(super) async fn steps(conn: &mut Conn, user: UserId) -> Result<Vec<Step>> {
    let rows = query(
        "with recursive member_of (id, below) as (
             select department_id, cast(null as bigint) from department_user where user_id = ?1
             union
             select department.parent_id, department.id
             from member_of join department on department.id = member_of.id where department.parent_id is not null
         ),
         first (group_id, through) as (
             select group_id, cast(null as bigint) from group_user where user_id = ?1
             union all
             select user_group.id, cast(null as bigint)
             from user join user_group on user_group.org_id = user.org_id
             where user.id = ?1 and user.guest = 0 and user_group.builtin = 1 and user_group.department_id is null
             union all
             select user_group.id, inner_group.id
             from member_of
             join user_group on user_group.department_id = member_of.id and user_group.builtin = 1
             left join user_group inner_group on inner_group.department_id = member_of.below and inner_group.builtin = 1
             where exists (select 1 from user where user.id = ?1 and user.guest = 0)
         ),
         reached (id) as (
             select group_id from first
             union
             select group_group.group_id from reached join group_group on group_group.member_id = reached.id
         )
         select step.group_id, coalesce(department.path || '/', '') || user_group.name, step.through
         from (select group_id, through from first
               union all
               select group_group.group_id, group_group.member_id
               from reached join group_group on group_group.member_id = reached.id) step
         join user_group on user_group.id = step.group_id
         left join department on department.id = user_group.department_id
         order by user_group.name_key, step.group_id, step.through",
    );
    let step = |row: &Row| {
        let through = row.try_get::<Option<i64>>(2)?.map(GroupId);
        Ok(Step { group: GroupId(row.try_get(0)?), name: row.try_get(1)?, through })
    };
    rows.bind(user.0).fetch_all(conn).await?.iter().map(step).collect()
}
