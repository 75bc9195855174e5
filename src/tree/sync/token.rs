//! The token that says how far somebody is: sealed, so that nobody but the site can read or make one.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::ids::{NodeId, ShareId, UserId};
use crate::tree::view::{Lists, View};

/// Views that one token can name: beyond that rights have changed faster than somebody fetches pages, and he begins anew.
pub const VIEWS_MAX: usize = 4;

/// What a token begins with: it is a URI (RFC 6578 section 6.2).
const SCHEME: &str = "urn:commonhold:sync:";
/// Of what is written below.
const FORM: u8 = 2;
const SEAL_BYTES: usize = 16;
const FIXED_BYTES: usize = 3 + 7 * 8;

/// Names a view: a hash of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub [u8; 16]);

impl ViewId {
    /// Of somebody who has been told nothing yet.
    pub const NOTHING: Self = Self([0; 16]);
    /// Of whoever sees everything.
    pub const EVERYTHING: Self = Self([255; 16]);
}

/// How far somebody has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// All rows of the change log up to this one.
    pub seq: i64,
    /// Of the next row what it took away, and of what it brought the nodes up to this id.
    pub row_after: Option<i64>,
    /// Of what is seen by the last of `views` and wasn't before, or the reverse, the nodes up to this id.
    pub rights_after: i64,
    /// By which of these he saw what he was told.
    pub views: Vec<ViewId>,
}

impl Progress {
    /// Of somebody who is told everything that `view` shows after `seq`.
    pub fn at(seq: i64, view: ViewId) -> Self {
        Self { seq, row_after: None, rights_after: 0, views: vec![view] }
    }
}

/// What the log tells of what macOS leaves in folders: it doesn't have what was kept out of it, so a token is good for as long as this stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Litter {
    /// Nothing.
    pub is_kept_out: bool,
    /// How often that was switched, anywhere.
    pub switches: i64,
}

/// A token that has been opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// To whom it was given.
    pub user: UserId,
    /// The share that it is about.
    pub share: ShareId,
    /// The collection that it is about.
    pub node: NodeId,
    /// What the log told of then.
    pub litter: Litter,
    /// How far.
    pub progress: Progress,
}

/// The site's key for tokens.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// From 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    fn code(&self, purpose: u8, parts: &[&[u8]]) -> [u8; 32] {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        code.update(&[purpose]);
        for part in parts {
            code.update(part);
        }
        code.finalize().into_bytes().into()
    }

    /// Hides `bytes`, or shows them again: what is mixed in depends on the seal, which is another one for other bytes.
    fn mix(&self, seal: &[u8], bytes: &mut [u8]) {
        for (number, block) in bytes.chunks_mut(32).enumerate() {
            let stream = self.code(1, &[seal, &(number as u64).to_be_bytes()]);
            block.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
        }
    }
}

