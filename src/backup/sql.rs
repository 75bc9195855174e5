//! The statements that make a restored site another one than that which was lost.

use crate::clock::Moment;
use crate::db::{Conn, DbError, query};
use crate::tree::change::Op;

/// Gives the site this id, and lets each share's sequence go on `skipped` later, with a change log that begins anew: what clients of the lost site
/// know of it lies before its beginning.
pub(super) async fn renew(conn: &mut Conn, id: &str, skipped: i64, now: Moment) -> Result<(), DbError> {
    query("update site set value = ? where key = 'id'").bind(id).execute(conn).await?;
    query("delete from change").execute(&mut *conn).await?;
    query("delete from departure").execute(&mut *conn).await?;
    // The root has changed as far as clients can tell: they look again.
    query(
        "insert into change (share_id, seq, op, node_id, name, actor_id, at)
         select id, seq + ?1, ?3, root_id, '', 0, ?2 from share",
    )
    .bind(skipped)
    .bind(now.0)
    .bind(Op::Props as i64)
    .execute(conn)
    .await?;
    query(
        "update node set seq = (select share.seq + ?1 from share where share.root_id = node.id)
         where id in (select root_id from share)",
    )
    .bind(skipped)
    .execute(conn)
    .await?;
    query("update share set seq = seq + ?").bind(skipped).execute(conn).await?;
    Ok(())
}
