//! What `evaluate --ledger` writes: a line for the version that was judged.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::answerer::What;
use crate::cli::Failure;
use crate::cli::json_lines::each_line;
use crate::domain::digest::Digest;
use crate::evaluation::compare::Finding;
use crate::evaluation::facet::Dimension;
use crate::evaluation::ledger::{Against, Entry, Gain, TrainingData};
use crate::evaluation::mix::Mix;
use crate::evaluation::report::Report;
use crate::evaluation::test_set::TestSet;
use crate::wire::version;

/// What trainers leave beside their weights, and what the card says of itself.
const TRAINER_STATE: &str = "trainer_state.json";
const ADAPTER: &str = "adapter_config.json";
const TRAINING_TABLES: [&str; 2] = ["hyperparameters", "training"];
const APPROACH_KEYS: [&str; 2] = ["parent", "text"];
/// Settings that are taken from the trainer's state; the rest of it is a history of the loss.
const TRAINER_SETTINGS: [&str; 5] = ["num_train_epochs", "train_batch_size", "max_steps", "global_step", "best_metric"];
/// Largest of these files, in bytes: a long history of the loss.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Most settings that are kept, and characters of one.
const SETTINGS_MAX: usize = 64;
const SETTING_CHARS_MAX: usize = 200;

/// Reads a ledger; one that is not there yet is empty.
pub(in crate::cli) fn read(path: &Path) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    if path.exists() {
        each_line(path, version::LINE_BYTES_MAX, |line| {
            entries.push(version::read(line)?);
            Ok(())
        })?;
    }
    Ok(entries)
}

/// The entry of the version that a report is about; `None`: it is about none.
pub(super) fn entry(
    report: &Report,
    what: &What,
    model: Option<Digest>,
    training: Option<&TestSet>,
    by: Dimension,
) -> Option<Entry> {
    let subject = report.subject()?;
    let named = |at: &usize| report.columns[*at].kind.is_named();
    let before = (0..report.subject?).rev().find(named).map(|at| report.columns[at].name.clone());
    let against = before.and_then(|name| {
        let comparison = report.comparison(&name, &subject.name)?;
        let gain = match comparison.finding {
            Finding::SecondIsBetter => Gain::Shown,
            Finding::FirstIsBetter | Finding::TooSmall { .. } => Gain::NotShown,
        };
        Some(Against { name, gain })
    });
    let (hyperparameters, approach) = match what {
        What::Directory(directory) => settings_of(directory),
        What::Trained(_) => (BTreeMap::new(), [("architecture".to_owned(), "tfidf_logistic".to_owned())].into()),
        What::Predictions(_) => (BTreeMap::new(), BTreeMap::new()),
    };
    Some(Entry {
        name: subject.name.clone(),
        model: model.map(|digest| digest.short()),
        data: training.map(|training| TrainingData {
            tickets: training.tickets().len() as u64,
            digest: training.digest().short(),
            by: by.as_str().to_owned(),
            counts: Mix::of(training, by).counts,
        }),
        hyperparameters,
        approach,
        test_set: report.digest.short(),
        right: subject.score.right(),
        macro_f1: subject.score.macro_f1,
        against,
    })
}

/// Adds a line at the end.
pub(super) fn append(path: &Path, entry: &Entry) -> Result<(), Failure> {
    let write = || -> anyhow::Result<()> {
        let line = version::line(entry)?;
        ensure!(
            line.len() <= version::LINE_BYTES_MAX,
            "the line of {} would have {} bytes, and more than {} cannot be read again: count by a dimension with fewer \
             values (--by)",
            entry.name,
            line.len(),
            version::LINE_BYTES_MAX
        );
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // In one piece: another evaluation may write at the same time.
        file.write_all(format!("{line}\n").as_bytes())?;
        Ok(())
    };
    write().with_context(|| format!("{}", path.display())).map_err(Failure::usage)
}

