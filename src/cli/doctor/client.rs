//! The HTTP client of an examination: HTTP/1.1 as drives speak it, no redirect followed, every answer bounded and kept.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::redirect::Policy;
use reqwest::{Body, Certificate, Url};

use crate::cli::output::Failure;
use crate::dav::xml::{Document, Element, QName};
use crate::directory::secret::Secret;

/// A server that hasn't answered after this is reported.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read; a longer one is cut, and counted as longer.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Bytes of one chunk of a chunked body.
const CHUNK_BYTES: usize = 64 * 1024;

/// Who logs in.
pub(super) struct Login {
    pub name: String,
    pub secret: Secret,
}

/// How the server's certificate is judged.
pub(super) struct Trust {
    /// Authorities beside the system's, in PEM.
    pub authorities: Option<Vec<u8>>,
    /// Whether any certificate will do.
    pub any: bool,
}

/// A connection to one server.
pub(super) struct Http {
    client: reqwest::Client,
    url: Url,
    login: Option<Login>,
}

impl Http {
    /// For the server of `url`, with requests that name themselves `agent`.
    pub fn new(url: Url, login: Option<Login>, trust: &Trust, agent: &str) -> Result<Self, Failure> {
        let mut client = reqwest::Client::builder()
            .user_agent(agent)
            .http1_only()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(ANSWER_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .tls_danger_accept_invalid_certs(trust.any);
        if let Some(pem) = &trust.authorities {
            client = client.tls_certs_merge(Certificate::from_pem_bundle(pem)?);
        }
        Ok(Self { client: client.build()?, url, login })
    }

    /// Scheme, host and port, as a URL begins.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The URL that the examination was given.
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Sends a request and reads its answer. Errors: why there is none.
    pub async fn send(&self, ask: Ask) -> Result<Reply, reqwest::Error> {
        // `join` would take a path that begins with `//` for a host.
        let url = Url::parse(&format!("{}{}", self.origin(), ask.path));
        let url = url.expect("an origin and a path that begins with a slash are a URL");
        let mut request = self.client.request(ask.method, url);
        if let (Some(login), false) = (&self.login, ask.anonymous) {
            request = request.basic_auth(&login.name, Some(login.secret.reveal()));
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        request = match ask.body {
            Sending::Nothing => request,
            Sending::Whole(bytes) => request.body(bytes),
            Sending::Chunked(bytes) => request.body(in_chunks(bytes)),
        };
        let mut answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let (mut body, mut length) = (Vec::new(), 0);
        while let Some(piece) = answer.chunk().await? {
            length += piece.len();
            body.extend_from_slice(&piece[..piece.len().min(ANSWER_BYTES_MAX - body.len())]);
        }
        Ok(Reply { status, headers, body, length })
    }
}

/// A body whose length isn't told, as Finder sends one.
fn in_chunks(bytes: Bytes) -> Body {
    let pieces: Vec<Result<Frame<Bytes>, Infallible>> =
        bytes.chunks(CHUNK_BYTES).map(|piece| Ok(Frame::data(bytes.slice_ref(piece)))).collect();
    Body::wrap(StreamBody::new(stream::iter(pieces)))
}

enum Sending {
    Nothing,
    Whole(Bytes),
    Chunked(Bytes),
}

/// A request that isn't sent yet.
#[must_use = "a request does nothing until it is sent"]
pub(super) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Sending,
    anonymous: bool,
}

impl Ask {
    /// `path` is encoded, and begins with a slash.
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        let method = Method::from_bytes(method.as_bytes()).expect("verbs are tokens");
        Self { method, path: path.into(), headers: Vec::new(), body: Sending::Nothing, anonymous: false }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn depth(self, depth: &'static str) -> Self {
        self.with("Depth", depth)
    }

    pub fn body(self, bytes: impl Into<Bytes>) -> Self {
        Self { body: Sending::Whole(bytes.into()), ..self }
    }

    pub fn chunked(self, bytes: impl Into<Bytes>) -> Self {
        Self { body: Sending::Chunked(bytes.into()), ..self }
    }

    pub fn xml(self, body: impl Into<Bytes>) -> Self {
        self.with("Content-Type", "application/xml; charset=utf-8").body(body)
    }

    /// Whether it has such a header.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(found, _)| *found == name)
    }

    pub fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// Without credentials, as clients ask first.
    pub fn anonymous(self) -> Self {
        Self { anonymous: true, ..self }
    }
}

