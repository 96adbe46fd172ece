//! `noctriage.suggestion/v1`: an answer to show, as a field or a work note. Never for a drawn (blind) ticket.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::severity::Severity;
use crate::policy::ruling::SuggestAs;

use super::decision::CauseRecord;
use super::values::HexDigest;
use super::words::Word;

/// Value of `schema` in every record of this type.
pub const SUGGESTION_SCHEMA: &str = "noctriage.suggestion/v1";

/// An answer to show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuggestionRecord {
    /// `noctriage.suggestion/v1`.
    #[schemars(extend("const" = SUGGESTION_SCHEMA))]
    pub schema: String,
    /// Ticket id in the source.
    pub ticket_id: String,
    /// The revision that was looked at; absent where the source has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The decision behind it.
    pub decision_id: HexDigest,
    /// Writing the same key twice must have no second effect.
    pub idempotency_key: HexDigest,
    /// Where it is to be written.
    pub write_as: Word<SuggestAs>,
    /// Suggested severity.
    pub severity: Word<Severity>,
    /// Calibrated probability of that severity, 0 to 1.
    pub confidence: f64,
    /// Most probable root cause, where the model has such a head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<CauseRecord>,
    /// Suggested queue, where the table has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub model_version: String,
}
