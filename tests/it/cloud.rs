//! The doors of Nextcloud's and ownCloud's clients: their URLs, uploads in pieces, login on a page. The clients themselves: `litmus/nextcloud.sh`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::site::xml::Multistatus;
use crate::site::{Client, Depth, Reply, Request, Site, asking_for, dav, is_in_bucket};
use crate::tus_ends::one_makes_the_file;

const OC: &str = "http://owncloud.org/ns";
const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

fn oc(local: &str) -> String {
    format!("{{{OC}}}{local}")
}

fn shared() -> (Site, Client, Client) {
    let site = Site::start();
    let [ana, ben] = site.team("Projects", [("ana", "collaborator"), ("ben", "viewer")]);
    (site, ana, ben)
}

#[test]
fn a_server_says_what_it_is_and_who_asks() {
    let (site, ana, _) = shared();
    let status = site.anonymous().raw("GET", "/status.php").send().status(200);
    assert!(status.text().contains(r#""installed":true"#), "{}", status.told());
    site.anonymous().raw("GET", "/ocs/v1.php/cloud/user?format=json").send().status(401).header("www-authenticate");
    for version in ["v1", "v2"] {
        let user = ana.raw("GET", &format!("/ocs/{version}.php/cloud/user?format=json")).send().status(200);
        let user: serde_json::Value = serde_json::from_str(user.text()).unwrap();
        assert_eq!(user["ocs"]["data"]["id"], "ana");
        assert_eq!(user["ocs"]["meta"]["statuscode"], if version == "v1" { 100 } else { 200 });
        let xml = ana.raw("GET", &format!("/ocs/{version}.php/cloud/capabilities")).send().status(200);
        assert!(xml.text().contains("<chunking>1.0</chunking>"), "{}", xml.told());
    }
    site.cli(&["user", "set", "ana", "--quota", "1000"]).ok();
    ana.put("/Home/a.txt", vec![b'x'; 250]).status(201);
    let user = ana.raw("GET", "/ocs/v2.php/cloud/user?format=json").send().status(200);
    let user: serde_json::Value = serde_json::from_str(user.text()).unwrap();
    let expected = serde_json::json!({ "free": 750, "used": 250, "total": 1000, "relative": 25.0, "quota": 1000 });
    assert_eq!(user["ocs"]["data"]["quota"], expected);
    ana.raw("GET", "/ocs/v2.php/apps/other?format=json").send().status(404);
    ana.raw("GET", "/ocs/v1.php/apps/other?format=json").send().status(200);
}

/// The same tree under the client's own URLs; every answer names these.
#[test]
fn the_tree_is_there_under_their_urls() {
    let (_site, ana, ben) = shared();
    ana.put("/Projects/a.txt", "one").status(201);
    for door in ["/remote.php/dav/files/ana", "/remote.php/webdav"] {
        ana.raw("GET", &format!("{door}/Projects/a.txt")).send().status(200).body("one");
        let listed = ana.raw("PROPFIND", &format!("{door}/Projects/")).with("Depth", "1").send().status(207);
        let found = Multistatus::parse(listed.text());
        let hrefs: Vec<&String> = found.responses.keys().collect();
        assert_eq!(hrefs, [&format!("{door}/Projects/"), &format!("{door}/Projects/a.txt")]);
        ana.raw("MKCOL", &format!("{door}/Projects/new")).send().status(201);
        let to = format!("http://{}{door}/Projects/new/b%20c.txt", ana.host());
        ana.raw("MOVE", &format!("{door}/Projects/a.txt")).with("Destination", to).send().status(201);
        ana.raw("COPY", &format!("{door}/Projects/new/b%20c.txt"))
            .with("Destination", format!("{door}/Projects/a.txt"))
            .send()
            .status(201);
        let etag = ana.get("/Projects/a.txt").etag();
        let condition = format!("<{door}/Projects/a.txt> ([{etag}])");
        ana.raw("PUT", &format!("{door}/Projects/a.txt")).with("If", condition).body("one").send().status(204);
        ana.raw("PUT", &format!("{door}/Projects/a.txt"))
            .with("If", format!("<{door}/Projects/a.txt> ([\"other\"])"))
            .body("two")
            .send()
            .status(412);
        ana.raw("DELETE", &format!("{door}/Projects/new")).send().status(204);
        let folder = format!("{door}/Projects");
        let sent = ana.raw("GET", &folder).with("Accept", "text/html").send().status(302);
        sent.says("Location", &format!("{folder}/"));
    }
    // Below another person's name there is nothing, and his rights are nobody else's.
    ben.raw("GET", "/remote.php/dav/files/ana/Projects/a.txt").send().status(404);
    ben.raw("PUT", "/remote.php/dav/files/ben/Projects/a.txt").body("mine").send().status(403);
    ana.raw("GET", "/remote.php/dav/files/ana/%2e%2e/Projects/a.txt").send().status_in(&[400, 404]);
}

#[test]
fn rights_and_ids_are_told_as_the_clients_know_them() {
    let (_site, ana, ben) = shared();
    ana.mkcol("/Projects/plans").status(201);
    ana.put("/Projects/plans/a.txt", "one").status(201);
    let names = [oc("permissions"), oc("id"), oc("fileid"), oc("size"), dav("getetag")];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let told =
        |who: &Client, path: &str| who.propfind(path, Depth::Zero, &asking_for(&names)).multistatus().only().clone();
    assert_eq!(told(&ana, "/Projects/plans/a.txt").value(&oc("permissions")), "RGDNVW");
    assert_eq!(told(&ana, "/Projects/plans/").value(&oc("permissions")), "RGDNVCK");
    assert_eq!(told(&ana, "/Projects/").value(&oc("permissions")), "RGCK");
    assert_eq!(told(&ben, "/Projects/plans/a.txt").value(&oc("permissions")), "G");
    assert_eq!(told(&ben, "/Projects/").value(&oc("permissions")), "G");
    let file = told(&ana, "/Projects/plans/a.txt");
    assert_eq!(file.value(&oc("size")), "3");
    assert!(file.value(&oc("id")).starts_with(&format!("{:0>8}oc", file.value(&oc("fileid")))));
    let put = ana.raw("PUT", "/remote.php/webdav/Projects/plans/a.txt").body("two").send().status(204);
    assert_eq!(put.header("oc-fileid"), file.value(&oc("id")));
    ana.put("/Projects/plans/a.txt", "two").status(204).says_nothing_of("oc-fileid");
    // The tag of what is above all shares changes with anything below, and with what is seen.
    let top = |who: &Client| told(who, "/").value(&dav("getetag")).to_owned();
    let before = top(&ben);
    assert_eq!(top(&ben), before);
    ana.put("/Projects/plans/a.txt", "three").status(204);
    assert_ne!(top(&ben), before);
    assert_eq!(told(&ben, "/").value(&oc("permissions")), "G");
}

/// What the law says of the verbs that a client would send: a name is its folder's to change, and what may be cleared out of a folder may go.
#[test]
fn letters_of_a_member_follow_the_rights_of_its_folder() {
    let (site, ana, ben) = shared();
    for folder in ["plans", "plans/2027"] {
        ana.mkcol(&format!("/Projects/{folder}")).status(201);
    }
    for file in ["plans/kept.txt", "plans/2027/mine.txt", "plans/2027/other.txt"] {
        ana.put(&format!("/Projects/{file}"), "one").status(201);
    }
    let grant = |words: &[&str]| drop(site.cli(&[&["grant", "add"], words].concat()).ok());
    grant(&["/Projects/plans/2027/mine.txt", "--user", "ben", "--allow", "read,write,delete,rename-child"]);
    grant(&["/Projects/plans", "--user", "ana", "--deny", "delete"]);
    grant(&["/Projects/plans/2027", "--user", "ben", "--allow", "list,delete-child"]);
    let told = |who: &Client, path: &str| {
        let told = who.propfind(path, Depth::Zero, &asking_for(&[&oc("permissions")])).multistatus().only().clone();
        told.value(&oc("permissions")).to_owned()
    };
    assert_eq!(told(&ben, "/Projects/plans/2027/mine.txt"), "GDVW");
    ben.rename("/Projects/plans/2027/mine.txt", "/Projects/plans/2027/yours.txt").status(403);
    assert_eq!(told(&ben, "/Projects/plans/2027/other.txt"), "GDV");
    ben.delete("/Projects/plans/2027/other.txt").status(204);
    assert_eq!(told(&ana, "/Projects/plans/kept.txt"), "RGNW");
    ana.delete("/Projects/plans/kept.txt").status(403);
    ana.rename("/Projects/plans/kept.txt", "/Projects/plans/renamed.txt").status(201);
}

#[test]
fn a_file_comes_in_pieces_and_survives_a_restart() {
    let (mut site, ana, ben) = shared();
    let (one, two) = (vec![b'1'; 300_000], vec![b'2'; 7]);
    let upload = "/remote.php/dav/uploads/ana/4711";
    let piece = |name: &str| format!("{upload}/{name}");
    ana.raw("PUT", &piece("1")).body(one.clone()).send().status(404);
    ana.raw("MKCOL", upload).send().status(201);
    ana.raw("MKCOL", upload).send().status(405).says("allow", "PUT, MOVE, DELETE");
    ana.raw("COPY", upload).send().status(405).says("allow", "MKCOL, PUT, MOVE, DELETE");
    ana.raw("PUT", &piece("10")).body(two.clone()).send().status(201);
    ana.raw("PUT", &piece("9")).body("another").send().status(201);
    ana.raw("PUT", &piece("9")).body(one.clone()).send().status(201);
    ana.raw("PUT", &piece("..")).body("x").send().status_in(&[400, 404]);
    site.kill9();
    site.restart();
    site.cli(&["gc"]).ok();
    let whole = piece(".file");
    let to = "/remote.php/dav/files/ana/Projects/large.dat";
    let together = |total: usize, to: &str| {
        ana.raw("MOVE", &whole)
            .with("Destination", to)
            .with("OC-Total-Length", total.to_string())
            .with("X-OC-Mtime", "1700000000")
            .send()
    };
    together(5, to).status(400);
    ana.get("/Projects/large.dat").status(404);
    together(300_007, "/remote.php/dav/files/ben/Projects/large.dat").status(404);
    let made = together(300_007, to).status(201);
    assert_eq!(made.header("x-oc-mtime"), "accepted");
    made.header("oc-fileid");
    assert_eq!(made.header("oc-etag"), made.header("etag"));
    ben.get("/Projects/large.dat").status(200).body([one, two].concat());
    together(300_007, to).status(404);
    // Nobody puts his pieces where he may not write, and nobody sees another's.
    let upload = "/remote.php/dav/uploads/ben/1";
    ana.raw("MKCOL", upload).send().status(404);
    ben.raw("MKCOL", upload).send().status(201);
    ben.raw("PUT", &format!("{upload}/1")).body("mine").send().status(201);
    let to = "/remote.php/dav/files/ben/Projects/large.dat";
    ben.raw("MOVE", &format!("{upload}/.file")).with("Destination", to).send().status(403);
    ben.raw("DELETE", upload).send().status(204);
    ben.raw("DELETE", upload).send().status(404);
    site.is_consistent();
}

#[test]
fn of_two_who_put_pieces_together_at_the_same_time_one_waits_for_nothing() {
    let site = Site::start_alone();
    let [ana] = site.team("Projects", [("ana", "collaborator")]);
    let upload = "/remote.php/dav/uploads/ana/4711";
    ana.raw("MKCOL", upload).send().status(201);
    ana.raw("PUT", &format!("{upload}/1")).body(vec![b'1'; 300_000]).send().status(201);
    let (whole, to) = (format!("{upload}/.file"), "/remote.php/dav/files/ana/Projects/large.dat");
    one_makes_the_file(&site, "MOVE", (423, 201), || {
        let mut connection = ana.connect();
        connection.write(&ana.raw("MOVE", &whole).with("Destination", to).head()).expect("the server reads");
        connection
    });
    ana.get("/Projects/large.dat").status(200).body(vec![b'1'; 300_000]);
    site.is_consistent();
}

/// A client begins a login: the page that it shows, and how it asks.
fn begin<'a>(client: &'a Client, agent: &str) -> (String, impl Fn() -> Reply + use<'a>) {
    let begun = client.raw("POST", "/index.php/login/v2").with("User-Agent", agent).body("").send().status(200);
    let begun: serde_json::Value = serde_json::from_str(begun.text()).unwrap();
    let below = |url: &serde_json::Value| {
        let url = url.as_str().unwrap();
        url[url.find("/login").unwrap()..].to_owned()
    };
    let (page, endpoint) = (below(&begun["login"]), below(&begun["poll"]["endpoint"]));
    let asked = format!("token={}", begun["poll"]["token"].as_str().unwrap());
    (page, move || client.raw("POST", &endpoint).body(asked.clone()).send())
}

fn log_in<'a>(client: &'a Client, page: &str, password: &str) -> Request<'a> {
    let password = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
    client.raw("POST", page).body(format!("user=ana&password={password}"))
}

