//! What uploads that were cut off left in the bucket: parts that no listing of objects shows and that cost all the same.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Limited};
use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector},
    multipart::MultipartStore,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use quick_xml::{Reader, events::Event};

use super::{Bucket, CONNECT_TIMEOUT, answered, timed};
use crate::blobs::{BlobError, BlobId};
use crate::clock::Moment;

const DOING: &str = "listing unfinished uploads";
/// Bytes of one page of the list: a thousand uploads, whose names may have a KiB each.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Pages of one sweep; what lies behind them waits for the next one.
const PAGES_MAX: usize = 1000;

/// Gives up the uploads of this site that were begun before `before`; gives their number.
pub(in crate::blobs) async fn sweep(bucket: &Arc<Bucket>, before: Moment) -> Result<usize, BlobError> {
    bucket.ours().await?;
    let options = ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(bucket.patience);
    // The address is the store's own, which may be plain HTTP only if the settings allowed that.
    let client = ReqwestConnector::default().connect(&options.with_allow_http(true));
    let client = client.map_err(|error| BlobError::Settings(super::why(&error)))?;
    let (mut swept, mut after) = (0, None);
    for _ in 0..PAGES_MAX {
        let page = page(bucket, &client, after).await?;
        for Unfinished { key, upload } in page.uploads {
            let path = Path::from(key);
            let begun = path.filename().and_then(|name| name.parse::<BlobId>().ok()).map(|id| id.begun());
            if path.prefix_matches(&bucket.root) && begun.is_some_and(|begun| begun < before) {
                answered("giving up an upload", bucket.patience, bucket.store.abort_multipart(&path, &upload)).await?;
                swept += 1;
            }
        }
        after = match page.next {
            Some(next) => Some(next),
            None => break,
        };
    }
    Ok(swept)
}

/// An upload that is under way, or was.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unfinished {
    key: String,
    upload: String,
}

/// A page of the list, and behind which upload the next one begins.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    uploads: Vec<Unfinished>,
    next: Option<Unfinished>,
}

/// Asks for a page (ListMultipartUploads, which the client knows how to sign but not how to send).
async fn page(bucket: &Bucket, client: &HttpClient, after: Option<Unfinished>) -> Result<Page, BlobError> {
    let mut query = vec![("uploads", String::new()), ("prefix", format!("{}/", bucket.root))];
    if let Some(Unfinished { key, upload }) = after {
        query.extend([("key-marker", key), ("upload-id-marker", upload)]);
    }
    let query = SignedUrlOptions::default().with_query(query);
    let top = Path::default();
    let url = bucket.store.signed_url_opts(Method::GET, &top, bucket.patience, &query);
    let url = answered(DOING, bucket.patience, url).await?;
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    // The address carries the signature, so that no error may show it.
    let away = |why: &str| BlobError::Away { doing: DOING, why: why.to_owned() };
    *request.uri_mut() = url.as_str().parse().map_err(|_| away("the address can't be used"))?;
    let answer = timed(DOING, bucket.patience, client.execute(request)).await?;
    let answer = answer.map_err(|error| away(&format!("{:?}", error.kind())))?;
    if !answer.status().is_success() {
        return Err(away(&format!("the store answers {}", answer.status())));
    }
    let body = timed(DOING, bucket.patience, Limited::new(answer.into_body(), PAGE_BYTES_MAX).collect()).await?;
    let body: Bytes = body.map_err(|_| away("the answer breaks off or is too long"))?.to_bytes();
    parse(&body).map_err(away)
}

