//! Whole directories: golden scores, and every way in which a directory can be wrong. The fixtures are written by
//! training/golden.py.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::inference::files::TOKENIZER;

const WEIGHTS: &str = "model.safetensors";
const ENCODERS: [&str; 3] = ["bert", "roberta", "xlm-roberta"];
const ALL: [&str; 4] = ["bert", "roberta", "xlm-roberta", "tfidf"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

fn options() -> LoadOptions<'static> {
    LoadOptions { device: DeviceChoice::Cpu, ..LoadOptions::default() }
}

/// A copy of a fixture that a test may spoil.
struct Copy(TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for entry in fs::read_dir(fixture(name)).expect("the fixture is there") {
            let path = entry.expect("readable").path();
            fs::copy(&path, directory.path().join(path.file_name().expect("a name"))).expect("copied");
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(name), bytes).expect("written");
        self
    }

    fn remove(&self, name: &str) -> &Self {
        fs::remove_file(self.path(name)).expect("removed");
        self
    }

    fn edit(&self, name: &str, from: &str, to: &str) -> &Self {
        let text = fs::read_to_string(self.path(name)).expect("a text");
        assert!(text.contains(from), "{name} does not hold `{from}`");
        self.write(name, text.replace(from, to))
    }

    fn config(&self, key: &str, value: Value) -> &Self {
        let mut config: Value = serde_json::from_slice(&fs::read(self.path(CONFIG)).expect("there")).expect("JSON");
        config[key] = value;
        self.write(CONFIG, config.to_string()).sealed()
    }

    /// Writes today's digests into the card, so that only what the test is about is wrong.
    fn sealed(&self) -> &Self {
        let mut card: toml::Table = fs::read_to_string(self.path(CARD)).expect("there").parse().expect("TOML");
        let files = card["files"].as_table_mut().expect("a table");
        for (name, digest) in files.iter_mut() {
            if let Ok(bytes) = fs::read(self.path(name)) {
                *digest = Digest::of(&bytes).to_string().into();
            }
        }
        self.write(CARD, card.to_string())
    }

    /// Rewrites the weights: each tensor's name, shape and bytes.
    fn tensors(&self, change: impl FnOnce(&mut HashMap<String, (Vec<usize>, Vec<u8>)>)) -> &Self {
        let bytes = fs::read(self.path(WEIGHTS)).expect("there");
        let all = safetensors::SafeTensors::deserialize(&bytes).expect("good weights");
        let dtype = all.tensors()[0].1.dtype();
        let mut tensors: HashMap<String, (Vec<usize>, Vec<u8>)> = all
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
            .collect();
        change(&mut tensors);
        let views: HashMap<&String, _> = tensors
            .iter()
            .map(|(name, (shape, data))| {
                (name, safetensors::tensor::TensorView::new(dtype, shape.clone(), data).expect("a tensor"))
            })
            .collect();
        self.write(WEIGHTS, safetensors::serialize(views, None).expect("serialized")).sealed()
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        LoadedModel::load(self.0.path(), options())
    }

    #[track_caller]
    fn check_refused(&self, expected: &[&str]) {
        check_says(self.load(), expected);
    }
}

#[track_caller]
fn check_says(outcome: Result<LoadedModel, LoadError>, expected: &[&str]) {
    let Err(error) = outcome else { panic!("must be refused") };
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(&error) {
        text = format!("{text}: {source}");
    }
    for part in expected {
        assert!(text.contains(part), "`{text}` does not say `{part}`");
    }
}

#[derive(serde::Deserialize)]
struct Golden {
    title: String,
    description: String,
    text: String,
    severity: Vec<f32>,
    #[serde(default)]
    cause: Vec<f32>,
    #[serde(default)]
    ids: Vec<u32>,
}

impl Golden {
    fn read(name: &str) -> Vec<Self> {
        let text = fs::read_to_string(fixture(name).join("golden.json")).expect("the fixture is there");
        serde_json::from_str(&text).expect("a list")
    }

    fn ticket(&self) -> Ticket {
        let mut ticket = Ticket::minimal(TicketId::try_new("G").expect("short"), &self.title, UtcMillis(0));
        ticket.description = Some(self.description.clone());
        ticket
    }

