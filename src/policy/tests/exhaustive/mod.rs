//! Every state of a finite abstraction of what `decide` reads, through the real `decide`.
//!
//! Three sweeps, because the whole product (some 10^14 states) is out of reach:
//!
//! 1. *Ticket*: stage, shares, draws, model purpose × everything that severities can say × every kind of past, in full,
//!    with nothing else in the way.
//! 2. *Moment*: all conditions that hold only now or lie with lists, text and grants, in full, on a ticket that would
//!    otherwise be resolved (which tries triage as well).
//! 3. *Pairs*: every choice of at most two closed conditions of the second sweep × all stages and draws × a choice of
//!    severities and pasts of the first.
//!
//! What is left out has three or more closed conditions of the moment **and** a ticket that is itself not eligible. A
//! wrong action there would have to ignore all of them at once while respecting each two of them on the same ticket (third
//! sweep) and all of them on a good one (second): refusals are a conjunction, so that no condition opens another.
//!
//! What must be true stands in `state`, how a state becomes an input in `bench`.

mod bench;
mod state;

use super::*;
use crate::domain::stage::AutoAction;
use crate::policy::decided::{ActionKind, Outcome, ReviewReason, ReviewState, Rule};
use bench::{Bench, view};
use state::*;

/// Every way to close conditions: for each factor nothing or one value, at most `closed_max` in all.
fn closings(closed_max: usize) -> Vec<Vec<Closed>> {
    let mut all = vec![Vec::new()];
    for factor in FACTORS {
        let longer: Vec<Vec<Closed>> = all
            .iter()
            .filter(|chosen| chosen.len() < closed_max)
            .flat_map(|chosen| factor.iter().map(move |&closed| [chosen.as_slice(), &[closed]].concat()))
            .collect();
        all.extend(longer);
    }
    all
}

/// Stages, shares, draws and model purpose, in full.
fn placings() -> Vec<State> {
    let mut placings = Vec::new();
    for stage in Stage::ALL {
        for shares in SHARES {
            for cohort in COHORTS {
                for bits in 0..8 {
                    placings.push(State {
                        shares,
                        cohort,
                        drawn: bits & 1 != 0,
                        audited: bits & 2 != 0,
                        demo_model: bits & 4 != 0,
                        ..State::open(stage)
                    });
                }
            }
        }
    }
    placings
}

#[test]
fn no_state_acts_shows_or_asks_otherwise_than_the_design_says() {
    let bench = Bench::new();
    let mut tally = Tally::default();

    for mut state in placings() {
        for answered in ANSWERED {
            for reported in REPORTED {
                for counterparty in COUNTERPARTY {
                    for past in PASTS {
                        (state.answered, state.reported) = (answered, reported);
                        (state.counterparty, state.past) = (counterparty, past);
                        check(&state, &bench.decide(&state), &mut tally);
                    }
                }
            }
        }
    }
    let of_tickets = tally.states;

    for closed in closings(FACTORS.len()) {
        let state = State { closed, ..State::open(Stage::AutoResolve) };
        check(&state, &bench.decide(&state), &mut tally);
    }
    let of_moments = tally.states - of_tickets;

    let pairs = closings(2);
    for placing in placings().into_iter().filter(|placing| placing.shares != Shares::None) {
        for (answered, reported, past) in [
            (Answered::SurelyLow, Said::Low, Past::New),
            (Answered::SurelyLow, Said::Critical, Past::KnownAndFree),
            (Answered::Critical, Said::Low, Past::New),
            (Answered::Fault, Said::Low, Past::New),
            (Answered::Unsure, Said::Absent, Past::OpenUnsure),
            (Answered::SurelyLow, Said::Low, Past::OpenCritical),
            (Answered::SurelyLow, Said::Low, Past::PersonHasIt),
            (Answered::SurelyLow, Said::Low, Past::Superseded),
            (Answered::SurelyLow, Said::Low, Past::SameInput),
            (Answered::SurelyLow, Said::Low, Past::ResolvedByUsChanged),
        ] {
            for closed in &pairs {
                let state = State { answered, reported, past, closed: closed.clone(), ..placing.clone() };
                let with = bench.decide(&state);
                check(&state, &with, &mut tally);
                if state.is_closed(Closed::Danger) || state.is_closed(Closed::Machine) {
                    let mut unguarded = state.clone();
                    unguarded.closed.retain(|closed| !matches!(closed, Closed::Danger | Closed::Machine));
                    check_guard_never_lowers(&bench.decide(&unguarded), &with, &state);
                }
            }
        }
    }
    let of_pairs = tally.states - of_tickets - of_moments;

    println!(
        "decide: {} states ({of_tickets} of tickets, {of_moments} of moments, {of_pairs} of pairs); {} triaged, \
         {} resolved, {} suggested, {} samples, {} critical items; outcomes {:?} in the order of Outcome::ALL",
        tally.states, tally.triaged, tally.resolved, tally.suggested, tally.samples, tally.criticals, tally.outcomes
    );
    // Without these the assertions above could hold because nothing ever happens.
    assert!(tally.triaged > 100 && tally.resolved > 100, "{tally:?}");
    assert!(tally.suggested > 100_000 && tally.samples > 100_000 && tally.criticals > 100_000, "{tally:?}");
    let reached = tally.outcomes.iter().filter(|&&count| count > 0).count();
    assert_eq!(reached, Outcome::ALL.len() - 1, "every outcome of a ticket is reached: {tally:?}");
}

