//! Why people must look at a ticket, and how urgently. Text may raise urgency, never lower it.

use crate::domain::prediction::Prediction;
use crate::domain::severity::Severity;
use crate::domain::ticket::{RelationKind, Ticket, TicketId};

use super::case::TicketCase;
use super::decided::{Review, ReviewReason, ReviewState, Rule};
use super::eligibility::{SourceFacts, is_critical_by_model, reaches};
use super::guards::GuardHits;
use super::ruling::Policy;

/// Steps on the scale between source and model from which on a person must look.
const DISAGREEMENT_STEPS: usize = 2;

/// All that makes people look, found before anything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Findings {
    is_critical_by_source: bool,
    is_critical_by_model: bool,
    has_danger_word: bool,
    speaks_to_a_machine: bool,
    is_model_unavailable: bool,
    is_disagreement: bool,
    is_unsure: bool,
}

impl Findings {
    pub(super) fn of(policy: &Policy, ticket: &Ticket, guards: &GuardHits, prediction: Option<&Prediction>) -> Self {
        let sources = SourceFacts::of(ticket);
        let model_says = |holds: &dyn Fn(&Prediction) -> bool| prediction.is_some_and(holds);
        Self {
            is_critical_by_source: sources.says(Severity::Critical),
            is_critical_by_model: model_says(&|prediction| is_critical_by_model(policy, prediction)),
            has_danger_word: guards.danger.is_some(),
            speaks_to_a_machine: guards.machine.is_some(),
            is_model_unavailable: prediction.is_none(),
            is_disagreement: model_says(&|prediction| {
                sources.steps_to(prediction.severity.predicted()) >= DISAGREEMENT_STEPS
            }),
            is_unsure: model_says(&|prediction| !reaches(prediction.severity.confidence(), policy.unsure_below)),
        }
    }

    /// The rules behind the findings, in the order of their urgency.
    pub(super) fn rules(self) -> Vec<Rule> {
        super::eligibility::fired([
            (Rule::SourceCritical, self.is_critical_by_source),
            (Rule::CriticalCutOff, self.is_critical_by_model),
            (Rule::GuardDanger, self.has_danger_word),
            (Rule::GuardInjection, self.speaks_to_a_machine),
            (Rule::ModelUnavailable, self.is_model_unavailable),
            (Rule::Disagreement, self.is_disagreement),
            (Rule::Unsure, self.is_unsure),
        ])
    }

    /// The most urgent reason; `None` when people need not look.
    pub(super) fn reason(self) -> Option<ReviewReason> {
        let by_urgency = [
            (ReviewReason::Critical, self.is_critical_by_source || self.is_critical_by_model || self.has_danger_word),
            (ReviewReason::Guard, self.speaks_to_a_machine),
            (ReviewReason::ModelUnavailable, self.is_model_unavailable),
            (ReviewReason::Disagreement, self.is_disagreement),
            (ReviewReason::Unsure, self.is_unsure),
        ];
        by_urgency.into_iter().find_map(|(reason, holds)| holds.then_some(reason))
    }
}

impl ReviewReason {
    /// 1 is first. Samples are mixed over all severities: always 3.
    pub const fn priority(self) -> u8 {
        match self {
            Self::Critical => 1,
            Self::Guard | Self::ModelUnavailable | Self::ChangedAfterAction | Self::Unwritable | Self::Recheck => 2,
            Self::Sample | Self::Disagreement => 3,
            Self::Unsure | Self::Audit => 4,
        }
    }
}

/// The blind item of a drawn ticket, and nothing else. An item that is open already stays as it is: a second one would
/// say nothing new, and in place of another reason a sample could only lower it.
pub(super) const fn sample(open: Option<ReviewReason>) -> Option<Review> {
    match open {
        None => Some(item(ReviewState::Open, ReviewReason::Sample, None)),
        Some(_) => None,
    }
}

/// What becomes of the open item of a ticket when this decision needs one for `needed`.
///
/// A more urgent reason replaces a less urgent one, never the other way round: what was once critical or flagged stays
/// until the ticket ends, whatever is written into it later. The same urgency is not said twice, so that an item which is
/// written into the ticket does not call for the next. Only what the model itself could not tell is taken back.
pub(super) fn next(open: Option<ReviewReason>, needed: Option<ReviewReason>, on: &TicketCase<'_>) -> Option<Review> {
    match (open, needed) {
        (None, None) => None,
        (None, Some(reason)) => Some(self::open(reason, on.ticket)),
        (Some(open), Some(reason)) => (reason.priority() < open.priority()).then(|| self::open(reason, on.ticket)),
        // An older revision knows less than the item that a newer one opened.
        (Some(open), None) => (is_taken_back(open) && !on.is_superseded).then(|| withdrawn(open)),
    }
}

/// Whether an item may be taken back while the ticket lives: the reason lay with the model, and the model has answered.
const fn is_taken_back(reason: ReviewReason) -> bool {
    match reason {
        ReviewReason::ModelUnavailable | ReviewReason::Disagreement | ReviewReason::Unsure => true,
        ReviewReason::Sample
        | ReviewReason::Critical
        | ReviewReason::Guard
        | ReviewReason::ChangedAfterAction
        | ReviewReason::Audit
        | ReviewReason::Unwritable
        | ReviewReason::Recheck => false,
    }
}

/// An open item that shows which parent explains the ticket.
pub(super) fn open(reason: ReviewReason, ticket: &Ticket) -> Review {
    let parent = ticket.relations.iter().find(|relation| relation.kind == RelationKind::Parent);
    item(ReviewState::Open, reason, parent.map(|relation| relation.ticket_id.clone()))
}

/// The open item is no longer needed.
pub(super) const fn withdrawn(reason: ReviewReason) -> Review {
    item(ReviewState::Withdrawn, reason, None)
}

const fn item(state: ReviewState, reason: ReviewReason, related: Option<TicketId>) -> Review {
    Review { state, reason, priority: reason.priority(), related }
}
