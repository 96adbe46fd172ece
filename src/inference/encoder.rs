//! BERT and RoBERTa/XLM-RoBERTa with a severity head and, on the same pooled output, a root-cause head: one forward
//! pass for both. What a directory must hold is checked here; [`super::packed`] computes on a CPU, [`super::padded`] on a
//! GPU.

use crate::domain::prediction::TicketFault;

use super::card::Truncation;
use super::checkpoint::{Checkpoint, Needed};
use super::classifier::Encoded;
use super::fault::LoadError;
use super::files::CONFIG;
use super::packed::PackedEncoder;
use super::packed::instructions::InstructionSet;
use super::padded::PaddedEncoder;
use super::registry::Parts;
use super::render::Rendered;
use super::scorer::{HeadSizes, Scorer, Scores};
use super::settings::EncoderSettings;
use super::threads;
use super::tokens::{TokenLimits, Tokens};

/// The two families of encoders; they differ in positions, names and what stands before the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// BERT.
    Bert,
    /// RoBERTa and XLM-RoBERTa.
    Roberta,
}

impl Family {
    /// What may stand before the names of the backbone.
    const fn prefixes(self) -> [&'static str; 2] {
        match self {
            Self::Bert => ["bert.", ""],
            Self::Roberta => ["roberta.", ""],
        }
    }

    /// Positions that no token can have: RoBERTa counts from the padding id plus one.
    pub const fn positions_unused(self, settings: &EncoderSettings) -> usize {
        match self {
            Self::Bert => 0,
            Self::Roberta => settings.padding as usize + 1,
        }
    }
}

enum Forward {
    Packed(PackedEncoder),
    Padded(PaddedEncoder),
}

/// A loaded encoder.
struct Encoder {
    forward: Forward,
    tokens: Tokens,
}

/// Loads `BertForSequenceClassification`.
///
/// # Errors
/// As `load`.
pub fn load_bert(parts: &Parts<'_>) -> Result<Box<dyn Scorer>, LoadError> {
    load(parts, Family::Bert)
}

/// Loads `RobertaForSequenceClassification` and `XLMRobertaForSequenceClassification`: one network, two tokenizers.
///
/// # Errors
/// As `load`.
pub fn load_roberta(parts: &Parts<'_>) -> Result<Box<dyn Scorer>, LoadError> {
    load(parts, Family::Roberta)
}

fn load(parts: &Parts<'_>, family: Family) -> Result<Box<dyn Scorer>, LoadError> {
    let invalid = |mistakes| LoadError::Invalid { path: parts.files.path(CONFIG), mistakes };
    let settings = EncoderSettings::parse(parts.config).map_err(invalid)?;
    let positions = settings.positions.saturating_sub(family.positions_unused(&settings));
    let tokens_max = parts.tokens_max.unwrap_or(positions.min(512));
    if tokens_max > positions {
        return Err(invalid(vec![format!(
            "max_position_embeddings: leaves room for {positions} tokens; the card's max_tokens is {tokens_max}"
        )]));
    }
    let limits = TokenLimits {
        tokens_max,
        truncation: parts.truncation.unwrap_or(Truncation::Head),
        vocabulary_size: settings.vocabulary_size,
        padding: settings.padding,
    };
    let tokens = Tokens::load(parts.files, limits)?;
    let checkpoint = Checkpoint::open(parts.files)?;
    refuse_adapters(&checkpoint, parts)?;
    let needed = needed(&checkpoint, family, &settings, parts.heads);
    let forward = if parts.device.is_cpu() {
        let workers = threads::workers().map_err(LoadError::Device)?;
        let tensors = checkpoint.numbers_of(&needed)?;
        let unused = family.positions_unused(&settings);
        Forward::Packed(PackedEncoder::new(&settings, unused, tensors, InstructionSet::detect(), workers))
    } else {
        let tensors = checkpoint.load(&needed, &parts.device)?;
        let encoder = PaddedEncoder::new(family, &settings, parts.heads, tensors, &parts.device);
        Forward::Padded(encoder.map_err(|error| LoadError::Weights {
            path: parts.files.directory().to_owned(),
            detail: error.to_string(),
        })?)
    };
    Ok(Box::new(Encoder { forward, tokens }))
}