#[test]
fn a_client_is_logged_in_on_a_page_as_a_device_of_its_own() {
    let (site, _ana, _) = shared();
    let client = site.anonymous();
    let (page, poll) = begin(&client, "Nextcloud <b>");
    poll().status(404);
    let form = client.raw("GET", &page).send().status(200);
    assert!(
        form.text().contains("Nextcloud &lt;b&gt;")
            && form.header("content-security-policy").contains("frame-ancestors 'none'")
    );
    let log_in = |password: &str| log_in(&client, &page, password);
    client.raw("PUT", &page).body("x").send().status(405).says("allow", "GET, HEAD, POST");
    log_in("wrong").send().status(403);
    let own = crate::site::password_of("ana");
    log_in(&own).with("Sec-Fetch-Site", "cross-site").send().status(403);
    log_in(&site.app_password("ana", "other")).send().status(403);
    poll().status(404);
    log_in(&own).send().status(200);
    let given: serde_json::Value = serde_json::from_str(poll().status(200).text()).unwrap();
    assert_eq!(given["loginName"], "ana");
    // Once only, each of it.
    poll().status(404);
    client.raw("GET", &page).send().status(404);
    log_in(&own).send().status(404);
    let device = site.client("ana", given["appPassword"].as_str().unwrap());
    device.raw("PROPFIND", "/remote.php/dav/files/ana/").with("Depth", "1").send().status(207);
    let listed = site.cli(&["device", "list", "ana"]).ok().stdout;
    assert!(listed.contains("Nextcloud"), "{listed}");
    site.cli(&["device", "remove", "ana", "Nextcloud <b>"]).ok();
    device.raw("PROPFIND", "/remote.php/dav/files/ana/").with("Depth", "1").send().status(401);
    site.is_consistent();
}

