//! Room that uploads on their way have been promised, so that of several together none is sent in vain.
//!
//! A promise is about what a quota has left when the upload begins; the decision is the one in the transaction that commits it,
//! which is exact whatever was promised, on however many servers. Promises are this server's own, and last as long as the upload.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{TreeError, sql};
use crate::db::Reads;
use crate::ids::{OrgId, ShareId};

/// What has a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limited {
    /// A share, by its quota.
    Share(ShareId),
    /// An organization, by the size limit for its shares and those below it.
    Organization(OrgId),
}

/// What a limit has left.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Whose limit it is.
    pub of: Limited,
    /// Bytes; none where more is used already than a lowered limit allows.
    pub bytes: u64,
}

/// What each of the limits that count for `share` has left.
pub async fn rooms(reads: &mut impl Reads, share: ShareId) -> Result<Vec<Room>, TreeError> {
    Ok(sql::rooms(reads.conn(), share).await?)
}

/// The promises of this server.
#[derive(Debug, Default)]
pub struct Reservations(Mutex<HashMap<Limited, u64>>);

/// A promise; it ends with this.
#[derive(Debug)]
pub struct Reservation {
    all: Arc<Reservations>,
    of: Vec<Limited>,
    bytes: u64,
}

impl Reservations {
    /// Promises so many bytes of each of these rooms, which were read just now: what is committed later may be missing in them,
    /// but nothing is counted twice, since a promise ends before its commit.
    ///
    /// Errors: [`TreeError::OverQuota`].
    pub fn promise(self: &Arc<Self>, rooms: &[Room], bytes: u64) -> Result<Reservation, TreeError> {
        let mut promised = self.0.lock();
        for room in rooms {
            let available = room.bytes.saturating_sub(promised.get(&room.of).copied().unwrap_or(0));
            if bytes > available {
                return Err(TreeError::OverQuota { wanted: bytes, available });
            }
        }
        for room in rooms {
            *promised.entry(room.of).or_default() += bytes;
        }
        Ok(Reservation { all: Arc::clone(self), of: rooms.iter().map(|room| room.of).collect(), bytes })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut promised = self.all.0.lock();
        for of in &self.of {
            if let Some(bytes) = promised.get_mut(of) {
                *bytes -= self.bytes;
                if *bytes == 0 {
                    promised.remove(of);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_to_one_is_not_promised_to_another_until_it_ends() {
        let all = Arc::new(Reservations::default());
        let rooms = |share: u64, org: u64| {
            let room = |of, bytes| Room { of, bytes };
            [room(Limited::Share(ShareId(1)), share), room(Limited::Organization(OrgId(1)), org)]
        };
        let first = all.promise(&rooms(100, 150), 60).unwrap();
        assert!(matches!(all.promise(&rooms(100, 150), 41), Err(TreeError::OverQuota { wanted: 41, available: 40 })));
        let second = all.promise(&rooms(100, 150), 40).unwrap();
        // Another share of the organization has what the organization has left.
        let other = [Room { of: Limited::Share(ShareId(2)), bytes: 1000 }, rooms(0, 150)[1]];
        assert!(matches!(all.promise(&other, 51), Err(TreeError::OverQuota { available: 50, .. })));
        drop((first, second));
        assert!(all.promise(&other, 150).is_ok());
        assert!(all.0.lock().is_empty());
    }
}
