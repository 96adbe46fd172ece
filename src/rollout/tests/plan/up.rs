//! Up: asked for, earned, and read once a day.

use crate::domain::stage::{Share, Stage};
use crate::rollout::control::{Ask, HaltScope, Lock};
use crate::rollout::plan::{Notice, Refusal, Waits, WhyNot};
use crate::rollout::reading::{Gate, GateOutcome};
use crate::rollout::transition::TransitionKind;

use crate::rollout::tests::desk::{DAY_MS, Desk, TRIAGE, probability};

use super::*;

#[test]
fn a_rollout_begins_in_shadow_and_counts_from_there() {
    let mut desk = Desk::new(&["wireless", "rest"]);
    desk.pass_hours(5);
    assert_eq!(desk.kinds(), ["opened"]);
    assert_eq!((desk.state.revision, stage(&desk)), (1, Stage::Shadow));
    let account = &desk.slice("rest").accounts[0];
    assert_eq!((account.attempt, &account.after), (1, &desk.facts.cut));
    assert_eq!(desk.kinds(), Vec::<&str>::new());
}

#[test]
fn a_promotion_fires_after_midnight_and_not_on_the_day_it_was_asked_for() {
    let mut desk = Desk::begun();
    desk.promote("rest", Lock::Respect);
    assert_eq!(desk.kinds(), ["requested"]);
    desk.pass_hours(11);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.pass_hours(1);
    assert_eq!(desk.kinds(), ["promoted"]);
    assert_eq!(stage(&desk), Stage::Suggest);
}

#[test]
fn a_promotion_asked_for_in_the_first_minute_of_a_day_is_not_read_with_that_day() {
    let mut desk = Desk::begun();
    desk.pass_hours(12);
    desk.promote("rest", Lock::Respect);
    let transitions = desk.settle();
    assert_eq!(transitions.len(), 1);
    assert_eq!(transitions[0].kind, TransitionKind::Requested);
    desk.pass_hours(23);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.pass_hours(1);
    assert_eq!(desk.kinds(), ["promoted"]);
}

#[test]
fn nothing_goes_up_that_nobody_asked_for_and_each_request_is_good_for_one_step() {
    let mut desk = Desk::begun();
    for _ in 0..9 {
        desk.pass_hours(24);
        assert_eq!(desk.kinds(), Vec::<&str>::new());
    }
    desk.climb("rest");
    for _ in 0..9 {
        desk.pass_hours(24);
        assert_eq!(desk.kinds(), Vec::<&str>::new());
    }
}

#[test]
fn a_gate_that_passes_at_noon_promotes_after_the_next_midnight() {
    let mut desk = Desk::begun();
    desk.promote("rest", Lock::Respect);
    desk.says().next = GateOutcome::Waiting;
    desk.settle();
    desk.pass_hours(24);
    let notices = desk.step().notices;
    let why = Waits::Gate { gate: Gate::SeverityAccuracy, sentence: "96 counted, 1 wrong".to_owned() };
    assert_eq!(notices, [Notice::Waits { slice: "rest".into(), why }]);
    desk.says().next = GateOutcome::Pass;
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), ["promoted"]);
}

#[test]
fn a_failed_evaluation_at_midnight_is_made_up_for_by_the_next_one_that_succeeds() {
    let mut desk = Desk::begun();
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(24);
    desk.fails = true;
    let plan = desk.step();
    assert_eq!(plan.transition, None);
    assert!(matches!(plan.renewal, Err(WhyNot::Evaluation(_))));
    desk.fails = false;
    desk.facts.evidence_behind_ms = 60_001;
    assert_eq!(desk.step().renewal, Err(WhyNot::Behind { behind_ms: 60_001 }));
    desk.facts.evidence_behind_ms = 60_000;
    assert_eq!(desk.kinds(), ["promoted"]);
}

#[test]
fn the_whole_ladder_is_climbed_in_seven_steps() {
    let mut desk = Desk::begun();
    for _ in 0..7 {
        desk.climb("rest");
    }
    assert_eq!(desk.position().shares().map(Share::get), [0.8, 0.8]);
    let offset = desk.promote("rest", Lock::Respect);
    let refused = desk.step().refused;
    let why = Refusal::NothingAbove { slice: "rest".into(), stage: Stage::AutoResolve };
    assert_eq!((refused[0].offset, &refused[0].why), (offset, &why));
}

