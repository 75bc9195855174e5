//! Uploads in pieces on a real database.

use super::*;
use crate::directory::tests::site::{NOW, TestSite};

#[tokio::test]
async fn what_is_given_up_goes_so_many_pieces_at_a_time() {
    let site = TestSite::new().await;
    let ana = site.add("ana").await;
    let mut tx = site.write().await;
    for upload in ["old", "older"] {
        begin(&mut tx, ana.id, upload, NOW).await.unwrap();
        for number in 0..PARTS_SWEPT_AT_ONCE {
            let empty = Fresh::small(Default::default());
            add(&mut tx, (ana.id, upload), &number.to_string(), &empty, 0, NOW).await.unwrap();
        }
    }
    let later = NOW.plus(KEPT);
    begin(&mut tx, ana.id, "new", later).await.unwrap();
    // Two slices of pieces, one that finds no more of them and gives up the uploads.
    let mut swept = Vec::new();
    for _ in 0..3 {
        swept.push(sweep(&mut tx, later).await.unwrap());
    }
    assert_eq!(swept, [true, true, false]);
    tx.commit().await.unwrap();
    let mut tx = site.read().await;
    assert_eq!(sql::count(tx.conn(), ana.id).await.unwrap(), 1);
    assert_eq!(parts(&mut tx, ana.id, "new", later).await.unwrap(), []);
}
