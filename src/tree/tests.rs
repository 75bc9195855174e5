//! The tree on a real database: random changes in two shares against a small model, and what must always hold.

use std::collections::BTreeMap;

use commonhold_acl::{self as acl, Channel, Landing, Object, Operation, Permit, Scene};

use super::assembly::{self, Order};
use super::change::{By, Change, Fresh};
use super::list::{Cursor, members};
use super::props::{Bounds, DeadProp, Patch, Times};
use super::transfer::Target;
use super::view::View;
use super::{Kind, Located, Node, check, locate, sql};
use crate::clock::Moment;
use crate::db::tests::place;
use crate::db::{Db, Portion, Reads, WriteTx};
use crate::directory::organization::{self, NewOrganization};
use crate::directory::{Administrator, DirectoryName, User, user};
use crate::guard;
use crate::history::past::rollback::{How, roll_back};
use crate::history::past::snapshot;
use crate::history::revision::{self, Which};
use crate::history::trash::{self, Period, Way};
use crate::history::{Authority, HistoryError};
use crate::ids::{ContentId, NodeId, UserId};
use crate::path::{Name, RelPath};
use crate::shares::{self, NewShare, Share};

pub(super) struct Room {
    _folder: tempfile::TempDir,
    pub(super) db: Db,
    pub(super) user: User,
    pub(super) shares: [Share; 2],
    effective: acl::Effective,
}

impl Room {
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = place::empty(folder.path()).await;
        let by = Administrator::of_the_site();
        let now = Moment::now();
        let mut tx = db.write().await.unwrap();
        let org_name = DirectoryName::of_organization("Example").unwrap();
        let org = organization::create(&mut tx, &by, &NewOrganization::named(&org_name), now).await.unwrap();
        let name = DirectoryName::of_user("ana").unwrap();
        let new = user::NewUser { admin: true, ..user::NewUser::named(org, &name) };
        let id = user::create(&mut tx, &by, &new, now).await.unwrap();
        for name in ["One", "Two"] {
            let name = Name::parse(name).unwrap();
            shares::create(&mut tx, &by, &NewShare::team(org, &name), now).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tx = db.read().await.unwrap();
        let user = user::by_id(&mut tx, id).await.unwrap().unwrap();
        let shares = shares::list(&mut tx).await.unwrap().try_into().unwrap();
        let guard = guard::Guard::default();
        let caller = guard::Caller::new(std::sync::Arc::new(user.clone()), Channel::WebDav);
        let access = guard.access(&db, &caller).await.unwrap();
        let effective = access.shares()[0].at(&[]).clone();
        Self { _folder: folder, db, user, shares, effective }
    }

    async fn at(&self, tx: &mut WriteTx, path: &RelPath) -> Option<(usize, Located)> {
        let (share, below) = path.segments().split_first()?;
        let at = self.shares.iter().position(|s| s.name == share.as_str())?;
        Some((at, locate(tx, self.shares[at].root, below).await.unwrap()))
    }

    /// A permit of somebody who may do everything.
    pub(super) fn permit(&self, operation: Operation, item: &Located, destination: Option<&Located>) -> Permit {
        let mut scene = Scene::new();
        for (located, what, parent) in
            [(Some(item), Object::Item, Object::Parent), (destination, Object::Destination, Object::DestinationParent)]
        {
            let Some(located) = located else { continue };
            if let Some(node) = located.node() {
                scene = scene.with(what, &self.effective, guard::item(node));
            }
            if let Some(node) = located.parent() {
                scene = scene.with(parent, &self.effective, guard::item(node));
            }
        }
        acl::decide_operation(operation, &scene).unwrap()
    }

    async fn consistent(&self) {
        let findings = check::inconsistencies(&mut self.db.read().await.unwrap()).await.unwrap();
        assert!(findings.is_empty(), "{findings:#?}");
    }

    /// Everything below both shares: path to content, or `None` for a collection.
    async fn contents(&self) -> Model {
        let mut found = Model::new();
        for share in &self.shares {
            found.extend(self.contents_of(share).await);
        }
        found
    }

