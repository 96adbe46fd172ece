//! What `evaluate --ledger` writes: a line for the version that was judged.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use toml::Table;

use super::answerer::What;
use crate::cli::Failure;
use crate::cli::json_lines::each_line;
use crate::domain::digest::Digest;
use crate::evaluation::compare::Finding;
use crate::evaluation::facet::Dimension;
use crate::evaluation::ledger::{Against, Entry, Gain, PARENT, TrainingData};
use crate::evaluation::mix::Mix;
use crate::evaluation::report::Report;
use crate::evaluation::test_set::TestSet;
use crate::wire::version;

/// What trainers leave beside their weights, and what the card says of itself.
const TRAINER_STATE: &str = "trainer_state.json";
const ADAPTER: &str = "adapter_config.json";
const HYPERPARAMETERS: &str = "hyperparameters";
const APPROACH_KEYS: [&str; 2] = [PARENT, "text"];
/// The tables in which a card says what it was trained on. Nobody prescribes what stands in the second, and settings may.
const DATA: &str = "data";
const TRAINING: &str = "training";
/// Words of which one stands in the name of a setting there, as in `learning_rate`; whatever has none is about the tickets.
const SETTING_WORDS: [&str; 20] = [
    "adam",
    "adamw",
    "batch",
    "beta",
    "betas",
    "decay",
    "dropout",
    "epoch",
    "epochs",
    "gradient",
    "learning",
    "lr",
    "optimiser",
    "optimizer",
    "schedule",
    "scheduler",
    "seed",
    "smoothing",
    "steps",
    "warmup",
];
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
    let Said { card, composition, hyperparameters, approach } = match what {
        What::Directory(directory) => said_in(directory),
        What::Trained(_) => {
            Said { approach: [("architecture".to_owned(), "tfidf_logistic".to_owned())].into(), ..Said::default() }
        }
        What::Predictions(_) => Said::default(),
    };
    Some(Entry {
        name: subject.name.clone(),
        model: model.map(|digest| digest.short()),
        card,
        data: training.map(|training| TrainingData {
            tickets: training.tickets().len() as u64,
            digest: training.digest().short(),
            by: by.as_str().to_owned(),
            counts: Mix::of(training, by).counts,
        }),
        composition,
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

/// What the files of a directory say of how the model was made.
#[derive(Default)]
struct Said {
    card: Option<String>,
    composition: BTreeMap<String, String>,
    hyperparameters: BTreeMap<String, String>,
    approach: BTreeMap<String, String>,
}

/// Reads what a directory says. A file that cannot be read says nothing here; what decides about tickets is checked when the
/// model is loaded.
fn said_in(directory: &Path) -> Said {
    let json = |name: &str| text_of(&directory.join(name)).and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let card = text_of(&directory.join("model.toml")).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let mut said = Said::default();
    if let Some(state) = json(TRAINER_STATE) {
        for name in TRAINER_SETTINGS {
            put(&mut said.hyperparameters, name, state.get(name));
        }
        let rates = state["log_history"].as_array().into_iter().flatten().filter_map(|step| step.get("learning_rate"));
        put(&mut said.hyperparameters, "learning_rate", rates.max_by(|a, b| number(a).total_cmp(&number(b))));
    }
    for (name, value) in json(ADAPTER).iter().filter_map(Value::as_object).flatten() {
        put(&mut said.hyperparameters, &format!("adapter.{name}"), Some(value));
    }
    if let Some(config) = json("config.json") {
        put(&mut said.approach, "architecture", config.get("model_type"));
        put(&mut said.approach, "layers", config.get("num_hidden_layers"));
        put(&mut said.approach, "width", config.get("hidden_size"));
    }
    said.add_card(&card);
    said
}

impl Said {
    /// `[hyperparameters]` are settings, `[data]` speaks of the tickets; so does `[training]`, but for what is called as
    /// settings are. Of each, single values alone.
    fn add_card(&mut self, card: &Table) {
        for key in APPROACH_KEYS {
            let text = card.get(key).and_then(toml::Value::as_str);
            put(&mut self.approach, key, text.map(Value::from).as_ref());
        }
        let word = |key: &str| card.get(key).and_then(toml::Value::as_str);
        self.card = word("name").zip(word("version")).map(|(name, version)| shortened(&format!("{name} {version}")));
        for (key, value) in single_values(card, HYPERPARAMETERS) {
            put(&mut self.hyperparameters, key, Some(&value));
        }
        for (key, value) in single_values(card, DATA) {
            put(&mut self.composition, &format!("{DATA}.{key}"), Some(&value));
        }
        for (key, value) in single_values(card, TRAINING) {
            if is_setting(key) {
                put(&mut self.hyperparameters, key, Some(&value));
            } else {
                put(&mut self.composition, &format!("{TRAINING}.{key}"), Some(&value));
            }
        }
    }
}

/// What a table of the card says that is no list and no table of its own.
fn single_values<'card>(card: &'card Table, table: &str) -> impl Iterator<Item = (&'card String, Value)> {
    let fields = card.get(table).and_then(toml::Value::as_table).into_iter().flatten();
    let single = fields.filter(|(_, value)| !value.is_table() && !value.is_array());
    single.map(|(key, value)| (key, Value::String(value.as_str().map_or_else(|| value.to_string(), str::to_owned))))
}

fn is_setting(key: &str) -> bool {
    key.to_lowercase().split(['_', '-', ' ']).any(|word| SETTING_WORDS.contains(&word))
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
        settings.insert(shortened(name), shortened(&text));
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(SETTING_CHARS_MAX).collect()
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
        let card = [
            "name = \"triage\"\nversion = \"2\"\nparent = \"base 1\"",
            "[hyperparameters]\nbatch = 32",
            "[training]\ngenerated = \"500 tickets\"\nseed = 7\nslices = { wireless = 20 }\nmanifests = [\"a1\"]",
            "[data]\ntickets = 500\nchoosing_the_epoch = 50",
            "[scores]\nright = 3\n",
        ];
        write("model.toml", &card.join("\n"));
        let said = said_in(folder.path());
        let shown = |settings: &BTreeMap<String, String>| {
            settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            shown(&said.hyperparameters),
            "adapter.r=16 adapter.target_modules=[\"q\",\"v\"] batch=32 learning_rate=0.00002 \
             num_train_epochs=3 seed=7"
        );
        assert_eq!(shown(&said.approach), "architecture=bert layers=2 parent=base 1");
        assert_eq!(
            shown(&said.composition),
            "data.choosing_the_epoch=50 data.tickets=500 training.generated=500 tickets"
        );
        assert_eq!(said.card.as_deref(), Some("triage 2"));
    }

    #[test]
    fn in_notes_on_the_training_a_setting_is_known_by_a_word_of_its_name() {
        let settings = [
            "learning_rate",
            "lr",
            "num_train_epochs",
            "batch-size",
            "Weight decay",
            "seed",
            "warmup_ratio",
            "optimiser",
        ];
        for key in settings {
            assert!(is_setting(key), "{key}");
        }
        let of_tickets = [
            "generated",
            "labelled_desk",
            "tickets",
            "held_out",
            "calibration",
            "warning",
            "wireless_share",
            "manifest",
            "jargon_shared_with_training_generators",
        ];
        for key in of_tickets {
            assert!(!is_setting(key), "{key}");
        }
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
