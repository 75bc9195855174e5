//! The statements of channel rules.

use serde_json::json;

use super::{Rule, Says};
use crate::db::{Conn, DbError, Row, query};
use crate::ids::{DeviceId, GroupId, ShareId, UserId};

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
