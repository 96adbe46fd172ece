//! `noctriage.decision/v1`: exactly one per input record, in every stage. Evidence, restricted, not for display; never
//! ticket text. What may differ when the same record is decided again stands in `volatile`, and nothing else does.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::prediction::ModelRole;
use crate::domain::severity::{SetBy, Severity};
use crate::domain::stage::Stage;
use crate::domain::ticket::{Channel, Kind, Status, TimeOrigin};
use crate::policy::decided::{ActionKind, Outcome, ReviewReason, ReviewState};

pub use super::answer::{AnswerRecord, CauseRecord, Distribution, PredictionRecord, ReachRecord};
use super::values::{HexDigest, Instant, SourcePosition};
use super::words::Word;

/// Value of `schema` in every record of this type.
pub const DECISION_SCHEMA: &str = "noctriage.decision/v1";

/// The outcome of one input record. Absent fields do not apply to the outcome; see each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionRecord {
    /// `noctriage.decision/v1`.
    #[schemars(extend("const" = DECISION_SCHEMA))]
    pub schema: String,
    /// Hash of source topic, partition, offset and content: repeated only by a replay of this very record.
    pub decision_id: HexDigest,
    /// Hash of ticket id, revision and content; absent for what is no ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_group: Option<HexDigest>,
    /// Ticket id in the source; absent for a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<String>,
    /// Revision, where the source has or implies one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Where the input record lies.
    pub source: SourcePosition,
    /// When the input record was appended (operating time).
    pub appended_at: Instant,
    /// What became of the record.
    pub outcome: Word<Outcome>,
    /// What a full decision does; absent for every other outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Word<ActionKind>>,
    /// Every rule that fired, in the order in which it was read. A reader must expect words that it does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// The committed decision that a duplicate repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<HexDigest>,
    /// An older revision came after a newer one: decided in full, may not act.
    #[serde(default, skip_serializing_if = "is_false")]
    pub superseded: bool,
    /// Review item written with this decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewNote>,
    /// Whether a suggestion was written with this decision.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suggested: bool,
    /// Hash of ticket, action, input and reopen count, where the decision acted or suggested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<HexDigest>,
    /// What the decision rests on; absent for `unchanged`, `duplicate` and `dead_letter`, which rest on nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// What may differ on replay.
    pub volatile: Volatile,
}

/// A review item as the decision names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewNote {
    /// Open or withdrawn.
    pub state: Word<ReviewState>,
    /// Why.
    pub reason: Word<ReviewReason>,
    /// 1 (first) to 4.
    pub priority: u8,
}

/// Everything that a decision was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Basis {
    /// SHA-256 of the raw record value.
    pub content_digest: HexDigest,
    /// SHA-256 of what the models see; absent for a tombstone or a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_digest: Option<HexDigest>,
    /// Input digest that the ticket will have once noctriage has written its severity; absent where it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub echo_digest: Option<HexDigest>,
    /// Permission slice.
    pub slice: String,
    /// Its stage at that moment.
    pub stage: Word<Stage>,
    /// Its shares.
    pub shares: PerAction<f64>,
    /// Revision of the rollout; 0 while the stage is fixed by the configuration.
    pub rollout_revision: u64,
    /// All draws of the ticket.
    pub draws: DrawsRecord,
    /// What each model says, acting first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<AnswerRecord>,
    /// Eligibility per action; absent without a prediction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<PerAction<EligibilityRecord>>,
    /// Queue that the table of the policy gives for the acting answer, shown or not; absent where no row matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Digests of what was in force.
    pub digests: Digests,
    /// What eligibility and slices read of the ticket, except text and names; absent without a ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<TicketFacts>,
}

/// One value for each automatic action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PerAction<T> {
    /// Severity and queue are written.
    pub auto_triage: T,
    /// The ticket is set to resolved.
    pub auto_resolve: T,
}

/// One draw.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrawRecord {
    /// Rate in force, 0 to 1.
    pub rate: f64,
    /// Whether the ticket is drawn.
    pub drawn: bool,
}

/// The draws of one ticket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrawsRecord {
    /// Blind evidence.
    pub evidence: DrawRecord,
    /// Cohort of automatic action.
    pub cohort: DrawRecord,
    /// Looked at after acting.
    pub audit: DrawRecord,
    /// Read by two people.
    pub second_reading: DrawRecord,
}

/// Eligibility of one action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EligibilityRecord {
    /// Thresholds that the confidence reaches, ascending; empty when forbidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<f64>,
    /// Rules that forbid the action whatever the threshold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden_by: Vec<String>,
}

