//! Reading: a few connections, each lent to one transaction at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::sqlite::Purpose;
use super::{Conn, DbError, Reads};

/// Transactions that read at the same time.
const READERS_MAX: usize = 8;
/// How long a reader waits for its turn before it answers "busy".
const READER_WAIT: Duration = Duration::from_secs(10);

/// The connections that nobody reads with at the moment.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Conn>>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// Opens the first of them, to see that it can be done; the others are opened when they are wanted.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        let first = Conn::open(path, Purpose::Read)?;
        Ok(Self { path: path.to_owned(), idle: Mutex::new(vec![first]), places: Arc::new(Semaphore::new(READERS_MAX)) })
    }

    pub async fn begin(self: &Arc<Self>) -> Result<ReadTx, DbError> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let waiting = tokio::time::timeout(READER_WAIT, Arc::clone(&self.places).acquire_owned());
                waiting.await.map_err(|_| DbError::Busy)?.map_err(|_| DbError::Lost("it is closed".into()))?
            }
        };
        let idle = self.idle.lock().pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => Conn::open(&self.path, Purpose::Read)?,
        };
        conn.command("begin")?;
        Ok(ReadTx { conn: Some(conn), readers: Arc::clone(self), _place: place })
    }

    /// No transaction begins any more, and the connections go.
    pub fn close(&self) {
        self.places.close();
        self.idle.lock().clear();
    }
}

/// A consistent view of one moment; writes by others don't show in it.
pub struct ReadTx {
    conn: Option<Conn>,
    readers: Arc<Readers>,
    _place: OwnedSemaphorePermit,
}

impl Reads for ReadTx {
    fn conn(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("the connection is there until the end")
    }
}

impl Drop for ReadTx {
    fn drop(&mut self) {
        if let Some(mut conn) = self.conn.take()
            && conn.command("rollback").is_ok()
            && !self.readers.places.is_closed()
        {
            self.readers.idle.lock().push(conn);
        }
    }
}
