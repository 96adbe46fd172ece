//! `noctriage.version/v1`: one line of the ledger `versions.jsonl`, written by `evaluate --ledger`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::message::in_line;
use crate::evaluation::ledger::{Against, Entry, Gain, TrainingData};
use crate::statistics::wilson::Share;

use super::words::{ClosedWord, Word};

/// Schema of a line.
pub const VERSION_SCHEMA: &str = "noctriage.version/v1";
/// Longest line in bytes: some hundred settings and values.
pub const LINE_BYTES_MAX: usize = 256 * 1024;
/// Characters that a mistake shows of what a parser says.
const SHOWN_CHARS_MAX: usize = 300;

/// One judgement of one version.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct VersionRecord {
    schema: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<DataRecord>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    composition: BTreeMap<String, String>,
    #[serde(default)]
    hyperparameters: BTreeMap<String, String>,
    #[serde(default)]
    approach: BTreeMap<String, String>,
    test_set: String,
    right: u64,
    of: u64,
    macro_f1: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<AgainstRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct DataRecord {
    tickets: u64,
    digest: String,
    by: String,
    counts: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct AgainstRecord {
    name: String,
    gain: Word<Gain>,
}

impl ClosedWord for Gain {
    const NAME: &'static str = "gain";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// The line of an entry.
///
/// # Errors
/// Never, but that JSON says so.
pub fn line(entry: &Entry) -> Result<String, serde_json::Error> {
    let Entry { name, model, card, data, composition, hyperparameters, approach, test_set, right, macro_f1, against } =
        entry.clone();
    serde_json::to_string(&VersionRecord {
        schema: VERSION_SCHEMA.to_owned(),
        name,
        model,
        card,
        data: data.map(|TrainingData { tickets, digest, by, counts }| DataRecord { tickets, digest, by, counts }),
        composition,
        hyperparameters,
        approach,
        test_set,
        right: right.hits,
        of: right.of,
        macro_f1,
        against: against.map(|Against { name, gain }| AgainstRecord { name, gain: Word(gain) }),
    })
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(line: &str) -> Result<Entry, String> {
    let record: VersionRecord = serde_json::from_str(line)
        .map_err(|error| format!("is no {VERSION_SCHEMA}: {}", in_line(&error.to_string(), SHOWN_CHARS_MAX)))?;
    let VersionRecord {
        schema,
        name,
        model,
        card,
        data,
        composition,
        hyperparameters,
        approach,
        test_set,
        right,
        of,
        macro_f1,
        against,
    } = record;
    if schema != VERSION_SCHEMA {
        return Err(format!("names the schema `{}`; this reader reads {VERSION_SCHEMA}", in_line(&schema, 64)));
    }
    if right > of {
        return Err(format!("{right} right of {of} cannot be"));
    }
    Ok(Entry {
        name,
        model,
        card,
        data: data.map(|DataRecord { tickets, digest, by, counts }| TrainingData { tickets, digest, by, counts }),
        composition,
        hyperparameters,
        approach,
        test_set,
        right: Share { hits: right, of },
        macro_f1,
        against: against.map(|AgainstRecord { name, gain }| Against { name, gain: gain.0 }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let full = Entry {
            name: "v2".into(),
            model: Some("ab12".into()),
            card: Some("triage 2".into()),
            data: Some(TrainingData {
                tickets: 600,
                digest: "cd34".into(),
                by: "category".into(),
                counts: [("wireless".to_owned(), 120)].into(),
            }),
            composition: [("training.held_out".to_owned(), "4000".to_owned())].into(),
            hyperparameters: [("learning_rate".to_owned(), "2e-5".to_owned())].into(),
            approach: [("architecture".to_owned(), "bert".to_owned())].into(),
            test_set: "ef56".into(),
            right: Share { hits: 43, of: 50 },
            macro_f1: Some(0.81),
            against: Some(Against { name: "v1".into(), gain: Gain::Shown }),
        };
        let bare = Entry {
            model: None,
            card: None,
            data: None,
            composition: BTreeMap::new(),
            hyperparameters: BTreeMap::new(),
            approach: BTreeMap::new(),
            macro_f1: None,
            against: None,
            ..full.clone()
        };
        for entry in [full, bare] {
            assert_eq!(read(&line(&entry).expect("JSON")), Ok(entry));
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        let good = r#"{"schema":"noctriage.version/v1","name":"v1","test_set":"t","right":3,"of":5,"macro_f1":null}"#;
        assert!(read(good).is_ok());
        for (part, by) in [("version/v1", "version/v2"), ("\"right\":3", "\"right\":6"), ("\"name\":\"v1\",", "")] {
            assert!(read(&good.replace(part, by)).is_err(), "{by}");
        }
    }
}