#[test]
fn the_root_needs_no_slash_and_the_front_controller_is_a_door_as_well() {
    let (_site, ana, _) = shared();
    ana.put("/Projects/a.txt", "one").status(201);
    for door in [
        "/remote.php/webdav",
        "/remote.php/dav/files/ana",
        "/index.php/remote.php/webdav",
        "/index.php/remote.php/dav/files/ana",
    ] {
        let listed = ana.raw("PROPFIND", door).with("Depth", "1").send().status(207);
        let found = Multistatus::parse(listed.text());
        assert!(found.responses.contains_key(&format!("{door}/")), "{:?}", found.responses.keys());
        assert!(found.responses.contains_key(&format!("{door}/Projects/")), "{:?}", found.responses.keys());
        ana.raw("GET", &format!("{door}/Projects/a.txt")).send().status(200).body("one");
        ana.raw("DELETE", door).send().status(403);
        // What stands in the way is told by the same URLs.
        let there = format!("{door}/Projects/a.txt");
        let lock = ana.ask("LOCK", "/Projects/a.txt").xml(LOCK).send().status(200).header("lock-token").to_owned();
        let refused = ana.raw("PUT", &there).body("two").send().status(423);
        assert!(refused.text().contains(&format!("href>{there}<")), "{}", refused.told());
        ana.ask("UNLOCK", "/Projects/a.txt").with("Lock-Token", lock).send().status(204);
    }
}

