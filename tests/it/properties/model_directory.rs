//! A model directory as a whole: a known one, of which the parts of the input replace files. The first byte says which:
//! `b`, `r`, `x` are the tiny BERT, RoBERTa and XLM-RoBERTa, anything else is TF-IDF.

use std::fs;
use std::path::Path;

use noctriage::config::settings::DeviceChoice;
use noctriage::inference::classifier::Classifier;
use noctriage::inference::model::{LoadOptions, LoadedModel, Strictness};
use noctriage::inference::ticket_line;

use super::parts::parts;

/// Files of a directory as they are known, by name.
type Files = &'static [(&'static str, &'static [u8])];

const BERT: Files = &[
    ("model.safetensors", include_bytes!("../../fixtures/models/bert/model.safetensors")),
    ("model.toml", include_bytes!("../../fixtures/models/bert/model.toml")),
    ("calibration.toml", include_bytes!("../../fixtures/models/bert/calibration.toml")),
    ("config.json", include_bytes!("../../fixtures/models/bert/config.json")),
    ("tokenizer.json", include_bytes!("../../fixtures/models/bert/tokenizer.json")),
    ("probes.jsonl", include_bytes!("../../fixtures/models/bert/probes.jsonl")),
];

const ROBERTA: Files = &[
    ("model.safetensors", include_bytes!("../../fixtures/models/roberta/model.safetensors")),
    ("model.toml", include_bytes!("../../fixtures/models/roberta/model.toml")),
    ("calibration.toml", include_bytes!("../../fixtures/models/roberta/calibration.toml")),
    ("config.json", include_bytes!("../../fixtures/models/roberta/config.json")),
    ("tokenizer.json", include_bytes!("../../fixtures/models/roberta/tokenizer.json")),
    ("probes.jsonl", include_bytes!("../../fixtures/models/roberta/probes.jsonl")),
];

const XLM_ROBERTA: Files = &[
    ("model.safetensors", include_bytes!("../../fixtures/models/xlm-roberta/model.safetensors")),
    ("model.toml", include_bytes!("../../fixtures/models/xlm-roberta/model.toml")),
    ("calibration.toml", include_bytes!("../../fixtures/models/xlm-roberta/calibration.toml")),
    ("config.json", include_bytes!("../../fixtures/models/xlm-roberta/config.json")),
    ("tokenizer.json", include_bytes!("../../fixtures/models/xlm-roberta/tokenizer.json")),
    ("probes.jsonl", include_bytes!("../../fixtures/models/xlm-roberta/probes.jsonl")),
];

const TFIDF: Files = &[
    ("model.safetensors", include_bytes!("../../fixtures/models/tfidf/model.safetensors")),
    ("model.toml", include_bytes!("../../fixtures/models/tfidf/model.toml")),
    ("calibration.toml", include_bytes!("../../fixtures/models/tfidf/calibration.toml")),
    ("config.json", include_bytes!("../../fixtures/models/tfidf/config.json")),
    ("vocabulary.json", include_bytes!("../../fixtures/models/tfidf/vocabulary.json")),
    ("probes.jsonl", include_bytes!("../../fixtures/models/tfidf/probes.jsonl")),
];

/// Names that an input may give to a part of it, beside those that are known: no other file is read.
const MORE_NAMES: [&str; 3] = ["tokenizer.json", "vocabulary.json", "model.safetensors.index.json"];

/// Loads the directory and, where it holds, asks it about a ticket.
pub fn check(input: &[u8], folder: &Path) {
    let text = String::from_utf8_lossy(input);
    let (base, known) = match text.as_bytes().first() {
        Some(b'b') => ("bert", BERT),
        Some(b'r') => ("roberta", ROBERTA),
        Some(b'x') => ("xlm-roberta", XLM_ROBERTA),
        Some(_) | None => ("tfidf", TFIDF),
    };
    let directory = folder.join(base);
    lay_out(&parts(&text), &directory, known);
    for strictness in [Strictness::Run, Strictness::Predict] {
        let options = LoadOptions { strictness, device: DeviceChoice::Cpu, root_cause_model: None };
        match LoadedModel::load(&directory, options) {
            Ok(model) => check_model(model),
            Err(error) => {
                let sentence = error.to_string();
                let shown = directory.to_string_lossy();
                assert!(sentence.contains(shown.as_ref()), "does not name its file: {sentence}");
                assert!(sentence.len() <= 64 * 1024, "a sentence of {} bytes", sentence.len());
            }
        }
    }
}

/// The known directory, parts of the input in the place of its files. An empty part takes its file away.
fn lay_out(parts: &[(&str, &str)], directory: &Path, known: Files) {
    let write = |name: &str, bytes: &[u8]| fs::write(directory.join(name), bytes).expect("the folder can be written");
    if !directory.exists() {
        fs::create_dir_all(directory).expect("the folder can be written");
        for (name, bytes) in known {
            write(name, bytes);
        }
    }
    for name in known.iter().map(|(name, _)| *name).chain(MORE_NAMES) {
        let part = parts.iter().find(|(part, _)| *part == name).map(|(_, content)| *content);
        let is_known = known.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes);
        match (part, is_known) {
            (Some(""), _) | (None, None) => fs::remove_file(directory.join(name)).unwrap_or_default(),
            (Some(content), _) => write(name, content.as_bytes()),
            // Weights are large and stay as they are.
            (None, Some(_)) if name == "model.safetensors" && directory.join(name).exists() => {}
            (None, Some(bytes)) => write(name, bytes),
        }
    }
}

/// A model that was taken answers, or says why it does not; its probabilities are some.
fn check_model(mut model: LoadedModel) {
    let line = r#"{"ticket_id":"T1","title":"[CLS] Link down é on ge-0/0/1","created_at":"2026-01-01T00:00:00Z"}"#;
    let ticket = ticket_line::read(line).expect("a ticket");
    let Ok(encoded) = model.encode(&ticket) else { return };
    let longest = model.info().tokens_max;
    assert!(encoded.ids.len() <= longest, "{} tokens of {longest}", encoded.ids.len());
    let Ok(answers) = model.classify(&[&encoded, &encoded]) else { return };
    assert_eq!(answers.len(), 2);
    for prediction in answers.into_iter().flatten() {
        let sum: f64 = prediction.causes.iter().map(|cause| cause.probability.get()).sum();
        assert!(sum <= 1.0 + 1e-6 && prediction.causes.len() <= 3);
    }
}
