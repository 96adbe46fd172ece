//! A model of the size of all-MiniLM-L6-v2 with random weights: right for time, worth nothing as a model.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

const HIDDEN: usize = 384;
const INTERMEDIATE: usize = 1_536;
const LAYERS: usize = 6;
const HEADS: usize = 12;
const POSITIONS: usize = 512;

/// A bundled model directory.
pub(crate) fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo").join(name)
}

/// Writes the directory, with a card by `noctriage model init`. The tokenizer, and so the vocabulary, is the bundled
/// model's: a table of words costs no time.
pub(crate) fn write(directory: &Path) -> Result<()> {
    let config: serde_json::Value = serde_json::from_slice(&fs::read(bundled("v1").join("config.json"))?)?;
    let vocabulary = usize::try_from(config["vocab_size"].as_u64().unwrap_or_default())?;
    fs::create_dir_all(directory)?;
    fs::copy(bundled("v1").join("tokenizer.json"), directory.join("tokenizer.json"))?;
    let labels = &config["id2label"];
    let settings = serde_json::json!({
        "architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_act": "gelu",
        "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
        "vocab_size": vocabulary, "layer_norm_eps": 1e-12, "pad_token_id": 0, "id2label": labels,
    });
    fs::write(directory.join("config.json"), settings.to_string())?;
    let mut tensors = Tensors { rng: fastrand::Rng::with_seed(11), all: BTreeMap::new() };
    tensors.random("bert.embeddings.word_embeddings.weight", &[vocabulary, HIDDEN]);
    tensors.random("bert.embeddings.position_embeddings.weight", &[POSITIONS, HIDDEN]);
    tensors.random("bert.embeddings.token_type_embeddings.weight", &[2, HIDDEN]);
    tensors.norm("bert.embeddings.LayerNorm");
    for layer in 0..LAYERS {
        let name = |part: &str| format!("bert.encoder.layer.{layer}.{part}");
        for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
            tensors.linear(&name(part), HIDDEN, HIDDEN);
        }
        tensors.linear(&name("intermediate.dense"), INTERMEDIATE, HIDDEN);
        tensors.linear(&name("output.dense"), HIDDEN, INTERMEDIATE);
        tensors.norm(&name("attention.output.LayerNorm"));
        tensors.norm(&name("output.LayerNorm"));
    }
    tensors.linear("bert.pooler.dense", HIDDEN, HIDDEN);
    tensors.linear("classifier", 4, HIDDEN);
    tensors.save(&directory.join("model.safetensors"))?;
    let made = Command::new(env!("CARGO_BIN_EXE_noctriage"))
        .args(["model", "init", "--name", "random-minilm", "--version", "1", "--purpose", "demo"])
        .args(["--max-tokens", "128", "--truncation", "head_tail", "--text"])
        .arg("reported {severity_reported} ; {category} {vendor} {device_type} ; {title} ; {description} ; {alarms} ; {notes}")
        .arg(directory)
        .output()?;
    if !made.status.success() {
        bail!("the card could not be made: {}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(())
}

struct Tensors {
    rng: fastrand::Rng,
    all: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
}

impl Tensors {
    fn add(&mut self, name: &str, shape: &[usize], mut number: impl FnMut(&mut fastrand::Rng) -> f32) {
        let count = shape.iter().product::<usize>();
        let bytes = (0..count).flat_map(|_| number(&mut self.rng).to_le_bytes()).collect();
        self.all.insert(name.to_owned(), (shape.to_vec(), bytes));
    }

    /// Spread as BERT's weights are before training.
    fn random(&mut self, name: &str, shape: &[usize]) {
        self.add(name, shape, |rng| (rng.f32() - 0.5) * 0.07);
    }

    fn linear(&mut self, name: &str, rows: usize, columns: usize) {
        self.random(&format!("{name}.weight"), &[rows, columns]);
        self.random(&format!("{name}.bias"), &[rows]);
    }

    fn norm(&mut self, name: &str) {
        self.add(&format!("{name}.weight"), &[HIDDEN], |_| 1.0);
        self.add(&format!("{name}.bias"), &[HIDDEN], |_| 0.0);
    }

    fn save(&self, path: &Path) -> Result<()> {
        let views: Result<Vec<_>, _> = self
            .all
            .iter()
            .map(|(name, (shape, bytes))| TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name, view)))
            .collect();
        fs::write(path, safetensors::serialize(views?, None)?)?;
        Ok(())
    }
}
