//! Which tensors an encoder has, and what they are called in files and in our code.

use super::checkpoint::Needed;
use super::scorer::HeadSizes;
use super::settings::EncoderSettings;

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
    pub const fn prefixes(self) -> [&'static str; 2] {
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

/// All tensors that the configuration implies: names in the file, where the backbone's begin with `prefix`; names in our
/// code; shapes.
pub fn needed(family: Family, prefix: &str, settings: &EncoderSettings, heads: HeadSizes) -> Vec<Needed> {
    let EncoderSettings { vocabulary_size, hidden_size: h, intermediate_size, positions, token_types, .. } = *settings;
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
