//! dav-server as the engine for bytes: GET, PUT and MKCOL, through adapters without any policy.
//!
//! What the engine may see is prepared before it is called: it gets a request of our own making, with only the headers
//! that it should act on, so that none of its parsers meets anything that ours have not read. An [`Errand`] says what
//! the request is for: the bytes to send, where uploaded bytes go, what makes the collection. The errand also brings the
//! precise error back, which the engine's own answer is too coarse for.

use std::fmt;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use bytes::{Buf, Bytes};
use dav_server::davpath::DavPath;
use dav_server::fs::{
    DavDirEntry, DavFile, DavMetaData, FsError, FsFuture, FsResult, FsStream, GuardedFileSystem, OpenOptions,
    ReadDirMeta,
};
use dav_server::{DavHandler, body::Body as EngineBody};
use http::header::{CONTENT_LENGTH, RANGE};
use http::request::Parts;
use http::{Request, Response};
use parking_lot::Mutex;

use crate::blobs::{Reader, Sealed, Staged};
use crate::error::HttpError;
use crate::net::RequestBody;
use crate::path::{RelPath, encode_segment};
use crate::reply::{Body, Reply};
use crate::tree::{Kind, Node};

/// Bytes that the engine asks a file for at a time; the blob store gives them without a copy.
const READ_BYTES: usize = 256 * 1024;

static ENGINE: LazyLock<DavHandler<Arc<Errand>>> =
    LazyLock::new(|| DavHandler::builder().filesystem(Box::new(Adapter)).read_buf_size(READ_BYTES).build_handler());

/// A future that a verb gives to the engine.
type Step<T> = Pin<Box<dyn Future<Output = Result<T, HttpError>> + Send>>;

/// What one request is for, and what came of it.
pub struct Errand {
    job: Mutex<Option<Job>>,
    /// The resource before the request, or after it.
    node: Mutex<Option<Node>>,
    error: Mutex<Option<HttpError>>,
}

enum Job {
    Read(Source),
    Write(Upload),
    MakeCollection(Box<dyn FnOnce() -> Step<()> + Send>),
}

/// The bytes of a file.
#[derive(Clone)]
pub enum Source {
    /// From the database.
    Inline(Bytes),
    /// From the blob store.
    Blob(Reader),
}

/// Where the bytes of a PUT go.
pub struct Upload {
    /// Takes them in.
    pub staged: Staged,
    /// How many there must be, as the client announced; `None` for a chunked upload without a word about it.
    pub expected: Option<u64>,
    /// How many there may be.
    pub bytes_max: u64,
    /// Commits them: the only moment at which anything changes.
    pub commit: Box<dyn FnOnce(Sealed) -> Step<Node> + Send + Sync>,
}

impl Errand {
    fn new(job: Job, node: Option<Node>) -> Arc<Self> {
        Arc::new(Self { job: Mutex::new(Some(job)), node: Mutex::new(node), error: Mutex::default() })
    }

    /// Sends the bytes of `node`.
    pub fn read(node: Node, source: Source) -> Arc<Self> {
        Self::new(Job::Read(source), Some(node))
    }

    /// Takes bytes in; `over` is the file that is there already.
    pub fn write(upload: Upload, over: Option<Node>) -> Arc<Self> {
        Self::new(Job::Write(upload), over)
    }

    /// Makes a collection.
    pub fn collection(make: Box<dyn FnOnce() -> Step<()> + Send>) -> Arc<Self> {
        Self::new(Job::MakeCollection(make), None)
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
    run_range(head, path, errand, body, None).await
}

/// The same, for a part of a file: first and last byte, both inside of it.
pub async fn run_range(
    head: &Parts,
    path: &RelPath,
    errand: Arc<Errand>,
    body: Option<RequestBody>,
    range: Option<(u64, u64)>,
) -> Result<Reply, HttpError> {
    let name = path.name().map_or("", |name| name.as_str());
    let mut request = Request::builder().method(head.method.clone()).uri(format!("/{}", encode_segment(name)));
    if let Some((first, last)) = range {
        request = request.header(RANGE, format!("bytes={first}-{last}"));
    }
    if let Some(length) = head.headers.get(CONTENT_LENGTH).filter(|_| body.is_some()) {
        request = request.header(CONTENT_LENGTH, length);
    }
    let answer = match body {
        Some(body) => {
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
            Some(Job::Read(source)) => match errand.node() {
                Some(node) => Ok(Box::new(Sending { source, meta: Meta(node), at: 0 })),
                None => Err(FsError::NotFound),
            },
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
                Some(Job::Read(_) | Job::Write(_)) | None => Err(FsError::NotImplemented),
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

/// A file that is sent.
struct Sending {
    source: Source,
    meta: Meta,
    at: u64,
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("node", &self.meta.0.id).field("at", &self.at).finish_non_exhaustive()
    }
}

impl DavFile for Sending {
    fn metadata(&mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let meta = Box::new(self.meta.clone()) as Box<dyn DavMetaData>;
        Box::pin(std::future::ready(Ok(meta)))
    }

    fn write_buf(&mut self, _: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        Box::pin(std::future::ready(Err(FsError::Forbidden)))
    }

    fn write_bytes(&mut self, _: Bytes) -> FsFuture<'_, ()> {
        Box::pin(std::future::ready(Err(FsError::Forbidden)))
    }

    fn read_bytes(&mut self, count: usize) -> FsFuture<'_, Bytes> {
        Box::pin(async move {
            let bytes = match &self.source {
                Source::Inline(bytes) => {
                    let start = bytes.len().min(usize::try_from(self.at).unwrap_or(usize::MAX));
                    bytes.slice(start..bytes.len().min(start.saturating_add(count)))
                }
                Source::Blob(reader) => {
                    reader.read_at(self.at, count).await.map_err(|error| broken(&self.meta.0, error))?
                }
            };
            // The engine would fill up with zeros what is missing; the response must break off instead.
            if bytes.is_empty() && count > 0 {
                return Err(broken(&self.meta.0, io::ErrorKind::UnexpectedEof.into()));
            }
            self.at += bytes.len() as u64;
            Ok(bytes)
        })
    }

    fn seek(&mut self, to: SeekFrom) -> FsFuture<'_, u64> {
        let at = match to {
            SeekFrom::Start(at) => Ok(at),
            SeekFrom::End(_) | SeekFrom::Current(_) => Err(FsError::NotImplemented),
        };
        if let Ok(at) = at {
            self.at = at;
        }
        Box::pin(std::future::ready(at))
    }

    fn flush(&mut self) -> FsFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn broken(node: &Node, error: io::Error) -> FsError {
    tracing::error!(node = node.id.0, %error, "a content can't be read; the response breaks off");
    FsError::GeneralFailure
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
        upload.staged.write(bytes).await.map_err(|error| self.errand.fail(error))
    }
}

/// 413.
pub fn too_large(bytes_max: u64) -> HttpError {
    let text = format!("A file may have {bytes_max} bytes at most on this server.");
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
