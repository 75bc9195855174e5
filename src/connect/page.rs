//! The page `/connect`: how to connect, for everybody; `/connect/mine`: the same with one's own shares and name. Plain HTML, no script.
//!
//! Without login it names no share and no person. What it lists after login is what the caller reaches, as `/dav/` lists it.

use clap::ValueEnum as _;
use http::request::Parts;
use http::{Method, StatusCode};

use super::{Client, Mount, Step, guide};
use crate::app::App;
use crate::dav::page_headers;
use crate::error::HttpError;
use crate::guard::{Access, Caller, HOME, OTHERS, Reached};
use crate::net::{Via, named_host};
use crate::path::{decode_segment, encode_segment};
use crate::reply::{self, Body, Reply, escaped};

/// Where the page is.
const PATH: &str = "/connect";
/// Where it asks who you are.
const MINE: &str = "/connect/mine";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem;border-top:1px solid #d0d7de;padding-top:1.2rem}a{color:#0a58ca}\
pre{background:#f3f5f7;border:1px solid #d0d7de;border-radius:6px;padding:.6rem .8rem;overflow-x:auto;font-size:.9rem;white-space:pre-wrap;overflow-wrap:anywhere}\
ul.inline{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.4rem .9rem}summary{cursor:pointer}.note{color:#57606a}\
[aria-current]{font-weight:600;color:inherit;text-decoration:none}:focus-visible{outline:3px solid #0a58ca;outline-offset:2px}\
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e6e8eb}a{color:#6ea8fe}pre{background:#1d2125;border-color:#3a4047}h2{border-color:#3a4047}.note{color:#a3acb5}}";

/// Whether a path is the page's, and whether it is the part with a login.
pub fn is_at(path: &str) -> Option<bool> {
    match path {
        PATH | "/connect/" => Some(false),
        MINE => Some(true),
        _ => None,
    }
}

/// The page for everybody.
pub fn open(app: &App, head: &Parts) -> Result<Reply, HttpError> {
    let mount = Mount::new(&origin(app, head), "SHARE", None);
    let intro = format!(
        "<p>Your shares are folders that your machine can open like its own. <a href=\"{MINE}\">Log in</a> to see them, with what to type for each.</p>\
         <p class=note>Below, SHARE stands for the name of a share and USER for yours.</p>"
    );
    answer(head, &intro, &mount)
}

/// The page for one person: which shares, and the words for one of them.
pub async fn mine(app: &App, head: &Parts, caller: &Caller) -> Result<Reply, HttpError> {
    let access = app.guard.access(&app.db, caller).await?;
    let names = names_of(&access);
    let wanted = head.uri.query().and_then(|query| query.strip_prefix("share="));
    let wanted = wanted.and_then(|name| decode_segment(name).ok());
    let chosen = names.iter().find(|name| wanted.as_deref() == Some(**name)).or(names.first()).copied();
    let mount = Mount::new(&origin(app, head), chosen.unwrap_or_default(), Some(&caller.user.name));
    let mut intro = format!("<p>You are {}. ", escaped(&caller.user.name));
    match chosen {
        Some(_) => intro.push_str(
            "Choose a share; what to type for it follows.</p><nav aria-label=\"Your shares\"><ul class=inline>",
        ),
        None => {
            intro.push_str("No share is open to you here yet.</p><nav aria-label=\"Your shares\"><ul class=inline>")
        }
    }
    for name in names {
        let current = if Some(name) == chosen { " aria-current=page" } else { "" };
        let (link, name) = (encode_segment(name), escaped(name));
        intro.push_str(&format!("<li><a{current} href=\"{MINE}?share={link}\">{name}</a>"));
    }
    let url = escaped(&mount.url());
    intro.push_str(&format!("</ul></nav><p>Its address: <a href=\"{url}\">{url}</a></p>"));
    answer(head, &intro, &mount)
}

fn names_of(access: &Access) -> Vec<&str> {
    let home = access.home().map(|_| HOME);
    let others = (!access.others().is_empty()).then_some(OTHERS);
    home.into_iter().chain(access.shares().iter().map(Reached::name)).chain(others).collect()
}

/// How this server is called: as the configuration says, else as the request named it.
pub fn origin(app: &App, head: &Parts) -> String {
    if let Some(origin) = app.config.server.public_origins.first() {
        return origin.clone();
    }
    let via = head.extensions.get::<Via>();
    let scheme = if via.is_some_and(|via| via.tls) { "https" } else { "http" };
    let host = via.and_then(|via| via.host.as_deref()).or_else(|| named_host(head)).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

fn answer(head: &Parts, intro: &str, mount: &Mount) -> Result<Reply, HttpError> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(HttpError::takes_only("GET, HEAD", "This is a page; the shares are below `/dav/`."));
    }
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Connect · Commonhold</title><style>{STYLE}</style><main><h1>Connect your machine</h1>{intro}\
         <p>Use an app password for each machine rather than your own: whoever administers this server makes one with \
         <code>commonhold user app-password</code>, and a lost machine is locked out by revoking it.</p>\
         <nav aria-label=Clients><ul class=inline>"
    );
    for client in Client::value_variants() {
        html.push_str(&format!("<li><a href=\"#{}\">{}</a>", client.word(), client.title()));
    }
    html.push_str("</ul></nav>");
    for client in Client::value_variants() {
        html.push_str(&format!(
            "<section id={0} aria-labelledby=\"{0}-title\"><h2 id=\"{0}-title\">{1}</h2>",
            client.word(),
            client.title()
        ));
        html.extend(guide(*client, mount).iter().map(shown));
        html.push_str("</section>");
    }
    html.push_str("</main>");
    let mut answer = reply::bytes(StatusCode::OK, "text/html; charset=utf-8", html);
    page_headers(answer.headers_mut());
    if head.method == Method::HEAD {
        *answer.body_mut() = Body::empty();
    }
    Ok(answer)
}

fn shown(step: &Step) -> String {
    match step {
        Step::Do(text) => format!("<p>{}</p>", escaped(text)),
        Step::Run(text) => format!("<pre tabindex=0><code>{}</code></pre>", escaped(text)),
        Step::File { name, text } => {
            let (name, text) = (escaped(name), escaped(text));
            format!("<details><summary>{name}</summary><pre tabindex=0><code>{text}</code></pre></details>")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_text_and_never_markup() {
        let shown = shown(&Step::Run("<script>alert(\"x\")&".to_owned()));
        assert!(!shown.contains("<script") && shown.contains("&lt;script&gt;"), "{shown}");
    }

    #[test]
    fn the_page_is_at_its_own_paths_only() {
        assert_eq!(
            [is_at("/connect"), is_at("/connect/"), is_at("/connect/mine")],
            [Some(false), Some(false), Some(true)]
        );
        for path in ["/connection", "/connect/x", "/connect/mine/", "/"] {
            assert_eq!(is_at(path), None, "{path}");
        }
    }
}
