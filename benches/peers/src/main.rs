//! `bench-peers`: the same work on Commonhold, nginx and Apache, in one run and in turns, so that a machine's mood of the moment
//! falls on all of them. `../README.md` says what each row means.

mod http;
mod process;
mod report;
mod server;
mod works;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use http::Result;
use report::Row;
use server::{Kind, Server};
use works::{Data, Sizes, Work};

const USAGE: &str = "\
Runs the same WebDAV work on Commonhold, nginx and Apache and compares.

usage: bench-peers [OPTIONS]
  --server PATH    this project's server [target/release/commonhold]
  --quick          small sizes and one round: does it work?
  --rounds N       rounds over all servers; the median counts [3]
  --only NAME      only this work (may be repeated); --list names them
  --relaxed        this project's server leaves syncing to the system: shows what the syncs cost
  --alone          without nginx and Apache
  --dir DIR        where the servers' data lies [the system's folder for temporary files]
  --json FILE      also write every sample
  --list           name the works
";

struct Options {
    server: PathBuf,
    quick: bool,
    rounds: Option<u32>,
    only: Vec<String>,
    relaxed: bool,
    alone: bool,
    dir: PathBuf,
    json: Option<PathBuf>,
    list: bool,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprint!("{wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        server: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/commonhold"),
        quick: false,
        rounds: None,
        only: Vec::new(),
        relaxed: false,
        alone: false,
        dir: std::env::temp_dir(),
        json: None,
        list: false,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
        match argument.as_str() {
            "--server" => options.server = value()?.into(),
            "--quick" => options.quick = true,
            "--rounds" => options.rounds = Some(value()?.parse()?),
            "--only" => options.only.push(value()?),
            "--relaxed" => options.relaxed = true,
            "--alone" => options.alone = true,
            "--dir" => options.dir = value()?.into(),
            "--json" => options.json = Some(value()?.into()),
            "--list" => options.list = true,
            "--help" => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            _ => return Err(format!("unknown option `{argument}`").into()),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<()> {
    let sizes = if options.quick {
        Sizes { members: 1_000, many_members: 5_000, large_bytes: 64 << 20, rate_time: Duration::from_secs(1) }
    } else {
        Sizes { members: 10_000, many_members: 100_000, large_bytes: 1 << 30, rate_time: Duration::from_secs(5) }
    };
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 3 });
    let mut works = works::all(&sizes);
    if options.list {
        for work in &works {
            println!("{:<16} {}", work.name, work.title);
        }
        return Ok(());
    }
    for name in &options.only {
        if !works.iter().any(|work| work.name == name) {
            return Err(format!("no work is called `{name}`; --list names them").into());
        }
    }
    if !options.only.is_empty() {
        works.retain(|work| options.only.iter().any(|name| name == work.name));
    }

    let folder = Folder::create(&options.dir)?;
    let kinds: &[Kind] =
        if options.alone { &[Kind::Commonhold] } else { &[Kind::Commonhold, Kind::Nginx, Kind::Apache] };
    let servers = kinds
        .iter()
        .map(|&kind| Server::start(kind, &folder.0.join(kind.name()), (&options.server, options.relaxed)))
        .collect::<Result<Vec<Server>>>()?;

    let machine = machine();
    println!("{machine}, {rounds} rounds\n");
    for server in &servers {
        println!("- {}: {}", server.kind.name(), server.version);
    }
    println!();

    prepare(&servers, &works, &sizes)?;
    let rows = measure(&servers, &works, &sizes, rounds)?;
    println!("{}", report::markdown(&servers, &rows));
    if let Some(path) = &options.json {
        fs::write(path, report::json(&machine, &servers, &rows))?;
    }
    Ok(())
}

/// Puts what the works need on every server, once.
fn prepare(servers: &[Server], works: &[Work], sizes: &Sizes) -> Result<()> {
    let mut done: Vec<Data> = Vec::new();
    for work in works {
        if done.contains(&work.data) {
            continue;
        }
        done.push(work.data);
        for server in servers {
            eprintln!("preparing for {} on {}", work.name, server.kind.name());
            works::prepare(server, work.data, sizes).map_err(|error| context(server, work, &error))?;
        }
    }
    Ok(())
}

/// All works on all servers in turns; each round begins with another server.
fn measure<'a>(servers: &[Server], works: &'a [Work], sizes: &Sizes, rounds: u32) -> Result<Vec<Row<'a>>> {
    let mut rows: Vec<Row> = works.iter().map(|work| Row { work, samples: vec![Vec::new(); servers.len()] }).collect();
    for round in 0..rounds {
        for row in &mut rows {
            for turn in 0..servers.len() {
                let index = (turn + round as usize) % servers.len();
                let server = &servers[index];
                if row.work.lockers > server.lockers_max {
                    continue;
                }
                eprintln!("round {}: {} on {}", round + 1, row.work.name, server.kind.name());
                let sample = (row.work.run)(server, sizes, round).map_err(|error| context(server, row.work, &error))?;
                row.samples[index].push(sample);
            }
        }
    }
    Ok(rows)
}

fn context(server: &Server, work: &Work, error: &dyn std::fmt::Display) -> String {
    format!("{} on {}: {error}", work.name, server.kind.name())
}

/// What ran this: processors and kernel.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{count} x {model}, Linux {}", kernel.trim())
}

/// A folder of this run, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn create(parent: &Path) -> Result<Folder> {
        let path = fs::canonicalize(parent)?.join(format!("bench-peers-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed lies in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
