//! `noctriage model train`: TF-IDF with logistic regression as a model directory, from what `dataset export` wrote. The
//! baseline that any fine-tuned model must beat; networks are trained elsewhere (`training/`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use toml::Table;

use crate::cli::json_lines::each_line;
use crate::cli::{CommandResult, EXIT_OK, Failure};
use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::evaluation::linear::{INVERSE_PENALTY, Linear, Parts};
use crate::inference::card::Card;
use crate::inference::files::{CARD, CONFIG, ModelFiles, VOCABULARY};
use crate::inference::linear::MODEL_TYPE;
use crate::inference::render::Template;

/// Longest line of an export, in bytes: the text of a ticket of 256 KiB, escaped.
const LINE_BYTES_MAX: usize = 2 << 20;
/// Most lines with their copies: more do not fit into memory as terms.
const TEXTS_MAX: usize = 1_000_000;
/// The file of weights.
const WEIGHTS: &str = "model.safetensors";

/// Arguments of `model train`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folders that `dataset export` wrote as text; several are one training set.
    #[arg(required = true, value_name = "EXPORT")]
    exports: Vec<PathBuf>,
    /// The model directory; must not exist.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// Name of the model.
    #[arg(long)]
    name: String,
    /// Version of it.
    #[arg(long)]
    version: String,
    /// What it follows.
    #[arg(long)]
    parent: Option<String>,
    /// production, or demo: such a model never leaves shadow.
    #[arg(long, value_parser = ["production", "demo"])]
    purpose: String,
}

/// Runs `model train`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let Arguments { exports, into, .. } = arguments;
    if into.exists() {
        return Err(Failure::usage(anyhow!("{} exists; name another place, or take it away first", into.display())));
    }
    let mut set = TrainingSet::default();
    for export in exports {
        set.add(export)?;
    }
    let linear = Linear::train(&set.texts).map_err(|error| Failure::usage(anyhow!("{}: {error}", list(exports))))?;
    // Beside its place first: a directory is there whole or not at all.
    let beside = into.with_extension("partial");
    std::fs::create_dir_all(&beside).with_context(|| format!("{} cannot be made", beside.display()))?;
    write(&beside, &linear.parts()).with_context(|| format!("{} cannot be written", beside.display()))?;
    let card = card(arguments, &set, &linear, &beside).map_err(Failure::usage)?;
    Card::parse(&card).map_err(|mistakes| Failure::usage(anyhow!("{}", mistakes.join("; "))))?;
    put(&beside.join(CARD), card.as_bytes())?;
    std::fs::rename(&beside, into).with_context(|| format!("{} cannot be made", into.display()))?;
    println!("{}: {} tickets, {} terms", into.display(), set.tickets, linear.parts().terms.len());
    Ok(EXIT_OK)
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// What all exports hold together.
#[derive(Default)]
struct TrainingSet {
    template: Option<String>,
    /// Every text as often as its copies say.
    texts: Vec<(String, Severity)>,
    tickets: u64,
    slices: BTreeMap<String, u64>,
    /// The manifests, by their beginning of SHA-256.
    manifests: Vec<String>,
    /// The test sets that no ticket is of, by the beginning of their digest.
    test_sets: Vec<String>,
}

impl TrainingSet {
    /// Adds a folder.
    fn add(&mut self, export: &Path) -> Result<(), Failure> {
        let path = export.join("manifest.json");
        let shown = path.display();
        let wrong = |what: String| Failure::usage(anyhow!("{shown}: {what}"));
        let bytes = std::fs::read(&path)
            .with_context(|| format!("{shown} cannot be read; `noctriage dataset export` writes it"))
            .map_err(Failure::usage)?;
        let manifest: Value = serde_json::from_slice(&bytes).map_err(|error| wrong(format!("is no JSON: {error}")))?;
        let template = manifest["form"]["text"].as_str();
        let template = template.ok_or_else(|| wrong("is no export of texts (--format text)".to_owned()))?;
        Template::parse(template).map_err(|mistake| wrong(format!("form.text: {mistake}")))?;
        match &self.template {
            Some(other) if other != template => {
                return Err(wrong(format!("its texts are made as `{template}`, those before as `{other}`")));
            }
            Some(_) => {}
            None => self.template = Some(template.to_owned()),
        }
        let train = export.join("train.jsonl");
        let file = std::fs::read(&train).with_context(|| format!("{} cannot be read", train.display()));
        let found = Digest::of(&file.map_err(Failure::usage)?).to_string();
        let files = manifest["files"].as_array().into_iter().flatten();
        if !files.clone().any(|file| file["name"] == "train.jsonl" && file["sha256"] == found.as_str()) {
            return Err(wrong("train.jsonl is not the file that it was written with; export it again".to_owned()));
        }
        for (slice, count) in manifest["training_by_slice"].as_object().into_iter().flatten() {
            *self.slices.entry(slice.clone()).or_default() += count.as_u64().unwrap_or_default();
        }
        self.manifests.push(Digest::of(&bytes).short());
        let test_set = manifest["test"]["digest"].as_str().unwrap_or_default();
        self.test_sets.push(test_set.chars().take(12).collect());
        each_line(&train, LINE_BYTES_MAX, |line| self.add_line(line))?;
        Ok(())
    }

