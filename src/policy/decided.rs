//! The outcome of one input record, as a value: what is published, to whom, and every rule that led there.

use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::severity::Severity;
use crate::domain::stage::{AutoAction, Share, Stage};
use crate::domain::ticket::TicketId;

use super::eligibility::CandidateReach;
use super::permit::Command;

/// Exactly one per input record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// A full decision.
    Decided,
    /// Own echo, or nothing the model sees has changed since the last decision of this ticket.
    Unchanged,
    /// Id, revision and content digest equal those of a committed decision.
    Duplicate,
    /// Shadow, and not in the evidence draw.
    NotDrawn,
    /// Already ended, deleted, or a tombstone.
    Terminal,
    /// No ticket: see the dead-letter record.
    DeadLetter,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 6] =
        [Self::Decided, Self::Unchanged, Self::Duplicate, Self::NotDrawn, Self::Terminal, Self::DeadLetter];

    /// The word used in records, metrics and dashboards.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Unchanged => "unchanged",
            Self::Duplicate => "duplicate",
            Self::NotDrawn => "not_drawn",
            Self::Terminal => "terminal",
            Self::DeadLetter => "dead_letter",
        }
    }
}

/// What a full decision does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ActionKind {
    /// Nothing visible: people work as if noctriage were not there.
    People,
    /// A suggestion is shown.
    Suggest,
    /// An automatic action.
    Auto(AutoAction),
}

impl ActionKind {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::People, Self::Suggest, Self::Auto(AutoAction::Triage), Self::Auto(AutoAction::Resolve)];

    /// The word used in records, metrics and dashboards.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Suggest => "suggest",
            Self::Auto(action) => action.as_str(),
        }
    }
}

/// What `decide` returns for one record.
#[derive(Debug)]
pub struct Decided {
    /// The outcome.
    pub outcome: Outcome,
    /// What is done; `People` for every outcome but `Decided`.
    pub action: ActionKind,
    /// Committed decision that a duplicate repeats.
    pub duplicate_of: Option<Digest>,
    /// An older revision after a newer one: decided in full, may not act.
    pub superseded: bool,
    /// Slice the ticket belongs to.
    pub slice: String,
    /// Stage of the slice at this moment.
    pub stage: Stage,
    /// Shares of the slice, in the order of [`AutoAction::ALL`].
    pub shares: [Share; 2],
    /// All draws of the ticket.
    pub draws: Draws,
    /// Eligibility per action, in the order of [`AutoAction::ALL`]; `None` without a prediction.
    pub eligibility: Option<[Eligibility; 2]>,
    /// What each candidate that answered would have been allowed; only for a drawn ticket, which alone counts for anything.
    pub candidates: Vec<CandidateReach>,
    /// Every rule that fired, in the order in which it was read.
    pub rules: Vec<Rule>,
    /// The answer as it is shown, if it is.
    pub suggestion: Option<Suggestion>,
    /// The automatic action; holds its permit.
    pub command: Option<Command>,
    /// What people must look at.
    pub review: Option<Review>,
}

impl Decided {
    /// Whether this record leaves the ticket with people, so that it is never automatic afterwards: every full decision
    /// without an automatic action, and every ticket of the shadow stage that was not drawn.
    pub const fn hands_to_person(&self) -> bool {
        match self.outcome {
            Outcome::Decided => match self.action {
                ActionKind::People | ActionKind::Suggest => true,
                ActionKind::Auto(_) => false,
            },
            Outcome::NotDrawn => true,
            Outcome::Unchanged | Outcome::Duplicate | Outcome::Terminal | Outcome::DeadLetter => false,
        }
    }
}

/// One draw: its hash, its rate, and whether the ticket is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// SipHash-2-4 of purpose, epoch and ticket id.
    pub hash: u64,
    /// Rate in force.
    pub rate: f64,
    /// Whether the ticket is drawn.
    pub drawn: bool,
}

/// The draws of one ticket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draws {
    /// Blind evidence.
    pub evidence: Draw,
    /// Cohort of automatic action; its rate is the share of `auto_triage`.
    pub cohort: Draw,
    /// Looked at after acting.
    pub audit: Draw,
    /// Read by two people.
    pub second_reading: Draw,
}

