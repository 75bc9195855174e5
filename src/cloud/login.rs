//! Login on a page, as Nextcloud's clients want it (their login flow, version 2): the client begins and is given the page's URL; somebody logs in there
//! with name and password; the client asks meanwhile, and is given an app password as a registered device of his.
//!
//! No cookies and no session: the page's URL is the secret that ties both together, and it is good for one login. A form that another site sends is refused.

use std::sync::Arc;

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;

use crate::app::App;
use crate::audit::{Actor, Line, Outcome, Record};
use crate::connect::page::origin;
use crate::dav;
use crate::directory::app_password::Credential;
use crate::directory::login_flow::{self, Granted};
use crate::error::HttpError;
use crate::guard::Caller;
use crate::net::RequestBody;
use crate::path::decode_segment;
use crate::reply::{self, Reply, escaped};
use crate::trail::{self, Trace};

/// Where clients begin; below it they ask, and people log in.
pub(super) const PATH: &str = "/login/v2";
/// Bytes of a form.
const FORM_BYTES_MAX: usize = 4 * 1024;

/// A step of the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A client begins.
    Begin,
    /// It asks whether somebody has logged in.
    Poll,
    /// The page, by its token.
    Page(String),
}

/// Where a page is, its token left out.
const PAGE: &str = "/login/v2/flow/";

/// What may be told of a path that is a page's; `None` for any other.
pub fn page_without_token(path: &str) -> Option<&'static str> {
    path.strip_prefix("/index.php").unwrap_or(path).starts_with(PAGE).then_some(PAGE)
}

/// Which step a path is.
pub(super) fn step(path: &str) -> Option<Step> {
    match path.strip_prefix(PATH)? {
        "" => Some(Step::Begin),
        "/poll" => Some(Step::Poll),
        below => {
            let token = below.strip_prefix("/flow/")?;
            token.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| Step::Page(token.to_owned()))
        }
    }
}

/// What is answered without a login: all but the form that brings one.
pub async fn answer(
    app: &Arc<App>,
    trace: &Trace,
    step: &Step,
    head: &Parts,
    body: RequestBody,
) -> Result<Reply, HttpError> {
    match (step, head.method.as_str()) {
        (Step::Begin, "POST") => begin(app, trace, head).await,
        (Step::Poll, "POST") => poll(app, trace, head, body).await,
        (Step::Page(token), "GET" | "HEAD") => {
            let agent = login_flow::waiting(&mut app.db.read().await?, token, trace.at).await?;
            Ok(match agent {
                Some(agent) => page(StatusCode::OK, &form(&agent, "")),
                None => page(
                    StatusCode::NOT_FOUND,
                    "<p>This page has been used, or its time is over. Begin again in your client.</p>",
                ),
            })
        }
        (Step::Page(_), _) => Err(HttpError::takes_only("GET, HEAD, POST", "This is a step of a login.")),
        (Step::Begin | Step::Poll, _) => Err(HttpError::takes_only("POST", "This is a step of a login.")),
    }
}

async fn begin(app: &Arc<App>, trace: &Trace, head: &Parts) -> Result<Reply, HttpError> {
    let (db, now) = (app.db.clone(), trace.at);
    let (agent, address) = (trace.agent_text().unwrap_or_default(), trace.address());
    let begun = dav::to_its_end(&app.db, async move {
        let mut tx = db.write().await?;
        let begun = login_flow::begin(&mut tx, &agent, address, now).await?;
        trail::commit(tx, None).await?;
        Ok(begun)
    });
    let begun =
        begun.await?.ok_or_else(|| HttpError::unavailable("Too many clients wait for a login. Please try later."))?;
    let base = origin(app, head);
    let poll = json!({ "token": begun.poll.reveal(), "endpoint": format!("{base}{PATH}/poll") });
    let told = json!({ "poll": poll, "login": format!("{base}{PATH}/flow/{}", begun.page.reveal()) });
    Ok(unkept(reply::bytes(StatusCode::OK, "application/json; charset=utf-8", told.to_string())))
}

async fn poll(app: &Arc<App>, trace: &Trace, head: &Parts, body: RequestBody) -> Result<Reply, HttpError> {
    let form = Form::read(body).await?;
    let token = form.value("token").ok_or_else(|| HttpError::bad_request("The `token` is missing."))?.to_owned();
    if !login_flow::is_granted(&mut app.db.read().await?, &token, trace.at).await? {
        return Err(HttpError::not_found());
    }
    let (db, now, record) = (app.db.clone(), trace.at, trace.record_of(None));
    let granted = dav::to_its_end(&app.db, async move {
        let mut tx = db.write().await?;
        let Some(granted) = login_flow::ask(&mut tx, &token, now).await? else { return Ok(None) };
        let Granted { user, device, .. } = &granted;
        let actor = Actor { id: Some(user.id), name: Line::name(&user.name), ..record.actor.clone() };
        let note = Some(Line::note(&format!("registered the device `{device}` and gave it an app password")));
        trail::commit(tx, Some(Record { actor, note, status: Some(200), path: None, ..record })).await?;
        Ok(Some(granted))
    });
    let Some(Granted { user, secret, .. }) = granted.await? else { return Err(HttpError::not_found()) };
    let told = json!({ "server": origin(app, head), "loginName": user.name, "appPassword": secret.reveal() });
    Ok(unkept(reply::bytes(StatusCode::OK, "application/json; charset=utf-8", told.to_string())))
}