#[test]
fn records_without_a_ticket_do_nothing_in_any_stage_and_past() {
    let bench = Bench::new();
    for placing in placings() {
        for past in PASTS {
            let state = State { past, ..placing.clone() };
            let ticket = bench.ticket(&state);
            for (event, outcome) in
                [(Event::NotATicket, Outcome::DeadLetter), (Event::Gone(&ticket.ticket_id), Outcome::Terminal)]
            {
                let record = bench.base.record(event);
                let view = view(&state, &bench.base.view);
                let decided =
                    decide(bench.ruling_of(&state), &bench.base.moment, &view, &record, bench.answers_of(&state));
                assert_eq!((decided.outcome, decided.action), (outcome, ActionKind::People));
                assert!(decided.suggestion.is_none() && decided.command.is_none());
                assert!(decided.review.is_none_or(|review| review.state == ReviewState::Withdrawn));
            }
        }
    }
}

#[derive(Default, Debug)]
struct Tally {
    states: u64,
    triaged: u64,
    resolved: u64,
    suggested: u64,
    samples: u64,
    criticals: u64,
    outcomes: [u64; 6],
}

fn check(state: &State, decided: &Decided, tally: &mut Tally) {
    let expected_outcome = state.expected_outcome();
    assert_eq!(decided.outcome, expected_outcome, "{state:?}");
    let acted = decided.command.as_ref().map(|command| command.permit().action());

    // Exactly one outcome, at most one thing shown or done, and the action word says which.
    let expected_kind = match (acted, &decided.suggestion) {
        (Some(action), None) => ActionKind::Auto(action),
        (None, Some(_)) => ActionKind::Suggest,
        (None, None) => ActionKind::People,
        (Some(_), Some(_)) => panic!("a command and a suggestion: {state:?}"),
    };
    assert_eq!(decided.action, expected_kind, "{state:?}");
    if decided.outcome != Outcome::Decided {
        assert!(acted.is_none() && decided.suggestion.is_none() && decided.eligibility.is_none(), "{state:?}");
    }
    // What a candidate would have been allowed is written down where it counts, and nowhere else.
    let is_evidence = decided.outcome == Outcome::Decided && state.drawn;
    assert_eq!(!decided.candidates.is_empty(), is_evidence, "{state:?}");
    assert_eq!(decided.duplicate_of.is_some(), decided.outcome == Outcome::Duplicate, "{state:?}");

    // An action exactly when every condition holds, with a permit for this slice and action.
    assert_eq!(acted, state.expected_action().filter(|_| expected_outcome == Outcome::Decided), "{state:?}");
    if let Some(command) = &decided.command {
        assert_eq!(command.severity, Severity::Low);
        assert_eq!((command.permit().slice(), command.permit().rollout_revision()), ("rest", 7));
        assert!(!state.is_critical_by_anything(), "{state:?}");
    }
    assert_eq!(decided.suggestion.is_some(), state.expects_suggestion(), "{state:?}");
    if state.is_shadow() || state.drawn {
        assert!(acted.is_none() && decided.suggestion.is_none(), "{state:?}");
    }
    check_review(state, decided);

    tally.states += 1;
    tally.triaged += u64::from(acted == Some(AutoAction::Triage));
    tally.resolved += u64::from(acted == Some(AutoAction::Resolve));
    tally.suggested += u64::from(decided.suggestion.is_some());
    let reason = decided.review.as_ref().map(|review| review.reason);
    tally.samples += u64::from(reason == Some(ReviewReason::Sample));
    tally.criticals += u64::from(reason == Some(ReviewReason::Critical));
    let outcome = Outcome::ALL.iter().position(|&outcome| outcome == decided.outcome).expect("one of all outcomes");
    tally.outcomes[outcome] += 1;
}

