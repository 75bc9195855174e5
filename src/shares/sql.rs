//! The statements of shares and subscriptions.

use std::time::Duration;

use serde_json::json;

use super::{NewShare, Settings, Share, ShareKind, Subscriber};
use crate::clock::Moment;
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::directory::Principal;
use crate::ids::{DepartmentId, GroupId, NodeId, OrgId, ShareId, UserId};
use crate::path::NameKey;

type Result<T> = std::result::Result<T, DbError>;

/// A `select` of the columns that [`share`] reads and of further ones, with what follows.
macro_rules! select_share {
    ($columns:literal, $rest:literal) => {
        concat!(
            "select share.id, share.org_id, organization.open, share.name, description, share.active, root_id, trash_id, seq,
                    used_bytes, share.quota_bytes, share.created_at, auto_lock, collision_copies, handover_s,
                    share.kind, share.owner_id, share.department_id",
            $columns,
            " from share join organization on organization.id = share.org_id ",
            $rest
        )
    };
}

fn share(row: &Row) -> Result<Share> {
    Ok(Share {
        id: ShareId(row.try_get(0)?),
        org: OrgId(row.try_get(1)?),
        org_active: row.try_get(2)?,
        name: row.try_get(3)?,
        description: row.try_get(4)?,
        active: row.try_get(5)?,
        root: NodeId(row.try_get(6)?),
        trash: NodeId(row.try_get(7)?),
        seq: row.try_get(8)?,
        used_bytes: row.try_get::<i64>(9)?.unsigned_abs(),
        quota_bytes: row.try_get::<Option<i64>>(10)?.map(i64::unsigned_abs),
        created: Moment(row.try_get(11)?),
        auto_lock: row.try_get(12)?,
        collision_copies: row.try_get(13)?,
        handover: Duration::from_secs(row.try_get::<i64>(14)?.unsigned_abs()),
        kind: kind(row.try_get(15)?),
        owner: row.try_get::<Option<i64>>(16)?.map(UserId),
        department: row.try_get::<Option<i64>>(17)?.map(DepartmentId),
    })
}

fn kind(stored: i64) -> ShareKind {
    match stored {
        HOME => ShareKind::Home,
        PUBLIC => ShareKind::Public,
        _ => ShareKind::Team,
    }
}

const TEAM: i64 = 0;
const HOME: i64 = 1;
const PUBLIC: i64 = 2;

/// The two columns of a subscription that say whose it is.
fn columns(principal: Principal) -> (Option<i64>, Option<i64>) {
    match principal {
        Principal::User(user) => (Some(user.0), None),
        Principal::Group(group) => (None, Some(group.0)),
    }
}

/// None: the name is taken. The root and the trash are set by [`set_tops`] once they are there.
pub(super) async fn insert_share(
    conn: &mut Conn,
    new: &NewShare<'_>,
    key: &NameKey,
    quota: Option<i64>,
    now: Moment,
) -> Result<Option<ShareId>> {
    let id = query_scalar(
        "insert into share (org_id, department_id, kind, name, name_key, description, root_id, trash_id, quota_bytes,
                            created_at)
         values (?, ?, ?, ?, ?, ?, 0, 0, ?, ?) on conflict (name_key) do nothing returning id",
    );
    let id = id.bind(new.org.0).bind(new.department.map(|department| department.id.0));
    let id = id.bind(if new.public { PUBLIC } else { TEAM });
    let id = id.bind(new.name.as_str()).bind(key.as_str()).bind(new.description);
    Ok(id.bind(quota).bind(now.0).fetch_optional(conn).await?.map(ShareId))
}

/// None: the user has a home already. The key has slashes, as no name of a share below the root. The root and the trash are set by [`set_tops`].
pub(super) async fn insert_home(
    conn: &mut Conn,
    org: OrgId,
    owner: UserId,
    name: &str,
    now: Moment,
) -> Result<Option<ShareId>> {
    let id = query_scalar(
        "insert into share (org_id, name, name_key, kind, owner_id, root_id, trash_id, created_at)
         values (?, ?, ?, 1, ?, 0, 0, ?) on conflict do nothing returning id",
    );
    let id = id.bind(org.0).bind(name).bind(format!("/home/{}", owner.0)).bind(owner.0).bind(now.0);
    Ok(id.fetch_optional(conn).await?.map(ShareId))
}

pub(super) async fn home_of(conn: &mut Conn, owner: UserId) -> Result<Option<Share>> {
    let row = query(select_share!("", "where share.owner_id = ?")).bind(owner.0);
    row.fetch_optional(conn).await?.as_ref().map(share).transpose()
}

