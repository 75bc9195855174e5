//! The statements of channel rules.

use super::{ChannelRule, Rule, RuleChange, Says};
use crate::db::{Conn, DbError, Row, query, query_scalar};
use crate::directory::{DirectoryName, Principal};
use crate::ids::{DeviceId, GroupId, ShareId, UserId};
use serde_json::json;

type Result<T> = std::result::Result<T, DbError>;

fn ids(groups: &[GroupId]) -> String {
    json!(groups.iter().map(|group| group.0).collect::<Vec<_>>()).to_string()
}

/// The rules of a user and of these groups.
pub(super) async fn rules(conn: &mut Conn, user: UserId, groups: &[GroupId]) -> Result<Vec<Rule>> {
    let rows = query(
        "select share_id, group_id, web, webdav, future_devices, future_after from channel_rule
         where user_id = ? or group_id in (select value from json_each(?)) order by id",
    );
    let rule = |row: &Row| {
        Ok(Rule {
            share: ShareId(row.try_get(0)?),
            group: row.try_get::<Option<i64>>(1)?.map(GroupId),
            web: row.try_get(2)?,
            webdav: row.try_get(3)?,
            future_devices: row.try_get(4)?,
            future_after: row.try_get::<Option<i64>>(5)?.map(DeviceId),
        })
    };
    rows.bind(user.0).bind(ids(groups)).fetch_all(conn).await?.iter().map(rule).collect()
}

/// What the rules of a user and of these groups say about devices of the name that this one has.
pub(super) async fn device_rules(
    conn: &mut Conn,
    user: UserId,
    groups: &[GroupId],
    device: DeviceId,
) -> Result<Vec<Says>> {
    let rows = query(
        "select device_rule.share_id, device_rule.group_id, device_rule.open
         from device_rule join device on device.name_key = device_rule.name_key
         where device.id = ? and (device_rule.user_id = ? or device_rule.group_id in (select value from json_each(?)))
         order by device_rule.id",
    );
    let says = |row: &Row| {
        let group = row.try_get::<Option<i64>>(1)?.map(GroupId);
        Ok(Says { share: ShareId(row.try_get(0)?), group, open: Some(row.try_get(2)?) })
    };
    rows.bind(device.0).bind(user.0).bind(ids(groups)).fetch_all(conn).await?.iter().map(says).collect()
}

/// The two columns of a rule that say whose it is.
fn columns(principal: Principal) -> (Option<i64>, Option<i64>) {
    match principal {
        Principal::User(user) => (Some(user.0), None),
        Principal::Group(group) => (None, Some(group.0)),
    }
}

fn principal(user: Option<i64>, group: Option<i64>) -> Principal {
    match user {
        Some(user) => Principal::User(UserId(user)),
        None => Principal::Group(GroupId(group.unwrap_or_default())),
    }
}

/// Makes or changes a rule. That which is said about later devices counts from the newest device of the moment at which
/// something is said about them first.
pub(super) async fn upsert_rule(
    conn: &mut Conn,
    share: ShareId,
    principal: Principal,
    change: &RuleChange<'_>,
) -> Result<()> {
    let (user, group) = columns(principal);
    let insert =
        query("insert into channel_rule (share_id, user_id, group_id) values (?, ?, ?) on conflict do nothing");
    insert.bind(share.0).bind(user).bind(group).execute(&mut *conn).await?;
    let set = query(
        "update channel_rule
         set web = case when ?1 then ?2 else web end,
             webdav = case when ?3 then ?4 else webdav end,
             future_after = case when not ?5 then future_after
                                 when ?6 is null then null
                                 else coalesce(future_after, (select coalesce(max(id), 0) from device)) end,
             future_devices = case when ?5 then ?6 else future_devices end
         where share_id = ?7 and (user_id = ?8 or group_id = ?9)",
    );
    let set = set.bind(change.web.is_some()).bind(change.web.flatten());
    let set = set.bind(change.webdav.is_some()).bind(change.webdav.flatten());
    let set = set.bind(change.future_devices.is_some()).bind(change.future_devices.flatten());
    set.bind(share.0).bind(user).bind(group).execute(conn).await?;
    Ok(())
}

pub(super) async fn upsert_device_rule(
    conn: &mut Conn,
    share: ShareId,
    principal: Principal,
    name: &DirectoryName,
    open: bool,
) -> Result<()> {
    let (user, group) = columns(principal);
    macro_rules! upsert {
        ($who:literal) => {
            concat!(
                "insert into device_rule (share_id, user_id, group_id, name, name_key, open) values (?, ?, ?, ?, ?, ?)
                 on conflict (share_id, ",
                $who,
                ", name_key) where ",
                $who,
                " is not null do update set open = excluded.open"
            )
        };
    }
    let upsert = query(if user.is_some() { upsert!("user_id") } else { upsert!("group_id") });
    let upsert = upsert.bind(share.0).bind(user).bind(group).bind(name.as_str());
    upsert.bind(name.key().as_str().to_owned()).bind(open).execute(conn).await?;
    Ok(())
}

pub(super) async fn delete_device_rule(
    conn: &mut Conn,
    share: ShareId,
    principal: Principal,
    name: &DirectoryName,
) -> Result<()> {
    let (user, group) = columns(principal);
    let delete = query("delete from device_rule where share_id = ? and (user_id = ? or group_id = ?) and name_key = ?");
    delete.bind(share.0).bind(user).bind(group).bind(name.key().as_str().to_owned()).execute(conn).await?;
    Ok(())
}

pub(super) async fn count_device_rules(conn: &mut Conn, share: ShareId, principal: Principal) -> Result<i64> {
    let (user, group) = columns(principal);
    let count = query_scalar("select count(*) from device_rule where share_id = ? and (user_id = ? or group_id = ?)");
    count.bind(share.0).bind(user).bind(group).fetch_one(conn).await
}

pub(super) async fn rules_of(conn: &mut Conn, share: ShareId) -> Result<Vec<ChannelRule>> {
    let rows =
        query("select user_id, group_id, web, webdav, future_devices from channel_rule where share_id = ? order by id");
    let rule = |row: &Row| {
        Ok(ChannelRule {
            principal: principal(row.try_get(0)?, row.try_get(1)?),
            web: row.try_get(2)?,
            webdav: row.try_get(3)?,
            future_devices: row.try_get(4)?,
            devices: Vec::new(),
        })
    };
    rows.bind(share.0).fetch_all(conn).await?.iter().map(rule).collect()
}

pub(super) async fn device_rules_of(conn: &mut Conn, share: ShareId) -> Result<Vec<(Principal, String, bool)>> {
    let rows = query("select user_id, group_id, name, open from device_rule where share_id = ? order by name_key, id");
    let rows = rows.bind(share.0).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((principal(row.try_get(0)?, row.try_get(1)?), row.try_get(2)?, row.try_get(3)?))).collect()
}

/// The rules of a user or a group about one share, or about all.
pub(super) async fn delete_rules(conn: &mut Conn, share: Option<ShareId>, principal: Principal) -> Result<()> {
    let (user, group) = columns(principal);
    let delete = query(
        "delete from channel_rule where (user_id = ?1 or group_id = ?2) and share_id = coalesce(?3, share_id);
         delete from device_rule where (user_id = ?1 or group_id = ?2) and share_id = coalesce(?3, share_id)",
    );
    delete.bind(user).bind(group).bind(share.map(|share| share.0)).execute(conn).await?;
    Ok(())
}