#[test]
fn a_file_of_pieces_spares_what_is_there_when_it_is_told_to() {
    let (_site, ana, _) = shared();
    ana.put("/Projects/a.txt", "one").status(201);
    let upload = "/remote.php/dav/uploads/ana/1";
    ana.raw("MKCOL", upload).send().status(201);
    ana.raw("PUT", &format!("{upload}/1")).body("two").send().status(201);
    let move_to = |to: &str| ana.raw("MOVE", &format!("{upload}/.file")).with("Destination", to);
    let there = "/remote.php/dav/files/ana/Projects/a.txt";
    move_to(there).overwrite(false).send().status(412);
    move_to(&format!("https://other.example.org{there}")).send().status(502);
    move_to(&format!("{there}?x=y")).send().status(400);
    ana.get("/Projects/a.txt").status(200).body("one");
    move_to(&format!("http://{}{there}", ana.host())).overwrite(true).send().status(204);
    ana.get("/Projects/a.txt").status(200).body("two");
}

#[test]
fn a_piece_that_is_damaged_is_the_servers_mistake_and_leaves_what_is_there() {
    if is_in_bucket() {
        return; // it takes hold of the files of contents
    }
    let (site, ana, _) = shared();
    ana.put("/Projects/a.txt", "one").status(201);
    let upload = "/remote.php/dav/uploads/ana/1";
    ana.raw("MKCOL", upload).send().status(201);
    ana.raw("PUT", &format!("{upload}/1")).body(vec![b'1'; 300_000]).send().status(201);
    let blobs = site.data().join("blobs");
    let find =
        std::process::Command::new("find").arg(&blobs).args(["-type", "f", "-size", "300000c"]).output().unwrap();
    let file = String::from_utf8(find.stdout).unwrap();
    std::fs::remove_file(file.trim()).unwrap();
    let to = "/remote.php/dav/files/ana/Projects/a.txt";
    ana.raw("MOVE", &format!("{upload}/.file")).with("Destination", to).send().status(500);
    ana.get("/Projects/a.txt").status(200).body("one");
}

