//! Locks on a real database, with the clock in the test's hand: to the millisecond, and what the sweep leaves.

use std::sync::Arc;

use commonhold_acl::{Channel, Effective, Object, Operation, Permit, Scene};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::db::WriteTx;
use crate::directory::Principal;
use crate::directory::policy::{self, Measure};
use crate::directory::tests::site::{NOW, TestSite};
use crate::directory::user::User;
use crate::guard::{self, Caller, Guard};
use crate::jobs::{self, Pace, sweep_once};
use crate::path::Name;
use crate::shares::{self, NewShare, Settings, Share};
use crate::tree::change::{Change, Fresh};
use crate::tree::{self, Located};

/// What every lock of these tests is given.
const TIMEOUT: Duration = Duration::from_secs(600);
/// The hand-over time of a share, unless it is set.
const HANDOVER: Duration = Duration::from_secs(600);

struct Room {
    site: TestSite,
    share: Share,
}

impl Room {
    async fn open() -> Self {
        let site = TestSite::new().await;
        let mut tx = site.write().await;
        let plans = name("Plans");
        let new = NewShare::team(site.org, &plans);
        let id = shares::create(&mut tx, &site.by, &new, NOW).await.unwrap();
        tx.commit().await.unwrap();
        let share = shares::by_id(&mut site.read().await, id).await.unwrap().unwrap();
        Self { site, share }
    }

