//! `decide`: from one input record to its one outcome. Pure and total; read from top to bottom, the first outcome that
//! holds is the one.

use crate::domain::prediction::{Answer, Prediction};
use crate::domain::severity::SetBy;
use crate::domain::stage::Stage;
use crate::domain::ticket::Ticket;

use super::acting;
use super::case::{Case, Place, TicketCase};
use super::decided::{ActionKind, Decided, Eligibility, Outcome, Review, ReviewReason, Rule, Suggestion};
use super::eligibility::{EligibilityInputs, eligibility, of_candidates};
use super::permit::Command;
use super::queues::queue_of;
use super::review::{self, Findings};
use super::ruling::{Moment, Ruling};
use super::view::{History, TicketMemory, ViewFacts};
use super::{Event, RecordFacts};

/// Decides one record. Total: every input has exactly one outcome.
///
/// The order: no ticket, ended, exact repetition, nothing new, not drawn in shadow, and only then a full decision.
pub fn decide(
    ruling: &Ruling,
    moment: &Moment,
    view: &ViewFacts,
    record: &RecordFacts<'_>,
    answers: &[Answer],
) -> Decided {
    let place = match record.event {
        Event::Ticket(ticket) => Place::of_ticket(ruling, ticket, view.history.first_rate()),
        Event::Gone(ticket_id) => Place::without_ticket(ruling, Some(ticket_id)),
        Event::NotATicket => Place::without_ticket(ruling, None),
    };
    let case = Case { ruling, moment, view, record, answers, place };
    match record.event {
        Event::Ticket(ticket) => of_ticket(&case, &TicketCase::of(view, ticket)),
        Event::Gone(_) => Decided { review: withdrawal(&case), ..bare(&case, Outcome::Terminal) },
        Event::NotATicket => bare(&case, Outcome::DeadLetter),
    }
}

fn of_ticket(case: &Case<'_>, on: &TicketCase<'_>) -> Decided {
    if on.ticket.status.is_some_and(crate::domain::ticket::Status::is_terminal) || has_changed_after_resolving(case, on)
    {
        return terminal(case, on);
    }
    if let Some(repeated) = on.memory.and_then(|memory| memory.exact_match) {
        return Decided { duplicate_of: Some(repeated), ..bare(case, Outcome::Duplicate) };
    }
    if is_unchanged(case, on) {
        let mut unchanged = bare(case, Outcome::Unchanged);
        if on.ticket.written_by_noctriage {
            unchanged.rules.push(Rule::OwnEcho);
        }
        return unchanged;
    }
    if case.place.stage == Stage::Shadow && !case.place.draws.evidence.drawn {
        return bare(case, Outcome::NotDrawn);
    }
    decided(case, on)
}

/// An outcome with nothing else in it.
fn bare(case: &Case<'_>, outcome: Outcome) -> Decided {
    let Place { slice, stage, shares, draws, is_held_by_demo_model } = &case.place;
    Decided {
        outcome,
        action: ActionKind::People,
        duplicate_of: None,
        superseded: false,
        slice: slice.name.clone(),
        stage: *stage,
        shares: *shares,
        draws: *draws,
        eligibility: None,
        candidates: Vec::new(),
        rules: if *is_held_by_demo_model { vec![Rule::DemoModel] } else { Vec::new() },
        suggestion: None,
        command: None,
        review: None,
    }
}

/// Nothing the model sees has changed since the last full decision, and nobody has reopened the ticket. Our own answers
/// come back like this: they are not part of the input digest.
fn is_unchanged(case: &Case<'_>, on: &TicketCase<'_>) -> bool {
    on.memory.is_some_and(|memory| is_same_input(case, on, memory)) && !on.is_reopened
}

/// Whether a model would see what it saw at the last decision. Where noctriage has written the severity, the source's own
/// is gone from the ticket: that is our answer coming back, and no news.
fn is_same_input(case: &Case<'_>, on: &TicketCase<'_>, memory: &TicketMemory) -> bool {
    let input = Some(case.record.digests.input);
    if memory.last_input_digest == input {
        return true;
    }
    let severity = &on.ticket.severity_reported;
    let is_in_our_name = severity.set_by() == Some(SetBy::Noctriage);
    let is_answer = severity.value().is_some_and(|value| memory.answered == Some(value));
    // Without the severity: one that raises is part of the input, whoever it is of.
    let before = memory.last_echo_digest.or(memory.last_input_digest);
    is_in_our_name && (is_answer || severity.is_own_answer()) && before == Some(case.record.digests.echo)
}

/// Whether a ticket that we resolved has got other input since, or was reopened.
fn has_changed_after_resolving(case: &Case<'_>, on: &TicketCase<'_>) -> bool {
    let Some(memory) = on.memory.filter(|memory| memory.resolved_by_us) else { return false };
    !is_same_input(case, on, memory) || on.is_reopened
}

