//! The architectures that can be loaded: one row each. A new one is a file with a loader, and a row here.

use candle_core::Device;
use serde_json::Value;

use super::card::Truncation;
use super::fault::LoadError;
use super::files::{CONFIG, ModelFiles};
use super::scorer::{HeadSizes, Scorer};
use super::{encoder, linear};

/// What a loader is given: all of it checked as far as it is common to all architectures.
pub struct Parts<'load> {
    /// The directory.
    pub files: &'load ModelFiles,
    /// Its `config.json`.
    pub config: &'load Value,
    /// Rows of the heads.
    pub heads: HeadSizes,
    /// Longest input on the card.
    pub tokens_max: Option<usize>,
    /// Truncation on the card.
    pub truncation: Option<Truncation>,
    /// Where the weights go.
    pub device: Device,
}

/// Loads one architecture.
type Loader = fn(&Parts<'_>) -> Result<Box<dyn Scorer>, LoadError>;

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Architecture {
    /// The word of `config.json`: `architectures[0]` of Hugging Face, or `model_type` of ours.
    pub word: &'static str,
    /// Whether it reads token ids, so that the card must say how many and which.
    pub has_tokens: bool,
    /// Loads it.
    pub load: Loader,
}

const ARCHITECTURES: [Architecture; 4] = [
    Architecture { word: "BertForSequenceClassification", has_tokens: true, load: encoder::load_bert },
    Architecture { word: "RobertaForSequenceClassification", has_tokens: true, load: encoder::load_roberta },
    Architecture { word: "XLMRobertaForSequenceClassification", has_tokens: true, load: encoder::load_roberta },
    Architecture { word: linear::MODEL_TYPE, has_tokens: false, load: linear::load },
];

/// The row for a configuration.
///
/// # Errors
/// An architecture that is not in the table; the message lists those that are.
pub fn find(files: &ModelFiles, config: &Value) -> Result<Architecture, LoadError> {
    let first = config.get("architectures").and_then(|list| list.get(0)).and_then(Value::as_str);
    let word = first.or_else(|| config.get("model_type").and_then(Value::as_str));
    if let Some(row) = ARCHITECTURES.into_iter().find(|row| Some(row.word) == word) {
        return Ok(row);
    }
    let found = word.map_or("not named (`architectures` is missing)".to_owned(), |word| {
        format!("`{}`", word.chars().take(100).collect::<String>())
    });
    Err(LoadError::Unsupported {
        path: files.path(CONFIG),
        found,
        supported: ARCHITECTURES.map(|row| row.word).join(", "),
    })
}