fn check_review(state: &State, decided: &Decided) {
    let opened = decided.review.as_ref().filter(|review| review.state == ReviewState::Open);
    if decided.outcome != Outcome::Decided {
        let asks = matches!(state.past, Past::ResolvedByUsChanged | Past::ResolvedByUsReopened);
        let expected = asks.then_some(ReviewReason::ChangedAfterAction);
        assert_eq!(opened.map(|review| review.reason), expected, "{state:?}");
        return;
    }
    let is_item_open = matches!(state.past, Past::OpenCritical | Past::OpenUnsure | Past::OpenSample | Past::OpenAudit);
    if state.drawn {
        // Blind: the one reason, the one priority, nothing beside it, whatever else holds.
        assert_eq!(decided.review.is_none(), is_item_open, "{state:?}");
        if let Some(review) = opened {
            assert_eq!((review.reason, review.priority, &review.related), (ReviewReason::Sample, 3, &None));
        }
        return;
    }
    assert!(opened.is_none_or(|review| review.reason != ReviewReason::Sample), "{state:?}");
    if decided.command.is_some() {
        assert_eq!(opened.map(|review| review.reason), state.audited.then_some(ReviewReason::Audit), "{state:?}");
        return;
    }
    if state.is_critical_by_anything() {
        // Critical by anything goes to a person first, or an item of the same urgency is open already.
        assert!(opened.is_some_and(|review| review.priority == 1) || state.past == Past::OpenCritical, "{state:?}");
    } else if state.is_closed(Closed::Machine) || state.answered == Answered::Fault {
        assert!(opened.is_some_and(|review| review.priority == 2) || state.past == Past::OpenCritical, "{state:?}");
    }
    if state.past == Past::OpenCritical {
        let is_lowered = decided.review.as_ref().is_some_and(|review| review.priority > 1);
        assert!(!is_lowered && decided.review.as_ref().is_none_or(|review| review.state == ReviewState::Open));
    }
}

/// A guard may forbid and may raise; beside the same state without it, nothing falls.
fn check_guard_never_lowers(without: &Decided, with: &Decided, state: &State) {
    assert_eq!(without.outcome, with.outcome, "{state:?}");
    assert!(with.command.is_none() || without.command.is_some(), "{state:?}");
    let urgency = |decided: &Decided| match &decided.review {
        Some(review) if review.state == ReviewState::Open => review.priority,
        Some(_) => 6,
        None => 5,
    };
    if without.command.is_none() {
        assert!(urgency(with) <= urgency(without), "{state:?}");
    } else if !state.drawn {
        assert!(urgency(with) <= 2, "{state:?}");
    }
    assert!(without.rules.iter().all(|rule| with.rules.contains(rule) || *rule == Rule::StageTooLow), "{state:?}");
}
