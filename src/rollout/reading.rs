//! What the gates of a slice say: values for the plan, for screens and for the audit trail. How they are read stands in
//! `gates/`; what follows from them stands in the plan.

use std::sync::Arc;

use crate::domain::probability::Probability;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::statistics::forecast::{Days, ToGo};

use super::closed::Closed;
use super::counting::AccountKey;
use super::log::Cut;

/// A gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gate {
    /// Whether all kinds of hours and loads have been seen.
    Traffic,
    /// Whether verdicts arrive.
    VerdictFreshness,
    /// Whether too many verdicts are missing, or decisions late.
    MissingVerdicts,
    /// Whether the model is better than the source's severity, and not worse than TF-IDF.
    BetterThanBaselines,
    /// How often the severity is right.
    SeverityAccuracy,
    /// How often the action would be wrong.
    ActionError,
    /// How often an eligible ticket is critical.
    CriticalMiss,
    /// Whether confidence means what it says.
    Calibration,
    /// Whether the traffic is still what the evidence was gathered on.
    Drift,
    /// How often resolved tickets are opened again.
    ReopenRate,
    /// Whether the present stage has been held long enough.
    Soak,
    /// How well people agree among themselves.
    HumanCeiling,
    /// How helpful people find the root causes.
    RootCauseRating,
}

impl Gate {
    /// All gates, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::Traffic,
        Self::VerdictFreshness,
        Self::MissingVerdicts,
        Self::BetterThanBaselines,
        Self::SeverityAccuracy,
        Self::ActionError,
        Self::CriticalMiss,
        Self::Calibration,
        Self::Drift,
        Self::ReopenRate,
        Self::Soak,
        Self::HumanCeiling,
        Self::RootCauseRating,
    ];

    /// The word used in configuration, records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Traffic => "traffic",
            Self::VerdictFreshness => "verdict_freshness",
            Self::MissingVerdicts => "missing_verdicts",
            Self::BetterThanBaselines => "better_than_baselines",
            Self::SeverityAccuracy => "severity_accuracy",
            Self::ActionError => "action_error",
            Self::CriticalMiss => "critical_miss",
            Self::Calibration => "calibration",
            Self::Drift => "drift",
            Self::ReopenRate => "reopen_rate",
            Self::Soak => "soak",
            Self::HumanCeiling => "human_ceiling",
            Self::RootCauseRating => "root_cause_rating",
        }
    }
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GateOutcome {
    /// What it asks for is shown.
    Pass,
    /// The opposite is shown.
    Breach,
    /// Neither is shown yet.
    Waiting,
}

impl GateOutcome {
    /// All outcomes.
    pub const ALL: [Self; 3] = [Self::Pass, Self::Breach, Self::Waiting];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Breach => "breach",
            Self::Waiting => "waiting",
        }
    }
}

/// One gate, read.
#[derive(Clone, Debug, PartialEq)]
pub struct GateReading {
    /// Which.
    pub gate: Gate,
    /// Whether it blocks the step; otherwise it is shown.
    pub blocks: bool,
    /// What it says.
    pub outcome: GateOutcome,
    /// What people read: what was counted, what is missing. No word of the method.
    pub sentence: String,
    /// Counted and wrong, where the gate counts.
    pub counted: Option<CountedWrong>,
    /// What is missing until it passes, where that can be said.
    pub missing: Option<Missing>,
}

/// k wrong of n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedWrong {
    /// How many count.
    pub counted: u64,
    /// How many of them are wrong.
    pub wrong: u64,
}

/// What is missing until a gate passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Missing {
    /// So many counted verdicts, and the days that they take at the measured pace; `None`: there is no pace yet.
    Verdicts(ToGo, Option<Days>),
    /// Until an instant of desk time at the earliest.
    Until(UtcMillis),
}

/// What one slice is asked: the step that could be earned next, and what is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceQuestion {
    /// The slice.
    pub slice: Arc<str>,
    /// The account of the next step; `None`: there is no next step.
    pub next: Option<StepQuestion>,
    /// Accounts in force: the permissions that the slice holds now, weakest first.
    pub in_force: Vec<AccountQuestion>,
}

