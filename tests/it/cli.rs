//! The command line beside a running server: exit statuses, lists as JSON, help, and where passwords may stand.

use std::fs;

use crate::site::{Client, Depth, Nodes, Ran, Server, Site, command, is_elsewhere};

#[test]
fn wrong_usage_exits_2_and_what_cannot_be_exits_1() {
    let (site, _ana) = share();
    let wrong: &[&[&str]] = &[
        &["frobnicate"],
        &["user"],
        &["user", "add"],
        &["user", "add", "zoe", "--nonsense"],
        &["share", "subscribe", "Projects"],
        &["share", "subscribe", "Projects", "--user", "ana", "--group", "Sales"],
        &["share", "subscribe", "Projects", "--user", "ana", "--role"],
        &["explain", "ana"],
    ];
    for args in wrong {
        let ran = site.cli(args).exits(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran:#?}");
    }
    let cannot: &[&[&str]] = &[
        &["user", "add", "ana"],
        &["user", "add", "a:b"],
        &["user", "disable", "nobody"],
        &["user", "app-password", "nobody", "--label", "x"],
        &["share", "add", "Projects"],
        &["share", "add", "projects"],
        &["share", "add", "a/b"],
        &["share", "show", "Nothing"],
        &["share", "subscribe", "Nothing", "--user", "ana"],
        &["share", "subscribe", "Projects", "--user", "nobody"],
        &["share", "subscribe", "Projects", "--group", "Nobodies"],
        &["share", "subscribe", "Projects", "--user", "ana", "--role", "emperor"],
        &["share", "unsubscribe", "Projects", "--user", "root"],
        &["group", "member", "add", "Nobodies", "--user", "ana"],
        &["explain", "nobody", "/Projects"],
        &["init", "--org", "Acme", "--admin", "root"],
    ];
    for args in cannot {
        site.cli(args).says_why_not();
    }
}

#[test]
fn a_guest_cannot_subscribe() {
    let (site, _ana) = share();
    site.cli_with_input(&["user", "add", "gus", "--guest", "--password-stdin"], "a guest has a password too\n").ok();
    site.cli(&["share", "subscribe", "Projects", "--user", "gus", "--role", "viewer"]).says_why_not();
}

#[test]
fn the_last_co_owner_stays() {
    let (site, _ana) = share();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "co-owner"]).ok();
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ana"]).ok();
    site.cli(&["share", "unsubscribe", "Projects", "--user", "ben"]).says_why_not();
    site.cli(&["share", "subscribe", "Projects", "--user", "ben", "--role", "viewer"]).says_why_not();
    site.cli(&["explain", "ben", "/Projects", "owner"]).exits(0);
}

#[test]
fn groups_cannot_contain_themselves() {
    let (site, _ana) = share();
    for group in ["A", "B", "C"] {
        site.cli(&["group", "add", group]).ok();
    }
    site.cli(&["group", "member", "add", "A", "--group", "B"]).ok();
    site.cli(&["group", "member", "add", "B", "--group", "C"]).ok();
    site.cli(&["group", "member", "add", "A", "--group", "A"]).says_why_not();
    site.cli(&["group", "member", "add", "C", "--group", "A"]).says_why_not();
}

