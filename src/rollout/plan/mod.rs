//! What the leader does next: from the state, what the gates say, what people ask and what else is known, at most one
//! transition. Down comes before up, and nothing goes up that no person asked for.
//!
//! The order: what decides eligibility has changed; evidence is missing; a second reader has confirmed a hard stop; people
//! call tickets critical; a gate in force is breached; verdicts stay away; what a person let a slice do has run out; accounts
//! must be opened; people ask; a hard stop is refuted; promotions are read, once a day, and after them how many tickets are
//! drawn. Each transition removes its own reason, so that planning again, after an evaluation of the new state, comes to rest.
//! A report that answers another question than the state asks is not read.

mod asked;
mod down;
mod draws;
mod facts;
mod read;
mod up;
mod words;

use std::sync::Arc;

use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;

use super::closed::Closed;
use super::control::ControlRecord;
use super::log::Cut;
use super::reading::Evaluation;
use super::spec::RolloutSpec;
use super::state::RolloutState;
use super::transition::{Noted, Transition, TransitionKind};
use super::wrong::Permission;

pub use facts::{Candidate, EvaluationError, Facts, SecondReading, SecondView};
pub use words::{Notice, Refusal, Waits, WhyNot};

use read::Reading;

/// The leader renews its lease only while what it has read of the evidence is at most this old (operating time).
pub const EVIDENCE_BEHIND_MS_MAX: i64 = 60_000;

/// A hard stop without an answer of a second reader counts as confirmed after this time (desk time).
pub const SECOND_READING_MS_MAX: i64 = 24 * 3_600_000;

/// What the leader does next.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The one transition; `None`: everything stays.
    pub transition: Option<Transition>,
    /// What is remembered without a transition; to be noted after it.
    pub noted: Noted,
    /// Requests that nothing follows from, each with its reason.
    pub refused: Vec<RefusedRequest>,
    /// What people should know.
    pub notices: Vec<Notice>,
    /// What people look at again because of the transition.
    pub rechecks: Vec<Recheck>,
    /// Tickets that a second person reads, blind, because of the transition.
    pub read_again: Vec<TicketId>,
    /// Whether the lease is renewed.
    pub renewal: Result<(), WhyNot>,
    /// The base from now on, where a day was closed.
    pub closed: Option<Arc<Closed>>,
}

/// A request that nothing follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    /// Its offset.
    pub offset: i64,
    /// Why.
    pub why: Refusal,
}

/// Automatic actions that people look at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recheck {
    /// In which slice.
    pub slice: Arc<str>,
    /// What was done.
    pub action: AutoAction,
    /// The tickets, newest first.
    pub tickets: Vec<TicketId>,
    /// How many older ones are left out.
    pub left_out: u64,
}

impl Plan {
    /// The state afterwards.
    pub fn after(&self, state: &RolloutState) -> RolloutState {
        let state = self.transition.as_ref().map_or_else(|| state.clone(), |transition| state.apply(transition));
        let state = state.note(self.noted);
        match &self.closed {
            Some(closed) => RolloutState { closed: Some(Arc::clone(closed)), ..state },
            None => state,
        }
    }
}

/// Plans one step. `evaluation` answers `state.questions(spec)`; `now` is desk time.
pub fn plan(
    state: &RolloutState,
    evaluation: Result<&Evaluation, &EvaluationError>,
    requests: &[ControlRecord],
    facts: &Facts,
    spec: &RolloutSpec,
    now: UtcMillis,
) -> Plan {
    let reading = Reading { state, evaluation, facts, spec, now };
    let mut plan = Plan {
        transition: None,
        noted: Noted { read_on: state.read_on, control_next: state.control_next },
        refused: Vec::new(),
        notices: words::notices(&reading),
        rechecks: Vec::new(),
        read_again: Vec::new(),
        renewal: reading.renewal(),
        closed: reading.closed(),
    };
    plan.transition = down::down(&reading);
    // An account counts what is decided from now on, so that now must be known.
    if plan.transition.is_none() && reading.is_present() {
        plan.transition = up::opened(&reading);
    }
    if plan.transition.is_none() {
        asked::answer(&reading, requests, &mut plan);
    }
    if plan.transition.is_none() {
        plan.transition = up::returned(&reading);
    }
    if plan.transition.is_none() {
        up::promote(&reading, &mut plan);
    }
    if let Some(transition) = &plan.transition {
        plan.rechecks = rechecks(&reading, transition, &mut plan.notices);
        plan.read_again = read_again(state, transition);
        plan.notices.extend(words::voided(state, transition));
    }
    plan
}

/// The automatic actions of every permission that a breach takes away.
fn rechecks(reading: &Reading<'_>, transition: &Transition, notices: &mut Vec<Notice>) -> Vec<Recheck> {
    if !transition.cause.is_breach() {
        return Vec::new();
    }
    let mut rechecks = Vec::new();
    for change in &transition.slices {
        let Some(before) = reading.state.slices.get(&change.slice) else { continue };
        for action in AutoAction::ALL {
            let permission = Permission::Auto(action);
            if before.standing.held(permission).is_none() || change.to.standing.held(permission).is_some() {
                continue;
            }
            match reading.watch(&change.slice, permission) {
                Some(watch) => rechecks.push(Recheck {
                    slice: Arc::clone(&change.slice),
                    action,
                    tickets: watch.to_recheck.clone(),
                    left_out: watch.to_recheck_left_out,
                }),
                None => notices.push(Notice::RecheckUnknown { slice: Arc::clone(&change.slice), action }),
            }
        }
    }
    rechecks
}

/// The tickets that a suspension asks about and did not before.
fn read_again(state: &RolloutState, transition: &Transition) -> Vec<TicketId> {
    if transition.kind != TransitionKind::Suspended {
        return Vec::new();
    }
    let asked = transition.slices.iter().flat_map(|change| {
        let before = state.slices.get(&change.slice);
        let asked = change.to.suspension.iter().flat_map(|suspension| &suspension.asked);
        asked.filter(move |asked| !before.is_some_and(|before| before.knows(&asked.ticket)))
    });
    asked.map(|asked| asked.ticket.clone()).collect()
}

/// What of the evidence has been read.
fn cut_of(reading: &Reading<'_>) -> Cut {
    reading.evaluation.map_or(&reading.facts.cut, |evaluation| &evaluation.cut).clone()
}