    async fn contents_of(&self, share: &Share) -> Model {
        let mut found = Model::new();
        let mut tx = self.db.read().await.unwrap();
        {
            let root = locate(&mut tx, share.root, &[]).await.unwrap().node().unwrap().clone();
            let mut todo = vec![(format!("/{}", share.name), root)];
            while let Some((path, node)) = todo.pop() {
                let (nodes, next) = members(&mut tx, &node, &Cursor::default(), &Default::default()).await.unwrap();
                assert!(next.is_none());
                for member in nodes {
                    let path = format!("{path}/{}", member.name);
                    found.insert(path.clone(), member.content);
                    if member.is_collection() {
                        todo.push((path, member));
                    }
                }
            }
        }
        found
    }
}

/// More than any test stores.
const BOUNDS: Bounds = Bounds { count_max: 100, bytes_max: 10_000 };

type Model = BTreeMap<String, Option<ContentId>>;

fn fresh(size: u64) -> Fresh {
    Fresh::small(vec![7; usize::try_from(size).unwrap()].into())
}

/// A small generator, so that a failing run can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// A path of one to three names below one of the shares.
    fn path(&mut self) -> String {
        let mut path = ["/One", "/Two"][self.roll(2) as usize].to_owned();
        for _ in 0..=self.roll(3) {
            path.push('/');
            path.push_str(["a", "b", "c", "d"][self.roll(4) as usize]);
        }
        path
    }
}

fn below(model: &Model, path: &str) -> Vec<(String, Option<ContentId>)> {
    let inside = format!("{path}/");
    let here = model.iter().filter(|(at, _)| *at == path || at.starts_with(&inside));
    here.map(|(at, content)| (at.clone(), *content)).collect()
}

fn clear(model: &mut Model, path: &str) {
    for (at, _) in below(model, path) {
        model.remove(&at);
    }
}

fn has_parent(model: &Model, path: &str) -> bool {
    let parent = &path[..path.rfind('/').unwrap()];
    parent.matches('/').count() == 1 || model.get(parent) == Some(&None)
}

/// What a share was at a moment; not known any more once something was purged, trimmed or has gone over into another file.
struct Mark {
    at: Moment,
    then: Model,
    known: bool,
}

/// What the model knows besides the trees: what was deleted, by its topmost node, and how each share was.
#[derive(Default)]
struct Past {
    bin: BTreeMap<NodeId, Vec<(String, Option<ContentId>)>>,
    marks: BTreeMap<usize, Mark>,
    /// Rolled back to a mark that was known, and snapshots of one.
    proved: usize,
}

impl Past {
    fn deleted(&mut self, node: NodeId, model: &Model, path: &str) {
        let rest = below(model, path).into_iter().map(|(at, content)| (at[path.len()..].to_owned(), content));
        self.bin.insert(node, rest.collect());
    }

    fn forget(&mut self, share: usize) {
        if let Some(mark) = self.marks.get_mut(&share) {
            mark.known = false;
        }
    }
}

