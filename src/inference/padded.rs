//! The same encoders on candle-transformers' layers: what runs on a GPU, and the reference that the packed forward is
//! held against. Every row is padded to the longest of its pass.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use candle_transformers::models::{bert, xlm_roberta};

use super::scorer::{HeadSizes, Scores};
use super::settings::{Activation, EncoderSettings};
use super::tensors::Family;

enum Backbone {
    Bert(bert::BertModel),
    Roberta(xlm_roberta::XLMRobertaModel),
}

/// An encoder with its heads.
pub struct PaddedEncoder {
    backbone: Backbone,
    /// The layer with tanh that both heads read.
    pooler: Linear,
    severity: Option<Linear>,
    cause: Option<Linear>,
    padding: u32,
    device: Device,
}

impl PaddedEncoder {
    /// Takes the tensors that [`super::tensors`] lists.
    ///
    /// # Errors
    /// A tensor that is missing or misshapen.
    pub fn new(
        family: Family,
        settings: &EncoderSettings,
        heads: HeadSizes,
        tensors: HashMap<String, Tensor>,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let vb = VarBuilder::from_tensors(tensors, DType::F32, device);
        let h = settings.hidden_size;
        let backbone = match family {
            Family::Bert => Backbone::Bert(bert::BertModel::load(vb.pp("backbone"), &bert_config(settings))?),
            Family::Roberta => {
                Backbone::Roberta(xlm_roberta::XLMRobertaModel::new(&roberta_config(settings), vb.pp("backbone"))?)
            }
        };
        let head =
            |rows: Option<usize>, name: &str| rows.map(|rows| candle_nn::linear(h, rows, vb.pp(name))).transpose();
        Ok(Self {
            backbone,
            pooler: candle_nn::linear(h, h, vb.pp("pooler"))?,
            severity: head(heads.severity, "severity")?,
            cause: head(heads.cause, "cause")?,
            padding: settings.padding,
            device: device.clone(),
        })
    }

    /// Scores of each sequence of token ids, in order.
    ///
    /// # Errors
    /// A sequence that is too long or holds an id beyond the vocabulary; whatever a device says.
    pub fn score(&self, sequences: &[&[u32]]) -> candle_core::Result<Vec<Scores>> {
        let longest = sequences.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(sequences.len() * longest);
        let mut mask = Vec::with_capacity(sequences.len() * longest);
        for sequence in sequences {
            let padding = longest - sequence.len();
            ids.extend(sequence.iter().copied().chain(std::iter::repeat_n(self.padding, padding)));
            mask.extend(std::iter::repeat_n(1_u32, sequence.len()).chain(std::iter::repeat_n(0, padding)));
        }
        let shape = (sequences.len(), longest);
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

#[cfg(test)]
mod tests {
    use super::super::packed::PackedEncoder;
    use super::super::packed::instructions::InstructionSet;
    use super::super::packed::schedule::Workers;
    use super::super::tensors::needed;
    use super::*;

    const HEADS: HeadSizes = HeadSizes { severity: Some(4), cause: Some(9) };

    fn settings(family: Family, activation: Activation) -> EncoderSettings {
        let padding = match family {
            Family::Bert => 0,
            Family::Roberta => 1,
        };
        EncoderSettings {
            vocabulary_size: 120,
            hidden_size: 60,
            layers: 3,
            heads: 5,
            intermediate_size: 130,
            activation,
            positions: 90,
            token_types: 2,
            norm_epsilon: 1e-5,
            padding,
        }
    }

    /// Both forwards on the same random weights.
    fn both(family: Family, settings: &EncoderSettings, set: InstructionSet) -> (PackedEncoder, PaddedEncoder) {
        let mut random = fastrand::Rng::with_seed(9);
        let (mut numbers, mut tensors) = (HashMap::new(), HashMap::new());
        for one in needed(family, "", settings, HEADS) {
            let middle = if one.known_as.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            let count: usize = one.shape.iter().product();
            let of_one: Vec<f32> = (0..count).map(|_| middle + (random.f32() - 0.5) * 0.6).collect();
            let tensor = Tensor::from_vec(of_one.clone(), one.shape, &Device::Cpu).expect("a tensor");
            tensors.insert(one.known_as.clone(), tensor);
            numbers.insert(one.known_as, of_one);
        }
        let workers = Workers::new(2).expect("threads");
        let unused = family.positions_unused(settings);
        let padded = PaddedEncoder::new(family, settings, HEADS, tensors, &Device::Cpu).expect("all tensors");
        (PackedEncoder::new(settings, unused, numbers, set, workers), padded)
    }

    #[test]
    fn the_packed_forward_gives_the_scores_of_candle() {
        for (family, activation) in [Family::Bert, Family::Roberta]
            .into_iter()
            .flat_map(|family| [Activation::Gelu, Activation::GeluTanh, Activation::Relu].map(|one| (family, one)))
        {
            let settings = settings(family, activation);
            for set in InstructionSet::available() {
                let (mut packed, padded) = both(family, &settings, set);
                let mut random = fastrand::Rng::with_seed(10);
                let lengths = [1, 2, 88, 30, 7, 51, 16, 64];
                // RoBERTa's reference takes position from what is no padding: ids from 2 up.
                let ids = lengths.map(|length| (0..length).map(|_| random.u32(2..120)).collect::<Vec<u32>>());
                let sequences = ids.each_ref().map(Vec::as_slice);
                let found = packed.score(&sequences).expect("good sequences");
                let expected = padded.score(&sequences).expect("good sequences");
                for (found, expected) in found.iter().zip(&expected) {
                    let pairs = found.severity.iter().zip(&expected.severity);
                    for (found, expected) in pairs.chain(found.cause.iter().zip(&expected.cause)) {
                        let what = (family, activation, set.as_str());
                        assert!((found - expected).abs() <= 1e-4, "{what:?}: {found}, not {expected}");
                    }
                }
                assert_eq!((found[0].severity.len(), found[0].cause.len()), (4, 9));
            }
        }
    }
}
