//! The rules of the house, checked by reading the sources: who may use what, how a file looks, and that documents and
//! traps name tests that exist.
//!
//! A rule is a row of a table with its reason. If one hurts, change the table in the same commit and say why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Words that may stand in some places only. Comments and tests are not looked at.
struct Rule {
    what: &'static str,
    /// Where the rule holds: path prefixes.
    holds_in: &'static [&'static str],
    words: &'static [&'static str],
    /// Where the words may stand all the same: path prefixes (or ends, after a `*`), each with its reason.
    except: &'static [(&'static str, &'static str)],
}

/// Rooms that know what is stored and who may, but not how it is asked for.
const DOMAIN: &[&str] = &[
    "src/directory",
    "src/shares",
    "src/grants",
    "src/tree",
    "src/contents",
    "src/history",
    "src/locks",
    "src/servers",
    "src/uploads",
    "src/certificates",
    "src/audit",
    "src/links",
    "src/notify",
];

const RULES: &[Rule] = &[
    Rule {
        what: "SQL lies in sql.rs of its room",
        holds_in: &["src/"],
        words: &["sqlx::", "rusqlite", " query(", "(query(", "query_scalar("],
        except: &[
            ("*/sql.rs", "that is what it is for"),
            ("src/db", "the facade: connections, transactions, migrations"),
        ],
    },
    Rule {
        what: "files are touched in blobs/",
        holds_in: &["src/"],
        words: &[
            "std::fs",
            "tokio::fs",
            "rustix::fs",
            "fs::read",
            "fs::write",
            "fs::create_",
            "fs::remove_",
            "fs::rename",
            "File::open",
        ],
        except: &[
            ("src/blobs", "that is what it is for"),
            ("src/db", "the database file"),
            ("src/backup", "the folder of a backup"),
            ("src/config", "reads the configuration file, and the token of `/metrics`"),
            ("src/cli", "makes the folder of a new site"),
            ("src/site.rs", "the folder of a site, the lock of its server, the kept end of the audit"),
            ("src/access_log.rs", "the file that its lines go to"),
            ("src/net/tls/certificate.rs", "the files of the certificate and its key"),
        ],
    },
    Rule {
        what: "the present time comes from clock.rs",
        holds_in: &["src/"],
        words: &["SystemTime::now", "now_utc(", "now_local(", "Uuid::now_v7"],
        except: &[
            ("src/clock.rs", "that is what it is for"),
            ("src/blobs/id.rs", "time-ordered ids of blobs"),
            ("src/ids.rs", "time-ordered ids"),
        ],
    },
    Rule {
        what: "the environment is read in config.rs",
        holds_in: &["src/"],
        words: &["env::var", "env::vars", "std::env"],
        except: &[("src/config.rs", "settings; clap reads COMMONHOLD_DATA itself")],
    },
    Rule {
        what: "tasks and threads start where they are awaited or stopped",
        holds_in: &["src/"],
        words: &["spawn(", "spawn_blocking("],
        except: &[
            ("src/app.rs", "what the server does by itself, stopped with it"),
            ("src/net", "a task for each connection"),
            ("src/db", "the writer and its queue"),
            ("src/blobs", "disk work off the async threads"),
            ("src/auth", "password hashes off the async threads"),
            ("src/access_log.rs", "the thread that writes its lines, ended with the server"),
            ("src/dav", "a changing verb runs to its end though its caller hangs up"),
        ],
    },
    Rule {
        what: "only the guard decides who may",
        holds_in: &["src/"],
        words: &["acl::decide"],
        except: &[("src/guard", "that is what it is for")],
    },
    Rule {
        what: "a request's change is committed together with its record",
        holds_in: &["src/dav", "src/cloud", "src/tus"],
        words: &["tx.commit("],
        // What changes nothing of the tree is committed by `trail::commit`.
        except: &[("src/dav/mod.rs", "`Exchange::commit` appends the record and commits; there is no other way")],
    },
    Rule {
        what: "domain rooms know no HTTP and no surface",
        holds_in: DOMAIN,
        words: &[
            "http::",
            "hyper",
            "dav_server",
            "headers::",
            "crate::dav",
            "crate::net",
            "crate::router",
            "crate::auth",
            "crate::cli",
            "crate::app",
        ],
        except: &[],
    },
    Rule {
        what: "the jobs of a whole site know no surface",
        holds_in: &["src/jobs", "src/verify", "src/backup", "src/migrate.rs"],
        words: &[
            "crate::dav",
            "crate::net",
            "crate::router",
            "crate::auth",
            "crate::cloud",
            "crate::tus",
            "crate::pieces",
            "crate::trail",
            "crate::connect",
            "crate::cli",
        ],
        except: &[
            ("src/jobs/certificate.rs", "puts the certificate that it has fetched where connections take it from"),
            ("src/jobs/answers.rs", "answers the authority's question on a connection"),
        ],
    },
    Rule {
        what: "stores know no domain",
        holds_in: &["src/db", "src/blobs"],
        words: &[
            "crate::tree",
            "crate::directory",
            "crate::shares",
            "crate::guard",
            "crate::dav",
            "crate::auth",
            "crate::cli",
            "http::",
            "hyper",
        ],
        except: &[("src/blobs/bucket/leftovers.rs", "one request that the client of object stores can only sign")],
    },
    Rule {
        what: "the decision core is pure",
        holds_in: &["acl/src"],
        words: &["std::fs", "std::net", "std::env", "std::time", "std::thread", "tokio", "sqlx", "http::", "async "],
        except: &[],
    },
    Rule {
        what: "the reference shares no code with what it judges",
        holds_in: &["acl/tests/reference/reference.rs", "acl/tests/reference/world.rs"],
        words: &["commonhold_acl", "crate::gather"],
        except: &[],
    },
    Rule {
        what: "nothing is left for later",
        holds_in: &["src/", "acl/src", "tests/", "benches/"],
        words: &["todo!(", "unimplemented!(", "dbg!("],
        except: &[("tests/tidy.rs", "names them")],
    },
    Rule {
        what: "a failure is an error or has a reason why it can't be",
        holds_in: &["src/", "acl/src"],
        words: &[".unwrap()"],
        except: &[],
    },
];

