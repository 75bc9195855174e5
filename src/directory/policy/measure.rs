//! Policies with a value: a size, a number, a span of days or seconds, a list of extensions, one of some words.
//!
//! Like a switch, each is said by an organization for itself and those below, by the nearest one upward; a share may have its
//! own, which then counts there. What nobody says is the default.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::directory::DirectoryError;

/// Extensions that one list may have.
pub const EXTENSIONS_MAX: usize = 1_000;
/// Bytes of one extension.
pub const EXTENSION_BYTES_MAX: usize = 64;

/// What office programs edit, and lay an owner file beside.
const DOCUMENTS: &str = "csv,doc,docm,docx,dot,dotx,fodp,fods,fodt,odg,odp,ods,odt,otp,ots,ott,pdf,pot,potx,pps,ppsx,ppt,pptm,\
                         pptx,pub,rtf,txt,vsd,vsdx,xls,xlsb,xlsm,xlsx,xlt,xltx";

/// A policy with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// The largest file that is taken.
    MaxFileBytes,
    /// Names that are not taken.
    ExcludedExtensions,
    /// Documents that are locked while an owner file lies beside them.
    LockedExtensions,
    /// Saves of one person within this time are one revision.
    CoalesceRevisionsS,
    /// Previous revisions of a file that are kept.
    TrimRevisionsKeep,
    /// How long a previous revision is kept.
    TrimRevisionsDays,
    /// Bytes of previous revisions of a file that are kept.
    TrimRevisionsBytes,
    /// How long a deleted item is kept.
    PurgeDeletedDays,
    /// New names that Windows can't have.
    WindowsNames,
    /// What macOS lays beside files for itself.
    MacosLitter,
    /// Saves of a part of a file.
    PartialUpdates,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Days of 24 hours.
    Days,
    /// Seconds.
    Seconds,
    /// File extensions, with commas between.
    Extensions,
    /// One of the words of the policy.
    Word,
}

impl Unit {
    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Days => "days",
            Self::Seconds => "seconds",
            Self::Extensions => "extensions",
            Self::Word => "word",
        }
    }

    /// The least and the most that a number of it may be.
    const fn range(self) -> (u64, u64) {
        match self {
            Self::Bytes => (1, i64::MAX.unsigned_abs()),
            Self::Count => (0, 1_000_000),
            Self::Days => (1, 36_500),
            Self::Seconds => (1, 86_400),
            Self::Extensions | Self::Word => (0, 0),
        }
    }
}

