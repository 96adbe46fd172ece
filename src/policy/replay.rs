//! Re-deciding what was recorded: eligibility of old decisions under another policy.
//!
//! A decision keeps every fact that W and the slices read, except text and names. What was read from those (guards,
//! protected hosts and circuits, maintenance of devices, parents, what the view knew) is *carried over* as it was
//! recorded; everything else is read again by the very code that decides.

use crate::domain::prediction::Prediction;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::Ticket;
use crate::domain::time::UtcMillis;

use super::decided::Rule;
use super::eligibility::{EligibilityInputs, eligibility, reaches};
use super::guards::GuardHits;
use super::ruling::Policy;
use super::slices::slice_of;
use super::view::ParentState;

/// Rules that rest on what decisions do not keep: where one was recorded it holds under every policy.
pub const CARRIED: [Rule; 12] = [
    Rule::SourceCritical,
    Rule::SourceHigh,
    Rule::SourceUnmapped,
    Rule::GuardDanger,
    Rule::GuardInjection,
    Rule::Protected,
    Rule::ParentCritical,
    Rule::ParentUnknown,
    Rule::AlarmsTruncated,
    Rule::BodyCut,
    Rule::ModelTruncated,
    Rule::HumanValue,
];

/// A decision as it can be told from its record.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The ticket, without text and names.
    pub ticket: Ticket,
    /// The acting model's answer.
    pub prediction: Prediction,
    /// Recorded rules among [`CARRIED`].
    pub carried: Vec<Rule>,
    /// When it was decided (desk time).
    pub desk: UtcMillis,
}

/// What another policy makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Permission slice.
    pub slice: String,
    /// Whether W holds at the slice's threshold, per action in the order of [`AutoAction::ALL`].
    pub is_eligible: [bool; 2],
}

/// Reads W again.
pub fn replay(policy: &Policy, told: &Told) -> Replayed {
    let Told { ticket, prediction, carried, desk } = told;
    let slice = slice_of(&policy.slices, ticket);
    let inputs =
        EligibilityInputs { policy, slice, guards: &GuardHits::default(), parent: ParentState::NoParent, desk: *desk };
    let per_action = eligibility(&inputs, ticket, prediction);
    let is_confident = reaches(prediction.severity.confidence(), slice.threshold);
    let is_eligible = AutoAction::ALL
        .map(|action| carried.is_empty() && is_confident && per_action[action.index()].forbidden_by.is_empty());
    Replayed { slice: slice.name.clone(), is_eligible }
}
