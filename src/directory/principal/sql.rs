//! The statements about principals.

use serde_json::json;

use super::{GroupCard, Orgs, UserCard};
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::ids::{DepartmentId, GroupId, OrgId, UserId};
use crate::path::NameKey;

type Result<T> = std::result::Result<T, DbError>;

/// A `select` of the columns that [`user`] reads, with what follows.
macro_rules! select_user {
    ($rest:literal) => {
        concat!(
            "select user.id, user.org_id, user.name, user.name_key, user.display, user.email, user.guest from user ",
            $rest
        )
    };
}

/// A `select` of the columns that [`group`] reads, with what comes before and what follows.
macro_rules! select_group {
    ($before:literal, $rest:literal) => {
        concat!(
            $before,
            " select user_group.id, user_group.org_id, organization.name, user_group.department_id, department.path,
                     user_group.name, user_group.builtin
              from user_group join organization on organization.id = user_group.org_id
                   left join department on department.id = user_group.department_id ",
            $rest
        )
    };
}

fn user(row: &Row) -> Result<UserCard> {
    Ok(UserCard {
        id: UserId(row.try_get(0)?),
        org: OrgId(row.try_get(1)?),
        name: row.try_get(2)?,
        key: row.try_get(3)?,
        display: row.try_get(4)?,
        email: row.try_get(5)?,
        guest: row.try_get(6)?,
    })
}

fn group(row: &Row) -> Result<GroupCard> {
    Ok(GroupCard {
        id: GroupId(row.try_get(0)?),
        org: OrgId(row.try_get(1)?),
        org_name: row.try_get(2)?,
        department: row.try_get::<Option<i64>>(3)?.map(DepartmentId),
        department_path: row.try_get(4)?,
        name: row.try_get(5)?,
        computed: row.try_get::<i64>(6)? == 1,
    })
}

fn users(rows: &[Row]) -> Result<Vec<UserCard>> {
    rows.iter().map(user).collect()
}

fn groups(rows: &[Row]) -> Result<Vec<GroupCard>> {
    rows.iter().map(group).collect()
}

/// 1 for every organization, and else 0 and which.
fn bound(orgs: &Orgs) -> (i64, String) {
    match orgs {
        Orgs::All => (1, "[]".to_owned()),
        Orgs::These(orgs) => (0, json!(orgs.iter().map(|org| org.0).collect::<Vec<_>>()).to_string()),
    }
}

/// The organizations whose *Administrators* the user is in, and those below them.
pub(super) async fn administered(conn: &mut Conn, user: UserId) -> Result<Vec<OrgId>> {
    let ids = query_scalar(
        "with recursive reached (id) as (
             select user_group.org_id from user_group join group_user on group_user.group_id = user_group.id
             where group_user.user_id = ?1 and user_group.builtin = 2 and user_group.department_id is null
             union
             select organization.id from reached join organization on organization.parent_id = reached.id
         )
         select id from reached order by id",
    );
    Ok(ids.bind(user.0).fetch_all(conn).await?.into_iter().map(OrgId).collect())
}

/// How many users and groups there are.
pub(super) async fn count(conn: &mut Conn, orgs: &Orgs) -> Result<i64> {
    let (all, orgs) = bound(orgs);
    let count = query_scalar(
        "select (select count(*) from user
                 where removed = 0 and (?1 = 1 or org_id in (select value from json_each(?2))))
              + (select count(*) from user_group where ?1 = 1 or org_id in (select value from json_each(?2)))",
    );
    count.bind(all).bind(orgs).fetch_one(conn).await
}

pub(super) async fn users_after(conn: &mut Conn, orgs: &Orgs, after: &str, rows_max: i64) -> Result<Vec<UserCard>> {
    let (all, orgs) = bound(orgs);
    let rows = query(select_user!(
        "where removed = 0 and name_key > ? and (? = 1 or org_id in (select value from json_each(?)))
         order by name_key limit ?"
    ));
    users(&rows.bind(after).bind(all).bind(orgs).bind(rows_max).fetch_all(conn).await?)
}

pub(super) async fn user_by_key(conn: &mut Conn, key: &NameKey) -> Result<Option<UserCard>> {
    let row = query(select_user!("where removed = 0 and name_key = ?")).bind(key.as_str());
    row.fetch_optional(conn).await?.as_ref().map(user).transpose()
}

pub(super) async fn users_by_ids(conn: &mut Conn, ids: &str) -> Result<Vec<UserCard>> {
    let rows = query(select_user!("where id in (select value from json_each(?)) order by id"));
    users(&rows.bind(ids).fetch_all(conn).await?)
}