    async fn editor(&self, name: &str) -> Person<'_> {
        let user = self.site.add(name).await;
        let mut tx = self.site.write().await;
        let who = Principal::User(user.id);
        shares::subscribe(&mut tx, &self.site.by, &self.share, who, "editor", NOW).await.unwrap();
        tx.commit().await.unwrap();
        let caller = Caller::new(Arc::new(user.clone()), Channel::WebDav);
        let access = Guard::default().access(&self.site.db, &caller).await.unwrap();
        Person { room: self, user, effective: access.shares()[0].at(&[]).clone() }
    }

    async fn at(&self, tx: &mut impl Reads, path: &[&str]) -> Located {
        let names: Vec<Name> = path.iter().map(|part| name(part)).collect();
        tree::locate(tx, self.share.root, &names).await.unwrap()
    }

    async fn exists(&self, file: &str) -> bool {
        self.at(&mut self.site.read().await, &[file]).await.node().is_some()
    }

    async fn sweep(&self, now: Moment) {
        sweep_once(&self.site.db, now, &Pace::until(CancellationToken::new())).await.unwrap();
    }

    /// Whose locks have a row and held at `then`; what has been swept holds at no time.
    async fn holders(&self, then: Moment) -> Vec<String> {
        let locks = list(&mut self.site.read().await, then).await.unwrap();
        locks.into_iter().map(|lock| lock.holder_name).collect()
    }

    async fn set(&self, settings: Settings<'_>) {
        let mut tx = self.site.write().await;
        shares::set(&mut tx, &self.site.by, &self.share, &settings).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Every record of the tree agrees with every other.
    async fn consistent(&self) {
        let findings = tree::check::inconsistencies(&mut self.site.read().await).await.unwrap();
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

struct Person<'r> {
    room: &'r Room,
    user: User,
    effective: Effective,
}

impl Person<'_> {
    fn who(&self) -> (UserId, &str) {
        (self.user.id, &self.user.name)
    }

    fn permit(&self, operation: Operation, at: &Located) -> Permit {
        let mut scene = Scene::new();
        for (object, node) in [(Object::Item, at.node()), (Object::Parent, at.parent())] {
            if let Some(node) = node {
                scene = scene.with(object, &self.effective, guard::item(node));
            }
        }
        guard::permit(operation, &scene).unwrap()
    }

    async fn make(&self, tx: &mut WriteTx, file: &str, size: usize) {
        let at = self.room.at(tx, &[file]).await;
        let content = Fresh::small(vec![7; size].into());
        let permit = self.permit(Operation::PutNew, &at);
        let mut change = Change::begin(tx, &at, self.user.id, NOW);
        change.create_file(&permit, at.ancestors(), &name(file), &content, None).await.unwrap();
    }

    async fn makes(&self, file: &str) {
        let mut tx = self.room.site.write().await;
        self.make(&mut tx, file, 1).await;
        tx.commit().await.unwrap();
    }

    /// LOCK of an unmapped URL: an empty file with its lock.
    async fn makes_by_lock(&self, file: &str, exclusive: bool) -> Lock {
        let mut tx = self.room.site.write().await;
        self.make(&mut tx, file, 0).await;
        tx.commit().await.unwrap();
        self.takes(file, Wish { exclusive, fresh: true, ..wish() }).await.unwrap()
    }

    async fn locks(&self, file: &str) -> Lock {
        self.takes(file, wish()).await.unwrap()
    }

    async fn takes(&self, file: &str, wish: Wish) -> Result<Lock, Refusal> {
        let mut tx = self.room.site.write().await;
        let at = self.room.at(&mut tx, &[file]).await;
        let permit = self.permit(Operation::LockFile, &at);
        lock(&mut tx, &permit, at.chain(), self.who(), wish, NOW).await?;
        let held = covering(&mut tx, at.chain(), NOW).await?;
        tx.commit().await.map_err(LockError::from)?;
        Ok(held.into_iter().rfind(|lock| lock.holder == self.user.id).expect("it was just taken"))
    }

    async fn may_write(&self, file: &str, tokens: &[&str], now: Moment) -> bool {
        let mut tx = self.room.site.read().await;
        let at = self.room.at(&mut tx, &[file]).await;
        confirm(&mut tx, at.chain(), Keys { user: self.user.id, tokens }, now).await.is_ok()
    }

    async fn asks_for(&self, lock: &Lock, now: Moment) -> Moment {
        let mut tx = self.room.site.write().await;
        let chain = tree::chain_of(&mut tx, lock.node).await.unwrap();
        let at = self.room.at(&mut tx, &[&chain.last().unwrap().name]).await;
        let permit = self.permit(Operation::LockFile, &at);
        let there = covering(&mut tx, at.chain(), now).await.unwrap();
        let lapses = request(&mut tx, &permit, at.chain(), &there[0], now).await.unwrap();
        tx.commit().await.unwrap();
        lapses
    }

    async fn late_save_is_kept(&self, lock: &Lock, token: &str, now: Moment) -> bool {
        let mut tx = self.room.site.read().await;
        let chain = tree::chain_of(&mut tx, lock.node).await.unwrap();
        let keys = Keys { user: self.user.id, tokens: &[token] };
        keeps_late_save(&mut tx, chain.last().unwrap(), keys, now).await.unwrap()
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn wish() -> Wish {
    let timeout_s = Some(u32::try_from(TIMEOUT.as_secs()).unwrap());
    Wish { exclusive: true, deep: false, owner: None, timeout_s, fresh: false, first: false }
}

fn just_before(moment: Moment) -> Moment {
    Moment(moment.0 - 1)
}

#[tokio::test]
async fn a_lock_is_held_up_to_the_last_millisecond_of_its_time() {
    let room = Room::open().await;
    let (ana, ben) = (room.editor("ana").await, room.editor("ben").await);
    ana.makes("a.txt").await;
    let lock = ana.locks("a.txt").await;
    let end = NOW.plus(TIMEOUT);
    assert_eq!(lock.expires, Some(end));
    room.sweep(just_before(end)).await;
    assert!(ana.may_write("a.txt", &[&lock.token], just_before(end)).await);
    assert!(!ben.may_write("a.txt", &[], just_before(end)).await);
    assert!(ben.may_write("a.txt", &[], end).await, "free whether swept or not");
    assert_eq!(room.holders(NOW).await, ["ana"]);
    room.sweep(end).await;
    assert_eq!(room.holders(NOW).await, [""; 0], "its row is gone");
    assert!(!ana.late_save_is_kept(&lock, &lock.token, end).await, "nobody took it away: it ran out");
}

#[tokio::test]
async fn refreshing_a_lock_does_not_put_off_the_end_that_was_asked_for() {
    let room = Room::open().await;
    let (ana, ben, eva) = (room.editor("ana").await, room.editor("ben").await, room.editor("eva").await);
    ana.makes("a.txt").await;
    let lock = ana.locks("a.txt").await;
    let asked = NOW.plus(Duration::from_secs(60));
    let lapses = ben.asks_for(&lock, asked).await;
    assert_eq!(lapses, asked.plus(HANDOVER));
    let later = NOW.plus(Duration::from_secs(599));
    assert_eq!(eva.asks_for(&lock, later).await, lapses, "a second wish begins no new time");

    let mut tx = room.site.write().await;
    let at = room.at(&mut tx, &["a.txt"]).await;
    let keys = Keys { user: ana.user.id, tokens: &[&lock.token] };
    let refreshed = refresh(&mut tx, at.chain(), keys, Some(u32::MAX), later).await.unwrap().expect("it still holds");
    tx.commit().await.unwrap();
    assert_eq!(refreshed.expires, Some(later.plus(TIMEOUT_MAX)));
    let wanted = refreshed.wanted.as_ref().map(|wanted| (wanted.by_name.as_str(), wanted.lapses));
    assert_eq!(wanted, Some(("ben", lapses)));
    assert_eq!(refreshed.remaining_s(later), Some(61), "what is left of it ends with the wish");

    room.sweep(just_before(lapses)).await;
    assert!(!ben.may_write("a.txt", &[], just_before(lapses)).await);
    assert!(ben.may_write("a.txt", &[], lapses).await);
    assert!(!ana.late_save_is_kept(&lock, &lock.token, just_before(lapses)).await);
    // Taken away by the wish, so her late save is kept, before and after the sweep that removes the row.
    assert!(ana.late_save_is_kept(&lock, &lock.token, lapses).await);
    room.sweep(lapses).await;
    assert_eq!(room.holders(NOW).await, [""; 0]);
    assert!(ana.late_save_is_kept(&lock, &lock.token, lapses).await);
    assert!(!ben.late_save_is_kept(&lock, &lock.token, lapses).await, "a token of another counts for nothing");
}

#[tokio::test]
async fn a_lock_that_ran_out_before_the_wish_lapsed_was_not_taken_away() {
    let room = Room::open().await;
    let (ana, ben) = (room.editor("ana").await, room.editor("ben").await);
    ana.makes("a.txt").await;
    let lock = ana.locks("a.txt").await;
    let lapses = ben.asks_for(&lock, NOW.plus(Duration::from_secs(1))).await;
    assert!(lock.expires < Some(lapses));
    room.sweep(lapses).await;
    assert_eq!(room.holders(NOW).await, [""; 0]);
    assert!(!ana.late_save_is_kept(&lock, &lock.token, lapses).await);
}

#[tokio::test]
async fn what_is_known_of_a_broken_lock_is_forgotten_after_a_day() {
    let room = Room::open().await;
    let ana = room.editor("ana").await;
    ana.makes("a.txt").await;
    let lock = ana.locks("a.txt").await;
    let mut tx = room.site.write().await;
    break_lock(&mut tx, &lock, None, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(room.holders(NOW).await, [""; 0]);
    let forgotten = NOW.plus(BROKEN_KEPT);
    room.sweep(just_before(forgotten)).await;
    assert!(ana.late_save_is_kept(&lock, &lock.token, NOW).await);
    room.set(Settings { collision_copies: Some(false), ..Settings::default() }).await;
    assert!(!ana.late_save_is_kept(&lock, &lock.token, NOW).await, "the share doesn't want such copies");
    room.set(Settings { collision_copies: Some(true), ..Settings::default() }).await;
    room.sweep(forgotten).await;
    assert!(!ana.late_save_is_kept(&lock, &lock.token, NOW).await);
}

#[tokio::test]
async fn an_empty_file_goes_with_the_lock_that_made_it() {
    let room = Room::open().await;
    let ana = room.editor("ana").await;
    ana.makes_by_lock("new.docx", true).await;
    let end = NOW.plus(TIMEOUT);
    room.sweep(just_before(end)).await;
    assert!(room.exists("new.docx").await);
    room.sweep(end).await;
    assert!(!room.exists("new.docx").await);
    assert_eq!(room.holders(NOW).await, [""; 0]);
    room.consistent().await;
}

#[tokio::test]
async fn an_empty_file_of_macos_goes_without_a_trace_where_the_share_wants_it_so() {
    let room = Room::open().await;
    let ana = room.editor("ana").await;
    for (word, told) in [("keep", true), ("hide", false)] {
        let mut tx = room.site.write().await;
        let value = Measure::MacosLitter.parse(word).unwrap();
        policy::set_of_share(&mut tx, room.share.id, Measure::MacosLitter, Some(&value)).await.unwrap();
        tx.commit().await.unwrap();
        ana.makes_by_lock("._plan", true).await;
        let sequence = async || tree::sync::sequence(&mut room.site.read().await, room.share.id).await.unwrap();
        let before = sequence().await;
        room.sweep(NOW.plus(TIMEOUT)).await;
        assert!(!room.exists("._plan").await);
        assert_eq!(sequence().await > before, told, "{word}");
        room.consistent().await;
    }
}

#[tokio::test]
async fn a_file_that_was_written_stays_when_the_lock_that_made_it_ends() {
    let room = Room::open().await;
    let ana = room.editor("ana").await;
    for file in ["saved empty.txt", "saved.txt"] {
        ana.makes_by_lock(file, true).await;
    }
    let mut tx = room.site.write().await;
    let empty = room.at(&mut tx, &["saved empty.txt"]).await;
    written(&mut tx, empty.node().unwrap().id).await.unwrap();
    // As a MOVE onto it writes: by its size alone it shows.
    let saved = room.at(&mut tx, &["saved.txt"]).await;
    let permit = ana.permit(Operation::PutOver, &saved);
    let content = Fresh::small("hi".into());
    let mut change = Change::begin(&mut tx, &saved, ana.user.id, NOW);
    change.write_file(&permit, saved.node().unwrap(), saved.ancestors(), &content, None, false).await.unwrap();
    tx.commit().await.unwrap();
    room.sweep(NOW.plus(TIMEOUT)).await;
    assert!(room.exists("saved empty.txt").await && room.exists("saved.txt").await);
    assert_eq!(room.holders(NOW).await, [""; 0]);
    room.consistent().await;
}

#[tokio::test]
async fn an_empty_file_that_somebody_else_holds_or_wants_stays() {
    let room = Room::open().await;
    let (ana, ben) = (room.editor("ana").await, room.editor("ben").await);
    ana.makes_by_lock("shared.txt", false).await;
    let longer = Wish { exclusive: false, timeout_s: Some(3600), ..wish() };
    ben.takes("shared.txt", longer).await.unwrap();
    let wanted = ana.makes_by_lock("wanted.txt", true).await;
    room.set(Settings { handover: Some(Duration::from_secs(60)), ..Settings::default() }).await;
    ben.asks_for(&wanted, NOW).await;
    room.sweep(NOW.plus(TIMEOUT)).await;
    assert!(room.exists("shared.txt").await && room.exists("wanted.txt").await);
    assert_eq!(room.holders(NOW).await, ["ben"]);
    room.consistent().await;
}

#[tokio::test]
async fn an_empty_file_in_the_trash_or_in_an_inactive_share_is_left_alone() {
    let room = Room::open().await;
    let ana = room.editor("ana").await;
    let deleted = ana.makes_by_lock("deleted.txt", true).await;
    let mut tx = room.site.write().await;
    let at = room.at(&mut tx, &["deleted.txt"]).await;
    let permit = ana.permit(Operation::Delete, &at);
    let mut change = Change::begin(&mut tx, &at, ana.user.id, NOW);
    change.delete(&permit, at.node().unwrap(), at.ancestors()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(room.holders(NOW).await, [""; 0], "a list tells of no lock in the trash");
    room.sweep(NOW.plus(TIMEOUT)).await;
    let in_trash = tree::chain_of(&mut room.site.read().await, deleted.node).await.unwrap();
    assert_eq!(in_trash.iter().map(|node| node.id).collect::<Vec<_>>(), [room.share.trash, deleted.node]);

    let inactive = ana.makes_by_lock("inactive.txt", true).await;
    let mut tx = room.site.write().await;
    shares::set_active(&mut tx, &room.site.by, &room.share, false).await.unwrap();
    tx.commit().await.unwrap();
    room.sweep(NOW.plus(TIMEOUT)).await;
    let kept = tree::chain_of(&mut room.site.read().await, inactive.node).await.unwrap();
    assert_eq!(kept.iter().map(|node| node.id).collect::<Vec<_>>(), [room.share.root, inactive.node]);
    assert_eq!(room.holders(NOW).await, [""; 0]);
    room.consistent().await;
}

/// More of everything than one transaction of the sweep takes; and no more than one person may hold.
#[tokio::test]
async fn a_sweep_ends_only_when_nothing_is_left() {
    let room = Room::open().await;
    let people = sweep::ROWS_MAX.div_ceil(HELD_MAX as u64) + 1;
    let end = NOW.plus(TIMEOUT);
    for person in 0..people {
        let holder = room.editor(&format!("p{person}")).await;
        let mut tx = room.site.write().await;
        for n in 0..=HELD_MAX {
            let file = format!("{person} {n}.txt");
            holder.make(&mut tx, &file, 0).await;
            let at = room.at(&mut tx, &[&file]).await;
            let permit = holder.permit(Operation::LockFile, &at);
            // The first one makes its files by its locks.
            let given = if person == 0 {
                lock(&mut tx, &permit, at.chain(), holder.who(), Wish { fresh: true, ..wish() }, NOW).await
            } else {
                add_user_lock(&mut tx, &permit, at.chain(), holder.who(), Some(end), NOW).await
            };
            match given {
                Ok(_) => assert!(n < HELD_MAX),
                Err(refusal) => assert!(n == HELD_MAX && matches!(refusal, Refusal::TooMany), "{n}: {refusal}"),
            }
        }
        tx.commit().await.unwrap();
    }
    assert_eq!(room.holders(NOW).await.len(), HELD_MAX * usize::try_from(people).unwrap());
    room.sweep(end).await;
    assert_eq!(room.holders(NOW).await, [""; 0]);
    assert!(!room.exists("0 0.txt").await && !room.exists("0 99.txt").await, "made by a lock, never written");
    assert!(room.exists("0 100.txt").await && room.exists("1 0.txt").await, "made without one");
    room.consistent().await;
}

/// By the real clock: these locks ended years ago.
#[tokio::test]
async fn the_rounds_begin_with_the_server_and_end_with_it() {
    let room = Room::open().await;
    let ana = room.editor("ana").await;
    ana.makes_by_lock("new.docx", true).await;
    let stop = CancellationToken::new();
    let rounds = tokio::spawn(jobs::run(room.site.chores(), stop.clone()));
    let first_round = async {
        while room.exists("new.docx").await || !room.holders(NOW).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), first_round)
        .await
        .expect("a round comes before the interval is over");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), rounds).await.expect("it ends at once").unwrap();
}

#[tokio::test]
async fn a_lock_of_a_person_lets_his_own_programs_lock_and_nobody_elses() {
    let room = Room::open().await;
    let (ana, ben) = (room.editor("ana").await, room.editor("ben").await);
    ana.makes("a.txt").await;
    let mut tx = room.site.write().await;
    let root = room.at(&mut tx, &[]).await;
    let permit = ana.permit(Operation::LockFolder, &root);
    let whole = add_user_lock(&mut tx, &permit, root.chain(), ana.who(), None, NOW).await.unwrap();
    let again = add_user_lock(&mut tx, &permit, root.chain(), ana.who(), None, NOW).await;
    assert!(matches!(again, Err(Refusal::Conflict(_))), "one is enough");
    tx.commit().await.unwrap();
    assert_eq!((whole.deep, whole.expires), (true, None));

    assert!(
        matches!(ben.takes("a.txt", wish()).await, Err(Refusal::Conflict(locks)) if locks[0].holder == ana.user.id)
    );
    assert!(ana.may_write("a.txt", &[], NOW).await);
    let word = ana.locks("a.txt").await;
    assert!(!ana.may_write("a.txt", &[], NOW).await, "another program of hers has it open");
    assert!(ana.may_write("a.txt", &[&word.token], NOW).await);
    let forever = NOW.plus(Duration::from_secs(10 * 365 * 24 * 60 * 60));
    room.sweep(forever).await;
    assert!(ana.may_write("a.txt", &[], forever).await && !ben.may_write("a.txt", &[], forever).await);
}
