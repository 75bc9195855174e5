//! A client that follows a collection: what it knows is what it was told.

use std::collections::{BTreeMap, BTreeSet};

use crate::site::{Client, Depth, Reply, asking_for, dav};

/// Somebody who follows a collection from token to token.
pub struct Follower {
    client: Client,
    path: String,
    deep: bool,
    pub token: Option<String>,
    /// What is known: a folder, or the entity tag. A folder's path ends in a slash, as its URL does: what is told by another spelling is another
    /// thing.
    tree: BTreeMap<String, Known>,
    /// How often it had to begin anew.
    pub begun_anew: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    is_collection: bool,
    etag: String,
}

/// Asks for what has changed.
pub fn report(client: &Client, path: &str, token: Option<&str>, deep: bool, limit: Option<u32>) -> Reply {
    let level = if deep { "infinite" } else { "1" };
    let limit = limit.map(|limit| format!("<D:limit><D:nresults>{limit}</D:nresults></D:limit>")).unwrap_or_default();
    let token = token.unwrap_or_default();
    let body = format!(
        r#"<D:sync-collection xmlns:D="DAV:"><D:sync-token>{token}</D:sync-token><D:sync-level>{level}</D:sync-level>{limit}<D:prop><D:getetag/><D:resourcetype/></D:prop></D:sync-collection>"#
    );
    client.ask("REPORT", path).xml(&body).send()
}

impl Follower {
    pub fn new(client: &Client, path: &str, deep: bool) -> Self {
        let (client, path) = (client.clone(), path.to_owned());
        Self { client, path, deep, token: None, tree: BTreeMap::new(), begun_anew: 0 }
    }

    /// Asks for one page, and gives what was told: paths below the collection and statuses.
    #[track_caller]
    pub fn follow(&mut self, limit: Option<u32>) -> BTreeSet<(String, u16)> {
        let (told, more) = self.page(limit);
        assert!(!more, "that is not all");
        told
    }

    /// Asks for pages until there are no more; gives how many it were.
    #[track_caller]
    pub fn pages(&mut self, limit: Option<u32>) -> usize {
        let mut pages = 1;
        while self.page(limit).1 {
            pages += 1;
        }
        pages
    }

    /// The same, where whoever is in the way must begin anew.
    #[track_caller]
    pub fn page(&mut self, limit: Option<u32>) -> (BTreeSet<(String, u16)>, bool) {
        let reply = report(&self.client, &self.path, self.token.as_deref(), self.deep, limit);
        if reply.answer.status == 403 && reply.text().contains("valid-sync-token") && self.token.is_some() {
            self.token = None;
            self.tree.clear();
            self.begun_anew += 1;
            return (BTreeSet::new(), true);
        }
        let reply = reply.status(207);
        let listed = reply.multistatus();
        let (mut told, mut more) = (BTreeSet::new(), false);
        for path in listed.paths() {
            let response = listed.at(&path);
            let below = path.strip_prefix(&self.path).expect("all lie below the collection").trim_end_matches('/');
            match response.status {
                Some(507) => {
                    assert_eq!(below, "", "507 is about the collection itself");
                    more = true;
                }
                Some(status) => {
                    assert_eq!(status, 404, "{}", reply.told());
                    told.insert((below.to_owned(), status));
                }
                None => {
                    told.insert((below.to_owned(), 200));
                }
            }
        }
        if let Some(limit) = limit {
            assert!(told.len() <= limit as usize, "{limit} at most: {}", reply.told());
        }
        for path in listed.paths().iter().filter(|path| listed.at(path).status == Some(404)) {
            let gone = &path[self.path.len()..];
            self.tree.retain(|path, _| path != gone && !(gone.ends_with('/') && path.starts_with(gone)));
        }
        for path in listed.paths().iter().filter(|path| listed.at(path).status.is_none()) {
            let (response, path) = (listed.at(path), &path[self.path.len()..]);
            let known =
                Known { is_collection: response.is_collection(), etag: response.value(&dav("getetag")).to_owned() };
            assert_eq!(known.is_collection, path.ends_with('/'), "{path}");
            self.tree.insert(path.to_owned(), known);
        }
        let token = reply.text().split("<D:sync-token>").nth(1).and_then(|rest| rest.split('<').next());
        self.token = Some(token.expect("every answer has a token").to_owned());
        (told, more)
    }

    /// The paths that it knows.
    pub fn known(&self) -> Vec<&str> {
        self.tree.keys().map(String::as_str).collect()
    }

    /// What it knows is what a listing shows, owner files apart.
    #[track_caller]
    pub fn sees_what_is_listed(&self) {
        let depth = if self.deep { Depth::Infinity } else { Depth::One };
        let body = asking_for(&[&dav("getetag"), &dav("resourcetype")]);
        let listed = self.client.propfind(&self.path, depth, &body).status(207).multistatus();
        let mut tree = BTreeMap::new();
        for path in listed.paths() {
            let below = path.strip_prefix(&self.path).expect("all lie below");
            if below == "/" || below.contains("/~$") {
                continue;
            }
            let response = listed.at(&path);
            let etag = response.value(&dav("getetag")).to_owned();
            tree.insert(below.to_owned(), Known { is_collection: response.is_collection(), etag });
        }
        assert_eq!(self.tree, tree, "what {} knows and what is there", self.client.name);
    }
}