    fn add_line(&mut self, line: &str) -> Result<(), String> {
        let row: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let text = row["text"].as_str().ok_or("has no `text`")?;
        let severity: Severity =
            row["severity"].as_str().and_then(|word| word.parse().ok()).ok_or("has no severity of ours")?;
        let copies = match row.get("weight") {
            None => 1,
            Some(weight) => weight.as_u64().ok_or("has a weight that is no whole number")? as usize,
        };
        if self.texts.len().saturating_add(copies) > TEXTS_MAX {
            return Err(format!("more than {TEXTS_MAX} texts with their copies; take a part of them"));
        }
        self.tickets += 1;
        self.texts.extend(std::iter::repeat_n((text.to_owned(), severity), copies));
        Ok(())
    }
}

/// Everything but the card.
fn write(directory: &Path, parts: &Parts<'_>) -> anyhow::Result<()> {
    let Parts { terms, idf, weights, biases } = parts;
    let config = json!({
        "model_type": MODEL_TYPE, "token_pattern": "[a-z0-9]+", "lowercase": true, "ngram_range": [1, 2],
        "sublinear_tf": true, "norm": "l2",
    });
    put(&directory.join(CONFIG), format!("{config:#}\n").as_bytes())?;
    let vocabulary: serde_json::Map<String, Value> =
        terms.iter().zip(0..).map(|(term, column)| ((*term).to_owned(), json!(column))).collect();
    put(&directory.join(VOCABULARY), Value::Object(vocabulary).to_string().as_bytes())?;
    let bytes = |numbers: &mut dyn Iterator<Item = f64>| -> Vec<u8> {
        numbers.flat_map(|number| (number as f32).to_le_bytes()).collect()
    };
    let columns = terms.len();
    let tensors = [
        ("idf", vec![columns], bytes(&mut idf.iter().copied())),
        ("severity.bias", vec![4], bytes(&mut biases.iter().copied())),
        ("severity.weight", vec![4, columns], bytes(&mut weights.iter().flatten().copied())),
    ];
    let views = tensors
        .iter()
        .map(|(name, shape, data)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    put(&directory.join(WEIGHTS), &safetensors::serialize(views, None)?)
}

fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("{}", path.display()))
}

