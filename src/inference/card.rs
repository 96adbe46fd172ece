//! The card of a model directory, `model.toml`: what a model is, what text it reads, and what its rows mean.
//!
//! ```toml
//! name = "noc-severity"
//! version = "1"
//! parent = "noc-base 3"            # optional
//! purpose = "production"           # or demo
//! text = "reported {severity_reported} ; {title} ; {description}"
//! max_tokens = 256                 # special tokens included; not for TF-IDF
//! truncation = "head"              # or tail, head_tail; not for TF-IDF
//!
//! [severity]                       # absent in a model of root causes alone
//! labels = ["P1", "P2", "P3", "P4"]                # one per row of the head, in order
//! map = { P1 = "critical", P2 = "high", P3 = "medium", P4 = "low" }  # absent: the labels are the severities
//!
//! [cause]                          # absent without a root-cause head
//! labels = ["fibre_cut", "power", "unknown"]
//!
//! [files]                          # SHA-256 of each part
//! "config.json" = "…"
//! ```
//!
//! Any other table is the trainer's own (training composition, hyperparameters, scores) and is not interpreted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use toml::{Table, Value};

use crate::domain::digest::Digest;
use crate::domain::message::{in_line, in_lines};
use crate::domain::prediction::Purpose;
use crate::domain::severity::Severity;

use super::render::Template;

/// Most root causes: the length of a closed list that people can keep.
pub const CAUSES_MAX: usize = 200;
/// Longest name, version, parent, or label, in bytes.
const WORD_BYTES_MAX: usize = 128;
/// Characters of a key, or of what is said about it, that a mistake shows: both may quote the card.
const SHOWN_CHARS_MAX: usize = 500;
/// Most tokens that any supported encoder reads.
pub const TOKENS_MAX: usize = 8192;

/// Which part of a long text the model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// The beginning.
    Head,
    /// The end.
    Tail,
    /// Half of the room for the beginning, half for the end.
    HeadTail,
}

impl Truncation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Head, Self::Tail, Self::HeadTail];

    /// The word on the card.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Tail => "tail",
            Self::HeadTail => "head_tail",
        }
    }
}

/// What a card says.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Name of the model.
    pub name: String,
    /// Version of it.
    pub version: String,
    /// What it was made from, where it says.
    pub parent: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// How a ticket becomes text.
    pub template: Template,
    /// Longest input in tokens, special tokens included; `None` for models without tokens.
    pub tokens_max: Option<usize>,
    /// Which part of a long text is read; `None` for models without tokens.
    pub truncation: Option<Truncation>,
    /// Rows of the severity head; `None` for a model of root causes alone.
    pub severity: Option<SeverityRows>,
    /// Codes of the root-cause head, one per row; empty without one.
    pub causes: Vec<Arc<str>>,
    /// SHA-256 of each part.
    pub files: BTreeMap<String, Digest>,
}

/// Which row of the severity head is which severity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityRows {
    /// The surface label of each row, in order.
    pub labels: [String; 4],
    /// The row of each severity in the order of [`Severity::ALL`].
    pub rows: [usize; 4],
}

impl SeverityRows {
    /// Reads the labels of the four rows through a map from label to severity; without a map, a label is a severity in
    /// any case.
    ///
    /// # Errors
    /// All of: not four labels, a label without a severity, a severity twice.
    pub fn try_new(labels: &[String], map: Option<&BTreeMap<String, String>>) -> Result<Self, Vec<String>> {
        let Ok(labels) = <[String; 4]>::try_from(labels.to_vec()) else {
            return Err(vec![format!(
                "has {} labels; the severity head has exactly four: critical, high, medium, low",
                labels.len()
            )]);
        };
        let mut mistakes = Vec::new();
        let mut rows = [None; 4];
        for (row, label) in labels.iter().enumerate() {
            let word = match map {
                Some(map) => map.get(label).cloned(),
                None => Some(label.to_lowercase()),
            };
            match word.as_deref().map(str::parse::<Severity>) {
                Some(Ok(severity)) if rows[severity.index()].is_some() => {
                    mistakes.push(format!("two labels mean {severity}"));
                }
                Some(Ok(severity)) => rows[severity.index()] = Some(row),
                Some(Err(_)) | None => mistakes.push(format!(
                    "label `{label}` is no severity; map it to one of critical, high, medium, low in `severity.map`"
                )),
            }
        }
        match rows {
            [Some(critical), Some(high), Some(medium), Some(low)] if mistakes.is_empty() => {
                Ok(Self { labels, rows: [critical, high, medium, low] })
            }
            _ => Err(mistakes),
        }
    }
}

