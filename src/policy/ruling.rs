//! What is in force while one batch is decided: the static policy, the stage map and the clocks, frozen together.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::ModelIdentity;
use crate::domain::probability::Probability;
use crate::domain::stage::{AutoAction, Share, Stage};
use crate::domain::ticket::Kind;
use crate::domain::time::UtcMillis;

use super::draws::DrawRate;
use super::guards::Guards;
use super::slices::SliceRule;

/// The static policy: all that the configuration says about decisions. One value per reload.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Permission slices in order; a ticket belongs to the first that matches; the last one matches everything.
    pub slices: Vec<SliceRule>,
    /// Thresholds that eligibility is recorded at, ascending; the configured threshold of a slice is one of them.
    pub threshold_grid: Vec<Probability>,
    /// P(critical) at or above this always sends the ticket to a person. Default 0.05.
    pub critical_cut_off: Probability,
    /// P(high) at or above this forbids automatic action. Default 0.10.
    pub high_cap: Probability,
    /// In suggest: confidence below this goes to `review` as unsure. Default 0.50.
    pub unsure_below: Probability,
    /// What may be acted on at all.
    pub allow: AllowLists,
    /// What is never acted on; lists that can only forbid.
    pub protected: Protected,
    /// Windows of desk time in which nothing is automatic (freeze), or in which tickets of a site or device are not (maintenance).
    pub windows: Vec<ForbiddenWindow>,
    /// Text guards.
    pub guards: Arc<Guards>,
    /// How many actions an hour.
    pub caps: Caps,
    /// When similar tickets are a storm.
    pub storm: StormLimit,
    /// A ticket event older than this (operating time against Kafka's append time) is never automatic. Default 1 h.
    pub age_ms_max: i64,
    /// How long a command may wait before it is void (operating time). Default 5 min.
    pub command_ttl_ms: i64,
    /// How suggestions are written.
    pub suggest_as: SuggestAs,
    /// Queues by category and root cause, first match; used by `auto_triage`.
    pub queues: Vec<QueueRule>,
    /// Rates of the content-independent draws.
    pub draw_rates: DrawRates,
    /// Digest of everything here: stamped on each decision.
    pub policy_digest: Digest,
    /// Digest of all that decides W except the threshold and the lists that can only forbid.
    pub eligibility_digest: Digest,
}

/// What may be acted on. Empty lists allow nothing.
#[derive(Clone, Debug, Default)]
pub struct AllowLists {
    /// Kinds that may be acted on; only incident and maintenance make sense.
    pub kinds: Vec<Kind>,
    /// Categories that may be triaged automatically; `None` allows every category.
    pub triage_categories: Option<Vec<String>>,
    /// Categories that may be resolved automatically. Default: none.
    pub resolve_categories: Vec<String>,
    /// Root causes that may be resolved automatically. Default: none.
    pub resolve_causes: Vec<String>,
}

/// What is never acted on. Names are compared case-folded; a trailing `*` matches any rest.
#[derive(Clone, Debug, Default)]
pub struct Protected {
    /// Device names.
    pub hosts: Vec<String>,
    /// Customer tiers.
    pub customer_tiers: Vec<String>,
    /// Circuit ids.
    pub circuits: Vec<String>,
    /// Sites.
    pub sites: Vec<String>,
}

/// A window of desk time in which tickets that match are not automatic.
#[derive(Clone, Debug, PartialEq)]
pub struct ForbiddenWindow {
    /// Name shown by `explain`.
    pub name: String,
    /// First instant.
    pub from: UtcMillis,
    /// First instant after it.
    pub until: UtcMillis,
    /// What it covers.
    pub scope: WindowScope,
}

/// What a window covers.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowScope {
    /// Everything: a change freeze.
    Freeze,
    /// Maintenance at sites (case-folded, trailing `*` allowed).
    Sites(Vec<String>),
    /// Maintenance of devices (case-folded, trailing `*` allowed).
    Devices(Vec<String>),
}

/// Limits on automatic actions. May be overshot by one batch per other instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Caps {
    /// Automatic actions in an hour of desk time, per slice and action. Default 20.
    pub actions_per_hour_max: u32,
    /// Automatic actions as a share of the tickets that arrived in the last hour. Default 0.30.
    pub arrivals_share_max: f64,
}

/// More than `tickets_max` tickets of one fingerprint within the window are a storm: none of them is automatic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormLimit {
    /// Default 5.
    pub tickets_max: u32,
    /// Desk time. Default 30 min.
    pub window_ms: i64,
}

/// How a suggestion is written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuggestAs {
    /// Into fields of the ticket.
    Field,
    /// As a work note.
    Note,
    /// Both.
    Both,
}

/// One row of the queue table. `None` matches anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRule {
    /// Category (case-folded).
    pub category: Option<String>,
    /// Root cause code.
    pub root_cause: Option<String>,
    /// Where the ticket goes.
    pub queue: String,
}

