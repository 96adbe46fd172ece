//! Eligibility W: may this ticket be handled automatically at all? A pure predicate of ticket, prediction and static
//! policy, the same in every stage. What holds only at this moment (share, caps, lease) is in `acting`.

use std::sync::Arc;

use crate::domain::prediction::{Answer, ModelIdentity, ModelRole, Prediction};
use crate::domain::probability::Probability;
use crate::domain::severity::{SetBy, Severity, SourceSeverity};
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{RelationKind, Ticket};
use crate::domain::time::UtcMillis;

use super::decided::{Eligibility, Rule};
use super::guards::GuardHits;
use super::names;
use super::queues::queue_of;
use super::ruling::{ForbiddenWindow, Policy, WindowScope};
use super::slices::SliceRule;
use super::view::ParentState;

/// Replays may differ by this much in a probability; whatever lies closer to a limit than this is read against automatic
/// action. Twice as much would forbid nothing that matters; half as much would let two instances disagree.
pub const TOLERANCE: f64 = 1e-5;

/// Whether a confidence reaches a threshold; within 1e-5 of it counts as below.
pub fn reaches(confidence: Probability, threshold: Probability) -> bool {
    confidence.get() - threshold.get() > TOLERANCE
}

/// Whether a probability is at or above a limit that only ever forbids; within 1e-5 of it counts as at it.
pub fn exceeds(probability: Probability, limit: Probability) -> bool {
    probability.get() >= limit.get() - TOLERANCE
}

/// What W reads beside ticket and prediction.
#[derive(Clone, Copy, Debug)]
pub struct EligibilityInputs<'inputs> {
    /// Static policy.
    pub policy: &'inputs Policy,
    /// Slice of the ticket.
    pub slice: &'inputs SliceRule,
    /// What the guards found.
    pub guards: &'inputs GuardHits,
    /// State of the parent.
    pub parent: ParentState,
    /// Desk time, for freeze and maintenance windows.
    pub desk: UtcMillis,
}

/// Eligibility for both actions, in the order of [`AutoAction::ALL`]: all forbidding rules and all thresholds reached.
pub fn eligibility(inputs: &EligibilityInputs<'_>, ticket: &Ticket, prediction: &Prediction) -> [Eligibility; 2] {
    let shared = forbidden_for_every_action(inputs, ticket, prediction);
    AutoAction::ALL.map(|action| {
        let mut forbidden_by = shared.clone();
        forbidden_by.extend(forbidden_for(inputs.policy, action, ticket, prediction));
        let reached = if forbidden_by.is_empty() {
            reached(inputs.policy, inputs.slice, prediction.severity.confidence())
        } else {
            Vec::new()
        };
        Eligibility { forbidden_by, reached }
    })
}

/// What a candidate would have been allowed on a drawn ticket: so that it earns accounts of its own before it acts.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateReach {
    /// Which candidate.
    pub model: Arc<ModelIdentity>,
    /// Thresholds that its confidence reaches, per action in the order of [`AutoAction::ALL`]; empty when forbidden.
    pub reached: [Vec<Probability>; 2],
    /// Queue that the table gives for its answer; `None` where no row matches.
    pub queue: Option<String>,
}

/// The same W for every candidate that answered.
pub fn of_candidates(inputs: &EligibilityInputs<'_>, ticket: &Ticket, answers: &[Answer]) -> Vec<CandidateReach> {
    let candidates = answers.iter().filter(|answer| answer.role == ModelRole::Candidate);
    let answered = candidates.filter_map(|answer| Some((&answer.model, answer.result.as_ref().ok()?)));
    answered
        .map(|(model, prediction)| CandidateReach {
            model: Arc::clone(model),
            reached: eligibility(inputs, ticket, prediction).map(|of_action| of_action.reached),
            queue: queue_of(inputs.policy, ticket, prediction),
        })
        .collect()
}

/// Thresholds of the grid and of the slice that the confidence reaches, ascending.
fn reached(policy: &Policy, slice: &SliceRule, confidence: Probability) -> Vec<Probability> {
    let mut thresholds = policy.threshold_grid.clone();
    if !thresholds.contains(&slice.threshold) {
        thresholds.push(slice.threshold);
    }
    thresholds.retain(|&threshold| reaches(confidence, threshold));
    thresholds.sort_by(|one, other| one.get().total_cmp(&other.get()));
    thresholds
}

fn forbidden_for_every_action(inputs: &EligibilityInputs<'_>, ticket: &Ticket, prediction: &Prediction) -> Vec<Rule> {
    let EligibilityInputs { policy, slice: _, guards, parent, desk } = *inputs;
    let sources = SourceFacts::of(ticket);
    let distribution = &prediction.severity;
    let table = [
        (Rule::PredictedNotLow, distribution.predicted() != Severity::Low),
        (Rule::CriticalCutOff, is_critical_by_model(policy, prediction)),
        (Rule::HighCap, exceeds(distribution.of(Severity::High), policy.high_cap)),
        (Rule::SourceCritical, sources.says(Severity::Critical)),
        (Rule::SourceHigh, sources.says(Severity::High)),
        (Rule::SourceUnmapped, sources.is_any_unmapped()),
        (Rule::GuardDanger, guards.danger.is_some()),
        (Rule::GuardInjection, guards.machine.is_some()),
        (Rule::Freeze, policy.windows.iter().any(|window| is_frozen(window, desk))),
        (Rule::Maintenance, policy.windows.iter().any(|window| is_in_maintenance(window, desk, ticket))),
        (Rule::Protected, is_protected(policy, ticket)),
        (Rule::ParentCritical, parent == ParentState::OpenCritical),
        (Rule::ParentUnknown, is_parent_unknown(ticket, parent)),
        (Rule::AlarmsTruncated, ticket.incompleteness.alarms_truncated),
        (Rule::BodyCut, ticket.incompleteness.body_cut || ticket.incompleteness.notes_dropped),
        (Rule::ModelTruncated, prediction.truncated),
        (Rule::KindNotAllowed, !ticket.kind.is_some_and(|kind| policy.allow.kinds.contains(&kind))),
        (Rule::HumanValue, ticket.severity_reported.set_by() == Some(SetBy::Human)),
    ];
    fired(table)
}