impl Room {
    /// Something of the history, at random. `None`: nothing was there to do. Else whether the model still knows all.
    async fn history(
        &self,
        tx: &mut WriteTx,
        dice: &mut Dice,
        (model, past): (&mut Model, &mut Past),
        now: Moment,
    ) -> Option<bool> {
        let at = dice.roll(2) as usize;
        let share = &self.shares[at];
        let administrator = Administrator::of_the_site();
        let by = Authority::Site(&administrator);
        let root = locate(tx, share.root, &[]).await.unwrap();
        let items = trash::list(tx, share, Period::default()).await.unwrap();
        let item = (!items.is_empty()).then(|| items[dice.roll(items.len() as u64) as usize].clone());
        // What is never purged makes the walk slower and slower.
        match if items.len() > 60 { 2 } else { dice.roll(6) } {
            0 | 1 => {
                let item = item?;
                let way = match Way::back(tx, &item).await {
                    Ok(way) => way,
                    Err(HistoryError::InTheWay(_)) => return None,
                    Err(error) => panic!("{error}"),
                };
                let mut change = Change::begin(tx, &root, self.user.id, now);
                let way = way.rebuild(&mut change).await.unwrap();
                let name = Name::parse(&item.node.name).unwrap();
                let back = trash::restore(&mut change, by, &item, &way, &name).await.unwrap();
                let Some(subtree) = past.bin.remove(&item.node.id) else { return Some(false) };
                let mut path = format!("/{}", share.name);
                for node in &way[1..] {
                    path = format!("{path}/{}", node.name);
                    model.insert(path.clone(), None);
                }
                for (rest, content) in subtree {
                    model.insert(format!("{path}/{}{rest}", back.name), content);
                }
                Some(true)
            }
            2 => {
                let item = item?;
                let measured = trash::measure(tx, &[item.node.id]).await.unwrap();
                trash::purge(tx, by, share.id, &measured[0], now).await.unwrap();
                for _ in 0..dice.roll(6) {
                    trash::purge_slice(tx, now, Portion::default()).await.unwrap();
                }
                past.forget(at);
                Some(true)
            }
            3 => {
                let top = root.node().unwrap();
                revision::trim(tx, by, top, Which::AllBut(dice.roll(4)), false).await.unwrap();
                past.forget(at);
                Some(true)
            }
            4 => {
                let mark = past.marks.get(&at)?;
                let ways = [How::WHOLE, How::default(), How { deleted: true, ..How::default() }];
                let how = ways[dice.roll(3) as usize];
                let mut change = Change::begin(tx, &root, self.user.id, now);
                roll_back(&mut change, by, &root, mark.at, how, (&[], &[])).await.unwrap();
                past.bin.clear();
                if how != How::WHOLE || !mark.known {
                    return Some(false);
                }
                clear(model, &format!("/{}", share.name));
                model.extend(mark.then.clone());
                past.proved += 1;
                Some(true)
            }
            _ => {
                let mark = past.marks.get(&at).filter(|mark| mark.known)?;
                let name = Name::parse(&format!("Snapshot {}", now.0)).unwrap();
                let id = shares::create(tx, &administrator, &NewShare::team(share.org, &name), now).await.unwrap();
                let new = shares::by_id(tx, id).await.unwrap().unwrap();
                let taken = snapshot::take(tx, by, (share, &new), Some(mark.at), (self.user.id, now)).await.unwrap();
                assert_eq!(taken.items as usize, mark.then.len(), "{:?}", mark.then);
                for (path, content) in &mark.then {
                    let below = RelPath::parse_human(path).unwrap().segments()[1..].to_vec();
                    let found = locate(tx, new.root, &below).await.unwrap();
                    assert_eq!(found.node().map(|node| node.content), Some(*content), "{path}");
                }
                past.proved += 1;
                Some(true)
            }
        }
    }
}