/// Rates of the draws. The evidence rate never depends on the content of a ticket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawRates {
    /// Share of tickets drawn as blind evidence while in shadow. Default `auto`.
    pub evidence_shadow: EvidenceRate,
    /// Share of tickets drawn as blind evidence in later stages. Default `auto`.
    pub evidence_later: EvidenceRate,
    /// Share of automatic actions audited afterwards. Default 0.50, never below 0.10.
    pub audit: f64,
    /// Share of the evidence draw that two people read. Default 0.10.
    pub second_reading: f64,
    /// Raised only when the operator asks for a fresh draw.
    pub epoch: u32,
}

/// Where the rate of the evidence draw comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EvidenceRate {
    /// The configuration says it.
    Fixed(f64),
    /// The leader chooses it, slice by slice, and every instance follows the stage map. Without a leader it is the least.
    Auto,
}

impl DrawRates {
    /// The rate of the evidence draw in a stage.
    pub const fn evidence(&self, stage: Stage) -> EvidenceRate {
        match stage {
            Stage::Shadow => self.evidence_shadow,
            Stage::Suggest | Stage::AutoTriage | Stage::AutoResolve => self.evidence_later,
        }
    }
}

impl EvidenceRate {
    /// The rate in force, 0 to 1, where the stage map says another one for `auto`.
    pub fn in_force(self, followed: DrawRate) -> f64 {
        match self {
            Self::Fixed(rate) => rate,
            Self::Auto => followed.get(),
        }
    }
}

impl std::fmt::Display for EvidenceRate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(rate) => rate.fmt(formatter),
            Self::Auto => formatter.write_str("auto"),
        }
    }
}

/// What one slice is permitted.
#[derive(Clone, Debug, PartialEq)]
pub struct SlicePermission {
    /// Name of the slice.
    pub slice: String,
    /// Its stage.
    pub stage: Stage,
    /// Share of eligible tickets acted on, per action in the order of [`AutoAction::ALL`].
    pub shares: [Share; 2],
    /// What exactly is permitted, per action; `None` permits nothing.
    pub grants: [Option<Grant>; 2],
    /// Rate of the evidence draw where the configuration says `auto`; it permits nothing.
    pub evidence_rate: DrawRate,
}

/// What a permit names: an instance whose model, calibration or eligibility differs gets none.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Digest of the acting model; `None` permits whichever model is loaded (fixed stage from the configuration only).
    pub model_digest: Option<Digest>,
    /// Digest of its calibration.
    pub calibration_digest: Option<Digest>,
    /// Digest of all that decides eligibility.
    pub eligibility_digest: Option<Digest>,
    /// The lowest threshold that was earned.
    pub threshold_min: Probability,
}

/// Stage and permission of every slice at one revision of the rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct StageMap {
    /// Revision of the rollout; 0 while the stage is fixed by the configuration.
    pub rollout_revision: u64,
    /// One entry per slice of the policy, by name; a slice without one is in shadow.
    pub slices: Vec<SlicePermission>,
}

/// Until when automatic action is allowed at all (operating time).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The stage is fixed by the configuration: there is no controller whose life it could depend on.
    Fixed,
    /// Milliseconds left, counted on the boot-time clock; 0 or less has lapsed.
    LeftMs(i64),
}

/// Frozen for a batch and stamped on each decision.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// Static policy.
    pub policy: Arc<Policy>,
    /// Stages and shares.
    pub stage_map: Arc<StageMap>,
    /// The acting model, as loaded.
    pub acting: Arc<ModelIdentity>,
    /// Whether this is the demo: a demo model may leave shadow there.
    pub is_demo: bool,
    /// Digest of the whole configuration.
    pub config_digest: Digest,
    /// Secret key of the draws.
    pub draw_key: DrawKey,
}

/// The 128-bit secret key of the draws; never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DrawKey(pub [u8; 16]);

impl std::fmt::Debug for DrawKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DrawKey(secret)")
    }
}

/// What is true at the moment of deciding and of nothing else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Operating time: for `max_age`, `not_after`.
    pub operating: UtcMillis,
    /// Desk time: for windows, caps and grouping. Real deployments: the same as operating time.
    pub desk: UtcMillis,
    /// Lease left, taken right before `begin_transaction`.
    pub lease: Lease,
    /// Lease that must be left for a permit: transaction timeout plus the broker's abort interval.
    pub lease_ms_needed: i64,
    /// Whether a halt is in force.
    pub halted: bool,
}

impl StageMap {
    /// The same stage for every slice, fixed by the configuration.
    pub fn fixed(slices: &[SliceRule], stage: Stage, shares: [Share; 2]) -> Self {
        let entry = |rule: &SliceRule| SlicePermission {
            slice: rule.name.clone(),
            stage,
            shares,
            grants: AutoAction::ALL.map(|action| {
                (stage >= action.stage_needed()).then_some(Grant {
                    model_digest: None,
                    calibration_digest: None,
                    eligibility_digest: None,
                    threshold_min: rule.threshold,
                })
            }),
            evidence_rate: DrawRate::LEAST,
        };
        Self { rollout_revision: 0, slices: slices.iter().map(entry).collect() }
    }
}
