//! One record with everything that one decision reads, gathered once.

use crate::domain::prediction::{Answer, ModelRole, Prediction, Purpose};
use crate::domain::stage::{AutoAction, Share, Stage};
use crate::domain::ticket::{Status, Ticket, TicketId};

use super::RecordFacts;
use super::decided::Draws;
use super::draws::{DrawRate, draws_of, no_draws};
use super::ruling::{Moment, Ruling};
use super::slices::{SliceRule, rest_of, slice_of};
use super::view::{History, TicketMemory, ViewFacts};

/// One record and what is in force.
pub(super) struct Case<'case> {
    pub(super) ruling: &'case Ruling,
    pub(super) moment: &'case Moment,
    pub(super) view: &'case ViewFacts,
    pub(super) record: &'case RecordFacts<'case>,
    pub(super) answers: &'case [Answer],
    pub(super) place: Place<'case>,
}

/// Slice, stage, shares and draws of a record.
pub(super) struct Place<'case> {
    pub(super) slice: &'case SliceRule,
    /// Stage in effect: shadow while a demo model acts outside the demo.
    pub(super) stage: Stage,
    /// Shares in effect: none for an action that the stage does not allow, and never more to resolve than to triage.
    pub(super) shares: [Share; 2],
    pub(super) draws: Draws,
    /// Whether a demo model holds the slice in shadow.
    pub(super) is_held_by_demo_model: bool,
}

/// The ticket and what is remembered of it.
pub(super) struct TicketCase<'case> {
    pub(super) ticket: &'case Ticket,
    pub(super) memory: Option<&'case TicketMemory>,
    /// An older revision after a newer one.
    pub(super) is_superseded: bool,
    /// Reopened since the last decision.
    pub(super) is_reopened: bool,
}

impl<'case> Place<'case> {
    /// `first_rate` is the rate of the evidence draw at which the ticket was first met; `None`: it is new, or nobody
    /// remembers it.
    pub(super) fn of_ticket(ruling: &'case Ruling, ticket: &Ticket, first_rate: Option<f64>) -> Self {
        Self::of(ruling, slice_of(&ruling.policy.slices, ticket), Some(&ticket.ticket_id), first_rate)
    }

    /// A record without a ticket belongs to the last slice.
    pub(super) fn without_ticket(ruling: &'case Ruling, ticket_id: Option<&TicketId>) -> Self {
        Self::of(ruling, rest_of(&ruling.policy.slices), ticket_id, None)
    }

    fn of(
        ruling: &'case Ruling,
        slice: &'case SliceRule,
        ticket_id: Option<&TicketId>,
        first_rate: Option<f64>,
    ) -> Self {
        let entry = ruling.stage_map.slices.iter().find(|entry| entry.slice == slice.name);
        let mapped = entry.map_or(Stage::Shadow, |entry| entry.stage);
        let is_held_by_demo_model = is_demo_model_outside_demo(ruling) && mapped > Stage::Shadow;
        let stage = if is_held_by_demo_model { Stage::Shadow } else { mapped };
        let shares = shares_in_effect(stage, entry.map_or([Share::ZERO; 2], |entry| entry.shares));
        let rates = &ruling.policy.draw_rates;
        let followed = entry.map_or(DrawRate::LEAST, |entry| entry.evidence_rate);
        // Whoever was shown an answer is not asked blind later, and what was begun blind stays so, whatever the rate is now.
        let rate = first_rate.unwrap_or_else(|| rates.evidence(stage).in_force(followed));
        let draws = ticket_id.map_or(no_draws(), |id| draws_of(ruling.draw_key, rates, rate, &shares, id));
        Self { slice, stage, shares, draws, is_held_by_demo_model }
    }
}

fn is_demo_model_outside_demo(ruling: &Ruling) -> bool {
    match ruling.acting.purpose {
        Purpose::Demo => !ruling.is_demo,
        Purpose::Production => false,
    }
}

fn shares_in_effect(stage: Stage, shares: [Share; 2]) -> [Share; 2] {
    let allowed =
        AutoAction::ALL.map(|action| if stage < action.stage_needed() { Share::ZERO } else { shares[action.index()] });
    let [triage, resolve] = allowed;
    [triage, if resolve > triage { triage } else { resolve }]
}

impl<'case> TicketCase<'case> {
    pub(super) fn of(view: &'case ViewFacts, ticket: &'case Ticket) -> Self {
        let memory = match &view.history {
            History::Unknown => None,
            History::Known(memory) => Some(memory),
        };
        let newest = memory.and_then(|memory| memory.last_revision);
        let is_superseded = matches!((ticket.revision, newest), (Some(this), Some(newest)) if this < newest);
        let is_open = !ticket.status.is_some_and(Status::is_terminal);
        let reopened = |memory: &TicketMemory| {
            (memory.ended && is_open) || ticket.reopen_count.is_some_and(|count| count > memory.reopen_count)
        };
        Self { ticket, memory, is_superseded, is_reopened: memory.is_some_and(reopened) }
    }
}

impl Case<'_> {
    /// The acting model's prediction. An answer of any other model than the one in force is none: a permit names models.
    pub(super) fn prediction(&self) -> Option<&Prediction> {
        let acting = &*self.ruling.acting;
        self.answers
            .iter()
            .find(|answer| answer.role == ModelRole::Acting && *answer.model == *acting)
            .and_then(|answer| answer.result.as_ref().ok())
    }
}