/// An answer.
pub(super) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// At most [`ANSWER_BYTES_MAX`] of it.
    pub body: Vec<u8>,
    /// Bytes of the whole body.
    pub length: usize,
}

impl Reply {
    pub fn is(&self, status: u16) -> bool {
        self.status.as_u16() == status
    }

    /// A header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The items of all headers of that name.
    pub fn items(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::trim).collect()
    }

    /// The compliance classes of `DAV`.
    pub fn is_class(&self, class: &str) -> bool {
        self.items("dav").contains(&class)
    }

    /// Status and what belongs to it, in few words.
    pub fn told(&self) -> String {
        let about = match self.status.as_u16() {
            300..=399 => format!(" to {}", self.header("location")),
            401 => format!(", {}", self.header("www-authenticate")),
            _ => String::new(),
        };
        format!("{}{about}", self.status)
    }

    /// The responses of a multistatus; none if it is no such thing.
    pub fn entries(&self) -> Option<Vec<Entry>> {
        let document = Document::parse(&self.body).ok()?;
        let root = document.root();
        root.name().is_dav("multistatus").then(|| root.dav_children("response").map(Entry::of).collect())
    }

    /// The value of a property of the only response, with its status 200.
    pub fn property(&self, name: &QName) -> Option<String> {
        self.entries()?.into_iter().next()?.value(name).map(str::to_owned)
    }

    /// The token of a lock that was given.
    pub fn lock_token(&self) -> Option<String> {
        let token = self.header("lock-token").trim();
        (!token.is_empty()).then(|| token.trim_start_matches('<').trim_end_matches('>').to_owned())
    }
}

/// One resource of a multistatus.
pub(super) struct Entry {
    /// As it was written.
    pub href: String,
    /// Each property with its status and its text.
    pub properties: Vec<(QName, u16, String)>,
    pub is_collection: bool,
}

impl Entry {
    fn of(response: Element<'_>) -> Self {
        let text = |element: Option<Element<'_>>| element.and_then(Element::text).unwrap_or_default().trim().to_owned();
        let mut entry =
            Self { href: text(response.dav_children("href").next()), properties: Vec::new(), is_collection: false };
        for propstat in response.dav_children("propstat") {
            let status = text(propstat.dav_children("status").next());
            let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
            for property in propstat.dav_children("prop").flat_map(Element::children) {
                if property.name().is_dav("resourcetype") {
                    entry.is_collection = property.dav_children("collection").next().is_some();
                }
                entry.properties.push((property.name().clone(), status, text(Some(property))));
            }
        }
        entry
    }

    /// The text of a property that is there.
    pub fn value(&self, name: &QName) -> Option<&str> {
        let found = self.properties.iter().find(|(found, status, _)| found == name && *status == 200);
        found.map(|(_, _, text)| text.as_str())
    }

    /// The path of its URL, still encoded.
    pub fn path(&self) -> &str {
        match self.href.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => &self.href,
        }
    }
}

/// Whether two paths of URLs mean the same resource, in whatever escapes, with or without a slash at the end.
pub(super) fn is_same_path(one: &str, other: &str) -> bool {
    let plain = |path: &str| percent_encoding::percent_decode_str(path.trim_end_matches('/')).collect::<Vec<u8>>();
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Reply {
        let body = body.as_bytes().to_vec();
        Reply { status: StatusCode::MULTI_STATUS, headers: HeaderMap::new(), length: body.len(), body }
    }

    #[test]
    fn a_multistatus_is_read_in_any_prefix_and_with_whole_urls() {
        let found = reply(
            r#"<d:multistatus xmlns:d="DAV:"><d:response><d:href>https://h.example/dav/a%20b/</d:href>
               <d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype><d:getetag>"1"</d:getetag></d:prop>
               <d:status>HTTP/1.1 200 OK</d:status></d:propstat>
               <d:propstat><d:prop><d:displayname/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>
               </d:response></d:multistatus>"#,
        );
        let [entry] = &found.entries().unwrap()[..] else { panic!("one response") };
        assert!(entry.is_collection && is_same_path(entry.path(), "/dav/a b"));
        assert_eq!(entry.value(&QName::dav("getetag")), Some("\"1\""));
        assert_eq!(entry.value(&QName::dav("displayname")), None);
    }

    #[test]
    fn what_is_no_multistatus_has_no_entries() {
        for body in ["", "<html/>", "not xml", "<multistatus/>"] {
            assert!(reply(body).entries().is_none(), "{body}");
        }
    }
}
