//! What people ask: each record has one answer, in the order of the log, and at most one of them a transition.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::probability::Probability;
use crate::domain::stage::Stage;
use crate::rollout::approval::{self, Approval};
use crate::rollout::consequence::{earned_stage, position_after};
use crate::rollout::control::{Approve, Ask, ControlRecord, ControlRequest, Lock, Promote, SwitchModel};
use crate::rollout::ladder::place;
use crate::rollout::log::Cut;
use crate::rollout::spec::SliceSpec;
use crate::rollout::state::{Basis, Held, PreviousModel, PromotionRequest, SliceState, Standing};
use crate::rollout::transition::{ActingChange, Cause, Transition, TransitionKind};
use crate::rollout::wrong::Permission;

use super::down::stepped_back;
use super::facts::Candidate;
use super::read::Reading;
use super::words::Refusal;
use super::{Plan, RefusedRequest, cut_of};

/// Answers records until one of them makes a transition.
pub(super) fn answer(reading: &Reading<'_>, records: &[ControlRecord], plan: &mut Plan) {
    for record in records {
        if record.offset < plan.noted.control_next {
            continue;
        }
        plan.noted.control_next = record.offset + 1;
        match transition(reading, record) {
            Ok(None) => {}
            Ok(Some(mut transition)) => {
                transition.control_next = plan.noted.control_next;
                transition.signed = Some(record.request.signed.clone());
                plan.transition = Some(transition);
                return;
            }
            Err(why) => plan.refused.push(RefusedRequest { offset: record.offset, why }),
        }
    }
}

/// What follows from one record; `None`: nothing here, because every instance follows it by itself.
fn transition(reading: &Reading<'_>, record: &ControlRecord) -> Result<Option<Transition>, Refusal> {
    let ControlRequest { expires, ask, .. } = &record.request;
    let in_time = || match expires {
        Some(expires) if *expires <= reading.now => Err(Refusal::Expired),
        Some(_) | None => Ok(()),
    };
    match ask {
        Ask::Halt(_) | Ask::Resume(_) => Ok(None),
        Ask::Promote(promote) => in_time().and_then(|()| requested(reading, record, promote)).map(Some),
        Ask::StepBack { slice, to } => in_time().and_then(|()| asked_back(reading, slice, *to)).map(Some),
        Ask::Approve(approve) => in_time().and_then(|()| approved(reading, record, approve)).map(Some),
        Ask::SwitchModel(switch) => in_time().and_then(|()| switched(reading, record, *switch)).map(Some),
        Ask::AcknowledgeHoles { holes } => in_time().and_then(|()| acknowledged(reading, holes)).map(Some),
    }
}

/// A slice of the specification that the state knows.
fn slice_of<'plan>(
    reading: &Reading<'plan>,
    name: &Arc<str>,
) -> Result<(&'plan SliceSpec, &'plan SliceState), Refusal> {
    reading.slices().find(|(slice, _)| slice.name == *name).ok_or_else(|| Refusal::UnknownSlice(Arc::clone(name)))
}

/// A person has looked at a revision since which nothing of it has changed.
fn against(reading: &Reading<'_>, against: u64, moved_in: u64) -> Result<(), Refusal> {
    let revision = reading.state.revision;
    let is_current = (moved_in.max(reading.state.void_before)..=revision).contains(&against);
    if is_current { Ok(()) } else { Err(Refusal::MovedOn { against, revision }) }
}

fn requested(reading: &Reading<'_>, record: &ControlRecord, promote: &Promote) -> Result<Transition, Refusal> {
    let (slice, state) = slice_of(reading, &promote.slice)?;
    against(reading, promote.against, state.moved_in)?;
    let nothing_above =
        || Refusal::NothingAbove { slice: Arc::clone(&slice.name), stage: state.standing.position.stage() };
    let step = state.next_step(slice.threshold).ok_or_else(nothing_above)?;
    if state.is_locked && promote.lock == Lock::Respect {
        return Err(Refusal::Locked(Arc::clone(&slice.name)));
    }
    let request = PromotionRequest {
        offset: record.offset,
        signed: record.request.signed.clone(),
        // When it was read here, not when it says it was written: a date in the past must not make it fire today.
        asked_at: reading.now,
        expires: record.request.expires,
        lock: promote.lock,
        step,
    };
    let mut transition = reading.draft(TransitionKind::Requested, Cause::Asked);
    let to = SliceState { request: Some(request), ..state.clone() };
    transition.slices.push(reading.change(&slice.name, to));
    transition.reports.extend(reading.report(&slice.name).cloned());
    Ok(transition)
}