#[test]
fn explain_tells_the_reason_and_exits_0_or_3() {
    let (site, ana) = share();
    ana.put("/Projects/plan.txt", "x").status(201);
    let allowed = site.cli(&["explain", "ana", "/Projects/plan.txt", "delete"]).exits(0);
    assert!(allowed.stdout.contains("ana") && allowed.stdout.contains("co-owner"), "{allowed:#?}");
    let denied = site.cli(&["explain", "ben", "/Projects/plan.txt", "read"]).exits(3);
    assert!(denied.stdout.contains("ben"), "{denied:#?}");
    site.cli(&["group", "add", "Sales"]).ok();
    site.cli(&["group", "member", "add", "Sales", "--user", "ben"]).ok();
    site.cli(&["share", "subscribe", "Projects", "--group", "Sales", "--role", "previewer"]).ok();
    let through = site.cli(&["explain", "ben", "/Projects/plan.txt", "view"]).exits(0);
    assert!(through.stdout.contains("previewer") && through.stdout.contains("Sales"), "{through:#?}");
    let lacking = site.cli(&["explain", "ben", "/Projects/plan.txt", "read"]).exits(3);
    assert!(lacking.stdout.contains("previewer"), "{lacking:#?}");
    // Without a permission it is about the least that shows it: to view a file, to list a folder.
    assert!(site.cli(&["explain", "ben", "/Projects/plan.txt"]).exits(0).stdout.contains("view"));
    site.cli(&["explain", "ben", "/Projects"]).exits(0);
    for ran in [&allowed, &denied, &through, &lacking] {
        assert_eq!(ran.stdout.trim().lines().count(), 1, "one sentence: {ran:#?}");
    }
    site.cli(&["explain", "ana", "/Projects/plan.txt", "fly"]).exits(2);
    site.cli(&["explain", "ana", "/Projects/none.txt", "read"]).exits(1);
    // And what it says is what the server does.
    let ben = site.client("ben", &site.app_password("ben", "another drive"));
    ben.list("/Projects/plan.txt", Depth::Zero).status(207);
    ben.get("/Projects/plan.txt").status(403);
}

#[test]
fn lists_are_json_arrays() {
    let (site, _ana) = share();
    site.cli(&["group", "add", "Sales"]).ok();
    let lists: &[(&[&str], &[&str])] = &[
        (&["user", "list"], &["ana", "ben", "root"]),
        (&["share", "list"], &["Projects"]),
        (&["group", "list"], &["Sales"]),
    ];
    for (list, names) in lists {
        let ran = site.cli(&[*list, &["--json"]].concat()).ok();
        let json = ran.json();
        let entries = json.as_array().unwrap_or_else(|| panic!("an array: {ran:#?}"));
        let listed: Vec<&str> = entries.iter().filter_map(|entry| entry["name"].as_str()).collect();
        for name in *names {
            assert!(listed.contains(name), "`{name}`: {ran:#?}");
        }
        // For people: every name, and no JSON.
        let told = site.cli(list).ok();
        assert!(names.iter().all(|name| told.stdout.contains(name)) && !told.stdout.starts_with('['), "{told:#?}");
    }
    assert!(site.cli(&["share", "show", "Projects", "--json"]).ok().stdout.contains("co-owner"));
    let shown = site.cli(&["share", "show", "Projects"]).ok();
    assert!(shown.stdout.contains("ana") && shown.stdout.contains("co-owner"), "{shown:#?}");
}

#[test]
fn passwords_stand_in_no_argument_and_no_list() {
    let (site, ana) = share();
    site.cli(&["user", "add", "zoe", "--password", "secret"]).exits(2);
    site.cli(&["init", "--org", "Acme", "--admin", "root", "--password", "secret"]).exits(2);
    // A generated one is printed once, and works.
    let generated = site.cli(&["user", "add", "zoe"]).ok();
    let password = generated.stdout.split_whitespace().max_by_key(|word| word.len()).expect("a password").to_owned();
    site.client("zoe", &password).get("/").status(200);
    for list in [&["user", "list", "--json"][..], &["share", "show", "Projects", "--json"]] {
        let told = site.cli(list).ok().stdout;
        assert!(!told.contains(&ana.secret) && !told.contains(&password) && !told.contains("$argon2"), "{told}");
    }
    // Nor is one in the site's files: only what proves it.
    let mut folders = vec![site.data().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(folder).expect("the test owns the folder").map(|entry| entry.expect("readable").path())
        {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let bytes = fs::read(&entry).unwrap_or_default();
            for secret in [&ana.secret, &password] {
                assert!(
                    !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                    "a secret in {}",
                    entry.display()
                );
            }
        }
    }
}

#[test]
fn empty_and_short_passwords_are_refused() {
    let (site, _ana) = share();
    for password in ["", "\n", "short\n"] {
        site.cli_with_input(&["user", "add", "zoe", "--password-stdin"], password).says_why_not();
    }
    let users = site.cli(&["user", "list"]).ok().stdout;
    assert!(!users.contains("zoe"), "{users}");
}

