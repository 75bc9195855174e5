//! dav-server as the engine for PUT and MKCOL, through adapters without any policy.
//!
//! GET and HEAD were its too; `docs/decisions/0009-get-without-the-engine.md` has the figures that took them away.
//!
//! What the engine may see is prepared before it is called: it gets a request of our own making, with only the headers
//! that it should act on, so that none of its parsers meets anything that ours have not read. An [`Errand`] says what
//! the request is for: where uploaded bytes go, what makes the collection. The errand also brings the
//! precise error back, which the engine's own answer is too coarse for.

use std::fmt;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use dav_server::davpath::DavPath;
use dav_server::fs::{
    DavDirEntry, DavFile, DavMetaData, FsError, FsFuture, FsResult, FsStream, GuardedFileSystem, OpenOptions,
    ReadDirMeta,
};
use dav_server::{DavHandler, body::Body as EngineBody};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::checksum::Proof;
use super::{broken_body, idle};
use crate::blobs::{Sealed, Staged};
use crate::error::HttpError;
use crate::net::{BodyError, RequestBody};
use crate::path::{RelPath, encode_segment};
use crate::reply::{Body, Reply};
use crate::tree::{Kind, Node, TreeError};

static ENGINE: LazyLock<DavHandler<Arc<Errand>>> =
    LazyLock::new(|| DavHandler::builder().filesystem(Box::new(Adapter)).build_handler());

/// A future that a verb gives to the engine.
type Step<T> = Pin<Box<dyn Future<Output = Result<T, HttpError>> + Send>>;

/// What one request is for, and what came of it.
pub struct Errand {
    job: Mutex<Option<Job>>,
    /// The resource as the errand left it.
    node: Mutex<Option<Node>>,
    error: Mutex<Option<HttpError>>,
}

enum Job {
    Write(Upload),
    MakeCollection(Box<dyn FnOnce() -> Step<()> + Send>),
}

/// Where the bytes of a PUT go.
pub struct Upload {
    /// Takes them in.
    pub staged: Staged,
    /// How many there must be, as the client announced; `None` for a chunked upload without a word about it.
    pub expected: Option<u64>,
    /// How many there may be.
    pub bytes_max: u64,
    /// How many the quota has room for, as it was when the upload began.
    pub room: Option<u64>,
    /// What their checksum must be.
    pub proof: Option<Box<Proof>>,
    /// Commits them: the only moment at which anything changes.
    pub commit: Box<dyn FnOnce(Sealed) -> Step<Node> + Send + Sync>,
}

impl Errand {
    fn new(job: Job) -> Arc<Self> {
        Arc::new(Self { job: Mutex::new(Some(job)), node: Mutex::default(), error: Mutex::default() })
    }

    /// Takes bytes in.
    pub fn write(upload: Upload) -> Arc<Self> {
        Self::new(Job::Write(upload))
    }

    /// Makes a collection.
    pub fn collection(make: Box<dyn FnOnce() -> Step<()> + Send>) -> Arc<Self> {
        Self::new(Job::MakeCollection(make))
    }

    /// The node as the errand left it.
    pub fn node(&self) -> Option<Node> {
        self.node.lock().clone()
    }

    /// Keeps the precise error and gives the engine some error.
    fn fail(&self, error: impl Into<HttpError>) -> FsError {
        *self.error.lock() = Some(error.into());
        FsError::GeneralFailure
    }
}

/// Runs an errand. `head` and `path` give method and name; of the headers only the length goes along.
pub async fn run(
    head: &Parts,
    path: &RelPath,
    errand: Arc<Errand>,
    body: Option<RequestBody>,
) -> Result<Reply, HttpError> {
    let name = path.name().map_or("", |name| name.as_str());
    let mut request = Request::builder().method(head.method.clone()).uri(format!("/{}", encode_segment(name)));
    if let Some(length) = head.headers.get(CONTENT_LENGTH).filter(|_| body.is_some()) {
        request = request.header(CONTENT_LENGTH, length);
    }
    let answer = match body {
        Some(body) => {
            let body = Watched { body, errand: Arc::clone(&errand) };
            let request = request.body(body).expect("a method and a path that were parsed");
            ENGINE.handle_guarded(request, String::new(), Arc::clone(&errand)).await
        }
        None => {
            let request = request.body(EngineBody::empty()).expect("a method and a path that were parsed");
            ENGINE.handle_guarded(request, String::new(), Arc::clone(&errand)).await
        }
    };
    if let Some(error) = errand.error.lock().take() {
        return Err(error);
    }
    if answer.status().is_client_error() || answer.status().is_server_error() {
        return Err(of_status(&answer));
    }
    Ok(answer.map(Body::Engine))
}

/// A body of which the errand learns when its client has stopped sending, or the server can't read what it put together: the engine doesn't tell
/// these from one that broke off.
struct Watched {
    body: RequestBody,
    errand: Arc<Errand>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Err(BodyError::Idle)) => {
                self.errand.fail(idle());
                Some(Err(BodyError::Idle))
            }
            Some(Err(error @ BodyError::Unreadable(_))) => {
                self.errand.fail(broken_body(error));
                Some(Err(BodyError::Unreadable(io::Error::other("the errand knows why"))))
            }
            frame => frame,
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An error of the engine itself: only a body that broke off is the client's.
fn of_status(answer: &Response<EngineBody>) -> HttpError {
    tracing::debug!(status = %answer.status(), "the engine refused");
    HttpError::bad_request("The body of the request broke off. Nothing was changed.")
}