impl Measure {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::MaxFileBytes,
        Self::ExcludedExtensions,
        Self::LockedExtensions,
        Self::CoalesceRevisionsS,
        Self::TrimRevisionsKeep,
        Self::TrimRevisionsDays,
        Self::TrimRevisionsBytes,
        Self::PurgeDeletedDays,
        Self::WindowsNames,
        Self::MacosLitter,
        Self::PartialUpdates,
    ];

    /// The name in commands and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxFileBytes => "max_file_bytes",
            Self::ExcludedExtensions => "excluded_extensions",
            Self::LockedExtensions => "locked_extensions",
            Self::CoalesceRevisionsS => "coalesce_revisions_s",
            Self::TrimRevisionsKeep => "trim_revisions_keep",
            Self::TrimRevisionsDays => "trim_revisions_days",
            Self::TrimRevisionsBytes => "trim_revisions_bytes",
            Self::PurgeDeletedDays => "purge_deleted_days",
            Self::WindowsNames => "windows_names",
            Self::MacosLitter => "macos_litter",
            Self::PartialUpdates => "partial_updates",
        }
    }

    /// The policy of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// What its value counts.
    pub const fn unit(self) -> Unit {
        match self {
            Self::MaxFileBytes | Self::TrimRevisionsBytes => Unit::Bytes,
            Self::ExcludedExtensions | Self::LockedExtensions => Unit::Extensions,
            Self::CoalesceRevisionsS => Unit::Seconds,
            Self::TrimRevisionsKeep => Unit::Count,
            Self::TrimRevisionsDays | Self::PurgeDeletedDays => Unit::Days,
            Self::WindowsNames | Self::MacosLitter | Self::PartialUpdates => Unit::Word,
        }
    }

    /// What it means, in a line.
    pub const fn help(self) -> &'static str {
        match self {
            Self::MaxFileBytes => "the largest file that is taken",
            Self::ExcludedExtensions => "files of these extensions are not taken; not inherited",
            Self::LockedExtensions => "documents that auto lock locks while they are open",
            Self::CoalesceRevisionsS => "saves of one person within this time are one revision",
            Self::TrimRevisionsKeep => "previous revisions of a file that are kept, the newest",
            Self::TrimRevisionsDays => "a previous revision is trimmed after this time",
            Self::TrimRevisionsBytes => "previous revisions of a file together, the newest first",
            Self::PurgeDeletedDays => "a deleted item is purged after this time",
            Self::WindowsNames => {
                "new names that Windows can't have: it is told others for them (map), or they are not taken (refuse)"
            }
            Self::MacosLitter => {
                "`._*` and `.DS_Store`: files like others (keep), or without history and in nobody else's listings (hide)"
            }
            Self::PartialUpdates => {
                "PATCH, which saves a part of a file and has the server copy the rest of it: refused (refuse), or done (allow)"
            }
        }
    }

    /// The words that its value may be, the default first; none for other units.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::WindowsNames => &["map", REFUSE],
            Self::MacosLitter => &["keep", HIDE],
            Self::PartialUpdates => &[REFUSE, ALLOW],
            Self::MaxFileBytes
            | Self::ExcludedExtensions
            | Self::LockedExtensions
            | Self::CoalesceRevisionsS
            | Self::TrimRevisionsKeep
            | Self::TrimRevisionsDays
            | Self::TrimRevisionsBytes
            | Self::PurgeDeletedDays => &[],
        }
    }

    /// What holds where nobody says otherwise.
    pub fn default(self) -> Value {
        match self {
            Self::LockedExtensions => Value::Extensions(Extensions::parse(DOCUMENTS).unwrap_or_default()),
            Self::ExcludedExtensions => Value::Extensions(Extensions::default()),
            Self::MaxFileBytes
            | Self::CoalesceRevisionsS
            | Self::TrimRevisionsKeep
            | Self::TrimRevisionsDays
            | Self::TrimRevisionsBytes
            | Self::PurgeDeletedDays => Value::Unlimited,
            Self::WindowsNames | Self::MacosLitter | Self::PartialUpdates => Value::Word(self.words()[0]),
        }
    }

    /// Whether organizations have the value of the one above.
    pub const fn is_inherited(self) -> bool {
        !matches!(self, Self::ExcludedExtensions)
    }

    /// Reads a value as people write it and as it is stored. Errors: [`DirectoryError::BadPolicyValue`].
    pub fn parse(self, text: &str) -> Result<Value, DirectoryError> {
        if self.unit() == Unit::Extensions {
            let list = if text == NONE { Some(Extensions::default()) } else { Extensions::parse(text) };
            return list.map(Value::Extensions).ok_or(DirectoryError::BadPolicyValue(self));
        }
        if self.unit() == Unit::Word {
            let word = self.words().iter().find(|word| **word == text);
            return word.map(|word| Value::Word(word)).ok_or(DirectoryError::BadPolicyValue(self));
        }
        if text == NONE {
            return Ok(Value::Unlimited);
        }
        let (least, most) = self.unit().range();
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| plain && (least..=most).contains(number));
        number.map(Value::Number).ok_or(DirectoryError::BadPolicyValue(self))
    }

    /// What a value of it may be, for people.
    pub fn expected(self) -> String {
        match self.unit() {
            Unit::Extensions => format!(
                "`none`, or at most {EXTENSIONS_MAX} extensions such as `.exe,.iso` of at most {EXTENSION_BYTES_MAX} bytes each"
            ),
            Unit::Word => self.words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
            unit @ (Unit::Bytes | Unit::Count | Unit::Days | Unit::Seconds) => {
                let (least, most) = unit.range();
                format!("`none`, or a number from {least} to {most} ({})", unit.name())
            }
        }
    }
}