/// The card: who it is, what it reads, what it was made of, and the digest of each part.
fn card(arguments: &Arguments, set: &TrainingSet, linear: &Linear, directory: &Path) -> anyhow::Result<String> {
    let Arguments { exports: _, into: _, name, version, parent, purpose } = arguments;
    let mut card = Table::new();
    let words =
        [("name", Some(name)), ("version", Some(version)), ("parent", parent.as_ref()), ("purpose", Some(purpose))];
    for (key, word) in words {
        card.extend(word.map(|word| (key.to_owned(), word.clone().into())));
    }
    card.insert("text".to_owned(), set.template.clone().unwrap_or_default().into());
    let labels: Vec<toml::Value> = Severity::ALL.into_iter().map(|severity| severity.as_str().into()).collect();
    card.insert("severity".to_owned(), Table::from_iter([("labels".to_owned(), labels.into())]).into());
    let number = |count: u64| toml::Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let slices: Table = set.slices.iter().map(|(slice, count)| (slice.clone(), number(*count))).collect();
    // Counts stand apart: the ledger reads what stands in `[training]` by itself, and has counts of its own.
    let counts = Table::from_iter([
        ("tickets".to_owned(), number(set.tickets)),
        ("texts_with_copies".to_owned(), number(set.texts.len() as u64)),
        ("terms".to_owned(), number(linear.parts().terms.len() as u64)),
    ]);
    let training = Table::from_iter([
        ("counts".to_owned(), counts.into()),
        ("manifests".to_owned(), set.manifests.clone().into()),
        ("not_of_test_sets".to_owned(), set.test_sets.clone().into()),
        ("slices".to_owned(), slices.into()),
    ]);
    card.insert("training".to_owned(), training.into());
    let hyperparameters = Table::from_iter([("c".to_owned(), toml::Value::Float(INVERSE_PENALTY))]);
    card.insert("hyperparameters".to_owned(), hyperparameters.into());
    let files = ModelFiles::open(directory)?;
    let mut digests = Table::new();
    for name in files.parts().into_iter().filter(|name| name != CARD) {
        digests.insert(name.clone(), files.digest_of(&name)?.to_string().into());
    }
    card.insert("files".to_owned(), digests.into());
    Ok(toml::to_string(&card)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::DeviceChoice;
    use crate::domain::ticket::{Ticket, TicketId};
    use crate::domain::time::UtcMillis;
    use crate::inference::batch::classify_all;
    use crate::inference::model::{LoadOptions, Strictness, load};

    const TEXT: &str = "{title}";

    fn export(folder: &Path, template: &str) -> PathBuf {
        let lines = [
            r#"{"ticket_id":"A","text":"core router down","severity":"critical","weight":2}"#,
            r#"{"ticket_id":"B","text":"link flapping on edge","severity":"high"}"#,
            r#"{"ticket_id":"C","text":"uplink errors rising","severity":"medium"}"#,
            r#"{"ticket_id":"D","text":"fan noise in switch","severity":"low"}"#,
        ];
        std::fs::create_dir_all(folder).unwrap();
        let train = lines.join("\n");
        std::fs::write(folder.join("train.jsonl"), &train).unwrap();
        let manifest = json!({
            "form": { "format": "text", "text": template },
            "files": [{ "name": "train.jsonl", "sha256": Digest::of(train.as_bytes()).to_string() }],
            "test": { "digest": "0123456789abcdef" }, "training_by_slice": { "routing": 5 },
        });
        std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        folder.to_owned()
    }

    fn arguments(exports: Vec<PathBuf>, into: &Path) -> Arguments {
        Arguments {
            exports,
            into: into.to_owned(),
            name: "tfidf".into(),
            version: "1".into(),
            parent: None,
            purpose: "demo".into(),
        }
    }

    #[test]
    fn the_directory_loads_as_strictly_as_the_daemon_does_and_answers_as_the_model_did() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("model");
        let export = export(&folder.path().join("export"), TEXT);
        run(&arguments(vec![export], &into)).unwrap();
        let options = LoadOptions { strictness: Strictness::Run, device: DeviceChoice::Cpu, root_cause_model: None };
        let mut model = load(&into, options).unwrap();
        let texts = [("core router down", Severity::Critical), ("fan noise in switch", Severity::Low)];
        for (title, severity) in texts {
            let ticket = Ticket::minimal(TicketId::try_new("A").unwrap(), title, UtcMillis(0));
            let found = classify_all(model.as_mut(), [&ticket].into_iter(), 64, || true, |_| ()).unwrap();
            assert_eq!(found[0].as_ref().unwrap().severity.predicted(), severity, "{title}");
        }
    }

    #[test]
    fn a_changed_file_another_template_and_a_directory_that_exists_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (one, other) = (export(&at("one"), TEXT), export(&at("other"), "{title} {description}"));
        let said = |exports: Vec<PathBuf>, into: &Path| format!("{:?}", run(&arguments(exports, into)).unwrap_err());
        assert!(said(vec![one.clone(), other], &at("model")).contains("those before as"));
        assert!(said(vec![one.clone()], &one).contains("exists"));
        std::fs::write(one.join("train.jsonl"), "{}").unwrap();
        assert!(said(vec![one], &at("model")).contains("export it again"));
        assert!(!at("model").exists());
    }
}
