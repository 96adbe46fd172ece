//! What a model says about a ticket.

use std::sync::Arc;

use super::digest::Digest;
use super::probability::{Probability, SeverityDistribution};

/// What a model directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Real tickets.
    Production,
    /// Demonstration: never leaves shadow outside the demo.
    Demo,
}

/// In which capacity a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModelRole {
    /// The one whose answers are used.
    Acting,
    /// TF-IDF with logistic regression, the honest live baseline.
    Baseline,
    /// Predicts the evidence draw, shows nothing.
    Candidate,
}

impl ModelRole {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Acting, Self::Baseline, Self::Candidate];

    /// The word used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acting => "acting",
            Self::Baseline => "baseline",
            Self::Candidate => "candidate",
        }
    }
}

/// Which model it was, to the last bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelIdentity {
    /// Name on the card.
    pub name: String,
    /// Version on the card.
    pub version: String,
    /// Digest over all files of the directory but the calibration.
    pub digest: Digest,
    /// Digest of the calibration; of the empty text where there is none.
    pub calibration_digest: Digest,
    /// What it is for.
    pub purpose: Purpose,
}

/// One root cause with its calibrated probability.
#[derive(Clone, Debug, PartialEq)]
pub struct CauseProbability {
    /// A code of the closed list in the taxonomy.
    pub cause: Arc<str>,
    /// Its probability.
    pub probability: Probability,
}

/// The answer of one model for one ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Calibrated distribution over the severity scale.
    pub severity: SeverityDistribution,
    /// Uncalibrated scores in the order of [`super::severity::Severity::ALL`]; all finite.
    pub logits: [f64; 4],
    /// Root causes, most probable first, at most three; empty when the model has no such head.
    pub causes: Vec<CauseProbability>,
    /// Whether the model saw only a part of the text.
    pub truncated: bool,
    /// Number of tokens the model saw.
    pub tokens: u32,
}

/// Why there is no answer for one ticket. A fault is of that ticket alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketFault {
    /// A logit is NaN or infinite.
    #[error("a logit is not a finite number")]
    NotFinite,
    /// The text could not be encoded.
    #[error("the text could not be encoded: {0}")]
    Encoding(String),
    /// The model panicked or failed on this ticket, alone in its batch.
    #[error("the model failed on this ticket: {0}")]
    Failed(String),
    /// No answer by the deadline.
    #[error("no answer by the deadline")]
    Deadline,
    /// The engine thread has ended.
    #[error("the engine has stopped")]
    EngineStopped,
}

impl TicketFault {
    /// The words of [`TicketFault::as_str`], all of them: the label values of a metric.
    pub const WORDS: [&str; 5] = ["not_finite", "encoding", "failed", "deadline", "engine_stopped"];

    /// The closed word for records and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotFinite => "not_finite",
            Self::Encoding(_) => "encoding",
            Self::Failed(_) => "failed",
            Self::Deadline => "deadline",
            Self::EngineStopped => "engine_stopped",
        }
    }
}

/// One model's answer, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// In which capacity.
    pub role: ModelRole,
    /// Which model.
    pub model: Arc<ModelIdentity>,
    /// The prediction or the fault.
    pub result: Result<Prediction, TicketFault>,
    /// Time inside the model, shared over its batch, in milliseconds.
    pub latency_ms: f64,
}