const NONE: &str = "none";
const REFUSE: &str = "refuse";
const HIDE: &str = "hide";
const ALLOW: &str = "allow";

/// A value of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// No limit, no rule.
    Unlimited,
    /// So many of its unit.
    Number(u64),
    /// These extensions.
    Extensions(Extensions),
    /// This word of the policy's.
    Word(&'static str),
}

/// As [`Measure::parse`] reads it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str(NONE),
            Self::Number(number) => number.fmt(f),
            Self::Extensions(list) => list.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// A list of file extensions, in small letters and without the dot before them, each once, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions(Arc<[String]>);

impl Extensions {
    /// Reads `.exe,.tar.gz`; the first dots may be missing. `None`: that is no list of extensions.
    pub fn parse(text: &str) -> Option<Self> {
        let mut list = Vec::new();
        for extension in text.split(',') {
            let extension = extension.trim();
            let extension = extension.strip_prefix('.').unwrap_or(extension).to_lowercase();
            let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !r#"/\*?"<>|:"#.contains(c);
            let is_good = !extension.is_empty()
                && extension.len() <= EXTENSION_BYTES_MAX
                && !extension.starts_with('.')
                && !extension.ends_with('.')
                && extension.chars().all(is_plain);
            if !is_good || list.len() == EXTENSIONS_MAX {
                return None;
            }
            list.push(extension);
        }
        list.sort_unstable();
        list.dedup();
        Some(Self(list.into()))
    }