#[test]
fn the_site_is_named_by_option_or_environment() {
    if is_elsewhere() {
        return; // a folder alone names no site there
    }
    let (site, _ana) = share();
    let data = site.data().to_str().expect("a temporary folder has a plain name");
    let run = |args: &[&str], environment: Option<&str>| {
        let mut command = command();
        command.args(args).current_dir(site.folder());
        if let Some(data) = environment {
            command.env("COMMONHOLD_DATA", data);
        }
        Ran::run(command, "").ok().stdout
    };
    let expected = site.cli(&["user", "list"]).ok().stdout;
    assert_eq!(run(&["--data", data, "user", "list"], None), expected);
    assert_eq!(run(&["user", "list", "--data", data], None), expected);
    assert_eq!(run(&["user", "list"], Some(data)), expected);
    assert_eq!(run(&["user", "list", "--data", data], Some("/nowhere")), expected, "the option wins");
    assert_eq!(run(&["user", "list"], None), expected, "./data, as the site lies beside");
}

#[test]
fn help_teaches_and_goes_to_standard_output() {
    for args in
        [&["--help"][..], &["help"], &["user", "--help"], &["share", "subscribe", "--help"], &["explain", "--help"]]
    {
        let mut command = command();
        command.args(args);
        let help = Ran::run(command, "").ok();
        assert!(help.stdout.contains("Usage") && help.stderr.is_empty(), "{help:#?}");
    }
    let mut version = command();
    version.arg("--version");
    assert!(Ran::run(version, "").ok().stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_configuration_names_file_and_key() {
    let (site, _ana) = share();
    let file = site.folder().join("wrong.toml");
    for (text, key) in [
        ("[server]\nlissten = \"127.0.0.1:0\"\n", "lissten"),
        ("[dav]\npropfind_infinity_max = \"many\"\n", "propfind_infinity_max"),
    ] {
        fs::write(&file, text).expect("the test owns the folder");
        let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--config").arg(&file);
        let ran = Ran::run(command, "").exits(1);
        assert!(ran.stderr.contains("wrong.toml") && ran.stderr.contains(key), "{ran:#?}");
    }
}

#[test]
fn try_makes_a_site_that_works_and_keeps_it() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let serve = || {
        let mut command = command();
        command.args(["try", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        Server::start(command, &folder.path().join("server.log"))
    };
    let server = serve();
    let told = server.greeting.join("\n");
    assert!(told.contains("/dav/") && told.contains("Projects"), "{told}");
    let people = logins(&server, &told);
    let writers = people.iter().filter(|who| who.put("/Projects/from try.txt", "kept").answer.status < 300).count();
    let readers = people.iter().filter(|who| who.get("/Projects/from try.txt").answer.status == 200).count();
    assert!(people.len() >= 4, "an administrator and three people: {told}");
    assert!(writers >= 1 && writers < people.len() && readers >= writers, "different roles: {told}");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.exit_status().code(), Some(0));

    // The second time the data are kept.
    let server = serve();
    let again: Vec<Client> = people.iter().map(|who| client_of(&server, &who.name, &who.secret)).collect();
    let still = again.iter().filter(|who| who.get("/Projects/from try.txt").answer.status == 200).count();
    assert_eq!(still, readers);

    // The terminal is closed.
    server.signal(rustix::process::Signal::HUP);
    server.exit_status();
}

/// Everybody whose name and password stand on one line of what `try` prints.
fn logins(server: &Server, told: &str) -> Vec<Client> {
    let mut people: Vec<Client> = Vec::new();
    for line in told.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(name), Some(secret)) = (words.first(), words.last()) else { continue };
        let person = client_of(server, name, secret);
        if name != secret && person.get("/").answer.status == 200 {
            people.push(person);
        }
    }
    people
}

fn client_of(server: &Server, name: &str, secret: &str) -> Client {
    Client::new(Nodes::at(vec![server.address]), name, secret)
}

/// A share with one co-owner, and a user who isn't subscribed.
fn share() -> (Site, Client) {
    let site = Site::start();
    let [ana] = site.team("Projects", [("ana", "co-owner")]);
    site.user("ben");
    (site, ana)
}
