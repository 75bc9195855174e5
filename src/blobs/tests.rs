//! The byte store on a real file system and, where `COMMONHOLD_TEST_BLOBS` names one (`tests/seaweed.sh`), in a real bucket.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering,
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use tempfile::TempDir;

use super::*;

const MIB: usize = 1024 * 1024;

fn store() -> (TempDir, Blobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&dir.path().join("blobs"), Durability::Full).unwrap();
    (dir, blobs)
}

/// A part of the bucket for a new site, when there is a bucket.
pub(super) async fn in_bucket() -> Option<Blobs> {
    let url = std::env::var("COMMONHOLD_TEST_BLOBS").ok()?.parse().unwrap();
    let site = uuid::Uuid::new_v4().simple().to_string();
    let blobs = Blobs::in_bucket(&url, &S3::default(), &site).unwrap();
    blobs.found().await.unwrap();
    Some(blobs)
}

/// Every kind of store there is; they all have to do the same.
async fn stores() -> (TempDir, Vec<Blobs>) {
    let (dir, blobs) = store();
    (dir, [blobs].into_iter().chain(in_bucket().await).collect())
}

fn root(blobs: &Blobs) -> &Root {
    match &blobs.0 {
        Arm::Directory { root, .. } => root,
        Arm::Bucket(_) => panic!("not a directory"),
    }
}