impl Card {
    /// Reads a card.
    ///
    /// # Errors
    /// Every mistake in it, each beginning with its key.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| vec![format!("is no TOML: {}", in_lines(&error.to_string()))])?;
        let mut fields = Fields { table: &table, mistakes: Vec::new() };
        let name = fields.word("name");
        let version = fields.word("version");
        let parent = fields.optional_word("parent");
        let purpose = fields.choice("purpose", &[("production", Purpose::Production), ("demo", Purpose::Demo)]);
        let template = fields.template();
        let tokens_max = fields.tokens_max();
        let truncations = Truncation::ALL.map(|choice| (choice.as_str(), choice));
        let truncation =
            if table.contains_key("truncation") { fields.choice("truncation", &truncations) } else { None };
        let severity = fields.severity();
        let causes = fields.causes();
        let files = fields.files();
        fields.unknown_keys();
        if severity.is_none() && causes.is_empty() && fields.mistakes.is_empty() {
            fields.mistake("severity", "is missing, and so is `cause`: the card says for no head what its rows mean");
        }
        match (name, version, purpose, template) {
            (Some(name), Some(version), Some(purpose), Some(template)) if fields.mistakes.is_empty() => {
                Ok(Self { name, version, parent, purpose, template, tokens_max, truncation, severity, causes, files })
            }
            _ => Err(fields.mistakes),
        }
    }
}

/// Reads keys and collects what is wrong with them.
struct Fields<'table> {
    table: &'table Table,
    mistakes: Vec<String>,
}

impl<'table> Fields<'table> {
    fn mistake(&mut self, key: &str, what: &str) {
        self.mistakes.push(format!("{}: {}", in_line(key, SHOWN_CHARS_MAX), in_line(what, SHOWN_CHARS_MAX)));
    }

    fn word(&mut self, key: &str) -> Option<String> {
        if !self.table.contains_key(key) {
            self.mistake(key, "is missing");
            return None;
        }
        self.optional_word(key)
    }

    fn optional_word(&mut self, key: &str) -> Option<String> {
        let value = self.table.get(key)?;
        match value.as_str() {
            Some(word) if !word.is_empty() && word.len() <= WORD_BYTES_MAX && !word.chars().any(char::is_control) => {
                Some(word.to_owned())
            }
            Some(_) | None => {
                self.mistake(key, "must be a text of 1 to 128 bytes in quotes, without control characters");
                None
            }
        }
    }

    fn choice<Choice: Copy>(&mut self, key: &str, choices: &[(&str, Choice)]) -> Option<Choice> {
        let word = self.word(key)?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        if found.is_none() {
            let names = choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            self.mistake(key, &format!("`{word}` is not one of {names}"));
        }
        found
    }

    fn template(&mut self) -> Option<Template> {
        let Some(text) = self.table.get("text").and_then(Value::as_str) else {
            self.mistake("text", "is missing or no text: how does a ticket become what the model reads?");
            return None;
        };
        match Template::parse(text) {
            Ok(template) => Some(template),
            Err(error) => {
                self.mistake("text", &error.to_string());
                None
            }
        }
    }

    fn tokens_max(&mut self) -> Option<usize> {
        let value = self.table.get("max_tokens")?;
        let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
        let in_range = number.filter(|number| (8..=TOKENS_MAX).contains(number));
        if in_range.is_none() {
            self.mistake("max_tokens", &format!("{value} is no whole number from 8 to {TOKENS_MAX}"));
        }
        in_range
    }

    fn severity(&mut self) -> Option<SeverityRows> {
        let table = self.sub_table("severity")?;
        let labels = self.labels(table, "severity.labels")?;
        let map = match table.get("map") {
            None => None,
            Some(Value::Table(map)) => Some(
                map.iter()
                    .map(|(label, severity)| (label.clone(), severity.as_str().unwrap_or_default().to_owned()))
                    .collect(),
            ),
            Some(_) => {
                self.mistake("severity.map", "must be a table of label = \"severity\"");
                return None;
            }
        };
        match SeverityRows::try_new(&labels, map.as_ref()) {
            Ok(rows) => Some(rows),
            Err(mistakes) => {
                for mistake in mistakes {
                    self.mistake("severity.labels", &mistake);
                }
                None
            }
        }
    }

    fn causes(&mut self) -> Vec<Arc<str>> {
        let Some(table) = self.sub_table("cause") else { return Vec::new() };
        let Some(labels) = self.labels(table, "cause.labels") else { return Vec::new() };
        if !(2..=CAUSES_MAX).contains(&labels.len()) {
            self.mistake("cause.labels", &format!("has {} labels; 2 to {CAUSES_MAX} are allowed", labels.len()));
        }
        labels.iter().map(|label| Arc::from(label.as_str())).collect()
    }