    fn scores(&self) -> Vec<f32> {
        [self.severity.as_slice(), &self.cause].concat()
    }
}

fn greatest_difference(first: &[f32], second: &[f32]) -> f32 {
    assert_eq!(first.len(), second.len());
    first.iter().zip(second).map(|(first, second)| (first - second).abs()).fold(0.0, f32::max)
}

/// Texts, ids and scores of a directory against golden.json: alone, and all together in one ragged batch.
#[track_caller]
fn check_golden(name: &str, model: &mut LoadedModel) {
    let golden = Golden::read(name);
    let flat = |scores: &Scores| [scores.severity.as_slice(), &scores.cause].concat();
    let encoded: Vec<Encoded> = golden
        .iter()
        .map(|golden| {
            let rendered = model.render(&golden.ticket());
            assert_eq!(rendered.text, golden.text);
            let encoded = model.network.scorer.encode(&rendered).expect("encoded");
            assert_eq!(encoded.ids, golden.ids, "{name}: `{}`", golden.text);
            encoded
        })
        .collect();
    let batch: Vec<&Encoded> = encoded.iter().collect();
    let together = model.network.scorer.score(&batch).expect("scores");
    for ((golden, row), together) in golden.iter().zip(&batch).zip(&together) {
        let alone = flat(&model.network.scorer.score(&[row]).expect("scores")[0]);
        assert!(greatest_difference(&alone, &golden.scores()) <= 1e-4, "{name} alone: {alone:?} {:?}", golden.scores());
        assert!(greatest_difference(&flat(together), &golden.scores()) <= 1e-4, "{name} in a batch");
        assert!(greatest_difference(&flat(together), &alone) <= 1e-5, "{name}: batch against single");
    }
}

#[test]
fn scores_are_those_of_transformers_and_scikit_learn_alone_and_in_a_ragged_batch() {
    for name in ALL {
        let mut model = LoadedModel::load(&fixture(name), options()).expect(name);
        assert_eq!(model.probes_checked, 4);
        check_golden(name, &mut model);
    }
}

#[test]
fn the_golden_rows_are_ragged_and_differ_from_each_other() {
    for name in ENCODERS {
        let golden = Golden::read(name);
        let lengths: std::collections::BTreeSet<usize> = golden.iter().map(|golden| golden.ids.len()).collect();
        assert!(lengths.len() >= 3, "{name}: {lengths:?}");
        assert!(greatest_difference(&golden[0].severity, &golden[1].severity) > 1e-2, "{name}");
    }
}

#[test]
fn a_configuration_in_the_spelling_of_transformers_4_gives_the_same_scores() {
    for name in ENCODERS {
        let copy = Copy::of(name);
        fs::copy(copy.path("config.transformers-4.json"), copy.path(CONFIG)).expect("copied");
        check_golden(name, &mut copy.sealed().load().expect(name));
    }
}

#[test]
fn a_checkpoint_without_prefix_gives_the_same_scores() {
    for (name, prefix) in [("bert", "bert."), ("roberta", "roberta.")] {
        let copy = Copy::of(name);
        copy.tensors(|tensors| {
            *tensors = tensors
                .drain()
                .map(|(name, tensor)| (name.strip_prefix(prefix).unwrap_or(&name).to_owned(), tensor))
                .collect();
        });
        check_golden(name, &mut copy.load().expect(name));
    }
}

