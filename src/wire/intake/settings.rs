//! How a source's records become tickets: preset, words, bounds. Built by `config`; the default reads native tickets.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::domain::severity::Severity;
use crate::domain::ticket::{Channel, Kind, Level, Status};

use super::mapping::Mapping;

/// How a source's records become tickets.
#[derive(Clone, Debug)]
pub struct IntakeSettings {
    /// Which source the records come from. Default native.
    pub preset: Preset,
    /// Fields by JSON Pointer: all of them for [`Preset::Mapping`], and overrides for every other preset. Default none.
    pub mapping: Mapping,
    /// What the source's severity words mean. Default: [`SeverityAliases::for_preset`] of native.
    pub severities: SeverityAliases,
    /// What the source's other words mean, on top of our own. Default none.
    pub words: WordAliases,
    /// Zone of wall-clock times without one; without it such a time is a dead letter. Default none.
    pub time_zone: Option<TimeZone>,
    /// User under which noctriage writes into the source; recognises our own changes and notes. Several names (the user,
    /// and the display name that journals show) are separated by commas; compared without case. Default none.
    pub own_user: Option<String>,
    /// Users of the source that are no people: monitoring, rules and schedulers. What they set and change is not a
    /// person's work; anybody else's is. Compared without case. Default: `system` for ServiceNow, else none.
    pub machine_users: BTreeSet<String>,
    /// Labels (or custom fields) that are kept; everything else is dropped. Default none.
    pub labels_allowed: BTreeSet<String>,
    /// Label of an Alertmanager group that names the ticket; without it, or where a group lacks it, the id is made from
    /// the group key. Default none.
    pub alertmanager_id_label: Option<String>,
    /// Bounds of a record and of its texts.
    pub limits: IntakeLimits,
}

impl Default for IntakeSettings {
    fn default() -> Self {
        Self::for_preset(Preset::Native)
    }
}

impl IntakeSettings {
    /// Everything a preset brings with it, and nothing that only the site can know.
    pub fn for_preset(preset: Preset) -> Self {
        Self {
            preset,
            mapping: Mapping::default(),
            severities: SeverityAliases::for_preset(preset),
            words: WordAliases::default(),
            time_zone: None,
            own_user: None,
            machine_users: match preset {
                Preset::ServiceNow => BTreeSet::from(["system".to_owned()]),
                Preset::Native | Preset::Alertmanager | Preset::Mapping => BTreeSet::new(),
            },
            labels_allowed: BTreeSet::new(),
            alertmanager_id_label: None,
            limits: IntakeLimits::default(),
        }
    }
}

/// Which source the records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Preset {
    /// `noctriage.ticket/v1`.
    #[default]
    Native,
    /// ServiceNow Table API records, with or without the headers of the Stream Producer.
    ServiceNow,
    /// Alertmanager webhook version 4: one ticket per group.
    Alertmanager,
    /// Anything else, by JSON Pointer.
    Mapping,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 4] = [Self::Native, Self::ServiceNow, Self::Alertmanager, Self::Mapping];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::ServiceNow => "servicenow",
            Self::Alertmanager => "alertmanager",
            Self::Mapping => "mapping",
        }
    }

    /// The preset of a word in the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == word)
    }
}

/// Bounds of a record. What is over a bound of a text is cut and flagged, which forbids automatic action; what is over
/// a bound of the record is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeLimits {
    /// Bytes of a record value. Default 256 KiB. Larger values are not parsed: they are dead letters `too_large`.
    pub record_bytes_max: usize,
    /// Levels of arrays and objects inside each other. Default 32. Deeper ones are dead letters `too_deep`.
    pub nesting_max: usize,
    /// Bytes of the title. Default 1 KiB: no source shows more in one line.
    pub title_bytes_max: usize,
    /// Bytes of the description. Default 32 KiB: far more than any model reads.
    pub description_bytes_max: usize,
    /// Bytes of one note. Default 4 KiB.
    pub note_bytes_max: usize,
}

impl Default for IntakeLimits {
    fn default() -> Self {
        Self {
            record_bytes_max: 256 * 1024,
            nesting_max: 32,
            title_bytes_max: 1024,
            description_bytes_max: 32 * 1024,
            note_bytes_max: 4 * 1024,
        }
    }
}

/// What a severity word of the source means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeverityMeaning {
    /// A step of our scale.
    Is(Severity),
    /// The source does not know: no severity, and never low.
    Unknown,
    /// The fault is over: no severity, and the ticket needs no triage.
    Cleared,
}

/// Severity words of a source (compared trimmed and lower-cased). A word that is not here is *unmapped*: the ticket is
/// decided, but never automatically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityAliases {
    words: BTreeMap<String, SeverityMeaning>,
}

impl SeverityAliases {
    /// Our own words and those of a preset's source.
    pub fn for_preset(preset: Preset) -> Self {
        let rows = match preset {
            Preset::Native | Preset::Mapping => [SCALE, X733, ZABBIX, P_SCALE].concat(),
            Preset::ServiceNow => [SCALE, SERVICENOW].concat(),
            Preset::Alertmanager => [SCALE, X733, P_SCALE, PROMETHEUS].concat(),
        };
        Self { words: rows.into_iter().map(|(word, meaning)| (word.to_owned(), meaning)).collect() }
    }