/// An account and how it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountQuestion {
    /// Whose answers, for what.
    pub account: AccountKey,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The weight of its slice, v.
    pub slice_weight: f64,
    /// The weight of its threshold, w, as it was fixed when the attempt opened.
    pub threshold_weight: f64,
    /// Only tickets first decided behind this cut count.
    pub after: Cut,
    /// What is closed of it; `None`: nothing is, everything counts from the window.
    pub closed: Option<Arc<Closed>>,
}

impl AccountQuestion {
    /// The first record of each partition that it needs: what was closed is not needed any more.
    pub fn needed(&self) -> Cut {
        self.closed.as_ref().map_or_else(|| self.after.clone(), |closed| self.after.later(&closed.first))
    }
}

/// The account of a step, and since when the slice is where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct StepQuestion {
    /// The account.
    pub account: AccountQuestion,
    /// Whether the step changes the stage, or a share within it.
    pub kind: StepKind,
    /// Since when the slice holds its present stage and shares (desk time).
    pub since: UtcMillis,
}

/// Which kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// To the next stage.
    Stage,
    /// To a greater share within the stage.
    Share,
}

/// What was read of one slice.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceReport {
    /// The slice.
    pub slice: Arc<str>,
    /// The next step; `None`: there is none.
    pub next: Option<StepReport>,
    /// What is in force.
    pub in_force: Vec<WatchReport>,
}

/// The gates of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// What was asked.
    pub question: StepQuestion,
    /// All gates that the step has, in the order of [`Gate::ALL`].
    pub gates: Vec<GateReading>,
    /// Counted tickets that are wrong only because nobody answered.
    pub wrong_unanswered: u64,
    /// The whole grid: counted and wrong at every other threshold, for screens.
    pub grid: Vec<(Probability, CountedWrong)>,
}

impl StepReport {
    /// Whether the step is earned: every gate that blocks passes, and there is at least one.
    pub fn passes(&self) -> bool {
        let mut blocking = self.gates.iter().filter(|reading| reading.blocks).peekable();
        blocking.peek().is_some() && blocking.all(|reading| reading.outcome == GateOutcome::Pass)
    }

    /// One gate.
    pub fn gate(&self, gate: Gate) -> Option<&GateReading> {
        self.gates.iter().find(|reading| reading.gate == gate)
    }
}

/// A permission in force, watched.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchReport {
    /// What was asked.
    pub question: AccountQuestion,
    /// Gates in force (detectors of `severity_accuracy`, `action_error`, `reopen_rate`; `drift`; `verdict_freshness`).
    pub gates: Vec<GateReading>,
    /// Tickets that were acted on, or drawn and eligible, and that people call critical: each asks for a hard stop.
    /// In the order of evidence.
    pub critical: Vec<TicketId>,
    /// Tickets acted on that nobody has looked at, since the last one that was audited right before anything went wrong:
    /// those that a step-back sends to people again. Newest first, bounded.
    pub to_recheck: Vec<TicketId>,
    /// How many more there are than `to_recheck` holds.
    pub to_recheck_left_out: u64,
    /// Counted tickets past their deadline in the silence that lasts until now; 0: verdicts arrive.
    pub silent_tickets: u64,
}

impl WatchReport {
    /// One gate.
    pub fn gate(&self, gate: Gate) -> Option<&GateReading> {
        self.gates.iter().find(|reading| reading.gate == gate)
    }
}

/// One reading of all slices, at a cut and an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// When (desk time).
    pub at: UtcMillis,
    /// What had been read.
    pub cut: Cut,
    /// All slices in the order of the specification.
    pub slices: Vec<SliceReport>,
    /// Evidence that is known to be missing (a log that begins behind the first cut that an account needs): what and
    /// where; promotion waits and automatic slices step back.
    pub holes: Vec<String>,
}