/// Makes a collection that is a member of none: the root of a share, or its trash.
pub(super) async fn insert_top(conn: &mut Conn, share: ShareId, now: Moment) -> Result<NodeId> {
    let id = query_scalar(
        "insert into node (share_id, name, name_key, kind, modified_at, created_at, seq)
         values (?1, '', '', 0, ?2, ?2, 0) returning id",
    );
    Ok(NodeId(id.bind(share.0).bind(now.0).fetch_one(conn).await?))
}

pub(super) async fn set_tops(conn: &mut Conn, share: ShareId, root: NodeId, trash: NodeId) -> Result<()> {
    let set = query("update share set root_id = ?, trash_id = ? where id = ?");
    set.bind(root.0).bind(trash.0).bind(share.0).execute(conn).await?;
    Ok(())
}

/// `quota`: that of `settings`, as it is stored.
pub(super) async fn set(
    conn: &mut Conn,
    share: ShareId,
    settings: &Settings<'_>,
    quota: Option<Option<i64>>,
) -> Result<()> {
    let set = query(
        "update share set description = coalesce(?, description),
                          quota_bytes = case when ? then ? else quota_bytes end,
                          auto_lock = coalesce(?, auto_lock),
                          collision_copies = coalesce(?, collision_copies),
                          handover_s = coalesce(?, handover_s),
                          department_id = case when ? then ? else department_id end
         where id = ?",
    );
    let handover_s = settings.handover.map(|span| span.as_secs().cast_signed());
    let set = set.bind(settings.description).bind(quota.is_some()).bind(quota.flatten()).bind(settings.auto_lock);
    let department = settings.department.flatten().map(|department| department.id.0);
    let set = set.bind(settings.collision_copies).bind(handover_s).bind(settings.department.is_some()).bind(department);
    set.bind(share.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn set_active(conn: &mut Conn, share: ShareId, active: bool) -> Result<()> {
    query("update share set active = ? where id = ?").bind(active).bind(share.0).execute(conn).await?;
    Ok(())
}

pub(super) async fn share_by_key(conn: &mut Conn, key: &NameKey) -> Result<Option<Share>> {
    let row = query(select_share!("", "where share.name_key = ?")).bind(key.as_str());
    row.fetch_optional(conn).await?.as_ref().map(share).transpose()
}

pub(super) async fn share_by_id(conn: &mut Conn, id: ShareId) -> Result<Option<Share>> {
    let row = query(select_share!("", "where share.id = ?")).bind(id.0);
    row.fetch_optional(conn).await?.as_ref().map(share).transpose()
}

pub(super) async fn shares_by_ids(conn: &mut Conn, shares: &[ShareId]) -> Result<Vec<Share>> {
    let rows = query(select_share!("", "where share.id in (select value from json_each(?)) order by share.name_key"));
    let shares = json!(shares.iter().map(|share| share.0).collect::<Vec<_>>()).to_string();
    rows.bind(shares).fetch_all(conn).await?.iter().map(share).collect()
}

/// By the names of their owners, which they have too.
pub(super) async fn homes_of(conn: &mut Conn, owners: &[UserId], orgs: &[OrgId]) -> Result<Vec<Share>> {
    let rows = query(select_share!(
        "",
        "where share.id in (select id from share where owner_id in (select value from json_each(?))
                            union select id from share
                                  where org_id in (select value from json_each(?)) and owner_id is not null)
         order by share.name, share.id"
    ));
    let owners = json!(owners.iter().map(|owner| owner.0).collect::<Vec<_>>()).to_string();
    let orgs = json!(orgs.iter().map(|org| org.0).collect::<Vec<_>>()).to_string();
    rows.bind(owners).bind(orgs).fetch_all(conn).await?.iter().map(share).collect()
}

pub(super) async fn shares(conn: &mut Conn) -> Result<Vec<Share>> {
    let rows = query(select_share!("", "where share.kind <> 1 order by share.name_key")).fetch_all(conn).await?;
    rows.iter().map(share).collect()
}

/// The team shares and public folders of these organizations.
pub(super) async fn shares_of(conn: &mut Conn, orgs: &[OrgId]) -> Result<Vec<Share>> {
    let rows = query(select_share!(
        "",
        "where share.kind <> 1 and share.org_id in (select value from json_each(?)) order by share.name_key"
    ));
    let orgs = json!(orgs.iter().map(|org| org.0).collect::<Vec<_>>()).to_string();
    rows.bind(orgs).fetch_all(conn).await?.iter().map(share).collect()
}

pub(super) async fn upsert_subscription(
    conn: &mut Conn,
    share: ShareId,
    principal: Principal,
    role: &str,
    now: Moment,
) -> Result<()> {
    let (user, group) = columns(principal);
    macro_rules! upsert {
        ($who:literal) => {
            concat!(
                "insert into subscription (share_id, user_id, group_id, role, created_at) values (?, ?, ?, ?, ?)
                 on conflict (share_id, ",
                $who,
                ") where ",
                $who,
                " is not null do update set role = excluded.role"
            )
        };
    }
    let upsert = query(if user.is_some() { upsert!("user_id") } else { upsert!("group_id") });
    upsert.bind(share.0).bind(user).bind(group).bind(role).bind(now.0).execute(conn).await?;
    Ok(())
}

/// Whether there was one.
pub(super) async fn delete_subscription(conn: &mut Conn, share: ShareId, principal: Principal) -> Result<bool> {
    let (user, group) = columns(principal);
    let delete = query(
        "delete from subscription where share_id = ? and user_id is not distinct from ? and group_id is not distinct from ?",
    );
    Ok(delete.bind(share.0).bind(user).bind(group).execute(conn).await?.rows_affected() == 1)
}

pub(super) async fn delete_subscriptions(conn: &mut Conn, principal: Principal) -> Result<()> {
    let (user, group) = columns(principal);
    let delete = query("delete from subscription where user_id = ? or group_id = ?");
    delete.bind(user).bind(group).execute(conn).await?;
    Ok(())
}

/// Every subscription to the team shares that this user or group subscribes to: share, its name, whether it is theirs, role.
pub(super) async fn subscriptions_beside(
    conn: &mut Conn,
    principal: Principal,
) -> Result<Vec<(ShareId, String, bool, String)>> {
    let (user, group) = columns(principal);
    let rows = query(
        "select share.id, share.name, subscription.id = own.id, subscription.role
         from subscription own join share on share.id = own.share_id
                               join subscription on subscription.share_id = share.id
         where (own.user_id = ? or own.group_id = ?) and share.kind = 0 order by share.id, subscription.id",
    );
    let rows = rows.bind(user).bind(group).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((ShareId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))).collect()
}

pub(super) async fn is_home_empty(conn: &mut Conn, owner: UserId) -> Result<bool> {
    let found = query_scalar(
        "select not exists (select 1 from share join node on node.share_id = share.id
                            where share.owner_id = ? and node.parent_id is not null)",
    );
    found.bind(owner.0).fetch_one(conn).await
}

