//! `connect`, `/connect`, `man`: how people learn to open their shares.

use crate::site::{Client, Server, Site, password_of};

const CLIENTS: [&str; 12] = [
    "windows",
    "macos",
    "gnome",
    "kde",
    "davfs2",
    "rclone",
    "cyberduck",
    "winscp",
    "nextcloud",
    "libreoffice",
    "curl",
    "phone",
];

#[test]
fn each_client_is_told_where_the_share_is_and_no_password() {
    let (site, ana) = share("");
    for client in CLIENTS {
        let words =
            ["connect", "projects & plans", "--for", client, "--user", "ana", "--url", "https://files.example.org"];
        let told = site.cli(&words).ok().stdout;
        assert!(told.contains("files.example.org") && told.contains("Projects"), "{client}: {told}");
        // Neither one of hers, nor a place for one where other programs could read it: an argument, or a URL.
        assert!(!told.contains(&ana.secret) && !told.contains(&password_of("ana")), "{client}: {told}");
        for shown in ["ana:", "--password ", "--webdav-pass"] {
            assert!(!told.contains(shown), "{client}, {shown}: {told}");
        }
        let steps = site.cli(&[words.as_slice(), &["--json"]].concat()).ok().json();
        assert!(steps.as_array().is_some_and(|steps| !steps.is_empty()), "{client}: {steps}");
    }
    site.cli(&["connect", "Nothing", "--for", "windows"]).says_why_not();
    site.cli(&["connect", "Home", "--for", "windows", "--user", "nobody"]).says_why_not();
    site.cli(&["connect", "Home", "--for", "abacus"]).exits(2);
    // Without a public address it is where the server listens.
    let told = site.cli(&["connect", "Home", "--for", "curl"]).ok().stdout;
    assert!(told.contains(&format!("http://{}/dav/Home/", site.addresses()[0])), "{told}");
}

/// Nobody can connect to "all addresses".
#[test]
fn a_server_that_listens_everywhere_has_to_be_told_how_it_is_reached() {
    let mut site = Site::start_several(1, "[server]\ninsecure_http = true\n");
    site.stop();
    let words = ["connect", "Home", "--for", "windows"];
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let log = site.folder().join("everywhere.log");
        let _server = Server::start(site.command(&["serve", "--listen", listen]), &log);
        let why = site.cli(&words).says_why_not();
        assert!(why.contains("--url"), "{listen}: {why}");
        site.cli(&[words.as_slice(), &["--url", "https://files.example.org"]].concat()).ok();
    }
}

#[test]
fn the_file_of_a_client_is_written_once_and_never_over_another() {
    let (site, _ana) = share("[server]\npublic_origins = [\"https://files.example.org\"]\n");
    let file = site.folder().join("windows.reg");
    let path = file.to_str().unwrap();
    let words = ["connect", "Projects & Plans", "--for", "windows", "--write", path];
    site.cli(&words).ok();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("Windows Registry Editor Version 5.00\r\n"), "{text}");
    for value in ["BasicAuthLevel", "FileSizeLimitInBytes", "FileAttributesLimitInBytes", "AuthForwardServerList"] {
        let (before, _) = text.split_once(&format!("\"{value}\"=")).unwrap_or_else(|| panic!("{value}: {text}"));
        assert!(before.lines().last().is_some_and(|line| line.starts_with("; ")), "{value} is explained: {text}");
    }
    site.cli(&words).says_why_not();
    let none = site.folder().join("none");
    site.cli(&["connect", "Home", "--for", "kde", "--write", none.to_str().unwrap()]).says_why_not();
    assert!(!none.exists());
}

#[test]
fn the_page_names_no_share_before_login_and_the_own_ones_after_it() {
    let (site, ana) = share("");
    site.team("Secret", [("eva", "viewer")]);
    for target in ["/connect", "/connect/"] {
        let page = site.anonymous().raw("GET", target).send().status(200);
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !page.text().contains("<script"), "{}", page.told());
        for hidden in ["Projects", "Secret", "ana"] {
            assert!(!page.text().contains(hidden), "{hidden}: {}", page.text());
        }
        assert!(page.text().contains("net use") && page.text().contains("/connect/mine"), "{}", page.text());
    }
    site.anonymous()
        .raw("GET", "/connect/mine")
        .send()
        .status(401)
        .says("www-authenticate", "Basic realm=\"Commonhold\", charset=\"UTF-8\"");
    let mine = ana.raw("GET", "/connect/mine").send().status(200);
    let text = mine.text();
    assert!(text.contains("Projects &amp; Plans") && text.contains("/user:ana") && !text.contains("Secret"), "{text}");
    let chosen = ana.raw("GET", "/connect/mine?share=Projects%20%26%20Plans").send().status(200);
    assert!(chosen.text().contains("/dav/Projects%20%26%20Plans/"), "{}", chosen.text());
    // A share that isn't hers is not told from one that isn't there.
    let others =
        ["Secret", "Nothing"].map(|name| ana.raw("GET", &format!("/connect/mine?share={name}")).send().status(200));
    assert_eq!(others[0].text(), others[1].text());
    ana.raw("HEAD", "/connect").send().status(200).body("");
    ana.raw("POST", "/connect").send().status(405).says("Allow", "GET, HEAD");
    ana.raw("GET", "/connect/else").send().status(404);
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let (site, _ana) = share("");
    let page = site.cli(&["man"]).ok().stdout;
    assert!(page.contains(".TH") && page.contains("commonhold"), "{page}");
    let folder = site.folder().join("man");
    std::fs::create_dir(&folder).unwrap();
    site.cli(&["man", "--to", folder.to_str().unwrap()]).ok();
    for page in ["commonhold.1", "commonhold-serve.1", "commonhold-user-add.1", "commonhold-doctor-windows.1"] {
        assert!(folder.join(page).exists(), "{page}");
    }
    site.cli(&["man", "--to", "/nonexistent/folder"]).says_why_not();
    for shell in ["bash", "zsh", "fish"] {
        let script = site.cli(&["completions", shell]).ok().stdout;
        assert!(script.contains("doctor"), "{shell}");
    }
}

fn share(config: &str) -> (Site, Client) {
    let site = Site::start_with(config);
    let [ana] = site.team("Projects & Plans", [("ana", "co-owner")]);
    (site, ana)
}
