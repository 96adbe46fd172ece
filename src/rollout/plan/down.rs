//! Down, at once and without asking anybody.

use std::sync::Arc;

use crate::domain::stage::Stage;
use crate::domain::ticket::TicketId;
use crate::rollout::gates::verdict_freshness::SILENT_TICKETS;
use crate::rollout::ladder::{stage_below, stage_of};
use crate::rollout::log::Cut;
use crate::rollout::reading::Gate;
use crate::rollout::spec::{RolloutSpec, SliceSpec};
use crate::rollout::state::{ASKED_MAX, AskedAgain, Basis, HEARD_MAX, PreviousModel, SliceState, Standing, Suspension};
use crate::rollout::transition::{ActingChange, Cause, SliceChange, Transition, TransitionKind};
use crate::rollout::wrong::Permission;

use super::facts::SecondView;
use super::read::Reading;
use super::{SECOND_READING_MS_MAX, cut_of};

/// Breaches within the window after which only a person with `--override` goes up again.
const BREACHES_UNTIL_LOCKED: usize = 2;

/// The most urgent step down; `None`: there is none.
pub(super) fn down(reading: &Reading<'_>) -> Option<Transition> {
    let any = |find: fn(&Reading<'_>, &SliceSpec, &SliceState) -> Option<Transition>| {
        reading.slices().find_map(|(slice, state)| find(reading, slice, state))
    };
    reconfigured(reading)
        .or_else(|| hole(reading))
        .or_else(|| any(judged))
        .or_else(|| any(suspended))
        .or_else(|| any(alarm))
        .or_else(|| any(silence))
        .or_else(|| any(unapproved))
}

/// What decides eligibility has changed: what was earned on other tickets is shown, not done.
fn reconfigured(reading: &Reading<'_>) -> Option<Transition> {
    let basis = reading.state.basis.as_ref()?;
    let eligibility_digest = reading.facts.eligibility_digest;
    if basis.eligibility_digest == eligibility_digest {
        return None;
    }
    let mut transition = reading.draft(TransitionKind::Reconfigured, Cause::EligibilityChanged);
    let to_suggest = |standing: &Standing| standing.at(standing.position.lowered_to(Stage::Suggest));
    for (slice, state) in &reading.state.slices {
        if state.standing.position.is_automatic() {
            let standing = to_suggest(&state.standing);
            let to = state.moved(standing, reading.now, transition.revision);
            transition.slices.push(reading.change(slice, to));
        }
    }
    let previous = reading.state.previous.as_ref().map(|previous| PreviousModel {
        slices: previous.slices.iter().map(|(slice, standing)| (Arc::clone(slice), to_suggest(standing))).collect(),
        ..previous.clone()
    });
    let to = Basis { model: Arc::clone(&basis.model), eligibility_digest };
    transition.acting = Some(ActingChange { to, previous });
    Some(transition)
}

/// Evidence is missing: whoever acts on it shows instead, all slices together.
fn hole(reading: &Reading<'_>) -> Option<Transition> {
    let holes = reading.holes();
    if holes.is_empty() {
        return None;
    }
    let mut transition = reading.draft(TransitionKind::SteppedBack, Cause::Hole { holes });
    for (slice, state) in reading.slices().filter(|(_, state)| state.standing.position.is_automatic()) {
        let to = stepped_back(reading, state, Stage::Suggest, &transition.cause);
        transition.slices.push(reading.change(&slice.name, to));
    }
    (!transition.slices.is_empty()).then_some(transition)
}

/// A second reader has confirmed a hard stop, or nobody has read it in time.
fn judged(reading: &Reading<'_>, slice: &SliceSpec, state: &SliceState) -> Option<Transition> {
    let suspension = state.suspension.as_ref()?;
    let view = |asked: &AskedAgain| reading.facts.second_view(&asked.ticket);
    let confirmed = suspension.asked.iter().find(|asked| view(asked) == Some(SecondView::Confirmed));
    let is_late =
        |asked: &&AskedAgain| view(asked).is_none() && reading.now.since_ms(asked.since) >= SECOND_READING_MS_MAX;
    let cause = match (confirmed, suspension.asked.iter().find(is_late)) {
        (Some(asked), _) => Cause::Confirmed { ticket: asked.ticket.clone() },
        (None, Some(asked)) if reading.is_present() => Cause::Unanswered { ticket: asked.ticket.clone() },
        // An answer that has not been read is still one.
        (None, Some(_) | None) => return None,
    };
    let mut to = stepped_back(reading, state, Stage::Suggest, &cause);
    let automatic = Permission::ALL.into_iter().filter(|permission| stage_of(*permission) > Stage::Suggest);
    open_again(reading, slice, &mut to, automatic, &suspension.basis);
    to.suspension = None;
    hear(&mut to, suspension.asked.iter().map(|asked| asked.ticket.clone()));
    let is_of_acting = reading.state.basis.as_ref() == Some(&suspension.basis);
    Some(after_breach(reading, slice, to, cause, is_of_acting))
}

