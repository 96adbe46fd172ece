//! The finite abstraction, and what must be true of each of its states: restated from the words of the design, without
//! calling anything that `decide` calls. The first value of each factor is the one that stands in nobody's way.

use crate::domain::stage::{AutoAction, Stage};
use crate::policy::decided::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shares {
    Both,
    TriageOnly,
    None,
}
pub(super) const SHARES: [Shares; 3] = [Shares::Both, Shares::TriageOnly, Shares::None];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cohort {
    InBoth,
    InTriage,
    Outside,
}
pub(super) const COHORTS: [Cohort; 3] = [Cohort::InBoth, Cohort::InTriage, Cohort::Outside];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    SurelyLow,
    JustAbove,
    WithinTolerance,
    Unsure,
    CriticalAtCutOff,
    HighAtCap,
    Medium,
    High,
    Critical,
    Fault,
}
pub(super) const ANSWERED: [Answered; 10] = [
    Answered::SurelyLow,
    Answered::JustAbove,
    Answered::WithinTolerance,
    Answered::Unsure,
    Answered::CriticalAtCutOff,
    Answered::HighAtCap,
    Answered::Medium,
    Answered::High,
    Answered::Critical,
    Answered::Fault,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Low,
    Absent,
    Medium,
    High,
    Critical,
    Unmapped,
    LowByPerson,
    CriticalByUs,
    LowByUs,
}
pub(super) const REPORTED: [Said; 9] = [
    Said::Low,
    Said::Absent,
    Said::Medium,
    Said::High,
    Said::Critical,
    Said::Unmapped,
    Said::LowByPerson,
    Said::CriticalByUs,
    Said::LowByUs,
];
pub(super) const COUNTERPARTY: [Said; 5] = [Said::Absent, Said::Low, Said::High, Said::Critical, Said::Unmapped];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    New,
    NewWithoutNumber,
    KnownAndFree,
    ActedOnOtherInput,
    SuggestedForOther,
    SuggestedForThis,
    SuggestedAndTouched,
    EchoWithNewInput,
    UnknownLater,
    UnknownLaterWithoutNumber,
    UnknownEcho,
    KnownWithoutOrder,
    Superseded,
    SupersededAndSuggested,
    PersonHasIt,
    Touched,
    ActedOnThisInput,
    OpenCritical,
    OpenUnsure,
    OpenSample,
    OpenAudit,
    Reopened,
    SameInput,
    Echo,
    Repeated,
    ResolvedByUsSame,
    ResolvedByUsChanged,
    ResolvedByUsAsked,
    ResolvedByUsReopened,
    Ended,
    EndedWithOpenItem,
}
pub(super) const PASTS: [Past; 31] = [
    Past::New,
    Past::NewWithoutNumber,
    Past::KnownAndFree,
    Past::ActedOnOtherInput,
    Past::SuggestedForOther,
    Past::SuggestedForThis,
    Past::SuggestedAndTouched,
    Past::EchoWithNewInput,
    Past::UnknownLater,
    Past::UnknownLaterWithoutNumber,
    Past::UnknownEcho,
    Past::KnownWithoutOrder,
    Past::Superseded,
    Past::SupersededAndSuggested,
    Past::PersonHasIt,
    Past::Touched,
    Past::ActedOnThisInput,
    Past::OpenCritical,
    Past::OpenUnsure,
    Past::OpenSample,
    Past::OpenAudit,
    Past::Reopened,
    Past::SameInput,
    Past::Echo,
    Past::Repeated,
    Past::ResolvedByUsSame,
    Past::ResolvedByUsChanged,
    Past::ResolvedByUsAsked,
    Past::ResolvedByUsReopened,
    Past::Ended,
    Past::EndedWithOpenItem,
];

/// One closed condition of the moment, the lists, the text or the grant; each belongs to one factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    LeaseExactlyNeeded,
    LeaseLapsed,
    Halt,
    TriageCap,
    ResolveCap,
    BothCaps,
    ArrivalsCap,
    Storm,
    Partial,
    Stale,
    ParentCritical,
    ParentUnknown,
    Freeze,
    Maintenance,
    Protected,
    Danger,
    Machine,
    AlarmsTruncated,
    BodyCut,
    ModelTruncated,
    Kind,
    Category,
    Cause,
    GrantModel,
    GrantCalibration,
    GrantEligibility,
    GrantThreshold,
    GrantAbsent,
}