impl Token {
    /// The token as it is given out; the same for the same state.
    pub fn seal(&self, key: &Key) -> String {
        let Progress { seq, row_after, rights_after, views } = &self.progress;
        let mut bytes = vec![FORM, views.len() as u8, u8::from(self.litter.is_kept_out)];
        let after = [*seq, row_after.unwrap_or(-1), *rights_after];
        for number in [self.user.0, self.share.0, self.node.0, self.litter.switches].into_iter().chain(after) {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        views.iter().for_each(|view| bytes.extend_from_slice(&view.0));
        let seal = key.code(0, &[&bytes]);
        let seal = &seal[..SEAL_BYTES];
        key.mix(seal, &mut bytes);
        let sealed = [seal, &bytes].concat();
        format!("{SCHEME}{}", BASE64URL_NOPAD.encode(&sealed))
    }

    /// Whether a text looks like one, whoever made it.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Opens a token. `None`: it wasn't given by this site.
    pub fn open(key: &Key, text: &str) -> Option<Self> {
        let sealed = text.trim().strip_prefix(SCHEME)?;
        if sealed.len() > 4 * (SEAL_BYTES + FIXED_BYTES + VIEWS_MAX * 16) / 3 + 4 {
            return None;
        }
        let mut sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        if sealed.len() < SEAL_BYTES + FIXED_BYTES {
            return None;
        }
        let mut bytes = sealed.split_off(SEAL_BYTES);
        key.mix(&sealed, &mut bytes);
        if !bool::from(key.code(0, &[&bytes])[..SEAL_BYTES].ct_eq(&sealed)) || bytes[0] != FORM {
            return None;
        }
        let (fixed, views) = bytes.split_at(FIXED_BYTES);
        if usize::from(fixed[1]) > VIEWS_MAX || views.len() != usize::from(fixed[1]) * 16 {
            return None;
        }
        let number = |at: usize| {
            let bytes: [u8; 8] = fixed[3 + at * 8..][..8].try_into().expect("eight of them are there");
            i64::from_be_bytes(bytes)
        };
        let views = views.chunks_exact(16).map(|id| ViewId(id.try_into().expect("sixteen of them"))).collect();
        let row_after = Some(number(5)).filter(|after| *after >= 0);
        Some(Self {
            user: UserId(number(0)),
            share: ShareId(number(1)),
            node: NodeId(number(2)),
            litter: Litter { is_kept_out: fixed[2] != 0, switches: number(3) },
            progress: Progress { seq: number(4), row_after, rights_after: number(6), views },
        })
    }
}

/// The id of a view, and the text by which it is kept.
pub(super) fn name(view: &View) -> (ViewId, String) {
    if view.is_all() {
        return (ViewId::EVERYTHING, String::new());
    }
    let sorted = |nodes: &[NodeId]| {
        let mut ids: Vec<i64> = nodes.iter().map(|node| node.0).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let View { lists, all, collections, named, also, except } = view;
    let parts = [all, collections, named, also, except].map(|nodes| sorted(nodes));
    let shown = json!([*lists as i64, parts]).to_string();
    let hash = blake3::hash(shown.as_bytes());
    let id = hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes");
    (ViewId(id), shown)
}

/// The view that a text keeps.
pub(super) fn view_of(shown: &str) -> Option<View> {
    let (lists, parts): (i64, [Vec<i64>; 5]) = serde_json::from_str(shown).ok()?;
    let lists = match lists {
        0 => Lists::All,
        1 => Lists::Collections,
        2 => Lists::Named,
        _ => return None,
    };
    let [all, collections, named, also, except] = parts.map(|ids| ids.into_iter().map(NodeId).collect());
    Some(View { lists, all, collections, named, also, except })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> Key {
        Key([byte; 32])
    }

    fn token() -> impl Strategy<Value = Token> {
        let progress =
            (0i64.., proptest::option::of(0i64..), 0i64.., proptest::collection::vec(any::<[u8; 16]>(), 0..=4));
        (0i64.., 0i64.., 0i64.., (any::<bool>(), 0i64..), progress).prop_map(
            |(user, share, node, (is_kept_out, switches), (seq, row_after, rights_after, views))| Token {
                user: UserId(user),
                share: ShareId(share),
                node: NodeId(node),
                litter: Litter { is_kept_out, switches },
                progress: Progress { seq, row_after, rights_after, views: views.into_iter().map(ViewId).collect() },
            },
        )
    }

    proptest! {
        #[test]
        fn a_token_comes_back_and_only_to_the_site_that_gave_it(token in token(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let text = token.seal(&key(1));
            prop_assert_eq!(Token::open(&key(1), &text), Some(token.clone()));
            prop_assert_eq!(Token::open(&key(1), &format!(" {text}\n")), Some(token));
            prop_assert_eq!(Token::open(&key(2), &text), None);
            // Any other character in it makes it another one, which the site has not given.
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(other) = String::from_utf8(bytes) {
                let known = other.trim().len() == other.len();
                prop_assert!(!known || Token::open(&key(1), &other).is_none());
            }
        }

        #[test]
        fn no_text_panics_the_reader_of_tokens(text in "(urn:commonhold:sync:)?[A-Za-z0-9_=-]{0,300}") {
            let _ = Token::open(&key(1), &text);
        }

        #[test]
        fn a_view_comes_back_from_its_text(ids in proptest::collection::vec(proptest::collection::btree_set(1i64..50, 0..6), 5), lists in 0..3) {
            let lists = [Lists::All, Lists::Collections, Lists::Named][lists as usize];
            let part = |at: usize| ids[at].iter().copied().map(NodeId).collect::<Vec<_>>();
            let view = View { lists, all: part(0), collections: part(1), named: part(2), also: part(3), except: part(4) };
            let (id, shown) = name(&view);
            if view.is_all() {
                prop_assert_eq!(id, ViewId::EVERYTHING);
            } else {
                prop_assert_eq!(view_of(&shown), Some(view));
            }
        }
    }

    #[test]
    fn a_token_tells_its_holder_nothing() {
        let token = |seq| {
            let progress = Progress::at(seq, ViewId::EVERYTHING);
            Token {
                user: UserId(1),
                share: ShareId(2),
                node: NodeId(3),
                litter: Litter { is_kept_out: false, switches: 0 },
                progress,
            }
            .seal(&key(1))
        };
        let (one, other) = (token(7), token(8));
        assert_eq!(one, token(7), "nothing has changed");
        let same = one.bytes().zip(other.bytes()).skip(SCHEME.len()).filter(|(a, b)| a == b).count();
        assert!(same < 20, "{same} characters of two tokens are the same");
    }
}
