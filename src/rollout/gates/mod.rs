//! The gates of a step, one file each: what must be shown before a slice gets a stronger permission. Each reads what was
//! counted and answers *pass*, *breach* or *waiting*, with a sentence for people.
//!
//! | gate | suggest | auto_triage | auto_resolve |
//! | --- | --- | --- | --- |
//! | `traffic`, `verdict_freshness`, `missing_verdicts`, `better_than_baselines`, `severity_accuracy` | blocks | blocks | blocks |
//! | `action_error`, `critical_miss`, `soak` | – | blocks | blocks |
//! | `calibration`, `drift` | shown | blocks | blocks |
//! | `reopen_rate` | – | – | blocks |
//! | `human_ceiling`, `root_cause_rating` | shown | shown | shown |
//!
//! A gate that cannot be evaluated waits and says why: what was not read is never green. No sentence holds a word of the
//! method. What watches a permission that is in force stands in [`super::watch`].

use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;
use crate::statistics::level::{Level, NotALevel};

use super::counting::AccountCount;
use super::reading::{CountedWrong, Gate, GateOutcome, GateReading, Missing, StepQuestion};
use super::spec::RolloutSpec;
use super::survey::Survey;
use super::wrong::Permission;

mod action_error;
mod better_than_baselines;
mod calibration;
mod critical_miss;
pub(super) mod drift;
mod human_ceiling;
mod missing_verdicts;
pub(super) mod rate;
mod reopen_rate;
mod root_cause_rating;
mod severity_accuracy;
mod soak;
mod traffic;
pub(super) mod verdict_freshness;

/// What a gate does to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The step has no such gate.
    Absent,
    /// It is shown.
    Shown,
    /// The step waits for it.
    Blocks,
}

/// What a gate does on the way to a permission.
pub const fn place(gate: Gate, permission: Permission) -> Place {
    match (gate, permission) {
        (
            Gate::Traffic
            | Gate::VerdictFreshness
            | Gate::MissingVerdicts
            | Gate::BetterThanBaselines
            | Gate::SeverityAccuracy,
            Permission::Suggest | Permission::Auto(AutoAction::Triage | AutoAction::Resolve),
        )
        | (
            Gate::ActionError | Gate::CriticalMiss | Gate::Calibration | Gate::Drift | Gate::Soak,
            Permission::Auto(AutoAction::Triage | AutoAction::Resolve),
        )
        | (Gate::ReopenRate, Permission::Auto(AutoAction::Resolve)) => Place::Blocks,
        (Gate::Calibration | Gate::Drift, Permission::Suggest)
        | (
            Gate::HumanCeiling | Gate::RootCauseRating,
            Permission::Suggest | Permission::Auto(AutoAction::Triage | AutoAction::Resolve),
        ) => Place::Shown,
        (Gate::ActionError | Gate::CriticalMiss | Gate::Soak, Permission::Suggest)
        | (Gate::ReopenRate, Permission::Suggest | Permission::Auto(AutoAction::Triage)) => Place::Absent,
    }
}

/// Everything that the gates of one step read.
pub(super) struct StepContext<'step, 'evidence> {
    pub(super) question: &'step StepQuestion,
    pub(super) spec: &'step RolloutSpec,
    /// Desk time.
    pub(super) now: UtcMillis,
    pub(super) survey: &'step Survey<'evidence>,
    /// The account of the step.
    pub(super) own: &'step AccountCount<'evidence>,
    /// The same model on every answered ticket of the slice; the same as `own` on the way to `suggest`.
    pub(super) answered: &'step AccountCount<'evidence>,
    /// The level at which gates pass.
    pub(super) level: Result<Level, NotALevel>,
    /// Tickets in the silence that lasts until now.
    pub(super) silent_tickets: u64,
}

/// What a gate found, before it is known whether it blocks.
pub(super) struct Found {
    pub(super) outcome: GateOutcome,
    pub(super) sentence: String,
    pub(super) counted: Option<CountedWrong>,
    pub(super) missing: Option<Missing>,
}

impl Found {
    /// An outcome that rests on no count.
    pub(super) const fn plain(outcome: GateOutcome, sentence: String) -> Self {
        Self { outcome, sentence, counted: None, missing: None }
    }

    /// What cannot be evaluated waits.
    pub(super) fn unreadable(why: &dyn std::fmt::Display) -> Self {
        Self::plain(GateOutcome::Waiting, format!("cannot be evaluated: {why}"))
    }

    pub(super) fn reading(self, gate: Gate, blocks: bool) -> GateReading {
        let Self { outcome, sentence, counted, missing } = self;
        GateReading { gate, blocks, outcome, sentence, counted, missing }
    }
}

/// All gates that a step has, in the order of [`Gate::ALL`].
pub(super) fn read(context: &StepContext<'_, '_>) -> Vec<GateReading> {
    let permission = context.question.account.account.permission;
    let of_step = Gate::ALL.into_iter().filter_map(|gate| match place(gate, permission) {
        Place::Absent => None,
        Place::Shown => Some((gate, false)),
        Place::Blocks => Some((gate, true)),
    });
    of_step.map(|(gate, blocks)| find(gate, context).reading(gate, blocks)).collect()
}

fn find(gate: Gate, context: &StepContext<'_, '_>) -> Found {
    match gate {
        Gate::Traffic => traffic::find(context),
        Gate::VerdictFreshness => verdict_freshness::find(context),
        Gate::MissingVerdicts => missing_verdicts::find(context),
        Gate::BetterThanBaselines => better_than_baselines::find(context),
        Gate::SeverityAccuracy => severity_accuracy::find(context),
        Gate::ActionError => action_error::find(context),
        Gate::CriticalMiss => critical_miss::find(context),
        Gate::Calibration => calibration::find(context),
        Gate::Drift => drift::find(context),
        Gate::ReopenRate => reopen_rate::find(context),
        Gate::Soak => soak::find(context),
        Gate::HumanCeiling => human_ceiling::find(context),
        Gate::RootCauseRating => root_cause_rating::find(context),
    }
}

/// A share as people read it.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if (percent - percent.round()).abs() < 0.05 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// One or many of a thing.
pub(super) fn number_of(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
