//! Up: accounts that begin, shares that return, and the one reading of promotions after midnight.

use std::sync::Arc;

use crate::domain::time::UtcMillis;
use crate::rollout::approval::{self, Approval};
use crate::rollout::control::Lock;
use crate::rollout::ladder::{Rise, Step, place};
use crate::rollout::local_time::LocalDay;
use crate::rollout::reading::{Evaluation, Gate, GateOutcome, SliceReport, StepReport};
use crate::rollout::spec::SliceSpec;
use crate::rollout::state::{ACCOUNTS_MAX, Basis, Held, OpenAccount, PromotionRequest, SliceState};
use crate::rollout::transition::{ActingChange, Cause, Transition, TransitionKind};
use crate::rollout::wrong::Permission;

use super::down::hear;
use super::draws;
use super::facts::SecondView;
use super::read::Reading;
use super::words::{Notice, Waits};
use super::{Plan, cut_of};

/// Opens what is new: the rollout itself, slices, and the accounts of models and lists that have none. Only what is decided
/// from now on counts for them, so that nobody chooses a threshold by looking first.
pub(super) fn opened(reading: &Reading<'_>) -> Option<Transition> {
    let facts = reading.facts;
    let acting = reading.state.basis.clone().unwrap_or_else(|| Basis {
        model: Arc::clone(&facts.configured),
        eligibility_digest: facts.eligibility_digest,
    });
    let mut bases = vec![acting.clone()];
    let loaded = facts.candidates.iter().map(|candidate| &candidate.model).chain([&facts.configured]);
    for model in loaded {
        let of_model = Basis { model: Arc::clone(model), ..acting.clone() };
        if !bases.contains(&of_model) {
            bases.push(of_model);
        }
    }
    let mut transition = reading.draft(TransitionKind::Opened, Cause::New);
    if reading.state.basis.is_none() {
        transition.acting = Some(ActingChange { to: acting, previous: None });
    }
    for slice in &reading.spec.slices {
        let known = reading.state.slices.get(&slice.name);
        let mut to = known.cloned().unwrap_or_else(|| SliceState::opened(reading.now, transition.revision));
        open_accounts(reading, slice, &mut to, &bases);
        if known != Some(&to) {
            transition.slices.push(reading.change(&slice.name, to));
        }
    }
    (!transition.slices.is_empty()).then_some(transition)
}

fn open_accounts(reading: &Reading<'_>, slice: &SliceSpec, state: &mut SliceState, bases: &[Basis]) {
    for basis in bases {
        for permission in Permission::ALL {
            if state.account(permission, basis).is_none() {
                state.accounts.push(OpenAccount {
                    permission,
                    basis: basis.clone(),
                    attempt: 1,
                    threshold: slice.threshold,
                    after: cut_of(reading),
                    opened_at: reading.now,
                });
            }
        }
    }
    let previous = reading.state.previous.as_ref().map(|previous| &previous.model);
    let asked = state.suspension.as_ref().map(|suspension| &suspension.basis);
    let is_in_use = |basis: &Basis| bases.contains(basis) || previous == Some(&basis.model) || asked == Some(basis);
    let mut surplus = state.accounts.len().saturating_sub(ACCOUNTS_MAX);
    state.accounts.retain(|account| {
        let is_forgotten = surplus > 0 && !is_in_use(&account.basis);
        surplus -= usize::from(is_forgotten);
        !is_forgotten
    });
}

/// The second readers of a hard stop see no critical ticket: the share returns.
pub(super) fn returned(reading: &Reading<'_>) -> Option<Transition> {
    reading.evaluation.ok()?;
    let is_refuted = |(slice, state): &(&SliceSpec, &SliceState)| {
        let refuted = |ticket| reading.facts.second_view(ticket) == Some(SecondView::Refuted);
        let all = state
            .suspension
            .as_ref()
            .is_some_and(|suspension| suspension.asked.iter().all(|asked| refuted(&asked.ticket)));
        all && reading.unheard(&slice.name, state).is_empty()
    };
    let (slice, state) = reading.slices().find(is_refuted)?;
    let asked = state.suspension.iter().flat_map(|suspension| &suspension.asked);
    let tickets: Vec<_> = asked.map(|asked| asked.ticket.clone()).collect();
    let mut to = SliceState { suspension: None, ..state.clone() };
    hear(&mut to, tickets.iter().cloned());
    let mut transition = reading.draft(TransitionKind::Returned, Cause::Refuted { tickets });
    transition.slices.push(reading.change(&slice.name, to));
    transition.reports.extend(reading.report(&slice.name).cloned());
    Some(transition)
}