/// Name and password of the form, as the header that logins are made of.
///
/// Errors: 403 for a form that another site sends, and for an app password: what ends with a device must not make another one.
pub async fn credentials(head: &Parts, body: RequestBody) -> Result<Parts, HttpError> {
    let site = head.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if head.method != Method::POST || site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(HttpError::new(StatusCode::FORBIDDEN, "The form is sent from its own page only."));
    }
    let form = Form::read(body).await?;
    let (name, password) = (form.value("user").unwrap_or_default(), form.value("password").unwrap_or_default());
    if Credential::parse(password).is_some() {
        return Err(HttpError::new(StatusCode::FORBIDDEN, "Log in with your own password, not with an app password."));
    }
    let mut head = head.clone();
    let value = format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()));
    let value = HeaderValue::try_from(value).map_err(|_| HttpError::bad_request("The form is malformed."))?;
    head.headers.insert(AUTHORIZATION, value);
    Ok(head)
}

/// Somebody has logged in on the page.
pub async fn grant(app: &Arc<App>, trace: &Trace, caller: &Caller, token: &str) -> Result<Reply, HttpError> {
    let (db, now, record) = (app.db.clone(), trace.at, trace.record_of(None));
    let (user, token) = (Arc::clone(&caller.user), token.to_owned());
    let granted = dav::to_its_end(&app.db, async move {
        let mut tx = db.write().await?;
        let waits = login_flow::grant(&mut tx, &user, &token, now).await?;
        let (outcome, status, note) = match waits {
            true => (Outcome::Done, 200, "logged a client in"),
            false => (Outcome::Refused, 404, "no client waited for this login any more"),
        };
        let note = Some(Line::note(note));
        trail::commit(tx, Some(Record { outcome, note, status: Some(status), path: None, ..record })).await?;
        Ok(waits)
    });
    let granted = granted.await?;
    trace.is_recorded();
    Ok(if granted {
        page(StatusCode::OK, "<p>You are logged in. Go back to your client; this page can be closed.</p>")
    } else {
        page(StatusCode::NOT_FOUND, "<p>No client waits for this login any more. Begin again in your client.</p>")
    })
}

/// The page once more, after a login that failed with this status.
pub async fn again(app: &Arc<App>, trace: &Trace, token: &str, error: &HttpError) -> Result<Reply, HttpError> {
    let Some(agent) = login_flow::waiting(&mut app.db.read().await?, token, trace.at).await? else {
        return Err(HttpError::not_found());
    };
    let text =
        if error.status == StatusCode::UNAUTHORIZED { "The name or the password is wrong." } else { &error.text };
    let status = if error.status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { error.status };
    Ok(page(status, &form(&agent, text)))
}

fn form(agent: &str, problem: &str) -> String {
    let problem = if problem.is_empty() { String::new() } else { format!("<p role=alert>{}</p>", escaped(problem)) };
    format!(
        "<p>A client that calls itself <b>{}</b> wants to use your files. Go on only if you have just begun this yourself, on a machine of yours: \
         it will see and change what you may.</p>{problem}<form method=post><p><label>Name<br><input name=user autocomplete=username required></label>\
         <p><label>Password<br><input name=password type=password autocomplete=current-password required></label>\
         <p><button>Log the client in</button></form>",
        escaped(agent)
    )
}

fn page(status: StatusCode, text: &str) -> Reply {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>Log a client in</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem}}input,button{{font:inherit;padding:.3rem .5rem}}\
         [role=alert]{{color:#b00020}}</style><h1>Log a client in</h1>{text}</html>"
    );
    let mut reply = unkept(reply::bytes(status, "text/html; charset=utf-8", html));
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    reply
}

/// Nothing of it stays anywhere.
fn unkept(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

/// The fields of a form (`application/x-www-form-urlencoded`).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    async fn read(mut body: RequestBody) -> Result<Self, HttpError> {
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(dav::broken_body)?.into_data() else { continue };
            whole.extend_from_slice(&data);
            if whole.len() > FORM_BYTES_MAX {
                return Err(HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "The form is too long."));
            }
        }
        Self::parse(&whole).ok_or_else(|| HttpError::bad_request("The form is malformed."))
    }

    /// `None` when it is none, or not UTF-8.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let decoded = |part: &str| decode_segment(&part.replace('+', " ")).ok().map(|text| text.into_owned());
        let fields = text.trim_end().split('&').filter(|field| !field.is_empty()).map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        fields.collect::<Option<_>>().map(Self)
    }

    /// The first of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let form = Form::parse(b"user=ana+m&password=a%26b%3d%C3%A4").unwrap();
        assert_eq!((form.value("user"), form.value("password")), (Some("ana m"), Some("a&b=\u{e4}")));
        assert_eq!(Form::parse(b"user=%ff"), None);
        assert_eq!(step("/login/v2/flow/abc"), Some(Step::Page("abc".into())));
        assert_eq!((step("/login/v2"), step("/login/v2/poll")), (Some(Step::Begin), Some(Step::Poll)));
        assert_eq!((step("/login/v2/flow/a/b"), step("/login")), (None, None));
    }

    proptest! {
        #[test]
        fn no_form_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "([a-z%+=&]|%[0-9A-F]{0,2}){0,40}") {
            let _ = (Form::parse(&bytes), Form::parse(text.as_bytes()));
        }
    }
}
