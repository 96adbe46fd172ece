//! BERT and RoBERTa/XLM-RoBERTa with a severity head and, on the same pooled output, a root-cause head: one forward
//! pass for both. The layers are candle-transformers'; configuration, names, heads and checks are ours.

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use candle_transformers::models::{bert, xlm_roberta};

use crate::domain::prediction::TicketFault;

use super::card::Truncation;
use super::checkpoint::{Checkpoint, Needed};
use super::classifier::Encoded;
use super::fault::LoadError;
use super::files::CONFIG;
use super::registry::Parts;
use super::render::Rendered;
use super::scorer::{HeadSizes, Scorer, Scores};
use super::settings::{Activation, EncoderSettings};
use super::tokens::{TokenLimits, Tokens};

/// The two families of encoders; they differ in positions, names and what stands before the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Bert,
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
    const fn positions_unused(self, settings: &EncoderSettings) -> usize {
        match self {
            Self::Bert => 0,
            Self::Roberta => settings.padding as usize + 1,
        }
    }
}

enum Backbone {
    Bert(bert::BertModel),
    Roberta(xlm_roberta::XLMRobertaModel),
}

/// A loaded encoder.
pub struct Encoder {
    backbone: Backbone,
    /// The layer with tanh that both heads read.
    pooler: Linear,
    severity: Option<Linear>,
    cause: Option<Linear>,
    tokens: Tokens,
    padding: u32,
    device: Device,
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
    let tensors = checkpoint.load(&needed, &parts.device)?;
    let vb = VarBuilder::from_tensors(tensors, DType::F32, &parts.device);
    let failure = |error: candle_core::Error| LoadError::Weights {
        path: parts.files.directory().to_owned(),
        detail: error.to_string(),
    };
    let encoder = build(vb, family, &settings, parts, tokens).map_err(failure)?;
    Ok(Box::new(encoder))
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

fn build(
    vb: VarBuilder<'_>,
    family: Family,
    settings: &EncoderSettings,
    parts: &Parts<'_>,
    tokens: Tokens,
) -> candle_core::Result<Encoder> {
    let h = settings.hidden_size;
    let backbone = match family {
        Family::Bert => Backbone::Bert(bert::BertModel::load(vb.pp("backbone"), &bert_config(settings))?),
        Family::Roberta => {
            Backbone::Roberta(xlm_roberta::XLMRobertaModel::new(&roberta_config(settings), vb.pp("backbone"))?)
        }
    };
    let head = |rows: Option<usize>, name: &str| rows.map(|rows| candle_nn::linear(h, rows, vb.pp(name))).transpose();
    Ok(Encoder {
        backbone,
        pooler: candle_nn::linear(h, h, vb.pp("pooler"))?,
        severity: head(parts.heads.severity, "severity")?,
        cause: head(parts.heads.cause, "cause")?,
        tokens,
        padding: settings.padding,
        device: parts.device.clone(),
    })
}

fn bert_config(settings: &EncoderSettings) -> bert::Config {
    bert::Config {
        vocab_size: settings.vocabulary_size,
        hidden_size: settings.hidden_size,
        num_hidden_layers: settings.layers,
        num_attention_heads: settings.heads,
        intermediate_size: settings.intermediate_size,
        hidden_act: match settings.activation {
            Activation::Gelu => bert::HiddenAct::Gelu,
            Activation::GeluTanh => bert::HiddenAct::GeluApproximate,
            Activation::Relu => bert::HiddenAct::Relu,
        },
        hidden_dropout_prob: 0.0,
        max_position_embeddings: settings.positions,
        type_vocab_size: settings.token_types,
        initializer_range: 0.02,
        layer_norm_eps: settings.norm_epsilon,
        pad_token_id: settings.padding as usize,
        position_embedding_type: bert::PositionEmbeddingType::Absolute,
        use_cache: false,
        classifier_dropout: None,
        // With a word here candle would try other names when a tensor is missing.
        model_type: None,
    }
}

fn roberta_config(settings: &EncoderSettings) -> xlm_roberta::Config {
    xlm_roberta::Config {
        hidden_size: settings.hidden_size,
        layer_norm_eps: settings.norm_epsilon,
        attention_probs_dropout_prob: 0.0,
        hidden_dropout_prob: 0.0,
        num_attention_heads: settings.heads,
        position_embedding_type: "absolute".into(),
        intermediate_size: settings.intermediate_size,
        hidden_act: match settings.activation {
            Activation::Gelu => candle_nn::Activation::Gelu,
            Activation::GeluTanh => candle_nn::Activation::NewGelu,
            Activation::Relu => candle_nn::Activation::Relu,
        },
        num_hidden_layers: settings.layers,
        vocab_size: settings.vocabulary_size,
        max_position_embeddings: settings.positions,
        type_vocab_size: settings.token_types,
        pad_token_id: settings.padding,
    }
}

impl Encoder {
    fn forward(&self, batch: &[&Encoded]) -> candle_core::Result<Vec<Scores>> {
        let longest = batch.iter().map(|row| row.ids.len()).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(batch.len() * longest);
        let mut mask = Vec::with_capacity(batch.len() * longest);
        for row in batch {
            let padding = longest - row.ids.len();
            ids.extend(row.ids.iter().copied().chain(std::iter::repeat_n(self.padding, padding)));
            mask.extend(std::iter::repeat_n(1_u32, row.ids.len()).chain(std::iter::repeat_n(0, padding)));
        }
        let shape = (batch.len(), longest);
        let ids = Tensor::from_vec(ids, shape, &self.device)?;
        let mask = Tensor::from_vec(mask, shape, &self.device)?;
        let types = ids.zeros_like()?;
        let hidden = match &self.backbone {
            Backbone::Bert(model) => model.forward(&ids, &types, Some(&mask))?,
            Backbone::Roberta(model) => model.forward(&ids, &mask, &types, None, None, None)?,
        };
        let first = hidden.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?;
        let pooled = self.pooler.forward(&first)?.tanh()?;
        let rows_of = |head: &Option<Linear>| match head {
            Some(head) => head.forward(&pooled)?.to_dtype(DType::F32)?.to_vec2::<f32>(),
            None => Ok(vec![Vec::new(); pooled.dim(D::Minus2)?]),
        };
        let rows = rows_of(&self.severity)?.into_iter().zip(rows_of(&self.cause)?);
        Ok(rows.map(|(severity, cause)| Scores { severity, cause }).collect())
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
        self.forward(batch).map_err(|error| error.to_string())
    }

    fn tokens_max(&self) -> usize {
        self.tokens.tokens_max()
    }
}