/// The file system that the engine sees: the one resource of the errand.
#[derive(Clone)]
struct Adapter;

impl GuardedFileSystem<Arc<Errand>> for Adapter {
    fn open<'a>(&'a self, _: &'a DavPath, _: OpenOptions, errand: &'a Arc<Errand>) -> FsFuture<'a, Box<dyn DavFile>> {
        let job = errand.job.lock().take();
        let file: FsResult<Box<dyn DavFile>> = match job {
            Some(Job::Write(upload)) => {
                Ok(Box::new(Receiving { upload: Some(upload), taken: 0, errand: Arc::clone(errand) }))
            }
            Some(Job::MakeCollection(_)) | None => Err(FsError::NotImplemented),
        };
        Box::pin(std::future::ready(file))
    }

    fn read_dir<'a>(
        &'a self,
        _: &'a DavPath,
        _: ReadDirMeta,
        _: &'a Arc<Errand>,
    ) -> FsFuture<'a, FsStream<Box<dyn DavDirEntry>>> {
        Box::pin(std::future::ready(Err(FsError::NotImplemented)))
    }

    fn metadata<'a>(&'a self, _: &'a DavPath, errand: &'a Arc<Errand>) -> FsFuture<'a, Box<dyn DavMetaData>> {
        let meta = errand.node().map(|node| Box::new(Meta(node)) as Box<dyn DavMetaData>);
        Box::pin(std::future::ready(meta.ok_or(FsError::NotFound)))
    }

    fn create_dir<'a>(&'a self, _: &'a DavPath, errand: &'a Arc<Errand>) -> FsFuture<'a, ()> {
        Box::pin(async move {
            let job = errand.job.lock().take();
            match job {
                Some(Job::MakeCollection(make)) => make().await.map_err(|error| errand.fail(error)),
                Some(Job::Write(_)) | None => Err(FsError::NotImplemented),
            }
        })
    }
}

/// What the engine may know of a node.
#[derive(Debug, Clone)]
struct Meta(Node);

impl DavMetaData for Meta {
    fn len(&self) -> u64 {
        self.0.size
    }

    fn modified(&self) -> FsResult<SystemTime> {
        Ok(self.0.modified.system())
    }

    fn is_dir(&self) -> bool {
        self.0.kind == Kind::Collection
    }

    fn etag(&self) -> Option<String> {
        Some(self.0.etag().trim_matches('"').to_owned())
    }
}

/// A file that comes in.
struct Receiving {
    upload: Option<Upload>,
    taken: u64,
    errand: Arc<Errand>,
}

impl fmt::Debug for Receiving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl Receiving {
    async fn take(&mut self, bytes: Bytes) -> FsResult<()> {
        let Some(upload) = &mut self.upload else { return Err(FsError::GeneralFailure) };
        self.taken += bytes.len() as u64;
        if self.taken > upload.bytes_max {
            return Err(self.errand.fail(too_large(upload.bytes_max)));
        }
        if upload.expected.is_some_and(|expected| self.taken > expected) {
            return Err(self.errand.fail(wrong_length()));
        }
        if let Some(available) = upload.room.filter(|room| self.taken > *room) {
            return Err(self.errand.fail(TreeError::OverQuota { wanted: self.taken, available }));
        }
        if let Some(proof) = &mut upload.proof {
            proof.update(&bytes);
        }
        upload.staged.write(bytes).await.map_err(|error| self.errand.fail(error))
    }
}

/// 413.
pub fn too_large(bytes_max: u64) -> HttpError {
    let text = format!("A file may have {bytes_max} bytes at most here.");
    HttpError::new(http::StatusCode::PAYLOAD_TOO_LARGE, text)
}

fn wrong_length() -> HttpError {
    HttpError::bad_request("The file has another length than the request announced. Nothing was changed.")
}

impl DavFile for Receiving {
    fn metadata(&mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let meta = self.errand.node().map(|node| Box::new(Meta(node)) as Box<dyn DavMetaData>);
        Box::pin(std::future::ready(meta.ok_or(FsError::NotFound)))
    }

    fn write_buf(&mut self, mut buf: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        Box::pin(self.take(bytes))
    }

    fn write_bytes(&mut self, bytes: Bytes) -> FsFuture<'_, ()> {
        Box::pin(self.take(bytes))
    }

    fn read_bytes(&mut self, _: usize) -> FsFuture<'_, Bytes> {
        Box::pin(std::future::ready(Err(FsError::Forbidden)))
    }

    fn seek(&mut self, _: SeekFrom) -> FsFuture<'_, u64> {
        Box::pin(std::future::ready(Err(FsError::NotImplemented)))
    }

    /// The engine calls this at the end of the body, before it compares lengths; so they are compared here.
    fn flush(&mut self) -> FsFuture<'_, ()> {
        Box::pin(async move {
            let Some(upload) = self.upload.take() else { return Ok(()) };
            if upload.expected.is_some_and(|expected| self.taken != expected) {
                return Err(self.errand.fail(wrong_length()));
            }
            if let Some(proof) = upload.proof {
                proof.confirm().map_err(|error| self.errand.fail(error))?;
            }
            let sealed = upload.staged.finish().await.map_err(|error| self.errand.fail(error))?;
            match (upload.commit)(sealed).await {
                Ok(node) => {
                    *self.errand.node.lock() = Some(node);
                    Ok(())
                }
                Err(error) => Err(self.errand.fail(error)),
            }
        })
    }
}
