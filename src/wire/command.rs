//! `noctriage.command/v1`: an automatic action for the writer of the ticket system to carry out, once, or not at all
//! when the ticket has moved on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;

use super::values::{HexDigest, Instant};
use super::words::{ClosedWord, Word};

/// Value of `schema` in every record of this type.
pub const COMMAND_SCHEMA: &str = "noctriage.command/v1";

/// An automatic action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandRecord {
    /// `noctriage.command/v1`.
    #[schemars(extend("const" = COMMAND_SCHEMA))]
    pub schema: String,
    /// Ticket id in the source.
    pub ticket_id: String,
    /// What to do.
    pub action: Word<AutoAction>,
    /// Severity to write.
    pub severity: Word<Severity>,
    /// Queue to write, where the table has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Root cause behind it, where the model has such a head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<String>,
    /// Carrying out the same key twice must have no second effect.
    pub idempotency_key: HexDigest,
    /// Carry it out only while the ticket still has this revision; absent where the source has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_revision: Option<u64>,
    /// Void after this instant (operating time). May differ on replay; the idempotency key does not.
    pub not_after: Instant,
    /// The decision behind it.
    pub decision_id: HexDigest,
    /// Policy in force.
    pub policy_digest: HexDigest,
    /// Revision of the rollout that permitted it.
    pub rollout_revision: u64,
    /// Permission slice.
    pub slice: String,
}

impl ClosedWord for AutoAction {
    const NAME: &'static str = "automatic action";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}