#[test]
fn a_request_against_a_revision_that_has_moved_on_is_refused() {
    let mut desk = Desk::at(Stage::Suggest);
    let seen = desk.state.revision;
    desk.ask(back(Stage::Shadow));
    let ask =
        |against| Ask::Promote(crate::rollout::control::Promote { slice: "rest".into(), against, lock: Lock::Respect });
    desk.ask(ask(seen));
    desk.ask(ask(seen + 9));
    assert_eq!(desk.step().transition.map(|transition| transition.kind), Some(TransitionKind::SteppedBack));
    let why: Vec<Refusal> = desk.step().refused.into_iter().map(|refused| refused.why).collect();
    let moved_on = |against| Refusal::MovedOn { against, revision: seen + 1 };
    assert_eq!(why, [moved_on(seen), moved_on(seen + 9)]);
}

#[test]
fn drift_freezes_the_share_and_takes_nothing_away() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.says().breached = Some((TRIAGE, Gate::Drift));
    desk.pass_hours(24);
    let plan = desk.step();
    assert_eq!(plan.transition, None);
    assert!(plan.notices.contains(&Notice::Waits { slice: "rest".into(), why: Waits::Drift }));
}

#[test]
fn a_lower_threshold_is_earned_at_its_own_weight_before_anything_is_done_with_it() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.spec.slices[0].threshold = probability(0.9);
    let question = &desk.state.questions(&desk.spec)[0];
    let next = question.next.as_ref().unwrap();
    assert_eq!((next.account.account.threshold, next.account.threshold_weight), (probability(0.9), 0.1));
    assert_eq!(question.in_force[1].account.threshold, probability(0.95));
    let lowest = |desk: &Desk| desk.state.stage_map(&desk.spec).slices[0].grants[0].as_ref().unwrap().threshold_min;
    assert_eq!(lowest(&desk), probability(0.95));
    let before = desk.position();
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), ["threshold_lowered"]);
    assert_eq!((desk.position(), lowest(&desk)), (before, probability(0.9)));
}

#[test]
fn an_evaluation_of_another_state_moves_nothing() {
    let mut desk = Desk::at(Stage::Suggest);
    let stale = desk.evaluation();
    desk.climb("rest");
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(24);
    let late = crate::rollout::reading::Evaluation { at: desk.now, ..stale };
    let plan = desk.plan_on(&late);
    assert_eq!(plan.transition, None);
    assert_eq!(plan.renewal, Err(WhyNot::Unevaluated { slice: "rest".into() }));
}

#[test]
fn a_step_back_by_hand_voids_what_was_asked_and_says_whose_it_was() {
    let mut desk = Desk::at(Stage::Suggest);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.ask(back(Stage::Shadow));
    let notices = desk.step().notices;
    assert_eq!(notices, [Notice::Void { slice: "rest".into(), who: "mira".to_owned() }]);
    desk.pass_hours(5 * 24);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
}

#[test]
fn records_are_answered_once_and_a_halt_needs_no_transition() {
    let mut desk = Desk::begun();
    desk.ask(Ask::Halt(HaltScope::All));
    desk.ask(back(Stage::Shadow));
    let plan = desk.step();
    assert_eq!((plan.transition, plan.refused.len()), (None, 1));
    assert_eq!(desk.state.control_next, 2);
    assert_eq!(desk.step().refused, []);
}

#[test]
fn an_expired_request_is_refused_and_one_that_expires_later_waits_in_vain() {
    let mut desk = Desk::begun();
    for (offset, expires) in [(0, 0), (1, DAY_MS / 4)] {
        desk.promote("rest", Lock::Respect);
        desk.requests[offset].request.expires = Some(desk.now.plus_ms(expires));
    }
    let plan = desk.step();
    assert_eq!(plan.refused[0].why, Refusal::Expired);
    assert_eq!(plan.transition.map(|transition| transition.kind), Some(TransitionKind::Requested));
    desk.pass_hours(24);
    assert_eq!(desk.step().notices, [Notice::Waits { slice: "rest".into(), why: Waits::Expired }]);
}