/// The names of the roles that anybody has on the share.
pub(super) async fn roles(conn: &mut Conn, share: ShareId) -> Result<Vec<String>> {
    let roles = query_scalar("select distinct role from subscription where share_id = ? order by role");
    roles.bind(share.0).fetch_all(conn).await
}

pub(super) async fn subscribers(conn: &mut Conn, share: ShareId) -> Result<Vec<Subscriber>> {
    let rows = query(
        "select 0 as grouped, user.id, user.name, user.name_key as key, role, subscription.created_at
         from subscription join user on user.id = user_id where share_id = ?1
         union all
         select 1, user_group.id, coalesce(department.path || '/', '') || user_group.name, user_group.name_key, role,
                subscription.created_at
         from subscription join user_group on user_group.id = group_id
                           left join department on department.id = user_group.department_id
         where share_id = ?1
         order by grouped, key",
    );
    let subscriber = |row: &Row| {
        let id = row.try_get(1)?;
        let principal = if row.try_get(0)? { Principal::Group(GroupId(id)) } else { Principal::User(UserId(id)) };
        Ok(Subscriber { principal, name: row.try_get(2)?, role: row.try_get(4)?, since: Moment(row.try_get(5)?) })
    };
    rows.bind(share.0).fetch_all(conn).await?.iter().map(subscriber).collect()
}

/// A subscription that reaches a user.
pub(super) struct Reaching {
    pub share: Share,
    pub role: String,
    /// None: the user's own.
    pub group: Option<GroupId>,
}

/// The subscriptions of a user and of these groups, by the share's name; a user's own before those of groups.
pub(super) async fn reaching(conn: &mut Conn, user: UserId, groups: &[GroupId]) -> Result<Vec<Reaching>> {
    let rows = query(select_share!(
        ", subscription.role, subscription.group_id",
        "join subscription on subscription.share_id = share.id
         where subscription.user_id = ? or subscription.group_id in (select value from json_each(?))
         order by share.name_key, subscription.group_id is not null, subscription.id"
    ));
    let groups = json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string();
    let reaching = |row: &Row| {
        let group = row.try_get::<Option<i64>>(19)?.map(GroupId);
        Ok(Reaching { share: share(row)?, role: row.try_get(18)?, group })
    };
    rows.bind(user.0).bind(groups).fetch_all(conn).await?.iter().map(reaching).collect()
}
