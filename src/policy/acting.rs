//! What must hold at this moment, beside eligibility, for an automatic action; and the command when all of it holds.

use crate::domain::prediction::Prediction;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{Ticket, TimeOrigin};

use super::case::{Case, TicketCase};
use super::decided::{ActionKind, Eligibility, Rule};
use super::draws::is_drawn;
use super::eligibility::{fired, reaches};
use super::identity::idempotency_key;
use super::permit::{AutoPermit, Command};
use super::queues::queue_of;
use super::ruling::Policy;
use super::view::{History, INPUTS_REMEMBERED_MAX, TicketMemory, WindowState};

/// A ticket without a revision number of its source counts as never changed when it was last updated this soon after its
/// creation. Sources write a ticket in several steps; people need longer than a minute to open it.
const FIRST_REVISION_MS_MAX: u64 = 60_000;

/// The strongest automatic action that everything allows, with all rules that refused the others.
pub(super) fn automatic(
    case: &Case<'_>,
    on: &TicketCase<'_>,
    prediction: &Prediction,
    eligibility: &[Eligibility; 2],
    rules: &mut Vec<Rule>,
) -> Option<Command> {
    if case.place.stage < AutoAction::Triage.stage_needed() {
        rules.push(Rule::StageTooLow);
        return None;
    }
    // Resolve first: where it is refused, triage may still be allowed.
    for action in [AutoAction::Resolve, AutoAction::Triage] {
        if case.place.stage < action.stage_needed() {
            continue;
        }
        let mut refusals = eligibility[action.index()].forbidden_by.clone();
        refusals.extend(refused_now(case, on, action, prediction));
        // Asked last and right here, so that no permit outlives the decision it was made for.
        let permit = case.ruling.stage_map.permit(
            &case.place.slice.name,
            action,
            case.place.slice.threshold,
            &case.ruling.acting,
            &case.ruling.policy,
            case.moment,
        );
        match permit {
            Ok(permit) if refusals.is_empty() => return Some(command(case, on, action, permit, prediction)),
            Ok(_unused) => {}
            Err(rule) => refusals.push(rule),
        }
        for rule in refusals {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    None
}

fn refused_now(case: &Case<'_>, on: &TicketCase<'_>, action: AutoAction, prediction: &Prediction) -> Vec<Rule> {
    let policy = &*case.ruling.policy;
    let place = &case.place;
    let view = case.view;
    let threshold = place.slice.threshold;
    let share = place.shares[action.index()];
    let age_ms = case.moment.operating.since_ms(case.record.appended_at);
    fired([
        (Rule::BelowThreshold, !reaches(prediction.severity.confidence(), threshold)),
        (Rule::Drawn, place.draws.evidence.drawn),
        // Both actions share one hash, so that the resolve cohort lies inside the triage cohort.
        (Rule::OutsideShare, !is_drawn(place.draws.cohort.hash, share.get())),
        (Rule::Superseded, on.is_superseded),
        (Rule::PersonHasIt, is_with_a_person(on)),
        (Rule::AlreadyActed, is_already_acted(case, on)),
        (Rule::HistoryUnknown, is_history_unknown(&view.history, on.ticket)),
        (Rule::PartialWindow, view.window == WindowState::Partial),
        (Rule::Stale, age_ms > policy.age_ms_max),
        (Rule::Storm, is_storm(policy, view.similar_recent)),
        (Rule::CapActions, view.actions_last_hour[action.index()] >= policy.caps.actions_per_hour_max),
        (Rule::CapArrivals, is_arrivals_cap_used(policy, view.actions_last_hour, view.arrivals_last_hour)),
    ])
}

/// A person was handed the ticket or an item about it, has touched it, or has reopened it.
fn is_with_a_person(on: &TicketCase<'_>) -> bool {
    let was_handed = |memory: &TicketMemory| memory.person_has_it || memory.review_open.is_some();
    on.ticket.human_touched || on.is_reopened || on.memory.is_some_and(was_handed)
}

fn is_already_acted(case: &Case<'_>, on: &TicketCase<'_>) -> bool {
    on.memory.is_some_and(|memory| {
        memory.acted.len() >= INPUTS_REMEMBERED_MAX
            || memory.acted.iter().any(|(_, digest)| *digest == case.record.digests.input)
    })
}

/// Whether the past of the ticket is not known well enough to act: a later revision of a ticket outside the view, or a
/// known ticket whose order of revisions cannot be told.
fn is_history_unknown(history: &History, ticket: &Ticket) -> bool {
    match history {
        History::Unknown => !is_first_revision(ticket),
        History::Known(_) => ticket.revision.is_none(),
    }
}

/// Whether nobody can have changed the ticket since it was created.
pub(super) fn is_first_revision(ticket: &Ticket) -> bool {
    if ticket.written_by_noctriage || ticket.reopen_count.is_some_and(|count| count > 0) {
        return false;
    }
    if ticket.revision_is_native
        && let Some(revision) = ticket.revision
    {
        return revision == 0;
    }
    match (ticket.updated_at, ticket.created_at_origin) {
        (None, _) => true,
        (Some(updated_at), TimeOrigin::Ticket) => {
            updated_at.since_ms(ticket.created_at).unsigned_abs() <= FIRST_REVISION_MS_MAX
        }
        // The creation time is a stand-in: nothing follows from the difference.
        (Some(_), TimeOrigin::KafkaTimestamp) => false,
    }
}

/// The ticket itself counts: with `tickets_max` others there is one more than allowed.
fn is_storm(policy: &Policy, similar_recent: u32) -> bool {
    similar_recent >= policy.storm.tickets_max
}

/// Whether one more action would be more than its share of the arrivals, both actions counted.
fn is_arrivals_cap_used(policy: &Policy, actions: [u32; 2], arrivals: u32) -> bool {
    let after_this = f64::from(actions[0]) + f64::from(actions[1]) + 1.0;
    after_this > policy.caps.arrivals_share_max * f64::from(arrivals)
}

fn command(
    case: &Case<'_>,
    on: &TicketCase<'_>,
    action: AutoAction,
    permit: AutoPermit,
    prediction: &Prediction,
) -> Command {
    assert_eq!(permit.action(), action, "a permit is for one action");
    let reopen_count = on.ticket.reopen_count.or(on.memory.map(reopen_count_of)).unwrap_or(0);
    Command::new(
        permit,
        Severity::Low,
        queue_of(&case.ruling.policy, on.ticket, prediction),
        prediction.causes.first().map(|cause| cause.cause.to_string()),
        idempotency_key(&on.ticket.ticket_id, ActionKind::Auto(action), case.record.digests.input, reopen_count),
        case.moment.operating.plus_ms(case.ruling.policy.command_ttl_ms),
    )
}

const fn reopen_count_of(memory: &TicketMemory) -> u32 {
    memory.reopen_count
}