/// Reads promotions, if this is the first evaluation after midnight, and then how many tickets are drawn. The day counts as
/// read once nothing more fires: an evaluation that failed, or that is not of the present, reads nothing.
pub(super) fn promote(reading: &Reading<'_>, plan: &mut Plan) {
    let Ok(evaluation) = reading.evaluation else { return };
    if !reading.is_present() || evaluation.at > reading.now {
        return;
    }
    let today = reading.spec.calendar.day(evaluation.at);
    match reading.state.read_on {
        // Nobody knows whether this is the first evaluation of the day.
        None => plan.noted.read_on = Some(today),
        Some(day) if day < today => {
            for (slice, state) in reading.slices() {
                let Some(request) = &state.request else { continue };
                match fire(reading, evaluation, today, slice, state, request) {
                    Ok(transition) => {
                        plan.transition = Some(transition);
                        return;
                    }
                    Err(why) => plan.notices.push(Notice::Waits { slice: Arc::clone(&slice.name), why }),
                }
            }
            plan.noted.read_on = Some(today);
            plan.transition = draws::revised(reading);
        }
        Some(_) => {}
    }
}

/// The promotion that a person has asked for, if everything allows it.
fn fire(
    reading: &Reading<'_>,
    evaluation: &Evaluation,
    today: LocalDay,
    slice: &SliceSpec,
    state: &SliceState,
    request: &PromotionRequest,
) -> Result<Transition, Waits> {
    allowed(reading, today, evaluation.at, state, request)?;
    if state.next_step(slice.threshold) != Some(request.step) {
        return Err(Waits::OtherStep);
    }
    if reading.watches(&slice.name).any(|(_, watch)| reading.is_breached(watch, Gate::Drift)) {
        return Err(Waits::Drift);
    }
    let report = reading.next_report(&slice.name).ok_or(Waits::Unevaluated)?;
    passes(report)?;
    let to = risen(reading, slice, state, request)?;
    let mut transition = reading.draft(kind_of(request.step.rise), Cause::Earned);
    transition.signed = Some(request.signed.clone());
    transition.slices.push(reading.change(&slice.name, to));
    transition.reports.push(SliceReport {
        slice: Arc::clone(&slice.name),
        next: Some(report.clone()),
        in_force: reading.report(&slice.name).map(|report| report.in_force.clone()).unwrap_or_default(),
    });
    Ok(transition)
}

/// Everything but the gates.
fn allowed(
    reading: &Reading<'_>,
    today: LocalDay,
    evaluated_at: UtcMillis,
    state: &SliceState,
    request: &PromotionRequest,
) -> Result<(), Waits> {
    if reading.spec.calendar.day(request.asked_at) >= today {
        return Err(Waits::AskedToday);
    }
    if !approval::stands(request, reading.spec, reading.now) {
        return Err(Waits::Expired);
    }
    if !reading.holes().is_empty() {
        return Err(Waits::Hole);
    }
    if state.suspension.is_some() {
        return Err(Waits::Suspended);
    }
    if approval::is_missing(state) {
        return Err(Waits::NotApproved);
    }
    if let Some(until) = state.cool_down_until.filter(|until| evaluated_at < *until) {
        return Err(Waits::CoolDown { hours: evaluated_at.hours_until(until) });
    }
    if state.is_locked && request.lock == Lock::Respect {
        return Err(Waits::Locked);
    }
    Ok(())
}

fn passes(report: &StepReport) -> Result<(), Waits> {
    if report.passes() {
        return Ok(());
    }
    let blocking = report.gates.iter().find(|reading| reading.blocks && reading.outcome != GateOutcome::Pass);
    Err(blocking
        .map_or(Waits::Unevaluated, |reading| Waits::Gate { gate: reading.gate, sentence: reading.sentence.clone() }))
}

const fn kind_of(rise: Rise) -> TransitionKind {
    match rise {
        Rise::Stage => TransitionKind::Promoted,
        Rise::Share => TransitionKind::ShareRaised,
        Rise::Threshold => TransitionKind::ThresholdLowered,
    }
}

/// The slice one step up.
fn risen(
    reading: &Reading<'_>,
    slice: &SliceSpec,
    state: &SliceState,
    request: &PromotionRequest,
) -> Result<SliceState, Waits> {
    let Step { permission, rise } = request.step;
    let granted = Held { threshold: slice.threshold, after: cut_of(reading) };
    let mut standing = state.standing.clone();
    match rise {
        Rise::Stage | Rise::Share => {
            let measured = reading.facts.eligible_per_day(&slice.name);
            standing.position = state.standing.position.climbed(measured).map_err(Waits::NoTraffic)?;
        }
        Rise::Threshold => {}
    }
    match rise {
        Rise::Stage | Rise::Threshold => standing.held[place(permission)] = Some(granted),
        // What is held goes on being watched since it was granted.
        Rise::Share => {}
    }
    // As of when it was asked for; who approved since has the later word.
    let asked = Approval { signed: request.signed.clone(), at: request.asked_at };
    let approval = state.approval.clone().filter(|given| given.at > asked.at).unwrap_or(asked);
    let approved = SliceState { approval: Some(approval), request: None, is_locked: false, ..state.clone() };
    Ok(approved.moved(standing, reading.now, reading.state.revision + 1))
}