fn refuse_adapters(checkpoint: &Checkpoint<'_>, parts: &Parts<'_>) -> Result<(), LoadError> {
    match checkpoint.names().find(|name| name.contains("lora_")) {
        None => Ok(()),
        Some(name) => Err(LoadError::Tensors {
            path: parts.files.directory().to_owned(),
            mistakes: vec![format!(
                "tensor `{name}` is an adapter; merge it into the model first (`merge_and_unload()`) and save that"
            )],
        }),
    }
}

/// All tensors that the configuration implies: names in the file, names in our code, shapes.
fn needed(checkpoint: &Checkpoint<'_>, family: Family, settings: &EncoderSettings, heads: HeadSizes) -> Vec<Needed> {
    let EncoderSettings { vocabulary_size, hidden_size: h, intermediate_size, positions, token_types, .. } = *settings;
    let has_words = |prefix: &&str| checkpoint.has(&format!("{prefix}embeddings.word_embeddings.weight"));
    let prefix = family.prefixes().into_iter().find(has_words).unwrap_or(family.prefixes()[0]);
    let mut list = Vec::new();
    let mut add = |name: String, known_as: String, shape: &[usize]| {
        list.push(Needed { name, known_as, shape: shape.to_vec() });
    };
    let mut backbone = |name: &str, shape: &[usize]| add(format!("{prefix}{name}"), format!("backbone.{name}"), shape);
    backbone("embeddings.word_embeddings.weight", &[vocabulary_size, h]);
    backbone("embeddings.position_embeddings.weight", &[positions, h]);
    backbone("embeddings.token_type_embeddings.weight", &[token_types, h]);
    backbone("embeddings.LayerNorm.weight", &[h]);
    backbone("embeddings.LayerNorm.bias", &[h]);
    for layer in 0..settings.layers {
        let dense = [
            ("attention.self.query", h, h),
            ("attention.self.key", h, h),
            ("attention.self.value", h, h),
            ("attention.output.dense", h, h),
            ("intermediate.dense", intermediate_size, h),
            ("output.dense", h, intermediate_size),
        ];
        for (name, rows, columns) in dense {
            backbone(&format!("encoder.layer.{layer}.{name}.weight"), &[rows, columns]);
            backbone(&format!("encoder.layer.{layer}.{name}.bias"), &[rows]);
        }
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            backbone(&format!("encoder.layer.{layer}.{name}.weight"), &[h]);
            backbone(&format!("encoder.layer.{layer}.{name}.bias"), &[h]);
        }
    }
    let (pooler, first) = match family {
        Family::Bert => (format!("{prefix}pooler.dense"), "classifier"),
        Family::Roberta => ("classifier.dense".to_owned(), "classifier.out_proj"),
    };
    let HeadSizes { severity, cause } = heads;
    let mut linear = |name: &str, known_as: &str, rows: usize| {
        add(format!("{name}.weight"), format!("{known_as}.weight"), &[rows, h]);
        add(format!("{name}.bias"), format!("{known_as}.bias"), &[rows]);
    };
    linear(&pooler, "pooler", h);
    // A directory of root causes alone has them in the head that Hugging Face gives every classifier.
    let cause_name = if severity.is_some() { "cause_classifier" } else { first };
    if let Some(rows) = severity {
        linear(first, "severity", rows);
    }
    if let Some(rows) = cause {
        linear(cause_name, "cause", rows);
    }
    list
}

impl Scorer for Encoder {
    fn encode(&self, text: &Rendered) -> Result<Encoded, TicketFault> {
        self.tokens.encode(text)
    }

    fn score(&mut self, batch: &[&Encoded]) -> Result<Vec<Scores>, String> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let sequences: Vec<&[u32]> = batch.iter().map(|row| row.ids.as_slice()).collect();
        match &mut self.forward {
            Forward::Packed(encoder) => encoder.score(&sequences),
            Forward::Padded(encoder) => encoder.score(&sequences).map_err(|error| error.to_string()),
        }
    }

    fn tokens_max(&self) -> usize {
        self.tokens.tokens_max()
    }
}
