//! The byte store on a real file system.

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
    let reader = blobs.open_read(&file(sealed), sealed.size).await.unwrap();
    reader
        .stream(range)
        .try_fold(Vec::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
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
    let (_dir, blobs) = store();
    let chunk = 256 * 1024;
    for len in [INLINE_BYTES_MAX + 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 5 * MIB + 7] {
        let content = content(len);
        let sealed = store_in_pieces(&blobs, &content, 10_007).await;
        assert_eq!(sealed.size, len as u64);
        assert_eq!(sealed.hash, *blake3::hash(&content).as_bytes());
        assert!(read(&blobs, &sealed, 0..sealed.size).await.unwrap() == content, "{len} bytes");
        blobs.verify(&file(&sealed), sealed.size, sealed.hash).await.unwrap();
    }
}

#[tokio::test]
async fn small_content_is_no_file() {
    let (dir, blobs) = store();
    for len in [0, 1, INLINE_BYTES_MAX] {
        let content = content(len);
        let sealed = store_in_pieces(&blobs, &content, 1000).await;
        assert_eq!(sealed.hash, *blake3::hash(&content).as_bytes());
        assert!(matches!(sealed.place, Place::Inline(bytes) if bytes == content));
    }
    assert_eq!(files(dir.path()), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn a_range_gives_its_bytes_and_no_others() {
    let (_dir, blobs) = store();
    let content = content(MIB);
    let sealed = store_in_pieces(&blobs, &content, MIB).await;
    let reader = blobs.open_read(&file(&sealed), sealed.size).await.unwrap();
    for (range, expected) in [
        (0..1, 0..1),
        (100..300_000, 100..300_000),
        (MIB - 1..MIB, MIB - 1..MIB),
        (MIB - 5..MIB + 100, MIB - 5..MIB),
        (MIB + 5..MIB + 9, MIB..MIB),
    ] {
        let got = read(&blobs, &sealed, range.start as u64..range.end as u64).await.unwrap();
        assert!(got == content[expected], "{range:?}");
    }
    let some = reader.read_at(70_000, 1000).await.unwrap();
    assert!(!some.is_empty() && content[70_000..71_000].starts_with(&some));
    assert!(reader.read_at(MIB as u64, 1000).await.unwrap().is_empty());
}

#[tokio::test]
async fn content_that_is_not_in_memory_is_read_from_the_disk_in_order() {
    let (_dir, blobs) = store();
    let content = content(3 * MIB + 11);
    let sealed = store_in_pieces(&blobs, &content, MIB).await;
    let file = fs::File::open(blobs.root.path_of(&file(&sealed))).unwrap();
    // The pages are clean after the sync of `finish`, so the kernel can drop them all.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    assert!(read(&blobs, &sealed, 5..sealed.size).await.unwrap() == content[5..]);
}

#[test]
fn an_upload_that_ends_early_leaves_nothing_behind() {
    let (dir, blobs) = store();
    for unnamed in [true, false] {
        blobs.root.unnamed_files.store(unnamed, Ordering::Relaxed);
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
    blobs.root.unnamed_files.store(false, Ordering::Relaxed);
    let content = content(MIB);
    let sealed = store_in_pieces(&blobs, &content, 100_000).await;
    assert!(read(&blobs, &sealed, 0..sealed.size).await.unwrap() == content);
    assert_eq!(files(dir.path()), [blobs.root.path_of(&file(&sealed))]);
}

#[tokio::test]
async fn what_a_killed_upload_left_is_swept() {
    let (dir, blobs) = store();
    let sealed = store_in_pieces(&blobs, &content(MIB), MIB).await;
    fs::write(dir.path().join("blobs/staging/01926a4f00007000800000000000abcd.part"), "half").unwrap();
    assert_eq!(blobs.sweep().unwrap(), 1);
    assert_eq!(files(dir.path()), [blobs.root.path_of(&file(&sealed))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_uploads_at_once_all_arrive() {
    let (_dir, blobs) = store();
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
        assert!(read(&blobs, &sealed, 0..sealed.size).await.unwrap() == content);
        expected.push((file(&sealed), sealed.size));
    }
    expected.sort();
    let mut listed: Vec<_> = blobs.list().map(|blob| blob.unwrap()).collect();
    listed.sort();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_deleted_blob_is_gone_but_who_reads_it_may_finish() {
    let (_dir, blobs) = store();
    let content = content(MIB);
    let sealed = store_in_pieces(&blobs, &content, MIB).await;
    let reader = blobs.open_read(&file(&sealed), sealed.size).await.unwrap();
    assert!(blobs.delete(&file(&sealed)).await.unwrap());
    assert!(!blobs.delete(&file(&sealed)).await.unwrap());
    assert_eq!(blobs.list().count(), 0);
    let chunks: Vec<Bytes> = reader.stream(0..sealed.size).try_collect().await.unwrap();
    assert!(chunks.concat() == content);
}

#[tokio::test]
async fn damage_of_every_kind_is_found_and_named() {
    let (_dir, blobs) = store();
    let sealed = store_in_pieces(&blobs, &content(MIB), MIB).await;
    let (id, size, hash) = (file(&sealed), sealed.size, sealed.hash);
    let on_disk = fs::File::options().write(true).open(blobs.root.path_of(&id)).unwrap();

    let mut flipped = [0];
    fs::File::open(blobs.root.path_of(&id)).unwrap().read_exact_at(&mut flipped, 500_000).unwrap();
    on_disk.write_all_at(&[flipped[0] ^ 1], 500_000).unwrap();
    assert!(matches!(blobs.verify(&id, size, hash).await, Err(Damage::Bytes)));

    on_disk.set_len(size - 1).unwrap();
    let short = blobs.verify(&id, size, hash).await;
    assert!(matches!(short, Err(Damage::Length { recorded, found }) if recorded == size && found == size - 1));
    assert!(matches!(blobs.open_read(&id, size).await, Err(BlobError::Damaged { damage: Damage::Length { .. }, .. })));

    fs::remove_file(blobs.root.path_of(&id)).unwrap();
    assert!(matches!(blobs.verify(&id, size, hash).await, Err(Damage::Missing)));
    assert!(matches!(blobs.open_read(&id, size).await, Err(BlobError::Damaged { damage: Damage::Missing, .. })));
}

#[tokio::test]
async fn a_file_cut_while_it_is_read_breaks_the_stream_off() {
    let (_dir, blobs) = store();
    let content = content(MIB);
    let sealed = store_in_pieces(&blobs, &content, MIB).await;
    let reader = blobs.open_read(&file(&sealed), sealed.size).await.unwrap();
    let on_disk = fs::File::options().write(true).open(blobs.root.path_of(&file(&sealed))).unwrap();
    on_disk.set_len(600_000).unwrap();
    let mut stream = reader.stream(0..sealed.size);
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