/// Reads a page. What isn't known is passed over.
fn parse(xml: &[u8]) -> Result<Page, &'static str> {
    let mut reader = Reader::from_str(std::str::from_utf8(xml).map_err(|_| "the answer is no UTF-8")?);
    let (mut page, mut next, mut truncated) = (Page::default(), Unfinished::default(), false);
    let (mut upload, mut text) = (None, String::new());
    loop {
        match reader.read_event().map_err(|_| "the answer is no XML")? {
            Event::Start(tag) => {
                text.clear();
                if tag.local_name().as_ref() == "Upload" {
                    upload = Some(Unfinished::default());
                }
            }
            Event::Text(more) => text.push_str(&more),
            Event::GeneralRef(name) => text.push_str(&character(&name)?),
            Event::End(tag) => {
                let text = std::mem::take(&mut text);
                match (tag.local_name().as_ref(), &mut upload) {
                    ("Key", Some(upload)) => upload.key = text,
                    ("UploadId", Some(upload)) => upload.upload = text,
                    ("Upload", upload) => page.uploads.extend(upload.take()),
                    ("IsTruncated", _) => truncated = text == "true",
                    ("NextKeyMarker", _) => next.key = text,
                    ("NextUploadIdMarker", _) => next.upload = text,
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    page.next = (truncated && !next.key.is_empty()).then_some(next);
    Ok(page)
}

/// The character that `&amp;` and the like stand for.
fn character(name: &quick_xml::events::BytesRef<'_>) -> Result<String, &'static str> {
    if let Ok(Some(character)) = name.resolve_char_ref() {
        return Ok(character.to_string());
    }
    let known = quick_xml::escape::resolve_predefined_entity(name);
    known.map(str::to_owned).ok_or("the answer has an entity that XML doesn't know")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::TryStreamExt;
    use proptest::prelude::*;

    use super::*;
    use crate::blobs::{Arm, Blobs, Place, tests::in_bucket};
    use crate::config;

    #[test]
    fn a_page_of_unfinished_uploads_is_read() {
        let xml = br#"<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Prefix>a&amp;b/</Prefix><IsTruncated>true</IsTruncated><NextKeyMarker>a&amp;b/2</NextKeyMarker>
            <NextUploadIdMarker>two</NextUploadIdMarker>
            <Upload><Key>a&amp;b/1</Key><UploadId>one</UploadId><Owner><ID>x</ID></Owner></Upload>
            <Upload><Key>a&amp;b/2</Key><UploadId>two</UploadId></Upload></ListMultipartUploadsResult>"#;
        let unfinished = |key: &str, upload: &str| Unfinished { key: key.into(), upload: upload.into() };
        let two = || unfinished("a&b/2", "two");
        assert_eq!(parse(xml), Ok(Page { uploads: vec![unfinished("a&b/1", "one"), two()], next: Some(two()) }));
        let last = b"<R><IsTruncated>false</IsTruncated><NextKeyMarker>k</NextKeyMarker></R>";
        assert_eq!(parse(last), Ok(Page::default()));
    }

    /// What the store lists as unfinished.
    async fn unfinished(bucket: &Bucket) -> usize {
        let options = ClientOptions::new().with_allow_http(true);
        let client = ReqwestConnector::default().connect(&options).unwrap();
        page(bucket, &client, None).await.unwrap().uploads.len()
    }

    #[tokio::test]
    async fn what_cut_off_uploads_left_is_swept_once_it_is_old_enough() {
        let Some(blobs) = in_bucket().await else { return };
        let Arm::Bucket(bucket) = &blobs.0 else { panic!("it is a bucket") };
        let ids: Vec<_> = (0..3).map(|_| BlobId::fresh()).collect();
        for id in &ids {
            bucket.store.create_multipart(&bucket.path(id)).await.unwrap();
        }
        assert_eq!(unfinished(bucket).await, 3);
        assert_eq!(blobs.sweep(ids[0].begun()).await.unwrap(), 0, "all were begun then or later");
        assert_eq!(unfinished(bucket).await, 3);
        assert_eq!(blobs.sweep(Moment(ids[2].begun().0 + 1)).await.unwrap(), 3);
        assert_eq!(unfinished(bucket).await, 0);
    }

    #[tokio::test]
    async fn an_upload_that_is_given_up_leaves_no_parts() {
        let Some(blobs) = in_bucket().await else { return };
        let Arm::Bucket(bucket) = &blobs.0 else { panic!("it is a bucket") };
        let mut staged = blobs.stage();
        staged.write(vec![7; 20 << 20].into()).await.unwrap();
        assert_eq!(unfinished(bucket).await, 1);
        drop(staged);
        let gone = async {
            while unfinished(bucket).await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), gone).await.expect("it is given up in the background");
        assert_eq!(blobs.list().try_collect::<Vec<_>>().await.unwrap(), []);
    }

    #[tokio::test]
    async fn two_sites_in_one_bucket_never_meet() {
        let (Some(ours), Some(theirs)) = (in_bucket().await, in_bucket().await) else { return };
        let mut staged = ours.stage();
        staged.write(vec![7; 20_000].into()).await.unwrap();
        let sealed = staged.finish().await.unwrap();
        let Place::File(id) = sealed.place else { panic!("it is a blob") };
        assert_eq!(theirs.list().try_collect::<Vec<_>>().await.unwrap(), []);
        theirs.delete(&id).await.unwrap();
        assert!(ours.verify(&id, sealed.size, sealed.sums.hash).await.unwrap().is_none());
        // Nobody has made a third part of it.
        let url = std::env::var("COMMONHOLD_TEST_BLOBS").unwrap().parse().unwrap();
        let nobodys = Blobs::in_bucket(&url, &config::S3::default(), "0123").unwrap();
        let refused = nobodys.read(&id, sealed.size, 0..1).await.map(drop);
        assert!(matches!(refused, Err(BlobError::Foreign(_))), "{refused:?}");
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_tags_are_read_or_refused(words in proptest::collection::vec("</?(Upload|Key|UploadId|IsTruncated)>|&(amp|x|#65);|a", 0..30)) {
            let _ = parse(words.concat().as_bytes());
        }
    }
}