/// A file that grows beyond this holds a second noun.
const LINES_MAX: usize = 700;

/// Test names are sentences; a shorter word in a document is something else.
const WORDS_OF_A_TEST_NAME_MIN: usize = 5;

#[test]
fn every_rule_of_the_house_holds() {
    let sources = sources();
    let broken: Vec<String> =
        RULES.iter().flat_map(|rule| sources.iter().flat_map(|source| breaches(rule, source))).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_exception_is_needed() {
    let sources = sources();
    let idle: Vec<String> = RULES
        .iter()
        .flat_map(|rule| rule.except.iter().map(move |(place, _)| (rule, *place)))
        .filter(|(rule, place)| {
            let uses = |source: &Source| {
                lies_in(&source.path, place) && rule.words.iter().any(|word| source.code.contains(word))
            };
            !sources.iter().any(uses)
        })
        .map(|(rule, place)| format!("`{place}` needs no exception from \"{}\"", rule.what))
        .collect();
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}

#[test]
fn a_broken_rule_is_found() {
    for rule in RULES {
        for word in rule.words {
            let path = format!("{}/example.rs", rule.holds_in[0].trim_end_matches('/'));
            let at = |text: String| Source::new(path.clone(), text);
            assert_eq!(breaches(rule, &at(format!("//! Example.\nlet x = {word};\n"))).len(), 1, "{word}");
            assert!(
                breaches(rule, &at(format!("//! Example.\n// {word}\n#[cfg(test)]\nmod tests {{ {word} }}\n")))
                    .is_empty(),
                "{word}"
            );
        }
    }
}

#[test]
fn every_file_says_first_what_lives_in_it() {
    let silent: Vec<String> =
        sources().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "without a first line `//! …`: {silent:?}");
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

/// What a site keeps is the same on both databases: each migration has one of the same name for the other, with the same tables, columns and
/// indexes. PostgreSQL's first one alone brings what SQLite has by itself.
#[test]
fn both_databases_have_the_same_schema() {
    let of = |dialect: &str| -> BTreeSet<String> {
        let files = files_with_ending(&root().join("migrations").join(dialect), "sql");
        let files = files.iter().filter(|file| !file.ends_with("0000_dialect.sql"));
        files.flat_map(|file| schema_of(file)).collect()
    };
    let (sqlite, postgres) = (of("sqlite"), of("postgres"));
    assert!(sqlite.len() > 200, "the schema is read: {sqlite:?}");
    let differing: Vec<_> = sqlite.symmetric_difference(&postgres).collect();
    assert!(differing.is_empty(), "only in one of them: {differing:?}");
}

/// The file's name with each table, column and index that it makes.
fn schema_of(file: &Path) -> Vec<String> {
    let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(file).expect("a migration can be read");
    let mut made = vec![name.clone()];
    let mut table = None;
    for line in text.lines() {
        let line = line.split("--").next().unwrap_or_default().replace('"', "");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["create", "table", of, ..] => {
                table = Some((*of).to_owned());
                made.push(format!("{name}: table {of}"));
            }
            ["alter", "table", of, "add", "column", column, ..] => made.push(format!("{name}: {of}.{column}")),
            ["create", "index", index, ..] | ["create", "unique", "index", index, ..] => {
                made.push(format!("{name}: index {index}"));
            }
            [first, ..] if first.starts_with(')') => table = None,
            [column, _, ..] if !["primary", "unique", "check"].contains(column) => {
                if let Some(table) = &table {
                    made.push(format!("{name}: {table}.{column}"));
                }
            }
            _ => {}
        }
    }
    made
}

