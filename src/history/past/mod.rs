//! What a share was at a time: where each node lay and which state each file had, from the rows of today.
//!
//! A node lay where its first place left since then says, or where it lies now; a file had the last state that was saved
//! before. [`rollback`] goes back to it, [`snapshot`] makes a share of it. Times are those of the server's clock.

pub mod rollback;
pub mod snapshot;
mod sql;

use super::HistoryError;
use crate::clock::Moment;
use crate::db::Conn;
use crate::ids::{NodeId, ShareId};
use crate::path::Name;

/// Names whose keys are filled in at a time.
const KEYS_AT_ONCE: i64 = 1_000;

/// Lays out in temporary tables what the share was just before `moment`: every node that was there, and which of them lay at
/// or below `top`.
async fn lay_out(conn: &mut Conn, share: ShareId, top: NodeId, moment: Moment) -> Result<(), HistoryError> {
    // Places that were left before they were kept with their keys.
    loop {
        let names = sql::places_without_key(conn, share, KEYS_AT_ONCE).await?;
        if names.is_empty() {
            break;
        }
        for (id, name) in names {
            let key = Name::parse(&name).map_or_else(|_| format!("/{id}"), |name| name.key().as_str().to_owned());
            sql::set_place_key(conn, id, &key).await?;
        }
    }
    sql::lay_out(conn, share, moment).await?;
    Ok(sql::walk_past(conn, top).await?)
}