    /// Adds a word of the source, or gives it another meaning.
    pub fn set(&mut self, word: &str, meaning: SeverityMeaning) {
        self.words.insert(word_key(word), meaning);
    }

    /// What a word means; `None` when no row maps it. A word such as `4 - Low` is also looked up by its number.
    pub fn meaning(&self, word: &str) -> Option<SeverityMeaning> {
        lookup(&self.words, word)
    }

    /// All rows in order, as `config show` and the eligibility digest read them.
    pub fn rows(&self) -> impl Iterator<Item = (&str, SeverityMeaning)> {
        self.words.iter().map(|(word, &meaning)| (word.as_str(), meaning))
    }
}

/// Words of the source for the other closed fields, on top of our own (and the preset's).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordAliases {
    /// Status. A word that nothing maps is a dead letter: guessing would triage what has ended, or hide what has not.
    pub status: BTreeMap<String, Status>,
    /// Kind. Unknown words are `other`.
    pub kind: BTreeMap<String, Kind>,
    /// Channel. Unknown words are `other`.
    pub channel: BTreeMap<String, Channel>,
    /// Impact and urgency. A word that nothing maps is a dead letter.
    pub level: BTreeMap<String, Level>,
}

/// The form in which words of a source are compared and stored as keys of the alias tables.
pub fn word_key(word: &str) -> String {
    compared(word).into_owned()
}

/// [`word_key`] without a copy of a word that is one already, as most are.
pub(super) fn compared(word: &str) -> Cow<'_, str> {
    let word = word.trim();
    let is_key = word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_key { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) }
}

/// Looks a word up whole, then, where it reads `4 - Low`, by its number.
pub(super) fn lookup<T: Copy>(rows: &BTreeMap<String, T>, word: &str) -> Option<T> {
    if rows.is_empty() {
        return None;
    }
    let key = compared(word);
    rows.get(&*key).copied().or_else(|| {
        let (number, _) = key.split_once(" - ")?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { rows.get(number).copied() } else { None }
    })
}

type Rows = &'static [(&'static str, SeverityMeaning)];

const CRITICAL: SeverityMeaning = SeverityMeaning::Is(Severity::Critical);
const HIGH: SeverityMeaning = SeverityMeaning::Is(Severity::High);
const MEDIUM: SeverityMeaning = SeverityMeaning::Is(Severity::Medium);
const LOW: SeverityMeaning = SeverityMeaning::Is(Severity::Low);

/// Our own scale; the empty word is no severity.
const SCALE: Rows =
    &[("critical", CRITICAL), ("high", HIGH), ("medium", MEDIUM), ("low", LOW), ("", SeverityMeaning::Unknown)];

/// ITU-T X.733 perceived severities, and TMF621's, which are the same words.
const X733: Rows = &[
    ("major", HIGH),
    ("minor", MEDIUM),
    ("warning", LOW),
    ("indeterminate", SeverityMeaning::Unknown),
    ("cleared", SeverityMeaning::Cleared),
];

/// Zabbix trigger severities.
const ZABBIX: Rows = &[
    ("disaster", CRITICAL),
    ("average", MEDIUM),
    ("information", LOW),
    ("not classified", SeverityMeaning::Unknown),
    ("ok", SeverityMeaning::Cleared),
];

/// Priorities of many desks.
const P_SCALE: Rows = &[("p1", CRITICAL), ("p2", HIGH), ("p3", MEDIUM), ("p4", LOW), ("p5", LOW)];

/// ServiceNow priorities; `1 - Critical` is found by its number. `5 - Planning` is the least.
const SERVICENOW: Rows =
    &[("1", CRITICAL), ("2", HIGH), ("3", MEDIUM), ("4", LOW), ("5", LOW), ("moderate", MEDIUM), ("planning", LOW)];

/// What Prometheus rules commonly say beside `critical` and `warning`.
const PROMETHEUS: Rows = &[("page", CRITICAL), ("error", HIGH), ("info", LOW), ("information", LOW)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servicenow_priorities_are_found_with_and_without_their_words() {
        let aliases = SeverityAliases::for_preset(Preset::ServiceNow);
        for word in ["1", "1 - Critical", " 1 - critical ", "Critical"] {
            assert_eq!(aliases.meaning(word), Some(CRITICAL), "{word}");
        }
        assert_eq!(aliases.meaning("5 - Planning"), Some(LOW));
        assert_eq!(aliases.meaning("9 - Whatever"), None);
        assert_eq!(aliases.meaning("major"), None);
    }

    #[test]
    fn a_source_that_does_not_know_has_no_severity_and_an_unknown_word_has_no_meaning() {
        let aliases = SeverityAliases::for_preset(Preset::Native);
        assert_eq!(aliases.meaning("Indeterminate"), Some(SeverityMeaning::Unknown));
        assert_eq!(aliases.meaning(""), Some(SeverityMeaning::Unknown));
        assert_eq!(aliases.meaning("cleared"), Some(SeverityMeaning::Cleared));
        assert_eq!(aliases.meaning("kinda bad"), None);
    }

    #[test]
    fn a_site_gives_a_word_another_meaning() {
        let mut aliases = SeverityAliases::for_preset(Preset::Native);
        aliases.set("Minor", LOW);
        assert_eq!(aliases.meaning("minor"), Some(LOW));
    }
}
