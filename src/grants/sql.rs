//! The statements of grants.

use commonhold_acl::{Effect, Granted, Level};
use serde_json::json;

use super::reach::Placed;
use super::{Grant, NewGrant, Stored, Whole, stored};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::directory::Principal;
use crate::ids::{GroupId, NodeId, ShareId, UserId};
use crate::tree::Kind;

type Result<T> = std::result::Result<T, DbError>;

/// The two columns that say who is meant.
fn columns(principal: Principal) -> (Option<i64>, Option<i64>) {
    match principal {
        Principal::User(user) => (Some(user.0), None),
        Principal::Group(group) => (None, Some(group.0)),
    }
}

fn principal(user: Option<i64>, group: Option<i64>) -> Result<Principal> {
    match (user, group) {
        (Some(user), _) => Ok(Principal::User(UserId(user))),
        (None, Some(group)) => Ok(Principal::Group(GroupId(group))),
        (None, None) => Err(DbError::Lost("a grant for nobody".into())),
    }
}

fn list(nodes: &[NodeId]) -> String {
    json!(nodes.iter().map(|node| node.0).collect::<Vec<_>>()).to_string()
}

pub(super) async fn upsert(conn: &mut Conn, node: NodeId, new: &NewGrant, now: Moment) -> Result<()> {
    let (user, group) = columns(new.principal);
    let (form, value) = stored(&new.granted);
    macro_rules! upsert {
        ($who:literal) => {
            concat!(
                "insert into access_grant (node_id, user_id, group_id, deny, form, value, created_at)
                 values (?, ?, ?, ?, ?, ?, ?)
                 on conflict (node_id, ",
                $who,
                ", deny) where ",
                $who,
                " is not null do update set form = excluded.form, value = excluded.value"
            )
        };
    }
    let upsert = query(if user.is_some() { upsert!("user_id") } else { upsert!("group_id") });
    let upsert = upsert.bind(node.0).bind(user).bind(group).bind(new.effect == Effect::Deny);
    upsert.bind(form).bind(value).bind(now.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn count(conn: &mut Conn, node: NodeId) -> Result<i64> {
    query_scalar("select count(*) from access_grant where node_id = ?").bind(node.0).fetch_one(conn).await
}

pub(super) async fn clear(conn: &mut Conn, node: NodeId) -> Result<()> {
    query("delete from access_grant where node_id = ?").bind(node.0).execute(conn).await?;
    Ok(())
}

/// Whether there was any.
pub(super) async fn delete(conn: &mut Conn, node: NodeId, principal: Principal) -> Result<bool> {
    let (user, group) = columns(principal);
    let delete = query(
        "delete from access_grant where node_id = ? and user_id is not distinct from ? and group_id is not distinct from ?",
    );
    Ok(delete.bind(node.0).bind(user).bind(group).execute(conn).await?.rows_affected() > 0)
}

/// Everything that was given or refused to somebody, and what was granted of all that is his.
pub(super) async fn forget(conn: &mut Conn, principal: Principal) -> Result<()> {
    let (user, group) = columns(principal);
    query("delete from access_grant where user_id = ? or group_id = ?")
        .bind(user)
        .bind(group)
        .execute(&mut *conn)
        .await?;
    let wholes = query("delete from whole_grant where subject_user_id = ? or subject_group_id = ?");
    wholes.bind(user).bind(group).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_inherits(conn: &mut Conn, node: NodeId, inherits: bool) -> Result<()> {
    query("update node set inherits = ? where id = ?").bind(inherits).bind(node.0).execute(conn).await?;
    Ok(())
}

/// What was granted is beside the grant as it is kept, and in it nothing.
pub(super) async fn of_nodes(conn: &mut Conn, nodes: &[NodeId]) -> Result<Vec<(Grant, Stored)>> {
    let rows = query(
        "select access_grant.node_id, access_grant.user_id, access_grant.group_id,
                coalesce(user.name, coalesce(department.path || '/', '') || user_group.name), deny, form, value, access_grant.created_at
         from access_grant left join user on user.id = access_grant.user_id
                           left join user_group on user_group.id = access_grant.group_id
                           left join department on department.id = user_group.department_id
         where access_grant.node_id in (select value from json_each(?))
         order by access_grant.node_id, access_grant.group_id is not null,
                  coalesce(user.name_key, user_group.name_key), deny",
    );
    let grant = |row: &Row| {
        let grant = Grant {
            node: NodeId(row.try_get(0)?),
            principal: principal(row.try_get(1)?, row.try_get(2)?)?,
            name: row.try_get(3)?,
            effect: if row.try_get(4)? { Effect::Deny } else { Effect::Allow },
            granted: Granted::Level(Level::None),
            since: Moment(row.try_get(7)?),
        };
        Ok((grant, (row.try_get(5)?, row.try_get(6)?)))
    };
    rows.bind(list(nodes)).fetch_all(conn).await?.iter().map(grant).collect()
}

pub(super) async fn cut(conn: &mut Conn, nodes: &[NodeId]) -> Result<Vec<NodeId>> {
    let ids =
        query_scalar("select id from node where inherits = 0 and id in (select value from json_each(?)) order by id");
    let ids: Vec<i64> = ids.bind(list(nodes)).fetch_all(conn).await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

pub(super) async fn marked(conn: &mut Conn) -> Result<Vec<NodeId>> {
    let ids = query_scalar("select node_id from access_grant union select id from node where inherits = 0 order by 1");
    let ids: Vec<i64> = ids.fetch_all(conn).await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

/// Found from the few marked nodes upward and not from the many nodes downward.
pub(super) async fn marked_below(conn: &mut Conn, root: NodeId) -> Result<Vec<NodeId>> {
    let ids = query_scalar(
        "with recursive up (marked, id) as (
             select node_id, node_id from access_grant
             union
             select id, id from node where inherits = 0
             union
             select up.marked, node.parent_id from up join node on node.id = up.id
             where node.parent_id is not null and up.id <> ?1
         )
         select marked from up where id = ?1 order by marked",
    );
    let ids: Vec<i64> = ids.bind(root.0).fetch_all(conn).await?;
    Ok(ids.into_iter().map(NodeId).collect())
}

pub(super) async fn speaks(conn: &mut Conn, node: NodeId) -> Result<bool> {
    query_scalar(
        "select exists (select 1 from access_grant where node_id = ?1)
             or exists (select 1 from node where id = ?1 and inherits = 0)",
    )
    .bind(node.0)
    .fetch_one(conn)
    .await
}

/// Found from the few marked nodes of the share upward; `union` goes over what they have above them once.
pub(super) async fn speaks_below(conn: &mut Conn, share: ShareId, root: NodeId) -> Result<bool> {
    query_scalar(
        "with recursive up (id) as (
             select node.id from access_grant join node on node.id = access_grant.node_id where node.share_id = ?1
             union
             select id from node where share_id = ?1 and inherits = 0
             union
             select node.parent_id from up join node on node.id = up.id where node.parent_id is not null
         )
         select exists (select 1 from up where id = ?2)",
    )
    .bind(share.0)
    .bind(root.0)
    .fetch_one(conn)
    .await
}

/// An entry that reaches a user.
pub(super) struct EntryRow {
    pub node: NodeId,
    /// None: the user's own.
    pub group: Option<GroupId>,
    pub deny: bool,
    pub stored: Stored,
}

fn entry(row: &Row) -> Result<EntryRow> {
    Ok(EntryRow {
        node: NodeId(row.try_get(0)?),
        group: row.try_get::<Option<i64>>(1)?.map(GroupId),
        deny: row.try_get(2)?,
        stored: (row.try_get(3)?, row.try_get(4)?),
    })
}

/// The entries of a user and of these groups; a user's own before those of groups.
pub(super) async fn entries(conn: &mut Conn, user: UserId, groups: &[GroupId]) -> Result<Vec<EntryRow>> {
    let rows = query(
        "select node_id, group_id, deny, form, value from access_grant
         where user_id = ? or group_id in (select value from json_each(?))
         order by group_id is not null, id",
    );
    let groups = json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string();
    rows.bind(user.0).bind(groups).fetch_all(conn).await?.iter().map(entry).collect()
}

/// The same, on these nodes.
pub(super) async fn entries_at(
    conn: &mut Conn,
    user: UserId,
    groups: &[GroupId],
    nodes: &[NodeId],
) -> Result<Vec<EntryRow>> {
    let rows = query(
        "select node_id, group_id, deny, form, value from access_grant
         where node_id in (select value from json_each(?))
           and (user_id = ? or group_id in (select value from json_each(?)))
         order by group_id is not null, id",
    );
    let groups = json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string();
    rows.bind(list(nodes)).bind(user.0).bind(groups).fetch_all(conn).await?.iter().map(entry).collect()
}

/// These nodes, those that don't inherit in their shares and in `shares`, and all above them.
pub(super) async fn places(conn: &mut Conn, nodes: &[NodeId], shares: &[ShareId]) -> Result<Vec<(NodeId, Placed)>> {
    let rows = query(
        "with recursive up (id) as (
             select value from json_each(?1)
             union
             select id from node
             where inherits = 0 and (share_id in (select value from json_each(?2))
                    or share_id in (select share_id from node where id in (select value from json_each(?1))))
             union
             select node.parent_id from up join node on node.id = up.id where node.parent_id is not null
         )
         select node.id, share_id, parent_id, name, kind, inherits from up join node on node.id = up.id",
    );
    let shares = json!(shares.iter().map(|share| share.0).collect::<Vec<_>>()).to_string();
    let placed = |row: &Row| {
        let placed = Placed {
            share: ShareId(row.try_get(1)?),
            parent: row.try_get::<Option<i64>>(2)?.map(NodeId),
            name: row.try_get(3)?,
            kind: if row.try_get::<i64>(4)? == 0 { Kind::Collection } else { Kind::File },
            inherits: row.try_get(5)?,
        };
        Ok((NodeId(row.try_get(0)?), placed))
    };
    rows.bind(list(nodes)).bind(shares).fetch_all(conn).await?.iter().map(placed).collect()
}

/// Whether there was one.
pub(super) async fn delete_whole(conn: &mut Conn, target: Principal, subject: Principal) -> Result<bool> {
    let ((target_user, target_group), (user, group)) = (columns(target), columns(subject));
    let delete = query(
        "delete from whole_grant where target_user_id is not distinct from ? and target_group_id is not distinct from ?
                                   and subject_user_id is not distinct from ? and subject_group_id is not distinct from ?",
    );
    let delete = delete.bind(target_user).bind(target_group).bind(user).bind(group);
    Ok(delete.execute(conn).await?.rows_affected() == 1)
}

pub(super) async fn insert_whole(
    conn: &mut Conn,
    target: Principal,
    subject: Principal,
    level: Level,
    now: Moment,
) -> Result<()> {
    let ((target_user, target_group), (user, group)) = (columns(target), columns(subject));
    let insert = query(
        "insert into whole_grant (target_user_id, target_group_id, subject_user_id, subject_group_id, level, created_at)
         values (?, ?, ?, ?, ?, ?)",
    );
    let insert = insert.bind(target_user).bind(target_group).bind(user).bind(group);
    insert.bind(level.name()).bind(now.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn wholes(conn: &mut Conn) -> Result<Vec<Whole>> {
    let rows = query(
        "select target_user_id, target_group_id, coalesce(tu.name, coalesce(td.path || '/', '') || tg.name),
                subject_user_id, subject_group_id, coalesce(su.name, coalesce(sd.path || '/', '') || sg.name),
                level, w.created_at
         from whole_grant w
         left join user tu on tu.id = target_user_id left join user_group tg on tg.id = target_group_id
         left join department td on td.id = tg.department_id
         left join user su on su.id = subject_user_id left join user_group sg on sg.id = subject_group_id
         left join department sd on sd.id = sg.department_id
         order by target_group_id is not null, coalesce(tu.name_key, tg.name_key),
                  subject_group_id is not null, coalesce(su.name_key, sg.name_key)",
    );
    let whole = |row: &Row| {
        Ok(Whole {
            target: principal(row.try_get(0)?, row.try_get(1)?)?,
            target_name: row.try_get(2)?,
            subject: principal(row.try_get(3)?, row.try_get(4)?)?,
            subject_name: row.try_get(5)?,
            level: Level::parse(row.try_get(6)?).unwrap_or(Level::None),
            since: Moment(row.try_get(7)?),
        })
    };
    rows.fetch_all(conn).await?.iter().map(whole).collect()
}

/// A whole-user grant that reaches a user.
pub(super) struct WholeRow {
    pub target: Principal,
    pub target_name: String,
    /// None: the user's own.
    pub group: Option<GroupId>,
    pub level: Level,
}

/// The whole-user grants for a user and for these groups; a user's own before those of groups.
pub(super) async fn wholes_for(conn: &mut Conn, user: UserId, groups: &[GroupId]) -> Result<Vec<WholeRow>> {
    let rows = query(
        "select target_user_id, target_group_id, coalesce(tu.name, coalesce(td.path || '/', '') || tg.name),
                subject_group_id, level
         from whole_grant w
         left join user tu on tu.id = target_user_id left join user_group tg on tg.id = target_group_id
         left join department td on td.id = tg.department_id
         where subject_user_id = ? or subject_group_id in (select value from json_each(?))
         order by subject_group_id is not null, w.id",
    );
    let groups = json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string();
    let whole = |row: &Row| {
        Ok(WholeRow {
            target: principal(row.try_get(0)?, row.try_get(1)?)?,
            target_name: row.try_get(2)?,
            group: row.try_get::<Option<i64>>(3)?.map(GroupId),
            level: Level::parse(row.try_get(4)?).unwrap_or(Level::None),
        })
    };
    rows.bind(user.0).bind(groups).fetch_all(conn).await?.iter().map(whole).collect()
}
