//! The history under `kill -9`: any sequence of changes, restores, trims, purges, roll backs, snapshots and copies in slices, with kills between and in
//! the middle of them, leaves the tree of a model, and a site in which `verify` finds nothing and every quota is right to the byte.
//!
//! Each writer has a share of its own and asks the server for changes and the command line for the history, as people do. `COMMONHOLD_HISTORY_STEPS`
//! says how many operations, `COMMONHOLD_HISTORY_BETWEEN_KILLS` how many at most between two kills, `COMMONHOLD_SEED` repeats the choices of a run (not the moments of its kills).

use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::history::between;
use crate::model::{Change, Node, read_tree};
use crate::site::{Client, Rng, Site, rng::number_from_env};

/// Nearly every copy of a folder goes in slices, and contents go as soon as nothing names them.
const SETTINGS: &str = "[dav]\ncopy_at_once_max = 3\n[storage]\ngc_grace_h = 0\n";
const WRITERS: usize = 3;
/// Of so many operations one is a command about the history.
const HISTORY_ONCE_IN: usize = 25;
/// Shares that are never removed make everything slower.
const SNAPSHOTS_MAX: usize = 4;
/// So many of each kill's rounds are looked at by `verify`; the last one always is.
const VERIFIED_ONCE_IN: u64 = 4;
const NAMES: &[&str] = &["a", "b", "c", "d", "e"];

#[test]
fn the_history_survives_kills_between_and_in_the_middle_of_its_operations() {
    let steps = number_from_env("COMMONHOLD_HISTORY_STEPS").unwrap_or(1_500) as usize;
    let between = number_from_env("COMMONHOLD_HISTORY_BETWEEN_KILLS").unwrap_or(150) as usize;
    let mut site = Site::start_with(SETTINGS);
    let ana = site.user("ana");
    let mut random = Rng::seeded();
    let mut writers: Vec<Writer> = (0..WRITERS).map(|number| Writer::new(&site, &ana, number)).collect();
    let done = Arc::new(AtomicUsize::new(0));
    let mut rounds = 0;
    while done.load(Ordering::Acquire) < steps {
        rounds += 1;
        let killed_after = 1 + random.below(between);
        let (tell, told) = channel();
        let running: Vec<Running> = writers.iter().map(|writer| Arc::clone(&writer.running)).collect();
        let threads: Vec<_> = writers
            .drain(..)
            .map(|writer| {
                let (tell, seed, site) = (tell.clone(), random.draw(), Commands::of(&site));
                thread::spawn(move || writer.until_cut_off(&site, Rng::new(seed), &tell))
            })
            .collect();
        drop(tell);
        let mut acknowledged = told.iter().take(killed_after).count();
        site.kill9();
        for command in running {
            if let Some(child) = command.lock().expect("nobody panics with it").as_mut() {
                // It may be through already.
                let _ = child.kill();
            }
        }
        acknowledged += told.iter().count();
        writers = threads.into_iter().map(|thread| thread.join().expect("a writer ends with the server")).collect();
        done.fetch_add(acknowledged, Ordering::AcqRel);
        // A copy that was broken off is purged when its lease is over: now.
        site.sql("update site set value = value; update detached set not_before = 0");
        site.restart();
        for writer in &mut writers {
            writer.look(&ana, rounds);
        }
        if rounds % VERIFIED_ONCE_IN == 0 {
            for job in ["purge", "gc"] {
                site.cli(&["job", "run", job]).ok();
            }
            site.is_consistent();
        }
        if rounds % 50 == 0 {
            println!("{} operations in {rounds} rounds", done.load(Ordering::Acquire));
        }
    }
    site.is_consistent();
    let sums = |of: fn(&Writer) -> usize| writers.iter().map(of).sum::<usize>();
    println!(
        "{} operations, {} of them of the history, {} roll backs and snapshots of a known moment; {rounds} kills, {} in the middle of a command",
        done.load(Ordering::Acquire),
        sums(|writer| writer.commands),
        sums(|writer| writer.proved),
        sums(|writer| writer.cut_commands),
    );
    assert!(sums(|writer| writer.commands) > 0 && sums(|writer| writer.proved) > 0, "the history was used");
}

/// The command that a writer is waiting for.
type Running = Arc<Mutex<Option<Child>>>;

/// How commands are started, without the site, which the kills have.
struct Commands {
    program: std::ffi::OsString,
    args: Vec<std::ffi::OsString>,
    envs: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    folder: std::path::PathBuf,
}

