//! The store as a part of a bucket of an S3-compatible object store: which keys are whose, what a request may take, and
//! what its failures mean. Uploads are in [`upload`], downloads in [`read`], what cut-off uploads left in [`leftovers`].
//!
//! The keys are `PREFIX/SITE/BLOB`: each site has a part of its own, so that two sites in one bucket never meet, and a
//! marker in it says that it is this site's. A key is written once and never again. Nothing rests on conditional
//! requests, which some stores ignore: exclusion is the database's.

mod leftovers;
mod read;
mod upload;

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, Checksum},
    path::Path,
};
use tokio::sync::Semaphore;

pub(super) use leftovers::sweep;
pub(super) use read::{Stretch, verify};
pub(super) use upload::Upload;

use super::{BlobError, BlobId, Damage};
use crate::config;

/// A connection that isn't there after this time never will be.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries of a request after the first, where trying again may help; with the pauses between them about three seconds.
const RETRIES_MAX: usize = 4;
/// The first pause, at least; later ones are longer, each of a random length.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Bytes of an error's text that are kept.
const WHY_BYTES_MAX: usize = 300;
/// Characters of a store's code for an error that are kept.
const CODE_CHARACTERS_MAX: usize = 64;
/// The object that says whose part of the bucket this is.
const MARKER: &str = "commonhold-site";

/// A site's part of a bucket.
pub(super) struct Bucket {
    store: AmazonS3,
    /// `PREFIX/SITE`, and as the configuration says it.
    root: Path,
    told: String,
    /// The site's id, which is what the marker holds.
    site: String,
    /// What a request without much of a body may take, all its tries together; and for how long a download may give nothing.
    patience: Duration,
    /// A permit for each MiB that uploads may have in memory.
    room: Arc<Semaphore>,
    /// Set once the marker was seen.
    ours: AtomicBool,
}

impl Bucket {
    /// Asks nothing of the store yet. Credentials and whatever the settings leave open come from the variables that S3's
    /// clients share (`AWS_ACCESS_KEY_ID` and so on), a web identity, or the machine's own.
    pub(super) fn new(url: &config::BucketUrl, settings: &config::S3, site: &str) -> Result<Self, BlobError> {
        let patience = Duration::from_secs(settings.answer_timeout_s);
        let client = ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout_disabled();
        let backoff = BackoffConfig { init_backoff: PAUSE_MIN, max_backoff: PAUSE_MAX, base: 2.0 };
        let retry = RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: patience };
        // First the options, since the variables may add to them.
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(url.bucket()).with_retry(retry);
        let allow_http = builder
            .get_config_value(&object_store::aws::AmazonS3ConfigKey::Client(object_store::ClientConfigKey::AllowHttp));
        let allow_http = settings.allow_http || allow_http.as_deref() == Some("true");
        builder = builder.with_client_options(client.with_allow_http(allow_http));
        if !settings.endpoint.is_empty() {
            builder = builder.with_endpoint(settings.endpoint_of(url));
        }
        if !settings.region.is_empty() {
            builder = builder.with_region(&settings.region);
        }
        builder = builder.with_virtual_hosted_style_request(!settings.path_style).with_disable_bulk_delete(true);
        builder = match settings.checksum {
            config::S3Checksum::Sha256 => builder.with_checksum_algorithm(Checksum::SHA256),
            config::S3Checksum::Crc64nvme => builder.with_checksum_algorithm(Checksum::CRC64NVME),
            config::S3Checksum::None => builder,
        };
        let store = builder.build().map_err(|error| BlobError::Settings(why(&error)))?;
        let root = url.prefix().chain([site]).collect();
        let room = Arc::new(Semaphore::new(settings.upload_memory_mib));
        Ok(Self {
            store,
            root,
            told: url.to_string(),
            site: site.to_owned(),
            patience,
            room,
            ours: AtomicBool::new(false),
        })
    }

    fn path(&self, id: &BlobId) -> Path {
        self.root.clone().join(id.to_string())
    }

    fn marker(&self) -> Path {
        self.root.clone().join(MARKER)
    }

    /// Makes this part of the bucket the site's.
    pub(super) async fn found(&self) -> Result<(), BlobError> {
        let marker = self.marker();
        let payload = PutPayload::from(self.site.clone());
        let put = self.store.put(&marker, payload);
        answered("marking the bucket", self.patience, put).await?;
        self.ours().await
    }

    /// Confirms, once, that this part of the bucket is the site's: a wrong address must not look like lost contents. Until then everybody asks
    /// for himself: were they to wait for each other, a silent store would be waited for again and again.
    pub(super) async fn ours(&self) -> Result<(), BlobError> {
        if self.ours.load(Ordering::Relaxed) {
            return Ok(());
        }
        let found = async { self.store.get(&self.marker()).await?.bytes().await };
        match timed("looking at the bucket", self.patience, found).await? {
            Ok(bytes) if bytes == self.site.as_bytes() => {
                self.ours.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(_) => Err(BlobError::Foreign(self.told.clone())),
            Err(error) if is_missing(&error) => Err(BlobError::Foreign(self.told.clone())),
            Err(error) => Err(BlobError::Away { doing: "looking at the bucket", why: why(&error) }),
        }
    }

    /// The answer to a request for a part of a blob, its body not read yet.
    async fn get(&self, id: &BlobId, size: u64, range: std::ops::Range<u64>) -> Result<GetResult, BlobError> {
        self.ours().await?;
        let path = self.path(id);
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match timed("reading a blob", self.patience, self.store.get_opts(&path, options)).await? {
            Ok(found) => {
                self.confirm_size(id, size, &found.meta)?;
                Ok(found)
            }
            Err(error) if is_missing(&error) => Err(BlobError::Damaged { id: *id, damage: Damage::Missing }),
            Err(error) => Err(BlobError::Away { doing: "reading a blob", why: why(&error) }),
        }
    }

    /// Confirms that a blob is there, with this length.
    async fn look(&self, id: &BlobId, size: u64) -> Result<(), BlobError> {
        self.ours().await?;
        let path = self.path(id);
        match timed("looking at a blob", self.patience, self.store.head(&path)).await? {
            Ok(found) => self.confirm_size(id, size, &found),
            Err(error) if is_missing(&error) => Err(BlobError::Damaged { id: *id, damage: Damage::Missing }),
            Err(error) => Err(BlobError::Away { doing: "looking at a blob", why: why(&error) }),
        }
    }

    fn confirm_size(&self, id: &BlobId, recorded: u64, found: &ObjectMeta) -> Result<(), BlobError> {
        if found.size == recorded {
            return Ok(());
        }
        Err(BlobError::Damaged { id: *id, damage: Damage::Length { recorded, found: found.size } })
    }

    /// Removes a blob. The store doesn't say whether it was there.
    pub(super) async fn delete(&self, id: &BlobId) -> Result<(), BlobError> {
        self.ours().await?;
        let path = self.path(id);
        match timed("deleting a blob", self.patience, self.store.delete(&path)).await? {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(BlobError::Away { doing: "deleting a blob", why: why(&error) }),
        }
    }

    /// Every blob with its length, page by page.
    pub(super) fn list(self: Arc<Self>) -> impl Stream<Item = Result<(BlobId, u64), BlobError>> + Send + use<> {
        const DOING: &str = "listing the bucket";
        let patience = self.patience;
        stream::once(async move { self.ours().await.map(|()| self.store.list(Some(&self.root))) })
            .flat_map(move |objects| match objects {
                Err(error) => stream::iter([Err(error)]).boxed(),
                Ok(objects) => stream::unfold(Some(objects), move |objects| async move {
                    let mut objects = objects?;
                    match timed(DOING, patience, objects.next()).await {
                        Ok(None) => None,
                        Ok(Some(Ok(object))) => Some((Ok(object), Some(objects))),
                        Ok(Some(Err(error))) => Some((Err(BlobError::Away { doing: DOING, why: why(&error) }), None)),
                        Err(error) => Some((Err(error), None)),
                    }
                })
                .boxed(),
            })
            .filter_map(|object| async {
                match object {
                    Ok(object) => object.location.filename()?.parse().ok().map(|id| Ok((id, object.size))),
                    Err(error) => Some(Err(error)),
                }
            })
    }
}

