//! `verify` finds each kind of damage that a test does to the rows of a real site, and `--repair` mends what it says.
//!
//! The damage is done to the embedded database's file while no server runs.

use std::fs;

use serde_json::Value;

use crate::site::{Site, is_elsewhere};
use crate::tus;

/// Damage, a word of what `verify` says of it, and whether `--repair` mends it.
type Case = (&'static str, &'static str, bool);

const CASES: &[Case] = &[
    ("update share set used_bytes = used_bytes + 7 where name = 'Projects'", "bytes and holds", true),
    ("update node set has_props = 1 where name = 'a.txt'", "marked wrongly", true),
    ("update node set parent_id = 999999 where name = 'plans'", "which is not there", true),
    (
        "update node set parent_id = (select id from node where name = 'inner') where name = 'plans'",
        "can not be reached",
        true,
    ),
    ("update node set parent_id = null where name = 'plans'", "can not be reached", true),
    ("update node set seq = seq + 100 where name = 'a.txt'", "changed after its share did", true),
    ("update node set seq = 0 where name = 'plans'", "changed after the collection", true),
    ("update share set seq = seq - 1 where name = 'Projects'", "beyond its sequence", true),
    ("update lock set share_id = (select min(id) from share where name <> 'Projects')", "another share", true),
    (
        "insert into content (id, size, hash, inline, created_at) values (x'00112233445566778899aabbccddeeff', 0,
         (select hash from content limit 1), 0, 0)",
        "named by nothing",
        true,
    ),
    (
        "insert into gc (content_id, doomed) select content_id, 1 from node where name = 'a.txt'",
        "given up by the collector",
        true,
    ),
    (
        "insert into content_inline (content_id, bytes) values (x'00112233445566778899aabbccddeeff', cast('lost' as blob))",
        "has the bytes of content",
        true,
    ),
    ("update node set name_key = 'zzz' where name = 'a.txt'", "not its name's key", true),
    ("delete from trash", "is not listed there", true),
    (
        "insert into trash (node_id, share_id, parent_id, name, deleted_by, deleted_at)
         select id, share_id, parent_id, name, 1, 0 from node where name = 'plans'",
        "does not lie there",
        true,
    ),
    (
        "insert into revision (node_id, seq, content_id, size, modified_at, kept_at)
         select 999999, 1, content_id, 1, 0, 0 from node where name = 'a.txt'",
        "names a row of `node` that is not there",
        true,
    ),
    ("insert into prop (node_id, ns, name, value) values (999999, 'x', 'y', 'z')", "a row of `prop`", true),
    ("update node set size = size + 1 where name = 'a.txt'", "another size than its content", true),
    ("update revision set size = size + 1", "another size than its content", true),
    ("update content_sums set sums = zeroblob(length(sums))", "the hashes of its chunks are not", true),
    ("update node set size = 5 where name = 'plans'", "has a content or a size", true),
    ("delete from change where seq = 2", "a change is missing", false),
    ("update revision set seq = 1000", "younger than the present state", false),
    ("update share set trash_id = root_id where name = 'Projects'", "no root or no trash", false),
    (
        "delete from content where id = (select content_id from node where name = 'a.txt')",
        "names a content that is not there",
        true,
    ),
    (
        "delete from content where id = (select content_id from node where name = 'large.bin')",
        "names a content that is not there",
        false,
    ),
    (
        "delete from content_inline where content_id = (select content_id from node where name = 'a.txt')",
        "revision 1 of file",
        false,
    ),
    ("update upload_part set size = size + 1 where name = '0'", "piece `0` of upload 1 has another size", false),
    ("update upload_part set name = '7' where name = '0'", "piece `7` of upload 1 does not lie", false),
    ("update upload_part set name = '200007' where name = '200000'", "piece `200007` of upload 1 does not lie", false),
    ("update upload_file set size = 200005", "piece `200000` of upload 1 does not lie", false),
    (
        "delete from content where id = (select content_id from upload_part where name = '0')",
        "piece `0` of upload 1 names a content that is not there",
        false,
    ),
    ("update user set name = name; update organization set open = 0", "against those above it", false),
];

fn sentences(told: &Value, of: &str) -> Vec<String> {
    let list = told[of].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|text| text.as_str().expect("a sentence").to_owned()).collect()
}