#[test]
fn shards_with_an_index_give_the_same_scores_and_a_missing_shard_is_named() {
    let copy = Copy::of("bert");
    let bytes = fs::read(copy.path(WEIGHTS)).expect("there");
    let all = safetensors::SafeTensors::deserialize(&bytes).expect("good weights");
    let mut map = serde_json::Map::new();
    for shard in 0..2 {
        let name = format!("model-0000{}-of-00002.safetensors", shard + 1);
        let part: Vec<_> =
            all.tensors().into_iter().enumerate().filter(|(at, _)| at % 2 == shard).map(|(_, tensor)| tensor).collect();
        map.extend(part.iter().map(|(tensor, _)| (tensor.clone(), Value::from(name.clone()))));
        copy.write(&name, safetensors::serialize(part, None).expect("serialized"));
    }
    copy.remove(WEIGHTS).remove(CARD).remove(PROBES);
    copy.write("model.safetensors.index.json", serde_json::json!({"weight_map": map}).to_string());
    let load = || LoadedModel::load(copy.0.path(), LoadOptions { strictness: Strictness::Predict, ..options() });
    let mut model = load().expect("two shards are a model");
    let golden = &Golden::read("bert")[1];
    let row = model.network.scorer.encode(&Rendered { text: golden.text.clone(), is_cut: false }).expect("encoded");
    let scores = model.network.scorer.score(&[&row]).expect("scores");
    assert!(greatest_difference(&scores[0].severity, &golden.severity) <= 1e-4);
    copy.remove("model-00002-of-00002.safetensors");
    check_says(load(), &["index.json", "`model-00002-of-00002.safetensors` is missing"]);
}