/// Eligibility W of one action: a pure predicate of ticket, prediction and static policy, the same in every stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Eligibility {
    /// Why not, whatever the threshold; empty when only the confidence decides.
    pub forbidden_by: Vec<Rule>,
    /// Thresholds of the grid (and the slice's own) that the confidence reaches, ascending; empty when forbidden.
    pub reached: Vec<Probability>,
}

/// A suggestion: field, work note or both; never for a drawn ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Suggested severity.
    pub severity: Severity,
    /// Its confidence.
    pub confidence: Probability,
    /// Most probable root cause and its probability, where the model has one.
    pub root_cause: Option<(String, Probability)>,
    /// Suggested queue, where the table has one.
    pub queue: Option<String>,
}

/// State of a review item; readers keep the newest revision per ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// Somebody must look.
    Open,
    /// No longer needed.
    Withdrawn,
}

/// Why people must look. A drawn ticket has the one reason `Sample`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReviewReason {
    /// Drawn as evidence; blind.
    Sample,
    /// Critical by source, prediction, cut-off or guard.
    Critical,
    /// A guard fired.
    Guard,
    /// Source and model differ by two steps or more.
    Disagreement,
    /// Confidence below the limit.
    Unsure,
    /// No answer from the model.
    ModelUnavailable,
    /// The ticket we resolved has changed.
    ChangedAfterAction,
    /// Taken out by the audit draw, after the action.
    Audit,
    /// The outputs of this ticket could not be written.
    Unwritable,
    /// It was acted on, and its slice has stepped back since.
    Recheck,
}

impl ReviewReason {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::Sample,
        Self::Critical,
        Self::Guard,
        Self::Disagreement,
        Self::Unsure,
        Self::ModelUnavailable,
        Self::ChangedAfterAction,
        Self::Audit,
        Self::Unwritable,
        Self::Recheck,
    ];

    /// The word used in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Critical => "critical",
            Self::Guard => "guard",
            Self::Disagreement => "disagreement",
            Self::Unsure => "unsure",
            Self::ModelUnavailable => "model_unavailable",
            Self::ChangedAfterAction => "changed_after_action",
            Self::Audit => "audit",
            Self::Unwritable => "unwritable",
            Self::Recheck => "recheck",
        }
    }
}

/// A review item.
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// Open or withdrawn.
    pub state: ReviewState,
    /// Why.
    pub reason: ReviewReason,
    /// 1 (first) to 4; blind items are mixed over all severities and always 3.
    pub priority: u8,
    /// Parent or child that explains it, where there is one.
    pub related: Option<TicketId>,
}