/// What has become of a command.
enum Ended {
    Done,
    /// It says why it can't: nothing is changed.
    Refused,
    Killed,
}

impl Commands {
    fn of(site: &Site) -> Self {
        let command = site.command(&[]);
        Self {
            program: command.get_program().to_owned(),
            args: command.get_args().map(ToOwned::to_owned).collect(),
            envs: command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect(),
            folder: site.folder().to_owned(),
        }
    }

    fn run(&self, words: &[&str], running: &Running) -> Ended {
        let mut command = std::process::Command::new(&self.program);
        command.args(words).args(&self.args).envs(self.envs.iter().cloned()).current_dir(&self.folder);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be run");
        let (mut stdout, mut stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        *running.lock().expect("nobody panics with it") = Some(child);
        let (mut said, mut why) = (String::new(), String::new());
        // They end when it does; only then is it waited for, so that it can be killed meanwhile.
        stdout.read_to_string(&mut said).expect("it speaks UTF-8");
        stderr.read_to_string(&mut why).expect("it speaks UTF-8");
        let mut child = running.lock().expect("nobody panics with it").take().expect("it was put there");
        match child.wait().expect("it is ours").code() {
            Some(0) => Ended::Done,
            Some(1) => Ended::Refused,
            None => Ended::Killed,
            Some(code) => panic!("{words:?} ended with {code}: {said}{why}"),
        }
    }
}

/// Whoever changes one share, and what he knows of it.
struct Writer {
    share: String,
    client: Client,
    running: Running,
    tree: Node,
    /// What it may be as well, because the last operation was cut off; `unknown`: anything.
    or: Option<Node>,
    unknown: bool,
    last: String,
    /// A moment, and what the share was then, as long as that can be had back.
    mark: Option<(String, Node)>,
    /// Snapshots that were made, and what is in each for ever.
    snapshots: Vec<(String, Node)>,
    /// One that was cut off, and what is in it if it is there.
    cut_snapshot: Option<(String, Node)>,
    /// How many were begun: none of the names is taken again.
    snapshots_begun: usize,
    commands: usize,
    cut_commands: usize,
    /// Roll backs and snapshots of a known moment that came to their end.
    proved: usize,
}

impl Writer {
    fn new(site: &Site, ana: &Client, number: usize) -> Self {
        let share = format!("W{number}");
        site.cli(&["share", "add", &share, "--owner", "ana"]).ok();
        Self {
            share,
            client: ana.clone(),
            running: Arc::default(),
            tree: Node::empty_folder(),
            or: None,
            unknown: false,
            last: String::new(),
            mark: None,
            snapshots: Vec::new(),
            cut_snapshot: None,
            snapshots_begun: 0,
            commands: 0,
            cut_commands: 0,
            proved: 0,
        }
    }

    fn root(&self) -> String {
        format!("/{}", self.share)
    }

    /// Goes on until something gets no answer.
    fn until_cut_off(mut self, commands: &Commands, mut random: Rng, tell: &Sender<()>) -> Self {
        loop {
            let goes_on = if random.once_in(HISTORY_ONCE_IN) {
                self.history(commands, &mut random)
            } else {
                self.change(&mut random)
            };
            if !goes_on {
                return self;
            }
            // Once the server is killed nobody counts any more.
            let _ = tell.send(());
        }
    }

    /// Something through the drive. Gives whether it was answered.
    fn change(&mut self, random: &mut Rng) -> bool {
        if self.mark.is_none() && random.once_in(4) {
            self.mark = Some((between(), self.tree.clone()));
        }
        let change = random_change(random);
        let mut after = self.tree.clone();
        let expected = change.apply(&mut after);
        self.last = format!("{change:?}").chars().take(200).collect();
        if let Change::Move { .. } = change {
            // A file that comes onto another, or where one lay a moment ago, becomes a state of that one: then the moment can't be had back.
            self.mark = None;
        }
        match change.send(&self.client, &self.root()) {
            Ok(reply) => {
                assert!(expected.contains(&reply.answer.status), "{expected:?} expected: {}", reply.told());
                self.tree = after;
                true
            }
            Err(_) => {
                self.or = Some(after);
                false
            }
        }
    }

