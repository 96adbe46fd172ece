//! What one model says, as a decision record holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::prediction::{ModelRole, Purpose};
use crate::domain::severity::Severity;

use super::decision::is_false;
use super::values::HexDigest;
use super::words::Word;

/// What one model says: a distribution, or the word of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerRecord {
    /// In which capacity.
    pub role: Word<ModelRole>,
    /// Name on the card.
    pub model: String,
    /// Version on the card.
    pub version: String,
    /// Digest of the model directory.
    pub digest: HexDigest,
    /// Digest of its calibration.
    pub calibration_digest: HexDigest,
    /// What the model is for.
    pub purpose: Word<Purpose>,
    /// The prediction; absent with a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<PredictionRecord>,
    /// Why there is no prediction (`deadline`, `not_finite`, …); absent with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// What a candidate would have been allowed, on a drawn ticket; absent for other models, whose eligibility stands beside
    /// the answers or is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligible: Option<ReachRecord>,
}

/// What a candidate would have been allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReachRecord {
    /// Thresholds that its confidence reaches for `auto_triage`, ascending; absent when forbidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_triage: Vec<f64>,
    /// The same for `auto_resolve`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_resolve: Vec<f64>,
    /// Queue that the table of the policy gives for its answer; absent where no row matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
}

/// A prediction, probabilities rounded to six digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictionRecord {
    /// The predicted severity.
    pub severity: Word<Severity>,
    /// Calibrated distribution.
    pub distribution: Distribution,
    /// Root causes, most probable first, at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<CauseRecord>,
    /// Whether the model saw only a part of the text.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Number of tokens it saw.
    pub tokens: u32,
}

/// A probability for each severity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distribution {
    /// Of critical.
    pub critical: f64,
    /// Of high.
    pub high: f64,
    /// Of medium.
    pub medium: f64,
    /// Of low.
    pub low: f64,
}

impl Distribution {
    /// The probability of one severity.
    pub const fn of(&self, severity: Severity) -> f64 {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
        }
    }
}

/// A root cause and its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CauseRecord {
    /// A code of the taxonomy.
    pub cause: String,
    /// Its probability.
    pub probability: f64,
}
