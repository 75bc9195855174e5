//! `--dry-run`: who would gain and lose what by a change, on how many items, with which open locks.

use commonhold_acl::Permissions;
use serde::Serialize;

use crate::cli::output::{Answer, Failure};
use crate::cli::place::path_of;
use crate::clock::Moment;
use crate::db::Reads;
use crate::guard;
use crate::locks;
use crate::tree::{self, Node};

/// What a change would do.
#[derive(Default, Serialize)]
pub(super) struct Outlook {
    gains: Vec<Shift>,
    loses: Vec<Shift>,
}

/// What somebody would gain or lose.
#[derive(Serialize)]
struct Shift {
    user: String,
    permissions: Vec<&'static str>,
    /// Files and folders for which anything changes.
    items: u64,
    /// Open locks that he holds there.
    locks: Vec<Held>,
}

#[derive(Serialize)]
struct Held {
    path: String,
    kind: &'static str,
    until: Option<String>,
}

impl Outlook {
    /// Adds what a change does at and below a node.
    pub(super) async fn add(
        &mut self,
        tx: &mut impl Reads,
        node: &Node,
        effects: Vec<guard::Effect>,
        now: Moment,
    ) -> Result<(), Failure> {
        let chain = tree::chain_of(tx, node.id).await?;
        let mut locks = locks::covering(tx, &chain, now).await?;
        locks.retain(|lock| lock.node == node.id);
        locks.extend(locks::below(tx, node, now).await?);
        for effect in effects {
            let names = |permissions: Permissions| permissions.iter().map(|one| one.name()).collect();
            let shift = |permissions| Shift {
                user: effect.name.clone(),
                permissions: names(permissions),
                items: effect.items,
                locks: Vec::new(),
            };
            if !effect.gains.is_empty() {
                self.gains.push(shift(effect.gains));
            }
            if !effect.loses.is_empty() {
                let mut held = Vec::new();
                for lock in locks.iter().filter(|lock| lock.holder == effect.user) {
                    let chain = tree::chain_of(tx, lock.node).await?;
                    let until = lock.ends().map(Moment::rfc3339);
                    held.push(Held { path: path_of(tx, &chain).await?, kind: lock.kind.name(), until });
                }
                self.loses.push(Shift { locks: held, ..shift(effect.loses) });
            }
        }
        Ok(())
    }

    /// For people, or as JSON.
    pub(super) fn told(&self, json: bool) -> Answer {
        if json {
            return Answer::json(self);
        }
        if self.gains.is_empty() && self.loses.is_empty() {
            return Answer::said("nobody would gain or lose anything");
        }
        let line = |verb: &str, shift: &Shift| {
            let items = match shift.items {
                1 => "1 item".to_owned(),
                many => format!("{many} items"),
            };
            let mut line = format!("{} would {verb} {} on {items}", shift.user, shift.permissions.join(", "));
            for lock in &shift.locks {
                line += &format!("; holds a lock of kind {} on `{}`", lock.kind, lock.path);
                if let Some(until) = &lock.until {
                    line += &format!(" until {until}");
                }
            }
            line
        };
        let gains = self.gains.iter().map(|shift| line("gain", shift));
        let loses = self.loses.iter().map(|shift| line("lose", shift));
        Answer::said(gains.chain(loses).collect::<Vec<_>>().join("\n"))
    }
}
