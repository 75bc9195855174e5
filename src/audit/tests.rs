//! The audit on a real database: the chain, what verify finds, what retention leaves, how the log is read; and the
//! canonical encoding.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::verify::{BROKEN_VERB, Finding, Kept, verify};
use super::*;
use crate::db::Sql;
use crate::db::tests::place;
use crate::directory::tests::site::{NOW, TestSite};
use crate::ids::ShareId;

fn at(ms: i64) -> Moment {
    Moment(NOW.0 + ms)
}

/// What somebody did at a path, so many milliseconds after the beginning.
fn deed(ms: i64, name: &str, verb: &str, path: &str) -> Record {
    let actor = Actor { name: Line::name(name), channel: Line::name("webdav"), ..Actor::default() };
    Record { path: Some(Line::path(path)), ..Record::new(at(ms), actor, verb) }
}

async fn append_to(site: &TestSite, records: &[Record]) {
    let mut tx = site.write().await;
    append_all(&mut tx, records).await.unwrap();
    tx.commit().await.unwrap();
}

async fn findings(site: &TestSite, kept: &[Kept]) -> Vec<Finding> {
    verify(&mut site.read().await, kept).await.unwrap().findings
}

async fn head_of(site: &TestSite) -> Head {
    head(&mut site.read().await).await.unwrap()
}