pub(super) async fn groups_after(
    conn: &mut Conn,
    orgs: &Orgs,
    after: GroupId,
    rows_max: i64,
) -> Result<Vec<GroupCard>> {
    let (all, orgs) = bound(orgs);
    let rows = query(select_group!(
        "",
        "where user_group.id > ? and (? = 1 or user_group.org_id in (select value from json_each(?)))
         order by user_group.id limit ?"
    ));
    groups(&rows.bind(after.0).bind(all).bind(orgs).bind(rows_max).fetch_all(conn).await?)
}

/// The group of that key in an organization: the folded name, before it for a group of a department its id and a slash.
pub(super) async fn group_by_key(conn: &mut Conn, org: OrgId, key: &str) -> Result<Option<GroupCard>> {
    let row = query(select_group!("", "where user_group.org_id = ? and user_group.name_key = ?")).bind(org.0).bind(key);
    row.fetch_optional(conn).await?.as_ref().map(group).transpose()
}

pub(super) async fn groups_by_ids(conn: &mut Conn, ids: &str) -> Result<Vec<GroupCard>> {
    let rows =
        query(select_group!("", "where user_group.id in (select value from json_each(?)) order by user_group.id"));
    groups(&rows.bind(ids).fetch_all(conn).await?)
}

pub(super) async fn member_users(conn: &mut Conn, group: GroupId) -> Result<Vec<UserCard>> {
    let rows = query(select_user!(
        "join group_user on group_user.user_id = user.id
         where group_user.group_id = ? and removed = 0 order by name_key"
    ));
    users(&rows.bind(group.0).fetch_all(conn).await?)
}

pub(super) async fn member_groups(conn: &mut Conn, group: GroupId) -> Result<Vec<GroupCard>> {
    let rows = query(select_group!(
        "",
        "join group_group on group_group.member_id = user_group.id where group_group.group_id = ? order by user_group.id"
    ));
    groups(&rows.bind(group.0).fetch_all(conn).await?)
}

pub(super) async fn users_of_organization(conn: &mut Conn, org: OrgId) -> Result<Vec<UserCard>> {
    let rows = query(select_user!("where org_id = ? and guest = 0 and removed = 0 order by name_key"));
    users(&rows.bind(org.0).fetch_all(conn).await?)
}

/// Also those of the departments below it.
pub(super) async fn users_of_department(conn: &mut Conn, department: DepartmentId) -> Result<Vec<UserCard>> {
    let rows = query(select_user!(
        "where guest = 0 and removed = 0 and id in (
             with recursive below (id) as (
                 select cast(?1 as bigint)
                 union
                 select department.id from below join department on department.parent_id = below.id
             )
             select department_user.user_id from department_user join below on below.id = department_user.department_id
         )
         order by name_key"
    ));
    users(&rows.bind(department.0).fetch_all(conn).await?)
}

/// The groups that a user is in without another group between: where he was put, and *All Users* where he belongs.
pub(super) async fn groups_of_user(conn: &mut Conn, card: &UserCard) -> Result<Vec<GroupCard>> {
    let rows = query(select_group!(
        "with recursive around (id) as (
             select department_id from department_user where user_id = ?1
             union
             select department.parent_id from around join department on department.id = around.id
             where department.parent_id is not null
         )",
        "where user_group.id in (select group_id from group_user where user_id = ?1)
            or (?2 = 0 and user_group.builtin = 1 and user_group.org_id = ?3
                and (user_group.department_id is null or user_group.department_id in (select around.id from around)))
         order by user_group.id"
    ));
    groups(&rows.bind(card.id.0).bind(card.guest).bind(card.org.0).fetch_all(conn).await?)
}

pub(super) async fn groups_of_group(conn: &mut Conn, group: GroupId) -> Result<Vec<GroupCard>> {
    let rows = query(select_group!(
        "",
        "join group_group on group_group.group_id = user_group.id where group_group.member_id = ? order by user_group.id"
    ));
    groups(&rows.bind(group.0).fetch_all(conn).await?)
}

pub(super) async fn organization_by_key(conn: &mut Conn, key: &NameKey) -> Result<Option<OrgId>> {
    let id = query_scalar("select id from organization where name_key = ?").bind(key.as_str());
    Ok(id.fetch_optional(conn).await?.map(OrgId))
}

/// The department of that key in an organization, or in a department of it.
pub(super) async fn department_by_key(
    conn: &mut Conn,
    org: OrgId,
    parent: Option<DepartmentId>,
    key: &NameKey,
) -> Result<Option<DepartmentId>> {
    let id = query_scalar(
        "select id from department where org_id = ? and parent_id is not distinct from ? and name_key = ?",
    );
    let id = id.bind(org.0).bind(parent.map(|parent| parent.0)).bind(key.as_str());
    Ok(id.fetch_optional(conn).await?.map(DepartmentId))
}