    /// Something of the history. Gives whether it came to its end.
    fn history(&mut self, commands: &Commands, random: &mut Rng) -> bool {
        self.commands += 1;
        let root = self.root();
        match random.below(8) {
            0 | 1 if self.mark.is_some() => {
                let (moment, then) = self.mark.clone().expect("there is one");
                let ended = self.command(commands, &["rollback", &root, "--to", &moment, "--whole"], Some(then));
                self.proved += usize::from(ended == Some(true));
                ended.is_some()
            }
            2 | 3 if self.mark.is_some() && self.snapshots_begun < SNAPSHOTS_MAX => {
                let (moment, then) = self.mark.clone().expect("there is one");
                self.snapshots_begun += 1;
                let name = format!("{} {}", self.share, self.snapshots_begun);
                let line = ["snapshot", &self.share.clone(), &name, "--owner", "ana", "--at", &moment];
                let ended = self.command(commands, &line, Some(self.tree.clone()));
                match ended {
                    Some(true) => {
                        self.proved += 1;
                        self.snapshots.push((name, then));
                    }
                    Some(false) => {}
                    None => self.cut_snapshot = Some((name, then)),
                }
                ended.is_some()
            }
            4 => {
                let moment = self.mark.as_ref().map_or_else(between, |(moment, _)| moment.clone());
                self.command(commands, &["rollback", &root, "--to", &moment, "--deleted"], None).is_some()
            }
            5 => {
                let file = format!("{root}/{}", random.pick(NAMES));
                self.command(commands, &["trash", "restore", &file], None).is_some()
            }
            6 => {
                self.mark = None;
                self.command(commands, &["trash", "purge", &root, "--all"], Some(self.tree.clone())).is_some()
            }
            _ => {
                self.mark = None;
                self.command(commands, &["revision", "trim", &root, "--keep", "1"], Some(self.tree.clone())).is_some()
            }
        }
    }

    /// A command, after which the share is `then`, or nobody knows. Gives whether it was done rather than refused; nothing if it was cut off.
    fn command(&mut self, commands: &Commands, words: &[&str], then: Option<Node>) -> Option<bool> {
        self.last = words.join(" ");
        let done = match commands.run(words, &self.running) {
            Ended::Done => {
                match then {
                    Some(then) => self.tree = then,
                    None => self.unknown = true,
                }
                true
            }
            Ended::Refused => false,
            Ended::Killed => {
                self.cut_commands += 1;
                self.unknown = then.is_none();
                self.or = then;
                return None;
            }
        };
        if self.unknown {
            (self.tree, self.unknown) = (crate::model::try_read_tree(&self.client, &self.root()).ok()?, false);
        }
        Some(done)
    }

    /// The server is there again: is everything as it must be?
    fn look(&mut self, ana: &Client, round: u64) {
        let found = read_tree(ana, &self.root());
        let right = self.unknown || found == self.tree || self.or.as_ref() == Some(&found);
        assert!(right, "round {round}, `{}`: neither before nor after {}", self.share, self.last);
        (self.tree, self.or, self.unknown) = (found, None, false);
        if let Some((name, then)) = self.cut_snapshot.take()
            && ana.ask("PROPFIND", &format!("/{name}")).with("Depth", "0").send().answer.status == 207
        {
            self.snapshots.push((name, then));
        }
        for (name, then) in &self.snapshots {
            assert_eq!(&read_tree(ana, &format!("/{name}")), then, "round {round}: the snapshot `{name}`");
        }
    }
}

/// Small contents lie in the database, large ones in files.
fn random_change(random: &mut Rng) -> Change {
    let at = |random: &mut Rng| {
        let name = random.pick(NAMES).to_owned();
        if random.once_in(2) { vec![name] } else { vec![random.pick(&["folder", "copy"]).to_owned(), name] }
    };
    let folder = |random: &mut Rng| vec![random.pick(&["folder", "copy", "other"]).to_owned()];
    match random.below(20) {
        0..=7 => Change::Put(at(random), random.bytes(200)),
        8 => Change::Put(at(random), random.bytes(40 * 1024)),
        9..=10 => Change::Mkcol(folder(random)),
        11..=14 => Change::Copy { from: folder(random), to: folder(random), overwrite: true, whole: true },
        15 => Change::Copy { from: at(random), to: at(random), overwrite: random.once_in(2), whole: true },
        16 => Change::Move { from: at(random), to: at(random), overwrite: true },
        17..=18 => Change::Delete(at(random)),
        _ => Change::Delete(folder(random)),
    }
}