/// The outcome of a request, unless it took too long.
async fn timed<T>(doing: &'static str, most: Duration, request: impl Future<Output = T>) -> Result<T, BlobError> {
    let late = |_| BlobError::Away { doing, why: format!("no answer within {} seconds", most.as_secs()) };
    tokio::time::timeout(most, request).await.map_err(late)
}

/// The same, any failure being the store's.
async fn answered<T>(
    doing: &'static str,
    most: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, BlobError> {
    timed(doing, most, request).await?.map_err(|error| BlobError::Away { doing, why: why(&error) })
}

/// Whether the object is missing. A bucket that is missing is another thing: the address is wrong, or not right yet.
fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { source, .. } if !source.to_string().contains("NoSuchBucket"))
}

/// An error in words. Of the store's own text only the code: some stores repeat there what was signed and with which key.
fn why(error: &Error) -> String {
    let text = error.to_string();
    let mut told: String = text.split('<').next().unwrap_or_default().trim_end().chars().take(WHY_BYTES_MAX).collect();
    if let Some(code) = text.split_once("<Code>").and_then(|(_, rest)| rest.split('<').next()) {
        told.push(' ');
        told.extend(code.chars().filter(char::is_ascii_alphanumeric).take(CODE_CHARACTERS_MAX));
    }
    let mut cause = error.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    if let Some(root) = cause.map(ToString::to_string).filter(|root| !root.contains('<') && !told.contains(root)) {
        told.push_str(": ");
        told.extend(root.chars().take(WHY_BYTES_MAX));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_answers_is_not_repeated_in_an_error() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIA42</AWSAccessKeyId></Error>";
        let source =
            format!("Error performing GET http://127.0.0.1:1/b/k in 1ms - Server returned: 403: {body}").into();
        let told = why(&Error::Generic { store: "S3", source });
        assert!(told.ends_with("403: SignatureDoesNotMatch") && told.contains("GET http://127.0.0.1:1/b/k"), "{told}");
    }

    #[test]
    fn a_missing_bucket_is_no_missing_object() {
        let missing = |code: &str| Error::NotFound { path: "k".into(), source: format!("<Code>{code}</Code>").into() };
        assert!(is_missing(&missing("NoSuchKey")));
        assert!(!is_missing(&missing("NoSuchBucket")));
    }
}