fn forbidden_for(policy: &Policy, action: AutoAction, ticket: &Ticket, prediction: &Prediction) -> Vec<Rule> {
    let allow = &policy.allow;
    let category = ticket.category.as_deref();
    match action {
        AutoAction::Triage => {
            let is_allowed = allow.triage_categories.as_ref().is_none_or(|list| names::is_on(list, category));
            fired([(Rule::CategoryNotAllowed, !is_allowed)])
        }
        AutoAction::Resolve => {
            let cause = prediction.causes.first().map(|cause| &*cause.cause);
            let is_cause_allowed = cause.is_some_and(|cause| allow.resolve_causes.iter().any(|entry| entry == cause));
            fired([
                (Rule::CategoryNotAllowed, !names::is_on(&allow.resolve_categories, category)),
                (Rule::CauseNotAllowed, !is_cause_allowed),
            ])
        }
    }
}

/// The rules of a table whose condition holds, in its order.
pub(super) fn fired<const ROWS: usize>(table: [(Rule, bool); ROWS]) -> Vec<Rule> {
    table.into_iter().filter_map(|(rule, holds)| holds.then_some(rule)).collect()
}

/// Whether the model says critical, by its prediction or by P(critical) at its cut-off.
pub(super) fn is_critical_by_model(policy: &Policy, prediction: &Prediction) -> bool {
    prediction.severity.predicted() == Severity::Critical
        || exceeds(prediction.severity.of(Severity::Critical), policy.critical_cut_off)
}

fn is_frozen(window: &ForbiddenWindow, desk: UtcMillis) -> bool {
    match window.scope {
        WindowScope::Freeze => is_inside(window, desk),
        WindowScope::Sites(_) | WindowScope::Devices(_) => false,
    }
}

fn is_in_maintenance(window: &ForbiddenWindow, desk: UtcMillis, ticket: &Ticket) -> bool {
    let is_covered = match &window.scope {
        WindowScope::Freeze => false,
        WindowScope::Sites(sites) => names::is_on(sites, ticket.site.as_deref()),
        WindowScope::Devices(devices) => names::is_on(devices, ticket.device.name.as_deref()),
    };
    is_covered && is_inside(window, desk)
}

fn is_inside(window: &ForbiddenWindow, desk: UtcMillis) -> bool {
    (window.from..window.until).contains(&desk)
}

fn is_protected(policy: &Policy, ticket: &Ticket) -> bool {
    let lists = &policy.protected;
    names::is_on(&lists.hosts, ticket.device.name.as_deref())
        || names::is_on(&lists.customer_tiers, ticket.customer_tier.as_deref())
        || names::is_on(&lists.circuits, ticket.circuit_id.as_deref())
        || names::is_on(&lists.sites, ticket.site.as_deref())
}

/// Unknown to the view, or named by the ticket while the view was asked about none.
fn is_parent_unknown(ticket: &Ticket, parent: ParentState) -> bool {
    match parent {
        ParentState::Unknown => true,
        ParentState::NoParent => ticket.relations.iter().any(|relation| relation.kind == RelationKind::Parent),
        ParentState::OpenCritical | ParentState::NotCritical => false,
    }
}

/// What the sources of a ticket say about its severity, noctriage's own answers left out.
#[derive(Clone, Debug)]
pub(super) struct SourceFacts<'ticket> {
    of_ticket: [&'ticket SourceSeverity; 2],
    ticket: &'ticket Ticket,
}

impl<'ticket> SourceFacts<'ticket> {
    pub(super) const fn of(ticket: &'ticket Ticket) -> Self {
        Self { of_ticket: [&ticket.severity_reported, &ticket.severity_counterparty], ticket }
    }

    /// Ticket, other carrier and alarms.
    fn all(&self) -> impl Iterator<Item = &'ticket SourceSeverity> {
        let alarms = self.ticket.alarms.iter().map(|alarm| &alarm.perceived_severity);
        self.of_ticket.into_iter().chain(alarms).filter(|source| !source.is_own_answer())
    }

    /// Whether any source says this severity.
    pub(super) fn says(&self, severity: Severity) -> bool {
        self.all().any(|source| source.value() == Some(severity))
    }

    fn is_any_unmapped(&self) -> bool {
        self.all().any(|source| matches!(source, SourceSeverity::Unmapped { .. }))
    }

    /// The greatest number of steps between a severity and what ticket and other carrier say (alarms speak of
    /// themselves, not of the ticket).
    pub(super) fn steps_to(&self, severity: Severity) -> usize {
        self.of_ticket
            .into_iter()
            .filter(|source| !source.is_own_answer())
            .filter_map(SourceSeverity::value)
            .map(|value| value.steps_to(severity))
            .max()
            .unwrap_or(0)
    }
}