/// `COMMONHOLD_TREE_STEPS` makes the walk longer, `COMMONHOLD_SEED` repeats one.
#[tokio::test]
async fn random_changes_in_two_shares_do_what_a_model_does() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let room = Room::open().await;
    let seed = number("COMMONHOLD_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let mut model = Model::new();
    let mut past = Past::default();
    let begun = Moment::now();
    let steps = number("COMMONHOLD_TREE_STEPS").unwrap_or(900);
    // A short walk may have gone back to nothing that was known: then it goes on.
    for step in 0..10 * steps {
        if step >= steps && past.proved > 0 {
            break;
        }
        let mut tx = room.db.write().await.unwrap();
        let (path, to) = (dice.path(), dice.path());
        let (from_path, to_path) = (RelPath::parse_human(&path).unwrap(), RelPath::parse_human(&to).unwrap());
        let (share, located) = room.at(&mut tx, &from_path).await.unwrap();
        let name = from_path.name().unwrap().clone();
        // A clock of the walk's own, so that no two steps share a moment.
        let (actor, now) = (room.user.id, Moment(begun.0 + 10 * step as i64));
        let ancestors = located.ancestors().to_vec();
        let node: Option<Node> = located.node().cloned();
        assert_eq!(node.as_ref().map(|n| n.content), model.get(&path).copied(), "step {step}: {path}");
        let mut known = true;
        match dice.roll(8) {
            0 if node.is_none() && has_parent(&model, &path) => {
                let permit = room.permit(Operation::Mkcol, &located, None);
                let mut change = Change::begin(&mut tx, &located, actor, now);
                change.create_collection(&permit, &ancestors, &name).await.unwrap();
                model.insert(path, None);
            }
            1 if node.as_ref().is_none_or(|n| n.kind == Kind::File) && has_parent(&model, &path) => {
                let content = fresh(1 + dice.roll(50));
                let operation = if node.is_some() { Operation::PutOver } else { Operation::PutNew };
                let permit = room.permit(operation, &located, None);
                let mut change = Change::begin(&mut tx, &located, actor, now);
                match &node {
                    Some(file) => change.write_file(&permit, file, &ancestors, &content, None, true).await.unwrap(),
                    None => change.create_file(&permit, &ancestors, &name, &content, None).await.unwrap(),
                };
                model.insert(path, Some(content.id));
            }
            2 if node.is_some() && dice.roll(3) == 0 => {
                let permit = room.permit(Operation::Delete, &located, None);
                let mut change = Change::begin(&mut tx, &located, actor, now);
                let node = node.unwrap();
                change.delete(&permit, &node, &ancestors).await.unwrap();
                past.deleted(node.id, &model, &path);
                clear(&mut model, &path);
            }
            3 if node.is_some() => {
                let permit = room.permit(Operation::Proppatch, &located, None);
                let prop = DeadProp {
                    ns: "urn:x".to_owned(),
                    name: format!("p{}", dice.roll(3)),
                    value: step.to_string(),
                    lang: String::new(),
                };
                let gone = Patch::Remove("urn:x".to_owned(), format!("p{}", dice.roll(3)));
                let mut change = Change::begin(&mut tx, &located, actor, now);
                let patches = [Patch::Set(prop), gone];
                assert!(
                    change
                        .patch_props(&permit, &node.unwrap(), &ancestors, &patches, Times::default(), BOUNDS)
                        .await
                        .unwrap()
                );
            }
            way @ (4 | 5) if node.is_some() && has_parent(&model, &to) => {
                if from_path.starts_with(&to_path) || to_path.starts_with(&from_path) {
                    continue;
                }
                let source = node.unwrap();
                let (to_share, at) = room.at(&mut tx, &to_path).await.unwrap();
                let landing = match at.node() {
                    None => Landing::Free,
                    Some(there) if there.kind == Kind::File && source.kind == Kind::File => Landing::Revises,
                    Some(_) => Landing::Replaces,
                };
                let kind = guard::item(&source).kind;
                let same_parent = located.parent().map(|n| n.id) == at.parent().map(|n| n.id);
                let operation = match way {
                    4 => Operation::Copy { source: kind, landing },
                    _ if same_parent => Operation::Rename(landing),
                    _ if share == to_share => Operation::Move(landing),
                    _ => Operation::MoveToShare { source: kind, landing },
                };
                let permit = room.permit(operation, &located, Some(&at));
                let target = Target { at: &at, name: to_path.name().unwrap(), landing };
                let mut copied = None;
                if way == 4 && source.is_collection() && dice.roll(2) == 0 {
                    // As a large one is copied: nothing is open while the slices are written.
                    drop(tx);
                    let by = By { user: actor, at: now, client: String::new() };
                    let order = Order::new(&source, View::default(), &at, by);
                    let mut reads = room.db.read().await.unwrap();
                    let copy = assembly::assemble(&room.db, &mut reads, order).await.unwrap();
                    drop(reads);
                    if dice.roll(4) == 0 {
                        assembly::give_up(&room.db, &copy).await;
                        continue;
                    }
                    copied = Some(copy);
                    tx = room.db.write().await.unwrap();
                }
                let mut change = Change::begin(&mut tx, &at, actor, now);
                let placed = match way {
                    4 if copied.is_some() => {
                        change.attach(&permit, &source, copied.as_ref().unwrap(), &target).await.unwrap()
                    }
                    4 => change.copy(&permit, &source, Some(&Default::default()), &target).await.unwrap(),
                    _ if share == to_share => change.relocate(&permit, &source, &ancestors, &target).await.unwrap(),
                    _ => change.adopt(&permit, &source, (&located, false), &target).await.unwrap(),
                };
                if way == 5 && placed.id != source.id {
                    past.forget(share);
                }
                if share != to_share && way == 5 {
                    past.forget(share);
                    past.forget(to_share);
                }
                if landing == Landing::Replaces {
                    past.deleted(at.node().unwrap().id, &model, &to);
                }
                if share != to_share && way == 5 && landing == Landing::Revises {
                    past.deleted(source.id, &model, &path);
                }
                let moved = below(&model, &path);
                clear(&mut model, &to);
                for (at, content) in moved {
                    model.insert(format!("{to}{}", &at[path.len()..]), content);
                }
                if way == 5 {
                    clear(&mut model, &path);
                }
            }
            6 | 7 => match room.history(&mut tx, &mut dice, (&mut model, &mut past), now).await {
                Some(still) => known = still,
                None => continue,
            },
            _ => continue,
        }
        // Some changes are given up: nothing of them may be left.
        if dice.roll(10) == 0 {
            drop(tx);
            model = room.contents().await;
            past.bin.clear();
        } else {
            tx.commit().await.unwrap();
        }
        if !known {
            model = room.contents().await;
        }
        if step % 40 == 0 {
            assert_eq!(room.contents().await, model, "step {step}");
            for (at, share) in room.shares.iter().enumerate() {
                let then = below(&model, &format!("/{}", share.name)).into_iter().collect();
                past.marks.insert(at, Mark { at: Moment(now.0 + 5), then, known: true });
            }
        }
        if step % 25 == 0 {
            room.consistent().await;
            assert_eq!(room.contents().await, model, "step {step}");
        }
    }
    room.consistent().await;
    assert_eq!(room.contents().await, model);
    assert!(!model.is_empty(), "the run made something");
    assert!(past.proved > 0, "it has gone back to a moment that was known");
    println!("{} roll backs and snapshots", past.proved);
}

