//! The `If` header with lock tokens (RFC 4918 section 10.4): what is true, and what is submitted by it.

use super::{ana_and_ben, holding, holding_at, locked, refresh, save};
use crate::site::{Client, Reply, target};

/// A token that never was one.
const INVENTED: &str = "urn:uuid:00000000-0000-4000-8000-000000000000";

fn put(who: &Client, path: &str, condition: &str) -> Reply {
    who.ask("PUT", path).with("If", condition).body("saved").send()
}

/// Trap 4: a client that believes it holds a lock learns that it doesn't, before it overwrites anything.
#[test]
fn a_stale_or_invented_token_is_false_also_where_nothing_is_locked() {
    let (_site, ana, ben) = ana_and_ben();
    let file = "/Projects/plan.txt";
    save(&ana, file, INVENTED).status(412);
    let stale = locked(&ana, file);
    super::unlock(&ana, file, &stale).status(204);
    let attempts: [(&str, &dyn Fn() -> Reply); 7] = [
        ("PUT", &|| save(&ana, file, &stale)),
        ("PUT of a new file", &|| save(&ana, "/Projects/new.txt", &stale)),
        ("DELETE", &|| ana.ask("DELETE", file).with("If", holding(&stale)).send()),
        ("MOVE", &|| ana.ask("MOVE", file).with("If", holding(&stale)).to("/Projects/b.txt").send()),
        ("COPY", &|| ana.ask("COPY", file).with("If", holding(&stale)).to("/Projects/b.txt").send()),
        ("MKCOL", &|| ana.ask("MKCOL", "/Projects/folder").with("If", holding(&stale)).send()),
        ("refresh", &|| refresh(&ana, file, &stale).send()),
    ];
    for (what, attempt) in attempts {
        let answer = attempt();
        assert_eq!(answer.answer.status, 412, "{what}: {}", answer.told());
    }
    let proppatch = r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><c xmlns="urn:example">1</c></D:prop></D:set></D:propertyupdate>"#;
    ana.ask("PROPPATCH", file).with("If", holding(&stale)).xml(proppatch).send().status(412);
    let taken = locked(&ben, file);
    save(&ana, file, &stale).status(412);
    save(&ana, file, &taken).status(412);
    ana.get(file).status(200).body("v1");
}

/// Trap 3: a tag is an absolute URL or an absolute path, and its lists are about that resource alone.
#[test]
fn a_tagged_list_is_about_the_resource_of_its_tag() {
    let (_site, ana, _ben) = ana_and_ben();
    ana.put("/Projects/Übersicht & so.txt", "v1").status(201);
    let token = locked(&ana, "/Projects/Übersicht & so.txt");
    let path = target("/Projects/Übersicht & so.txt");
    let url = format!("http://{}{path}", ana.host());
    for tag in [&path, &url, &path.to_lowercase(), &path.replace("%26", "&")] {
        put(&ana, "/Projects/Übersicht & so.txt", &format!("<{tag}> (<{token}>)")).status(204);
        // It may be true of another resource than the one that is changed.
        put(&ana, "/Projects/plan.txt", &format!("<{tag}> (<{token}>)")).status(204);
    }
    let elsewhere = holding_at("/Projects/plan.txt", &token);
    put(&ana, "/Projects/Übersicht & so.txt", &elsewhere).status(412);
    put(&ana, "/Projects/plan.txt", &elsewhere).status(412);
    put(&ana, "/Projects/plan.txt", &holding_at("/Projects/none.txt", &token)).status(412);
    put(&ana, "/Projects/plan.txt", &holding_at("/Nonesuch/none.txt", &token)).status(412);
    // No list is about the locked file, but its token is there to be seen.
    let both = format!("<{}> (Not <{token}>)", target("/Projects/plan.txt"));
    put(&ana, "/Projects/Übersicht & so.txt", &both).status(204);
}