#[test]
fn what_somebody_has_on_its_way_in_pieces_is_bounded() {
    let site = Site::start_with("[limits]\npieces_bytes_max = 1000\nupload_bytes_max = 900\n");
    let [_, ben] = site.team("Projects", [("ana", "collaborator"), ("ben", "viewer")]);
    let piece = |upload: &str, name: &str| format!("/remote.php/dav/uploads/ben/{upload}/{name}");
    let put =
        |upload: &str, name: &str, bytes: usize| ben.raw("PUT", &piece(upload, name)).body(vec![b'x'; bytes]).send();
    for upload in ["1", "2"] {
        ben.raw("MKCOL", &format!("/remote.php/dav/uploads/ben/{upload}")).send().status(201);
    }
    put("1", "1", 600).status(201);
    put("1", "2", 301).status(413);
    put("2", "1", 401).status(507);
    put("2", "1", 400).status(201);
    put("2", "2", 1).status(507);
    // In the place of another one there is room; without a word about its length, too, it is counted.
    put("1", "1", 500).status(201);
    ben.raw("PUT", &piece("2", "2")).chunks([&[b'x'; 101][..]]).send().status(507);
    ben.raw("PUT", &piece("2", "2")).chunks([&[b'x'; 100][..]]).send().status(201);
    ben.raw("DELETE", "/remote.php/dav/uploads/ben/1").send().status(204);
    put("2", "3", 400).status(201);
    site.is_consistent();
}

#[test]
fn an_upload_has_ten_thousand_pieces_and_no_more() {
    let (site, ana, _) = shared();
    let upload = "/remote.php/dav/uploads/ana/4711";
    ana.raw("MKCOL", upload).send().status(201);
    let piece = |name: &str| ana.raw("PUT", &format!("{upload}/{name}")).body("1").send();
    piece("first").status(201);
    site.sql(
        "with recursive more (number) as (select 1 union all select number + 1 from more where number < 9998)
         insert into upload_part (upload_id, name, content_id, size)
         select upload_part.upload_id, 'more-' || more.number, upload_part.content_id, upload_part.size
         from upload_part cross join more",
    );
    piece("last").status(201);
    piece("beyond").status(507);
    // One that is sent again is none more.
    piece("last").status(201);
    site.is_consistent();
}