#[test]
fn an_index_cannot_lead_out_of_the_directory() {
    for name in
        ["../weights.safetensors", "/etc/weights.safetensors", "a\\b.safetensors", ".x.safetensors", "weights.bin"]
    {
        let copy = Copy::of("bert");
        copy.remove(WEIGHTS);
        let index = serde_json::json!({"weight_map": {"a": name}});
        copy.write("model.safetensors.index.json", index.to_string());
        copy.check_refused(&["is no plain name of a safetensors file", "weight_map.a"]);
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_directory_is_refused() {
    let copy = Copy::of("bert");
    copy.remove(WEIGHTS);
    std::os::unix::fs::symlink(fixture("bert").join(WEIGHTS), copy.path(WEIGHTS)).expect("linked");
    copy.check_refused(&["is a link out of the model directory", WEIGHTS]);
}

#[test]
fn pickles_are_recognised_by_name_and_by_their_first_bytes() {
    let copy = Copy::of("bert");
    copy.remove(WEIGHTS).write("pytorch_model.bin", b"PK\x03\x04rest");
    copy.check_refused(&["pytorch_model.bin", "Python pickle"]);
    for first in [
        b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0".as_slice(),
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        b"\x80\x04",
    ] {
        let copy = Copy::of("bert");
        copy.write(WEIGHTS, first).sealed();
        copy.check_refused(&[WEIGHTS, "Python pickle"]);
    }
}

#[test]
fn a_header_of_two_gigabytes_is_refused_unread() {
    let copy = Copy::of("bert");
    let mut bytes = fs::read(copy.path(WEIGHTS)).expect("there");
    bytes[..8].copy_from_slice(&2_147_483_648_u64.to_le_bytes());
    copy.write(WEIGHTS, bytes).sealed();
    copy.check_refused(&[WEIGHTS, "would have 2147483648 bytes", "copy it again"]);
}

#[test]
fn a_file_that_is_cut_in_half_is_refused_by_name() {
    for name in ALL {
        for file in [CONFIG, WEIGHTS, TOKENIZER, CARD, PROBES, "vocabulary.json"] {
            let copy = Copy::of(name);
            let Ok(bytes) = fs::read(copy.path(file)) else { continue };
            copy.write(file, &bytes[..bytes.len() / 2]);
            if file != CARD {
                copy.sealed();
            }
            copy.check_refused(&[file]);
        }
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    for (name, file) in
        [("bert", CONFIG), ("bert", WEIGHTS), ("bert", TOKENIZER), ("tfidf", "vocabulary.json"), ("bert", CARD)]
    {
        let copy = Copy::of(name);
        copy.remove(file);
        let expected = if file == CARD { "has no `model.toml`" } else { file };
        copy.check_refused(&[expected]);
    }
}

#[test]
fn missing_and_misshapen_tensors_are_named_together_before_any_is_read() {
    let copy = Copy::of("bert");
    copy.tensors(|tensors| {
        tensors.remove("bert.encoder.layer.1.output.dense.bias");
        tensors.get_mut("classifier.weight").expect("there").0 = vec![32, 4];
    });
    copy.check_refused(&[
        "tensor `bert.encoder.layer.1.output.dense.bias` [32] is missing",
        "tensor `classifier.weight` has shape [32, 4]; config.json and card imply [4, 32]",
    ]);
}

#[test]
fn an_adapter_is_refused_with_what_to_do() {
    let copy = Copy::of("bert");
    copy.tensors(|tensors| {
        tensors.insert("bert.encoder.layer.0.attention.self.query.lora_A.weight".into(), (vec![1], vec![0; 4]));
    });
    copy.check_refused(&["is an adapter", "merge"]);
}

#[test]
fn another_digest_names_the_file_and_both_digests() {
    let copy = Copy::of("bert");
    let mut bytes = fs::read(copy.path(WEIGHTS)).expect("there");
    let expected = Digest::of(&bytes).to_string();
    *bytes.last_mut().expect("not empty") ^= 1;
    let found = Digest::of(&bytes).to_string();
    copy.write(WEIGHTS, bytes);
    copy.check_refused(&[WEIGHTS, &expected, &found, "model init"]);
}

#[test]
fn a_file_that_the_card_does_not_list_is_refused_for_running_only() {
    let copy = Copy::of("bert");
    let digest = Digest::of(&fs::read(copy.path(TOKENIZER)).expect("there")).to_string();
    copy.edit(CARD, &format!("\"tokenizer.json\" = \"{digest}\""), "");
    copy.check_refused(&["tokenizer.json is not listed"]);
    let lenient = LoadOptions { strictness: Strictness::Predict, ..options() };
    assert!(LoadedModel::load(copy.0.path(), lenient).is_ok());
}

#[test]
fn without_a_card_labels_must_be_severities() {
    let lenient = LoadOptions { strictness: Strictness::Predict, ..options() };
    let copy = Copy::of("bert");
    copy.config("id2label", serde_json::json!({"0": "LOW", "1": "High", "2": "medium", "3": "critical"}));
    copy.remove(CARD).remove(PROBES);
    let model = LoadedModel::load(copy.0.path(), lenient).expect("obvious labels");
    assert_eq!(model.rows, [3, 1, 2, 0]);
    copy.check_refused(&["has no `model.toml`", "model init"]);
    let copy = Copy::of("bert");
    copy.config("id2label", serde_json::json!({"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2", "3": "LABEL_3"}));
    copy.remove(CARD).remove(PROBES);
    check_says(LoadedModel::load(copy.0.path(), lenient), &["id2label", "`LABEL_0` is no severity", "model init"]);
}

#[test]
fn labels_in_another_order_than_the_card_are_refused() {
    let copy = Copy::of("bert");
    copy.config("id2label", serde_json::json!({"0": "low", "1": "high", "2": "medium", "3": "critical"}));
    copy.check_refused(&["labels: are critical, high, medium, low in the card but low, high, medium, critical"]);
}

#[test]
fn another_template_or_a_damaged_score_fails_the_probes() {
    let copy = Copy::of("bert");
    copy.edit(CARD, "{title} ; {description}", "{title} {description}");
    copy.check_refused(&[PROBES, "line 1: token ids differ from position"]);
    let copy = Copy::of("tfidf");
    copy.edit(PROBES, "\"severity\": [", "\"severity\": [9.0, ");
    copy.check_refused(&[PROBES, "severity: 5 scores expected, 4 found"]);
    let copy = Copy::of("bert");
    copy.config("hidden_act", "relu".into());
    copy.check_refused(&[PROBES, "a score differs by"]);
}

#[test]
fn an_input_longer_than_the_positions_is_refused() {
    let copy = Copy::of("roberta");
    copy.edit(CARD, "max_tokens = 24", "max_tokens = 29");
    copy.check_refused(&["leaves room for 28 tokens; the card's max_tokens is 29"]);
}

#[test]
fn an_unsupported_architecture_is_answered_with_the_list() {
    let copy = Copy::of("bert");
    copy.config("architectures", serde_json::json!(["T5ForConditionalGeneration"]));
    copy.check_refused(&["`T5ForConditionalGeneration`", "XLMRobertaForSequenceClassification, tfidf_logistic"]);
}

#[test]
fn unbounded_configuration_is_refused_before_anything_is_allocated() {
    let copy = Copy::of("bert");
    copy.config("vocab_size", serde_json::json!(4_000_000_000_u64));
    copy.check_refused(&[CONFIG, "vocab_size: 4000000000 is no whole number from 1 to 1000000"]);
}

#[test]
fn a_tokenizer_of_another_model_faults_the_ticket_and_does_not_panic() {
    let copy = Copy::of("bert");
    copy.remove(PROBES).config("vocab_size", 60.into());
    copy.tensors(|tensors| {
        let (shape, data) = tensors.get_mut("bert.embeddings.word_embeddings.weight").expect("there");
        *shape = vec![60, 32];
        data.truncate(60 * 32 * 4);
    });
    let model = copy.load().expect("loads");
    let fault = model.encode(&Golden::read("bert")[0].ticket()).expect_err("ids beyond the vocabulary");
    assert!(fault.to_string().contains("beyond the model's vocabulary of 60"), "{fault}");
}

#[test]
fn a_nan_in_the_weights_is_a_fault_and_never_a_label() {
    for (tensor, name) in [("classifier.bias", "bert"), ("cause_classifier.bias", "bert"), ("severity.bias", "tfidf")] {
        let copy = Copy::of(name);
        copy.remove(PROBES).tensors(|tensors| {
            tensors.get_mut(tensor).expect("there").1[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        });
        let mut model = copy.load().expect("loads");
        let encoded = model.encode(&Golden::read(name)[0].ticket()).expect("encoded");
        assert_eq!(model.classify(&[&encoded]).expect("a batch"), [Err(TicketFault::NotFinite)], "{tensor}");
    }
}

#[test]
fn special_tokens_in_a_ticket_are_text() {
    for name in ENCODERS {
        let model = LoadedModel::load(&fixture(name), options()).expect(name);
        let encode = |text: &str| {
            let rendered = Rendered { text: text.into(), is_cut: false };
            model.network.scorer.encode(&rendered).expect("encoded").ids
        };
        let empty = encode("");
        let (first, last) = (empty[0], empty[1]);
        let hostile = encode("a [SEP] [CLS] </s> <s> <pad> [PAD] b");
        let inside = &hostile[1..hostile.len() - 1];
        assert!(!inside.contains(&first) && !inside.contains(&last), "{name}: {hostile:?}");
    }
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let mut model = LoadedModel::load(&fixture("bert"), options()).expect("loads");
    let mut ticket = Golden::read("bert")[0].ticket();
    ticket.description = Some("link down ".repeat(200));
    let encoded = model.encode(&ticket).expect("encoded");
    let predictions = model.classify(&[&encoded]).expect("a batch");
    let prediction = predictions[0].as_ref().expect("a prediction");
    assert!(prediction.truncated && prediction.tokens == 24);
}

#[test]
fn predictions_are_calibrated_ordered_and_name_three_causes() {
    let mut model = LoadedModel::load(&fixture("bert"), options()).expect("loads");
    let golden = Golden::read("bert");
    let encoded = model.encode(&golden[0].ticket()).expect("encoded");
    let predictions = model.classify(&[&encoded]).expect("a batch");
    let prediction = predictions[0].as_ref().expect("a prediction");
    let bias = [0.2, 0.0, -0.1, 0.0];
    let scores: Vec<f64> =
        golden[0].severity.iter().zip(bias).map(|(score, bias)| (f64::from(*score) / 1.5 + bias).exp()).collect();
    let sum: f64 = scores.iter().sum();
    for (severity, score) in Severity::ALL.into_iter().zip(scores) {
        assert!((prediction.severity.of(severity).get() - score / sum).abs() < 1e-5);
    }
    let probabilities: Vec<f64> = prediction.causes.iter().map(|cause| cause.probability.get()).collect();
    assert!(probabilities.len() == 3 && probabilities.is_sorted_by(|first, second| first >= second));
}

#[test]
fn root_causes_can_come_from_a_second_directory() {
    let second = Copy::of("tfidf");
    let card = fs::read_to_string(second.path(CARD)).expect("there");
    let (head, tail) = card.split_once("[severity]").expect("a table");
    let (_, tail) = tail.split_once("[cause]").expect("a table");
    second.write(CARD, format!("{head}[cause]{tail}")).remove(PROBES);
    second.config("id2label", Value::Null);
    let first = fixture("xlm-roberta");
    let with_second = LoadOptions { root_cause_model: Some(second.0.path()), ..options() };
    let mut model = LoadedModel::load(&first, with_second).expect("a pair");
    let alone = LoadedModel::load(&first, options()).expect("loads");
    assert_ne!(model.info().identity.digest, alone.info().identity.digest);
    let encoded = model.encode(&Golden::read("bert")[0].ticket()).expect("encoded");
    let predictions = model.classify(&[&encoded]).expect("a batch");
    assert_eq!(predictions[0].as_ref().expect("a prediction").causes.len(), 3);
    second.check_refused(&["has no severity head", "root_cause_model"]);
    let both = LoadOptions { root_cause_model: Some(second.0.path()), ..options() };
    check_says(LoadedModel::load(&fixture("bert"), both), &["has a root-cause head of its own"]);
    let none = LoadOptions { root_cause_model: Some(&first), ..options() };
    check_says(LoadedModel::load(&first, none), &["has no root-cause head"]);
}

#[test]
fn the_digest_ignores_calibration_and_notes_but_no_part() {
    let digest = |copy: &Copy| copy.load().expect("loads").info().identity.clone();
    let original = digest(&Copy::of("bert"));
    let copy = Copy::of("bert");
    copy.remove("calibration.toml").remove(PROBES).write("README.md", "notes");
    let changed = digest(&copy);
    assert_eq!(changed.digest, original.digest);
    assert_ne!(changed.calibration_digest, original.calibration_digest);
    assert_eq!(changed.calibration_digest, Digest::of(b""));
    copy.edit(CARD, "version = \"1\"", "version = \"2\"");
    assert_ne!(digest(&copy).digest, original.digest);
}

#[test]
fn the_zero_cost_classifier_is_reached_in_test_builds() {
    assert!(fail::has_failpoints());
    let model = load(Path::new(zero::NAME), options()).expect("a test build");
    assert_eq!(model.info().architecture, zero::NAME);
}

#[test]
fn the_engine_answers_ragged_tickets_of_real_models_in_order() {
    use std::sync::mpsc::sync_channel;

    use crate::domain::prediction::ModelRole;
    use crate::inference::engine::{Engine, EngineModels, Job};

    let golden = Golden::read("bert");
    let models = EngineModels {
        acting: load(&fixture("bert"), options()).expect("loads"),
        baseline: Some(load(&fixture("tfidf"), options()).expect("loads")),
        candidates: vec![load(&fixture("xlm-roberta"), options()).expect("loads")],
    };
    let (sender, receiver) = sync_channel(1);
    let deliver = Box::new(move |answers| sender.send(answers).expect("the test waits"));
    let engine = Engine::start(models, 60, Box::new(|| 0), deliver).expect("warm");
    let tickets: Vec<_> = golden.iter().map(|golden| Arc::new(golden.ticket())).collect();
    let drawn = (0..tickets.len()).collect();
    engine.submit(Job { id: 1, tickets, drawn, acting: None }).expect("an empty queue");
    let answers = receiver.recv().expect("an answer").answers;
    let goldens = [golden, Golden::read("tfidf"), Golden::read("xlm-roberta")];
    for (model, role) in [ModelRole::Acting, ModelRole::Baseline, ModelRole::Candidate].into_iter().enumerate() {
        for (answers, golden) in answers.iter().zip(&goldens[model]) {
            let prediction = answers[model].result.as_ref().expect("a prediction");
            assert_eq!(answers[model].role, role);
            let found = prediction.logits.map(|logit| logit as f32);
            assert!(greatest_difference(&found, &golden.severity) <= 1e-4, "{role:?}: `{}`", golden.text);
        }
    }
}