#[tokio::test]
async fn a_file_that_a_file_is_moved_onto_keeps_its_identity_and_history() {
    let room = Room::open().await;
    let path = |text: &str| RelPath::parse_human(text).unwrap();
    for (name, size) in [("plan.txt", 10), ("plan.tmp", 20)] {
        let mut tx = room.db.write().await.unwrap();
        let target = path(&format!("/One/{name}"));
        let (_, located) = room.at(&mut tx, &target).await.unwrap();
        let permit = room.permit(Operation::PutNew, &located, None);
        let mut change = Change::begin(&mut tx, &located, room.user.id, Moment::now());
        change.create_file(&permit, located.ancestors(), target.name().unwrap(), &fresh(size), None).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = room.db.write().await.unwrap();
    let (_, from) = room.at(&mut tx, &path("/One/plan.tmp")).await.unwrap();
    let (_, to) = room.at(&mut tx, &path("/One/plan.txt")).await.unwrap();
    let (old, new) = (to.node().unwrap().clone(), from.node().unwrap().clone());
    let permit = room.permit(Operation::Rename(Landing::Revises), &from, Some(&to));
    let name = Name::parse("plan.txt").unwrap();
    let target = Target { at: &to, name: &name, landing: Landing::Revises };
    let mut change = Change::begin(&mut tx, &to, room.user.id, Moment::now());
    change.relocate(&permit, &new, from.ancestors(), &target).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = room.db.write().await.unwrap();
    let (_, after) = room.at(&mut tx, &path("/One/plan.txt")).await.unwrap();
    assert_eq!(after.node().unwrap().id, old.id);
    assert_eq!(after.node().unwrap().content, new.content);
    assert!(room.at(&mut tx, &path("/One/plan.tmp")).await.unwrap().1.node().is_none());
    let user = check::user_of(&mut tx, old.content.unwrap()).await.unwrap().unwrap();
    assert!(user.starts_with("revision"), "the old state is kept: {user}");
    drop(tx);
    room.consistent().await;
}

#[tokio::test]
async fn what_is_overwritten_blindly_of_somebody_elses_is_marked() {
    let room = Room::open().await;
    let path = RelPath::parse_human("/One/plan.txt").unwrap();
    let ben = UserId(room.user.id.0 + 1);
    let save = async |actor, blind| {
        let mut tx = room.db.write().await.unwrap();
        let (_, located) = room.at(&mut tx, &path).await.unwrap();
        let file = located.node().cloned();
        let operation = if file.is_some() { Operation::PutOver } else { Operation::PutNew };
        let permit = room.permit(operation, &located, None);
        let mut change = Change::begin(&mut tx, &located, actor, Moment::now());
        let (content, name) = (fresh(5), path.name().unwrap());
        match &file {
            Some(file) => change.write_file(&permit, file, located.ancestors(), &content, None, blind).await.unwrap(),
            None => change.create_file(&permit, located.ancestors(), name, &content, None).await.unwrap(),
        };
        let (_, located) = room.at(&mut tx, &path).await.unwrap();
        let kept = sql::revisions(tx.conn(), located.node().unwrap().id).await.unwrap();
        tx.commit().await.unwrap();
        kept
    };
    assert_eq!(save(room.user.id, true).await, (0, 0));
    assert_eq!(save(room.user.id, true).await, (1, 0), "one's own state is no collision");
    assert_eq!(save(ben, true).await, (2, 1), "somebody else's is");
    assert_eq!(save(room.user.id, false).await, (3, 1), "who names the state that he changes has seen it");
    room.consistent().await;
}