/// Anybody may send anything as the name of his client.
#[test]
fn what_a_client_calls_itself_is_made_a_name_that_opens_nothing_to_it() {
    let (site, _ana, _) = shared();
    site.cli(&[
        "share",
        "channel",
        "Projects",
        "--user",
        "ana",
        "--future-devices",
        "off",
        "--device",
        "trusted",
        "on",
    ])
    .ok();
    site.app_password("ana", "davx");
    let client = site.anonymous();
    let given = |agent: &str| {
        let (page, poll) = begin(&client, agent);
        log_in(&client, &page, &crate::site::password_of("ana")).send().status(200);
        let given: serde_json::Value = serde_json::from_str(poll().status(200).text()).unwrap();
        site.client("ana", given["appPassword"].as_str().unwrap())
    };
    for agent in ["Mozilla/5.0 (Linux: mirall)", "davx", "davx", "...", "\t", "..", ""] {
        given(agent).raw("PROPFIND", "/remote.php/webdav/").with("Depth", "0").send().status(207);
    }
    given("Trusted").raw("PROPFIND", "/remote.php/webdav/Projects/").with("Depth", "0").send().status(404);
    let listed = site.cli(&["device", "list", "ana", "--json"]).ok().json();
    let mut names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort();
    let mirall = "Mozilla 5.0 (Linux  mirall)";
    let expected = ["...", "A client", "A client (2)", "A client (3)", mirall, "Trusted (2)", "davx (2)", "davx (3)"];
    assert_eq!(names, expected);
    site.is_consistent();
}