/// Hyperparameters and approach, as far as the files of a directory say them. A file that cannot be read says nothing here;
/// what decides about tickets is checked when the model is loaded.
fn settings_of(directory: &Path) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let json = |name: &str| text_of(&directory.join(name)).and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let card = text_of(&directory.join("model.toml")).and_then(|text| text.parse::<toml::Table>().ok());
    let mut hyperparameters = BTreeMap::new();
    let mut approach = BTreeMap::new();
    if let Some(state) = json(TRAINER_STATE) {
        for name in TRAINER_SETTINGS {
            put(&mut hyperparameters, name, state.get(name));
        }
        let rates = state["log_history"].as_array().into_iter().flatten().filter_map(|step| step.get("learning_rate"));
        put(&mut hyperparameters, "learning_rate", rates.max_by(|a, b| number(a).total_cmp(&number(b))));
    }
    for (name, value) in json(ADAPTER).iter().filter_map(Value::as_object).flatten() {
        put(&mut hyperparameters, &format!("adapter.{name}"), Some(value));
    }
    if let Some(config) = json("config.json") {
        put(&mut approach, "architecture", config.get("model_type"));
        put(&mut approach, "layers", config.get("num_hidden_layers"));
        put(&mut approach, "width", config.get("hidden_size"));
    }
    for (name, value) in card.iter().flatten() {
        if let Some(table) = value.as_table().filter(|_| TRAINING_TABLES.contains(&name.as_str())) {
            for (key, value) in table.iter().filter(|(_, value)| !value.is_table() && !value.is_array()) {
                put(&mut hyperparameters, key, Some(&Value::String(value.to_string())));
            }
        } else if let Some(text) = value.as_str().filter(|_| APPROACH_KEYS.contains(&name.as_str())) {
            put(&mut approach, name, Some(&Value::String(text.to_owned())));
        }
    }
    (hyperparameters, approach)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NEG_INFINITY)
}

fn text_of(path: &Path) -> Option<String> {
    let is_bounded = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() <= FILE_BYTES_MAX);
    if is_bounded { std::fs::read_to_string(path).ok() } else { None }
}

fn put(settings: &mut BTreeMap<String, String>, name: &str, value: Option<&Value>) {
    let text = match value {
        None | Some(Value::Null | Value::Object(_)) => return,
        Some(Value::String(text)) => text.clone(),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) => other.to_string(),
    };
    if settings.len() < SETTINGS_MAX {
        settings.insert(name.chars().take(SETTING_CHARS_MAX).collect(), text.chars().take(SETTING_CHARS_MAX).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::wilson::Share;

    #[test]
    fn settings_are_read_from_what_trainers_leave_and_from_the_card() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            TRAINER_STATE,
            r#"{"num_train_epochs": 3, "best_metric": null, "log_history": [{"learning_rate": 1e-5}, {"learning_rate": 2e-5}, {"loss": 1}]}"#,
        );
        write(ADAPTER, r#"{"r": 16, "target_modules": ["q", "v"], "inner": {}}"#);
        write("config.json", r#"{"model_type": "bert", "num_hidden_layers": 2}"#);
        write("model.toml", "parent = \"base 1\"\n[hyperparameters]\nbatch = 32\n[scores]\nright = 3\n");
        let (hyperparameters, approach) = settings_of(folder.path());
        let shown = |settings: &BTreeMap<String, String>| {
            settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            shown(&hyperparameters),
            "adapter.r=16 adapter.target_modules=[\"q\",\"v\"] batch=32 learning_rate=0.00002 num_train_epochs=3"
        );
        assert_eq!(shown(&approach), "architecture=bert layers=2 parent=base 1");
    }

    #[test]
    fn a_ledger_that_is_not_there_is_empty_and_grows_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("versions.jsonl");
        assert_eq!(read(&path).unwrap(), []);
        let line = r#"{"schema":"noctriage.version/v1","name":"v1","test_set":"t","right":3,"of":5,"macro_f1":0.5}"#;
        let entry = version::read(line).unwrap();
        append(&path, &entry).unwrap();
        append(&path, &entry).unwrap();
        assert_eq!(read(&path).unwrap(), [entry.clone(), entry]);
    }

    #[test]
    fn a_line_that_nobody_could_read_again_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("versions.jsonl");
        let mut entry = Entry::bare("v1", "t", Share { hits: 3, of: 5 });
        let counts = (0..30_000).map(|at| (format!("value {at}"), 1)).collect();
        entry.data = Some(TrainingData { counts, ..TrainingData::default() });
        let refused = format!("{:?}", append(&path, &entry).unwrap_err());
        assert!(refused.contains("--by") && !path.exists(), "{refused}");
        entry.data = None;
        append(&path, &entry).unwrap();
        assert_eq!(read(&path).unwrap(), [entry]);
    }
}
