//! `noctriage.review/v1`: what people must look at. A blind item (reason `sample`) says nothing about any prediction.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::severity::Severity;
use crate::policy::decided::{ReviewReason, ReviewState};

use super::decision::CauseRecord;
use super::values::HexDigest;
use super::words::Word;

/// Value of `schema` in every record of this type.
pub const REVIEW_SCHEMA: &str = "noctriage.review/v1";

/// A review item. Readers keep the newest revision per ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewRecord {
    /// `noctriage.review/v1`.
    #[schemars(extend("const" = REVIEW_SCHEMA))]
    pub schema: String,
    /// Ticket id in the source; absent when the input record could not be read as a ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<String>,
    /// The revision looked at; absent where the source has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Open or withdrawn.
    pub state: Word<ReviewState>,
    /// Why.
    pub reason: Word<ReviewReason>,
    /// 1 (first) to 4; blind items are always 3.
    pub priority: u8,
    /// Parent or child that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<String>,
    /// The decision behind it.
    pub decision_id: HexDigest,
    /// What the acting model says; never on a blind item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<ShownPrediction>,
}

/// A prediction as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShownPrediction {
    /// Predicted severity.
    pub severity: Word<Severity>,
    /// Its calibrated probability, 0 to 1.
    pub confidence: f64,
    /// Most probable root cause, where the model has such a head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<CauseRecord>,
}