/// The ticket has ended, or we have resolved it and people take over: never triaged again.
fn terminal(case: &Case<'_>, on: &TicketCase<'_>) -> Decided {
    let is_asked_already = on.memory.is_some_and(|memory| {
        memory.exact_match.is_some() || memory.review_open == Some(ReviewReason::ChangedAfterAction)
    });
    let review = if has_changed_after_resolving(case, on) {
        // Once: an item that is written back into the ticket must not call for the next, and people have it now.
        (!is_asked_already).then(|| review::open(ReviewReason::ChangedAfterAction, on.ticket))
    } else {
        withdrawal(case)
    };
    Decided { superseded: on.is_superseded, review, ..bare(case, Outcome::Terminal) }
}

/// Takes back the open item of a ticket that has ended, unless we acted on it: an audit is read afterwards.
fn withdrawal(case: &Case<'_>) -> Option<Review> {
    match &case.view.history {
        History::Known(memory) if memory.acted.is_empty() => memory.review_open.map(review::withdrawn),
        History::Known(_) | History::Unknown => None,
    }
}

fn decided(case: &Case<'_>, on: &TicketCase<'_>) -> Decided {
    let guards = case.ruling.policy.guards.hits(on.ticket);
    let prediction = case.prediction();
    let inputs = EligibilityInputs {
        policy: &case.ruling.policy,
        slice: case.place.slice,
        guards: &guards,
        parent: case.view.parent,
        desk: case.moment.desk,
    };
    let eligible = prediction.map(|prediction| eligibility(&inputs, on.ticket, prediction));
    let findings = Findings::of(&case.ruling.policy, on.ticket, &guards, prediction);
    let mut all = bare(case, Outcome::Decided);
    all.superseded = on.is_superseded;
    all.rules.extend(findings.rules());
    if case.place.draws.evidence.drawn {
        all.rules.push(Rule::Drawn);
        all.candidates = of_candidates(&inputs, on.ticket, case.answers);
        all.review = review::sample(open_item(on));
    } else {
        // Shadow has no other full decision than that of a drawn ticket.
        assert!(case.place.stage > Stage::Shadow, "a ticket of the shadow stage is decided only when it is drawn");
        let answered = prediction.zip(eligible.as_ref());
        visible(case, on, answered, findings, &mut all);
    }
    all.eligibility = eligible;
    all
}

/// Suggest and above, not drawn: an action, else a suggestion; and a review item where people must look.
fn visible(
    case: &Case<'_>,
    on: &TicketCase<'_>,
    answered: Option<(&Prediction, &[Eligibility; 2])>,
    findings: Findings,
    all: &mut Decided,
) {
    if let Some((prediction, eligible)) = answered {
        match acting::automatic(case, on, prediction, eligible, &mut all.rules) {
            Some(command) => return act(case, on, command, all),
            None => suggest(case, on, prediction, all),
        }
    }
    all.review = review::next(open_item(on), findings.reason(), on);
}

fn open_item(on: &TicketCase<'_>) -> Option<ReviewReason> {
    on.memory.and_then(|memory| memory.review_open)
}

fn act(case: &Case<'_>, on: &TicketCase<'_>, command: Command, all: &mut Decided) {
    all.action = ActionKind::Auto(command.permit().action());
    all.command = Some(command);
    if case.place.draws.audit.drawn {
        all.review = Some(review::open(ReviewReason::Audit, on.ticket));
    }
}

fn suggest(case: &Case<'_>, on: &TicketCase<'_>, prediction: &Prediction, all: &mut Decided) {
    let made: &[crate::domain::digest::Digest] = on.memory.map_or(&[], |memory| &memory.suggested_for);
    let has_any = !made.is_empty();
    if made.contains(&case.record.digests.input) {
        all.rules.push(Rule::AlreadySuggested);
    } else if has_any && on.is_superseded {
        // A suggestion for a newer text stands in the ticket; an older one does not replace it.
        push_once(&mut all.rules, Rule::Superseded);
    } else if has_any && on.ticket.human_touched {
        // A person works on it and has seen an answer: another one would only talk into it.
        push_once(&mut all.rules, Rule::PersonHasIt);
    } else {
        all.action = ActionKind::Suggest;
        all.suggestion = Some(suggestion(case, on.ticket, prediction));
    }
}

fn suggestion(case: &Case<'_>, ticket: &Ticket, prediction: &Prediction) -> Suggestion {
    Suggestion {
        severity: prediction.severity.predicted(),
        confidence: prediction.severity.confidence(),
        root_cause: prediction.causes.first().map(|cause| (cause.cause.to_string(), cause.probability)),
        queue: queue_of(&case.ruling.policy, ticket, prediction),
    }
}

fn push_once(rules: &mut Vec<Rule>, rule: Rule) {
    if !rules.contains(&rule) {
        rules.push(rule);
    }
}