/// People call tickets critical that were acted on, or would have been: nothing is automatic until somebody else has read
/// them.
fn suspended(reading: &Reading<'_>, slice: &SliceSpec, state: &SliceState) -> Option<Transition> {
    let is_open = |asked: &&AskedAgain| reading.facts.second_view(&asked.ticket).is_none();
    let asked_before =
        state.suspension.as_ref().map_or(0, |suspension| suspension.asked.iter().filter(is_open).count());
    let new: Vec<TicketId> =
        reading.unheard(&slice.name, state).into_iter().take(ASKED_MAX.saturating_sub(asked_before)).cloned().collect();
    if new.is_empty() {
        return None;
    }
    let basis = reading.state.basis.clone()?;
    let mut suspension =
        state.suspension.clone().unwrap_or_else(|| Suspension { basis, cut: cut_of(reading), asked: Vec::new() });
    suspension.asked.extend(new.iter().map(|ticket| AskedAgain { ticket: ticket.clone(), since: reading.now }));
    let mut transition = reading.draft(TransitionKind::Suspended, Cause::Critical { tickets: new });
    let to = SliceState { suspension: Some(suspension), request: None, ..state.clone() };
    transition.slices.push(reading.change(&slice.name, to));
    transition.reports.extend(reading.report(&slice.name).cloned());
    Some(transition)
}

/// A gate in force is breached: what it watches is taken away, and everything above it.
fn alarm(reading: &Reading<'_>, slice: &SliceSpec, state: &SliceState) -> Option<Transition> {
    let breached = |(permission, watch)| {
        let gate = Gate::ALL.into_iter().find(|gate| is_alarm(*gate) && reading.is_breached(watch, *gate))?;
        Some((permission, gate))
    };
    let (permission, gate) = reading.watches(&slice.name).find_map(breached)?;
    let cause = Cause::Alarm { permission, gate };
    let mut to = stepped_back(reading, state, stage_below(permission), &cause);
    let taken = Permission::ALL.into_iter().filter(|other| *other >= permission);
    open_again(reading, slice, &mut to, taken, reading.state.basis.as_ref()?);
    Some(after_breach(reading, slice, to, cause, true))
}

/// Whether a breach of a gate in force takes its permission away. Drift freezes, silence is counted in tickets, and the
/// rest is read for promotions alone.
const fn is_alarm(gate: Gate) -> bool {
    match gate {
        Gate::SeverityAccuracy | Gate::ActionError | Gate::CriticalMiss | Gate::ReopenRate => true,
        Gate::Traffic
        | Gate::VerdictFreshness
        | Gate::MissingVerdicts
        | Gate::BetterThanBaselines
        | Gate::Calibration
        | Gate::Drift
        | Gate::Soak
        | Gate::HumanCeiling
        | Gate::RootCauseRating => false,
    }
}

/// Verdicts stay away: nobody would see it go wrong.
fn silence(reading: &Reading<'_>, slice: &SliceSpec, state: &SliceState) -> Option<Transition> {
    if !state.standing.position.is_automatic() || reading.spec.observed_only.contains(&Gate::VerdictFreshness) {
        return None;
    }
    let silent = reading.watches(&slice.name).filter(|(permission, _)| stage_of(*permission) > Stage::Suggest);
    let tickets = silent.map(|(_, watch)| watch.silent_tickets).max().filter(|count| *count >= SILENT_TICKETS)?;
    let mut transition = reading.draft(TransitionKind::SteppedBack, Cause::Silence { tickets });
    let to = stepped_back(reading, state, Stage::Suggest, &transition.cause);
    transition.slices.push(reading.change(&slice.name, to));
    transition.reports.extend(reading.report(&slice.name).cloned());
    Some(transition)
}

/// What a person let it do has run out, and people are at work: nothing is automatic until somebody says so again. Stage and
/// accounts stay, and go on being watched.
fn unapproved(reading: &Reading<'_>, slice: &SliceSpec, state: &SliceState) -> Option<Transition> {
    let approval = state.approval.as_ref().filter(|approval| approval.ends(reading.spec, reading.now))?;
    let cause = Cause::ApprovalOld { who: approval.signed.who().into(), days: reading.spec.approval_days };
    let mut transition = reading.draft(TransitionKind::ApprovalEnded, cause);
    transition.slices.push(reading.change(&slice.name, SliceState { approval: None, ..state.clone() }));
    transition.reports.extend(reading.report(&slice.name).cloned());
    Some(transition)
}

