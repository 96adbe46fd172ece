//! What `/api/v1/status` says and `noctriage status` shows: where each slice stands, who is right how often, what is
//! missing. Small and bounded: no ticket text; names of people and ids of tickets only where `rollout` says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::stage::Stage;
use crate::wire::values::Instant;
use crate::wire::words::Word;

use super::accuracy::AccuracyRecord;
use super::gates::{GatesStatus, StepStatus};
use super::rollout::RolloutStatus;

/// Value of `schema` in the answer.
pub const STATUS_SCHEMA: &str = "noctriage.status/v1";

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `noctriage.status/v1`.
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// `kafka.instance_id` of the instance that answers.
    pub instance: String,
    /// When the answer was made (operating time).
    pub answered_at: Instant,
    /// Whether tickets are taken.
    pub triage: TriageStatus,
    /// The gates of the rollout; absent while stages are fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<GatesStatus>,
    /// Lease, halts and leader; absent until the instance has started to follow them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// How far evidence is read.
    pub reading: ReadingStatus,
    /// Verdicts; absent until everything has been read once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdicts: Option<VerdictsStatus>,
    /// Slices in the order of the configuration.
    pub slices: Vec<SliceStatus>,
    /// Over all slices: a report, which earns nothing. Absent until everything has been read once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_slices: Option<AccuracyRecord>,
    /// What is wrong and what to do, most fundamental first.
    pub problems: Vec<Problem>,
}

/// Whether tickets are taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TriageStatus {
    /// The answer of `/readyz`.
    pub ready: bool,
    /// Partitions of the tickets that this instance owns; absent before the group is joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<usize>,
    /// Why not ready.
    pub reasons: Vec<String>,
}

/// How far evidence is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadingStatus {
    /// Whether everything has been read to an end once.
    pub is_read: bool,
    /// For how long anything may have lain unread; absent until everything has been read to an end once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_ms: Option<i64>,
    /// Offsets that are not read; markers of transactions are among them.
    pub offsets_left: u64,
    /// Records read since the start, by topic of evidence.
    pub records: BTreeMap<String, u64>,
    /// Tickets that are held.
    pub tickets: u64,
    /// Partitions that are read.
    pub partitions: u64,
    /// Partitions that are not read to now, the worst first, at most sixteen.
    pub late_partitions: Vec<LatePartition>,
    /// Records appended within a day that are neither verdict nor event, or decisions of a newer version.
    pub unreadable_24h: u64,
    /// All unreadable records since the start.
    pub unreadable: u64,
}

/// A partition that is not read to now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatePartition {
    /// decisions, verdicts, events.
    pub topic: String,
    /// Which partition.
    pub partition: i32,
    /// Offsets that are not read; markers of transactions are among them.
    pub offsets_left: u64,
    /// For how long something may have lain unread; absent: it was never read to an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_ms: Option<i64>,
}

/// What became of verdicts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerdictsStatus {
    /// Since when tickets are looked at (desk time).
    pub from: Option<Instant>,
    /// When this was counted (operating time).
    pub evaluated_at: Option<Instant>,
    /// What counts as a person's verdict: undecided, ticket_system, explicit.
    pub truth: String,
    /// How long a verdict may take, in hours of desk time.
    pub deadline_hours: i64,
    /// How many verdicts have each standing.
    pub standings: BTreeMap<String, u64>,
    /// Our own writes that came back.
    pub ours: u64,
    /// Disputed tickets by reason.
    pub disputed_tickets: BTreeMap<String, u64>,
    /// When anybody last stated anything (desk time); absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_stated_at: Option<Instant>,
    /// Since when the feed has been silent for unusually long (desk time); absent: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Instant>,
    /// Gaps of the feed, newest last, at most five: tickets drawn in them do not count.
    pub gaps: Vec<[Instant; 2]>,
}

/// Where a slice stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceStatus {
    /// Its name.
    pub slice: String,
    /// Stage in force; absent: the slice is of older decisions and no longer configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<PermissionStatus>,
    /// Live accuracy; absent until everything has been read once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<AccuracyRecord>,
    /// The next stage, as far as it is counted; absent where stages are earned: `step` says more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextStatus>,
    /// The next step where stages are earned; absent until the gates have been read once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepStatus>,
}

/// Stage and shares in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PermissionStatus {
    /// The stage.
    pub stage: Word<Stage>,
    /// Share of eligible tickets that auto_triage acts on; 0 below that stage.
    pub auto_triage: f64,
    /// Share of eligible tickets that auto_resolve acts on; 0 below that stage.
    pub auto_resolve: f64,
    /// Whether the configuration fixes it (`rollout.fixed_stage`).
    pub is_fixed: bool,
    /// How many of its tickets are drawn as evidence; absent: an older version does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<DrawStatus>,
}

/// The evidence draw of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawStatus {
    /// Share of tickets that people decide blind.
    pub evidence_rate: f64,
    /// Whether it is chosen (`auto`); otherwise the configuration says it.
    pub is_auto: bool,
    /// Whether it is the greatest that `auto` may choose in this stage, and what the next step needs still takes more than
    /// the fortnight in which `auto` fills it.
    pub is_short: bool,
}

/// What is counted towards the next stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextStatus {
    /// Which.
    pub stage: Word<Stage>,
    /// Tickets that count.
    pub counted: u64,
    /// Of them wrong.
    pub wrong: u64,
    /// Of them wrong only because nobody answered.
    pub wrong_unanswered: u64,
    /// Whether the severity is shown to be good enough.
    pub is_shown: bool,
    /// What is missing, and when it is expected.
    pub sentence: String,
}

/// Something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What.
    pub what: String,
    /// What to do.
    pub hint: String,
}