fn approved(reading: &Reading<'_>, record: &ControlRecord, approve: &Approve) -> Result<Transition, Refusal> {
    let (slice, state) = slice_of(reading, &approve.slice)?;
    against(reading, approve.against, state.moved_in)?;
    let position = state.standing.position;
    if !position.is_automatic() {
        return Err(Refusal::NothingAutomatic { slice: Arc::clone(&slice.name), stage: position.stage() });
    }
    // As of when it was said: nobody may have led since.
    let at = record.appended_at.min(reading.now);
    if approval::is_old(at, reading.spec, reading.now) {
        return Err(Refusal::Expired);
    }
    let approval = Approval { signed: record.request.signed.clone(), at };
    let mut transition = reading.draft(TransitionKind::Approved, Cause::Asked);
    transition.slices.push(reading.change(&slice.name, SliceState { approval: Some(approval), ..state.clone() }));
    transition.reports.extend(reading.report(&slice.name).cloned());
    Ok(transition)
}

fn asked_back(reading: &Reading<'_>, name: &Arc<str>, to: Stage) -> Result<Transition, Refusal> {
    let (slice, state) = slice_of(reading, name)?;
    let from = state.standing.position.stage();
    if from <= to {
        return Err(Refusal::NotDown { slice: Arc::clone(&slice.name), stage: from });
    }
    let mut transition = reading.draft(TransitionKind::SteppedBack, Cause::Asked);
    let to = stepped_back(reading, state, to, &transition.cause);
    transition.slices.push(reading.change(&slice.name, to));
    transition.reports.extend(reading.report(&slice.name).cloned());
    Ok(transition)
}

fn switched(reading: &Reading<'_>, record: &ControlRecord, switch: SwitchModel) -> Result<Transition, Refusal> {
    let basis = reading.state.basis.as_ref().ok_or(Refusal::NotBegun)?;
    let facts = reading.facts;
    let is_meant = |digest, calibration| digest == switch.model_digest && calibration == switch.calibration_digest;
    if is_meant(basis.model.digest, basis.model.calibration_digest) {
        return Err(Refusal::ActsAlready);
    }
    let configured = Candidate { model: Arc::clone(&facts.configured), reports: Vec::new() };
    let mut loaded = facts.candidates.iter().chain([&configured]);
    let candidate = loaded
        .find(|candidate| is_meant(candidate.model.digest, candidate.model.calibration_digest))
        .ok_or(Refusal::NotLoaded)?;
    let moved_in = reading.state.slices.values().map(|state| state.moved_in).max().unwrap_or_default();
    against(reading, switch.against, moved_in)?;
    if let Err(error) = reading.evaluation {
        return Err(Refusal::CannotTell(error.clone()));
    }
    Ok(swap(reading, record, basis, candidate))
}

/// The candidate acts, each slice at most where the candidate has earned to be, and on the first share. Who asks for it
/// approves it where somebody let the slice act before.
fn swap(reading: &Reading<'_>, record: &ControlRecord, basis: &Basis, candidate: &Candidate) -> Transition {
    let mut transition = reading.draft(TransitionKind::Switched, Cause::Asked);
    let standings = reading.state.slices.iter().map(|(name, state)| (Arc::clone(name), state.standing.clone()));
    let previous =
        PreviousModel { model: Arc::clone(&basis.model), switched_at: reading.now, slices: standings.collect() };
    let to = Basis { model: Arc::clone(&candidate.model), ..basis.clone() };
    transition.acting = Some(ActingChange { to, previous: Some(previous) });
    for (name, state) in &reading.state.slices {
        let spec = reading.spec.slice(name);
        let earned = spec.map_or(Stage::Shadow, |slice| {
            earned_stage(reading.state, reading.spec, slice, &candidate.model, &candidate.reports)
        });
        // On evidence with a hole nothing automatic is granted.
        let earned = if reading.holes().is_empty() { earned } else { earned.min(Stage::Suggest) };
        let measured = reading.facts.eligible_per_day(name);
        let position = position_after(state.standing.position, earned, measured);
        let threshold = spec.map_or(Probability::ONE, |slice| slice.threshold);
        let standing = granted(state.standing.at(position), threshold, &cut_of(reading));
        let mut to = SliceState { request: None, ..state.moved(standing, reading.now, transition.revision) };
        let (signed, at) = (&record.request.signed, record.appended_at.min(reading.now));
        to.approval = to.approval.map(|_| Approval { signed: signed.clone(), at });
        transition.slices.push(reading.change(name, to));
    }
    transition.reports.clone_from(&candidate.reports);
    transition
}

/// The same permissions, granted now.
fn granted(mut standing: Standing, threshold: Probability, cut: &Cut) -> Standing {
    for permission in Permission::ALL {
        if standing.position.holds(permission) {
            standing.held[place(permission)] = Some(Held { threshold, after: cut.clone() });
        }
    }
    standing
}

fn acknowledged(reading: &Reading<'_>, shown: &[String]) -> Result<Transition, Refusal> {
    if let Err(error) = reading.evaluation {
        return Err(Refusal::CannotTell(error.clone()));
    }
    let open: BTreeSet<String> = reading.holes().into_iter().filter(|hole| shown.contains(hole)).collect();
    if open.is_empty() {
        return Err(Refusal::NoSuchHole);
    }
    let mut transition = reading.draft(TransitionKind::Acknowledged, Cause::Asked);
    transition.acknowledged = open;
    Ok(transition)
}
