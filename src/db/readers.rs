//! Reading: a few connections, each lent to one transaction at a time.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::source::{Purpose, Source};
use super::{Conn, DbError, Reads, postgres};

/// Transactions that read at the same time, unless the configuration says otherwise.
pub(super) const READERS_MAX: usize = 8;
/// How long a reader waits for its turn before it answers "busy".
const READER_WAIT: Duration = Duration::from_secs(10);

/// The connections that nobody reads with at the moment.
#[derive(Debug)]
pub(super) struct Readers {
    source: Source,
    begin: &'static str,
    idle: Mutex<Vec<Conn>>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// Opens the first of them, to see that it can be done; the others are opened when they are wanted.
    pub async fn open(source: Source) -> Result<Self, DbError> {
        let first = source.open(Purpose::Read).await?;
        let (begin, readers_max) = match &source {
            Source::File(_) => ("begin", READERS_MAX),
            Source::Server(address) => ("begin isolation level repeatable read read only", address.readers_max()),
        };
        Ok(Self { source, begin, idle: Mutex::new(vec![first]), places: Arc::new(Semaphore::new(readers_max)) })
    }

    /// Lends a connection on which nothing is open.
    pub async fn lend(self: &Arc<Self>) -> Result<Lent, DbError> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let waiting = tokio::time::timeout(READER_WAIT, Arc::clone(&self.places).acquire_owned());
                waiting.await.map_err(|_| DbError::Busy)?.map_err(|_| DbError::Lost("it is closed".into()))?
            }
        };
        let idle = self.idle.lock().pop();
        let (conn, fresh) = match idle {
            Some(conn) => (conn, false),
            None => (self.source.open(Purpose::Read).await?, true),
        };
        Ok(Lent { conn: Some(conn), fresh, readers: Arc::clone(self), place: Some(place) })
    }

    /// Begins a transaction.
    pub async fn begin(self: &Arc<Self>) -> Result<ReadTx, DbError> {
        self.begin_by(self.begin).await
    }

    /// Begins one that writes, beside the writer; only a server lets it.
    pub async fn begin_aside(self: &Arc<Self>) -> Result<Aside, DbError> {
        Ok(Aside(self.begin_by(postgres::BEGIN_ASIDE).await?))
    }

    async fn begin_by(self: &Arc<Self>, begin: &'static str) -> Result<ReadTx, DbError> {
        loop {
            // Made before it begins: whoever is cut off in the middle must not give back a connection on which a transaction is open.
            let mut tx = ReadTx(self.lend().await?);
            let Err(error) = tx.conn().command(begin).await else { return Ok(tx) };
            if !tx.0.is_stale() {
                return Err(error);
            }
        }
    }

    /// No transaction begins any more, and the connections go.
    pub fn close(&self) {
        self.places.close();
        self.idle.lock().clear();
    }

    fn take_back(&self, conn: Conn) {
        if !conn.is_broken() && !self.places.is_closed() {
            self.idle.lock().push(conn);
        }
    }
}

/// A connection that is given back when this goes.
#[derive(Debug)]
pub(super) struct Lent {
    conn: Option<Conn>,
    fresh: bool,
    readers: Arc<Readers>,
    place: Option<OwnedSemaphorePermit>,
}

impl Lent {
    pub fn conn(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("the connection is there until the end")
    }

    /// It gives no answers: nobody gets it any more.
    pub fn give_up(&mut self) {
        self.fresh = true;
        self.conn = None;
        // The others are of the same host, most likely.
        self.readers.idle.lock().clear();
    }

    /// Whether it was cut while nobody used it. Then there is no harm in trying another one.
    pub fn is_stale(&self) -> bool {
        !self.fresh && self.conn.as_ref().is_some_and(Conn::is_broken)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.readers.take_back(conn);
        }
    }
}

/// A consistent view of one moment; writes by others don't show in it.
pub struct ReadTx(Lent);

impl Reads for ReadTx {
    fn conn(&mut self) -> &mut Conn {
        self.0.conn()
    }
}

/// A short transaction beside the one writer, for rows on a server on which nothing about files rests: it isn't waited for until its commit is on
/// disk. Dropped, it is undone.
pub struct Aside(ReadTx);

impl Aside {
    /// Keeps what was written, unless the database server dies within the second.
    pub async fn commit(mut self) -> Result<(), DbError> {
        self.0.conn().command("commit").await?;
        let lent = &mut self.0.0;
        if let Some(conn) = lent.conn.take() {
            lent.readers.take_back(conn);
        }
        Ok(())
    }
}

impl Reads for Aside {
    fn conn(&mut self) -> &mut Conn {
        self.0.conn()
    }
}

impl Drop for ReadTx {
    fn drop(&mut self) {
        let Some(mut conn) = self.0.conn.take() else { return };
        let (readers, place) = (Arc::clone(&self.0.readers), self.0.place.take());
        let end = async move {
            if conn.command("rollback").await.is_ok() {
                readers.take_back(conn);
            }
            drop(place);
        };
        // With SQLite the end is there at the first look, and no task is needed for it.
        let mut end = Box::pin(end);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if end.as_mut().poll(&mut context).is_pending()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(end);
        }
    }
}
