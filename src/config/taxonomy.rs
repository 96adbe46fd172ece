//! The taxonomy: the closed list of root causes, and severity words of the site beside those of the preset.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::digest::Digest;
use crate::wire::intake::settings::SeverityMeaning;

/// The cause that every taxonomy has: nobody knows. Never acted on.
pub const UNKNOWN_CAUSE: &str = "unknown";

/// The list that holds when no file is named; the same text as `config/taxonomy.toml`.
pub const BUILT_IN: &str = include_str!("../../config/taxonomy.toml");

/// Most causes: each is a row of the root-cause head and a possible label of a metric.
const CAUSES_MAX: usize = 256;

/// Longest code, in bytes.
const CODE_BYTES_MAX: usize = 64;

/// Root causes and severity words.
#[derive(Clone, Debug, PartialEq)]
pub struct Taxonomy {
    /// Codes in the order of the file; one of them is [`UNKNOWN_CAUSE`].
    pub causes: Vec<RootCause>,
    /// What a severity word of the source means, beside the words of the preset.
    pub severity_aliases: BTreeMap<String, SeverityMeaning>,
    /// Digest of the file.
    pub digest: Digest,
}

/// One root cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootCause {
    /// Code in records, metrics and model cards.
    pub code: Arc<str>,
    /// One sentence for people.
    pub meaning: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxonomyFile {
    #[serde(default)]
    root_causes: Vec<RootCauseRow>,
    #[serde(default)]
    severity_aliases: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RootCauseRow {
    code: String,
    meaning: String,
}

impl Taxonomy {
    /// Reads a taxonomy.
    ///
    /// # Errors
    /// All mistakes of the text, each with its key.
    pub fn parse(text: &str) -> Result<Self, Vec<(String, String)>> {
        let file: TaxonomyFile = toml::from_str(text)
            .map_err(|error| vec![(String::new(), format!("is no taxonomy: {}", error.to_string().trim()))])?;
        let TaxonomyFile { root_causes, severity_aliases } = file;
        let mut mistakes = Vec::new();
        let mut mistake = |key: String, problem: &str| mistakes.push((key, problem.to_owned()));
        let mut seen = BTreeSet::new();
        for (index, row) in root_causes.iter().enumerate() {
            let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if row.code.is_empty() || row.code.len() > CODE_BYTES_MAX || !row.code.bytes().all(is_legal) {
                mistake(format!("root_causes[{index}].code"), "is not a code (1 to 64 of a-z 0-9 _)");
            } else if !seen.insert(row.code.as_str()) {
                mistake(format!("root_causes[{index}].code"), "stands twice; take one of them out");
            }
        }
        if !seen.contains(UNKNOWN_CAUSE) {
            mistake("root_causes".to_owned(), "has no `unknown`; a closed list needs it for what nobody knows");
        }
        if root_causes.len() > CAUSES_MAX {
            mistake("root_causes".to_owned(), "has more than 256 entries; group them");
        }
        let mut aliases = BTreeMap::new();
        for (word, meaning) in &severity_aliases {
            match parse_meaning(meaning) {
                Some(meaning) => {
                    aliases.insert(word.clone(), meaning);
                }
                None => mistake(
                    format!("severity_aliases.{word}"),
                    "is not one of critical, high, medium, low, unknown, cleared",
                ),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let cause = |row: RootCauseRow| RootCause { code: Arc::from(row.code), meaning: row.meaning };
        Ok(Self {
            causes: root_causes.into_iter().map(cause).collect(),
            severity_aliases: aliases,
            digest: Digest::of(text.as_bytes()),
        })
    }

    /// Whether a code is on the list.
    pub fn has_cause(&self, code: &str) -> bool {
        self.causes.iter().any(|cause| &*cause.code == code)
    }
}

/// The meaning that a word of the configuration gives a severity word of the source.
pub(super) fn parse_meaning(word: &str) -> Option<SeverityMeaning> {
    match word {
        "unknown" => Some(SeverityMeaning::Unknown),
        "cleared" => Some(SeverityMeaning::Cleared),
        _ => word.parse().ok().map(SeverityMeaning::Is),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_is_a_taxonomy_with_unknown() {
        let taxonomy = Taxonomy::parse(BUILT_IN).expect("the built-in list parses");
        assert!(taxonomy.has_cause(UNKNOWN_CAUSE));
        assert!(taxonomy.causes.len() >= 10);
    }

    #[test]
    fn all_mistakes_of_a_taxonomy_are_told_together() {
        let text = "[[root_causes]]\ncode = \"Fibre Cut\"\nmeaning = \"\"\n[severity_aliases]\nSev9 = \"urgent\"\n";
        let mistakes = Taxonomy::parse(text).expect_err("three mistakes");
        let keys: Vec<&str> = mistakes.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["root_causes[0].code", "root_causes", "severity_aliases.Sev9"]);
    }

    #[test]
    fn a_code_that_stands_twice_is_refused() {
        let row = "[[root_causes]]\ncode = \"unknown\"\nmeaning = \"\"\n";
        let mistakes = Taxonomy::parse(&format!("{row}{row}")).expect_err("twice");
        assert_eq!(mistakes[0].0, "root_causes[1].code");
    }
}