/// As somebody does who can write the database file.
async fn tamper(site: &TestSite, statement: &'static str) {
    let mut tx = site.write().await;
    macro_rules! without {
        ($trigger:literal) => {
            Sql::two(
                concat!("drop trigger if exists ", $trigger),
                concat!("drop trigger if exists ", $trigger, " on audit"),
            )
        };
    }
    for trigger in [without!("audit_is_never_updated"), without!("audit_is_only_cut_at_the_stump")] {
        crate::db::query(trigger).execute(tx.conn()).await.unwrap();
    }
    crate::db::query(statement).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn ten_records() -> TestSite {
    let site = TestSite::new().await;
    for n in 1..=10 {
        append_to(&site, &[deed(n, "ana", "PUT", &format!("/Plans/{n}.txt"))]).await;
    }
    site
}

#[tokio::test]
async fn records_are_numbered_without_gaps_and_hold_together() {
    let site = ten_records().await;
    append_to(&site, &[deed(11, "ben", "GET", "/Plans/1.txt"), deed(5, "eva", "GET", "/Plans/2.txt")]).await;
    let verdict = verify(&mut site.read().await, &[]).await.unwrap();
    assert_eq!((verdict.findings, verdict.checked, verdict.head.seq), (vec![], 12, 12));
    assert_eq!(verdict.head, head_of(&site).await);
}

#[tokio::test]
async fn a_job_that_gives_up_leaves_no_record_and_the_others_of_its_group_keep_theirs() {
    let site = TestSite::new().await;
    let mut kept = site.write().await;
    append(&mut kept, &deed(1, "ana", "PUT", "/a")).await.unwrap();
    // Whoever waits for the lane lets the first give it on without a commit: all three are one group.
    let db = site.db.clone();
    let others = tokio::spawn(async move {
        let mut given_up = db.write().await.unwrap();
        given_up.protect().await.unwrap();
        append(&mut given_up, &deed(2, "ben", "PUT", "/b")).await.unwrap();
        drop(given_up);
        let mut last = db.write().await.unwrap();
        append(&mut last, &deed(3, "eva", "PUT", "/c")).await.unwrap();
        last.commit().await.unwrap();
    });
    tokio::task::yield_now().await;
    kept.commit().await.unwrap();
    others.await.unwrap();
    assert_eq!(findings(&site, &[]).await, []);
    let entries = Reader::new(Filter::default()).next(&mut site.read().await).await.unwrap();
    let paths: Vec<_> = entries.iter().map(|entry| entry.record.path.as_ref().unwrap().as_str()).collect();
    assert_eq!(paths, ["/a", "/c"]);
}

#[tokio::test]
async fn writers_of_two_processes_make_one_chain() {
    let site = TestSite::new().await;
    let elsewhere = site.opened_elsewhere().await;
    let write = |db: crate::db::Db, name: &'static str| async move {
        for n in 0..40 {
            let mut tx = db.write().await.unwrap();
            append(&mut tx, &deed(n, name, "PUT", "/a")).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let tasks = [
        tokio::spawn(write(site.db.clone(), "ana")),
        tokio::spawn(write(site.db.clone(), "ben")),
        tokio::spawn(write(elsewhere.clone(), "root")),
    ];
    for task in tasks {
        task.await.unwrap();
    }
    let verdict = verify(&mut site.read().await, &[]).await.unwrap();
    assert_eq!((verdict.findings, verdict.checked), (vec![], 120));
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_or_remove_a_record() {
    let site = ten_records().await;
    for statement in
        ["update audit set actor = 'nobody' where seq = 3", "delete from audit where seq = 3", "delete from audit"]
    {
        let mut tx = site.write().await;
        let refused = crate::db::query(statement).execute(tx.conn()).await.unwrap_err().to_string();
        assert!(refused.contains("a record of the audit is"), "{refused}");
    }
    assert_eq!(findings(&site, &[]).await, []);
}

#[tokio::test]
async fn every_column_of_a_record_is_under_its_hash() {
    let columns = [
        "at", "latest", "outcome", "verb", "actor_id", "actor", "channel", "device", "address", "agent", "request",
        "share_id", "node_id", "path", "target", "status", "bytes", "times", "note", "hash",
    ];
    let statements: BTreeMap<&str, &'static str> = columns
        .iter()
        .map(|column| {
            let value = match *column {
                "at" | "latest" => format!("{column} + 1"),
                "hash" => format!("unhex('{}')", "00".repeat(32)),
                "verb" | "actor" | "channel" | "device" | "address" | "agent" | "request" | "path" | "target"
                | "note" => {
                    format!("coalesce({column}, '') || 'x'")
                }
                _ => format!("coalesce({column}, 0) + 1"),
            };
            let statement = format!("update audit set {column} = {value} where seq = 5");
            (*column, &*Box::leak(statement.into_boxed_str()))
        })
        .collect();
    for (column, statement) in statements {
        let site = ten_records().await;
        tamper(&site, statement).await;
        assert_eq!(findings(&site, &[]).await, [Finding::Altered(5)], "{column}");
    }
}

#[tokio::test]
async fn what_was_taken_out_or_written_by_somebody_else_is_named() {
    let statements = [
        ("delete from audit where seq = 4", Finding::Missing(4, 4)),
        ("delete from audit where seq between 4 and 6", Finding::Missing(4, 6)),
        ("delete from audit where seq <= 3", Finding::Missing(1, 3)),
        ("update audit set outcome = 7 where seq = 2", Finding::Altered(2)),
        ("update audit set bytes = -1 where seq = 2", Finding::Altered(2)),
    ];
    // What a column of SQLite's takes, and one of a server's doesn't.
    let of_no_type = [
        ("update audit set actor = x'00' where seq = 2", Finding::Altered(2)),
        ("update audit set bytes = 1.5 where seq = 2", Finding::Altered(2)),
        ("update audit set path = cast(x'ff' as text) where seq = 9", Finding::Altered(9)),
    ];
    let of_no_type = of_no_type.into_iter().filter(|_| place::server().is_none());
    for (statement, finding) in statements.into_iter().chain(of_no_type) {
        let site = ten_records().await;
        tamper(&site, statement).await;
        assert_eq!(findings(&site, &[]).await, [finding], "{statement}");
    }
}

#[tokio::test]
async fn a_cut_end_shows_against_a_head_that_was_kept() {
    let site = ten_records().await;
    let kept = [Kept { place: "a note".to_owned(), head: head_of(&site).await }];
    append_to(&site, &[deed(11, "ana", "PUT", "/later")]).await;
    assert_eq!(findings(&site, &kept).await, [], "a longer log is no fault");
    tamper(&site, "delete from audit where seq >= 8").await;
    assert_eq!(findings(&site, &[]).await, [], "the chain alone can't show it");
    assert_eq!(findings(&site, &kept).await, [Finding::Cut { last: 7, kept: kept[0].clone() }]);
    assert_eq!(passes(&mut site.read().await, &kept[0].head).await.unwrap(), Some(false));
    // And who writes other records in their place only makes it another finding.
    append_to(&site, &[8, 9, 10].map(|n| deed(n, "ana", "GET", "/forged"))).await;
    assert_eq!(findings(&site, &kept).await, [Finding::Replaced(kept[0].clone())]);
    assert_eq!(passes(&mut site.read().await, &kept[0].head).await.unwrap(), Some(false));
}

#[tokio::test]
async fn what_a_server_found_broken_stays_a_finding() {
    let site = ten_records().await;
    let note = Some(Line::note("the log does not go through 12:00, which was its end"));
    append_to(&site, &[Record { note, ..Record::new(at(11), Actor::server(), BROKEN_VERB) }]).await;
    let note = "the log does not go through 12:00, which was its end".to_owned();
    assert_eq!(findings(&site, &[]).await, [Finding::FoundBroken { seq: 11, note }]);
}

#[tokio::test]
async fn retention_removes_what_is_too_old_and_the_rest_can_still_be_proved() {
    let site = ten_records().await;
    let old_head = head_of(&site).await;
    let now = at(1000);
    // Records 1 to 6 are older than that.
    let mut tx = site.write().await;
    assert!(!retain::retain(&mut tx, Duration::from_millis(1000 - 7), now).await.unwrap());
    tx.commit().await.unwrap();
    let kept = [Kept { place: "a note".to_owned(), head: old_head }];
    let verdict = verify(&mut site.read().await, &kept).await.unwrap();
    assert_eq!((verdict.findings, verdict.checked, verdict.stump.unwrap().seq), (vec![], 5, 6));
    let entries = Reader::new(Filter::default()).next(&mut site.read().await).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
    assert_eq!(entries[4].record.verb.as_str(), "retention");
    // All of the rest at once: the record that vouches for it stays.
    let mut tx = site.write().await;
    retain::retain(&mut tx, Duration::ZERO, at(2000)).await.unwrap();
    tx.commit().await.unwrap();
    let verdict = verify(&mut site.read().await, &kept).await.unwrap();
    assert_eq!((verdict.findings, verdict.checked, verdict.head.seq), (vec![], 1, 12));
    assert_eq!(verdict.too_old, kept);
    // Nothing is too old any more.
    let mut tx = site.write().await;
    assert!(!retain::retain(&mut tx, Duration::from_secs(1), at(2000)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(head_of(&site).await, verdict.head);
}

#[tokio::test]
async fn a_beginning_that_nobody_vouches_for_is_a_finding() {
    let site = ten_records().await;
    tamper(&site, "insert into audit_stump (id, seq, hash) select 1, seq, hash from audit where seq = 4").await;
    tamper(&site, "delete from audit where seq <= 4").await;
    assert_eq!(findings(&site, &[]).await, [Finding::NoVoucher(5)]);
}

#[tokio::test]
async fn the_log_is_read_by_user_path_time_verb_and_outcome() {
    let site = TestSite::new().await;
    let ana = site.add("ana").await;
    let of_ana = |record: Record| Record { actor: Actor { id: Some(ana.id), ..record.actor.clone() }, ..record };
    let moved = Record {
        node: Some(NodeId(7)),
        target: Some(Line::path("/Archive/plan.txt")),
        ..deed(40, "ana", "MOVE", "/Plans/plan.txt")
    };
    append_to(
        &site,
        &[
            Record { node: Some(NodeId(7)), ..of_ana(deed(10, "ana", "PUT", "/Plans/draft.txt")) },
            deed(20, "ben", "GET", "/Plans/Sub/x.txt"),
            Record { outcome: Outcome::Denied, ..deed(30, "ben", "DELETE", "/Plansch/y.txt") },
            of_ana(moved),
            // Came late: from before the two above it.
            of_ana(deed(15, "Ana", "GET", "/PLANS/Sub/x.txt")),
        ],
    )
    .await;
    let path = |text: &str, node| Some((RelPath::parse_human(text).unwrap(), node));
    for (filter, expected) in [
        (Filter::default(), vec![1, 2, 3, 4, 5]),
        (Filter { user: Some((Some(ana.id), "ana".into())), ..Filter::default() }, vec![1, 4, 5]),
        (Filter { user: Some((None, "ben".into())), ..Filter::default() }, vec![2, 3]),
        (Filter { path: path("/plans", None), ..Filter::default() }, vec![1, 2, 4, 5]),
        (Filter { path: path("/Plans/Sub", None), ..Filter::default() }, vec![2, 5]),
        (Filter { path: path("/archive/plan.txt", Some(NodeId(7))), ..Filter::default() }, vec![1, 4]),
        (Filter { since: Some(at(15)), ..Filter::default() }, vec![2, 3, 4, 5]),
        (Filter { since: Some(at(31)), ..Filter::default() }, vec![4]),
        (Filter { since: Some(at(41)), ..Filter::default() }, vec![]),
        (Filter { until: Some(at(20)), ..Filter::default() }, vec![1, 5]),
        (Filter { verb: Some("GET".into()), ..Filter::default() }, vec![2, 5]),
        (Filter { outcome: Some(Outcome::Denied), ..Filter::default() }, vec![3]),
    ] {
        let told = format!("{filter:?}");
        let mut reader = Reader::new(filter);
        let mut found = Vec::new();
        loop {
            let entries = reader.next(&mut site.read().await).await.unwrap();
            if entries.is_empty() {
                break;
            }
            found.extend(entries.into_iter().map(|entry| entry.seq));
        }
        assert_eq!(found, expected, "{told}");
    }
    let mut newest = Reader::newest(&mut site.read().await, Filter::default(), 2).await.unwrap();
    let found = newest.next(&mut site.read().await).await.unwrap();
    assert_eq!(found.into_iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4, 5]);
    assert!(newest.next(&mut site.read().await).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_long_log_is_read_page_by_page_and_a_search_by_time_begins_in_its_middle() {
    let site = TestSite::new().await;
    let records: Vec<Record> = (1..=2500).map(|n| deed(n, "ana", "GET", "/a")).collect();
    append_to(&site, &records).await;
    let mut reader = Reader::new(Filter { since: Some(at(700)), ..Filter::default() });
    let mut found = Vec::new();
    loop {
        let entries = reader.next(&mut site.read().await).await.unwrap();
        assert!(entries.len() <= PAGE as usize);
        match entries.is_empty() {
            true => break,
            false => found.extend(entries.into_iter().map(|entry| entry.seq)),
        }
    }
    assert_eq!(found, (700..=2500).collect::<Vec<_>>());
    assert_eq!(start(&mut site.read().await, at(700)).await.unwrap(), 699);
    assert_eq!(findings(&site, &[]).await, []);
}

/// Nanoseconds that this thread has been on a processor (proc(5), schedstat): what others do at the same time doesn't count.
fn on_cpu_ns() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse().unwrap()
}

/// The processor time that a change's record adds to it, and that of a batch's. For a person to read.
#[tokio::test]
#[ignore = "measures"]
async fn what_a_record_costs() {
    const RECORDS: i64 = 20_000;
    let site = TestSite::new().await;
    let records: Vec<Record> = (0..RECORDS)
        .map(|n| {
            let line = |text: &str| Some(Line::name(text));
            let mut record = deed(n, "ana", "PUT", "/Projects/2027/plans/the plan of the year.docx");
            record.actor.id = Some(UserId(7));
            (record.actor.device, record.actor.address) = (line("notebook"), line("192.0.2.17"));
            (record.actor.agent, record.actor.request) =
                (line("Microsoft-WebDAV-MiniRedir/10.0"), line("0123456789abcdef"));
            Record { share: Some(ShareId(3)), node: Some(NodeId(n)), status: Some(204), bytes: Some(4096), ..record }
        })
        .collect();
    let mut tx = site.write().await;
    let begun = on_cpu_ns();
    for record in &records {
        append(&mut tx, record).await.unwrap();
    }
    let each = (on_cpu_ns() - begun) / RECORDS.unsigned_abs();
    let begun = on_cpu_ns();
    append_all(&mut tx, &records).await.unwrap();
    let batched = (on_cpu_ns() - begun) / RECORDS.unsigned_abs();
    tx.commit().await.unwrap();
    let begun = on_cpu_ns();
    let verdict = verify(&mut site.read().await, &[]).await.unwrap();
    let verified = (on_cpu_ns() - begun) / verdict.checked;
    assert_eq!((verdict.findings, verdict.checked), (vec![], 2 * RECORDS.unsigned_abs()));
    println!("a record: {each} ns with its change, {batched} ns in a batch, {verified} ns to verify");
}

#[tokio::test]
async fn retention_goes_on_slice_by_slice_until_nothing_is_too_old() {
    let site = TestSite::new().await;
    let records: Vec<Record> = (1..=4500).map(|n| deed(n, "ana", "GET", "/a")).collect();
    append_to(&site, &records).await;
    let pace = crate::jobs::Pace::until(tokio_util::sync::CancellationToken::new());
    crate::jobs::retain_once(&site.db, Duration::from_millis(1000), at(5000), &pace).await.unwrap();
    let verdict = verify(&mut site.read().await, &[]).await.unwrap();
    // Those of the last second and the records of two slices.
    assert_eq!((verdict.findings, verdict.checked, verdict.stump.unwrap().seq), (vec![], 501 + 2, 3999));
}

#[test]
fn a_head_is_read_as_it_is_written() {
    let head = Head { seq: 5120, hash: *blake3::hash(b"x").as_bytes() };
    assert_eq!(head.to_string().parse(), Ok(head));
    assert_eq!(format!(" {head}\n").parse(), Ok(head));
    for wrong in ["", "5120", "5120:", "5120:9f", "-1:00", ":", "x:y"] {
        assert!(wrong.parse::<Head>().is_err(), "{wrong}");
    }
}

/// Takes the canonical bytes apart again: that it can proves that no two records have the same.
mod decoder {
    use super::*;

    pub fn decode(mut bytes: &[u8]) -> ([u8; 32], i64, Moment, Record) {
        assert_eq!(take(&mut bytes, b"commonhold audit 1\n".len()), b"commonhold audit 1\n");
        let before = take(&mut bytes, 32).try_into().unwrap();
        let seq = number(&mut bytes);
        let (at, latest) = (Moment(number(&mut bytes)), Moment(number(&mut bytes)));
        let outcome = Outcome::stored(take(&mut bytes, 1)[0].into()).unwrap();
        let verb = text(&mut bytes);
        let actor = Actor {
            id: optional(&mut bytes, number).map(UserId),
            name: text(&mut bytes),
            channel: text(&mut bytes),
            device: optional(&mut bytes, text),
            address: optional(&mut bytes, text),
            agent: optional(&mut bytes, text),
            request: optional(&mut bytes, text),
        };
        let record = Record {
            at,
            actor,
            verb,
            outcome,
            share: optional(&mut bytes, number).map(ShareId),
            node: optional(&mut bytes, number).map(NodeId),
            path: optional(&mut bytes, text),
            target: optional(&mut bytes, text),
            status: optional(&mut bytes, number).map(|status| u16::try_from(status).unwrap()),
            bytes: optional(&mut bytes, number).map(i64::cast_unsigned),
            times: number(&mut bytes).cast_unsigned(),
            note: optional(&mut bytes, text),
        };
        assert!(bytes.is_empty(), "nothing is left over");
        (before, seq, latest, record)
    }

    fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
        let (taken, rest) = bytes.split_at(count);
        *bytes = rest;
        taken
    }

    fn number(bytes: &mut &[u8]) -> i64 {
        i64::from_be_bytes(take(bytes, 8).try_into().unwrap())
    }

    fn text(bytes: &mut &[u8]) -> Line {
        let count = usize::try_from(number(bytes)).unwrap();
        Line::stored(str::from_utf8(take(bytes, count)).unwrap().to_owned())
    }

    fn optional<T>(bytes: &mut &[u8], read: impl Fn(&mut &[u8]) -> T) -> Option<T> {
        match take(bytes, 1)[0] {
            0 => None,
            1 => Some(read(bytes)),
            other => panic!("{other} says neither that it is there nor that it isn't"),
        }
    }
}

prop_compose! {
    fn any_line()(text in any::<String>()) -> Line {
        Line::stored(text)
    }
}

prop_compose! {
    fn any_actor()(
        id in any::<Option<i64>>(),
        name in any_line(),
        channel in any_line(),
        (device, address) in (prop::option::of(any_line()), prop::option::of(any_line())),
        (agent, request) in (prop::option::of(any_line()), prop::option::of(any_line())),
    ) -> Actor {
        Actor { id: id.map(UserId), name, channel, device, address, agent, request }
    }
}

prop_compose! {
    fn any_record()(
        (at, actor, verb) in (any::<i64>(), any_actor(), any_line()),
        outcome in prop::sample::select(vec![Outcome::Done, Outcome::Denied, Outcome::Refused]),
        (share, node) in (any::<Option<i64>>(), any::<Option<i64>>()),
        (path, target) in (prop::option::of(any_line()), prop::option::of(any_line())),
        (status, bytes, times) in (any::<Option<u16>>(), any::<Option<u64>>(), any::<u64>()),
        note in prop::option::of(any_line()),
    ) -> Record {
        let (share, node) = (share.map(ShareId), node.map(NodeId));
        Record { at: Moment(at), actor, verb, outcome, share, node, path, target, status, bytes, times, note }
    }
}

proptest! {
    #[test]
    fn the_encoding_can_be_taken_apart_so_no_two_records_share_one(
        before in any::<[u8; 32]>(),
        seq in any::<i64>(),
        latest in any::<i64>(),
        record in any_record(),
    ) {
        let bytes = chain::encoded(&before, seq, Moment(latest), &record);
        prop_assert_eq!(decoder::decode(&bytes), (before, seq, Moment(latest), record));
    }

    #[test]
    fn any_text_becomes_one_line_within_its_bound(text in any::<String>(), many in 0..200_usize) {
        let long = text.repeat(many);
        for (line, bytes_max) in [
            (Line::note(&long), record::NOTE_BYTES_MAX),
            (Line::verb(&long), record::VERB_BYTES_MAX),
            (Line::agent(&long), record::AGENT_BYTES_MAX),
        ] {
            prop_assert!(line.as_str().len() <= bytes_max);
            prop_assert!(!line.as_str().chars().any(char::is_control));
        }
    }
}