/// A slice after a step back to a stage: with a cool-down, and locked after the second breach within the window.
pub(super) fn stepped_back(reading: &Reading<'_>, state: &SliceState, to: Stage, cause: &Cause) -> SliceState {
    let standing = state.standing.at(state.standing.position.lowered_to(to));
    let mut after = state.moved(standing, reading.now, reading.state.revision + 1);
    after.request = None;
    let cool_down = reading.now.plus_ms(RolloutSpec::days_ms(reading.spec.cool_down_days));
    after.cool_down_until = after.cool_down_until.max(Some(cool_down));
    if cause.is_breach() {
        let window_ms = RolloutSpec::days_ms(reading.spec.window_days);
        after.breaches.retain(|breach| reading.now.since_ms(*breach) < window_ms);
        after.breaches.push(reading.now);
        after.is_locked |= after.breaches.len() >= BREACHES_UNTIL_LOCKED;
        // More than the lock needs are of no use.
        let surplus = after.breaches.len().saturating_sub(BREACHES_UNTIL_LOCKED);
        after.breaches.drain(..surplus);
    }
    after
}

/// A new attempt for some accounts, at half the level: the good history must not promote the model again.
fn open_again(
    reading: &Reading<'_>,
    slice: &SliceSpec,
    state: &mut SliceState,
    permissions: impl Iterator<Item = Permission>,
    basis: &Basis,
) {
    let permissions: Vec<Permission> = permissions.collect();
    let accounts = state.accounts.iter_mut();
    for account in accounts.filter(|account| permissions.contains(&account.permission) && account.basis == *basis) {
        account.attempt = account.attempt.saturating_add(1);
        account.threshold = slice.threshold;
        account.after = cut_of(reading);
        account.opened_at = reading.now;
    }
}

/// Remembers tickets as judged.
pub(super) fn hear(state: &mut SliceState, tickets: impl Iterator<Item = TicketId>) {
    state.heard.extend(tickets);
    let surplus = state.heard.len().saturating_sub(HEARD_MAX);
    state.heard.drain(..surplus);
}

/// The step back of one slice; soon after a switch, also the way back to the model before.
fn after_breach(
    reading: &Reading<'_>,
    slice: &SliceSpec,
    to: SliceState,
    cause: Cause,
    is_of_acting: bool,
) -> Transition {
    let change = reading.change(&slice.name, to);
    let report = reading.report(&slice.name).cloned();
    let swap = previous_model(reading).filter(|_| is_of_acting);
    let mut transition = if let Some((basis, previous)) = swap {
        swapped_back(reading, basis, previous, change, cause)
    } else {
        let mut transition = reading.draft(TransitionKind::SteppedBack, cause);
        transition.slices.push(change);
        transition
    };
    transition.reports.extend(report);
    transition
}

/// What acted before a switch that is still in its cool-down, if it is loaded.
fn previous_model<'plan>(reading: &Reading<'plan>) -> Option<(&'plan Basis, &'plan PreviousModel)> {
    let (basis, previous) = reading.state.basis.as_ref().zip(reading.state.previous.as_ref())?;
    let cool_down_ms = RolloutSpec::days_ms(reading.spec.cool_down_days);
    let is_near = reading.now.since_ms(previous.switched_at) < cool_down_ms;
    (is_near && reading.facts.is_loaded(&previous.model)).then_some((basis, previous))
}

/// The model before acts again, on what both models held: nothing rises, and what it had earned is not lost.
fn swapped_back(
    reading: &Reading<'_>,
    basis: &Basis,
    previous: &PreviousModel,
    stepped: SliceChange,
    cause: Cause,
) -> Transition {
    let mut transition = reading.draft(TransitionKind::SwappedBack, cause);
    let to = Basis { model: Arc::clone(&previous.model), eligibility_digest: basis.eligibility_digest };
    transition.acting = Some(ActingChange { to, previous: None });
    for (name, state) in &reading.state.slices {
        let is_stepped = *name == stepped.slice;
        let after = if is_stepped { &stepped.to } else { state };
        let shadow = Standing::shadow();
        let before = previous.slices.get(name).unwrap_or(&shadow);
        let standing = watched_anew(before.at(before.position.common(after.standing.position)), &transition.cut);
        let to = after.moved(standing, reading.now, transition.revision);
        transition.slices.push(reading.change(name, to));
    }
    transition
}

/// The same permissions, watched on tickets decided from now on.
pub(super) fn watched_anew(mut standing: Standing, cut: &Cut) -> Standing {
    for held in standing.held.iter_mut().flatten() {
        held.after.clone_from(cut);
    }
    standing
}
