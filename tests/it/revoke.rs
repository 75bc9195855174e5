//! A right that was taken away is gone from the next request on, whatever way it was taken and how many requests are under
//! way: requests that begin after the revocation has been acknowledged never succeed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::site::{Client, Depth, Site};

/// Requests begun after a revocation.
const REQUESTS: u64 = 10_000;
/// People at work at the same time, each on a connection of his own.
const CONNECTIONS: usize = 6;

const FILE: &str = "/Projects/plans/a.txt";

#[test]
fn of_ten_thousand_requests_begun_after_a_revocation_none_is_allowed() {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    let ben = site.user("ben");
    ana.mkcol("/Projects/plans").status(201);
    ana.mkcol("/Projects/closed").status(201);
    ana.put(FILE, "a").status(201);
    for words in [
        &["group", "add", "Sales"][..],
        &["group", "member", "add", "Sales", "--user", "ben"],
        &["grant", "add", "/Projects/plans", "--group", "Sales", "--role", "editor"],
        // Nothing is seen through this folder, so moving `plans` there takes it away too.
        &["grant", "inherit", "/Projects/closed", "off"],
        &["grant", "add", "/Projects/closed", "--user", "ana", "--role", "co-owner"],
    ] {
        site.cli(words).ok();
    }
    ben.get(FILE).status(200);

    let cli = |words: &'static [&'static str]| move |site: &Site, _: &Client| drop(site.cli(words).ok());
    type Deed = Box<dyn Fn(&Site, &Client)>;
    let ways: Vec<(Deed, Deed)> = vec![
        (
            Box::new(cli(&["grant", "remove", "/Projects/plans", "--group", "Sales"])),
            Box::new(cli(&["grant", "add", "/Projects/plans", "--group", "Sales", "--role", "editor"])),
        ),
        (
            Box::new(cli(&[
                "grant",
                "add",
                FILE,
                "--user",
                "ben",
                "--deny",
                "read,write,list,view,sync,print,delete,web-edit,share",
            ])),
            Box::new(cli(&["grant", "remove", FILE, "--user", "ben"])),
        ),
        (
            Box::new(cli(&["group", "member", "remove", "Sales", "--user", "ben"])),
            Box::new(cli(&["group", "member", "add", "Sales", "--user", "ben"])),
        ),
        (Box::new(cli(&["grant", "inherit", FILE, "off"])), Box::new(cli(&["grant", "inherit", FILE, "on"]))),
        (
            Box::new(|_, ana| drop(ana.rename("/Projects/plans", "/Projects/closed/plans").status(201))),
            Box::new(|_, ana| drop(ana.rename("/Projects/closed/plans", "/Projects/plans").status(201))),
        ),
        (Box::new(cli(&["user", "disable", "ben"])), Box::new(cli(&["user", "enable", "ben"]))),
        (Box::new(cli(&["share", "deactivate", "Projects"])), Box::new(cli(&["share", "activate", "Projects"]))),
    ];

    // Odd: revoked, and acknowledged.
    let epoch = AtomicU64::new(0);
    let judged = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let allowed = thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|n| {
                let (who, epoch, judged, over) = (ben.clone(), &epoch, &judged, &over);
                scope.spawn(move || {
                    let (mut allowed, mut turn) = (Vec::new(), n);
                    while !over.load(Ordering::Acquire) {
                        turn += 1;
                        let begun = epoch.load(Ordering::Acquire);
                        let reply = match turn % 4 {
                            0 => who.list("/Projects/plans", Depth::One),
                            1 => who.put(FILE, "b"),
                            _ => who.get(FILE),
                        };
                        if begun % 2 == 1 && epoch.load(Ordering::Acquire) == begun {
                            judged.fetch_add(1, Ordering::AcqRel);
                            // The folder may be seen still when only the file was taken.
                            let sees_folder = reply.answer.status == 207 && !reply.text().contains("a.txt");
                            if reply.answer.status < 400 && !sees_folder {
                                allowed.push(reply.told());
                            }
                        }
                    }
                    allowed
                })
            })
            .collect();
        let rounds = 2 * ways.len() as u64;
        for round in 0..rounds {
            let (revoke, restore) = &ways[round as usize % ways.len()];
            revoke(&site, &ana);
            epoch.fetch_add(1, Ordering::AcqRel);
            let enough = (round + 1) * REQUESTS / rounds;
            while judged.load(Ordering::Acquire) < enough {
                thread::yield_now();
            }
            epoch.fetch_add(1, Ordering::AcqRel);
            restore(&site, &ana);
        }
        over.store(true, Ordering::Release);
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect::<Vec<_>>()
    });
    assert!(judged.into_inner() >= REQUESTS);
    assert!(allowed.is_empty(), "{} were allowed:\n{}", allowed.len(), allowed.join("\n"));
    ben.get(FILE).status(200);
    site.is_consistent();
}