#[test]
fn documents_name_only_tests_that_exist() {
    let functions: BTreeSet<String> = sources().iter().flat_map(|source| function_names(&source.text)).collect();
    let mut missing = Vec::new();
    for document in files_with_ending(&root(), "md") {
        let text = fs::read_to_string(&document).expect("documents are UTF-8");
        for name in test_names_in(&text).filter(|name| !functions.contains(*name)) {
            missing.push(format!("{}: `{name}`", document.display()));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_trap_has_a_test() {
    let table = fs::read_to_string(root().join("tests/it/TRAPS.md")).expect("the table of traps");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let number: u32 = cells.next()?.parse().ok()?;
        Some((number, cells.next()? == "yes"))
    });
    let rows: Vec<(u32, bool)> = rows.collect();
    assert!(rows.len() > 40, "the table is read: {rows:?}");
    let named: BTreeSet<u32> = sources()
        .iter()
        .filter(|source| source.path.starts_with("tests/it/"))
        .flat_map(|source| traps_tested_in(&source.text))
        .collect();
    for (number, tested) in &rows {
        assert!(!tested || named.contains(number), "trap {number} has no test");
        assert!(*tested || !named.contains(number), "trap {number} has a test: the table may say `yes`");
    }
    for number in named {
        assert!(rows.iter().any(|(row, _)| *row == number), "trap {number} isn't in the table");
    }
}

#[test]
fn trap_numbers_are_read_from_the_comment_of_a_test() {
    let text = "/// Traps 7 and 45: plainly.\n#[test]\nfn a() {}\n\n/// Trap 1.\nfn b() {}\n/// Before.\n///\n/// Trap 12: names.\n#[test]\nfn c() {}\n// Trap 9\n#[test]\nfn d() {}\n";
    assert_eq!(traps_tested_in(text), [7, 45, 12]);
}

/// The lines of a source that break a rule.
fn breaches(rule: &Rule, source: &Source) -> Vec<String> {
    let holds = rule.holds_in.iter().any(|place| lies_in(&source.path, place));
    if !holds || rule.except.iter().any(|(place, _)| lies_in(&source.path, place)) {
        return Vec::new();
    }
    let lines = source.code.lines().enumerate();
    lines
        .filter_map(|(n, line)| {
            let word = rule.words.iter().find(|word| line.contains(*word))?;
            Some(format!("{}:{}: `{word}`, but {}", source.path, n + 1, rule.what))
        })
        .collect()
}

/// `src/db` means `src/db.rs` and all of `src/db/`; `*/sql.rs` any file of that name.
fn lies_in(path: &str, place: &str) -> bool {
    if let Some(end) = place.strip_prefix('*') {
        return path.ends_with(end);
    }
    let place = place.trim_end_matches('/');
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
}

/// A Rust file: its text, and the same lines without comments and without the tests at its end.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let is_test = path.starts_with("src/") && (path.ends_with("/tests.rs") || path.contains("/tests/"));
        let code_lines = text.lines().take_while(|line| !is_test && *line != "#[cfg(test)]");
        let code = code_lines.map(without_comment).collect::<Vec<_>>().join("\n");
        Self { path, text, code }
    }
}

/// Cuts `// …`, but not the `//` of a URL.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

fn sources() -> Vec<Source> {
    let root = root();
    ["src", "acl", "tests", "benches", "fuzz"]
        .iter()
        .flat_map(|folder| files_with_ending(&root.join(folder), "rs"))
        .map(|file| {
            let path = file.strip_prefix(&root).expect("found below it").to_string_lossy().into_owned();
            Source::new(path, fs::read_to_string(&file).expect("sources are UTF-8"))
        })
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder with that ending, but what Cargo and git make.
fn files_with_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder that isn't there has no files.
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("the project's folders can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn function_names(text: &str) -> impl Iterator<Item = String> {
    let after_fn = text.split("fn ").skip(1);
    after_fn.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}

/// The backticked words of a document that are sentences: `module::a_name_of_five_words`.
fn test_names_in(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter_map(|word| word.rsplit("::").next()).filter(|name| {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        plain && name.split('_').count() >= WORDS_OF_A_TEST_NAME_MIN
    })
}

/// The numbers after `Trap` or `Traps` in the comments directly above tests.
fn traps_tested_in(text: &str) -> Vec<u32> {
    let (mut traps, mut comment) = (Vec::new(), String::new());
    for line in text.lines() {
        if let Some(doc) = line.trim().strip_prefix("///") {
            comment.push_str(doc);
        } else if line.trim() == "#[test]" {
            for (at, _) in comment.match_indices("Trap") {
                let words = comment[at..].split([' ', ',']).skip(1).filter(|word| !word.is_empty() && *word != "and");
                let numbers =
                    words.map_while(|word| word.trim_end_matches(['.', ':']).parse::<u32>().ok().map(|n| (n, word)));
                for (number, word) in numbers {
                    traps.push(number);
                    if word.ends_with(['.', ':']) {
                        break;
                    }
                }
            }
            comment.clear();
        } else {
            comment.clear();
        }
    }
    traps
}
