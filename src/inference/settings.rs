//! What `config.json` of a BERT or RoBERTa says, in the spellings of transformers 4 and 5. Whatever changes a logit must
//! be there: no silent default.

use serde_json::{Map, Value};

use crate::domain::message::in_line;

/// Characters of a mistake.
const SHOWN_CHARS_MAX: usize = 500;
/// Bounds of what is loaded: beyond them a file is a mistake or an attack, not an encoder.
const LAYERS_MAX: usize = 128;
const HIDDEN_MAX: usize = 16_384;
const INTERMEDIATE_MAX: usize = 65_536;
const HEADS_MAX: usize = 256;
const VOCABULARY_MAX: usize = 1_000_000;
const POSITIONS_MAX: usize = 131_072;

/// The activation between the two halves of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x·Φ(x), exactly.
    Gelu,
    /// The tanh approximation of it.
    GeluTanh,
    /// max(x, 0).
    Relu,
}

/// The shape of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderSettings {
    /// Rows of the word embedding.
    pub vocabulary_size: usize,
    /// Width.
    pub hidden_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads; divides the width.
    pub heads: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Activation of the feed-forward layers.
    pub activation: Activation,
    /// Rows of the position embedding.
    pub positions: usize,
    /// Rows of the token-type embedding; all tokens are of type 0.
    pub token_types: usize,
    /// Epsilon of the layer norms.
    pub norm_epsilon: f64,
    /// Id of the padding token; RoBERTa counts positions from it.
    pub padding: u32,
}

impl EncoderSettings {
    /// Reads the configuration of a BERT-like encoder.
    ///
    /// # Errors
    /// Every key that is missing, out of bounds, or asks for something else than a plain classifier.
    pub fn parse(config: &Value) -> Result<Self, Vec<String>> {
        let empty = Map::new();
        let mut keys = Keys { map: config.as_object().unwrap_or(&empty), mistakes: Vec::new() };
        let settings = Self {
            vocabulary_size: keys.size("vocab_size", VOCABULARY_MAX),
            hidden_size: keys.size("hidden_size", HIDDEN_MAX),
            layers: keys.size("num_hidden_layers", LAYERS_MAX),
            heads: keys.size("num_attention_heads", HEADS_MAX),
            intermediate_size: keys.size("intermediate_size", INTERMEDIATE_MAX),
            activation: keys.activation(),
            positions: keys.size("max_position_embeddings", POSITIONS_MAX),
            token_types: keys.size("type_vocab_size", 16),
            norm_epsilon: keys.norm_epsilon(),
            padding: keys.padding(),
        };
        if !settings.hidden_size.is_multiple_of(settings.heads) {
            keys.mistakes.push(format!(
                "num_attention_heads: {} heads do not divide hidden_size {}",
                settings.heads, settings.hidden_size
            ));
        }
        if settings.padding as usize >= settings.vocabulary_size {
            keys.mistakes.push(format!("pad_token_id: {} is beyond vocab_size", settings.padding));
        }
        keys.refused();
        // Each may quote a value.
        let shown = |mistake: String| in_line(&mistake, SHOWN_CHARS_MAX);
        if keys.mistakes.is_empty() { Ok(settings) } else { Err(keys.mistakes.into_iter().map(shown).collect()) }
    }
}

struct Keys<'config> {
    map: &'config Map<String, Value>,
    mistakes: Vec<String>,
}

