//! TF-IDF with logistic regression: the honest baseline, a model directory like any other.
//!
//! Terms are the runs of `[a-z0-9]` in the lower-cased text, alone and in pairs of neighbours; a term weighs
//! (1 + ln count) · idf (or count · idf), and the vector is scaled to length 1: what scikit-learn's `TfidfVectorizer`
//! does with `token_pattern="[a-z0-9]+"`. `config.json` states the analyzer in scikit-learn's words, and another one is
//! refused. `vocabulary.json` is a table from term to column; `model.safetensors` holds `idf` (V), `severity.weight`
//! (4 × V), `severity.bias` (4) and, for root causes, `cause.weight` (K × V), `cause.bias` (K).

use std::collections::{BTreeMap, HashMap};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::domain::prediction::TicketFault;

use super::checkpoint::{Checkpoint, Needed};
use super::classifier::Encoded;
use super::fault::LoadError;
use super::files::{CONFIG, VOCABULARY};
use super::registry::Parts;
use super::render::Rendered;
use super::scorer::{HeadSizes, Scorer, Scores};

/// The word in `config.json`.
pub const MODEL_TYPE: &str = "tfidf_logistic";
/// Most terms.
const TERMS_MAX: usize = 1_000_000;
/// Largest `vocabulary.json`, in bytes.
const VOCABULARY_BYTES_MAX: u64 = 64 << 20;

/// How text becomes terms and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Analyzer {
    has_pairs: bool,
    is_sublinear: bool,
}

impl Analyzer {
    fn parse(config: &Value) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut choice = |key: &str, choices: &[Value]| {
            let found = config.get(key).and_then(|value| choices.iter().position(|choice| choice == value));
            if found.is_none() {
                let allowed = choices.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
                mistakes.push(format!("{key}: must be there and be {allowed}"));
            }
            found
        };
        choice("token_pattern", &[json!("[a-z0-9]+")]);
        choice("lowercase", &[json!(true)]);
        choice("norm", &[json!("l2")]);
        let pairs = choice("ngram_range", &[json!([1, 1]), json!([1, 2])]);
        let sublinear = choice("sublinear_tf", &[json!(false), json!(true)]);
        if mistakes.is_empty() {
            Ok(Self { has_pairs: pairs == Some(1), is_sublinear: sublinear == Some(1) })
        } else {
            Err(mistakes)
        }
    }

    fn weights(self, text: &str, vocabulary: &HashMap<String, u32>, idf: &[f32]) -> Vec<(u32, f32)> {
        let lower = text.to_lowercase();
        let is_gap = |character: char| !character.is_ascii_lowercase() && !character.is_ascii_digit();
        let words: Vec<&str> = lower.split(is_gap).filter(|word| !word.is_empty()).collect();
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        let mut count = |term: &str| {
            if let Some(column) = vocabulary.get(term) {
                *counts.entry(*column).or_default() += 1;
            }
        };
        for word in &words {
            count(word);
        }
        if self.has_pairs {
            let mut pair = String::new();
            for (first, second) in words.iter().zip(words.iter().skip(1)) {
                pair.clear();
                pair.extend([first, " ", second]);
                count(&pair);
            }
        }
        let weigh = |(column, count): (u32, u32)| {
            let frequency = if self.is_sublinear { 1.0 + f64::from(count).ln() } else { f64::from(count) };
            (column, frequency * f64::from(idf[column as usize]))
        };
        let weighted: Vec<(u32, f64)> = counts.into_iter().map(weigh).collect();
        let length = weighted.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        // A text without a known term has no direction; scikit-learn leaves it at zero, and the bias decides.
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        weighted.into_iter().map(|(column, weight)| (column, (weight * scale) as f32)).collect()
    }
}

