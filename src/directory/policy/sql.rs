//! The statements of policies.

use serde_json::json;

use crate::db::{Conn, DbError, query, query_scalar};
use crate::ids::{OrgId, ShareId};

type Result<T> = std::result::Result<T, DbError>;

/// What these organizations and those above them say: whom it reaches, who says it, the policy, its value; the farthest first.
pub(super) async fn on_the_way_up(conn: &mut Conn, orgs: &[OrgId]) -> Result<Vec<(OrgId, OrgId, String, String)>> {
    let orgs = json!(orgs.iter().map(|org| org.0).collect::<Vec<_>>()).to_string();
    let rows = query(
        "with recursive up (org, id, level) as (
             select organization.id, organization.id, 0 from organization
             where organization.id in (select value from json_each(?))
             union all
             select up.org, organization.parent_id, up.level + 1
             from up join organization on organization.id = up.id where organization.parent_id is not null
         )
         select up.org, up.id, org_policy.name, org_policy.value
         from up join org_policy on org_policy.org_id = up.id order by up.org, up.level desc, org_policy.name",
    );
    let rows = rows.bind(orgs).fetch_all(conn).await?;
    rows.iter()
        .map(|row| Ok((OrgId(row.try_get(0)?), OrgId(row.try_get(1)?), row.try_get(2)?, row.try_get(3)?)))
        .collect()
}

pub(super) async fn upsert(conn: &mut Conn, org: OrgId, name: &str, value: &str) -> Result<()> {
    let upsert = query(
        "insert into org_policy (org_id, name, value) values (?, ?, ?)
         on conflict (org_id, name) do update set value = excluded.value",
    );
    upsert.bind(org.0).bind(name).bind(value).execute(conn).await?;
    Ok(())
}

pub(super) async fn delete(conn: &mut Conn, org: OrgId, name: &str) -> Result<()> {
    query("delete from org_policy where org_id = ? and name = ?").bind(org.0).bind(name).execute(conn).await?;
    Ok(())
}

/// How often [`count_litter_switch`] was called.
pub(super) async fn litter_switches(conn: &mut Conn) -> Result<i64> {
    let counted = query_scalar("select cast(value as bigint) from site where key = 'litter_switches'");
    Ok(counted.fetch_optional(conn).await?.unwrap_or(0))
}

pub(super) async fn count_litter_switch(conn: &mut Conn) -> Result<()> {
    let count = query(
        "insert into site (key, value) values ('litter_switches', '1')
         on conflict (key) do update set value = cast(cast(site.value as bigint) + 1 as text)",
    );
    count.execute(conn).await?;
    Ok(())
}

/// What these shares say themselves: the share, the policy, its value.
pub(super) async fn of_shares(conn: &mut Conn, shares: &[ShareId]) -> Result<Vec<(ShareId, String, String)>> {
    let shares = json!(shares.iter().map(|share| share.0).collect::<Vec<_>>()).to_string();
    let rows = query(
        "select share_id, name, value from share_policy where share_id in (select value from json_each(?))
         order by share_id, name",
    );
    let rows = rows.bind(shares).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((ShareId(row.try_get(0)?), row.try_get(1)?, row.try_get(2)?))).collect()
}

pub(super) async fn upsert_of_share(conn: &mut Conn, share: ShareId, name: &str, value: &str) -> Result<()> {
    let upsert = query(
        "insert into share_policy (share_id, name, value) values (?, ?, ?)
         on conflict (share_id, name) do update set value = excluded.value",
    );
    upsert.bind(share.0).bind(name).bind(value).execute(conn).await?;
    Ok(())
}

pub(super) async fn delete_of_share(conn: &mut Conn, share: ShareId, name: &str) -> Result<()> {
    query("delete from share_policy where share_id = ? and name = ?").bind(share.0).bind(name).execute(conn).await?;
    Ok(())
}