    fn sub_table(&mut self, key: &str) -> Option<&'table Table> {
        let table = self.table.get(key)?.as_table();
        if table.is_none() {
            self.mistake(key, "must be a table");
        }
        table
    }

    fn labels(&mut self, table: &Table, key: &str) -> Option<Vec<String>> {
        let labels: Option<Vec<String>> = table
            .get("labels")
            .and_then(Value::as_array)
            .and_then(|labels| labels.iter().map(|label| label.as_str().map(str::to_owned)).collect());
        let Some(labels) = labels else {
            self.mistake(key, "is missing or no list of texts: one label per row of the head, in order");
            return None;
        };
        let mut seen = BTreeSet::new();
        for label in &labels {
            if label.is_empty() || label.len() > WORD_BYTES_MAX || label.chars().any(char::is_control) {
                self.mistake(key, "a label is empty, longer than 128 bytes or holds a control character");
            } else if !seen.insert(label) {
                self.mistake(key, &format!("`{label}` stands twice"));
            }
        }
        Some(labels)
    }

    fn files(&mut self) -> BTreeMap<String, Digest> {
        let Some(table) = self.sub_table("files") else { return BTreeMap::new() };
        let mut files = BTreeMap::new();
        for (name, value) in table {
            match value.as_str().and_then(Digest::parse) {
                Some(digest) => {
                    files.insert(name.clone(), digest);
                }
                None => self.mistake(&format!("files.\"{name}\""), "is no SHA-256 in 64 hexadecimal digits"),
            }
        }
        files
    }

    /// A misspelt key must not pass for an absent one; tables that we do not know are the trainer's.
    fn unknown_keys(&mut self) {
        const KNOWN: [&str; 11] = [
            "schema",
            "name",
            "version",
            "parent",
            "purpose",
            "text",
            "max_tokens",
            "truncation",
            "severity",
            "cause",
            "files",
        ];
        for (key, value) in self.table {
            if !KNOWN.contains(&key.as_str()) && !value.is_table() {
                self.mistake(key, "is no key of a card; notes of your own go into a table, for example [training]");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "noc"
        version = "1"
        purpose = "demo"
        text = "{title}"
        max_tokens = 64
        truncation = "head_tail"
        [severity]
        labels = ["P4", "P1", "P2", "P3"]
        map = { P1 = "critical", P2 = "high", P3 = "medium", P4 = "low" }
        [cause]
        labels = ["power", "unknown"]
        [training]
        anything = [1, 2]
    "#;

    #[track_caller]
    fn check_mistakes(text: &str, expected: &[&str]) {
        let mistakes = Card::parse(text).expect_err("must be refused");
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
        for (mistake, expected) in mistakes.iter().zip(expected) {
            assert!(mistake.contains(expected), "`{mistake}` does not say `{expected}`");
        }
    }

    #[test]
    fn a_card_maps_rows_to_severities_and_keeps_tables_of_the_trainer() {
        let card = Card::parse(GOOD).expect("a good card");
        assert_eq!(card.severity.expect("a severity head").rows, [1, 2, 3, 0]);
        assert_eq!(card.truncation, Some(Truncation::HeadTail));
        assert_eq!(card.causes.len(), 2);
    }

    #[test]
    fn every_mistake_of_a_card_is_named_at_once() {
        check_mistakes(
            "version = 3\npurpose = \"test\"\ntext = \"{kind}\"\nmax_tokens = 0\ntruncate = \"head\"",
            &[
                "name: is missing",
                "version: must be",
                "purpose: `test`",
                "text: `{kind}`",
                "max_tokens: 0",
                "truncate: is no key",
            ],
        );
    }

    #[test]
    fn labels_that_are_no_severities_are_refused_by_name() {
        let text = GOOD.replace("P3 = \"medium\"", "P3 = \"minor\"");
        check_mistakes(&text, &["label `P3` is no severity"]);
        check_mistakes(&GOOD.replace("P3 = \"medium\"", "P3 = \"high\""), &["two labels mean high"]);
        check_mistakes(&GOOD.replace("\"P4\", ", ""), &["has 3 labels"]);
    }

    #[test]
    fn without_a_map_the_labels_are_severities_in_any_case() {
        let labels = ["Low", "MEDIUM", "high", "Critical"].map(str::to_owned);
        assert_eq!(SeverityRows::try_new(&labels, None).expect("four severities").rows, [3, 2, 1, 0]);
    }

    #[test]
    fn a_message_about_a_card_is_short_and_moves_no_cursor() {
        let long = "x".repeat(100_000);
        let texts = [
            "a = \u{1b}[2J".to_owned(),
            format!("a = {long}"),
            GOOD.replace("demo", &long),
            GOOD.replace("\"power\"", "\"\\u001b[2J\", \"\\u001b[2J\""),
            format!("\"\\u001b[2J\" = 1\n{GOOD}"),
        ];
        for text in texts {
            for mistake in Card::parse(&text).expect_err("must be refused") {
                let lines = mistake.split('\n').all(|line| !line.chars().any(char::is_control));
                assert!(lines && mistake.len() < 4_000, "{mistake:?}");
            }
        }
    }

    #[test]
    fn a_card_without_any_head_is_refused() {
        check_mistakes(
            "name = \"a\"\nversion = \"1\"\npurpose = \"demo\"\ntext = \"{title}\"",
            &["severity: is missing, and so is `cause`"],
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_card_or_a_list_of_mistakes(text in "[a-z=\\[\\]\"{}\\n .0-9]{0,120}") {
            if let Err(mistakes) = Card::parse(&text) {
                assert!(!mistakes.is_empty());
            }
        }
    }
}