    /// The extension of the list that a file's name has, in any letter case. Dots and spaces at the end are no part of a name
    /// to Windows, and so don't hide one.
    pub fn of<'a>(&'a self, name: &str) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let name = name.trim_end_matches(['.', ' ']).to_lowercase();
        let has = |extension: &&String| name.strip_suffix(extension.as_str()).is_some_and(|stem| stem.ends_with('.'));
        self.0.iter().find(has).map(String::as_str)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
        for (at, extension) in self.0.iter().enumerate() {
            write!(f, "{}.{extension}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// The policies with a value, as they hold in one organization or share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures(BTreeMap<Measure, Value>);

impl Measures {
    /// The value that holds.
    pub fn get(&self, measure: Measure) -> Value {
        self.0.get(&measure).cloned().unwrap_or_else(|| measure.default())
    }

    pub(super) fn set(&mut self, measure: Measure, value: Value) {
        self.0.insert(measure, value);
    }

    fn number(&self, measure: Measure) -> Option<u64> {
        match self.0.get(&measure) {
            Some(Value::Number(number)) => Some(*number),
            Some(Value::Unlimited | Value::Extensions(_) | Value::Word(_)) | None => None,
        }
    }

    /// The largest file that is taken; `None`: no limit but the server's.
    pub fn max_file_bytes(&self) -> Option<u64> {
        self.number(Measure::MaxFileBytes)
    }

    /// The extension for which a file of this name is not taken.
    pub fn excludes<'a>(&'a self, name: &str) -> Option<&'a str> {
        match self.0.get(&Measure::ExcludedExtensions) {
            Some(Value::Extensions(list)) => list.of(name),
            Some(Value::Number(_) | Value::Unlimited | Value::Word(_)) | None => None,
        }
    }

    /// Whether new names that Windows can't have are not taken.
    pub fn refuses_windows_names(&self) -> bool {
        self.get(Measure::WindowsNames) == Value::Word(REFUSE)
    }

    /// Whether what macOS lays beside files has no history and shows in nobody else's listings.
    pub fn hides_litter(&self) -> bool {
        self.get(Measure::MacosLitter) == Value::Word(HIDE)
    }

    /// Whether a part of a file is saved by itself.
    pub fn allows_partial_updates(&self) -> bool {
        self.get(Measure::PartialUpdates) == Value::Word(ALLOW)
    }

    /// Whether auto lock is for documents of this name.
    pub fn locks(&self, name: &str) -> bool {
        match self.get(Measure::LockedExtensions) {
            Value::Extensions(list) => list.of(name).is_some(),
            Value::Number(_) | Value::Unlimited | Value::Word(_) => false,
        }
    }

    /// Saves of one person within so many seconds are one revision; `None`: every save is one.
    pub fn coalesce_revisions_s(&self) -> Option<u64> {
        self.number(Measure::CoalesceRevisionsS)
    }

    /// How many previous revisions of a file are kept; `None`: all.
    pub fn trim_revisions_keep(&self) -> Option<u64> {
        self.number(Measure::TrimRevisionsKeep)
    }

    /// For how many days a previous revision is kept; `None`: for ever.
    pub fn trim_revisions_days(&self) -> Option<u64> {
        self.number(Measure::TrimRevisionsDays)
    }

    /// How many bytes of previous revisions of a file are kept; `None`: all.
    pub fn trim_revisions_bytes(&self) -> Option<u64> {
        self.number(Measure::TrimRevisionsBytes)
    }

    /// For how many days a deleted item is kept; `None`: for ever.
    pub fn purge_deleted_days(&self) -> Option<u64> {
        self.number(Measure::PurgeDeletedDays)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_measure_has_a_name_of_its_own_and_a_default_that_can_be_written() {
        for measure in Measure::ALL {
            assert_eq!(Measure::named(measure.name()), Some(measure));
            assert_eq!(measure.parse(&measure.default().to_string()).unwrap(), measure.default(), "{measure:?}");
        }
        assert_eq!(Measure::named("fly"), None);
        assert!(Measures::default().locks("Report.DOCX") && !Measures::default().locks("plan.exe"));
    }

    #[test]
    fn a_value_is_a_number_of_its_unit_or_none() {
        assert_eq!(Measure::MaxFileBytes.parse("5000").unwrap(), Value::Number(5000));
        assert_eq!(Measure::PurgeDeletedDays.parse("none").unwrap(), Value::Unlimited);
        assert_eq!(Measure::TrimRevisionsKeep.parse("0").unwrap(), Value::Number(0));
        for (measure, wrong) in [
            (Measure::MaxFileBytes, "0"),
            (Measure::MaxFileBytes, "9223372036854775808"),
            (Measure::PurgeDeletedDays, "0"),
            (Measure::PurgeDeletedDays, "+3"),
            (Measure::PurgeDeletedDays, ""),
            (Measure::TrimRevisionsKeep, "ten"),
            (Measure::CoalesceRevisionsS, "86401"),
            (Measure::ExcludedExtensions, "exe,,iso"),
            (Measure::ExcludedExtensions, "*.exe"),
            (Measure::ExcludedExtensions, ""),
            (Measure::WindowsNames, "none"),
            (Measure::WindowsNames, "hide"),
            (Measure::MacosLitter, ""),
            (Measure::PartialUpdates, "on"),
        ] {
            assert!(matches!(measure.parse(wrong), Err(DirectoryError::BadPolicyValue(_))), "{measure:?} {wrong}");
        }
    }

    #[test]
    fn an_extension_is_found_in_any_case_and_behind_what_windows_drops() {
        let list = Extensions::parse(" .EXE, tar.gz,.exe").unwrap();
        assert_eq!(list.to_string(), ".exe,.tar.gz");
        for (name, found) in [
            ("setup.exe", Some("exe")),
            ("Setup.Exe", Some("exe")),
            ("setup.exe. .", Some("exe")),
            (".exe", Some("exe")),
            ("a.tar.gz", Some("tar.gz")),
            ("a.gz", None),
            ("exe", None),
            ("setupexe", None),
            ("setup.exe.txt", None),
        ] {
            assert_eq!(list.of(name), found, "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_as_a_value_is_written_and_read_again(text in any::<String>(), at in 0..Measure::ALL.len()) {
            let measure = Measure::ALL[at];
            if let Ok(value) = measure.parse(&text) {
                prop_assert_eq!(measure.parse(&value.to_string()).unwrap(), value);
            }
        }
    }
}