impl Keys<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A whole number from 1 to `most`; 1 stands in for a wrong one, so that reading goes on.
    fn size(&mut self, key: &str, most: usize) -> usize {
        let Some(value) = self.value(key) else {
            self.mistakes.push(format!("{key}: is missing"));
            return 1;
        };
        match value.as_u64().and_then(|number| usize::try_from(number).ok()) {
            Some(number) if (1..=most).contains(&number) => number,
            Some(_) | None => {
                let shown: String = value.to_string().chars().take(64).collect();
                self.mistakes.push(format!("{key}: {shown} is no whole number from 1 to {most}"));
                1
            }
        }
    }

    fn activation(&mut self) -> Activation {
        match self.value("hidden_act").map(Value::as_str) {
            Some(Some("gelu")) => return Activation::Gelu,
            Some(Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast")) => return Activation::GeluTanh,
            Some(Some("relu")) => return Activation::Relu,
            Some(_) => self
                .mistakes
                .push("hidden_act: is not one of gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu".into()),
            None => self.mistakes.push("hidden_act: is missing".into()),
        }
        Activation::Gelu
    }

    fn norm_epsilon(&mut self) -> f64 {
        match self.value("layer_norm_eps").map(Value::as_f64) {
            Some(Some(epsilon)) if epsilon > 0.0 && epsilon < 0.1 => return epsilon,
            Some(_) => self.mistakes.push("layer_norm_eps: is no number between 0 and 0.1".into()),
            None => self.mistakes.push("layer_norm_eps: is missing".into()),
        }
        1e-12
    }

    fn padding(&mut self) -> u32 {
        match self.value("pad_token_id").map(Value::as_u64) {
            Some(Some(id)) if id < VOCABULARY_MAX as u64 => return id as u32,
            Some(_) => self.mistakes.push("pad_token_id: is no token id".into()),
            None => self.mistakes.push("pad_token_id: is missing".into()),
        }
        0
    }

    /// Settings that ask for another computation than ours.
    fn refused(&mut self) {
        // transformers 5 no longer writes this key: absolute is the only kind left.
        if let Some(kind) = self.value("position_embedding_type")
            && kind.as_str() != Some("absolute")
        {
            self.mistakes.push(format!("position_embedding_type: {kind} is not supported, only absolute"));
        }
        for key in ["is_decoder", "add_cross_attention"] {
            if self.value(key).is_some_and(|value| *value != Value::Bool(false)) {
                self.mistakes.push(format!("{key}: must be false for a classifier"));
            }
        }
        if self.value("quantization_config").is_some() {
            self.mistakes
                .push("quantization_config: quantised encoders are not supported; save the weights as floats".into());
        }
        if let Some(kind) = self.value("problem_type")
            && kind.as_str() != Some("single_label_classification")
        {
            self.mistakes.push(format!(
                "problem_type: {kind} has no softmax over the labels; only single_label_classification has"
            ));
        }
    }
}

/// The labels of `id2label` in the order of their rows, where there are any and they are complete.
pub fn labels_of(config: &Value) -> Option<Vec<String>> {
    let map = config.get("id2label")?.as_object()?;
    if map.len() > 1000 {
        return None;
    }
    (0..map.len()).map(|row| map.get(&row.to_string())?.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
            "intermediate_size": 64, "hidden_act": "gelu", "max_position_embeddings": 64, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "pad_token_id": 0
        })
    }

    #[track_caller]
    fn check_mistake(key: &str, value: Value, expected: &str) {
        let mut config = good();
        config[key] = value;
        let mistakes = EncoderSettings::parse(&config).expect_err("must be refused");
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(key) && mistake.contains(expected)), "{mistakes:?}");
    }

    #[test]
    fn the_spellings_of_transformers_4_and_5_mean_the_same() {
        let mut older = good();
        older["position_embedding_type"] = json!("absolute");
        older["torch_dtype"] = json!("float32");
        older["is_decoder"] = json!(false);
        let mut newer = good();
        newer["dtype"] = json!("float32");
        newer["bos_token_id"] = Value::Null;
        assert_eq!(EncoderSettings::parse(&older), EncoderSettings::parse(&newer));
        assert!(EncoderSettings::parse(&older).is_ok());
    }

    #[test]
    fn whatever_changes_a_logit_must_be_there() {
        for key in good().as_object().expect("an object").keys() {
            check_mistake(key, Value::Null, "is missing");
        }
    }

    #[test]
    fn unbounded_and_foreign_settings_are_refused() {
        check_mistake("hidden_size", json!(1_000_000), "is no whole number from 1 to 16384");
        check_mistake("num_hidden_layers", json!(-1), "is no whole number");
        check_mistake("vocab_size", json!(1e30), "is no whole number");
        check_mistake("num_attention_heads", json!(5), "5 heads do not divide");
        check_mistake("hidden_act", json!("swish"), "is not one of");
        check_mistake("position_embedding_type", json!("relative_key"), "only absolute");
        check_mistake("problem_type", json!("multi_label_classification"), "no softmax");
        check_mistake("is_decoder", json!(true), "must be false");
        check_mistake("quantization_config", json!({"quant_method": "bnb"}), "not supported");
        check_mistake("pad_token_id", json!(100), "beyond vocab_size");
    }

    #[test]
    fn all_mistakes_of_a_configuration_are_named_at_once() {
        assert_eq!(EncoderSettings::parse(&json!([])).expect_err("no object").len(), 10);
    }

    #[test]
    fn labels_come_in_the_order_of_their_rows() {
        let config = json!({"id2label": {"1": "high", "0": "critical", "10": "x"}});
        assert_eq!(labels_of(&config), None);
        assert_eq!(labels_of(&json!({"id2label": {"1": "b", "0": "a"}})), Some(vec!["a".into(), "b".into()]));
    }
}
