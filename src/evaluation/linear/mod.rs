//! TF-IDF with multinomial logistic regression, trained here: the honest baseline that a fine-tuned model must beat.
//!
//! Terms and weights are those of a TF-IDF model directory: runs of `[a-z0-9]` in the lower-cased text, alone and in pairs
//! of neighbours, (1 + ln count) · idf, length 1. The fit is scikit-learn's default: the multinomial log loss with an L2
//! penalty, `Σ −ln p(truth) + |w|²/(2C)`, C = 10, the biases free.

mod fit;
mod terms;

use crate::domain::probability::SeverityDistribution;
use crate::domain::severity::Severity;

use fit::{Problem, Weights};
use terms::Vocabulary;

/// C of the fit, as a card says it.
pub const INVERSE_PENALTY: f64 = fit::INVERSE_PENALTY;

/// A trained model.
pub struct Linear {
    vocabulary: Vocabulary,
    weights: Weights,
}

/// A trained model taken apart.
pub struct Parts<'model> {
    /// The terms in the order of their columns.
    pub terms: Vec<&'model str>,
    /// How rare each term is.
    pub idf: &'model [f64],
    /// The weights of the terms, a row for each of [`Severity::ALL`].
    pub weights: [Vec<f64>; 4],
    /// The bias of each of [`Severity::ALL`].
    pub biases: [f64; 4],
}

/// Why there is no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTrained {
    /// Nothing to learn from.
    #[error("there are no training tickets with a text")]
    NoText,
    /// Nothing to tell apart.
    #[error("all training tickets have one severity: there is nothing to tell apart")]
    OneSeverity,
}

impl Linear {
    /// Trains on texts and their labels. The same tickets in the same order give the same model to the last bit.
    ///
    /// # Errors
    /// No terms, or one severity alone.
    pub fn train(texts: &[(String, Severity)]) -> Result<Self, NotTrained> {
        let vocabulary = Vocabulary::of(texts.iter().map(|(text, _)| text.as_str())).ok_or(NotTrained::NoText)?;
        if texts.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            return Err(NotTrained::OneSeverity);
        }
        let rows = texts.iter().map(|(text, _)| vocabulary.features(text)).collect();
        let labels = texts.iter().map(|(_, severity)| severity.index()).collect();
        let weights = Problem { rows, labels, terms: vocabulary.len() }.minimise();
        Ok(Self { vocabulary, weights })
    }

    /// What a model directory holds: the terms, their idf, and the heads.
    pub fn parts(&self) -> Parts<'_> {
        let (terms, idf) = self.vocabulary.parts();
        let (weights, biases) = self.weights.parts();
        Parts { terms, idf, weights, biases }
    }

    /// The distribution over the severities of one text.
    pub fn predict(&self, text: &str) -> SeverityDistribution {
        let scores = self.weights.scores(&self.vocabulary.features(text));
        SeverityDistribution::from_logits(scores).expect("weights of a converged fit are finite")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Vec<(String, Severity)> {
        let rows = [
            ("core router down, all links lost", Severity::Critical),
            ("core switch down, customers offline", Severity::Critical),
            ("bgp session flapping on edge router", Severity::High),
            ("ospf neighbour flapping on edge", Severity::High),
            ("fan noise in access switch", Severity::Low),
            ("label missing on access switch", Severity::Low),
            ("optic power low on uplink", Severity::Medium),
            ("uplink errors rising", Severity::Medium),
        ];
        rows.map(|(text, severity)| (text.to_owned(), severity)).to_vec()
    }

    #[test]
    fn it_learns_what_it_is_shown_and_says_the_same_every_time() {
        let (one, other) = (Linear::train(&texts()).expect("trained"), Linear::train(&texts()).expect("trained"));
        for (text, severity) in texts() {
            assert_eq!(one.predict(&text).predicted(), severity, "{text}");
            assert_eq!(one.predict(&text), other.predict(&text));
        }
        assert_eq!(one.predict("Access switch: FAN noise again").predicted(), Severity::Low);
    }

    #[test]
    fn an_unknown_text_gets_what_the_biases_say() {
        let linear = Linear::train(&texts()).expect("trained");
        let found = linear.predict("zzz");
        assert!(found.probabilities().iter().all(|probability| (probability - 0.25).abs() < 0.05), "{found:?}");
    }

    #[test]
    fn the_parts_give_the_same_answers_as_the_whole() {
        let linear = Linear::train(&texts()).expect("trained");
        let Parts { terms, idf, weights, biases } = linear.parts();
        // One known word: the vector has length 1 along its column, whatever its idf.
        let column = terms.iter().position(|term| *term == "noise").expect("a word of the texts");
        let scores = std::array::from_fn(|row| weights[row][column] + biases[row]);
        let by_hand = SeverityDistribution::from_logits(scores).expect("finite");
        assert_eq!(linear.predict("noise"), by_hand);
        assert!(idf.len() == terms.len() && (idf[column] - (9.0_f64 / 2.0).ln() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_learnt_from_nothing() {
        assert_eq!(Linear::train(&[]).err(), Some(NotTrained::NoText));
        assert_eq!(Linear::train(&[("!!".into(), Severity::Low)]).err(), Some(NotTrained::NoText));
        let one = [("a b".to_owned(), Severity::Low), ("c d".to_owned(), Severity::Low)];
        assert_eq!(Linear::train(&one).err(), Some(NotTrained::OneSeverity));
    }
}
