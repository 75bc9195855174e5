//! Pages that look at more nodes than they tell of. What is told at all is tested with a real server (`tests/it/sync/`).

use commonhold_acl::{Landing, Operation};

use super::page::NODES_MAX;
use super::*;
use crate::clock::Moment;
use crate::ids::NodeId;
use crate::path::Name;
use crate::tree::change::Change;
use crate::tree::tests::Room;
use crate::tree::transfer::Target;
use crate::tree::{Located, Node, locate};

/// More folders in one than a page looks at, of which somebody sees the last one.
struct Followed {
    room: Room,
    many: NodeId,
    view: View,
}

impl Followed {
    async fn new() -> Self {
        let room = Room::open().await;
        let mut tx = room.db.write().await.unwrap();
        let at = locate(&mut tx, room.shares[0].root, &[name("many")]).await.unwrap();
        let mut change = Change::begin(&mut tx, &at, room.user.id, Moment::now());
        let many = change.add_collection(at.ancestors(), &name("many")).await.unwrap();
        let chain: Vec<Node> = at.ancestors().iter().cloned().chain([many.clone()]).collect();
        let mut last = many.id;
        for number in 0..NODES_MAX + 20 {
            last = change.add_collection(&chain, &name(&format!("folder {number}"))).await.unwrap().id;
        }
        tx.commit().await.unwrap();
        let view = View { also: vec![many.id, last], ..View::nothing() };
        Self { room, many: many.id, view }
    }

    async fn at(&self, tx: &mut impl Reads, names: &[&str]) -> Located {
        let names: Vec<Name> = names.iter().map(|of| name(of)).collect();
        locate(tx, self.room.shares[0].root, &names).await.unwrap()
    }

    /// What is told on each page from there on: names that are gone, and the last names of what is there.
    async fn pages(&self, mut progress: Progress, mut views: Vec<View>) -> Vec<[Vec<String>; 2]> {
        let mut tx = self.room.db.read().await.unwrap();
        let root = self.at(&mut tx, &[]).await;
        let mut told = Vec::new();
        loop {
            let ask = Ask {
                share: self.room.shares[0].id,
                way: root.chain(),
                deep: true,
                limit: NODES_MAX,
                progress: &progress,
                views: &views,
                now: (&self.view, view_id(&self.view)),
                sweeps_litter: false,
            };
            let page = page(&mut tx, &ask).await.unwrap().unwrap();
            let gone = page.gone.iter().map(|gone| gone.names.join("/")).collect();
            let here = page.here.iter().filter_map(|chain| chain.last()).map(|node| node.name.clone()).collect();
            told.push([gone, here]);
            if !page.more {
                return told;
            }
            progress = page.next;
            if progress.views.len() > views.len() {
                views.push(self.view.clone());
            }
        }
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn told(pages: [[&[&str]; 2]; 2]) -> Vec<[Vec<String>; 2]> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    pages.into_iter().map(|page| page.map(owned)).collect()
}

#[tokio::test]
async fn whoever_sees_little_of_much_is_told_it_in_pages() {
    let followed = Followed::new().await;
    let last = format!("folder {}", NODES_MAX + 19);
    let room = &followed.room;
    // All that is seen is new to whoever has seen nothing.
    let seq = sequence(&mut room.db.read().await.unwrap(), room.shares[0].id).await.unwrap();
    let pages = followed.pages(Progress::at(seq, ViewId::NOTHING), vec![View::nothing()]).await;
    assert_eq!(pages, told([[&[], &["many"]], [&[], &[&last]]]));

    // And all of it has come when the folder above has another name.
    let mut tx = room.db.write().await.unwrap();
    let (from, to) = (followed.at(&mut tx, &["many"]).await, followed.at(&mut tx, &["moved"]).await);
    let permit = room.permit(Operation::Rename(Landing::Free), &from, Some(&to));
    let target = Target { at: &to, name: &name("moved"), landing: Landing::Free };
    let mut change = Change::begin(&mut tx, &to, room.user.id, Moment::now());
    let placed = change.relocate(&permit, from.node().unwrap(), from.ancestors(), &target).await.unwrap();
    assert_eq!(placed.id, followed.many);
    tx.commit().await.unwrap();
    let progress = Progress::at(seq, view_id(&followed.view));
    let pages = followed.pages(progress, vec![followed.view.clone()]).await;
    assert_eq!(pages, told([[&["many"], &["moved"]], [&[], &[&last]]]));
}