/// Bytes without a short period, so that a chunk lost or swapped shows.
fn content(len: usize) -> Bytes {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

async fn store_in_pieces(blobs: &Blobs, content: &Bytes, piece: usize) -> Sealed {
    let mut staged = blobs.stage();
    for piece in content.chunks(piece) {
        staged.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    staged.finish().await.unwrap()
}

fn file(sealed: &Sealed) -> BlobId {
    match &sealed.place {
        Place::File(id) => *id,
        Place::Inline(_) => panic!("not a file"),
    }
}

async fn read(blobs: &Blobs, sealed: &Sealed, range: std::ops::Range<u64>) -> io::Result<Vec<u8>> {
    let stream = blobs.read(&file(sealed), sealed.size, range).await.unwrap();
    stream
        .try_fold(Vec::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
}

#[tokio::test]
async fn what_is_damaged_is_never_removed_to_bring_it_to_where_it_is() {
    let (_dir, stores) = stores().await;
    for blobs in stores {
        let sealed = store_in_pieces(&blobs, &content(MIB), MIB).await;
        let (id, other) = (file(&sealed), [7; 32]);
        let damage = blobs.bring(&blobs.clone(), &id, sealed.size, other).await.unwrap();
        assert!(matches!(damage, Some(Damage::Bytes)), "{damage:?}");
        assert_eq!(read(&blobs, &sealed, 0..sealed.size).await.unwrap(), content(MIB));
    }
}

/// Every file below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[tokio::test]
async fn content_of_every_length_comes_back_whole() {
    let (_dir, stores) = stores().await;
    let (chunk, part) = (256 * 1024, 8 * MIB);
    let lengths =
        [INLINE_BYTES_MAX + 1, chunk - 1, chunk, chunk + 1, 2 * chunk, part, part + 1, 3 * part, 5 * part + chunk + 7];
    for blobs in &stores {
        for len in lengths {
            let content = content(len);
            let sealed = store_in_pieces(blobs, &content, 100_007).await;
            assert_eq!(sealed.size, len as u64);
            assert_eq!(sealed.sums.hash, *blake3::hash(&content).as_bytes());
            assert!(read(blobs, &sealed, 0..sealed.size).await.unwrap() == content, "{len} bytes");
            let damage = blobs.verify(&file(&sealed), sealed.size, sealed.sums.hash).await.unwrap();
            assert!(damage.is_none(), "{damage:?}");
        }
    }
}

#[tokio::test]
async fn small_content_is_no_file() {
    let (dir, stores) = stores().await;
    for blobs in &stores {
        for len in [0, 1, INLINE_BYTES_MAX] {
            let content = content(len);
            let sealed = store_in_pieces(blobs, &content, 1000).await;
            assert_eq!(sealed.sums.hash, *blake3::hash(&content).as_bytes());
            assert!(matches!(sealed.place, Place::Inline(bytes) if bytes == content));
        }
        assert_eq!(listed(blobs).await, []);
    }
    assert_eq!(files(dir.path()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_range_gives_its_bytes_and_no_others() {
    let (_dir, stores) = stores().await;
    let len = 9 * MIB;
    let content = content(len);
    for blobs in &stores {
        let sealed = store_in_pieces(blobs, &content, MIB).await;
        for (range, expected) in [
            (0..1, 0..1),
            (100..300_000, 100..300_000),
            (8 * MIB - 1..8 * MIB + 1, 8 * MIB - 1..8 * MIB + 1),
            (len - 1..len, len - 1..len),
            (len - 5..len + 100, len - 5..len),
            (len + 5..len + 9, len..len),
            (70..70, 70..70),
        ] {
            let got = read(blobs, &sealed, range.start as u64..range.end as u64).await.unwrap();
            assert!(got == content[expected], "{range:?}");
        }
    }
}

#[tokio::test]
async fn content_that_is_not_in_memory_is_read_from_the_disk_in_order() {
    let (_dir, blobs) = store();
    let content = content(3 * MIB + 11);
    let sealed = store_in_pieces(&blobs, &content, MIB).await;
    let file = fs::File::open(root(&blobs).path_of(&file(&sealed))).unwrap();
    // The pages are clean after the sync of `finish`, so the kernel can drop them all.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    assert!(read(&blobs, &sealed, 5..sealed.size).await.unwrap() == content[5..]);
}

#[test]
fn an_upload_that_ends_early_leaves_nothing_behind() {
    let (dir, blobs) = store();
    for unnamed in [true, false] {
        root(&blobs).unnamed_files.store(unnamed, Ordering::Relaxed);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut staged = blobs.stage();
            staged.write(content(MIB)).await.unwrap();
            assert_eq!(files(dir.path()).len(), usize::from(!unnamed));
        });
        // Waits for the last chunk, which was still on its way to the disk.
        drop(runtime);
        assert_eq!(files(dir.path()), [] as [PathBuf; 0]);
    }
}

#[tokio::test]
async fn a_file_system_without_unnamed_files_stores_as_well() {
    let (dir, blobs) = store();
    root(&blobs).unnamed_files.store(false, Ordering::Relaxed);
    let content = content(MIB);
    let sealed = store_in_pieces(&blobs, &content, 100_000).await;
    assert!(read(&blobs, &sealed, 0..sealed.size).await.unwrap() == content);
    assert_eq!(files(dir.path()), [root(&blobs).path_of(&file(&sealed))]);
}

#[tokio::test]
async fn what_a_killed_upload_left_is_swept() {
    let (dir, blobs) = store();
    let sealed = store_in_pieces(&blobs, &content(MIB), MIB).await;
    fs::write(dir.path().join("blobs/staging/01926a4f00007000800000000000abcd.part"), "half").unwrap();
    assert_eq!(blobs.sweep(Moment(0)).await.unwrap(), 0, "it was begun later");
    assert_eq!(blobs.sweep(Moment::now()).await.unwrap(), 1);
    assert_eq!(files(dir.path()), [root(&blobs).path_of(&file(&sealed))]);
}

async fn listed(blobs: &Blobs) -> Vec<(BlobId, u64)> {
    let mut listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    listed.sort();
    listed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_uploads_at_once_all_arrive() {
    let (_dir, stores) = stores().await;
    for blobs in &stores {
        let uploads: Vec<_> = (0..100)
            .map(|n| {
                let blobs = blobs.clone();
                tokio::spawn(async move {
                    let content = content(INLINE_BYTES_MAX + 1 + n * 5000);
                    (store_in_pieces(&blobs, &content, 64 * 1024).await, content)
                })
            })
            .collect();
        let mut expected = Vec::new();
        for upload in uploads {
            let (sealed, content) = upload.await.unwrap();
            assert!(read(blobs, &sealed, 0..sealed.size).await.unwrap() == content);
            expected.push((file(&sealed), sealed.size));
        }
        expected.sort();
        assert_eq!(listed(blobs).await, expected);
    }
}

#[tokio::test]
async fn a_deleted_blob_is_gone_but_who_reads_it_may_finish() {
    let (_dir, blobs) = store();
    let content = content(MIB);
    let sealed = store_in_pieces(&blobs, &content, MIB).await;
    let stream = blobs.read(&file(&sealed), sealed.size, 0..sealed.size).await.unwrap();
    assert!(blobs.delete(&file(&sealed)).await.unwrap());
    assert!(!blobs.delete(&file(&sealed)).await.unwrap());
    let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert!(chunks.concat() == content);
}

#[tokio::test]
async fn a_deleted_blob_is_gone() {
    let (_dir, stores) = stores().await;
    for blobs in &stores {
        let [kept, gone] =
            [store_in_pieces(blobs, &content(MIB), MIB).await, store_in_pieces(blobs, &content(MIB), MIB).await];
        assert!(blobs.delete(&file(&gone)).await.unwrap());
        blobs.delete(&file(&gone)).await.unwrap();
        assert_eq!(listed(blobs).await, [(file(&kept), kept.size)]);
        for range in [0..1, 0..0] {
            let read = blobs.read(&file(&gone), gone.size, range).await.map(drop);
            assert!(matches!(read, Err(BlobError::Damaged { damage: Damage::Missing, .. })), "{read:?}");
        }
        let found = blobs.verify(&file(&gone), gone.size, gone.sums.hash).await.unwrap();
        assert!(matches!(found, Some(Damage::Missing)), "{found:?}");
    }
}

#[tokio::test]
async fn a_blob_that_is_not_what_was_recorded_is_found_and_not_given_out() {
    let (_dir, stores) = stores().await;
    for blobs in &stores {
        let sealed = store_in_pieces(blobs, &content(MIB), MIB).await;
        let (id, size) = (file(&sealed), sealed.size);
        assert!(matches!(blobs.verify(&id, size, [0; 32]).await.unwrap(), Some(Damage::Bytes)));
        for recorded in [size - 1, size + 1] {
            let found = blobs.verify(&id, recorded, sealed.sums.hash).await.unwrap();
            assert!(matches!(found, Some(Damage::Length { found, .. }) if found == size), "{found:?}");
            for range in [0..10, 0..0] {
                let read = blobs.read(&id, recorded, range).await.map(drop);
                assert!(matches!(read, Err(BlobError::Damaged { damage: Damage::Length { .. }, .. })), "{read:?}");
            }
        }
    }
}

#[tokio::test]
async fn damage_of_every_kind_is_found_and_named() {
    let (_dir, blobs) = store();
    let sealed = store_in_pieces(&blobs, &content(MIB), MIB).await;
    let (id, size, hash) = (file(&sealed), sealed.size, sealed.sums.hash);
    let on_disk = fs::File::options().write(true).open(root(&blobs).path_of(&id)).unwrap();

    let mut flipped = [0];
    fs::File::open(root(&blobs).path_of(&id)).unwrap().read_exact_at(&mut flipped, 500_000).unwrap();
    on_disk.write_all_at(&[flipped[0] ^ 1], 500_000).unwrap();
    assert!(matches!(blobs.verify(&id, size, hash).await.unwrap(), Some(Damage::Bytes)));

    on_disk.set_len(size - 1).unwrap();
    let short = blobs.verify(&id, size, hash).await.unwrap();
    assert!(matches!(short, Some(Damage::Length { recorded, found }) if recorded == size && found == size - 1));
}

#[tokio::test]
async fn a_file_cut_while_it_is_read_breaks_the_stream_off() {
    let (_dir, blobs) = store();
    let content = content(MIB);
    let sealed = store_in_pieces(&blobs, &content, MIB).await;
    let mut stream = blobs.read(&file(&sealed), sealed.size, 0..sealed.size).await.unwrap();
    let on_disk = fs::File::options().write(true).open(root(&blobs).path_of(&file(&sealed))).unwrap();
    on_disk.set_len(600_000).unwrap();
    let mut got = Vec::new();
    let error = loop {
        match stream.try_next().await {
            Ok(chunk) => got.extend_from_slice(&chunk.expect("the stream must not end as if it were whole")),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(got == content[..600_000]);
    assert!(stream.try_next().await.unwrap().is_none());
}

#[test]
fn every_way_of_having_no_room_is_full() {
    use rustix::io::Errno;
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
        assert!(matches!(BlobError::io("writing")(errno.into()), BlobError::Full), "{errno:?}");
    }
    assert!(matches!(BlobError::io("writing")(Errno::IO.into()), BlobError::Io { .. }));
}

/// Runs the test below in a mount namespace of its own, on a file system of 2 MiB.
#[test]
fn a_full_disk_refuses_the_upload_and_keeps_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=2m tmpfs "$1" || exit 77; cd "$1" && exec "$0" --ignored --exact "$2""#;
    let run = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(dir.path())
        .arg("blobs::tests::on_a_disk_of_two_mebibytes")
        .output();
    match run {
        Ok(run) if run.status.code() == Some(77) || String::from_utf8_lossy(&run.stderr).starts_with("unshare") => {
            eprintln!("skipped: no private file system may be mounted: {}", String::from_utf8_lossy(&run.stderr));
        }
        Ok(run) => {
            let out = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && out.contains("1 passed"), "{out}");
        }
        Err(error) => eprintln!("skipped: unshare can't be run: {error}"),
    }
}

#[tokio::test]
#[ignore = "runs in the file system that a_full_disk_refuses_the_upload_and_keeps_the_rest makes"]
async fn on_a_disk_of_two_mebibytes() {
    let blobs = Blobs::open(Path::new("blobs"), Durability::Full).unwrap();
    let first = content(MIB);
    let sealed = store_in_pieces(&blobs, &first, MIB).await;

    let mut staged = blobs.stage();
    let mut result = Ok(());
    for _ in 0..4 {
        result = result.and(staged.write(content(MIB)).await);
    }
    let result = match result {
        Ok(()) => staged.finish().await.map(|_| ()),
        refused => refused,
    };
    assert!(matches!(result, Err(BlobError::Full)), "{result:?}");

    assert!(!blobs.is_failed(), "a full disk is no failed sync");
    assert!(read(&blobs, &sealed, 0..sealed.size).await.unwrap() == first);
    // The room of the refused upload is free again.
    store_in_pieces(&blobs, &content(MIB / 2), MIB).await;
}