#[test]
fn clients_that_wait_for_a_login_give_way_to_those_of_their_own_address_only() {
    let site = Site::start_several(1, "[net]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let client = site.anonymous();
    let begin = |address: &str| {
        let begin = client.raw("POST", "/index.php/login/v2").with("X-Forwarded-For", address).body("");
        let begun: serde_json::Value = serde_json::from_str(begin.send().status(200).text()).unwrap();
        let page = begun["login"].as_str().unwrap();
        page[page.find("/login").unwrap()..].to_owned()
    };
    let waits = |page: &str, status: u16| drop(client.raw("GET", page).send().status(status));
    let other = begin("2001:db8:1::1");
    let first = begin("2001:db8::1");
    // The networks of one line, too.
    for number in 2..=50 {
        begin(&format!("2001:db8:0:{number}::1"));
    }
    waits(&first, 200);
    begin("2001:db8:0:51::1");
    waits(&first, 404);
    waits(&other, 200);
}

#[test]
fn no_more_than_ten_thousand_clients_wait_for_a_login() {
    let (site, ana, _) = shared();
    let begin = || ana.raw("POST", "/index.php/login/v2").body("").send();
    let (page, _) = self::begin(&ana, "A client");
    site.sql(
        "with recursive more (number) as (select 1 union all select number + 1 from more where number < 9998)
         insert into login_flow (page, poll, agent, address, expires_at)
         select cast(cast(number as text) as bytea), cast(cast(number as text) as bytea), 'a client', '10.0.0.' || number,
                99999999999999
         from more",
    );
    begin().status(200);
    begin().status(503).header("retry-after");
    // Who began before is not disturbed.
    ana.raw("GET", &page).send().status(200);
    site.sql("update login_flow set expires_at = 1 where agent = 'a client'");
    begin().status(200);
}

#[test]
fn what_a_file_was_is_listed_and_made_the_present_again() {
    let (site, ana, ben) = shared();
    ana.put("/Projects/a.txt", "one").status(201);
    ana.put("/Projects/a.txt", "two").status(204);
    let told = ana.propfind("/Projects/a.txt", Depth::Zero, &asking_for(&[&oc("fileid")])).multistatus().only().clone();
    let history = |who: &str| format!("/remote.php/dav/versions/{who}/versions/{}", told.value(&oc("fileid")));
    let listed = ana.raw("PROPFIND", &history("ana")).with("Depth", "1").send().status(207);
    let listed = Multistatus::parse(listed.text());
    let hrefs: Vec<&String> = listed.responses.keys().collect();
    assert_eq!(
        hrefs,
        [&format!("{}/", history("ana")), &format!("{}/1", history("ana")), &format!("{}/2", history("ana"))]
    );
    ana.raw("GET", &format!("{}/1", history("ana"))).send().status(200).body("one");
    ben.raw("GET", &format!("{}/1", history("ana"))).send().status(404);

    let restore = |who: &Client, name: &str, number: u32, to: &str| {
        let to = format!("http://{}/remote.php/dav/{to}", who.host());
        who.raw("MOVE", &format!("{}/{number}", history(name))).with("Destination", to).send()
    };
    restore(&ben, "ben", 1, "versions/ben/restore/a").status(403).condition("need-privileges");
    restore(&ana, "ana", 1, "files/ana/Projects/a.txt").status(403);
    restore(&ana, "ana", 1, "versions/ben/restore/a").status(403);
    restore(&ana, "ana", 7, "versions/ana/restore/a").status(404);
    let lock = ana.ask("LOCK", "/Projects/a.txt").xml(LOCK).send().status(200).header("lock-token").to_owned();
    let refused = restore(&ana, "ana", 1, "versions/ana/restore/a").status(423);
    assert!(refused.text().contains("href>/remote.php/dav/files/ana/Projects/a.txt<"), "{}", refused.told());
    ana.ask("UNLOCK", "/Projects/a.txt").with("Lock-Token", lock).send().status(204);
    ana.get("/Projects/a.txt").status(200).body("two");

    restore(&ana, "ana", 1, "versions/ana/restore/a").status(204);
    ben.get("/Projects/a.txt").status(200).body("one");
    // What it was before is kept, and what it is already stays.
    restore(&ana, "ana", 3, "versions/ana/restore/a").status(204);
    ana.raw("GET", &format!("{}/2", history("ana"))).send().status(200).body("two");
    ana.raw("GET", &format!("{}/4", history("ana"))).send().status(404);
    let audit = site.cli(&["audit", "--verb", "MOVE", "--json"]).ok().stdout;
    assert!(audit.contains("revision 1 again") && audit.contains("/Projects/a.txt"), "{audit}");
    assert!(!audit.contains("revision 3 again"), "that was no change: {audit}");

    // Conditions are about the version; what they name besides, about the tree.
    let two = ana.raw("GET", &format!("{}/2", history("ana"))).send().etag();
    let one = ana.get("/Projects/a.txt").etag();
    let moved = |header: &str, value: &str| {
        let to = format!("http://{}/remote.php/dav/versions/ana/restore/a", ana.host());
        ana.raw("MOVE", &format!("{}/2", history("ana"))).with("Destination", to).with(header, value).send()
    };
    let file = |etag: &str| format!("</remote.php/dav/files/ana/Projects/a.txt> ([{etag}])");
    moved("If-Match", &one).status(412);
    moved("If-None-Match", &two).status(412);
    moved("If", "(<urn:uuid:00000000-0000-0000-0000-000000000000>)").status(412);
    moved("If", &file(&two)).status(412);
    ana.get("/Projects/a.txt").status(200).body("one");
    moved("If", &file(&one)).status(204);
    moved("If-Match", &two).status(204);
    ana.get("/Projects/a.txt").status(200).body("two");
    site.is_consistent();
}

/// What somebody finds in his trash: where each thing lay, and by which URL it is known there.
fn trash_of(who: &Client, name: &str) -> Vec<(String, String)> {
    const NC: &str = "{http://nextcloud.org/ns}";
    let [location, file] = ["trashbin-original-location", "trashbin-filename"].map(|local| format!("{NC}{local}"));
    let asked = asking_for(&[&location, &file, &format!("{NC}trashbin-deletion-time"), &oc("fileid")]);
    let list = format!("/remote.php/dav/trashbin/{name}/trash");
    let listed = who.raw("PROPFIND", &list).with("Depth", "1").xml(&asked).send().status(207);
    let mut listed = Multistatus::parse(listed.text()).responses;
    assert!(listed.remove(&format!("{list}/")).is_some(), "the list itself");
    let mut found: Vec<(String, String)> = Vec::new();
    for (href, told) in listed {
        let place = told.value(&location);
        assert!(place.ends_with(told.value(&file)) && told.value(&format!("{NC}trashbin-deletion-time")).len() > 9);
        found.push((place.to_owned(), href));
    }
    found.sort();
    found
}

#[test]
fn what_was_deleted_is_listed_brought_back_and_purged() {
    let site = Site::start();
    let [ana, ben, eva] = site.team("Projects", [("ana", "collaborator"), ("ben", "viewer"), ("eva", "co-owner")]);
    ana.mkcol("/Projects/plans").status(201);
    for (path, content) in [("/Projects/plans/a.txt", "one"), ("/Projects/b.txt", "two"), ("/Home/own.txt", "mine")] {
        ana.put(path, content).status(201);
        ana.delete(path).status(204);
    }
    ana.delete("/Projects/plans").status(204);
    let places = |found: &[(String, String)]| found.iter().map(|(place, _)| place.clone()).collect::<Vec<_>>();
    let found = trash_of(&ana, "ana");
    assert_eq!(places(&found), ["Home/own.txt", "Projects/b.txt", "Projects/plans", "Projects/plans/a.txt"]);
    assert_eq!(places(&trash_of(&eva, "eva")), places(&found)[1..]);
    assert_eq!(trash_of(&ben, "ben"), []);
    ben.raw("PROPFIND", "/remote.php/dav/trashbin/ana/trash").with("Depth", "1").send().status(404);
    ana.raw("PUT", "/remote.php/dav/trashbin/ana/trash")
        .body("x")
        .send()
        .status(405)
        .says("allow", "PROPFIND, MOVE, DELETE");

    let number = |place: usize| found[place].1.trim_matches('/').rsplit('/').next().unwrap().to_owned();
    let asked = |method: &str, who: &Client, name: &str, place: usize, to: &str| {
        let to = format!("http://{}/remote.php/dav/{to}", who.host());
        let thing = format!("/remote.php/dav/trashbin/{name}/trash/{}", number(place));
        who.raw(method, &thing).with("Destination", to).send()
    };
    asked("MOVE", &ben, "ben", 1, "trashbin/ben/restore/b.txt").status(403);
    asked("MOVE", &ben, "ben", 0, "trashbin/ben/restore/own.txt").status(404);
    asked("MOVE", &ana, "ana", 1, "files/ana/Projects/b.txt").status(403);
    asked("DELETE", &ana, "ana", 1, "").status(403).condition("need-privileges");
    asked("GET", &ana, "ana", 1, "").status(404);
    let lock =
        eva.ask("LOCK", "/Projects").with("Depth", "0").xml(LOCK).send().status(200).header("lock-token").to_owned();
    let refused = asked("MOVE", &ana, "ana", 1, "trashbin/ana/restore/b.txt").status(423);
    assert!(refused.text().contains("href>/remote.php/dav/files/ana/Projects/<"), "{}", refused.told());
    eva.ask("UNLOCK", "/Projects").with("Lock-Token", lock).send().status(204);
    assert_eq!(trash_of(&ana, "ana"), found);

    // Conditions are about the thing.
    for (header, value) in [("If-Match", "\"other\""), ("If-None-Match", "*"), ("If", "(<urn:uuid:0>)")] {
        for (method, who, name, to) in
            [("MOVE", &ana, "ana", "trashbin/ana/restore/b.txt"), ("DELETE", &eva, "eva", "trashbin/eva/trash")]
        {
            let thing = format!("/remote.php/dav/trashbin/{name}/trash/{}", number(1));
            let to = format!("http://{}/remote.php/dav/{to}", who.host());
            who.raw(method, &thing).with("Destination", to).with(header, value).send().status(412);
        }
    }
    assert_eq!(trash_of(&ana, "ana"), found);

    // The folder that it lay in is made again, and so the folder comes back beside that one.
    asked("MOVE", &ana, "ana", 3, "trashbin/ana/restore/a.txt").status(201);
    ben.get("/Projects/plans/a.txt").status(200).body("one");
    asked("MOVE", &ana, "ana", 2, "trashbin/ana/restore/plans").status(201);
    assert_eq!(
        ben.list("/Projects", Depth::One).paths(),
        ["/Projects/", "/Projects/plans (restored)/", "/Projects/plans/"]
    );
    asked("MOVE", &ana, "ana", 2, "trashbin/ana/restore/plans").status(404);
    asked("DELETE", &eva, "eva", 1, "").status(204);
    assert_eq!(places(&trash_of(&ana, "ana")), ["Home/own.txt"]);
    for (verb, note) in [("MOVE", "as `plans (restored)`"), ("DELETE", "purged 1 items, 3 bytes")] {
        let audit = site.cli(&["audit", "--verb", verb, "--json"]).ok().stdout;
        assert!(audit.contains(note), "{audit}");
    }
    site.is_consistent();
}