/// Trap 3: any list of any tag makes the header true; every condition of a list must be.
#[test]
fn lists_are_alternatives_and_conditions_come_together() {
    let (_site, ana, _ben) = ana_and_ben();
    let file = "/Projects/plan.txt";
    ana.put("/Projects/other.txt", "v1").status(201);
    let token = locked(&ana, file);
    let [this, other] = [file, "/Projects/other.txt"].map(target);
    let etag = ana.head(file).etag();
    for (condition, expected) in [
        (format!("<{this}> (<{token}> [{etag}])"), 204),
        // That save has changed the tag.
        (format!("<{this}> (<{token}> [{etag}])"), 412),
        (format!("<{this}> (<{INVENTED}>) (<{token}>)"), 204),
        (format!("<{other}> (<{token}>) <{this}> (<{token}>)"), 204),
        (format!("<{other}> (<{INVENTED}>) (<{token}>) <{this}> (<{INVENTED}>)"), 412),
        (format!("(<{INVENTED}>) (<{token}>)"), 204),
        (format!("(<{INVENTED}> <{token}>)"), 412),
        (format!("(<{token}> Not <{INVENTED}>)"), 204),
        (format!("(Not <{token}>)"), 412),
        (format!("(<{token}>) ([\"no-such-tag\"])"), 204),
    ] {
        let answer = put(&ana, file, &condition);
        assert_eq!(answer.answer.status, expected, "{condition}: {}", answer.told());
    }
    // Mixed tagged and untagged lists are no header at all.
    put(&ana, file, &format!("(<{token}>) <{this}> (<{token}>)")).status(400);
}

/// Trap 3: RFC 4918 section 10.4.8. Naming a token submits it, whatever becomes of its list.
#[test]
fn a_header_made_true_by_no_lock_still_needs_the_token() {
    let (_site, ana, ben) = ana_and_ben();
    let file = "/Projects/plan.txt";
    put(&ben, file, "(<DAV:no-lock>)").status(412);
    put(&ben, file, "(Not <DAV:no-lock>)").status(204);
    let token = locked(&ana, file);
    for who in [&ana, &ben] {
        put(who, file, "(Not <DAV:no-lock>)").status(423).condition("lock-token-submitted");
        put(who, file, &format!("(<{INVENTED}>) (Not <DAV:no-lock>)")).status(423);
        put(who, file, &format!("([{}])", who.head(file).etag())).status(423);
    }
    put(&ana, file, &format!("(<{token}> [\"no-such-tag\"]) (Not <DAV:no-lock>)")).status(204);
    put(&ana, file, &format!("(Not <{token}>) (Not <DAV:no-lock>)")).status(204);
}

/// The conditions of HTTP and `If` hold together, and what is false comes before what is locked.
#[test]
fn a_false_condition_is_told_before_a_lock() {
    let (_site, ana, ben) = ana_and_ben();
    let file = "/Projects/plan.txt";
    let token = locked(&ana, file);
    ben.ask("PUT", file).with("If-Match", "\"stale\"").body("mine").send().status(412);
    ben.ask("PUT", file).with("If-Match", ben.head(file).etag()).body("mine").send().status(423);
    let both = ana.ask("PUT", file).with("If", holding(&token)).with("If-Match", "\"stale\"").body("mine");
    both.send().status(412);
    // davfs2 sends a tagged list and If-Match with every save.
    let davfs2 = ana.ask("PUT", file).with("If", holding_at(file, &token)).with("If-Match", ana.head(file).etag());
    davfs2.body("saved").send().status(204);
}

/// Trap 44: macOS and Windows send the tokens that they hold without a tag, whichever resource of the MOVE they lock.
#[test]
fn a_move_takes_the_tokens_of_everything_that_it_touches() {
    let (_site, ana, ben) = ana_and_ben();
    ana.mkcol("/Projects/folder").status(201);
    ana.put("/Projects/folder/a.txt", "a").status(201);
    let token = locked(&ana, "/Projects/folder/a.txt");
    ana.rename("/Projects/folder", "/Projects/moved").status(207);
    ben.ask("MOVE", "/Projects/folder").with("If", holding(&token)).to("/Projects/moved").send().status(412);
    ana.ask("MOVE", "/Projects/folder").with("If", holding(&token)).to("/Projects/moved").send().status(201);
    ana.get("/Projects/moved/a.txt").status(200).body("a");
    // The lock of what is at the destination.
    ana.put("/Projects/draft.txt", "v2").status(201);
    let token = locked(&ana, "/Projects/plan.txt");
    ana.rename("/Projects/draft.txt", "/Projects/plan.txt").status(423);
    ana.ask("MOVE", "/Projects/draft.txt").with("If", holding(&token)).to("/Projects/plan.txt").send().status(204);
    ana.get("/Projects/plan.txt").status(200).body("v2");
    ana.ask("MOVE", "/Projects/plan.txt").with("If", holding(INVENTED)).to("/Projects/new.txt").send().status(412);
}