/// The factors: at most one value of each is closed at a time.
pub(super) const FACTORS: [&[Closed]; 15] = [
    &[Closed::LeaseExactlyNeeded, Closed::LeaseLapsed],
    &[Closed::Halt],
    &[Closed::TriageCap, Closed::ResolveCap, Closed::BothCaps, Closed::ArrivalsCap],
    &[Closed::Storm],
    &[Closed::Partial],
    &[Closed::Stale],
    &[Closed::ParentCritical, Closed::ParentUnknown],
    &[Closed::Freeze],
    &[Closed::Maintenance],
    &[Closed::Protected],
    &[Closed::Danger, Closed::Machine],
    &[Closed::AlarmsTruncated, Closed::BodyCut, Closed::ModelTruncated],
    &[Closed::Kind],
    &[Closed::Category, Closed::Cause],
    &[
        Closed::GrantModel,
        Closed::GrantCalibration,
        Closed::GrantEligibility,
        Closed::GrantThreshold,
        Closed::GrantAbsent,
    ],
];

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) shares: Shares,
    pub(super) drawn: bool,
    pub(super) cohort: Cohort,
    pub(super) audited: bool,
    pub(super) demo_model: bool,
    pub(super) answered: Answered,
    pub(super) reported: Said,
    pub(super) counterparty: Said,
    pub(super) past: Past,
    pub(super) closed: Vec<Closed>,
}

impl State {
    pub(super) fn open(stage: Stage) -> Self {
        Self {
            stage,
            shares: Shares::Both,
            drawn: false,
            cohort: Cohort::InBoth,
            audited: false,
            demo_model: false,
            answered: Answered::SurelyLow,
            reported: Said::Low,
            counterparty: Said::Absent,
            past: Past::New,
            closed: Vec::new(),
        }
    }

    pub(super) fn is_closed(&self, closed: Closed) -> bool {
        self.closed.contains(&closed)
    }
}

impl State {
    pub(super) fn is_shadow(&self) -> bool {
        self.stage == Stage::Shadow || self.demo_model
    }

    pub(super) fn is_critical_by_anything(&self) -> bool {
        matches!(self.reported, Said::Critical | Said::CriticalByUs)
            || self.counterparty == Said::Critical
            || matches!(self.answered, Answered::Critical | Answered::CriticalAtCutOff)
            || self.is_closed(Closed::Danger)
    }

    pub(super) fn expected_outcome(&self) -> Outcome {
        let is_ended = matches!(self.past, Past::Ended | Past::EndedWithOpenItem);
        let has_changed_after_resolving =
            matches!(self.past, Past::ResolvedByUsChanged | Past::ResolvedByUsAsked | Past::ResolvedByUsReopened);
        if is_ended || has_changed_after_resolving {
            Outcome::Terminal
        } else if self.past == Past::Repeated {
            Outcome::Duplicate
        } else if matches!(self.past, Past::SameInput | Past::Echo | Past::ResolvedByUsSame) {
            Outcome::Unchanged
        } else if self.is_shadow() && !self.drawn {
            Outcome::NotDrawn
        } else {
            Outcome::Decided
        }
    }

    pub(super) fn past_allows_action(&self) -> bool {
        matches!(
            self.past,
            Past::New
                | Past::NewWithoutNumber
                | Past::KnownAndFree
                | Past::ActedOnOtherInput
                | Past::SuggestedForOther
                | Past::SuggestedForThis
                | Past::EchoWithNewInput
        )
    }

    /// Every condition of the design for one action, from the abstract state alone.
    pub(super) fn may(&self, action: AutoAction) -> bool {
        let is_resolve = action == AutoAction::Resolve;
        let is_stage_high_enough = if is_resolve {
            self.stage == Stage::AutoResolve
        } else {
            matches!(self.stage, Stage::AutoTriage | Stage::AutoResolve)
        };
        let is_in_share = match (self.shares, self.cohort) {
            (Shares::None, _) | (_, Cohort::Outside) => false,
            (Shares::TriageOnly, _) | (Shares::Both, Cohort::InTriage) => !is_resolve,
            (Shares::Both, Cohort::InBoth) => true,
        };
        let is_model_sure = matches!(self.answered, Answered::SurelyLow | Answered::JustAbove);
        let is_source_quiet = matches!(self.reported, Said::Low | Said::Absent | Said::Medium | Said::LowByUs)
            && matches!(self.counterparty, Said::Absent | Said::Low);
        let is_of_other_action = |closed: &Closed| {
            let of_resolve = matches!(closed, Closed::ResolveCap | Closed::Category | Closed::Cause);
            (of_resolve && !is_resolve) || (*closed == Closed::TriageCap && is_resolve)
        };
        is_stage_high_enough
            && !self.is_shadow()
            && !self.drawn
            && is_in_share
            && is_model_sure
            && is_source_quiet
            && self.past_allows_action()
            && self.closed.iter().all(is_of_other_action)
    }

    pub(super) fn expected_action(&self) -> Option<AutoAction> {
        [AutoAction::Resolve, AutoAction::Triage].into_iter().find(|&action| self.may(action))
    }

    pub(super) fn expects_suggestion(&self) -> bool {
        self.expected_outcome() == Outcome::Decided
            && !self.is_shadow()
            && !self.drawn
            && self.answered != Answered::Fault
            && self.expected_action().is_none()
            && !matches!(self.past, Past::SuggestedForThis | Past::SuggestedAndTouched | Past::SupersededAndSuggested)
    }
}
