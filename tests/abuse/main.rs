//! What a WebDAV server must survive: each row does to it what has destroyed data, or a server, somewhere, and looks at what is left.
//!
//! A program of its own, which knows nothing of the server but its URL. Without arguments it starts our own and runs every row against it;
//! `ABUSE_PASSWORD=... cargo test --test abuse -- http://127.0.0.1:8080/dav/Projects ana` runs them against any. The folder must be
//! empty and expendable: servers lose it. Exit 0: nothing was lost. What others did: docs/abuse.md.

mod row;
mod rows;
// What the conversations speak HTTP with; they use more of it.
#[allow(dead_code, unused_imports)]
#[path = "../it/site/mod.rs"]
mod site;
mod target;

use std::process::ExitCode;

use row::{Outcome, Row};
use site::Site;
use target::{Login, Target};

fn main() -> ExitCode {
    let (options, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    match words.first().map(String::as_str) {
        // What asks every program for its tests.
        None if options.iter().any(|option| option == "--list") => ExitCode::SUCCESS,
        None => ours(),
        Some(url) if url.starts_with("http://") => others(url, words.get(1).map(String::as_str)),
        Some(url) if url.contains("://") => {
            eprintln!("abuse: `{url}` doesn't begin with http://, which is all that is spoken here");
            ExitCode::FAILURE
        }
        // `cargo test NAME` gives it every program: there is no test of that name here.
        Some(name) => {
            println!("abuse: no row was run: `{name}` is no URL");
            ExitCode::SUCCESS
        }
    }
}

fn ours() -> ExitCode {
    let site = Site::start();
    let [ana, ben] = site.team("Abuse", [("ana", "co-owner"), ("ben", "editor")]);
    let login = |client: &site::Client| Login { name: client.name.clone(), secret: client.secret.clone() };
    let target = Target::new(&format!("http://{}/dav/Abuse", ana.host()), Some(login(&ana)), Some(login(&ben)));
    let passed = run(&target, Outcome::is_right);
    site.is_consistent();
    passed
}

fn others(url: &str, name: Option<&str>) -> ExitCode {
    let secret = |name: &str| std::env::var(name).ok();
    let login = name.map(|name| Login { name: name.to_owned(), secret: secret("ABUSE_PASSWORD").unwrap_or_default() });
    let other = secret("ABUSE_OTHER").and_then(|other| {
        let (name, secret) = other.split_once(':')?;
        Some(Login { name: name.to_owned(), secret: secret.to_owned() })
    });
    run(&Target::new(url, login, other), |outcome| !outcome.is_loss())
}

/// Runs every row and tells each; success if all of them are good enough.
fn run(target: &Target, is_good: fn(&Outcome) -> bool) -> ExitCode {
    let status = target.put("first.txt", "first");
    if target.bytes("first.txt").as_deref() != Some(b"first") {
        eprintln!("abuse: a file that is put there can't be read ({status}): nothing can be tried");
        return ExitCode::FAILURE;
    }
    let mut bad = 0;
    let waiting = rows::half_a_head(target);
    for Row { name, attack } in rows::ROWS {
        let outcome = attack(target);
        println!("{:<5} {name}: {}", outcome.word(), outcome.detail());
        bad += usize::from(!is_good(&outcome));
        if !target.is_alive() {
            println!("DEAD  {name}: the server answers no more");
            return ExitCode::FAILURE;
        }
    }
    let outcome = waiting.join().expect("it ends by itself");
    println!("{:<5} half a request head: {}", outcome.word(), outcome.detail());
    bad += usize::from(!is_good(&outcome));
    println!("abuse: {} of {} rows passed", rows::ROWS.len() + 1 - bad, rows::ROWS.len() + 1);
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