#[test]
fn each_kind_of_damage_is_found_and_mended_where_nothing_is_lost_by_it() {
    if is_elsewhere() {
        return; // it takes hold of the embedded database's file
    }
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.mkcol("/Projects/plans/inner").status(201);
    ana.put("/Projects/plans/a.txt", "first").status(201);
    ana.put("/Projects/plans/a.txt", "second").status(204);
    ana.put("/Projects/large.bin", vec![3; 700_000]).status(201);
    ana.put("/Projects/gone.txt", "gone").status(201);
    ana.delete("/Projects/gone.txt").status(204);
    site.cli(&["lock", "add", "/Projects/plans/a.txt", "--user", "ana"]).ok();
    let upload = tus::begun(&ana, "b.bin", 200_006);
    tus::is_at(tus::patch(&ana, &upload, 0, &tus::bytes(200_000)).send(), 200_000);
    tus::is_at(tus::patch(&ana, &upload, 200_000, b"12345").send(), 200_005);
    site.stop();
    site.is_consistent();
    let whole = site.folder().join("whole.db");
    let database = site.data().join("commonhold.db");
    fs::copy(&database, &whole).expect("the test owns the folder");

    for (damage, finding, is_mended) in CASES {
        fs::copy(&whole, &database).expect("the test owns the folder");
        site.sql(damage);
        let told = site.cli(&["verify", "--json"]).exits(1).json();
        let findings = sentences(&told, "findings");
        assert!(findings.iter().any(|found| found.contains(finding)), "{damage}: {findings:#?}");
        assert!(told["repaired"].is_null(), "{damage}: nothing is mended unasked");
        let code = i32::from(!is_mended);
        let told = site.cli(&["verify", "--repair", "--json"]).exits(code).json();
        let (mended, left) = (sentences(&told, "repaired"), sentences(&told, "findings"));
        assert_eq!(!mended.is_empty(), *is_mended, "{damage}: {told:#}");
        assert_eq!(left.is_empty(), *is_mended, "{damage}: {told:#}");
        let recorded = site.cli(&["audit", "--verb", "repair", "--json"]).ok().json();
        assert_eq!(recorded.as_array().map(Vec::len), Some(mended.len()), "{damage}: each has a record");
        site.cli(&["verify"]).exits(code);
    }

    // What nothing led to can be had again.
    fs::copy(&whole, &database).expect("the test owns the folder");
    site.sql("update node set parent_id = 999999 where name = 'plans'");
    let told = site.cli(&["verify", "--repair"]).ok().stdout;
    assert!(
        told.contains("found: node") && told.contains("mended: node") && told.contains("nothing is wrong"),
        "{told}"
    );
    site.restart();
    ana.get("/Projects/plans/a.txt").status(404);
    ana.get("/Projects/large.bin").status(200).body(vec![3; 700_000]);
    site.cli(&["trash", "restore", "/Projects/plans"]).ok();
    ana.get("/Projects/plans/a.txt").status(200).body("second");
    site.is_consistent();
}

/// The statements that mend are the same on a server; here some damage is done that both databases know.
#[test]
fn rows_on_a_server_are_mended_too() {
    let mut site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "first").status(201);
    ana.put("/Projects/plans/a.txt", "second").status(204);
    ana.put("/Projects/gone.txt", "gone").status(201);
    ana.delete("/Projects/gone.txt").status(204);
    site.stop();
    let portable: &[&str] = &[
        "update share set used_bytes = used_bytes + 7 where name = 'Projects'",
        "update node set has_props = 1 where name = 'a.txt'",
        "update node set seq = seq + 100 where name = 'a.txt'",
        "update node set seq = 0 where name = 'plans'",
        "update share set seq = seq - 1 where name = 'Projects'",
        "update node set name_key = 'zzz' where name = 'a.txt'",
        "delete from trash",
        "insert into trash (node_id, share_id, parent_id, name, deleted_by, deleted_at)
         select id, share_id, parent_id, name, 1, 0 from node where name = 'plans'",
        "update node set size = size + 1 where name = 'a.txt'",
        "insert into gc (content_id, doomed) select content_id, 1 from node where name = 'a.txt'",
        "delete from content where id in (select content_id from node where name = 'a.txt')",
        "update node set parent_id = (select id from node where name = 'a.txt') where name = 'plans'",
    ];
    for damage in portable {
        site.sql(damage);
        site.cli(&["verify"]).exits(1);
        let told = site.cli(&["verify", "--repair", "--json"]).ok().json();
        assert!(!sentences(&told, "repaired").is_empty(), "{damage}: {told:#}");
    }
    site.is_consistent();
}
