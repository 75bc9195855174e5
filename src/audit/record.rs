//! One record: who did what, over which door, with which outcome. Every text in it is bounded and harmless to print.

use std::fmt;

use crate::clock::Moment;
use crate::ids::{NodeId, ShareId, UserId};

/// Bytes of a name, a channel, an address or a request id.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes of a verb, or of a command's words.
pub const VERB_BYTES_MAX: usize = 64;
/// Bytes of a path.
pub const PATH_BYTES_MAX: usize = 4096;
/// Bytes of what a client calls itself.
pub const AGENT_BYTES_MAX: usize = 160;
/// Bytes of a rule, a reason or a command.
pub const NOTE_BYTES_MAX: usize = 1024;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// A text of a record: one line without control characters, no longer than its kind may be.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Line(String);

impl Line {
    /// A name of somebody or something.
    pub fn name(text: &str) -> Self {
        Self::of(text, NAME_BYTES_MAX)
    }

    /// A verb, or the words of a command.
    pub fn verb(text: &str) -> Self {
        Self::of(text, VERB_BYTES_MAX)
    }

    /// A path as people see it.
    pub fn path(text: &str) -> Self {
        Self::of(text, PATH_BYTES_MAX)
    }

    /// What a client calls itself.
    pub fn agent(text: &str) -> Self {
        Self::of(text, AGENT_BYTES_MAX)
    }

    /// A rule, a reason, a command with its arguments.
    pub fn note(text: &str) -> Self {
        Self::of(text, NOTE_BYTES_MAX)
    }

    /// As it was stored; what is stored is only read back, never believed.
    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Control characters, and those that turn the direction of text around, are written as `\u{..}`, a backslash twice, so
    /// that no record can pose as two or hide a part of itself on a terminal. What is too long ends in `…`.
    fn of(text: &str, bytes_max: usize) -> Self {
        let room = bytes_max - CUT.len_utf8();
        let plain = |c: char| c != '\\' && !turns(c);
        if text.len() <= room && text.chars().all(plain) {
            return Self(text.to_owned());
        }
        let mut line = String::new();
        for c in text.chars() {
            let before = line.len();
            match c {
                c if plain(c) => line.push(c),
                '\\' => line.push_str("\\\\"),
                c => line.extend(c.escape_unicode()),
            }
            if line.len() > room {
                line.truncate(before);
                line.push(CUT);
                break;
            }
        }
        Self(line)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, line and paragraph separators, and what changes the direction of the text around it
/// (Unicode UAX 9 section 2).
fn turns(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// For a terminal: also what somebody else has written into the log can't act there.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| if turns(c) { write!(f, "{}", c.escape_unicode()) } else { write!(f, "{c}") })
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How it ended. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Done = 0,
    /// The law said no, or the login was wrong.
    Denied = 1,
    /// It wasn't done for another reason: a lock, a condition, a quota, a fault.
    Refused = 2,
}

impl Outcome {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
            Self::Refused => "refused",
        }
    }

    pub(super) fn stored(number: i64) -> Option<Self> {
        [Self::Done, Self::Denied, Self::Refused].into_iter().find(|outcome| *outcome as i64 == number)
    }
}

/// Who did it, and over which door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The account, if it is known.
    pub id: Option<UserId>,
    /// The name as it was at that moment.
    pub name: Line,
    /// The door: `webdav`, `web`, `device`, `link`, `command line` or `server`.
    pub channel: Line,
    /// The registered device, or what the user calls the app password.
    pub device: Option<Line>,
    /// The other end of the connection.
    pub address: Option<Line>,
    /// What the client calls itself.
    pub agent: Option<Line>,
    /// The request's id, as the answer and the log have it.
    pub request: Option<Line>,
}

impl Actor {
    /// The server itself.
    pub fn server() -> Self {
        Self { name: Line::name("server"), channel: Line::name("server"), ..Self::default() }
    }
}

/// What happened. Its number and hash come when it is appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Moment,
    /// Who.
    pub actor: Actor,
    /// What was asked.
    pub verb: Line,
    /// How it ended.
    pub outcome: Outcome,
    /// The share it was about.
    pub share: Option<ShareId>,
    /// The node it was about.
    pub node: Option<NodeId>,
    /// The path it was about.
    pub path: Option<Line>,
    /// Where it was copied or moved to.
    pub target: Option<Line>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Bytes that were written or asked for.
    pub bytes: Option<u64>,
    /// So many of the same kind, together.
    pub times: u64,
    /// The rule of a denial, the reason of a refusal, or the words of a command.
    pub note: Option<Line>,
}

impl Record {
    /// A record of something that was done, about nothing in particular.
    pub fn new(at: Moment, actor: Actor, verb: &str) -> Self {
        Self {
            at,
            actor,
            verb: Line::verb(verb),
            outcome: Outcome::Done,
            share: None,
            node: None,
            path: None,
            target: None,
            status: None,
            bytes: None,
            times: 1,
            note: None,
        }
    }
}

/// A record in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub seq: i64,
    /// The latest time of any record up to this one.
    pub latest: Moment,
    /// What it tells.
    pub record: Record,
    /// The hash over it and the one before.
    pub hash: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_harmless_line() {
        for (text, line) in [
            ("plan.txt", "plan.txt"),
            ("Müller 日本", "Müller 日本"),
            ("a\nb\tc\u{1b}[2J", "a\\u{a}b\\u{9}c\\u{1b}[2J"),
            ("evil\u{202e}txt.exe", "evil\\u{202e}txt.exe"),
            ("back\\slash", "back\\\\slash"),
            ("\\u{a}", "\\\\u{a}"),
        ] {
            assert_eq!(Line::note(text).as_str(), line);
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let long = "ä".repeat(VERB_BYTES_MAX);
        let line = Line::verb(&long);
        assert!(line.as_str().len() <= VERB_BYTES_MAX && line.as_str().ends_with("ä…"), "{line}");
        let escaped = Line::verb(&"\n".repeat(VERB_BYTES_MAX));
        assert!(escaped.as_str().len() <= VERB_BYTES_MAX && escaped.as_str().ends_with("\\u{a}…"), "{escaped}");
        let fits = "x".repeat(VERB_BYTES_MAX - CUT.len_utf8());
        assert_eq!(Line::verb(&fits).as_str(), fits);
    }
}