/// A rule that fired, for `explain`, the decision record and a metric label: closed words only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// The model predicts something other than low.
    PredictedNotLow,
    /// Confidence below the threshold (within 1e-5 counts as below).
    BelowThreshold,
    /// P(critical) at or above its cut-off, or critical is the prediction.
    CriticalCutOff,
    /// P(high) at or above its cap.
    HighCap,
    /// A source says critical.
    SourceCritical,
    /// A source says high.
    SourceHigh,
    /// A source uses an unknown word.
    SourceUnmapped,
    /// A danger word in the text.
    GuardDanger,
    /// A sentence addressed to a machine.
    GuardInjection,
    /// A freeze window.
    Freeze,
    /// A maintenance window.
    Maintenance,
    /// A protected host, customer tier, circuit or site.
    Protected,
    /// The parent is an open critical.
    ParentCritical,
    /// The parent is not in the view: treated as an open critical.
    ParentUnknown,
    /// The source truncated its alarms.
    AlarmsTruncated,
    /// Text was cut to its bound, or notes were left out.
    BodyCut,
    /// The model saw only a part of the text.
    ModelTruncated,
    /// Kind not on the allow-list.
    KindNotAllowed,
    /// Category not on the allow-list.
    CategoryNotAllowed,
    /// Root cause not on the allow-list, or unknown.
    CauseNotAllowed,
    /// A person set the value.
    HumanValue,
    /// The slice's stage does not allow the action.
    StageTooLow,
    /// The map names another model, calibration, eligibility or a higher threshold.
    GrantMismatch,
    /// Outside the share.
    OutsideShare,
    /// In the evidence draw: people, blind.
    Drawn,
    /// A storm of similar tickets.
    Storm,
    /// The hourly cap is used up.
    CapActions,
    /// The cap on the share of arrivals is used up.
    CapArrivals,
    /// No lease, or too little of it.
    LeaseTooShort,
    /// A halt is in force.
    Halted,
    /// An older revision after a newer one.
    Superseded,
    /// A person has had the ticket, or has touched it.
    PersonHasIt,
    /// This input was already acted on.
    AlreadyActed,
    /// This input already has a suggestion.
    AlreadySuggested,
    /// The event is older than `max_age`.
    Stale,
    /// A later revision of a ticket that is not in the view.
    HistoryUnknown,
    /// The view of this partition is incomplete.
    PartialWindow,
    /// No prediction.
    ModelUnavailable,
    /// The acting model is a demo model.
    DemoModel,
    /// Source and model differ by two steps or more.
    Disagreement,
    /// Confidence below the limit for a suggestion.
    Unsure,
    /// The answer of noctriage came back.
    OwnEcho,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 42] = [
        Self::PredictedNotLow,
        Self::BelowThreshold,
        Self::CriticalCutOff,
        Self::HighCap,
        Self::SourceCritical,
        Self::SourceHigh,
        Self::SourceUnmapped,
        Self::GuardDanger,
        Self::GuardInjection,
        Self::Freeze,
        Self::Maintenance,
        Self::Protected,
        Self::ParentCritical,
        Self::ParentUnknown,
        Self::AlarmsTruncated,
        Self::BodyCut,
        Self::ModelTruncated,
        Self::KindNotAllowed,
        Self::CategoryNotAllowed,
        Self::CauseNotAllowed,
        Self::HumanValue,
        Self::StageTooLow,
        Self::GrantMismatch,
        Self::OutsideShare,
        Self::Drawn,
        Self::Storm,
        Self::CapActions,
        Self::CapArrivals,
        Self::LeaseTooShort,
        Self::Halted,
        Self::Superseded,
        Self::PersonHasIt,
        Self::AlreadyActed,
        Self::AlreadySuggested,
        Self::Stale,
        Self::HistoryUnknown,
        Self::PartialWindow,
        Self::ModelUnavailable,
        Self::DemoModel,
        Self::Disagreement,
        Self::Unsure,
        Self::OwnEcho,
    ];

    /// The word used in records, `explain` and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PredictedNotLow => "predicted_not_low",
            Self::BelowThreshold => "below_threshold",
            Self::CriticalCutOff => "critical_cut_off",
            Self::HighCap => "high_cap",
            Self::SourceCritical => "source_critical",
            Self::SourceHigh => "source_high",
            Self::SourceUnmapped => "source_unmapped",
            Self::GuardDanger => "guard_danger",
            Self::GuardInjection => "guard_injection",
            Self::Freeze => "freeze",
            Self::Maintenance => "maintenance",
            Self::Protected => "protected",
            Self::ParentCritical => "parent_critical",
            Self::ParentUnknown => "parent_unknown",
            Self::AlarmsTruncated => "alarms_truncated",
            Self::BodyCut => "body_cut",
            Self::ModelTruncated => "model_truncated",
            Self::KindNotAllowed => "kind_not_allowed",
            Self::CategoryNotAllowed => "category_not_allowed",
            Self::CauseNotAllowed => "cause_not_allowed",
            Self::HumanValue => "human_value",
            Self::StageTooLow => "stage_too_low",
            Self::GrantMismatch => "grant_mismatch",
            Self::OutsideShare => "outside_share",
            Self::Drawn => "drawn",
            Self::Storm => "storm",
            Self::CapActions => "cap_actions",
            Self::CapArrivals => "cap_arrivals",
            Self::LeaseTooShort => "lease_too_short",
            Self::Halted => "halted",
            Self::Superseded => "superseded",
            Self::PersonHasIt => "person_has_it",
            Self::AlreadyActed => "already_acted",
            Self::AlreadySuggested => "already_suggested",
            Self::Stale => "stale",
            Self::HistoryUnknown => "history_unknown",
            Self::PartialWindow => "partial_window",
            Self::ModelUnavailable => "model_unavailable",
            Self::DemoModel => "demo_model",
            Self::Disagreement => "disagreement",
            Self::Unsure => "unsure",
            Self::OwnEcho => "own_echo",
        }
    }
}