/// One head: rows of weights over the terms, and a bias per row.
struct Head {
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Head {
    fn scores(&self, features: &[(u32, f32)]) -> Vec<f32> {
        let terms = self.weights.len() / self.bias.len();
        self.weights
            .chunks_exact(terms)
            .zip(&self.bias)
            .map(|(row, bias)| {
                let product = |(column, weight): &(u32, f32)| f64::from(row[*column as usize]) * f64::from(*weight);
                (features.iter().map(product).sum::<f64>() + f64::from(*bias)) as f32
            })
            .collect()
    }
}

struct Linear {
    analyzer: Analyzer,
    vocabulary: HashMap<String, u32>,
    idf: Vec<f32>,
    severity: Option<Head>,
    cause: Option<Head>,
}

/// Loads a TF-IDF directory; it runs on the CPU whatever the device.
///
/// # Errors
/// Another analyzer than ours, a vocabulary that does not number its terms 0, 1, 2, …, tensors of other shapes.
pub fn load(parts: &Parts<'_>) -> Result<Box<dyn Scorer>, LoadError> {
    let files = parts.files;
    let invalid = |file: &str, mistakes| LoadError::Invalid { path: files.path(file), mistakes };
    let analyzer = Analyzer::parse(parts.config).map_err(|mistakes| invalid(CONFIG, mistakes))?;
    let vocabulary = read_vocabulary(&files.json(VOCABULARY, VOCABULARY_BYTES_MAX)?);
    let vocabulary = vocabulary.map_err(|mistake| invalid(VOCABULARY, vec![mistake]))?;
    let terms = vocabulary.len();
    let HeadSizes { severity, cause } = parts.heads;
    let mut needed = vec![need("idf", &[terms])];
    for (name, rows) in [("severity", severity), ("cause", cause)] {
        if let Some(rows) = rows {
            needed.push(need(&format!("{name}.weight"), &[rows, terms]));
            needed.push(need(&format!("{name}.bias"), &[rows]));
        }
    }
    let mut tensors = Checkpoint::open(files)?.load(&needed, &Device::Cpu)?;
    let mut numbers = |name: &str| {
        let tensor = tensors.remove(name).expect("all needed tensors are loaded");
        tensor
            .flatten_all()
            .and_then(|flat: Tensor| flat.to_vec1::<f32>())
            .map_err(|error| LoadError::Weights { path: files.directory().to_owned(), detail: error.to_string() })
    };
    let idf = numbers("idf")?;
    let mut head = |name: &str, rows: Option<usize>| {
        rows.map(|_| -> Result<Head, LoadError> {
            Ok(Head { weights: numbers(&format!("{name}.weight"))?, bias: numbers(&format!("{name}.bias"))? })
        })
        .transpose()
    };
    let (severity, cause) = (head("severity", severity)?, head("cause", cause)?);
    Ok(Box::new(Linear { analyzer, vocabulary, idf, severity, cause }))
}

fn need(name: &str, shape: &[usize]) -> Needed {
    Needed { name: name.to_owned(), known_as: name.to_owned(), shape: shape.to_vec() }
}

fn read_vocabulary(value: &Value) -> Result<HashMap<String, u32>, String> {
    let table = value.as_object().ok_or("is no table from term to column")?;
    if table.is_empty() || table.len() > TERMS_MAX {
        return Err(format!("has {} terms; 1 to {TERMS_MAX} are allowed", table.len()));
    }
    let mut seen = vec![false; table.len()];
    let mut vocabulary = HashMap::with_capacity(table.len());
    for (term, column) in table {
        let column = column.as_u64().filter(|column| (*column as usize) < seen.len());
        let free = column.filter(|column| !std::mem::replace(&mut seen[*column as usize], true));
        let column = free.ok_or_else(|| {
            let term: String = term.chars().take(64).collect();
            format!("term `{term}` has no column of its own from 0 to {}", table.len() - 1)
        })?;
        vocabulary.insert(term.clone(), column as u32);
    }
    Ok(vocabulary)
}

impl Scorer for Linear {
    fn encode(&self, text: &Rendered) -> Result<Encoded, TicketFault> {
        let features = self.analyzer.weights(&text.text, &self.vocabulary, &self.idf);
        Ok(Encoded { features, truncated: text.is_cut, ..Encoded::default() })
    }

    fn score(&mut self, batch: &[&Encoded]) -> Result<Vec<Scores>, String> {
        let of = |head: &Option<Head>, row: &Encoded| {
            head.as_ref().map(|head| head.scores(&row.features)).unwrap_or_default()
        };
        Ok(batch.iter().map(|row| Scores { severity: of(&self.severity, row), cause: of(&self.cause, row) }).collect())
    }

    fn tokens_max(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_lower_cased_runs_alone_and_in_pairs() {
        let terms = ["link", "down", "link down", "eth0", "down eth0", "absent"];
        let vocabulary = terms.iter().zip(0..).map(|(term, column)| ((*term).to_owned(), column)).collect();
        let analyzer = Analyzer { has_pairs: true, is_sublinear: true };
        let weights = analyzer.weights("LINK-down (eth0), Größe", &vocabulary, &[1.0; 6]);
        let columns: Vec<u32> = weights.iter().map(|(column, _)| *column).collect();
        assert_eq!(columns, [0, 1, 2, 3, 4]);
        assert!((weights.iter().map(|(_, weight)| weight * weight).sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(analyzer.weights("nothing known", &vocabulary, &[1.0; 6]), []);
    }

    #[test]
    fn another_analyzer_than_ours_is_refused_key_by_key() {
        let config = json!({"token_pattern": r"\w+", "lowercase": true, "norm": "l1", "ngram_range": [1, 3]});
        let mistakes = Analyzer::parse(&config).expect_err("must be refused");
        let keys: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.split(':').next()).collect();
        assert_eq!(keys, ["token_pattern", "norm", "ngram_range", "sublinear_tf"]);
    }

    #[test]
    fn a_vocabulary_numbers_its_terms_without_gap_or_repetition() {
        assert!(read_vocabulary(&json!({"a": 1, "b": 0})).is_ok());
        for bad in [json!({"a": 0, "b": 0}), json!({"a": 0, "b": 2}), json!({"a": -1}), json!({}), json!([])] {
            assert!(read_vocabulary(&bad).is_err(), "{bad}");
        }
    }
}
