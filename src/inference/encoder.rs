//! BERT and RoBERTa/XLM-RoBERTa with a severity head and, on the same pooled output, a root-cause head: one forward
//! pass for both. What a directory must hold is checked here; [`super::packed`] computes on a CPU, [`super::padded`] on a
//! GPU.

use crate::domain::prediction::TicketFault;

use super::card::Truncation;
use super::checkpoint::Checkpoint;
use super::classifier::Encoded;
use super::fault::LoadError;
use super::files::CONFIG;
use super::packed::PackedEncoder;
use super::packed::instructions::InstructionSet;
use super::padded::PaddedEncoder;
use super::registry::Parts;
use super::render::Rendered;
use super::scorer::{Scorer, Scores};
use super::settings::EncoderSettings;
use super::tensors::{Family, needed};
use super::threads;
use super::tokens::{TokenLimits, Tokens};

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
    let has_words = |prefix: &&str| checkpoint.has(&format!("{prefix}embeddings.word_embeddings.weight"));
    let prefix = family.prefixes().into_iter().find(has_words).unwrap_or(family.prefixes()[0]);
    let needed = needed(family, prefix, &settings, parts.heads);
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
