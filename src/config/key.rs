//! What is known about one configuration key: type, range, default, unit, clock, and whether a reload may change it.
//!
//! The table of all keys is in [`super::keys`]; nothing else says which keys exist.

use std::fmt;

/// Everything about one key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted name. `[]` stands for a row of a list of tables, a last `*` for a name that the site chooses.
    pub name: &'static str,
    /// Type and range.
    pub kind: Kind,
    /// Default as a TOML value; `None` where a row or a free name has none.
    pub default: Option<&'static str>,
    /// Unit of the value; empty for names, lists and switches.
    pub unit: &'static str,
    /// Which clock a duration is of.
    pub clock: Clock,
    /// Whether SIGHUP may change it.
    pub reload: ReloadClass,
    /// One sentence: what it does, and what to know before changing it.
    pub meaning: &'static str,
}

impl Key {
    /// Whether the key names one value, rather than a row's or a free name.
    pub fn is_plain(&self) -> bool {
        !self.name.contains("[]") && !self.name.ends_with(".*")
    }
}

/// Type and range of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Any text up to 4096 bytes; empty means "not set".
    Text,
    /// One of several words.
    Word(&'static [&'static str]),
    /// A whole number from a smallest to a greatest.
    Integer(i64, i64),
    /// A number from a smallest to a greatest.
    Number(f64, f64),
    /// A number from a smallest to a greatest, or one word.
    NumberOr(f64, f64, &'static str),
    /// A number from 0 to 1, both included.
    Probability,
    /// `true` or `false`.
    Flag,
    /// A list of texts.
    Texts,
    /// A list of words out of several.
    Words(&'static [&'static str]),
    /// A list of probabilities.
    Probabilities,
    /// Path of a file or directory; relative to the configuration file.
    Path,
    /// A list of paths.
    Paths,
    /// Path of a file that holds a secret; a bare name is looked for in `$CREDENTIALS_DIRECTORY` first.
    SecretFile,
    /// A Kafka topic name, group or instance id: 1 to 249 of `a-z A-Z 0-9 . _ -`.
    KafkaName,
}

impl Kind {
    /// The range in words, as it stands in the reference and after "is not" in a mistake.
    pub fn range(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Integer(least, greatest) => format!("a whole number ({least} to {greatest})"),
            Self::Number(least, greatest) => format!("a number ({least} to {greatest})"),
            Self::NumberOr(least, greatest, word) => format!("a number ({least} to {greatest}) or {word}"),
            Self::Probability => "a probability (0 to 1)".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Words(words) => format!("a list out of {}", words.join(", ")),
            Self::Probabilities => "a list of probabilities (each 0 to 1)".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Paths => "a list of paths".to_owned(),
            Self::SecretFile => "a path of a file with a secret".to_owned(),
            Self::KafkaName => "a Kafka name (1 to 249 of a-z A-Z 0-9 . _ -)".to_owned(),
        }
    }
}

/// Which clock a duration is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// No duration.
    None,
    /// Real, monotonic time of the machine.
    Operating,
    /// Event time: what the tickets say.
    Desk,
}

impl fmt::Display for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "",
            Self::Operating => "operating",
            Self::Desk => "desk",
        })
    }
}

/// Whether SIGHUP may change a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadClass {
    /// Taken over by a reload.
    Live,
    /// A reload that changes it is refused as a whole.
    Restart,
}

/// One row of the reference: what the README's table and `reference.toml` show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceRow {
    /// Dotted name.
    pub key: &'static str,
    /// Default as a TOML value; empty where there is none.
    pub default: &'static str,
    /// Unit; empty where there is none.
    pub unit: &'static str,
    /// Range in words.
    pub range: String,
    /// `operating`, `desk` or empty.
    pub clock: String,
    /// Whether a reload may change it.
    pub is_live: bool,
    /// What it does.
    pub meaning: &'static str,
}