/// Digests of what was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Digests {
    /// Of the whole configuration, secrets left out.
    pub config: HexDigest,
    /// Of the policy.
    pub policy: HexDigest,
    /// Of all that decides eligibility except the threshold.
    pub eligibility: HexDigest,
}

/// What eligibility and slices read of a ticket. Text and names (host, circuit, people) stay out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TicketFacts {
    /// Groups tickets of one kind of event.
    pub fingerprint: HexDigest,
    /// When the ticket was opened (desk time).
    pub created_at: Instant,
    /// Whether the ticket says so itself, or the record's timestamp stands in.
    pub created_at_origin: Word<TimeOrigin>,
    /// When it last changed (desk time).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Instant>,
    /// Whether the revision is the source's own number rather than derived from `updated_at`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub revision_is_native: bool,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Word<Status>>,
    /// Severity by the source; absent when it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity_reported: Option<SeverityFact>,
    /// Severity by the other carrier; absent when it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity_counterparty: Option<SeverityFact>,
    /// Kind of work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Word<Kind>>,
    /// Category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Vendor of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Type of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
    /// Site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Tier of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_tier: Option<String>,
    /// How it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Word<Channel>>,
    /// Source system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// Labels that the configuration allows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Parent incident, where the ticket names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How often it was reopened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopen_count: Option<u32>,
    /// An alarm says critical.
    #[serde(default, skip_serializing_if = "is_false")]
    pub alarm_critical: bool,
    /// The source or the reader left alarms out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub alarms_truncated: bool,
    /// Text was cut to its bound.
    #[serde(default, skip_serializing_if = "is_false")]
    pub body_cut: bool,
    /// Notes were left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub notes_dropped: bool,
    /// A person has visibly worked on it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub human_touched: bool,
    /// noctriage wrote this revision.
    #[serde(default, skip_serializing_if = "is_false")]
    pub written_by_noctriage: bool,
}

/// What a source says about the severity; the source's own word stays out, since it may be any text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeverityFact {
    /// On our scale; absent when no alias maps the source's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Word<Severity>>,
    /// Who set it.
    pub set_by: Word<SetBy>,
}

/// What may differ when the same record is decided again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Volatile {
    /// When the decision was made, on the desk's clock: what verdict times are compared with.
    pub desk_time: Instant,
    /// When it was made, on the operating clock; absent when both are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Instant>,
    /// Parts of the latency; absent where no model was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// Parts of the latency of one record, in milliseconds of operating time.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// From the append to the hand-over to the engine.
    pub wait_ms: f64,
    /// From the hand-over to the answers.
    pub engine_ms: f64,
    /// Inside each model, shared over its batch, in the order of `answers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_ms: Vec<f64>,
    /// From the answers to `decided_at`: the wait for the batches before it.
    pub decide_ms: f64,
}

/// Why a record of `decisions` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecisionUnreadable {
    /// Not JSON, or a field has another type.
    #[error("the decision is not readable as {DECISION_SCHEMA}")]
    Json(#[source] serde_json::Error),
    /// Another schema: a newer version wrote it, or it is no decision.
    #[error("the decision has schema `{0}`; this version reads {DECISION_SCHEMA}")]
    UnknownSchema(String),
}

impl DecisionRecord {
    /// Reads a record of `decisions`. Unknown fields are ignored, so that a newer minor version may add some.
    ///
    /// # Errors
    /// Another schema, or what is no decision at all.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DecisionUnreadable> {
        #[derive(Deserialize)]
        struct Header {
            schema: String,
        }
        let unknown = |schema: &str| DecisionUnreadable::UnknownSchema(schema.chars().take(64).collect());
        match serde_json::from_slice::<Self>(bytes) {
            Ok(record) if record.schema == DECISION_SCHEMA => Ok(record),
            Ok(record) => Err(unknown(&record.schema)),
            // Of what cannot be read the schema alone may say why.
            Err(error) => match serde_json::from_slice::<Header>(bytes) {
                Ok(header) if header.schema != DECISION_SCHEMA => Err(unknown(&header.schema)),
                Ok(_) => Err(DecisionUnreadable::Json(error)),
                Err(error) => Err(DecisionUnreadable::Json(error)),
            },
        }
    }

    /// When the decision was made, on the operating clock.
    pub fn decided_at(&self) -> Instant {
        self.volatile.decided_at.unwrap_or(self.volatile.desk_time)
    }

    /// The answer whose model acts, where the decision has a basis with one.
    pub fn acting_answer(&self) -> Option<&AnswerRecord> {
        self.basis.as_ref()?.answers.iter().find(|answer| answer.role.0 == ModelRole::Acting)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) const fn is_false(flag: &bool) -> bool {
    !*flag
}
