//! What those clients ask of a server besides its files: which server it is, what it can do, and who somebody is.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::dav::headers::ChecksumAlgorithm;
use crate::error::HttpError;
use crate::guard::Caller;
use crate::reply::{self, Reply, escaped};
use crate::tree;

/// The version of the protocol that clients are told: they speak with older servers less well, and ask newer ones for more.
const VERSION: [u32; 3] = [27, 1, 0];

/// What stands for a number of bytes that isn't known,
const UNKNOWN: i64 = -2;
/// and for a quota where there is none.
const UNLIMITED: i64 = -3;

fn version() -> String {
    VERSION.map(|number| number.to_string()).join(".")
}

/// `/status.php`.
pub fn status() -> Reply {
    let status = json!({
        "installed": true, "maintenance": false, "needsDbUpgrade": false, "version": format!("{}.0", version()),
        "versionstring": version(), "edition": "", "productname": "Commonhold", "extendedSupport": false,
    });
    reply::bytes(StatusCode::OK, "application/json", status.to_string())
}

/// `/ocs/v1.php/...` and `/ocs/v2.php/...`: JSON when asked for by `format=json`, else XML.
pub async fn answer(app: &App, caller: &Caller, ocs: u8, about: &str, query: Option<&str>) -> Result<Reply, HttpError> {
    let data = match about.trim_end_matches('/') {
        "cloud/capabilities" => Some(capabilities()),
        "cloud/user" => Some(user(app, caller).await?),
        _ => None,
    };
    let found = data.is_some();
    let code = match (found, ocs) {
        (true, 1) => 100,
        (true, _) => 200,
        (false, 1) => 998,
        (false, _) => 404,
    };
    let (status, message) = if found { ("ok", "OK") } else { ("failure", "There is no such thing here.") };
    let meta = json!({ "status": status, "statuscode": code, "message": message });
    let whole = json!({ "ocs": { "meta": meta, "data": data.unwrap_or_else(|| json!([])) } });
    let http = if found || ocs == 1 { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let is_json = query.is_some_and(|query| query.split('&').any(|part| part == "format=json"));
    Ok(if is_json {
        reply::bytes(http, "application/json; charset=utf-8", whole.to_string())
    } else {
        let mut xml = String::from("<?xml version=\"1.0\"?>");
        write_xml(&mut xml, "ocs", &whole["ocs"]);
        reply::bytes(http, "application/xml; charset=utf-8", xml)
    })
}

fn capabilities() -> Value {
    let [major, minor, micro] = VERSION;
    let names = ChecksumAlgorithm::ALL.map(|(name, _)| name);
    let preferred = names[0];
    json!({
        "version": { "major": major, "minor": minor, "micro": micro, "string": version(), "edition": "", "extendedSupport": false },
        "capabilities": {
            "checksums": { "supportedTypes": names, "preferredUploadType": preferred },
            "core": { "pollinterval": 60, "webdav-root": "remote.php/webdav" },
            "dav": { "chunking": "1.0" },
            "files": { "bigfilechunking": true, "undelete": true, "versioning": true },
        },
    })
}

async fn user(app: &App, caller: &Caller) -> Result<Value, HttpError> {
    let access = app.guard.access(&app.db, caller).await?;
    let quota = match access.home() {
        Some(home) => {
            let usage = tree::usage(&mut app.db.read().await?, home.share.id).await?;
            let (used, on_disk) =
                (usage.used_bytes, app.blobs.free_bytes()?.saturating_sub(app.config.storage.min_free_bytes));
            let free = usage.quota_bytes.map_or(on_disk, |quota| quota.saturating_sub(used).min(on_disk));
            let total = used.saturating_add(free);
            let quota = usage.quota_bytes.map_or(json!(UNLIMITED), |quota| json!(quota));
            json!({ "free": free, "used": used, "total": total, "relative": percent(used, total), "quota": quota })
        }
        None => json!({ "free": UNKNOWN, "used": 0, "total": UNKNOWN, "relative": 0, "quota": UNLIMITED }),
    };
    let user = &caller.user;
    let shown = if user.display.is_empty() { &user.name } else { &user.display };
    Ok(json!({
        "id": user.name, "display-name": shown, "displayname": shown, "email": user.email, "enabled": true, "quota": quota,
    }))
}

/// With two digits behind the point.
fn percent(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { (part as f64 / of as f64 * 10_000.0).round() / 100.0 }
}

/// JSON as the XML that these clients know: members by their names, entries of a list as `element`.
fn write_xml(out: &mut String, name: &str, value: &Value) {
    out.push_str(&format!("<{name}>"));
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| write_xml(out, name, value)),
        Value::Array(entries) => entries.iter().for_each(|value| write_xml(out, "element", value)),
        Value::String(text) => out.push_str(&escaped(text)),
        Value::Bool(yes) => out.push_str(if *yes { "1" } else { "" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Null => {}
    }
    out.push_str(&format!("</{name}>"));
}
